"""What a page tells of one entry or space, read from the catalog alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from registry import Registry
from registry.catalog import EntryRecord
from registry.catalog.browsing.parts import (
    VectorLine,
    VersionLine,
    models_under,
    vectors_of,
    versions_of,
)
from registry.choosing.answers import AnsweredText, given_answers
from registry.data.inputs import Input, parse_corpus
from registry.data.models import ModelSpec
from registry.data.tasks import task_of
from registry.data.transfers import TransferRecord
from registry.data.vectors import has_data
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt
from registry.ranking.compare import similarities
from registry.ranking.levels import alike_of, as_told
from registry.views.charts.plane import plane
from registry.views.charts.points import nearest_of, tied_of
from registry.views.facts import answers_line, facts_of

EXAMPLES = 8  # of a task or corpus that are shown
TRANSFERS = 12  # to an entry, and from it
LINKED = 60  # models and prompts that belong to an entry
DRAWN = 300  # points of a map: of more entries a sample is drawn
LEAST_DRAWN = 3


@dataclass(frozen=True)
class ExampleLine:
    """One example, or text of a corpus."""

    text: str
    text_pair: str | None
    label: str | None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasuredLine:
    """Transfers of an entry, the best first, and how many there are."""

    lines: Sequence[TransferRecord]
    total: int


@dataclass(frozen=True)
class EntryView:
    """All that the page of an entry shows, but for its neighbours and answers."""

    record: EntryRecord
    facts: Mapping[str, str]
    examples: Sequence[ExampleLine]
    prompt: Prompt | None
    versions: Sequence[VersionLine]
    vectors: Sequence[VectorLine]
    to_it: MeasuredLine
    from_it: MeasuredLine
    related: Sequence[str]  # MODEL@PROMPT made with it

    @classmethod
    def of(cls, registry: Registry, name: str) -> "EntryView":
        """Read an entry; raise `NotFoundError` where there is none."""
        catalog, database = registry.catalog, registry.catalog.database
        with database.question():
            record = catalog.entries.get(name)
            return cls(
                record=record,
                facts=facts_of(record),
                examples=_examples(registry, record),
                prompt=_prompt(registry, record),
                versions=versions_of(database, record.name),
                vectors=vectors_of(database, record.version_id),
                to_it=_measured(catalog.transfers.fitting(target=record.name)),
                from_it=_measured(catalog.transfers.fitting(source=record.name)),
                related=_related(registry, record),
            )


def summary_of(record: EntryRecord) -> str:
    """Return in a line what an entry is, for a list."""
    spec = record.spec
    if record.kind is EntryKind.TASK:
        count = (spec.get("examples") or {}).get("train")
        parts = [record.task_kind, f"{count:,} examples" if count else None, answers_line(spec)]
    elif record.kind is EntryKind.PROMPT:
        parts = [", ".join(spec.get("choices", ()))]
    elif record.kind is EntryKind.CORPUS:
        parts = [f"{spec['texts']:,} texts" if spec.get("texts") else None, spec.get("source")]
    elif record.kind is EntryKind.PROMPTED_MODEL:
        parts = [spec.get("type"), spec.get("prompt")]
    else:
        parts = [spec.get("type"), spec.get("source") or spec.get("model")]
    told = " · ".join(str(part) for part in parts if part)
    return told if len(told) <= 120 else f"{told[:116]} ..."


def _first_lines(body: bytes, count: int) -> bytes:
    """Return the first lines of a text, so that the others need not be read."""
    end = -1
    for _ in range(count):
        end = body.find(b"\n", end + 1)
        if end < 0:
            return body
    return body[: end + 1]


def _examples(registry: Registry, record: EntryRecord) -> list[ExampleLine]:
    if record.kind is EntryKind.TASK and has_data(record.spec) and "train" in record.contents:
        body = registry.catalog.entries.content(record.contents["train"])
        rows = task_of(record.spec, {"train": _first_lines(body, EXAMPLES)}, record.name).train
        return [ExampleLine(row.text, row.text_pair, row.label, row.choices or ()) for row in rows]
    if record.kind is EntryKind.CORPUS and "texts" in record.contents:
        body = registry.catalog.entries.content(record.contents["texts"])
        texts: list[Input] = parse_corpus(_first_lines(body, EXAMPLES), record.name)
        return [ExampleLine(text, pair, None) for text, pair in texts]
    return []


def _prompt(registry: Registry, record: EntryRecord) -> Prompt | None:
    """Return the prompt of an entry that is one, or is asked under one."""
    if record.kind is EntryKind.PROMPT:
        return Prompt.from_spec(record.spec)
    if record.kind is EntryKind.PROMPTED_MODEL and record.spec.get("prompt"):
        return registry.prompt(str(record.spec["prompt"]))
    return None


def _related(registry: Registry, record: EntryRecord) -> list[str]:
    if record.kind is EntryKind.MODEL:
        prompts = registry.catalog.entries.prompts_of(record.name)
        return [f"{record.name}@{prompt}" for prompt in prompts[:LINKED]]
    if record.kind is EntryKind.PROMPT:
        return models_under(registry.catalog.database, record.name, limit=LINKED)
    return []


def _measured(records: Sequence[TransferRecord]) -> MeasuredLine:
    best_first = sorted(records, key=lambda record: -record.score_mean)
    return MeasuredLine(best_first[:TRANSFERS], len(records))


@dataclass(frozen=True)
class AnswersView:
    """What a model was asked and answered, as much of it as a page shows."""

    lines: Sequence[AnsweredText]
    counts: Mapping[str, int]
    asked: int  # texts
    of: int  # texts
    space: str


def answers_of(
    registry: Registry, record: EntryRecord, space: str | None, *, most: int, rendered: bool = False
) -> AnswersView | None:
    """Return what a model answered in a space; None where it was not asked there, or answers under prompts alone.

    Args:
        most: texts that are shown.
        rendered: whether it is told what was asked of each: its prompt's template is rendered, in the sandbox.
    """
    if not _is_asked_itself(record) or not _has_corpus(registry, space):
        return None
    given = given_answers(
        registry.catalog, f"{record.name}:{record.version}", space=space, rendered_for=most if rendered else 0
    )
    return AnswersView(given[:most], given.counts, len(given), given.corpus_size, given.space) if given else None


def _is_asked_itself(record: EntryRecord) -> bool:
    """Say whether an entry is a model that does not answer under prompts alone."""
    if record.kind is EntryKind.MODEL:
        return not ModelSpec.from_document(record.spec, name=record.name).is_language_model
    return record.kind is EntryKind.PROMPTED_MODEL


def _has_corpus(registry: Registry, space: str | None) -> bool:
    try:
        return registry.catalog.spaces.get(space).corpus_version_id is not None
    except InputError:  # there is none at all, none in use, or none of this name
        return False


@dataclass(frozen=True)
class MapPoint:
    """An entry in the plane."""

    name: str
    kind: str
    task_kind: str | None
    x: float  # of both, the wider goes from 0 to 1
    y: float
    nearest: str  # of the entries that are drawn
    alike: bool | None  # whether the nearest is more so than unrelated entries are; None where nobody can tell
    tied: str | None  # the nearest that is alike, as far as anybody can tell


@dataclass(frozen=True)
class MapOfSpace:
    """The entries of a space in a plane whose distances follow their similarities, or a sample of them."""

    space: str
    vectors: int  # in the space
    points: Sequence[MapPoint]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"space": self.space, "vectors": self.vectors, "points": [vars(point) for point in self.points]}


def map_of(registry: Registry, space: str | None) -> MapOfSpace:
    """Return where the entries of a space lie; no points where they are fewer than `LEAST_DRAWN`."""
    record = registry.catalog.spaces.get(space)
    count = registry.catalog.spaces.counts().get(record.name, 0)
    if count < LEAST_DRAWN:
        return MapOfSpace(record.name, count, ())
    compared = similarities(registry.catalog, record, most=DRAWN)
    vectors, similarity = compared
    if len(vectors.names) < LEAST_DRAWN:
        return MapOfSpace(record.name, count, ())
    places = plane(similarity)
    places = (places - places.min(axis=0)) / max(float(np.ptp(places, axis=0).max()), 1e-9)
    nearest, _ = nearest_of(similarity)
    alike = np.take_along_axis(alike_of(registry.catalog, record, compared), nearest, axis=1)
    tied = tied_of(nearest, alike)
    names, asked = vectors.names, {one.name: one.task_kind for one in registry.catalog.entries.some(vectors.names)}
    points = [
        MapPoint(
            name=name,
            kind=kind,
            task_kind=asked.get(name),
            x=round(x, 4),
            y=round(y, 4),
            nearest=names[near[0]],
            alike=as_told(told[0]),
            tied=names[tied[number]] if number in tied else None,
        )
        for number, (name, kind, (x, y), near, told) in enumerate(
            zip(names, vectors.kinds, places.tolist(), nearest.tolist(), alike.tolist(), strict=True)
        )
    ]
    return MapOfSpace(record.name, count, points)
