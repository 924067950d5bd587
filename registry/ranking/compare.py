"""How near are two entries, or all of a space to one another?"""

from collections.abc import Mapping

import numpy as np

from registry.catalog import Catalog, SpaceRecord
from registry.data.vectors import Similarities, VectorFile
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.ranking.matches import Comparison
from registry.ranking.queried import embedding_of
from registry.ranking.uncertainty import standard_error
from registry.spaces.facets import weights_between


def compare(
    catalog: Catalog, space: SpaceRecord, a: str, b: str, *, weights: Mapping[str, float] | None = None
) -> Comparison:
    """Return how near two entries are, facet by facet; see `facets.weights_between` for the weights."""
    first, second = embedding_of(catalog, a, space), embedding_of(catalog, b, space)
    centring = catalog.embeddings.centring(space.id)
    rows = centring.centred(np.stack([first.vector, second.vector]))
    cosines = centring.facets.cosines(rows[0], rows[1:])[0]
    shares = weights_between(centring.facets, first.kind, second.kind, chosen=weights)
    similarity = sum(shares[name] * cosine for name, cosine in cosines.items())
    error = standard_error(first, second, centring, shares)
    return Comparison(first.name, second.name, space.name, similarity, cosines, error, centring.epoch)


def similarities(catalog: Catalog, space: SpaceRecord, *, weights: Mapping[str, float] | None = None) -> Similarities:
    """Return the vectors of a space, and their similarities to one another, (n, n), 1 on the diagonal."""
    held = catalog.embeddings.all(space.id)
    rows = held.centring.centred(held.matrix)
    vectors = VectorFile(space.fingerprint, held.names, tuple(kind.value for kind in held.kinds), held.matrix)
    return Similarities(vectors, held.centring.facets.similarities(rows, held.kinds, weights))


def vectors_of(catalog: Catalog, space: SpaceRecord, *, entry: str | None, centred: bool) -> VectorFile:
    """Return the vectors of a space: as stored, or those of its tasks as they are compared.

    Args:
        entry: the one whose vector is wanted; None for all.
        centred: whether vectors are made so that their dot products are the similarities of tasks. Those of models are
            left out, for they are compared by other weights; and such vectors are no query.
    """
    held = catalog.embeddings.all(space.id)
    kinds = tuple(kind.value for kind in held.kinds)
    if not centred:
        if entry is None:
            return VectorFile(space.fingerprint, held.names, kinds, held.matrix)
        one = embedding_of(catalog, entry, space)
        return VectorFile(space.fingerprint, (one.name,), (one.kind.value,), one.vector[None])
    name = None if entry is None else embedding_of(catalog, entry, space).name
    kept = [i for i, kind in enumerate(held.kinds) if kind is EntryKind.TASK and name in (None, held.names[i])]
    if not kept:
        raise InputError("Only vectors of tasks are written as they are compared.")
    facets = held.centring.facets
    scale = np.sqrt(facets.scale(weights_between(facets, EntryKind.TASK)))
    rows = (held.centring.centred(held.matrix[kept]) * scale).astype(np.float32)
    fingerprint = f"{space.fingerprint}, centred in epoch {held.centring.epoch}"  # no query of any space
    return VectorFile(fingerprint, tuple(held.names[i] for i in kept), ("task",) * len(kept), rows)
