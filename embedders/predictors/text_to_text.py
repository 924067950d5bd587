"""Text-to-text checkpoints (T5, BART, ...) that choose from given answers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embedders.errors import ModelNotUsableError
from embedders.predictors.checkpoints import Checkpoint, OfCheckpoint
from embedders.predictors.contract import Form
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.probabilities import softmax


class TextToTextPredictor(OfCheckpoint):
    """A text-to-text model: how likely it is to write each of the labels.

    With s(l, x) = sum_i log p(l_i | l_1 .. l_(i-1), x) over the tokens of a label's text, those that its tokenizer
    ends a text with among them, the probability of label l is the softmax of s over the labels. The input is encoded
    once for all of them. The sum is not divided by the number of tokens: it is the likelihood that the model writes
    this label and nothing else.

    Raises:
        ModelNotUsableError: two labels are the same tokens to it.
    """

    form: Form = "labels"

    def __init__(self, model: Checkpoint, labels: Sequence[str]) -> None:
        super().__init__(model)
        self._labels = list(labels)
        self._tokens = told_apart(model, labels, "labels")

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """All of them."""
        return list(inputs)

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Return the softmax of the labels' log-likelihoods."""
        table = self._model.outputs(inputs, log_likelihoods(self._model, self._tokens), width=len(self._labels))
        return Predictions(tuple(self._labels), softmax(table).astype(np.float32))


def told_apart(model: Checkpoint, texts: Sequence[str], what: str) -> list[list[int]]:
    """Return the tokens that a model writes texts with, their ends among them.

    Raises:
        ModelNotUsableError: two texts are the same tokens to it.
    """
    tokens: list[list[int]] = [model.tokenizer(text_target=text)["input_ids"] for text in texts]
    if len({tuple(ids) for ids in tokens}) < len(texts) or not all(tokens):
        raise ModelNotUsableError(
            f"The tokenizer of {model.name!r} cannot tell its {what} apart: {', '.join(texts)[:200]}."
        )
    return tokens


def log_likelihoods(model: Checkpoint, texts: Sequence[Sequence[int]]) -> Callable[[dict[str, Any]], Any]:
    """Return a call that tells how likely a model is to write each of some tokenised texts, the sum over its tokens.

    The call makes a tensor (inputs, texts) of a batch; each input is encoded once.
    """
    import torch

    from embedders.hardware.devices import moved

    wanted = [moved(torch.tensor(ids), model.device) for ids in texts]

    def of_batch(batch: dict[str, Any]) -> torch.Tensor:
        mask = batch["attention_mask"]
        states = model.model.get_encoder()(input_ids=batch["input_ids"], attention_mask=mask)
        scores = []
        for ids in wanted:
            labels = ids.repeat(len(mask), 1)
            logits = model.model(encoder_outputs=states, attention_mask=mask, labels=labels).logits
            each = torch.log_softmax(logits.float(), dim=-1).gather(-1, labels[..., None])
            scores.append(each[..., 0].sum(dim=1))
        return torch.stack(scores, dim=1)

    return of_batch
