"""Keeps each space's index at hand: from memory, from its snapshot, or rebuilt from the catalog."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from registry.catalog import Catalog, SpaceRecord
from registry.catalog.records import SpaceVectors
from registry.errors import StorageError
from registry.index.faiss_flat import VectorIndex
from registry.index.snapshot import SnapshotDamagedError, SnapshotHeader, read_snapshot, write_snapshot
from registry.index.verify import Verification, _differences, _search_faults
from registry.kinds import EntryKind
from registry.spaces.spec import Facet, SpaceSpec

log = logging.getLogger("registry")


class Indexes:
    """The indexes of one registry, each a cache of the catalog's vectors."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog = catalog
        self._folder = folder
        self._held: dict[str, tuple[SnapshotHeader, VectorIndex]] = {}  # by fingerprint

    def of(self, space: SpaceRecord) -> VectorIndex:
        """Return the index of a space, as the catalog has it now."""
        header, index = self._held.get(space.fingerprint, (None, None))
        if index is not None and header == _header(space, space.vectors):
            return index
        index, state = self._from_snapshot(space)
        if index is None:
            index = self.rebuild(space)
            log.warning("Index of space %r was %s: rebuilt from the catalog.", space.name, state)
            return index
        self._held[space.fingerprint] = (_header(space, space.vectors), index)
        return index

    def refresh(self, space: SpaceRecord) -> None:
        """Rebuild the index where its snapshot is not the catalog's, without a word: vectors have just come."""
        if self._from_snapshot(space)[0] is None:
            self.rebuild(space)

    def rebuild(self, space: SpaceRecord) -> VectorIndex:
        """Make the index anew from the catalog and keep a snapshot of it, if the folder can be written."""
        vectors = self._catalog.embeddings.all(space.id)
        index = _built(vectors, space)
        header = _header(replace(space, generation=vectors.generation, mark=vectors.mark), len(index))
        self._held[space.fingerprint] = (header, index)
        try:
            with self._catalog.database.lock():
                write_snapshot(self._path(space), index, header)
        except (OSError, StorageError) as error:
            log.warning("The index of space %r could not be saved (%s); answers are not affected.", space.name, error)
        return index

    def verify(self, space: SpaceRecord) -> Verification:
        """Hold the snapshot against the catalog: ids, vectors, and FAISS's answers against brute force."""
        vectors = self._catalog.embeddings.all(space.id)  # raises IntegrityError for a damaged vector
        fresh = _built(vectors, space)
        found, state = self._from_snapshot(space)
        faults = [] if found is None else _differences(found, fresh)
        faults += _search_faults(fresh if found is None else found, fresh)
        if state == "damaged":
            faults.append("the snapshot does not match its checksum")
        return Verification(space.name, len(fresh), state, tuple(faults))

    def _from_snapshot(self, space: SpaceRecord) -> tuple[VectorIndex | None, str]:
        try:
            header, index = read_snapshot(self._path(space), _facets(space))
        except SnapshotDamagedError:
            return None, "damaged"
        except OSError:
            return None, "missing"
        return (index, "sound") if header == _header(space, space.vectors) else (None, "stale")

    def _path(self, space: SpaceRecord) -> Path:
        return self._folder / f"{space.fingerprint}.idx"


def _header(space: SpaceRecord, count: int) -> SnapshotHeader:
    return SnapshotHeader(space.fingerprint, space.generation, count, space.dimension, space.mark)


def _built(vectors: SpaceVectors, space: SpaceRecord) -> VectorIndex:
    is_task = np.array([kind is EntryKind.TASK for kind in vectors.kinds], bool)
    return VectorIndex.build(vectors.ids, vectors.matrix, is_task, _facets(space))


def _facets(space: SpaceRecord) -> tuple[Facet, ...]:
    return SpaceSpec.from_document(space.spec).facets
