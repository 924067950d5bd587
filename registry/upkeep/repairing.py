"""Makes a damaged registry sound again: what can be believed is kept, what is derived is made anew, nothing is lost."""

import json
from dataclasses import dataclass
from pathlib import Path

from registry.catalog import Catalog
from registry.catalog.database import Database
from registry.catalog.engines import LostRow
from registry.errors import RegistryError
from registry.faults import point
from registry.files.writing import written
from registry.index.current import Indexes
from registry.location import Location
from registry.upkeep.backups import stamped
from registry.upkeep.verifying import Fault, verify


@dataclass(frozen=True)
class Repair:
    """What was done."""

    kept: Path | None  # the database as it was; None where it was sound
    rows: int  # that the new database holds; 0 where the old one stays
    lost: tuple[LostRow, ...]  # that could not be believed
    quarantine: Path | None  # the file that holds those, as far as they could be read
    indices: int  # that were made anew
    left: tuple[Fault, ...]  # what is wrong still


def repair(location: Location) -> Repair:
    """Repair a registry.

    A damaged database is kept under another name, and a new one is made of every row that matches its checksum. The
    others are written to a file, those too that belong to them. Indices are made anew.

    Raises:
        NotARegistryError: there is none.
        SchemaError: another release wrote it.
        StorageError: there is no room.
    """
    database = Database(location)
    kept = quarantine = None
    rows = 0
    lost: tuple[LostRow, ...] = ()
    if database.faults():
        kept = stamped(location, "before-repair")
        salvaged = database.repair(kept)
        rows, lost = salvaged.rows, salvaged.lost
        point("repair.salvaged")
        if lost:
            quarantine = stamped(location, "lost", ".jsonl")
            _quarantine(quarantine, lost)
    return Repair(kept, rows, lost, quarantine, _rebuilt(location), tuple(verify(location)))


def _quarantine(path: Path, lost: tuple[LostRow, ...]) -> None:
    """Write down the rows that were not brought over, one a line."""
    with written(path) as draft:
        draft.write_text("".join(json.dumps(row.as_json()) + "\n" for row in lost), encoding="utf-8")


def _rebuilt(location: Location) -> int:
    """Make the indices of all spaces anew, and return how many."""
    catalog = Catalog.open(location)
    indexes = Indexes(catalog, location.indexes)
    count = 0
    try:
        for space in catalog.spaces.all():
            try:
                indexes.rebuild(space)
            except RegistryError:
                continue  # of a damaged vector, which `verify` tells
            count += 1
    finally:
        catalog.close()
    return count
