"""Makes a damaged registry sound again: what can be believed is kept, what is derived is made anew, nothing is lost."""

import json
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from registry.catalog import Catalog
from registry.catalog.database import Database
from registry.catalog.engines import LostRow, Salvaged
from registry.errors import IntegrityError, RegistryError, StorageError
from registry.faults import point
from registry.files.writing import written
from registry.index.current import Indexes
from registry.location import Location
from registry.upkeep.backups import stamped
from registry.upkeep.verifying import Fault, verify

JUST_MADE = 1  # rows of a database in which nothing was entered yet
NOTHING = "nothing of it could be read"


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
        IntegrityError: an earlier release wrote it, whose rows have no checksums.
        SchemaError: another release wrote it.
        StorageError: there is no room.
    """
    kept = quarantine = None
    rows = 0
    lost: tuple[LostRow, ...] = ()
    left: list[Fault] = []
    with closing(Database(location)) as database:
        if database.faults():
            _check_release(database, location)
            kept, quarantine = stamped(location, "before-repair"), stamped(location, "lost", ".jsonl")
            salvaged = database.repair(kept, quarantine=partial(_quarantine, quarantine))
            rows, lost = salvaged.rows, salvaged.lost
            point("repair.salvaged")
            if rows <= JUST_MADE:
                left.append(Fault("catalog", f"{NOTHING}: restore a backup, for what there was is in {kept} alone"))
        else:
            database.sweep()
    indices = _rebuilt(location)
    return Repair(kept, rows, lost, quarantine if lost else None, indices, (*left, *verify(location)))


def _check_release(database: Database, location: Location) -> None:
    """Refuse a damaged database of an earlier release: none of its rows could be believed, and all would be lost."""
    if not database.has_checksums():
        raise IntegrityError(
            f"{location} is damaged, and an earlier release wrote it, whose rows have no checksums that tell the sound "
            "ones: restore a backup ('fute restore FILE')."
        )


def _quarantine(path: Path, salvaged: Salvaged) -> None:
    """Write down the rows that were not brought over, one a line, if there are any."""
    if salvaged.lost:
        with written(path) as draft:
            draft.write_text("".join(json.dumps(row.as_json()) + "\n" for row in salvaged.lost), encoding="utf-8")


def _rebuilt(location: Location) -> int:
    """Make the indices of all spaces anew, and return how many."""
    count = 0
    with closing(Catalog.open(location)) as catalog:
        indexes = Indexes(catalog, location.indexes)
        for space in catalog.spaces.all():
            try:
                indexes.rebuild(space, must_last=True)
            except StorageError:
                raise
            except RegistryError:
                continue  # of a damaged vector, which `verify` tells
            count += 1
    return count
