"""Text-to-text language models (T5, BART, ...): a prompt is encoded once, and each word is what could be written."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.language.contract import MOST_WRITTEN, Question, WordScores
from embedders.predictors.language.texts import plain
from embedders.predictors.text_to_text import log_likelihoods, told_apart
from registry.data.inputs import Input


class Seq2SeqLM:
    """An encoder-decoder: the score of a word is the mean log-likelihood of its tokens, its end among them.

    How likely the prompt is stays unknown: the encoder only reads it.
    """

    def __init__(self, model: Checkpoint) -> None:
        self._model = model
        model.tokenizer.truncation_side = "left"  # of prompts that do not fit

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it."""
        return {"kind": "seq2seq-lm", "chat_template": False, "most_tokens": self._model.max_length}

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return the mean log-likelihood of each word's tokens."""
        tokens = told_apart(self._model, words, "words")
        inputs = [Input(plain(question)) for question in questions]
        sums = self._model.outputs(inputs, log_likelihoods(self._model, tokens), width=len(words))
        return WordScores(sums / np.array([len(ids) for ids in tokens]), None)

    def can_read(self, question: Question, words: Sequence[str], *, room: int = 0) -> bool:
        """Say whether a prompt is read whole when it is scored."""
        most = self._model.max_length - min(room, int(self._model.max_length * MOST_WRITTEN))
        return len(self._model.tokenizer(plain(question), verbose=False)["input_ids"]) <= most

    def write(self, questions: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Return what it writes to each prompt."""
        from embedders.predictors.language.writing import written_on

        most, tokenizer = self._model.max_length, self._model.tokenizer
        prompts = [tokenizer(plain(one), truncation=True, max_length=most)["input_ids"] for one in questions]
        singly = len(prompts) > 1 and self._model.reads_padding
        return written_on(self._model, prompts, most_tokens=most_tokens, singly=singly, left=False)
