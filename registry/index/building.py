"""Makes the index of a space of the catalog's vectors, some at a time, while others write; holds it against them."""

import contextlib
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import numpy as np

from registry.catalog import Catalog, SpaceRecord
from registry.catalog.records import StreamedVectors
from registry.index.contract import DamagedIndexError, FileIndex, Ids, Rows, SharedIndex, VectorIndex
from registry.index.faiss_flat import FaissFlat
from registry.index.kinds import SERVED, IndexChoice
from registry.index.snapshot import Change, SnapshotFiles, SnapshotHeader, hash_of
from registry.kinds import EntryKind
from registry.spaces.centring import Centring
from registry.spaces.facets import weights_between

log = logging.getLogger("registry")

MOST_DERIVED = 200  # things that are remembered of an index until it changes

T = TypeVar("T")

LEAST_RECALL = 0.9  # below, what is found is not what was asked for
QUERIES = 32  # by which an index learns how much to look at, and by which its recall is measured


@dataclass(frozen=True)
class SpaceIndex:
    """The index of a space at one change of it, with the centring that its rows were made with."""

    header: SnapshotHeader
    centring: Centring
    index: VectorIndex
    _derived: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def derived(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was worked out of the vectors as they are now, the first time that it is asked for."""
        if key not in self._derived:
            if len(self._derived) >= MOST_DERIVED:
                self._derived.clear()
            self._derived[key] = make()
        found: T = self._derived[key]
        return found

    def stands_for(self, held: StreamedVectors) -> bool:
        """Say whether it is of this change of the catalog, compared in this way."""
        return (self.header.generation, self.header.mark) == (held.generation, held.mark) and self.centring.is_same_as(
            held.centring
        )

    def at(self, change: Change) -> Self:
        """Return it after a change that its index has followed."""
        header = replace(self.header, generation=change.generation, mark=change.mark)
        return type(self)(header, self.centring, self.index)


@dataclass(frozen=True)
class KeptIndex(SpaceIndex):
    """The index of a space that is kept in files."""

    index: FileIndex


def stands_at(header: SnapshotHeader, space: SpaceRecord) -> bool:
    """Say whether an index is of the last change of a space."""
    return (header.generation, header.mark) == (space.generation, space.mark)


def change_since(catalog: Catalog, header: SnapshotHeader, space: SpaceRecord) -> Change | None:
    """Return what has changed since an index; None where that is not known, or the centre has moved."""
    if header.fingerprint != space.fingerprint or header.mark == space.mark:
        return None  # what names the last change and another generation was never written by us
    changes = catalog.embeddings.changes(space.id, since=header.mark)
    if changes is None or (header.epoch, header.centre) != (changes.centring.epoch, hash_of(changes.centring.centre)):
        return None
    return Change(
        generation=changes.generation,
        mark=changes.mark,
        removed=changes.removed,
        ids=changes.ids,
        rows=changes.centring.centred(changes.matrix),
    )


def built(
    catalog: Catalog, space: SpaceRecord, files: SnapshotFiles, choice: IndexChoice
) -> tuple[SnapshotHeader, Centring, FileIndex]:
    """Return an index of all vectors of a space, with what it stands for; in memory alone where no file can be made."""
    with catalog.embeddings.paged(space.id) as held:
        kind = choice.of(len(held.ids))
        try:
            return _built_as(kind, space, files, held)
        except (OSError, DamagedIndexError) as error:  # there is no room, or the file was removed meanwhile
            if kind is FaissFlat:
                raise
            log.warning("The index of space %r cannot have a file (%s): it is held in memory.", space.name, error)
    with catalog.embeddings.paged(space.id) as held:
        return _built_as(FaissFlat, space, files, held)


def _built_as(
    kind: type[FileIndex], space: SpaceRecord, files: SnapshotFiles, held: StreamedVectors
) -> tuple[SnapshotHeader, Centring, FileIndex]:
    place = files.place_for_rows()
    try:
        rows = (held.centring.centred(part) for part in held.parts)
        index = kind.built(place, space.dimension, held.ids, rows)
        index.tune(queries_of(index, held))
    except BaseException:
        with contextlib.suppress(OSError):
            place.unlink()
        raise
    return replace(header_of(space, held, index.kind), recall=index.recall, files=index.files), held.centring, index


def header_of(space: SpaceRecord, held: StreamedVectors, kind: str) -> SnapshotHeader:
    """Return what an index of vectors stands for."""
    return SnapshotHeader(
        fingerprint=space.fingerprint,
        dimension=space.dimension,
        kind=kind,
        epoch=held.centring.epoch,
        centre=hash_of(held.centring.centre),
        generation=held.generation,
        mark=held.mark,
    )


def queries_of(index: VectorIndex, held: StreamedVectors) -> Rows:
    """Return rows of an index as they are asked for: by a task, and by a model, (q, dimension)."""
    some = np.unique(np.linspace(0, len(held.ids) - 1, min(QUERIES, len(held.ids))).astype(np.int64))
    rows = index.rows(held.ids[some])
    facets = held.centring.facets
    others = [held.kinds[place] if i % 2 else EntryKind.MODEL for i, place in enumerate(some.tolist())]
    weights = [
        weights_between(facets, held.kinds[place], other) for place, other in zip(some.tolist(), others, strict=True)
    ]
    scales = np.array([facets.scale(its) for its in weights], np.float32).reshape(rows.shape)
    return rows * scales


@dataclass(frozen=True)
class Verification:
    """What `index verify` found in one space; `faults` is empty where all is well."""

    space: str
    vectors: int
    snapshot: str  # sound, stale, missing or damaged
    faults: tuple[str, ...]
    kind: str | None = None  # of the index, where there is a snapshot to look at
    recall: float | None = None  # the share of the ten truly nearest that it finds; None where it finds all

    def __str__(self) -> str:
        kind = "" if self.recall is None else f" ({self.kind}, finds {self.recall:.1%} of the ten nearest)"
        what = "collection" if self.kind in SERVED else "snapshot"
        return f"{self.space}: {self.vectors} vectors, {what} {self.snapshot}{kind}; {'; '.join(self.faults) or 'ok'}"


def verified(index: VectorIndex, held: StreamedVectors, rows: Iterable[Rows]) -> tuple[list[str], float | None]:
    """Hold an index against the vectors of a space, as they are compared.

    Returns:
        a line for each fault, and the share of the ten nearest that the index finds, if it need not find all.
    """
    if index.finds_all:
        faults = index.verify(held.ids, np.concatenate([np.empty((0, held.centring.facets.dimension)), *rows]))
        return faults, None
    if not np.array_equal(index.ids, held.ids):
        return ["the index and the catalog hold different ids"], 0.0
    try:
        faults = index.differences(_with_ids(held.ids, rows))
        recall = index.measured_recall(queries_of(index, held))
    except DamagedIndexError as error:
        if isinstance(index, SharedIndex):
            raise
        return [f"the snapshot does not match its checksum: {error}"], 0.0
    if recall < LEAST_RECALL:
        faults.append(f"only {recall:.0%} of the ten nearest are found")
    return faults, recall


def _with_ids(ids: Ids, parts: Iterable[Rows]) -> Iterator[tuple[Ids, Rows]]:
    start = 0
    for rows in parts:
        yield ids[start : start + len(rows)], rows
        start += len(rows)
