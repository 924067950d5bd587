"""How near are two entries, or all of a space to one another?"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, SpaceRecord
from registry.data.vectors import Similarities, VectorFile, VectorStream
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.names import truth
from registry.ranking.matches import Comparison
from registry.ranking.queried import as_asked, embedding_of
from registry.ranking.uncertainty import standard_error
from registry.spaces.centring import Centring
from registry.spaces.facets import weights_between

MOST_COMPARED = 5_000  # entries, each with each: their similarities take 100 MB

log = logging.getLogger("registry")


def compare(
    catalog: Catalog, space: SpaceRecord, a: str, b: str, *, weights: Mapping[str, float] | None = None
) -> Comparison:
    """Return how near two entries are, facet by facet; see `facets.weights_between` for the weights."""
    with catalog.database.question():
        first, second = (as_asked(catalog, name, embedding_of(catalog, name, space)) for name in (a, b))
        centring = catalog.embeddings.centring(space.id)
    rows = centring.centred(np.stack([first.vector, second.vector]))
    cosines = centring.facets.cosines(rows[0], rows[1:])[0]
    shares = weights_between(centring.facets, first.kind, second.kind, chosen=weights)
    similarity = min(max(sum(shares[name] * cosine for name, cosine in cosines.items()), -1.0), 1.0)  # the last bit
    error = standard_error(first, second, centring, shares)
    return Comparison(first.name, second.name, space.name, similarity, cosines, error, centring.epoch)


def similarities(
    catalog: Catalog, space: SpaceRecord, *, weights: Mapping[str, float] | None = None, most: int = MOST_COMPARED
) -> Similarities:
    """Return the vectors of a space, and their similarities to one another, (n, n), 1 on the diagonal.

    Args:
        most: of more than so many entries a sample is compared, which is told: all of them would take all memory.
    """
    held = catalog.embeddings.all(space.id, most=most)
    if len(held.names) == most:
        count = catalog.spaces.counts()[space.name]
        if count > most:
            told = f"A sample of {most:,} of the {count:,} entries in space {space.name!r} is compared."
            log.warning("%s", told)
    rows = held.centring.centred(held.matrix)
    vectors = VectorFile(space.fingerprint, held.names, tuple(kind.value for kind in held.kinds), held.matrix)
    return Similarities(vectors, held.centring.facets.similarities(rows, held.kinds, weights))


def vectors_of(catalog: Catalog, space: SpaceRecord, *, entry: str | None, centred: bool) -> VectorFile:
    """Return the vectors of a space, all held together; see `vectors_written`."""
    with vectors_written(catalog, space, entry=entry, centred=truth(centred, "centred")) as held:
        matrix = np.concatenate([np.empty((0, space.dimension), np.float32), *held.parts])
        return VectorFile(held.fingerprint, tuple(held.names), tuple(held.kinds), matrix)


@contextmanager
def vectors_written(
    catalog: Catalog, space: SpaceRecord, *, entry: str | None, centred: bool
) -> Iterator[VectorStream]:
    """Hand out the vectors of a space, some at a time: as stored, or those of its tasks as they are compared.

    Args:
        entry: the one whose vector is wanted; None for all.
        centred: whether vectors are made so that their dot products are the similarities of tasks. Those of models are
            left out, for they are compared by other weights; and such vectors are no query.
    """
    if entry is not None:
        one, centring = embedding_of(catalog, entry, space), catalog.embeddings.centring(space.id)
        parts = iter([one.vector[None]])
        yield _as_written(space, centring, (one.name,), (one.kind,), parts, centred=centred)
        return
    with catalog.embeddings.streamed(space.id, kind=EntryKind.TASK if centred else None) as held:
        yield _as_written(space, held.centring, held.names, held.kinds, held.parts, centred=centred)


def _as_written(
    space: SpaceRecord,
    centring: Centring,
    names: Sequence[str],
    kinds: Sequence[EntryKind],
    parts: Iterator[NDArray[np.float32]],
    *,
    centred: bool,
) -> VectorStream:
    are_compared_so, values = not centring.facets.are_centred, [kind.value for kind in kinds]
    if not centred:
        return VectorStream(space.fingerprint, names, values, space.dimension, parts, are_compared_so)
    if not names or kinds[0] is not EntryKind.TASK:
        raise InputError("Only vectors of tasks are written as they are compared.")
    scale = np.sqrt(centring.facets.scale(weights_between(centring.facets, EntryKind.TASK)))
    rows = ((centring.centred(part) * scale).astype(np.float32) for part in parts)
    fingerprint = f"{space.fingerprint}, centred in epoch {centring.epoch}"  # no query of any space
    return VectorStream(fingerprint, names, values, space.dimension, rows, are_compared_so)
