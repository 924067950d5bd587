"""How accurate is each prompt, or model, on the texts of a space? From what they answered there, without labels.

The labels of a task enter as right answers to its own examples, and as a witness; see `registry.choosing.teacher`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EntryRecord, SpaceRecord
from registry.choosing.asked import Answered
from registry.choosing.given import by_input, given_chances, given_evenly, given_labels, given_priors, sample_of
from registry.choosing.teacher import Teacher
from registry.choosing.vocabulary import Vocabulary
from registry.data.answer_tables import NONE
from registry.data.inputs import Input, plain
from registry.data.predictions import Predictions
from registry.errors import InputError
from registry.estimates.committee import Opinions, heard
from registry.estimates.estimate import Estimate, estimated
from registry.estimates.sampled import inclusions
from registry.estimates.verdict import EQUAL, LEAST_LABELS, LEAST_TRUST, Kind, Verdict, verdict
from registry.estimates.votes import Floats, Votes, kappa_between
from registry.estimates.witness import Expectation, Witness
from registry.names import listed
from registry.views.charts.bars import Measures, drawn
from registry.views.charts.picture import Picture

SAMPLE = "Label a sample, or the texts that 'fute label suggest' names."
MOSTLY, OFTEN = 0.9, 0.05  # shares of a voter's answers
OWN_WORDS = "Record the answers in the words of the labels."
LEAST_CONTRARY = 20  # labels that may be the other way round
CONTRARY = -0.3  # kappa of most voters and the truth: of 38 real tables the least is -0.04
LEAST_OF_ONE_CLASS, SELDOM = 10, 2000  # labels; samples of which one is as odd
SHOWN = 3  # answers, of those that are true most often
ROUGHLY, FAR = 0.3, 4.0  # how far the log odds of priors may be off; standard errors that are no chance
BY_CHANCE = 2.5  # standard errors of a kappa that is 0


class Advised(Protocol):
    """A prompt or model, and how accurate it is taken to be."""

    @property
    def name(self) -> str: ...  # noqa: D102 - see the class
    @property
    def accuracy(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float: ...  # noqa: D102
    @property
    def high(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Judged:
    """Estimated accuracies, and what to do."""

    answered: Answered
    estimate: Estimate
    verdict: Verdict
    labels: NDArray[np.int64]  # the known answers, (inputs,), else `NONE`
    drawn: NDArray[np.float64]  # the chances of those that were drawn by chance, (inputs,), else 0
    evenly: NDArray[np.bool_]  # which of the others are a random sample, (inputs,)
    notes: tuple[str, ...] = ()

    @property
    def labelled(self) -> int:
        """How many of the inputs had a known answer."""
        return int((self.labels != NONE).sum())

    def plotted(self, title: str, rows: Sequence[Advised], ranks: Mapping[str, Sequence[int]]) -> Picture:
        """Draw estimated accuracies with their 95 % intervals, and the verdict below.

        Args:
            title: of the picture.
            rows: whose accuracies.
            ranks: of the rows by other methods, 1 is best; drawn beside them.
        """
        pick = None if self.verdict.kind is Kind.OPEN else self.answered.names[self.estimate.pick]
        marked = frozenset(place for place, row in enumerate(rows) if row.name == pick)
        return drawn(
            Measures(
                title,
                "estimated accuracy, with its 95 % interval",
                [row.name for row in rows],
                [row.accuracy for row in rows],
                [row.low for row in rows],
                [row.high for row in rows],
                marked=marked,
                meaning="the one to use" if marked else None,
                ranks=ranks,
                verdict=self.verdict.sentence,
            )
        )


class Hints(TypedDict, total=False):
    """What may be known beside the answers, as it is given to a question."""

    labels: Mapping[Input, str] | Mapping[str, str] | None  # right answers to some of the texts
    chances: Mapping[Input, float] | None  # of those that `label suggest` has drawn, as it told them
    at_random: bool  # the other labels are of texts that were drawn at random from all: they speak for the rest
    priors: Mapping[str, float] | None  # of which share of the texts answers are true; those not named share the rest
    reading: Predictions | None  # what the labels of a task say of all texts, where that is not kept


@dataclass
class Known:
    """What is known beside the answers."""

    task: EntryRecord  # which is asked about: its own labels are right answers, and others are named as its are
    like: EntryRecord | None = None  # whose labels are the witness; None for its own
    labels: Mapping[Input, str] = field(default_factory=dict)  # right answers to some of the inputs
    chances: Mapping[Input, float] = field(default_factory=dict)  # of those that `label suggest` has drawn
    at_random: bool = False  # whether the others are a random sample of the inputs
    priors: Mapping[str, float] = field(default_factory=dict)  # how often answers are true, where that is known
    reading: Predictions | None = None  # what the labels of `like`, or its own, say of all texts; None: what is kept

    @classmethod
    def of(
        cls,
        task: EntryRecord,
        like: EntryRecord | None = None,
        *,
        labels: Mapping[Input, str] | Mapping[str, str] | None = None,
        chances: Mapping[Input, float] | None = None,
        at_random: bool = False,
        priors: Mapping[str, float] | None = None,
        reading: Predictions | None = None,
    ) -> Self:
        """Make one of what is given to a question; see `Hints`."""
        told = by_input(labels)
        for name, its in (("chances", chances), ("priors", priors)):
            if its is not None and not isinstance(its, Mapping):
                raise InputError(f"{name}: a mapping to numbers is needed, not {type(its).__name__}.")
        return cls(task, like, told, chances or {}, at_random=at_random, priors=priors or {}, reading=reading)


def judge(catalog: Catalog, space: SpaceRecord, answered: Answered, known: Known, *, mend: str) -> Judged:
    """Estimate the accuracies.

    Args:
        catalog: where the witness is kept.
        space: whose texts were asked.
        answered: what was answered.
        known: what is known beside.
        mend: how to find out more, for the verdict.
    """
    notes: list[str] = []
    otherwise: tuple[str, str] | None = None
    missing = 1 - float(answered.votes.given.mean())
    teacher = Teacher.of(catalog, space, known.like or known.task, answered, known.reading, own=known.like is None)
    words = Vocabulary.of(known.task, answered)
    by_hand = known.labels if words is None or words.strange is not None else words.translated(known.labels)
    if words is not None and words.strange is None:
        right = {*teacher.named.values(), *by_hand.values()}
        _check_by_hand(by_hand, words, known.task.name)
        is_alone = len(answered.answers) - len(words.junk) - len(words.spelt) < 2
        answered = answered.offering(answer for answer in words.unanswered if answer in right or is_alone)
        answered, otherwise = _by_labels(answered, words, known.task.name, notes)
    if words is None:
        kind = known.task.task_kind or "other"
        notes.append(
            f"{known.task.name} is a task of the kind {kind}, whose own labels are not read: --labelled takes them"
        )
    labels, drawn, evenly = _labels(answered, known, by_hand, teacher.told(answered, notes), notes)
    witness = teacher.witness(answered, notes)
    priors, unanswered = _priors(answered, known.priors, words)
    otherwise = otherwise or unanswered
    for sampled, chance in ((evenly, None), (drawn > 0, drawn)):
        otherwise = otherwise or _unlike_sample(answered, priors, np.where(sampled, labels, NONE), chance)
    opinions = heard(answered.votes, witness, priors)
    by_class = chosen_by_class(answered.answers, answered.votes, opinions, np.where(drawn > 0, NONE, labels))
    if by_class is not None:
        otherwise = otherwise or (f"{by_class}, and count for nothing", SAMPLE)
        labels, evenly = np.where(drawn > 0, labels, NONE), np.zeros(len(labels), bool)
    estimate = estimated(answered.votes, witness, labels, drawn=drawn, evenly=evenly, opinions=opinions)
    if witness is not None and _trust(witness, estimate, priors) < LEAST_TRUST:
        notes.append(f"the labels of {teacher.name} do not go with these answers and count for nothing")
    if missing:
        notes.append(f"{missing:.1%} of the answers are missing and count as wrong")
    notes += _told_copies(answered, estimate)
    told = int((labels != NONE).sum())
    if priors is None and told < LEAST_LABELS and opinions.kind != "lures":
        notes.append(_taken_for_even(answered, estimate))
    otherwise = otherwise or _contrary(answered.votes, np.where(drawn > 0, NONE, labels))
    said = verdict(answered.names, answered.votes, estimate, mend=mend, labels=told, otherwise=otherwise)
    return Judged(answered, estimate, said, labels, drawn, evenly, tuple(notes))


def _labels(
    answered: Answered, known: Known, by_hand: Mapping[Input, str], own: NDArray[np.int64], notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the known answers, the chances of those that were drawn, and which others are a random sample.

    Args:
        answered: the answers.
        known: what is known beside.
        by_hand: labels as answers, which count before those of the task's own examples.
        own: these, (inputs,), else `NONE`.
        notes: to which is added what is to be told.
    """
    given = given_labels(answered.inputs, answered.answers, by_hand, notes)
    labels = np.where(given == NONE, own, given)
    drawn, evenly = np.zeros(len(labels)), np.zeros(len(labels), bool)
    if (labels == NONE).any():  # else it does not matter how texts were chosen
        drawn = given_chances(answered.inputs, known.chances, notes)
        if known.at_random:
            rows = sample_of(answered.inputs, (given != NONE) & (own == NONE), known.chances)
            evenly = given_evenly(answered.votes, rows, own == NONE, notes)
    return labels, drawn, evenly


def _priors(
    answered: Answered, told: Mapping[str, float], words: Vocabulary | None
) -> tuple[Floats | None, tuple[str, str] | None]:
    """Return how often each answer is true, as it is told, and why the accuracies are too high then, with what to do.

    An answer that nobody gave cannot be found out for the truth of a text: on its texts all are wrong.

    Args:
        answered: the answers.
        told: the shares of the texts, by answers or labels.
        words: what the labels mean among the answers.
    """
    named = {} if words is None or words.strange is not None else words.named
    shares = [(named.get(plain(label), label), share) for label, share in told.items()]
    if len({plain(answer) for answer, _ in shares}) < len(shares):
        raise InputError(f"Two of the priors are of one answer: {listed([*told])}.")
    given = {plain(answer) for answer in answered.answers}
    unanswered = () if words is None or words.strange is not None else words.unanswered
    silent = [answer for answer in unanswered if plain(answer) not in given]
    priors = given_priors((*answered.answers, *silent), dict(shares))
    if priors is None:
        return None, None
    here = priors[: len(answered.answers)]
    lost = 1 - float(here.sum())
    why = f"nobody answers {listed([*map(repr, silent)])}, which would be right of {lost:.0%} of the texts"
    too_high = (f"{why}, so all accuracies are too high", OWN_WORDS) if lost > EQUAL else None
    return here / here.sum(), too_high


def _unlike_sample(
    answered: Answered, priors: Floats | None, labels: NDArray[np.int64], chance: Floats | None
) -> tuple[str, str] | None:
    """Say that a sample, weighed by its chances, has other shares of labels than the priors, by far more than by luck.

    Args:
        answered: the answers.
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
    why = f"{answered.answers[worst]!r} is right of {shares[worst]:.0%} of the texts by their labels, and its prior is"
    return f"{why} {priors[worst]:.0%}", "Are the priors of all texts, and the labels of a sample?"


def _trust(witness: Witness, estimate: Estimate, priors: Floats | None) -> float:
    """Return how far a like task's labels go with what is believed."""
    truth = np.mean(estimate.opinions.truths, axis=0)
    expected = Expectation(truth.shape[1], witness, 0.5, priors)
    expected.update(truth)
    return expected.trust


def _taken_for_even(answered: Answered, estimate: Estimate) -> str:
    """Say what is taken of how often answers are true, where nobody told, and what comes of it."""
    shares = estimate.belief.truth.mean(axis=0)
    most = np.argsort(-shares, kind="stable")[:SHOWN].tolist()
    shown = ", ".join(f"{answered.answers[at]} {shares[at]:.0%}" for at in most)
    more = ", ..." if len(shares) > SHOWN else ""
    even = "answers are taken to be true about equally often, from which, by what was answered, comes"
    return f"{even} {shown}{more}: if you know better, tell it by --priors"


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


def _contrary(votes: Votes, labels: NDArray[np.int64]) -> tuple[str, str] | None:
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
    return why, "Are the labels, or the answers, the other way round?"


def _told_copies(answered: Answered, estimate: Estimate) -> list[str]:
    """Say who answers the same throughout, and who nearly so."""
    different, whose = answered.votes.distinct
    groups = [[answered.names[i] for i in np.flatnonzero(whose == one).tolist()] for one in range(len(different))]
    notes = [f"{listed(names)} answer the same throughout and are heard once" for names in groups if len(names) > 1]
    for family in estimate.opinions.families:
        names = [name for member in family.members for name in groups[member]]
        notes.append(f"{listed(names)} answer so nearly the same that they are heard as one")
    return notes


def _check_by_hand(labels: Mapping[Input, str], words: Vocabulary, task: str) -> None:
    """Refuse a label that somebody answered and that is none of the task's."""
    junk = {plain(answer) for answer in words.junk}
    for label in labels.values():
        if plain(label) in junk:
            there = ", ".join(words.meant.values())
            raise InputError(f"The label {label!r} is none of the labels of {task}: there are {there}.")


def _by_labels(
    answered: Answered, words: Vocabulary, task: str, notes: list[str]
) -> tuple[Answered, tuple[str, str] | None]:
    """Leave out answers that are none of a task's labels: they are never right, and would pass for a class of texts.

    Returns:
        What is left, and why it may be wrong with what to do, where somebody gives several answers that are none of
        the labels and next to no other: these may be labels in other words.
    """
    kept = answered.without(words.junk, words.spelt)
    if not words.junk:
        return kept, None
    gone = answered.votes.given & ~kept.votes.given  # (voters, inputs)
    shown = listed([*map(repr, words.junk)])
    notes.append(f"{gone.mean():.1%} of the answers are none of the labels of {task} and count as missing: {shown}")
    for name, own, lost, said in zip(answered.names, answered.votes.given, gone, answered.votes.said, strict=True):
        several = np.bincount(said[lost], minlength=1) >= OFTEN * max(own.sum(), 1)
        if lost.sum() >= MOSTLY * max(own.sum(), 1) and several.sum() > 1:
            return kept, (f"{name} gives other answers than the labels of {task}, which may mean them", OWN_WORDS)
    return kept, None


def how_to_settle(space: SpaceRecord, task: str, model: str | None = None) -> str:
    """Say how to find out more, as it is typed."""
    options = ([] if model is None else ["--model", model]) + ([] if space.current else ["--space", space.name])
    return f"'{' '.join(['fute label suggest', task, *options])}' names texts whose labels would settle it."
