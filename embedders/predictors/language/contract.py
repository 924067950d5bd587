"""What every language model can do: say how likely words are as the answer to a prompt, and write on."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

MOST_WRITTEN = 2 / 3  # of what a model reads may have been written by it


class Question(NamedTuple):
    """One rendered prompt; at the second turn of a chain of thought, with what the model has written of its own."""

    text: str
    system: str | None = None
    reasoning: str | None = None  # None: the answer follows the text
    conclusion: str = ""  # what leads from the reasoning to the answer


class WordScores(NamedTuple):
    """How likely words are as answers."""

    log_prob: NDArray[np.float64]  # (questions, words), the mean log-likelihood of a word's tokens
    prompt_prob: NDArray[np.float64] | None  # (questions), 1 / the prompt's perplexity; None where it is unknown
    missing: NDArray[np.uint8] | None = None  # (questions), `ANSWERED` or a `Missing`; None: all have an answer
    replies: Sequence[str | None] | None = None  # what the words were read from; None: they were scored as they are


class LanguageModel(Protocol):
    """A model that prompts are put to. Nothing is sampled: it says the same each time."""

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return how likely each word is as the answer to each prompt."""
        ...

    def write(self, questions: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Return the likeliest continuation of each prompt, token by token."""
        ...

    def can_read(self, question: Question, words: Sequence[str], *, room: int = 0) -> bool:
        """Say whether a prompt is read whole when it is scored; of a longer one only the end is.

        Args:
            question: the prompt.
            words: the answers that are scored after it.
            room: tokens that the model will have written before.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it, for the provenance of its vectors."""
        ...
