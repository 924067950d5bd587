"""Copies of the catalog: made while it is in use, checked, and put back."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from registry.catalog.database import SCHEMA, Database
from registry.errors import DataError, InputError, StorageError
from registry.faults import point
from registry.location import Location

FOLDER, BEGINNING = "backups", "catalog-"


@dataclass(frozen=True)
class Restored:
    """What came of putting a backup back."""

    kept: Path | None  # the database that was there; None where there was none
    is_old: bool  # whether the backup is of an earlier schema, and is to be upgraded


def backup(location: Location, target: Path | None = None, *, keep: int | None = None) -> Path:
    """Copy the catalog to a file and return it; else to one in the registry's folder `backups`, named by the time.

    Args:
        keep: how many of those in `backups` stay, the newest.

    Raises:
        IntegrityError: the catalog is damaged: no backup is made, and none removed.
        InputError: there is such a file.
        StorageError: there is no room.
    """
    with closing(Database.open(location)) as database:
        database.must_be_a_file()
        if target is None:
            target = location.folder / FOLDER / stamped(location).name
            target.parent.mkdir(exist_ok=True)
        if target.exists():
            raise InputError(f"{target} is there already: name another file.")
        if not target.parent.is_dir():
            raise StorageError(f"Cannot write {target}: there is no such folder.")
        database.copy_to(target)
    point("backup.copied")
    if keep is not None:
        found = backups(location)
        older = [one for one in found if one != target]  # where the clock went back, some of them are named as later
        for old in older[: max(len(found) - max(keep, 1), 0)]:
            old.unlink(missing_ok=True)
            point("backup.pruned")
    return target


def backups(location: Location) -> list[Path]:
    """Return the backups in the registry's own folder, the oldest first."""
    return sorted((location.folder / FOLDER).glob(f"{BEGINNING}[0-9]*.db"))


def restore(location: Location, source: Path) -> Restored:
    """Put a backup in the place of the catalog, which is kept under another name.

    Raises:
        IntegrityError: the backup is damaged: nothing is changed.
        InputError: it is no backup of a registry, or of a newer release.
    """
    if not source.is_file():
        raise DataError(str(source), "is not a file that 'fute backup' wrote." if source.exists() else "no such file.")
    kept = stamped(location, "before-restore")
    with closing(Database(location)) as database:
        schema = database.restore(source, kept)
    return Restored(kept if kept.exists() else None, schema < SCHEMA)


def stamped(location: Location, what: str = "", ending: str = ".db") -> Path:
    """Return the path of a file in the registry's folder that is named by what it is and the time."""
    parts = (BEGINNING.strip("-"), what, f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    return location.folder / f"{'-'.join(filter(None, parts))}{ending}"
