"""What is given to a question beside the answers: labels by hand, the chances of those that were drawn, priors.

Which of the texts do they mean? A text is known again as it is, else in another spelling.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from registry.catalog import EntryRecord
from registry.data.answer_tables import NONE
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.spelling import numbered, plain, spelling_key
from registry.errors import InputError
from registry.estimates.sampled import can_be, seems_even
from registry.estimates.votes import Votes
from registry.names import truth, whole
from registry.reading.classes import labels_of

SHOWN = 60  # letters of a text
ROUNDED = 0.02  # by which priors may miss 1 together
LEAST_PRIOR = 0.001  # of an answer that is said to be never true


class Hints(TypedDict, total=False):
    """What may be known beside the answers, as it is given to a question."""

    labels: Mapping[Input, str] | Mapping[str, str] | None  # right answers to some of the texts
    chances: Mapping[Input, float] | Mapping[str, float] | None  # of those that `label suggest` has drawn
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
        chances: Mapping[Input, float] | Mapping[str, float] | None = None,
        at_random: bool = False,
        priors: Mapping[str, float] | None = None,
        reading: Predictions | None = None,
    ) -> Self:
        """Make one of what is given to a question; see `Hints`."""
        if priors is not None and not isinstance(priors, Mapping):
            raise InputError(f"priors: a mapping to numbers is needed, not {type(priors).__name__}.")
        if not isinstance(like, EntryRecord | None):
            raise InputError("like: say it in the question, PromptQuery(TASK, MODEL, like=TASK); models have none.")
        if not isinstance(reading, Predictions | None):
            raise InputError(f"reading: what read_texts returns is needed, not {type(reading).__name__}.")
        told, drawn, even = by_input(labels), _chances(chances), truth(at_random, "at_random")
        return cls(task, like, told, drawn, at_random=even, priors=priors or {}, reading=reading)


@dataclass(frozen=True, eq=False)
class KnownLabels:
    """Which answers are known to be right, and how their texts were chosen: three arrays, (inputs,) each."""

    right: NDArray[np.int64]  # the known answers, else `NONE`
    drawn: NDArray[np.float64]  # the chances of those that `label suggest` drew, else 0
    evenly: NDArray[np.bool_]  # which of the others are a random sample

    @property
    def count(self) -> int:
        """How many are known."""
        return int((self.right != NONE).sum())

    @property
    def of_sample(self) -> NDArray[np.int64]:
        """Those of a random sample, else `NONE`."""
        return np.where(self.evenly, self.right, NONE)

    @property
    def of_drawn(self) -> NDArray[np.int64]:
        """Those of texts that were drawn where voters differ, else `NONE`."""
        return np.where(self.drawn > 0, self.right, NONE)

    @property
    def undrawn(self) -> NDArray[np.int64]:
        """All others, else `NONE`."""
        return np.where(self.drawn > 0, NONE, self.right)

    def drawn_alone(self) -> "KnownLabels":
        """Return the same as if no others were known."""
        return KnownLabels(self.of_drawn, self.drawn, np.zeros(len(self.right), bool))


def check_limit(limit: int) -> None:
    """Raise `InputError` where no row is asked for."""
    if whole(limit, "limit") < 1:
        raise InputError(f"limit: {limit} rows are none.")


def by_input(labels: object) -> dict[Input, str]:
    """Return labels as they are given to Python, of texts or inputs, by input and as a task spells them.

    Raises:
        InputError: they are no mapping of texts to labels.
    """
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        raise InputError(f"labels: a mapping of texts to labels is needed, not {type(labels).__name__}.")
    spelt = labels_of(list(labels.values()))
    made = {}
    for text, label, given in zip(labels, spelt, labels.values(), strict=True):
        known = _input(text, "labels")
        if label is None:
            raise InputError(f"labels: {str(text)[:SHOWN]!r} has the label {given!r}, which is none: leave it out.")
        made[known] = label
    return made


def _chances(chances: object) -> dict[Input, float]:
    """Return chances as they are given to Python, of texts or inputs, by input."""
    if chances is None:
        return {}
    if not isinstance(chances, Mapping):
        raise InputError(f"chances: a mapping to numbers is needed, not {type(chances).__name__}.")
    made = {_input(text, "chances"): chance for text, chance in chances.items()}
    for text, chance in made.items():
        if isinstance(chance, bool) or not isinstance(chance, int | float | np.floating) or not 0 < chance <= 1:
            raise InputError(f"chances: {text.text[:SHOWN]!r} has {chance!r}: give what suggest_labels told, above 0.")
    return made


def _input(text: object, what: str) -> Input:
    if not isinstance(text, Input | str):
        raise InputError(f"{what}: {str(text)[:SHOWN]!r} is neither a text nor an Input.")
    return text if isinstance(text, Input) else Input(text)


def given_priors(answers: Sequence[str], priors: Mapping[str, float]) -> NDArray[np.float64] | None:
    """Return how often each answer is true, (answers,), as it is told; None where nothing is.

    What is left is spread evenly over the answers that are not named.

    Args:
        answers: all that may be true.
        priors: the shares of the texts of which an answer is true.

    Raises:
        InputError: one is none of the answers, or they are no shares of one whole.
    """
    if not priors:
        return None
    number = numbered(answers)
    made = np.full(len(answers), np.nan)
    for answer, share in priors.items():
        if plain(answer) not in number:
            raise InputError(f"The prior of {answer!r} is of none of the answers: there are {', '.join(answers)}.")
        is_number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
        if not is_number or not 0 <= share <= 1:
            raise InputError(f"The prior of {answer!r} is {share!r}: a share of the texts is needed, from 0 to 1.")
        made[number[plain(answer)]] = share
    told, open_ = float(np.nansum(made)), np.isnan(made)
    if told > 1 + ROUNDED or (told < 1 - ROUNDED and not open_.any()):
        raise InputError(f"The priors add up to {told:g}: they are shares of one whole.")
    made[open_] = max(1 - told, 0) / max(int(open_.sum()), 1)
    made = np.maximum(made, LEAST_PRIOR)
    return np.asarray(made / made.sum())


def given_labels(
    inputs: Sequence[Input], answers: Sequence[str], labels: Mapping[Input, str], notes: list[str]
) -> NDArray[np.int64]:
    """Return the known answers, (inputs,), else `NONE`.

    Raises:
        InputError: a label is none of the answers, a text has two, or none of the texts was asked.
    """
    made = np.full(len(inputs), NONE)
    if not labels:
        return made
    number = numbered(answers)
    for row, (text, known) in enumerate(zip(inputs, _labels_of(inputs, labels), strict=True)):
        if len(known) > 1:
            raise InputError(f"The text {text.text[:SHOWN]!r} has two labels, in two spellings.")
        for label in known:
            if plain(label) not in number:
                raise InputError(f"The label {label!r} is none of the answers: there are {', '.join(answers)}.")
            made[row] = number[plain(label)]
    if (made == NONE).all():
        raise InputError("None of the labelled texts is among those that were asked.")
    asked = {spelling_key(*text) for text in inputs}
    left = sum(spelling_key(*text) not in asked for text in labels)
    if left:
        notes.append(f"{left} labelled texts are not among those that were asked")
    return made


def _labels_of(inputs: Sequence[Input], labels: Mapping[Input, str]) -> list[Set[str]]:
    """Return the labels of each input: of all its spellings; of one with a label itself, but those of other inputs."""
    whole = set(inputs)
    spelt: dict[tuple[str, str], set[str]] = defaultdict(set)
    not_asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for text, label in labels.items():
        spelt[spelling_key(*text)].add(label)
        if text not in whole:
            not_asked[spelling_key(*text)].add(label)
    return [
        {labels[text], *not_asked[spelling_key(*text)]} if text in labels else spelt[spelling_key(*text)]
        for text in inputs
    ]


def given_chances(inputs: Sequence[Input], chances: Mapping[Input, float], notes: list[str]) -> NDArray[np.float64]:
    """Return the chances with which inputs were drawn, (inputs,), 0 for those that were not.

    Chances that `label suggest` cannot have told of these inputs are none, which is noted: a few labels would count as
    all of them.
    """
    row = {text: number for number, text in reversed(list(enumerate(inputs)))}
    spelt = {spelling_key(*text): number for text, number in row.items() if text not in chances}
    made, strange = np.zeros(len(inputs)), []
    for text, chance in chances.items():
        number = row.get(text, spelt.get(spelling_key(*text)))
        if number is None:
            strange.append(text)
        else:
            made[number] = chance
    why = None
    if strange:
        why = f"{strange[0].text[:SHOWN]!r} was suggested, but is not among these texts"
    elif not can_be(made[made > 0], len(inputs)):
        why = "the chances of the labelled texts are none that 'label suggest' tells for these"
    if why is None:
        return made
    notes.append(f"{why}: the labels speak for their own texts alone")
    return np.zeros(len(inputs))


def sample_of(
    inputs: Sequence[Input], labelled: NDArray[np.bool_], chances: Mapping[Input, float]
) -> NDArray[np.bool_]:
    """Return the labelled rows that may be a random sample, (inputs,): one of a text, and none that was suggested."""
    known = {spelling_key(*text) for text in chances}  # whether or not their chances count
    made = np.zeros(len(inputs), bool)
    for row in np.flatnonzero(labelled).tolist():
        key = spelling_key(*inputs[row])
        made[row] = key not in known
        known.add(key)
    return made


def given_evenly(
    votes: Votes, rows: NDArray[np.bool_], frame: NDArray[np.bool_], notes: list[str]
) -> NDArray[np.bool_]:
    """Return the rows of what is said to be a random sample, (inputs,).

    Where voters agree on these far more or less than on all inputs, and than on those of the frame, whose labels were
    not known, that is noted: a sample that was chosen tells of others what is not so.
    """
    sampled = np.flatnonzero(rows)
    if len(sampled) and not any(seems_even(votes, sampled, among) for among in (frame, np.ones(len(frame), bool))):
        notes.append(
            "the labelled texts are answered more, or less, alike than all are: if they were chosen and not drawn at "
            "random, leave --random away"
        )
    return rows
