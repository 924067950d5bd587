"""What a black box said of some inputs: one table, from the black box through the catalog to the best prompt."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registry.data.spelling import numbered, plain
from registry.errors import InputError


class Missing(enum.IntEnum):
    """Why an input has no answer. The numbers are stored."""

    NO_ANSWER = 1  # the reply names no answer, or denies the one it names
    CUT_OFF = 2  # the reply ended before its answer
    REFUSED = 3  # the model, or what stands before it, would not answer
    UNDECIDED = 4  # the reply names several answers, or holds several equally likely
    EMPTY = 5  # the reply has no text: a tool call, reasoning alone, or nothing

    @property
    def told(self) -> str:
        """The reason as people read it, such as `cut off`."""
        return self.name.lower().replace("_", " ")


TIED = 1e-6  # probabilities that differ by less are equal
MOST_OFF = 0.01  # that the probabilities of a row may miss 1 by
ANSWERED = 0  # stands in the place of a `Missing` where there is an answer


@dataclass(frozen=True, eq=False)
class Predictions:
    """A row for each input that was asked, whether it has an answer or not."""

    answers: tuple[str, ...]  # the texts of the answers, one per column
    probabilities: NDArray[np.float32]  # (inputs, answers), rows add up to 1; zeros where there is no answer
    prompt_prob: NDArray[np.float32] | None = None  # (inputs,), 1 / the perplexity of what a prompted model read
    missing: NDArray[np.uint8] | None = None  # (inputs,), `ANSWERED` or a `Missing`; None: all have an answer
    replies: tuple[str | None, ...] | None = None  # what was written to each input; None: nothing was written, or kept

    @classmethod
    def from_texts(cls, texts: Sequence[str | Missing], answers: Sequence[str] | None = None) -> "Predictions":
        """Make certain answers of texts.

        Args:
            texts: the answer to each input, or why there is none.
            answers: the columns; None for the distinct texts in their order.
        """
        said = [text for text in texts if not isinstance(text, Missing)]
        columns = tuple(dict.fromkeys(said)) if answers is None else tuple(answers)
        number = {text: column for column, text in enumerate(columns)}
        table = np.zeros((len(texts), len(columns)), np.float32)
        missing = np.zeros(len(texts), np.uint8)
        for row, text in enumerate(texts):
            if isinstance(text, Missing):
                missing[row] = text
            else:
                table[row, number[text]] = 1.0
        return cls(columns, table, missing=missing if missing.any() else None)

    @classmethod
    def joined(cls, parts: Iterable["Predictions"]) -> "Predictions":
        """Join the predictions for runs of inputs, in order; the runs may know different answers."""
        parts = list(parts)
        answers = tuple(dict.fromkeys(text for part in parts for text in part.answers))
        column = {text: number for number, text in enumerate(answers)}
        table = np.zeros((sum(map(len, parts)), len(answers)), np.float32)
        start = 0
        for part in parts:
            table[start : start + len(part), [column[text] for text in part.answers]] = part.probabilities
            start += len(part)
        own = [part.prompt_prob for part in parts if part.prompt_prob is not None]
        written = [text for part in parts for text in part.replies or (None,) * len(part)]
        return cls(
            answers,
            table,
            np.concatenate(own) if own and len(own) == len(parts) else None,
            None if all(part.missing is None for part in parts) else np.concatenate([part.reasons for part in parts]),
            tuple(written) if any(text is not None for text in written) else None,
        )

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def reasons(self) -> NDArray[np.uint8]:
        """Why each input has no answer, `ANSWERED` where it has one, (inputs,)."""
        return np.zeros(len(self), np.uint8) if self.missing is None else self.missing

    @property
    def is_answered(self) -> NDArray[np.bool_]:
        """Which inputs have an answer, (inputs,)."""
        return np.asarray(self.reasons == ANSWERED)

    @property
    def is_decided(self) -> NDArray[np.bool_]:
        """Which inputs have one answer that is likelier than all others, (inputs,)."""
        largest = self.probabilities.max(axis=1, keepdims=True, initial=0)
        return np.asarray(self.is_answered & ((self.probabilities > largest - TIED).sum(axis=1) == 1))

    def counts(self) -> dict[Missing, int]:
        """Return how many inputs have no answer, by reason."""
        return {why: count for why in Missing if (count := int((self.reasons == why).sum()))}

    def take(self, rows: Sequence[int] | NDArray[np.integer] | NDArray[np.bool_]) -> "Predictions":
        """Return the rows of some inputs, in their order, or of those where a mask is true."""
        chosen = np.asarray(rows)
        missing = None if self.missing is None else self.missing[chosen]
        return Predictions(
            self.answers,
            self.probabilities[chosen],
            None if self.prompt_prob is None else self.prompt_prob[chosen],
            missing if missing is not None and missing.any() else None,
            None if self.replies is None else tuple(np.array(self.replies, object)[chosen]),
        )

    def in_columns(self, answers: Sequence[str]) -> "Predictions":
        """Return a column for each of these answers, in their order; all that were given are among them.

        Capitals and blanks tell no answers apart, see `plain`.
        """
        number = numbered(answers)
        table = np.zeros((len(self), len(answers)), np.float32)
        for column, text in enumerate(self.answers):
            table[:, number[plain(text)]] += self.probabilities[:, column]
        return replace(self, answers=tuple(answers), probabilities=table)

    def likeliest(self) -> list[str]:
        """Return the text of each input's likeliest answer, the first of equals; all inputs must have one."""
        assert self.missing is None or self.is_answered.all(), "take those that are answered"  # noqa: S101
        return [self.answers[column] for column in self.probabilities.argmax(axis=1)]


def check_answers(answers: Sequence[str]) -> None:
    """Raise `InputError` where answers cannot be told apart, or one is empty."""
    if not all(answers):
        raise InputError("answers has an empty text.")
    if len(set(answers)) != len(answers):
        raise InputError("answers has a text twice.")


def check_predictions(predictions: Predictions) -> None:
    """Raise `InputError` where a table, all of finite numbers, cannot be what a black box said."""
    check_answers(predictions.answers)
    table, own = predictions.probabilities, predictions.prompt_prob
    totals = table.sum(axis=1)
    if (table < 0).any() or not ((abs(totals - 1) <= MOST_OFF) | (totals == 0)).all():
        raise InputError("probabilities are negative, or do not add up to 1.")
    if own is not None and not ((own >= 0) & (own <= 1 + MOST_OFF)).all():
        raise InputError("prompt_prob is not between 0 and 1.")
