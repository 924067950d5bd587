"""Sequence classification checkpoints, encoders and decoders: classes, or one number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedders.predictors.checkpoints import Checkpoint, OfCheckpoint
from embedders.predictors.contract import Form
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.probabilities import softmax


class ClassifierPredictor(OfCheckpoint):
    """A sequence classifier: the softmax of its outputs."""

    form: Form = "labels"

    def __init__(self, model: Checkpoint, labels: Sequence[str]) -> None:
        super().__init__(model)
        self._labels = list(labels)

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """All of them."""
        return list(inputs)

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Return the softmax of the classifier's outputs."""
        outputs = _outputs(self._model, inputs, len(self._labels))
        return Predictions(tuple(self._labels), softmax(outputs).astype(np.float32))


class NumberPredictor(OfCheckpoint):
    """A regression: a number between two that have a meaning.

    Its output y between the ends (low, high) of the scale has the probabilities (1 - t, t) with
    t = (y - low) / (high - low), cut to 0 and 1. That most are cut is told: the scale is another then.
    """

    form: Form = "number"

    def __init__(self, model: Checkpoint, labels: Sequence[str], ends: tuple[float, float]) -> None:
        super().__init__(model)
        self._labels = list(labels)
        self._low, self._high = ends
        self._asked = self._outside = 0  # numbers, so far

    @property
    def not_read(self) -> str | None:
        """That ends of texts were not read, or that the range does not fit the numbers, in words."""
        outside = None
        if 2 * self._outside > self._asked:
            scale = f"{self._low:g} to {self._high:g}"
            outside = f"numbers beyond the range {scale}, each taken for its end: {self._outside} of {self._asked}"
        return "; ".join(filter(None, (super().not_read, outside))) or None

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """All of them."""
        return list(inputs)

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Return how near each number is to the ends of the scale."""
        numbers = _outputs(self._model, inputs, 1)[:, 0]
        share = (numbers - self._low) / (self._high - self._low)
        self._asked += len(share)
        self._outside += int(((share < 0) | (share > 1)).sum())
        share = np.clip(share, 0.0, 1.0)
        return Predictions(tuple(self._labels), np.stack([1 - share, share], axis=1).astype(np.float32))


def _outputs(model: Checkpoint, inputs: Sequence[Input], width: int) -> NDArray[np.float64]:
    """Return a classifier's outputs, (inputs, outputs)."""
    return model.outputs(inputs, lambda batch: model.model(**batch).logits, width=width)
