"""Estimated accuracies with intervals, who is best and how surely, and which labels would tell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.estimates.belief import Belief, believed
from registry.estimates.committee import Opinions, heard
from registry.estimates.sampled import can_be, chances, in_order, told
from registry.estimates.votes import NONE, Floats, Votes
from registry.estimates.witness import Witness

DRAWS = 4000
WITHIN = 1.96  # standard deviations to either side of a 95 % interval
TIED = 1e-6  # draws of voters with the same answers differ by what the root of their covariance is rounded by
EQUAL = 0.02  # an accuracy that is lower by less is as good


@dataclass(frozen=True, eq=False)
class Estimate:
    """What is known of each voter's accuracy on the inputs, (voters,) each."""

    accuracy: Floats
    low: Floats  # of the 95 % interval
    high: Floats
    best: Floats  # the probability of being the best
    loss: Floats  # how much less accurate than the best it is expected to be
    worse: Floats  # the probability of being worse than the best by more than `EQUAL`
    belief: Belief
    opinions: Opinions

    @property
    def pick(self) -> int:
        """The voter of the least expected loss, the first of equals."""
        return int(np.argmin(self.loss))


def estimated(
    votes: Votes,
    witness: Witness | None = None,
    labels: NDArray[np.int64] | None = None,
    *,
    drawn: Floats | None = None,
    opinions: Opinions | None = None,
) -> Estimate:
    """Estimate how accurate each voter is.

    Args:
        votes: the answers.
        witness: what a like task says of the inputs.
        labels: (inputs,), the answers that are known to be true, else `NONE`.
        drawn: (inputs,), the chances of those that are known because they were drawn by chance, as `suggested` told
            them, else 0.
        opinions: of `heard`, where they are known already.
    """
    thought = opinions or heard(votes, witness)
    by_chance = _by_chance(votes, labels, drawn)
    others = None if labels is None else np.where(by_chance, NONE, labels)
    before = _estimate(believed(votes, thought.truths, others), thought, _bounds(votes, others))
    if labels is None or others is None or drawn is None or not by_chance.any():
        return before
    chance = chances(votes, before.belief.truth, before.best, others == NONE)
    chance = np.where(by_chance, drawn, chance)
    after = told(votes, before.belief, np.where(by_chance, labels, NONE), chance)
    return _estimate(after, thought, _bounds(votes, labels))


def _bounds(votes: Votes, labels: NDArray[np.int64] | None) -> tuple[Floats, Floats]:
    """Return between which accuracies the voters' are, whatever the labels are that nobody knows."""
    known = np.zeros(votes.inputs, bool) if labels is None else labels != NONE
    right = 0 if labels is None else (votes.said[:, known] == labels[known]).sum(axis=1)
    most = votes.given[:, ~known].sum(axis=1)  # a missing answer is wrong
    return np.zeros(len(votes)) + right / votes.inputs, (right + most) / votes.inputs


def _estimate(belief: Belief, opinions: Opinions, bounds: tuple[Floats, Floats]) -> Estimate:
    """Return what follows from a belief, within bounds."""
    spread = np.sqrt(np.maximum(np.diag(belief.covariance), 0))
    accuracies = np.clip(_draws(belief), *bounds)
    behind = accuracies.max(axis=1, keepdims=True) - accuracies
    first = behind <= TIED
    return Estimate(
        np.clip(belief.accuracy, *bounds),
        np.clip(belief.accuracy - WITHIN * spread, *bounds),
        np.clip(belief.accuracy + WITHIN * spread, *bounds),
        np.asarray((first / first.sum(axis=1, keepdims=True)).mean(axis=0)),
        np.round(behind.mean(axis=0), 9),  # what differs in the last bit is equal
        np.asarray((behind > EQUAL).mean(axis=0)),
        belief,
        opinions,
    )


def suggested(
    votes: Votes,
    estimate: Estimate,
    labels: NDArray[np.int64] | None,
    count: int,
    *,
    luck: Floats,
    drawn: Floats | None = None,
) -> list[tuple[int, float]]:
    """Return the inputs to label next, and the chance of each: drawn by chance, more where labels tell more.

    Args:
        votes: the answers.
        estimate: what follows from them, and from labels.
        labels: those that are known; others are suggested.
        count: how many.
        luck: of each input, see `sampled.in_order`.
        drawn: the chances of those labels that were drawn by chance, see `estimated`.
    """
    by_chance = _by_chance(votes, labels, drawn)
    others = None if labels is None else np.where(by_chance, NONE, labels)
    before = estimated(votes, labels=others, opinions=estimate.opinions) if by_chance.any() else estimate
    frame = np.ones(votes.inputs, bool) if others is None else others == NONE
    if not frame.any():
        return []
    chance = chances(votes, before.belief.truth, before.best, frame)
    rows = [row for row in in_order(chance, luck) if labels is None or labels[row] == NONE]
    return [(row, float(chance[row])) for row in rows[:count]]


def _by_chance(votes: Votes, labels: NDArray[np.int64] | None, drawn: Floats | None) -> NDArray[np.bool_]:
    """Say which labels are of inputs that were drawn by chance, (inputs,).

    None are where all are known, or where their chances cannot be.
    """
    if labels is None or drawn is None or (labels != NONE).all():
        return np.zeros(votes.inputs, bool)
    found = (drawn > 0) & (labels != NONE)
    return np.asarray(found if can_be(drawn[found], votes.inputs) else np.zeros_like(found))


def _draws(belief: Belief) -> Floats:
    """Return accuracies as they may be, (draws, voters), the same each time.

    By the symmetric root of the covariance: the signs of eigenvectors depend on the last bit, that root does not.
    """
    values, vectors = np.linalg.eigh(belief.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    half = np.random.default_rng(0).standard_normal((DRAWS // 2, len(belief.accuracy)))
    return np.asarray(belief.accuracy + np.concatenate([half, -half]) @ root.T)
