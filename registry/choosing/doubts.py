"""Why may labels or answers not be what they seem? A doubt leaves the verdict open, and says what would mend it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from registry.choosing.asked import Answered
from registry.data.answer_tables import NONE
from registry.estimates.committee import Opinions
from registry.estimates.sampled import inclusions
from registry.estimates.verdict import Doubt
from registry.estimates.votes import Floats, Votes, kappa_between

SAMPLE = "Label a sample, or the texts that 'fute label suggest' names."
OWN_WORDS = "Record the answers in the words of the labels."
MOSTLY, OFTEN = 0.9, 0.05  # shares of a voter's answers
LEAST_CONTRARY = 20  # labels that may be the other way round
CONTRARY = -0.3  # kappa of most voters and the truth: of 38 real tables the least is -0.04
BY_CHANCE = 2.5  # standard errors of a kappa that is 0
LEAST_OF_ONE_CLASS, SELDOM = 10, 2000  # labels; samples of which one is as odd
ROUGHLY, FAR = 0.3, 4.0  # how far the log odds of priors may be off; standard errors that are no chance


def in_other_words(answered: Answered, gone: NDArray[np.bool_], task: str) -> Doubt | None:
    """Say that a voter gives several answers that are none of a task's labels, and next to no other.

    These may be the labels in other words.

    Args:
        answered: all answers.
        gone: which of them are none of the labels, (voters, inputs).
        task: its name.
    """
    for name, own, lost, said in zip(answered.names, answered.votes.given, gone, answered.votes.said, strict=True):
        several = np.bincount(said[lost], minlength=1) >= OFTEN * max(own.sum(), 1)
        if lost.sum() >= MOSTLY * max(own.sum(), 1) and several.sum() > 1:
            return Doubt(f"{name} gives other answers than the labels of {task}, which may mean them", OWN_WORDS)
    return None


def unlike_priors(
    answers: Sequence[str], priors: Floats | None, labels: NDArray[np.int64], chance: Floats | None = None
) -> Doubt | None:
    """Say that a sample, weighed by its chances, has other shares of labels than the priors, by far more than by luck.

    Args:
        answers: their texts.
        priors: as they are told; they are meant roughly.
        labels: of the sample, (inputs,), else `NONE`.
        chance: with which each was drawn, (inputs,); None where all had one.
    """
    rows = np.flatnonzero(labels != NONE)
    if priors is None or len(rows) < LEAST_OF_ONE_CLASS:
        return None
    weights = np.ones(len(rows)) if chance is None else 1 / inclusions(chance[rows])
    count = float(weights.sum() ** 2 / (weights**2).sum())
    shares = np.bincount(labels[rows], weights=weights, minlength=len(priors)) / weights.sum()
    usual = (count * priors + 1) / (count + 2)  # no share is so rare that one label is a surprise
    spread = np.sqrt(usual * (1 - usual) / count + (ROUGHLY * priors * (1 - priors)) ** 2)
    worst = int(np.argmax(np.abs(shares - priors) / spread))
    if abs(shares[worst] - priors[worst]) <= FAR * spread[worst]:
        return None
    why = f"{answers[worst]!r} is right of {shares[worst]:.0%} of the texts by their labels, and its prior is"
    return Doubt(f"{why} {priors[worst]:.0%}", "Are the priors of all texts, and the labels of a sample?")


def chosen_by_class(answers: Sequence[str], votes: Votes, opinions: Opinions, labels: NDArray[np.int64]) -> str | None:
    """Say that labels tell nothing of the texts without one: all are of one class, and a sample's would not be.

    Only the positive ones were labelled, or a file that is sorted by class was begun. In a sample that happens once in
    `SELDOM` cases at most; the class's share is what is believed of it, or what a fourth of the voters exceed, if more.

    Args:
        answers: the texts of the answers.
        votes: who gave which.
        opinions: what the committee thinks of them.
        labels: those whose texts were not drawn where voters differ, else `NONE`.
    """
    rows = np.flatnonzero(labels != NONE)
    if len(rows) < LEAST_OF_ONE_CLASS or len(rows) == len(labels) or len(set(labels[rows].tolist())) > 1:
        return None
    one = int(labels[rows[0]])
    said = votes.chosen[:, :, one].sum(axis=1) / np.maximum(votes.given.sum(axis=1), 1)
    share = max(float(np.mean(opinions.truths, axis=0)[:, one].mean()), float(np.quantile(said, 0.75)))
    if share ** len(rows) * SELDOM >= 1:
        return None
    return f"all {len(rows)} known labels are {answers[one]!r}, so they seem to be chosen by their class"


def contrary(votes: Votes, labels: NDArray[np.int64]) -> Doubt | None:
    """Ask whether labels are the other way round, where they contradict what most voters say far more than by chance.

    Args:
        votes: the answers.
        labels: those whose texts were not drawn where voters differ, else `NONE`.
    """
    majority = votes.distinct[0].majority
    known = (labels != NONE) & (majority.max(axis=1) == 1)  # of tied votes nobody says what most answer
    count = int(known.sum())
    if count < LEAST_CONTRARY:
        return None
    most = majority.argmax(axis=1)
    kappa = kappa_between(most[known], labels[known], votes.answers)
    if kappa > min(CONTRARY, -BY_CHANCE / np.sqrt(count)):
        return None
    agreed = int((most[known] == labels[known]).sum())
    why = f"of the {count} known labels {agreed} are what most answer, less than by chance (kappa {kappa:.2f})"
    return Doubt(why, "Are the labels, or the answers, the other way round?")
