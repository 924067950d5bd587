"""Labels of inputs that were drawn by chance: which inputs to draw, and what their labels tell.

To tell rivals apart, labels are worth most where the likely best disagree. Taken from there alone they would mislead:
where all agree, all may be wrong. So inputs are drawn by chance, more often where a label tells more, and each label
weighs the inverse of its probability to be drawn (Horvitz and Thompson 1952). Then how much more often a voter was
right than expected is estimated without bias, whatever the expectations are worth, and the accuracies follow by Bayes'
rule from what was believed before and this, both taken for normal:

    rest  = 1/N  sum over labelled i of (right_i - expected_i) / pi_i
    gain  = C (C + S)^-1
    a'    = a + gain (e + rest - a)  C' = (1 - gain) C (1 - gain)^T + gain F gain^T

a and C are the accuracies and their covariance as they were believed, e what is expected of all inputs (a, but after
an earlier sample), S the covariance that rest is believed to have for being of a sample of n, and F the one that is
found: (1 + 40/(40 + n)) S, and more where the labelled inputs vary more than was believed. Of what all agree on few are
drawn, and if these are wrong S is too small. C is taken to be larger, by the same for all voters, where the labels are
further off in the mean than C and F account for, and than three of their own variances, which one label of a small
chance may be most of.

An input's chance p_i is to be the next one drawn; of a sample of successive draws without replacement (Rosen 1972) pi_i
= 1 - exp(-c p_i), where c is such that the sampled p_i / pi_i add up to 1, as they do over all inputs.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from registry.estimates.belief import Belief, realised
from registry.estimates.votes import NONE, Floats, Posterior, Votes

EVEN = 0.1  # of the draws: as likely for each input, so that no weight is without bound
JITTER = 1e-9  # on the diagonal of a covariance: voters with the same answers have none between them
HALVINGS = 200
FAR = 3.5  # standard errors
FEW = 40  # labels: after fewer the rest is told to vary up to twice as much, for its law is not normal yet
LUCKY = 3.0  # variances of the labels by which their mean may be off without a reason: one of them may be most of it
HALF_TOLD = 20  # labels that tell half of how much more the rest varies than was believed


def chances(votes: Votes, truth: Posterior, best: Floats, frame: NDArray[np.bool_]) -> Floats:
    """Return the chance of each input to be drawn next, (inputs,); they add up to 1.

    In proportion to the standard deviation of being right among those that may be best: the sample of a given size that
    tells most of their differences is drawn so (Neyman 1934).

    Args:
        votes: the answers.
        truth: what is believed of the inputs, (inputs, answers).
        best: the probability of each voter to be the best, (voters,).
        frame: which inputs may be drawn, (inputs,); one of them at least.
    """
    share = np.tensordot(best, votes.chosen, axes=1)  # of the best, who gave each answer
    spread = np.sqrt(np.maximum((truth * share * (1 - share)).sum(axis=1), 0)) * frame
    even = frame / frame.sum()
    return np.asarray((1 - EVEN) * spread / spread.sum() + EVEN * even if spread.any() else even)


def in_order(chance: Floats, luck: Floats) -> list[int]:
    """Return the inputs with a chance in the order in which they are drawn: the first n are a sample of size n.

    Args:
        chance: of each input, (inputs,).
        luck: of each input, between 0 and 1, its own for ever: who asks for more goes on where they stopped.
    """
    inside = np.flatnonzero(chance > 0)
    return [int(row) for row in inside[np.argsort(-np.log(luck[inside]) / chance[inside], kind="stable")]]


def can_be(chance: Floats, inputs: int) -> bool:
    """Say whether some of so many inputs may have been drawn with these chances, and others be left.

    Where not, they are of another list, or of several: a few labels would count as those of all inputs.
    """
    least = EVEN / inputs / 2  # each input has twice as much
    return bool(chance.sum() <= 1 - least and (chance >= least).all())


def inclusions(chance: Floats) -> Floats:
    """Return with which probability each of a sample's inputs came into it, (labels,), by their chances."""
    return np.asarray(-np.expm1(-_pace(chance) * chance))


def told(votes: Votes, belief: Belief, labels: NDArray[np.int64], chance: Floats) -> Belief:
    """Return what to believe after the labels of inputs that were drawn by chance.

    Args:
        votes: the answers.
        belief: what was believed before.
        labels: (inputs,), the answers of the drawn inputs, else `NONE`.
        chance: of each input to be drawn, (inputs,); 0 for those that could not be.
    """
    rows = np.flatnonzero(labels != NONE)
    pace = _pace(chance[rows])
    drawn = np.where(chance > 0, -np.expm1(-pace * chance), 1)
    right = votes.said[:, rows] == labels[rows]
    expected = np.einsum("tnk,nk->tn", votes.chosen[:, rows], belief.truth[rows])
    surprise = (right - expected) / drawn[rows] / votes.inputs
    rest = surprise.sum(axis=1)
    noise = realised(votes, belief.truth, (1 - drawn) / drawn)
    own = surprise * np.sqrt(1 - drawn[rows])
    found = _found(noise, own) * (1 + FEW / (FEW + len(rows)))
    off = votes.accuracy(belief.truth) + rest - belief.accuracy
    by_luck = max(found.mean(), LUCKY * float((own.mean(axis=0) ** 2).sum()))
    before = belief.covariance + max(off.mean() ** 2 - belief.covariance.mean() - by_luck, 0)
    gain = np.linalg.solve(before + noise + JITTER * np.eye(len(votes)), before).T
    kept = np.eye(len(votes)) - gain
    left = kept @ before @ kept.T + gain @ found @ gain.T
    truth = belief.truth.copy()
    truth[rows] = np.eye(votes.answers)[labels[rows]]
    return replace(belief, truth=truth, accuracy=belief.accuracy + gain @ off, covariance=left)


def _found(noise: Floats, own: Floats) -> Floats:
    """Return the covariance of the rest, larger where the labelled inputs vary more than was believed.

    Args:
        noise: as it is believed, (voters, voters).
        own: what each labelled input adds to it, (voters, labels): their squares add up to its variances on average.
    """
    believed = float(np.trace(noise))
    if believed <= 0:
        return noise
    labels: int = own.shape[1]
    more = max(float((own**2).sum()) / believed - 1, 0.0)
    return noise * (1 + more * labels / (labels + HALF_TOLD))


def told_evenly(votes: Votes, belief: Belief, labels: NDArray[np.int64], frame: NDArray[np.bool_]) -> Belief:
    """Return what to believe after the labels of a random sample, in which each input of a frame was as likely.

    Args:
        votes: the answers.
        belief: what was believed before.
        labels: (inputs,), the answers of the sample, else `NONE`; inputs of the frame, and not all of them.
        frame: from which inputs it was drawn, (inputs,).
    """
    return told(votes, belief, labels, frame / frame.sum())


def seems_even(votes: Votes, rows: NDArray[np.int64], frame: NDArray[np.bool_]) -> bool:
    """Say whether voters agree on some inputs about as much as on those of a frame, as they do on a sample of it.

    What is too far off for one is met in one sample of two thousand.
    """
    agreement = votes.counts.max(axis=1) / len(votes)  # (inputs,)
    among = agreement[frame]
    rest = max(1 - len(rows) / len(among), 0)
    spread = float(np.sqrt(rest * among.var() / max(len(rows), 1)))
    return bool(abs(float(agreement[rows].mean() - among.mean())) <= FAR * spread + JITTER)


def _pace(chance: Floats) -> float:
    """Return c of the sample whose inputs have these chances, which add up to less than 1, by halving."""
    low, high = 0.0, 1.0
    while _adding_up(chance, high) > 1:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _adding_up(chance, middle) > 1 else (low, middle)
    return high


def _adding_up(chance: Floats, pace: float) -> float:
    return float((chance / -np.expm1(-pace * chance)).sum())
