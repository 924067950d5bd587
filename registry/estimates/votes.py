"""What every prompt, or model, answered to the same inputs: the one table that all estimates read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from registry.data.answer_tables import NONE

Floats = NDArray[np.float64]
__all__ = ["NONE", "Floats", "Posterior", "Votes"]

Posterior = Floats  # (inputs, answers), how likely each answer is the true one; rows add up to 1


@dataclass(frozen=True, eq=False)
class Votes:
    """The answers of several voters to the same inputs. A voter is a prompt of a model, or a model."""

    said: NDArray[np.int64]  # (voters, inputs), the number of an answer, `NONE` where there is none
    answers: int  # how many there are

    def __post_init__(self) -> None:
        """Check the shape."""
        assert self.said.ndim == 2 and self.answers >= 2, "a table of at least two answers"  # noqa: PT018, S101

    def __len__(self) -> int:
        return len(self.said)

    @property
    def inputs(self) -> int:
        """How many inputs were asked."""
        return int(self.said.shape[1])

    @cached_property
    def given(self) -> NDArray[np.bool_]:
        """Which answers are there, (voters, inputs)."""
        return np.asarray(self.said >= 0)

    @cached_property
    def chosen(self) -> Floats:
        """Return 1 where a voter gave an answer, else 0, (voters, inputs, answers)."""
        return np.asarray(self.said[:, :, None] == np.arange(self.answers), np.float64)

    @cached_property
    def counts(self) -> Floats:
        """How many voters gave each answer to each input, (inputs, answers)."""
        return np.asarray(self.chosen.sum(axis=0))

    def counted(self, heed: Floats) -> Floats:
        """Return how many voters gave each answer to each input, (inputs, answers), where each counts for so much."""
        return np.asarray(np.einsum("t,tnk->nk", heed, self.chosen))

    @cached_property
    def majority(self) -> Posterior:
        """The answer that most voters gave to each input, shared among equals; even where nobody answered."""
        first = (self.counts == self.counts.max(axis=1, keepdims=True)).astype(np.float64)
        return np.asarray(first / first.sum(axis=1, keepdims=True))

    @cached_property
    def distinct(self) -> tuple["Votes", NDArray[np.int64]]:
        """The answers of different voters alone, and which of them each voter is, (voters,).

        Whoever says the same throughout is one voter: copies of one would outvote those who know better. They stand in
        an order that follows from what they say, so that nothing depends on how voters are named, or which comes first.
        """
        places: dict[bytes, int] = {}
        whose = np.array([places.setdefault(row.tobytes(), len(places)) for row in self.said], np.int64)
        different = Votes(self.said[np.unique(whose, return_index=True)[1]], self.answers)
        order = different._order
        return Votes(different.said[order], self.answers), np.argsort(order)[whose]

    @property
    def _order(self) -> list[int]:
        """The voters by how many say the same of each input, and how often they give each answer.

        First in all, whatever the order of the inputs, then of one input after another. The names of the answers decide
        between those alone that others do not tell apart.
        """
        alike = np.where(self.given, self.counts[np.arange(self.inputs), self.said], 0).astype(np.int64)

        def key(voter: int) -> tuple[bytes, ...]:
            own, (_, first, place, often) = alike[voter], np.unique(self.said[voter], True, True, True)
            unnamed = np.argsort(np.argsort(first))[place]  # the answers by where each is given first
            return tuple(one.tobytes() for one in (np.sort(own), np.sort(often), own, unnamed, self.said[voter]))

        return sorted(range(len(self)), key=key)

    def accuracy(self, truth: Posterior) -> Floats:
        """Return how often each voter is expected to be right, (voters,). A missing answer is wrong."""
        return np.asarray(np.einsum("tnk,nk->t", self.chosen, truth) / self.inputs)

    def true_accuracy(self, labels: Sequence[int] | NDArray[np.int64]) -> Floats:
        """Return how often each voter is right where labels are known, (voters,)."""
        known = np.asarray(labels) != NONE
        return np.asarray((self.said[:, known] == np.asarray(labels)[known]).mean(axis=1))

    @cached_property
    def kappa(self) -> Floats:
        """How far two voters agree beyond chance where both answered, Cohen's kappa, (voters, voters); 1 with oneself.

        0 where one of them always says the same.
        """
        made = np.eye(len(self))
        for one in range(len(self)):
            for other in range(one):
                both = self.given[one] & self.given[other]
                made[one, other] = made[other, one] = kappa_between(
                    self.said[one, both], self.said[other, both], self.answers
                )
        return made


def kappa_between(one: NDArray[np.int64], other: NDArray[np.int64], answers: int) -> float:
    """Return Cohen's kappa of two columns of answers, none of them missing: 0 is chance, 1 the same throughout."""
    if not len(one):
        return 0.0
    shares = [np.bincount(said, minlength=answers) / len(said) for said in (one, other)]
    chance = float(shares[0] @ shares[1])
    return (float((one == other).mean()) - chance) / (1 - chance) if chance < 1 - 1e-9 else 0.0
