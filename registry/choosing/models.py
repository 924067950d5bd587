"""A leaderboard without labels: which of all models and prompts that answered the texts of a space is best?"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from registry.catalog import Catalog, Filter, SpaceRecord
from registry.choosing.asked import Answered, answered_by, corpus_of, in_one_table, said_by
from registry.choosing.given import Hints, Known, check_limit
from registry.choosing.judged import Judged, how_to_settle, judge
from registry.choosing.outputs import outputs_of_prompts
from registry.choosing.vocabulary import words_of_labels
from registry.data.inputs import Input
from registry.errors import InputError
from registry.estimates.estimate import suggested
from registry.kinds import EntryKind
from registry.names import whole
from registry.results import Cell, Table
from registry.views.charts.picture import Picture

VOTERS = (EntryKind.MODEL, EntryKind.PROMPTED_MODEL)


class ModelOptions(Hints, total=False):
    """What `best_model` may be told."""

    limit: int
    space: str | None


class SuggestOptions(Hints, total=False):
    """What `suggested_texts` may be told."""

    model: str | None
    count: int
    space: str | None


@dataclass(frozen=True)
class ModelAdvice:
    """One model, or prompted model, and how accurate it is taken to be."""

    rank: int
    name: str
    accuracy: float  # as it is estimated, on the texts of the space
    low: float  # of its 95 % interval
    high: float
    best: float  # the probability of being the best; models that answer the same share it, so they add up to 1

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        interval = f"{self.low:.2f} to {self.high:.2f}"
        return {"rank": self.rank, "model": self.name, "accuracy": self.accuracy, "95 %": interval, "best": self.best}

    def exact(self) -> dict[str, Cell]:
        """Return the row with the ends of the interval as numbers."""
        ends: dict[str, Cell] = {"low": self.low, "high": self.high}
        return {"rank": self.rank, "model": self.name, "accuracy": self.accuracy, **ends, "best": self.best}


class ModelRanking(Table[ModelAdvice]):
    """Models for a task, best first, with what to do."""

    bars: tuple[str, ...] = ("accuracy", "best")

    def __init__(
        self, rows: Sequence[ModelAdvice], judged: Judged, task: str, space: str, notes: Sequence[str]
    ) -> None:
        super().__init__(rows, title=f"models for {task}, on the {len(judged.answered.inputs)} texts of space {space}")
        self.judged = judged
        self.verdict = judged.verdict
        self.task = task
        self.space = space
        self.notes = tuple(notes)

    def comes_to(self) -> tuple[object | None, Sequence[object]]:
        """Return the verdict and the notes."""
        return self.verdict.sentence, self.notes

    def plot(self) -> Picture:
        """Draw the estimated accuracies with their intervals."""
        return self.judged.plotted(str(self.title), self, {})

    def as_json(self) -> dict[str, Any]:
        """Return the ranking as JSON values."""
        return {
            "task": self.task,
            "space": self.space,
            "verdict": self.verdict.as_json(),
            "labelled": self.judged.labelled,
            "notes": list(self.notes),
            "models": [vars(row) for row in self],
        }


@dataclass(frozen=True)
class Suggestion:
    """A text whose label would help to choose."""

    row: int  # of the corpus, from 0
    text: str
    text_pair: str | None
    chance: float  # to be drawn next: its label has to be given with it
    answers: str  # what the likeliest best ones say of it

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        return {"row": self.row, "text": self.text, "text_pair": self.text_pair, "answers": self.answers}

    def exact(self) -> dict[str, Cell]:
        """Return the row with its chance, which the label is given with."""
        chance: dict[str, Cell] = {"chance": self.chance}
        return {**self.cells(), **chance}


def best_model(
    catalog: Catalog,
    task: str,
    *,
    limit: int = 10,
    space: str | None = None,
    **hints: Unpack[Hints],
) -> ModelRanking:
    """Rank every model and prompted model that answered a space's texts with the answers of a task.

    First is who is expected to lose least against the best, which the verdict names too.

    Args:
        catalog: the catalog.
        task: whose labels are what models choose from; they also say what they can of the texts.
        limit: how many are returned.
        space: whose texts were answered; None for the current one.
        hints: as for `best_prompt`.

    Raises:
        InputError: nobody answered.
        NotFoundError: there is no such task.
    """
    check_limit(limit)
    record = catalog.spaces.get(space)
    entry = catalog.entries.get(task, EntryKind.TASK)
    notes: list[str] = []
    voters = _voters(catalog, record)
    answered = answered_by(catalog, record, voters, said_by(catalog, record, voters), words_of_labels(entry), notes)
    known = Known.of(entry, **hints)
    judged = judge(catalog, record, answered, known, mend=how_to_settle(record, task))
    estimate = judged.estimate
    order = estimate.loss.argsort(kind="stable")[:limit].tolist()
    columns = (estimate.accuracy, estimate.low, estimate.high, estimate.best)
    rows = [
        ModelAdvice(place, answered.names[i], *(float(own[i]) for own in columns))
        for place, i in enumerate(order, start=1)
    ]
    return ModelRanking(rows, judged, task, record.name, [*notes, *judged.notes])


def suggested_texts(
    catalog: Catalog,
    task: str,
    *,
    model: str | None = None,
    count: int = 20,
    space: str | None = None,
    **hints: Unpack[Hints],
) -> Table[Suggestion]:
    """Return texts whose labels would settle soonest which prompt of a model, or which model, is best.

    They are drawn by chance, more often where those that may be best disagree, and in an order that stays: who asks
    for more goes on where they stopped. So the first so many are labelled, without leaving one out.

    Args:
        catalog: the catalog.
        task: as for `best_model`.
        model: an LLM, whose prompts are to choose from; None for all models.
        count: how many texts.
        space: whose texts; None for the current one.
        hints: as for `best_prompt`; of the texts without a label some are suggested.

    Raises:
        InputError: nobody answered, or there is one alone.
    """
    if whole(count, "count") < 1:
        raise InputError(f"count: {count} texts are none.")
    record = catalog.spaces.get(space)
    entry = catalog.entries.get(task, EntryKind.TASK)
    if model is None:
        voters = _voters(catalog, record)
        answered = answered_by(catalog, record, voters, said_by(catalog, record, voters), words_of_labels(entry), [])
    else:
        outputs = outputs_of_prompts(catalog, model, record, entry)
        answered = in_one_table(catalog, record, outputs.said, outputs.asked)
    judged = judge(catalog, record, answered, Known.of(entry, **hints), mend="")
    answered = judged.answered
    if len(answered.names) < 2:
        raise InputError("There is only one to choose from, so no label would settle anything.")
    luck = np.array([_luck(text) for text in answered.inputs])
    votes, estimate, labels = answered.votes, judged.estimate, judged.labels
    drawn = suggested(votes, estimate, labels, count, luck=luck, drawn=judged.drawn, evenly=judged.evenly)
    first = (-judged.estimate.best).argsort(kind="stable")[:3].tolist()
    return Table([_suggestion(answered, row, chance, first) for row, chance in drawn])


def _voters(catalog: Catalog, space: SpaceRecord) -> dict[str, int]:
    """Return the latest versions of all that may have answered."""
    corpus_of(space)
    entries = catalog.entries.all(Filter(kinds=VOTERS))
    return {entry.name: entry.version_id for entry in entries}


def _luck(text: Input) -> float:
    """Return a number between 0 and 1, as good as drawn, and the same for a text each time."""
    named = hashlib.sha256(f"{text.text}\0{text.text_pair or ''}".encode(errors="surrogatepass")).digest()
    return (int.from_bytes(named[:6], "big") + 0.5) / 2**48


def _suggestion(answered: Answered, row: int, chance: float, first: Sequence[int]) -> Suggestion:
    said = answered.votes.said[list(first), row].tolist()
    texts = ", ".join(
        f"{answered.names[i]}: {answered.answers[at] if at >= 0 else '-'}" for i, at in zip(first, said, strict=True)
    )
    text = answered.inputs[row]
    return Suggestion(int(answered.rows[row]), text.text, text.text_pair, chance, texts)
