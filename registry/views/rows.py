"""Entries, spaces and the registry's state as rows that a table can show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.catalog import Catalog, EntryRecord, SpaceRecord
from registry.errors import together
from registry.kinds import EntryKind
from registry.results import Cell

RecallOf = Callable[[SpaceRecord], float | None]

ENTRY_COLUMNS: dict[EntryKind, tuple[str, ...]] = {
    EntryKind.TASK: ("kind", "train", "test", "labels", "language", "tags"),
    EntryKind.MODEL: ("type", "version", "source", "tags"),
    EntryKind.PROMPT: ("version", "choices", "tags"),
    EntryKind.PROMPTED_MODEL: ("model", "prompt", "tags"),
    EntryKind.CORPUS: ("texts", "source", "tags"),
}


@dataclass(frozen=True)
class EntryRow:
    """One entry in a list."""

    record: EntryRecord

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.record.name

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table, the columns as its kind needs them."""
        values = _values(self.record)
        return {"name": self.name, **{name: values.get(name) for name in ENTRY_COLUMNS[self.record.kind]}}

    def exact(self) -> dict[str, Cell]:
        """Return the row with all of a task's labels."""
        labels = self.record.spec.get("labels")
        return {**self.cells(), "labels": ", ".join(labels)} if labels and "labels" in self.cells() else self.cells()

    def as_json(self) -> dict[str, Any]:
        """Return all that is known of the entry."""
        record = self.record
        return {
            "name": record.name,
            "kind": record.kind,
            "version": record.version,
            "content_hash": record.content_hash,
            "language": record.language,
            "description": record.description,
            "tags": list(record.tags),
            "aliases": record.aliases,
            "spec": record.spec,
            "created_at": record.created_at.isoformat(),
        }


@dataclass(frozen=True)
class SpaceRow:
    """One space in a list."""

    record: SpaceRecord
    vectors: int

    @property
    def name(self) -> str:
        """The space's name."""
        return self.record.name

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        record = self.record
        return {
            "name": record.name,
            "current": "*" if record.current else "",
            "method": str(record.spec["method"]),
            "surrogate": str(record.spec["surrogate_source"]),
            "corpus": record.corpus,
            "dimension": record.dimension,
            "vectors": self.vectors,
            "fingerprint": record.fingerprint[:12],
        }

    def as_json(self) -> dict[str, Any]:
        """Return all that is known of the space."""
        record = self.record
        return {
            "name": record.name,
            "current": record.current,
            "fingerprint": record.fingerprint,
            "dimension": record.dimension,
            "vectors": self.vectors,
            "corpus": record.corpus,
            "epoch": record.epoch,
            "centred_on": record.centred_on,
            "spec": record.spec,
        }


@dataclass(frozen=True)
class Status:
    """What a registry holds."""

    location: str
    entries: dict[str, int]
    spaces: dict[str, int]  # name -> vectors
    current_space: str | None
    jobs: dict[str, int]
    failures: dict[str, str] = field(default_factory=dict)  # name -> why its embedding failed
    packs: tuple[str, ...] = ()  # in use; what they hold is counted nowhere else
    recalls: dict[str, float] = field(default_factory=dict)  # of the ten nearest, by space, where not all need be found

    @classmethod
    def of(cls, catalog: Catalog, *, packs: Sequence[str], recall_of: RecallOf) -> "Status":
        """Count what a catalog holds, beside the packs in use and what the indexes were measured to find."""
        spaces, counts = catalog.spaces.all(), catalog.entries.counts()
        return cls(
            location=str(catalog.database.location),
            entries={kind.value: counts.get(kind, 0) for kind in EntryKind},
            spaces=catalog.spaces.counts(),
            current_space=next((space.name for space in spaces if space.current), None),
            jobs=catalog.jobs.counts(),
            failures=catalog.jobs.failures(),
            packs=tuple(packs),
            recalls={space.name: recall for space in spaces if (recall := recall_of(space)) is not None},
        )

    def __str__(self) -> str:
        """Return what there is, a line for each thing."""
        plural = {"task": "tasks", "model": "models", "prompt": "prompts", "prompted-model": "prompted models"}
        counts = [f"{count:,} {plural.get(kind, 'corpora')}" for kind, count in self.entries.items()]
        lines = [f"registry  {self.location}", f"entries   {', '.join(counts)}"]
        for name, vectors in self.spaces.items():
            found = f", of which {self.recalls[name]:.1%} of the ten nearest are found" if name in self.recalls else ""
            current = " (current)" if name == self.current_space else ""
            lines.append(f"space     {name}{current}: {vectors:,} vectors{found}")
        if self.packs:
            lines.append(f"packs     {', '.join(self.packs)}")
        if self.jobs.get("running"):
            lines.append(f"jobs      {self.jobs['running']:,} running, or broken off: 'fute embed --all' goes on")
        lines += [f"failed    {names}: {why}" for names, why in together(self.failures)]
        return "\n".join(lines)


def _values(record: EntryRecord) -> dict[str, Cell]:
    spec = record.spec
    size = spec.get("examples", {})
    return {
        "kind": record.task_kind,
        "version": record.version,
        "language": record.language,
        "tags": ", ".join(record.tags),
        "labels": _labels(spec),
        "train": size.get("train"),
        "test": size.get("test"),
        "type": spec.get("type"),
        "source": spec.get("source"),
        "texts": spec.get("texts"),
        "model": spec.get("model"),
        "prompt": spec.get("prompt"),
        "choices": ", ".join(spec.get("choices", ())),
    }


def _labels(spec: dict[str, Any]) -> str | None:
    """Return a task's first labels, or the ends of its scale."""
    if spec.get("range"):
        low, high = spec["range"]
        return f"{low:g} to {high:g}"
    labels = spec.get("labels")
    return None if not labels else ", ".join(labels[:5]) + (f", ... {len(labels)}" if len(labels) > 5 else "")
