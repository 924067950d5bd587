"""Makes the index of a space of the catalog's vectors, some at a time, while others may write."""

import contextlib
import logging

import numpy as np

from registry.catalog import Catalog, SpaceRecord
from registry.catalog.records import StreamedVectors
from registry.index.contract import FileIndex, Rows
from registry.index.faiss_flat import FaissFlat
from registry.index.kinds import IndexChoice
from registry.index.snapshot import SnapshotFiles, SnapshotHeader, hash_of
from registry.kinds import EntryKind
from registry.spaces.centring import Centring
from registry.spaces.facets import weights_between

log = logging.getLogger("registry")

QUERIES = 32  # by which an index learns how much to look at, and by which its recall is measured


def built(
    catalog: Catalog, space: SpaceRecord, files: SnapshotFiles, choice: IndexChoice
) -> tuple[SnapshotHeader, Centring, FileIndex]:
    """Return an index of all vectors of a space, with what it stands for; in memory alone where no file can be made."""
    with catalog.embeddings.paged(space.id) as held:
        kind = choice.of(len(held.ids))
        try:
            return _built_as(kind, space, files, held)
        except OSError as error:
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
    header = SnapshotHeader(
        fingerprint=space.fingerprint,
        dimension=space.dimension,
        kind=index.kind,
        epoch=held.centring.epoch,
        centre=hash_of(held.centring.centre),
        generation=held.generation,
        mark=held.mark,
        recall=index.recall,
        files=index.files,
    )
    return header, held.centring, index


def queries_of(index: FileIndex, held: StreamedVectors) -> Rows:
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
