"""Holds all of a registry against itself: its database, keys, examples, spaces, vectors, packs and indices."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from registry.catalog import Catalog, SpaceRecord
from registry.catalog.database import Database
from registry.errors import LostContentError, RegistryError
from registry.index.current import Indexes
from registry.location import Location
from registry.packs.shelf import Shelf
from registry.spaces.spec import SpaceSpec


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it was written."""

    place: str  # catalog, entry NAME, space NAME, pack NAME
    what: str

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.place}: {self.what}"


def verify(location: Location) -> list[Fault]:
    """Read all of a registry and return what is wrong with it; nothing is changed.

    Where the database itself is damaged, what it holds is not looked at.

    Raises:
        NotARegistryError: there is none.
        SchemaError: another release wrote it.
    """
    with closing(Database(location)) as database:
        found = [Fault("catalog", f"{fault}: run 'fute repair'") for fault in database.faults()]
        if found:
            return found
        keys = list(_keys(database))
    with closing(Catalog.open(location)) as catalog:
        return [*keys, *_contents(catalog), *_torn(catalog), *_spaces(catalog, location), *_packs(location)]


def _keys(database: Database) -> Iterator[Fault]:
    """Yield the rows that belong to what is not there."""
    for (table, parent), count in database.dangling().items():
        if table != "version_contents":  # told by the entries
            yield Fault("catalog", f"{count} rows of {table} belong to no row of {parent}: run 'fute repair'")


def _contents(catalog: Catalog) -> Iterator[Fault]:
    """Yield the entries whose examples or texts are missing or damaged."""
    checked: set[str] = set()
    for kind, name, role, sha256 in catalog.entries.held():
        if sha256 not in checked:
            checked.add(sha256)
            try:
                catalog.entries.content(sha256)
            except LostContentError:
                yield Fault(f"{kind} {name}", f"its {role} is missing: add it again")
            except RegistryError:
                yield Fault(f"{kind} {name}", f"its {role} is damaged: run 'fute repair', and add it again")


def _torn(catalog: Catalog) -> Iterator[Fault]:
    """Yield whose answers have a gap: they are asked for in order, so a part is gone."""
    for name, corpus, start in catalog.predictions.torn():
        again = f"'fute embed {name} --again' in a space of these texts asks for them again"
        yield Fault(f"answers of {name}", f"those to {corpus} are missing from text {start + 1} on: {again}")


def _spaces(catalog: Catalog, location: Location) -> Iterator[Fault]:
    """Yield what is wrong with spaces, their vectors and their indices."""
    indexes = Indexes(catalog, location.indexes)
    for space in catalog.spaces.all():
        place = f"space {space.name}"
        if not _is_its_own(space):
            yield Fault(place, "its settings are not those of its fingerprint: run 'fute repair'")
        try:
            held = indexes.verify(space)
        except RegistryError as error:
            yield Fault(place, str(error).removesuffix("."))
        else:
            yield from (Fault(place, f"its index: {fault}: run 'fute index rebuild'") for fault in held.faults)


def _is_its_own(space: SpaceRecord) -> bool:
    try:
        spec = SpaceSpec.from_document(space.spec)
    except (RegistryError, KeyError, TypeError, ValueError):
        return False
    return spec.fingerprint() == space.fingerprint and spec.dimension == space.dimension


def _packs(location: Location) -> Iterator[Fault]:
    """Yield the packs that are not as they were made."""
    shelf = Shelf(location.folder)
    for name in shelf.names():
        try:
            shelf.get(name)
        except RegistryError as error:
            yield Fault(f"pack {name}", f"{str(error).removesuffix('.')}: run 'fute pack add' again")
