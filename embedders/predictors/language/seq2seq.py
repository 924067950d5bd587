"""Text-to-text language models (T5, BART, ...): a prompt is encoded once, and each word is what could be written."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.language.contract import Question, WordScores
from embedders.predictors.language.texts import cut, plain
from embedders.predictors.text_to_text import log_likelihoods, told_apart
from registry.data.inputs import Input


class Seq2SeqLM:
    """An encoder-decoder: the score of a word is the mean log-likelihood of its tokens, its end among them.

    How likely the prompt is cannot be told: its encoder only reads.
    """

    def __init__(self, model: Checkpoint) -> None:
        self._model = model
        model.tokenizer.model_max_length = 10**9  # too long prompts are cut here, from the left

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it."""
        return {"kind": "seq2seq-lm", "chat_template": False, "most_tokens": self._model.max_length}

    def score(self, asked: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return the mean log-likelihood of each word's tokens."""
        tokens = told_apart(self._model, words, "words")
        table = np.zeros((len(asked), len(words)))
        for chosen, batch in self._model.batches([Input(self._fitted(one)) for one in asked]):
            sums = self._model.ask(log_likelihoods, model=self._model, batch=batch, texts=tokens)
            table[chosen] = sums.cpu().numpy() / [len(ids) for ids in tokens]
        return WordScores(self._model.checked(table), None)

    def can_read(self, asked: Question, words: Sequence[str]) -> bool:
        """Say whether a prompt is read whole when it is scored."""
        return len(self._model.tokenizer(plain(asked), verbose=False)["input_ids"]) <= self._model.max_length

    def write(self, asked: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Return what it writes to each prompt."""
        from embedders.predictors.language.writing import written_on

        prompts = [self._model.tokenizer(self._fitted(one))["input_ids"] for one in asked]
        return written_on(self._model, prompts, most_tokens=most_tokens, left=False)

    def _fitted(self, asked: Question) -> str:
        most, tokenizer = self._model.max_length, self._model.tokenizer
        return plain(cut(asked, lambda one: len(tokenizer(plain(one))["input_ids"]) <= most))
