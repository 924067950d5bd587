"""A registry brought to another place, as it is: a folder into a server's database, and back."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from registry.catalog.database import Database
from registry.catalog.whole.copying import copy_rows
from registry.errors import InputError
from registry.location import Location
from registry.packs.shelf import Shelf


@dataclass(frozen=True)
class Copied:
    """What a copy holds."""

    rows: Counter[str]  # by table
    packs: tuple[str, ...]

    def __str__(self) -> str:
        counts = (f"{self.rows[table]} {table}" for table in ("entries", "spaces", "embeddings", "transfers"))
        return f"{', '.join(counts)}; packs: {', '.join(self.packs) or 'none'}"


def copy(source: Location, target: Location) -> Copied:
    """Copy a registry with all that is in it, versions, answers, jobs and packs; an index is made where it is asked.

    All rows are read in one view, and written in one transaction. In a folder the catalog is put in place last: a copy
    that is broken off is no registry, and it can be made again.

    Raises:
        DataError: a pack is damaged.
        NotARegistryError: there is none to copy.
        InputError: there is something in the other place.
    """
    if source.folder.resolve() in (target.folder.resolve(), *target.folder.resolve().parents):
        raise InputError(f"{source} is copied into another place, not into itself.")
    given, packs = Shelf(source.folder), Shelf(target.folder)
    names = [pack.name for pack in given.all()]

    def copy_packs() -> None:
        if given.are_new:
            return
        with packs.made_ready([given.place(name) for name in names]) as ready:
            for pack in ready:
                packs.take(pack)

    with closing(Database.open(source)) as database:
        rows = _filled(target, lambda made: copy_rows(database, made, at_the_end=copy_packs))
    return Copied(rows, tuple(names))


def _filled(target: Location, fill: Callable[[Database], Counter[str]]) -> Counter[str]:
    """Fill a new database, or one that is there and empty; return what came of it."""
    if target.is_folder and not Database.is_at(target):
        return Database.create_filled(target, fill)
    Database.create(target)
    with closing(Database.open(target)) as made:
        return fill(made)
