"""A registry brought to another place, as it is: a folder into a server's database, and back."""

import shutil
from collections import Counter
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

    All rows are read in one view, and written in one transaction: of a copy that is broken off none is there, and it
    can be made again.

    Raises:
        DataError: a pack is damaged.
        NotARegistryError: there is none to copy.
        InputError: there is something in the other place.
    """
    if source.folder.resolve() in (target.folder.resolve(), *target.folder.resolve().parents):
        raise InputError(f"{source} is copied into another place, not into itself.")
    packs = [pack.name for pack in Shelf(source.folder).all()]
    with closing(Database.open(source)) as given:
        Database.create(target)
        if (source.folder / "packs").is_dir():  # first: once there are rows, nothing is copied there again
            shutil.copytree(source.folder / "packs", target.folder / "packs", dirs_exist_ok=True)
        with closing(Database.open(target)) as made:
            rows = copy_rows(given, made)
    return Copied(rows, tuple(packs))
