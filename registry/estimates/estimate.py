"""Estimated accuracies with intervals, who is best and how surely, and which labels would tell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.estimates.belief import Belief, believed
from registry.estimates.committee import Opinions, heard
from registry.estimates.sampled import can_be, chances, in_order, told, told_evenly
from registry.estimates.votes import NONE, Floats, Votes
from registry.estimates.witness import Witness

DRAWS, LEAST_DRAWS = 40_000, 4000  # of the accuracies; fewer of many voters,
NUMBERS = 4_000_000  # so that they are no more than this
WITHIN = 1.96  # standard deviations to either side of a 95 % interval
TIED = 1e-6  # draws of voters with the same answers differ by what the root of their covariance is rounded by
EQUAL = 0.02  # an accuracy that is lower by less is as good


@dataclass(frozen=True, eq=False)
class Estimate:
    """What is known of each voter's accuracy on the inputs, (voters,) each."""

    accuracy: Floats
    low: Floats  # of the 95 % interval
    high: Floats
    best: Floats  # the probability of being the best, which equals share; they add up to 1
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
    evenly: NDArray[np.bool_] | None = None,
    opinions: Opinions | None = None,
) -> Estimate:
    """Estimate how accurate each voter is. Those that say the same throughout are heard once.

    Args:
        votes: the answers.
        witness: what a like task says of the inputs.
        labels: (inputs,), the answers that are known to be true, else `NONE`.
        drawn: (inputs,), the chances of those that are known because they were drawn by chance, as `suggested` told
            them, else 0.
        evenly: (inputs,), which of the other known ones are a random sample of all that were not known without it.
        opinions: of `heard`, where they are known already.
    """
    different, whose = votes.distinct
    thought = opinions or heard(different, witness)
    return _of_all(_of_different(different, thought, labels, drawn, evenly), whose)


def _of_all(different: Estimate, whose: NDArray[np.int64]) -> Estimate:
    """Return an estimate of different voters for all, of which some are one and the same; these share being best.

    Args:
        different: the estimate.
        whose: which of them each voter is, (voters,).
    """
    belief = different.belief
    return Estimate(
        different.accuracy[whose],
        different.low[whose],
        different.high[whose],
        (different.best / np.bincount(whose))[whose],
        different.loss[whose],
        different.worse[whose],
        Belief(belief.truth, belief.accuracy[whose], belief.covariance[np.ix_(whose, whose)]),
        different.opinions,
    )


def _of_different(
    votes: Votes,
    thought: Opinions,
    labels: NDArray[np.int64] | None,
    drawn: Floats | None,
    evenly: NDArray[np.bool_] | None,
) -> Estimate:
    """Estimate how accurate each of different voters is, see `estimated`."""
    by_chance, others = _parted(votes, labels, drawn)
    sampled = np.zeros(votes.inputs, bool) if evenly is None or (others != NONE).all() else evenly & (others != NONE)
    known = np.where(sampled, NONE, others)
    belief = believed(votes, thought, known)
    if sampled.any():
        belief = told_evenly(votes, belief, np.where(sampled, others, NONE), known == NONE)
    before = _estimate(belief, thought, _bounds(votes, others))
    is_drawn = by_chance != NONE
    if drawn is None or not is_drawn.any():
        return before
    chance = np.where(is_drawn, drawn, chances(votes, before.belief.truth, before.best, others == NONE))
    after = told(votes, before.belief, by_chance, chance)
    return _estimate(after, thought, _bounds(votes, np.where(is_drawn, by_chance, others)))


def _bounds(votes: Votes, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return between which accuracies the voters' are, whatever the labels are that nobody knows."""
    known = labels != NONE
    right = (votes.said[:, known] == labels[known]).sum(axis=1)
    open_ = votes.given[:, ~known].sum(axis=1)  # a missing answer is wrong
    return right / votes.inputs, (right + open_) / votes.inputs


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
    evenly: NDArray[np.bool_] | None = None,
) -> list[tuple[int, float]]:
    """Return the inputs to label next, and the chance of each: drawn by chance, more where labels tell more.

    Args:
        votes: the answers.
        estimate: what follows from them, and from labels.
        labels: those that are known; others are suggested.
        count: how many.
        luck: of each input, see `sampled.in_order`.
        drawn: the chances of those labels that were drawn by chance, see `estimated`.
        evenly: which of the others are a random sample, see `estimated`.
    """
    by_chance, others = _parted(votes, labels, drawn)
    is_drawn = by_chance != NONE
    before = estimate
    if is_drawn.any():
        before = estimated(votes, labels=others, evenly=evenly, opinions=estimate.opinions)
    frame = others == NONE
    if not frame.any():
        return []
    chance = chances(votes, before.belief.truth, before.best, frame)
    rows = [row for row in in_order(chance, luck) if not is_drawn[row]]
    return [(row, float(chance[row])) for row in rows[:count]]


def _parted(
    votes: Votes, labels: NDArray[np.int64] | None, drawn: Floats | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the labels of inputs that were drawn by chance, and the others, (inputs,) each, else `NONE`.

    None are by chance where all are known, or where their chances cannot be.
    """
    none = np.full(votes.inputs, NONE)
    known = none if labels is None else np.asarray(labels)
    if drawn is None or (known != NONE).all():
        return none, known
    found = (drawn > 0) & (known != NONE)
    if not can_be(drawn[found], votes.inputs):
        return none, known
    return np.where(found, known, NONE), np.where(found, NONE, known)


def _draws(belief: Belief) -> Floats:
    """Return accuracies as they may be, (draws, voters), the same each time.

    By the symmetric root of the covariance: the signs of eigenvectors depend on the last bit, that root does not.
    """
    values, vectors = np.linalg.eigh(belief.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    voters = len(belief.accuracy)
    draws = min(DRAWS, max(LEAST_DRAWS, NUMBERS // voters))
    half = np.random.default_rng(0).standard_normal((draws // 2, voters))
    return np.asarray(belief.accuracy + np.concatenate([half, -half]) @ root.T)
