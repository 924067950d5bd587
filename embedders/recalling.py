"""A surrogate that many spaces share, and that works out the features of an input once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedders.surrogate import Surrogate
from embedders.weights import checked_folder
from registry.formats.corpora import Input
from registry.spaces import SpaceSpec


class RecallingSurrogate(Surrogate):
    """A surrogate that works out the features of an input once, for all tasks and models that have it."""

    _known: dict[Input, NDArray[np.float32]] | None = None

    def features(self, inputs: Sequence[Input]) -> NDArray[np.float32]:
        """Return the features of inputs, (inputs, hidden)."""
        known = self._known = self._known if self._known is not None else {}
        new = [one for one in dict.fromkeys(inputs) if one not in known]
        if new:
            known.update(zip(new, super().features(new), strict=True))
        return np.stack([known[one] for one in inputs])


class Surrogates:
    """The surrogates of several spaces, each loaded when the first entry is embedded with it."""

    def __init__(self, *, device: str | None) -> None:
        self._device = device
        self._loaded: dict[tuple[str, int], RecallingSurrogate] = {}

    def of(self, spec: SpaceSpec) -> RecallingSurrogate:
        """Return a space's surrogate; raise `ModelNotUsableError` where it has changed."""
        length = spec.parameters["max_length"]
        key = (spec.surrogate, length)
        if key not in self._loaded:
            self._loaded[key] = RecallingSurrogate(checked_folder(spec), device=self._device, max_length=length)
        return self._loaded[key]
