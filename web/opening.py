"""A registry that is only looked at, for days: nothing in its folder changes, and damage is told when it happens."""

import os

from registry import Registry
from registry.catalog import Catalog
from registry.index.current import Indexes
from registry.location import located


def open_to_read(location: str | os.PathLike[str] | None = None) -> Registry:
    """Open a registry whose indexes are never written: one that is missing is made in memory.

    Raises:
        NotARegistryError: there is none.
        SchemaError: it was written by another release.
    """
    place = located(location)
    catalog = Catalog.open(place)
    catalog.database.is_watched = True
    return Registry(catalog, Indexes(catalog, place.indexes, keeps=False))
