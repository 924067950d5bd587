"""What a database must offer to hold a catalog. All that only one kind of database knows stays in its own file."""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import sqlalchemy

from registry.catalog.engines.salvage import Salvaged


class Engine(Protocol):
    """The database of one registry, opened for reading and for writing."""

    reader: sqlalchemy.Engine  # each transaction sees one state, and cannot write
    writer: sqlalchemy.Engine  # each transaction has the right to write from its beginning

    def exists(self) -> bool:
        """Say whether there is a database yet."""
        ...

    def identity(self) -> Hashable:
        """Return what tells the database from another that was put in its place."""
        ...

    def make_place(self, tables: Collection[str]) -> None:
        """Make what the database will lie in; raise `InputError` or `StorageError` where that cannot be.

        Args:
            tables: the names of those that will be made: something else may have taken them.
        """
        ...

    def make(self) -> None:
        """Make an empty database in its place, where there is none; it is made nowhere else."""
        ...

    def check(self, schema: str) -> None:
        """Raise `IntegrityError` where the database is damaged; its rows too, if it is of this release's schema."""
        ...

    def follow(self, connection: sqlalchemy.Connection) -> bool:
        """Let a transaction write checksums of what it changes; say whether the database was known to be sound."""
        ...

    def insert(
        self, connection: sqlalchemy.Connection, table: sqlalchemy.Table, columns: Mapping[str, Sequence[Any]]
    ) -> list[int]:
        """Write many rows at once, with their checksums, and return their ids in order.

        Args:
            columns: the values of all rows, by column; one that is left out stays empty, and ids are given.
        """
        ...

    def renumber(self, connection: sqlalchemy.Connection) -> None:
        """Let the ids that the database gives come after those of rows that were brought in."""
        ...

    def seal(self, connection: sqlalchemy.Connection) -> None:
        """Write the checksums of everything as it is now, after the tables were changed."""
        ...

    def note(self) -> None:
        """Note that the database as it is now is known to be sound."""
        ...

    def faults(self, schema: str) -> Iterator[str]:
        """Yield what is wrong with the database, a few words each; see `check`."""
        ...

    def has_checksums(self) -> bool:
        """Say whether rows have checksums; True where not even the tables can be read."""
        ...

    def dangling(self, connection: sqlalchemy.Connection) -> list[tuple[str, str]]:
        """Return the table of each row that belongs to nothing, and the table of what it should belong to."""
        ...

    def keep_old(self, schema: str) -> Path | None:
        """Keep what is there before its tables are changed; None where the database undoes a change that fails."""
        ...

    def as_file(self) -> "FileEngine":
        """Return it as a file; raise `InputError` where it is none, and other tools copy and mend it."""
        ...

    def lock(self, wait: float | None = None) -> AbstractContextManager[None]:
        """Hold the one lock between processes.

        Args:
            wait: seconds for another to let go of it; None for as long as it is worth waiting.

        Raises:
            StorageError: another has held on to it.
        """
        ...

    def changing(self) -> AbstractContextManager[None]:
        """Keep every other client from changing the tables, on whatever machine it is."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Wait for a turn to write, so that nobody waits for ever; held for one transaction."""
        ...

    def errors(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into ours: damage, failures, and what another process has removed."""
        ...


class FileEngine(Engine, Protocol):
    """A database in a file, which is copied, mended and replaced as one."""

    path: Path

    def is_one(self) -> bool:
        """Say whether what is there looks like a database of this kind at all."""
        ...

    def backup(self, target: Path) -> None:
        """Copy the database, whole and consistent while it is in use, to a file."""
        ...

    def held(self) -> AbstractContextManager[BinaryIO]:
        """Keep everybody else out of the database, and hand out its bytes, whatever they are."""
        ...

    def salvage(self, damaged: Path) -> Salvaged:
        """Fill this database, which has empty tables, with the sound rows of a copy of a damaged one."""
        ...

    def replace(self, source: Path, *, kept: Path) -> None:
        """Put a file in the place of this database, whole or not at all, and keep the old one elsewhere."""
        ...
