"""Plain estimates of accuracy without labels: what anyone would try first, and what ours is measured against."""

import numpy as np

from registry.estimates.votes import Floats, Posterior, Votes

ROUNDS = 200  # of EM, at most
SETTLED = 1e-6  # the largest change of a probability at which EM ends


def majority(votes: Votes) -> Floats:
    """Return how often each voter agrees with most voters, (voters,); answers that are first together share it."""
    return votes.accuracy(votes.majority)


def dawid_skene(votes: Votes) -> Posterior:
    """Return how likely each answer is true by Dawid and Skene (1979): a confusion matrix for each voter, by EM.

    Voters err independently, given the truth. The prior is weak: each row of a confusion matrix counts three answers
    more, two of them right.
    """
    answers = votes.answers
    prior = np.full((answers, answers), 1 / (answers - 1)) + np.eye(answers) * (2 - 1 / (answers - 1))
    truth = (votes.counts + 0.01) / (votes.counts + 0.01).sum(axis=1, keepdims=True)
    for _ in range(ROUNDS):
        confusion = np.einsum("nk,tnl->tkl", truth, votes.chosen, optimize=True) + prior
        confusion /= confusion.sum(axis=2, keepdims=True)
        share = (truth.sum(axis=0) + 1) / (votes.inputs + answers)
        likely = np.einsum("tkl,tnl->nk", np.log(confusion), votes.chosen, optimize=True) + np.log(share)
        now = np.exp(likely - likely.max(axis=1, keepdims=True))
        now /= now.sum(axis=1, keepdims=True)
        change, truth = float(np.abs(now - truth).max()), now
        if change < SETTLED:
            break
    return np.asarray(truth)


def spectral(votes: Votes) -> Floats | None:
    """Return the balanced accuracy of each voter by the spectral meta-learner (Parisi et al. 2014), (voters,).

    For two answers: off its diagonal, the covariance of voters who err independently has rank one, and its leading
    eigenvector is proportional to 2 x balanced accuracy - 1. What that is a multiple of follows from the same
    covariance where the two answers are equally often right. None for more than two answers or fewer than three voters.
    """
    if votes.answers != 2 or len(votes) < 3:
        return None
    signs = np.where(votes.given, 2.0 * votes.said - 1, np.nan)
    centred = np.nan_to_num(signs - np.nanmean(signs, axis=1, keepdims=True))
    covariance = centred @ centred.T / votes.inputs
    diagonal = np.diag(covariance).copy()
    for _ in range(ROUNDS):  # the diagonal is what rank one leaves there
        values, vectors = np.linalg.eigh(covariance - np.diag(np.diag(covariance)) + np.diag(diagonal))
        now = np.clip(values[-1] * vectors[:, -1] ** 2, 0, 1)
        change, diagonal = float(np.abs(now - diagonal).max()), now
        if change < SETTLED:
            break
    leading = vectors[:, -1] * np.sqrt(max(values[-1], 0))
    leading *= 1 if leading.sum() >= 0 else -1
    return np.asarray(np.clip((1 + leading) / 2, 0, 1))


def corrected_agreement(votes: Votes, read: Floats, accuracy: float) -> Floats:
    """Return each voter's accuracy by its agreement with a classifier whose own accuracy is known, (voters,).

    Where the errors of both are independent and spread evenly over the other answers, a voter of accuracy p agrees with
    a classifier of accuracy a in p a + (1 - p) (1 - a) / (answers - 1), which is solved for p.

    Args:
        votes: the answers.
        read: (inputs, answers), how likely the classifier finds each answer.
        accuracy: of the classifier, by cross-validation on its own labelled examples.
    """
    agreed = votes.accuracy(np.eye(votes.answers)[read.argmax(axis=1)])
    by_chance = (1 - accuracy) / (votes.answers - 1)
    if accuracy - by_chance < 0.01:  # nothing to be learnt from it
        return np.full(len(votes), 1 / votes.answers)
    return np.asarray(np.clip((agreed - by_chance) / (accuracy - by_chance), 0, 1))
