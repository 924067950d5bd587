"""What would a run ask of which model? Told before anything is loaded or asked, or written into the registry."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from embedders.jobs.runs import embeddable
from embedders.predictors.contract import is_covered
from embedders.spaces import everyday_inputs
from registry import Registry
from registry.catalog import EntryRecord, Filter, SpaceRecord
from registry.catalog.predictions import CONTENT_FREE
from registry.catalog.records import NewEntry
from registry.choosing.asked import answerable, asked_of
from registry.data.inputs import Input
from registry.data.models import ModelKind, ModelSpec, is_language_model
from registry.data.vectors import check_data, has_data
from registry.kinds import EMBEDDABLE, EntryKind
from registry.names import several
from registry.prompts.pairs import all_meant
from registry.prompts.prompt import Prompt
from registry.results import Cell, Table
from registry.spaces.spec import SpaceSpec

SAY_NOTHING = 3  # inputs that a language model is asked beside those of the corpus


@dataclass(frozen=True)
class PlannedEntry:
    """One entry that would be embedded, and how many texts its model is still to be asked."""

    name: str
    kind: str
    texts: int
    requests: int  # that are sent to an endpoint, at least; 0 where the model is here
    seconds: float | None = None  # at the rate that an endpoint is asked at, or that its like took; None: not known

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        about = None if self.seconds is None else _span(self.seconds)
        asked: dict[str, Cell] = {"texts": self.texts, "requests": self.requests or None}
        return {"name": self.name, "kind": self.kind, **asked, "about": about}


class Plan(Table[PlannedEntry]):
    """All that a run would do. `notes` are to be said of the names that were given."""

    notes: tuple[str, ...] = ()

    @property
    def requests(self) -> int:
        """How many requests are sent to endpoints, at least."""
        return sum(row.requests for row in self)

    @property
    def told(self) -> str:
        """The requests in one sentence, with how long they take where a rate is set."""
        asking = [row for row in self if row.requests]
        times = [row.seconds for row in asking if row.seconds is not None]
        took = f", {_span(sum(times))} or more at the rate that is set" if times else ""
        texts = sorted({row.texts for row in asking})
        of = str(texts[0]) if len(texts) == 1 else f"up to {texts[-1]}"
        noun = "prompt" if len(asking) == 1 else "prompts"
        return f"{len(asking)} {noun} x {of} texts: {self.requests} requests or more{took}"

    @property
    def seconds_here(self) -> float:
        """How long what is embedded here takes, as far as that is known."""
        return sum(row.seconds or 0.0 for row in self if not row.requests)

    @property
    def told_here(self) -> str | None:
        """The same in one sentence; None where nothing is known."""
        here = [row for row in self if not row.requests]
        known = [row.seconds for row in here if row.seconds is not None]
        if not known:
            return None
        new = f", and {len(here) - len(known)} of which nothing is known" if len(known) < len(here) else ""
        noun = "entry" if len(known) == 1 else "entries"
        return f"{len(known)} {noun} here: about {_span(self.seconds_here)}, as the last ones of their kind took{new}."

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {"requests": self.requests, "entries": [asdict(row) for row in self]}


def planned(
    registry: Registry, names: Sequence[str] | None = None, *, space: str | None = None, again: bool = False
) -> Plan:
    """Return what `embed` would do with these entries, None for all, `again` also with what has a vector.

    Nothing is written, and what is recorded is not asked again. Where there is no space yet, it is told of the one that
    `embed` would make. Raises `NotFoundError`.
    """
    catalog = registry.catalog
    notes: list[str] = []
    is_first = space is None and not catalog.spaces.all()
    record = None if is_first else catalog.spaces.get(space)
    if names is not None:
        meant, notes = all_meant(catalog, several(names, "names"))
        for one in meant:
            check_data(one.spec, one.name)
    elif record is not None:
        meant = [*embeddable(registry, SpaceSpec.from_document(record.spec))]
    else:
        every = catalog.entries.all(Filter(kinds=EMBEDDABLE))
        meant = [entry for entry in every if has_data(entry.spec) and not is_language_model(entry.spec)]
    held = set() if record is None or again else catalog.embeddings.known(record.id)
    todo = {one.name: one for one in meant if not (isinstance(one, EntryRecord) and one.version_id in held)}
    inputs, usual = _inputs(registry, record), _usual_seconds(registry, record)
    if names is None:
        strange = {name for name, one in todo.items() if not _covers(registry, one, inputs)}
        todo = {name: one for name, one in todo.items() if name not in strange}
        notes += [f"{len(strange)} are passed over, whose answers are to other texts."] if strange else []
    rows = [_planned(registry, one, record, inputs) for one in todo.values()]
    plan = Plan([row if row.requests else replace(row, seconds=usual.get(_like(row.name, row.kind))) for row in rows])
    plan.notes = tuple(notes)
    return plan


def _covers(registry: Registry, entry: EntryRecord | NewEntry, inputs: Sequence[Input]) -> bool:
    """Say whether enough of the inputs can be answered: of recorded answers not all can."""
    if entry.kind is EntryKind.TASK or not isinstance(entry, EntryRecord):
        return True
    if ModelSpec.from_document(entry.spec, name=entry.name).kind is not ModelKind.RECORDED:
        return True
    return is_covered(len(answerable(registry.catalog, entry, inputs)), len(inputs))


def _like(name: str, kind: str) -> tuple[str, str]:
    """Return what takes about as long: all tasks, all models, and the prompts of one model."""
    return kind, name.partition("@")[0] if kind == EntryKind.PROMPTED_MODEL else ""


def _usual_seconds(registry: Registry, space: SpaceRecord | None) -> dict[tuple[str, str], float]:
    """Return the median of the seconds that entries took in a space; what was copied or brought says nothing."""
    took: dict[tuple[str, str], list[float]] = {}
    for name, kind, seconds in [] if space is None else registry.catalog.spaces.last_seconds(space.id):
        took.setdefault(_like(name, kind.value), []).append(seconds)
    return {like: median(its) for like, its in took.items()}


def _span(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _inputs(registry: Registry, space: SpaceRecord | None) -> list[Input]:
    if space is None:
        return everyday_inputs()
    corpus_id = space.corpus_version_id
    return [] if corpus_id is None else registry.corpus_inputs(registry.catalog.entries.by_version_id(corpus_id))


def _planned(
    registry: Registry, entry: EntryRecord | NewEntry, space: SpaceRecord | None, inputs: Sequence[Input]
) -> PlannedEntry:
    if entry.kind is EntryKind.TASK:
        return PlannedEntry(entry.name, entry.kind.value, 0, 0)
    chunks = {}
    if isinstance(entry, EntryRecord) and space is not None and space.corpus_version_id is not None:
        chunks = registry.catalog.predictions.chunks(entry.version_id, space.corpus_version_id)
    known = sum(len(one) for start, one in chunks.items() if start != CONTENT_FREE)
    spec = ModelSpec.from_document(entry.spec, name=entry.name)
    texts = max(len(asked_of(registry.catalog, entry, inputs, chunks)) - known, 0)
    if spec.kind is not ModelKind.PROMPTED:
        return PlannedEntry(entry.name, entry.kind.value, texts, 0)
    prompt = Prompt.from_spec(registry.catalog.entries.get(spec.prompt, EntryKind.PROMPT).spec)
    owner = registry.catalog.entries.get(spec.model, EntryKind.MODEL)
    model = ModelSpec.from_document(owner.spec, name=owner.name)
    if model.kind is not ModelKind.ENDPOINT:
        return PlannedEntry(entry.name, entry.kind.value, texts, 0)
    turns = 2 if prompt.style == "chain-of-thought" else 1
    requests = turns * (texts + (0 if CONTENT_FREE in chunks else SAY_NOTHING))
    rate = model.limits.get("requests_per_second")
    return PlannedEntry(entry.name, entry.kind.value, texts, requests, requests / rate if rate else None)
