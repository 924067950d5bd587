"""How far to believe the fits: what they leave open, and what labels settle.

The committee's posterior over true answers, q, is taken for a first opinion that may be too sure, may favour an answer,
and may miss that some voters know more than the others think. So the truth is modelled as

    p(z_i = k)  ~  exp(scale x log q_ik + favour_k + sum over voters t of extra_t x [t answered k])

with normal priors on scale (around 1), favour and extra (around 0). Labels, of whichever inputs, move these by Bayes'
rule (a Laplace step), and are true where they are given. As only p(truth | answers) is modelled, it does no harm that
labelled inputs were chosen by their answers. The accuracies and their covariance follow by the delta method.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.data.probabilities import softmax
from registry.estimates.committee import Opinions
from registry.estimates.votes import NONE, Floats, Posterior, Votes

SCALE_SPREAD = 0.2  # standard deviations before any label, chosen for intervals that hold (docs/results.md)
FAVOUR_SPREAD = 0.4
EXTRA_SPREAD = 0.8  # of all voters' extras together: each has this over the root of how many there are
NEWTON, SETTLED = 50, 1e-8  # steps, at most; the largest change of a parameter at which they end
TOGETHER_OF_FEW = 0.3  # of all accuracies together, over the voters: of more than two answers few agree on wrong ones
TOGETHER_ON_FEW = 0.4  # the same, over the root of the inputs: on few of them chance agreement passes for knowledge
OWN_SPREAD = 0.025  # of each voter's accuracy, whatever the models say: none is right
APART = 0.05  # the share of inputs on which voters differ from which on this is each voter's own
LABELS_THAT_SETTLE = 100.0  # leave half of the variance between the members, and of this
FEW_VOTERS = {2: 3.0, 3: 2.0}  # so few, and how many times wider intervals have to be to hold
LEAST = 0.02  # probability that a first opinion leaves every answer that somebody gave


@dataclass(frozen=True, eq=False)
class Belief:
    """The truth of each input, the accuracy of each voter, and how far the accuracies may be off together."""

    truth: Posterior  # (inputs, answers)
    accuracy: Floats  # (voters,)
    covariance: Floats  # (voters, voters)


def believed(votes: Votes, opinions: Opinions, labels: NDArray[np.int64] | None = None) -> Belief:
    """Return what to believe after hearing a committee's opinions, and labels.

    Args:
        votes: the answers.
        opinions: of its members.
        labels: (inputs,), the answers that are known, else `NONE`.
    """
    known = np.full(votes.inputs, NONE) if labels is None else np.asarray(labels)
    rows = np.flatnonzero(known != NONE)
    mean = np.mean(opinions.truths, axis=0)
    features = _features(votes, mean)
    fitted, spread = _fit(_with_favours(features[rows]), known[rows], *_prior(votes))
    parts = features.shape[2]
    truth = softmax(features @ fitted[:parts] + fitted[parts:])
    truth[rows] = np.eye(votes.answers)[known[rows]]
    accuracy = votes.accuracy(truth)
    slopes = _slopes(votes, truth, features)
    left = 1 / (1 + len(rows) / LABELS_THAT_SETTLE)  # of what the members disagree on
    open_rows = (known == NONE)[:, None]  # on inputs with a label there is nothing to disagree on
    off = np.stack([votes.accuracy((own - mean) * open_rows) for own in opinions.truths])
    between = off.T @ off / len(off) + (OWN_SPREAD * open_rows.mean()) ** 2 * _alike(votes)
    between += (_together(votes, opinions.voters) * open_rows.mean()) ** 2
    for doubt in opinions.doubts:
        doubted = votes.accuracy(doubt * open_rows)
        between += np.outer(doubted, doubted)
    covariance = slopes @ spread @ slopes.T + left * between + realised(votes, truth)
    wider = 1 + left * (_wider(votes, opinions.voters) - 1)
    return Belief(truth, accuracy, np.asarray(wider**2 * covariance))


def _wider(votes: Votes, voters: int) -> float:
    """Return how many times wider accuracies have to be told where the voters are few.

    Of two or three voters none can be outvoted for sure: which one errs is told by the assumptions of the committee
    alone, whose members then share what is wrong with them. With two answers they differ enough among themselves.
    """
    return 1.0 if votes.answers == 2 else FEW_VOTERS.get(voters, 1.0)


def _together(votes: Votes, voters: int) -> float:
    """Return how far all accuracies may be off together, where voters or inputs are few."""
    of_few = 0.0 if votes.answers == 2 else TOGETHER_OF_FEW / voters
    return float(np.hypot(of_few, TOGETHER_ON_FEW / np.sqrt(votes.inputs)))


def _alike(votes: Votes) -> Floats:
    """Return how far voters have the same errors for what they share of their answers, (voters, voters).

    Who answers alike is as accurate. A Laplace kernel of the Hamming distance, which is positive semidefinite.
    """
    differ = np.stack([(votes.said != row).mean(axis=1) for row in votes.said])
    return np.asarray(np.exp(-differ / APART))


def _with_favours(features: Floats) -> Floats:
    """Return the features of some inputs for all parameters, (inputs, answers, parameters).

    The parameters are scale, the extras and the favours, in this order. Each answer's favour is a feature of that
    answer alone. For all inputs at once this would be an array of answers squared for each.
    """
    inputs, answers, _ = features.shape
    return np.concatenate([features, np.broadcast_to(np.eye(answers), (inputs, answers, answers))], axis=2)


def _features(votes: Votes, opinion: Posterior) -> Floats:
    held = np.maximum(opinion, LEAST / votes.answers)
    logs = np.log(held / held.sum(axis=1, keepdims=True))
    return np.concatenate([logs[:, :, None], votes.chosen.transpose(1, 2, 0)], axis=2)


def _prior(votes: Votes) -> tuple[Floats, Floats]:
    """Return the parameters' mean and precision before any label."""
    extras = np.full(len(votes), EXTRA_SPREAD / np.sqrt(len(votes)))
    spread = np.concatenate([[SCALE_SPREAD], extras, np.full(votes.answers, FAVOUR_SPREAD)])
    mean = np.zeros(len(spread))
    mean[0] = 1
    return mean, 1 / spread**2


def _fit(features: Floats, labels: NDArray[np.int64], mean: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Return the likeliest parameters and their covariance, by Newton steps on the labelled inputs.

    A step that leads downhill is halved: labels that surprise, such as of answers that nobody gave, make whole steps
    jump to and fro around the one top.
    """

    def height(at: Floats) -> float:
        odds = features @ at
        top = odds.max(axis=1)
        whole = top + np.log(np.exp(odds - top[:, None]).sum(axis=1))
        told = (odds[np.arange(len(labels)), labels] - whole).sum()
        return float(told - (precision * (at - mean) ** 2).sum() / 2)

    fitted, bend = mean.copy(), np.diag(precision)
    right = features[np.arange(len(labels)), labels]
    for _ in range(NEWTON if len(labels) else 0):
        chance = softmax(features @ fitted)
        expected = np.einsum("nk,nkj->nj", chance, features)
        slope = (right - expected).sum(axis=0) - precision * (fitted - mean)
        bend = np.einsum("nk,nkj,nkl->jl", chance, features, features, optimize=True) - expected.T @ expected
        bend += np.diag(precision)
        step = np.linalg.solve(bend, slope)
        if float(np.abs(step).max()) < SETTLED:
            break
        reached = height(fitted)
        while height(fitted + step) < reached and float(np.abs(step).max()) >= SETTLED:
            step = step / 2
        fitted = fitted + step
    return fitted, np.asarray(np.linalg.inv(bend), np.float64)


def _slopes(votes: Votes, truth: Posterior, features: Floats) -> Floats:
    """Return how the accuracies move with the parameters, (voters, parameters)."""
    expected = np.einsum("nk,nkj->nj", truth, features)
    moved = truth[:, :, None] * (features - expected[:, None])
    right = votes.chosen * truth
    of_features = np.tensordot(votes.chosen, moved, axes=2)
    of_favours = right.sum(axis=1) - right.sum(axis=2) @ truth
    return np.concatenate([of_features, of_favours], axis=1) / votes.inputs


def realised(votes: Votes, truth: Posterior, weights: Floats | None = None) -> Floats:
    """Return the covariance of accuracies for what each truth is drawn to be from its probabilities, (voters, voters).

    Args:
        votes: the answers.
        truth: the probabilities, (inputs, answers).
        weights: of the inputs, (inputs,), else 1 each.
    """
    right = votes.chosen * truth
    of_each = np.ones(votes.inputs) if weights is None else weights
    both = np.tensordot(right * of_each[:, None], votes.chosen, axes=((1, 2), (1, 2)))
    hit = right.sum(axis=2)
    return np.asarray((both - (hit * of_each) @ hit.T) / votes.inputs**2)
