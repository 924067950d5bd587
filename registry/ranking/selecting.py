"""Which vectors of a space pass a filter? Looked up once, until they or what the filter reads may have changed."""

from collections.abc import Hashable

import numpy as np

from registry.catalog import Catalog, Filter, SpaceRecord
from registry.index.building import SpaceIndex
from registry.index.contract import Selection
from registry.kinds import EMBEDDABLE


def selected(catalog: Catalog, index: SpaceIndex, space: SpaceRecord, where: Filter) -> Selection | None:
    """Return what a filter lets through of a space; None where that is all of its index."""

    def look_up() -> Selection | None:
        ids = catalog.embeddings.ids(space.id, where)
        is_all = len(ids) == len(index.index) and np.array_equal(ids, index.index.ids)
        return None if is_all else Selection(ids)

    if set(where.kinds) == set(EMBEDDABLE) and where == Filter(kinds=where.kinds):
        return None
    key: Hashable = ("selected", where)
    if where != Filter(kinds=where.kinds):  # tags and languages change without a vector; an entry's kind never does
        key = ("selected", where, catalog.spaces.generation())
    return index.derived(key, look_up)
