"""What a database must offer to hold a catalog. All that only one kind of database knows stays in its own file."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import sqlalchemy


class Engine(Protocol):
    """The database of one registry, opened for reading and for writing."""

    reader: sqlalchemy.Engine  # each transaction sees one state, and cannot write
    writer: sqlalchemy.Engine  # each transaction has the right to write from its beginning

    def exists(self) -> bool:
        """Say whether there is a database yet."""
        ...

    def make_place(self) -> None:
        """Make what the database will lie in; raise `InputError` or `StorageError` where that cannot be."""
        ...

    def check(self) -> None:
        """Raise `IntegrityError` where the database finds itself damaged."""
        ...

    def backup(self, name: str) -> Path:
        """Copy the database, whole and consistent while it is in use; return where the copy is."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Hold the one lock between processes; raise `StorageError` where another holds on to it."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Wait for a turn to write, so that nobody waits for ever; held for one transaction."""
        ...

    def errors(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into ours: damage, failures, and what another process has removed."""
        ...
