"""Sentence encoders under a prompt: which word means most nearly what the prompt says?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedders.errors import ModelNotUsableError, SettingError
from embedders.predictors.language.contract import Question, WordScores
from embedders.predictors.language.texts import plain
from embedders.surrogate.weights import most_tokens

TEMPERATURE = 0.05  # cosines lie close together; which answer is the likeliest does not depend on it
MOST_TOKENS = 512  # of a prompt


class SentenceEncoder:
    """An encoder without a head: the score of a word is its state's cosine with the prompt's, over `TEMPERATURE`.

    States are means over the tokens' last hidden states. Of a prompt that is too long the end is read. It cannot write.
    """

    def __init__(self, name: str, folder: Path, *, device: str | None) -> None:
        from embedders.surrogate.model import Surrogate

        self._name = name
        self._encoder = Surrogate(folder, device=device, max_length=min(most_tokens(folder), MOST_TOKENS))
        if self._encoder.family != "encoder":
            raise ModelNotUsableError(f"{folder} is not an encoder.")
        self._encoder.tokenizer.truncation_side = "left"

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it."""
        length = self._encoder.max_length
        return {
            "kind": "sentence-encoder",
            "chat_template": False,
            "most_tokens": length,
            "temperature": TEMPERATURE,
        }

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return the cosines over the temperature: log-likelihoods but for a number that all words share."""
        texts = [plain(question) for question in questions]
        prompts = self._encoder.text_features(texts).astype(float)  # (questions, hidden)
        meanings = self._encoder.text_features(words).astype(float)  # (words, hidden)
        return WordScores(prompts @ meanings.T / TEMPERATURE, None)

    def can_read(self, question: Question, words: Sequence[str], *, room: int = 0) -> bool:
        """Say whether a prompt is read whole when it is scored; nothing is written before."""
        del words, room
        return len(self._encoder.tokenizer(plain(question), verbose=False)["input_ids"]) <= self._encoder.max_length

    def write(self, questions: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Raise `SettingError`."""
        raise SettingError(
            f"{self._name!r} is an encoder, which writes no text: a chain of thought needs a language model."
        )
