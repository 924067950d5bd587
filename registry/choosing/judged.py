"""How accurate is each prompt, or model, on the texts of a space? From what they answered there, without labels.

The labels of a task enter as right answers to its own examples, and as a witness; see `registry.choosing.teacher`.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, SpaceRecord
from registry.choosing.asked import Answered
from registry.choosing.doubts import OWN_WORDS, SAMPLE, chosen_by_class, contrary, in_other_words, unlike_priors
from registry.choosing.given import (
    Known,
    KnownLabels,
    given_chances,
    given_evenly,
    given_labels,
    given_priors,
    sample_of,
)
from registry.choosing.teacher import Teacher
from registry.choosing.vocabulary import Vocabulary
from registry.data.answer_tables import NONE
from registry.data.inputs import Input
from registry.data.spelling import plain
from registry.errors import InputError
from registry.estimates.committee import heard
from registry.estimates.estimate import Estimate, estimated
from registry.estimates.verdict import EQUAL, LEAST_LABELS, LEAST_TRUST, Doubt, Kind, Verdict, verdict
from registry.estimates.votes import Floats
from registry.estimates.witness import Expectation, Witness
from registry.names import listed
from registry.views.charts.bars import Measures, drawn
from registry.views.charts.picture import Picture

SHOWN = 3  # answers, of those that are true most often


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
    teacher = Teacher.of(catalog, space, known.like or known.task, answered, known.reading, own=known.like is None)
    basis = _basis(answered, known, teacher, notes)
    votes, labels = basis.answered.votes, basis.labels
    opinions = heard(votes, basis.witness, basis.priors)
    by_class = chosen_by_class(basis.answered.answers, votes, opinions, labels.undrawn)
    doubt = basis.doubt
    if by_class is not None:
        doubt = doubt or Doubt(f"{by_class}, and count for nothing", SAMPLE)
        labels = labels.drawn_alone()
    doubt = doubt or contrary(votes, labels.undrawn)
    estimate = estimated(
        votes, basis.witness, labels.right, drawn=labels.drawn, evenly=labels.evenly, opinions=opinions
    )
    if basis.witness is not None and _trust(basis.witness, estimate, basis.priors) < LEAST_TRUST:
        notes.append(f"the labels of {teacher.name} do not go with these answers and count for nothing")
    notes += [*_told_missing(answered), *_told_copies(basis.answered, estimate)]
    if basis.priors is None and labels.count < LEAST_LABELS and opinions.kind != "lures":
        notes.append(_taken_for_even(basis.answered, estimate))
    said = verdict(answered.names, votes, estimate, mend=mend, labels=labels.count, doubt=doubt)
    return Judged(basis.answered, estimate, said, labels.right, labels.drawn, labels.evenly, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Basis:
    """What an estimate rests on, all of it in the same answers."""

    answered: Answered
    labels: KnownLabels
    witness: Witness | None
    priors: Floats | None  # how often each answer is true, where that is told
    doubt: Doubt | None  # why these may not be what they seem


def _basis(answered: Answered, known: Known, teacher: Teacher, notes: list[str]) -> _Basis:
    """Bring what is known into the answers that were given; notes say what does not count, and why."""
    words = Vocabulary.of(known.task, answered)
    clear = words if words is not None and words.strange is None else None
    by_hand, other_words = known.labels, None
    if words is None:
        kind = known.task.task_kind or "other"
        notes.append(
            f"{known.task.name} is a task of the kind {kind}, whose own labels are not read: --labelled takes them"
        )
    if clear is not None:
        by_hand = clear.translated(known.labels)
        _check_by_hand(by_hand, clear, known.task.name)
        right = {*teacher.named.values(), *by_hand.values()}
        answered, other_words = _among_labels(answered, clear, right, known.task.name, notes)
    labels = _labels(answered, known, by_hand, teacher.told(answered, notes), notes)
    witness = teacher.witness(answered, notes)
    priors, unanswered = _priors(answered, known.priors, clear)
    doubt = (
        other_words
        or unanswered
        or unlike_priors(answered.answers, priors, labels.of_sample)
        or unlike_priors(answered.answers, priors, labels.of_drawn, labels.drawn)
    )
    return _Basis(answered, labels, witness, priors, doubt)


def _among_labels(
    answered: Answered, words: Vocabulary, right: Set[str], task: str, notes: list[str]
) -> tuple[Answered, Doubt | None]:
    """Return answers as those of a task, whose labels alone are ever right; and why these may be wrong.

    Answers that are none of its labels would pass for a class of texts: they are left out. Labels that nobody gave are
    added where they are right of a text, or where one answer alone would be left.

    Args:
        answered: the answers.
        words: what the labels mean among them.
        right: answers that are known to be right of some text.
        task: its name.
        notes: to which is added what is left out.
    """
    is_alone = len(answered.answers) - len(words.junk) - len(words.spelt) < 2
    offered = answered.offering(answer for answer in words.unanswered if answer in right or is_alone)
    kept = offered.without(words.junk, words.spelt)
    if not words.junk:
        return kept, None
    gone = offered.votes.given & ~kept.votes.given  # (voters, inputs)
    shown = listed([*map(repr, words.junk)])
    notes.append(f"{gone.mean():.1%} of the answers are none of the labels of {task} and count as missing: {shown}")
    return kept, in_other_words(offered, gone, task)


def _check_by_hand(labels: Mapping[Input, str], words: Vocabulary, task: str) -> None:
    """Refuse a label that somebody answered and that is none of the task's."""
    junk = {plain(answer) for answer in words.junk}
    for label in labels.values():
        if plain(label) in junk:
            there = ", ".join(words.meant.values())
            raise InputError(f"The label {label!r} is none of the labels of {task}: there are {there}.")


def _labels(
    answered: Answered, known: Known, by_hand: Mapping[Input, str], own: NDArray[np.int64], notes: list[str]
) -> KnownLabels:
    """Return the known answers, and how their texts were chosen.

    Args:
        answered: the answers.
        known: what is known beside.
        by_hand: labels as answers, which count before those of the task's own examples.
        own: these, (inputs,), else `NONE`.
        notes: to which is added what is to be told.
    """
    given = given_labels(answered.inputs, answered.answers, by_hand, notes)
    right = np.where(given == NONE, own, given)
    against = int(((given != NONE) & (own != NONE) & (given != own)).sum())
    if against:
        notes.append(f"{against} of the labels are others than those of the same texts in {known.task.name}, and count")
    drawn, evenly = np.zeros(len(right)), np.zeros(len(right), bool)
    if (right == NONE).any():  # else it does not matter how texts were chosen
        drawn = given_chances(answered.inputs, known.chances, notes)
        if known.at_random:
            rows = sample_of(answered.inputs, (given != NONE) & (own == NONE), known.chances)
            evenly = given_evenly(answered.votes, rows, own == NONE, notes)
    return KnownLabels(right, drawn, evenly)


def _priors(
    answered: Answered, told: Mapping[str, float], words: Vocabulary | None
) -> tuple[Floats | None, Doubt | None]:
    """Return how often each answer is true, as it is told, and why the accuracies are too high then.

    An answer that nobody gave cannot be found out for the truth of a text: on its texts all are wrong.

    Args:
        answered: the answers.
        told: the shares of the texts, by answers or labels.
        words: what the labels mean among the answers; None where that is not clear.
    """
    named, unanswered = ({}, ()) if words is None else (words.named, words.unanswered)
    shares = [(named.get(plain(label), label), share) for label, share in told.items()]
    if len({plain(answer) for answer, _ in shares}) < len(shares):
        raise InputError(f"Two of the priors are of one answer: {listed([*told])}.")
    given = {plain(answer) for answer in answered.answers}
    silent = [answer for answer in unanswered if plain(answer) not in given]
    priors = given_priors((*answered.answers, *silent), dict(shares))
    if priors is None:
        return None, None
    here = priors[: len(answered.answers)]
    lost = 1 - float(here.sum())
    why = f"nobody answers {listed([*map(repr, silent)])}, which would be right of {lost:.0%} of the texts"
    too_high = Doubt(f"{why}, so all accuracies are too high", OWN_WORDS) if lost > EQUAL else None
    return here / here.sum(), too_high


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


def _told_missing(answered: Answered) -> list[str]:
    """Say how many answers are missing."""
    missing = 1 - float(answered.votes.given.mean())
    return [f"{missing:.1%} of the answers are missing and count as wrong"] if missing else []


def _told_copies(answered: Answered, estimate: Estimate) -> list[str]:
    """Say who answers the same throughout, and who nearly so."""
    different, whose = answered.votes.distinct
    groups = [[answered.names[i] for i in np.flatnonzero(whose == one).tolist()] for one in range(len(different))]
    notes = [f"{listed(names)} answer the same throughout and are heard once" for names in groups if len(names) > 1]
    for family in estimate.opinions.families:
        names = [name for member in family.members for name in groups[member]]
        notes.append(f"{listed(names)} answer so nearly the same that they are heard as one")
    return notes


def how_to_settle(space: SpaceRecord, task: str, model: str | None = None) -> str:
    """Say how to find out more, as it is typed."""
    options = ([] if model is None else ["--model", model]) + ([] if space.current else ["--space", space.name])
    return f"'{' '.join(['fute label suggest', task, *options])}' names texts whose labels would settle it."
