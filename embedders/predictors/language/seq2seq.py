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

    How likely the prompt is stays unknown: the encoder only reads it.
    """

    def __init__(self, model: Checkpoint) -> None:
        self._model = model
        model.tokenizer.model_max_length = 10**9  # too long prompts are cut here, from the left

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it."""
        return {"kind": "seq2seq-lm", "chat_template": False, "most_tokens": self._model.max_length}

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return the mean log-likelihood of each word's tokens."""
        tokens = told_apart(self._model, words, "words")
        inputs = [Input(self._fitted(question)) for question in questions]
        sums = self._model.outputs(inputs, log_likelihoods(self._model, tokens), width=len(words))
        return WordScores(sums / np.array([len(ids) for ids in tokens]), None)

    def can_read(self, question: Question, words: Sequence[str]) -> bool:
        """Say whether a prompt is read whole when it is scored."""
        return len(self._model.tokenizer(plain(question), verbose=False)["input_ids"]) <= self._model.max_length

    def write(self, questions: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Return what it writes to each prompt."""
        from embedders.predictors.language.writing import written_on

        prompts = [self._model.tokenizer(self._fitted(question))["input_ids"] for question in questions]
        return written_on(self._model, prompts, most_tokens=most_tokens, left=False)

    def _fitted(self, question: Question) -> str:
        most, tokenizer = self._model.max_length, self._model.tokenizer
        return plain(cut(question, lambda shortened: len(tokenizer(plain(shortened))["input_ids"]) <= most))
