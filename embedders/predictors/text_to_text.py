"""Text-to-text checkpoints (T5, BART, ...) that choose from given answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embedders.errors import ModelNotUsableError
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.contract import Answers, Form
from registry.formats.corpora import Input


class TextToTextPredictor:
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
        self._model = model
        self._labels = list(labels)
        self._tokens: list[list[int]] = [model.tokenizer(text_target=label)["input_ids"] for label in labels]
        if len({tuple(ids) for ids in self._tokens}) < len(labels) or not all(self._tokens):
            raise ModelNotUsableError(
                f"The tokenizer of {model.name!r} cannot tell its labels apart: {', '.join(labels)[:200]}."
            )

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """All of them."""
        return list(inputs)

    def predict(self, inputs: Sequence[Input]) -> Answers:
        """Return the softmax of the labels' log-likelihoods."""
        table = np.zeros((len(inputs), len(self._labels)))
        for chosen, batch in self._model.batches(inputs):
            table[chosen] = self._model.ask(self._scores, batch=batch).cpu().numpy()
        weights = np.exp(table - self._model.checked(table).max(axis=1, keepdims=True))
        return Answers(list(self._labels), (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))

    def _scores(self, batch: dict[str, Any]) -> Any:  # noqa: ANN401 - a tensor
        """Return s, (inputs, labels)."""
        import torch

        model, mask = self._model.model, batch["attention_mask"]
        states = model.get_encoder()(input_ids=batch["input_ids"], attention_mask=mask)
        scores = []
        for ids in self._tokens:
            wanted = torch.tensor(ids, device=mask.device).repeat(len(mask), 1)
            logits = model(encoder_outputs=states, attention_mask=mask, labels=wanted).logits
            each = torch.log_softmax(logits.float(), dim=-1).gather(-1, wanted[..., None])
            scores.append(each[..., 0].sum(dim=1))
        return torch.stack(scores, dim=1)
