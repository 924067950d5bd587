"""Estimated accuracies with intervals, who is best and how surely, and which labels would tell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.estimates.belief import Belief, believed, with_favours
from registry.estimates.committee import Opinions, heard
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
    opinions: Opinions | None = None,
) -> Estimate:
    """Estimate how accurate each voter is.

    Args:
        votes: the answers.
        witness: what a like task says of the inputs.
        labels: (inputs,), the answers that are known to be true, else `NONE`.
        opinions: of `heard`, where they are known already.
    """
    thought = opinions or heard(votes, witness)
    belief = believed(votes, thought.truths, labels)
    spread = np.sqrt(np.maximum(np.diag(belief.covariance), 0))
    drawn = _draws(belief)
    behind = drawn.max(axis=1, keepdims=True) - drawn
    first = behind <= TIED
    return Estimate(
        belief.accuracy,
        np.clip(belief.accuracy - WITHIN * spread, 0, 1),
        np.clip(belief.accuracy + WITHIN * spread, 0, 1),
        np.asarray((first / first.sum(axis=1, keepdims=True)).mean(axis=0)),
        np.round(behind.mean(axis=0), 9),  # what differs in the last bit is equal
        np.asarray((behind > EQUAL).mean(axis=0)),
        belief,
        thought,
    )


def suggested(votes: Votes, estimate: Estimate, labels: NDArray[np.int64] | None, count: int) -> list[int]:
    """Return the inputs whose labels would settle the choice soonest, the most telling first.

    Greedy: each next input is the one that is expected to take most off the variance of how far those that may be best
    stand from the pick, weighed by the probability of each to be best. A label taken tells of inputs like it too, so
    the next is another kind of input.
    """
    belief, spread = estimate.belief, estimate.belief.spread
    open_ = np.ones(votes.inputs, bool) if labels is None else np.asarray(labels) == NONE
    rivals = np.flatnonzero(estimate.best > 0)
    leads = (belief.slopes[rivals] - belief.slopes[estimate.pick]) * np.sqrt(estimate.best[rivals])[:, None]
    own = _own_gain(votes, estimate)
    chosen: list[int] = []
    for _ in range(min(count, int(open_.sum()))):
        gain = np.where(open_, _gains(belief, spread @ leads.T) + own, -1)
        row = int(np.argmax(gain))
        chosen.append(row)
        open_[row] = False
        features = with_favours(belief.features[row : row + 1])[0]
        spread = _told(spread, features - belief.truth[row] @ features, belief.truth[row])
    return chosen


def _gains(belief: Belief, reach: Floats) -> Floats:
    """Return what a label of each input is expected to take off the leads' variances, (inputs,).

    Args:
        belief: whose features are asked.
        reach: (parameters, leads), how the parameters vary together with the leads.
    """
    parts = belief.features.shape[2]
    moved = belief.features @ reach[:parts] + reach[parts:]  # (inputs, answers, leads)
    moved -= np.einsum("nk,nkt->nt", belief.truth, moved)[:, None]
    return np.asarray(np.einsum("nk,nkt->n", belief.truth, moved**2))


def _own_gain(votes: Votes, estimate: Estimate) -> Floats:
    """Return what knowing an input's own truth takes off the same variances, (inputs,)."""
    pick = estimate.pick
    hits = np.einsum("tnk,nk->tn", votes.chosen, estimate.belief.truth)
    same = votes.said == votes.said[pick]
    lead = np.where(same, 0, hits + hits[pick] - (hits - hits[pick]) ** 2)
    return np.asarray(estimate.best @ lead) / votes.inputs**2


def _told(spread: Floats, features: Floats, chance: Floats) -> Floats:
    """Return the parameters' covariance after a label of an input: (answers, parameters) features, their chances."""
    root = features * np.sqrt(chance)[:, None]
    reach = spread @ root.T
    inner = np.eye(len(chance)) + root @ reach
    return np.asarray(spread - reach @ np.linalg.solve(inner, reach.T))


def _draws(belief: Belief) -> Floats:
    """Return accuracies as they may be, (draws, voters), the same each time.

    By the symmetric root of the covariance: the signs of eigenvectors depend on the last bit, that root does not.
    """
    values, vectors = np.linalg.eigh(belief.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    half = np.random.default_rng(0).standard_normal((DRAWS // 2, len(belief.accuracy)))
    return np.asarray(belief.accuracy + np.concatenate([half, -half]) @ root.T)
