"""What several models, or one under several prompts, answered to the same inputs: a cell is an answer, or none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.data.inputs import Input
from registry.data.predictions import Missing, Predictions

MOST_TOLD = 8  # answers
NONE = -1  # stands for an answer that is missing


@dataclass(frozen=True, eq=False)
class AnswerTable:
    """Answers as people have them in a file; a column is a prompt, or a model."""

    names: tuple[str, ...]  # of the columns
    answers: tuple[str, ...]  # the distinct ones, sorted
    said: NDArray[np.int64]  # (columns, inputs), the number of an answer, or `NONE`
    inputs: tuple[Input, ...] | None = None  # None where the file has no texts
    labels: tuple[str | None, ...] | None = None  # the right answers, for scoring alone; None where the file has none
    models: tuple[str | None, ...] = ()  # whose prompt a column is, where the file says so
    notes: tuple[str, ...] = ()  # what was done to read it
    fields: tuple[str, ...] = ()  # of documents, one of which may hold the texts, where nobody has said which

    def __len__(self) -> int:
        return int(self.said.shape[1])

    @property
    def share_missing(self) -> float:
        """The share of cells without an answer."""
        return float((self.said == NONE).mean())

    def told_answers(self) -> str:
        """Say which answers are given and how often, the commonest first."""
        given = self.said[self.said != NONE]
        shares = np.bincount(given, minlength=len(self.answers)) / max(given.size, 1)
        order = np.argsort(-shares, kind="stable")[:MOST_TOLD].tolist()
        more = f" and {len(self.answers) - MOST_TOLD} more" if len(self.answers) > MOST_TOLD else ""
        return ", ".join(f"{self.answers[at]!r} {shares[at]:.1%}" for at in order) + more

    def right(self) -> NDArray[np.int64]:
        """Return the number of each input's right answer, (inputs,): `NONE` where nobody gives it or none is known."""
        number = {text: column for column, text in enumerate(self.answers)}
        return np.array([number.get(label or "", NONE) for label in self.labels or [None] * len(self)], np.int64)

    def predictions(self, column: int) -> Predictions:
        """Return one column, an input without an answer among the missing."""
        return Predictions.from_texts(
            [Missing.NO_ANSWER if at == NONE else self.answers[at] for at in self.said[column].tolist()], self.answers
        )
