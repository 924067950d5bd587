"""How accurate is each prompt, or model, on the texts of a space? From what they answered there, without labels.

The labels of a task enter as a witness: a classifier on the surrogate's features, trained on the task's examples, has
said what it makes of the texts (`embedders.black_boxes.witnesses`), and that is kept like any model's answers.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EntryRecord, SpaceRecord
from registry.catalog.predictions import joined
from registry.choosing.given import given_chances, given_evenly, given_labels
from registry.choosing.known import LEAST_EXAMPLES, can_teach, choosable, labelled_task, own_labels, unseen
from registry.data.answer_tables import NONE
from registry.data.inputs import Input, parse_corpus, plain
from registry.data.models import HeadKind, ModelKind, ModelSpec
from registry.data.predictions import Predictions
from registry.data.recordings import Recording
from registry.data.tasks import TaskData
from registry.errors import InputError
from registry.estimates.estimate import Estimate, estimated
from registry.estimates.verdict import LEAST_TRUST, Kind, Verdict, verdict
from registry.estimates.votes import Votes
from registry.estimates.witness import Expectation, Witness
from registry.kinds import EntryKind
from registry.prompts.prompt import PAIR, Prompt
from registry.views.charts.bars import Measures, drawn
from registry.views.charts.picture import Picture

OTHER_ANSWERS = "the labels of {} are other answers, so they say nothing here"
EMBED_FIRST = "embed models there first"
UNREAD = 1e-3  # the probability of an answer that the witness does not know


@dataclass(frozen=True, eq=False)
class Answered:
    """What several models or prompts answered to the same inputs of a corpus."""

    names: tuple[str, ...]
    answers: tuple[str, ...]
    votes: Votes
    inputs: tuple[Input, ...]
    rows: NDArray[np.int64]  # of the corpus, (inputs,)


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
    labels: NDArray[np.int64] | None  # the known answers, (inputs,), else `NONE`; None where there is none
    drawn: NDArray[np.float64]  # the chances of those that were drawn by chance, (inputs,), else 0
    evenly: NDArray[np.bool_]  # which of the others are a random sample, (inputs,)
    notes: tuple[str, ...] = ()

    @property
    def labelled(self) -> int:
        """How many of the inputs had a known answer."""
        return 0 if self.labels is None else int((self.labels != NONE).sum())

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


@dataclass
class Known:
    """What is known beside the answers."""

    task: EntryRecord | None = None  # whose labels are the witness
    labels: Mapping[Input, str] = field(default_factory=dict)  # right answers to some of the inputs
    chances: Mapping[Input, float] = field(default_factory=dict)  # of those that `label suggest` has drawn
    at_random: bool = False  # whether the others are a random sample of the inputs
    own: bool = False  # whether the task is the one that is asked about: its own labels are right answers, too


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
    labels = given_labels(answered.inputs, answered.answers, known.labels, notes)
    drawn = given_chances(answered.inputs, known.chances, notes)
    evenly = given_evenly(answered.votes, labels, drawn, notes) if known.at_random else np.zeros(len(drawn), bool)
    witness = None
    if known.task is not None:
        witness, own = _said_by_task(catalog, space, answered, known.task, notes, own=known.own)
        if own is not None:
            labels = own if labels is None else np.where(labels == NONE, own, labels)
            evenly &= own == NONE
    estimate = estimated(answered.votes, witness, labels, drawn=drawn, evenly=evenly)
    if witness is not None and known.task is not None:
        trust = Expectation(len(answered.answers), witness, 0.5)
        trust.update(np.mean(estimate.opinions.truths, axis=0))
        if trust.trust < LEAST_TRUST:
            notes.append(f"the labels of {known.task.name} do not go with these answers and count for nothing")
    missing = 1 - float(answered.votes.given.mean())
    if missing:
        notes.append(f"{missing:.1%} of the answers are missing and count as wrong")
    told = 0 if labels is None else int((labels != NONE).sum())
    said = verdict(answered.names, answered.votes, estimate, mend=mend, labels=told)
    return Judged(answered, estimate, said, labels, drawn, evenly, tuple(notes))


def how_to_settle(space: SpaceRecord, task: str, model: str | None = None) -> str:
    """Say how to find out more, as it is typed."""
    options = ([] if model is None else ["--model", model]) + ([] if space.current else ["--space", space.name])
    return f"'{' '.join(['fute label suggest', task, *options])}' names texts whose labels would settle it."


def said_by(catalog: Catalog, space: SpaceRecord, voters: Mapping[str, int]) -> dict[str, Predictions]:
    """Return what voters, by the versions of their entries, answered to the texts of a space; without those silent."""
    assert space.corpus_version_id is not None, "a space without corpus embeds no models"  # noqa: S101
    chunks = catalog.predictions.chunks_of(list(voters.values()), space.corpus_version_id)
    said = {name: joined(chunks[version]) for name, version in voters.items()}
    return {name: predictions for name, predictions in said.items() if len(predictions)}


def answered_by(
    catalog: Catalog,
    space: SpaceRecord,
    voters: Mapping[str, int],
    said: Mapping[str, Predictions],
    notes: list[str],
) -> Answered:
    """Bring what voters answered into one table; notes say who is left out, and why.

    Args:
        catalog: where the texts are kept.
        space: whose corpus was asked.
        voters: names and the versions of their entries.
        said: what they answered.
        notes: where to say what is left out.

    Raises:
        InputError: nobody answered.
    """
    assert space.corpus_version_id is not None, "a space without corpus embeds no models"  # noqa: S101
    if not said:
        raise InputError(f"Nobody has answered the texts of space {space.name}: {_elsewhere(catalog, space, voters)}.")
    record = catalog.entries.by_version_id(space.corpus_version_id)
    texts = parse_corpus(catalog.entries.content(record.contents["texts"]), record.name)
    rows = {name: rows_asked(catalog, texts, voters[name], len(own)) for name, own in said.items()}
    kinds = {name: (rows[name].tobytes(), _meanings(own.answers)) for name, own in said.items()}
    counted = Counter(kinds.values())
    usual = max(counted, key=lambda kind: counted[kind])
    kept = [name for name in said if kinds[name] == usual]
    if len(kept) < len(said):
        other = next(name for name in said if name not in kept)
        notes.append(f"{len(said) - len(kept)} are left out, which choose from other answers or texts: {other} ...")
    answers, asked = said[kept[0]].answers, rows[kept[0]]
    table = np.stack([_column(said[name], answers) for name in kept])
    return Answered(tuple(kept), answers, Votes(table, len(answers)), tuple(texts[row] for row in asked), asked)


def _elsewhere(catalog: Catalog, space: SpaceRecord, voters: Mapping[str, int]) -> str:
    """Say where some of the voters have answered, else that they are to be asked here."""
    others = [other for other in catalog.spaces.all() if other.corpus_version_id not in (None, space.corpus_version_id)]
    there = [other.name for other in others if said_by(catalog, other, voters)]
    return f"models answered those of {', '.join(there)}: take '--space {there[0]}'" if there else EMBED_FIRST


def rows_asked(catalog: Catalog, texts: Sequence[Input], voter: int, count: int) -> NDArray[np.int64]:
    """Return which texts of a corpus a voter, a version of an entry, was asked: `count` of them, in order."""
    if count == len(texts):
        return np.arange(count)
    row = {text: number for number, text in enumerate(texts)}
    asked = answerable(catalog, catalog.entries.by_version_id(voter), texts)
    return np.array([row[text] for text in asked[:count]], np.int64)


def answerable(catalog: Catalog, entry: EntryRecord, inputs: Sequence[Input]) -> list[Input]:
    """Return the inputs that a model could be asked, in order, as those who ask it choose them."""
    spec = ModelSpec.from_document(entry.spec, name=entry.name)
    if spec.kind is ModelKind.RECORDED:
        bodies = {role: catalog.entries.content(sha256) for role, sha256 in entry.contents.items()}
        known = set(Recording.from_contents(spec.answers or (), bodies).inputs)
        return [one for one in inputs if one in known]
    if spec.head is HeadKind.QUESTION_ANSWERING:
        return [one for one in inputs if one.text_pair is not None and one.text_pair.strip()]
    prompt = prompt_of(catalog, spec)
    if prompt is not None and PAIR in prompt.fields.values():
        return [one for one in inputs if one.text_pair is not None]
    return list(inputs)


def prompt_of(catalog: Catalog, spec: ModelSpec) -> Prompt | None:
    """Return the prompt of a prompted model; None for any other."""
    return Prompt.from_spec(catalog.entries.get(spec.prompt, EntryKind.PROMPT).spec) if spec.prompt else None


def _meanings(answers: Sequence[str]) -> frozenset[str]:
    return frozenset(map(plain, answers))


def _column(said: Predictions, answers: Sequence[str]) -> NDArray[np.int64]:
    """Return the numbers of the likeliest answers, (inputs,)."""
    number = {plain(text): column for column, text in enumerate(answers)}
    to = np.array([number[plain(text)] for text in said.answers])
    return np.where(said.is_answered, to[said.probabilities.argmax(axis=1)], NONE)


def _said_by_task(
    catalog: Catalog, space: SpaceRecord, answered: Answered, task: EntryRecord, notes: list[str], *, own: bool
) -> tuple[Witness | None, NDArray[np.int64] | None]:
    """Return what a task's labels say of the inputs, and which answers they name; None, and a note, where nothing.

    Args:
        own: whether the labels of its own examples are right answers.
    """
    assert space.corpus_version_id is not None, "a space without corpus embeds no models"  # noqa: S101
    read = joined(catalog.predictions.chunks(task.version_id, space.corpus_version_id))
    data = labelled_task(catalog, task) if own or not len(read) else None
    named = None if data is None or not own else _own_labels(answered, task.name, data, notes)
    if len(read):
        return _witness(answered, task.name, read, notes), named
    if data is not None:
        notes += _unread(answered, task.name, data, told=named is not None)
    return None, named


def _witness(answered: Answered, task: str, read: Predictions, notes: list[str]) -> Witness | None:
    """Return what a classifier that learnt from a task has read; None, and a note, where that says nothing."""
    number = {plain(text): column for column, text in enumerate(answered.answers)}
    columns = [number.get(plain(text)) for text in read.answers]
    if sum(column is not None for column in columns) < 2:
        notes.append(OTHER_ANSWERS.format(task))
        return None
    table = np.full((len(answered.rows), len(answered.answers)), UNREAD)
    for column, own in zip(columns, read.probabilities[answered.rows].T, strict=True):
        if column is not None:
            table[:, column] += own
    return Witness.of(table / table.sum(axis=1, keepdims=True))


def _unread(answered: Answered, task: str, data: TaskData, *, told: bool) -> list[str]:
    """Say why the texts were not read by the labels of a task; `told` where those of the texts themselves count."""
    if len(choosable(data, answered.answers)) < 2:
        return [OTHER_ANSWERS.format(task)]
    what = f"the {'other ' if told else ''}labels of {task} count for nothing: "
    if can_teach(unseen(data, answered.inputs)):
        return [
            what + "the texts were not read by them yet, which 'fute best-prompt' and 'fute best-model' do, with torch"
        ]
    return [] if told else [what + f"there are not {LEAST_EXAMPLES} examples, of two labels, beside these texts"]


def _own_labels(answered: Answered, task: str, data: TaskData, notes: list[str]) -> NDArray[np.int64] | None:
    """Return the answers that the task's own examples name, (inputs,); None where they name none."""
    own = own_labels(data, answered.inputs, answered.answers)
    if not own:
        return None
    number = {plain(text): column for column, text in enumerate(answered.answers)}
    said = np.array([number[plain(own[text])] if text in own else NONE for text in answered.inputs], np.int64)
    notes.append(f"{(said != NONE).sum()} of the {len(said)} texts are examples of {task}: their labels count as known")
    return said
