"""A catalog in a SQLite file: how connections are made safe, what is locked, copied and checked, what errors mean."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, create_engine, event, exc
from sqlalchemy.pool import NullPool

from registry.errors import InputError, IntegrityError, StorageError

FILE = "catalog.db"
BUSY_SECONDS = 30
LOCK_SECONDS = 120
CHECKED_BYTES = 256_000_000  # 30 ms per 100 MB; a larger database is not checked at each opening


class SqliteEngine:
    """The database `catalog.db` in a registry's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE
        self.reader = engine(self.path, writes=False)
        self.writer = engine(self.path, writes=True)

    def exists(self) -> bool:
        """Say whether the file is there."""
        return self.path.is_file()

    def make_place(self) -> None:
        """Make the folder; raise `InputError` where it is a file, `StorageError` where it cannot be made."""
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file: a registry is a folder.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot make {self.folder}: {error.strerror}.") from error

    def check(self) -> None:
        """Raise `IntegrityError` where SQLite finds the file damaged: reading on would answer wrong, in silence."""
        with self.errors():
            if self.path.stat().st_size <= CHECKED_BYTES and not _is_sound(self.path):
                raise IntegrityError(f"{self.path} is damaged: restore it from a backup.")

    def backup(self, name: str) -> Path:
        """Copy the file, whole and consistent while it is in use, to another of this name in the folder."""
        target = self.folder / name
        source, copy = sqlite3.connect(self.path, timeout=BUSY_SECONDS), sqlite3.connect(target)
        try:
            source.backup(copy)
        finally:
            source.close()
            copy.close()
        return target

    def lock(self) -> AbstractContextManager[None]:
        """Hold the lock file of the folder; raise `StorageError` where another process holds on to it."""
        return self._holding("lock", look_every=0.05)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn to write; raise `StorageError` where another process writes for too long.

        SQLite lets who has just written go first again, while others wait for half a minute, and fail. Here one
        process waits as the next, and nobody comes before it.
        """
        with ExitStack() as held:
            with self._holding("turn-next", look_every=0.005):
                held.enter_context(self._holding("turn", look_every=0.005))
            yield

    @contextmanager
    def _holding(self, name: str, *, look_every: float) -> Iterator[None]:
        import filelock

        path = self.folder / name
        mode = stat.S_IMODE(self.path.stat().st_mode) | 0o600 if self.exists() else 0o644  # for whoever may write
        try:
            with filelock.FileLock(path, timeout=LOCK_SECONDS, mode=mode, poll_interval=look_every):
                yield
        except filelock.Timeout as error:
            raise StorageError(f"Another process has held {path} for {LOCK_SECONDS} s.") from error
        except OSError as error:
            if error.filename is None or Path(error.filename) != path:
                raise  # of what is done under the lock
            raise StorageError(f"Cannot write in {self.folder}: {error.strerror}.") from error

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the driver's errors into ours: damage, failures, and what another process has removed."""
        try:
            yield
        except (exc.OperationalError, sqlite3.OperationalError) as error:
            raise StorageError(f"{self.path}: {getattr(error, 'orig', error)}.") from error
        except exc.NoResultFound as error:
            raise InputError("What was asked for has been removed meanwhile.") from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise InputError(f"Not a value that the catalog can hold: {error}.") from error
        except exc.IntegrityError as error:
            if "FOREIGN KEY" not in str(error.orig):
                raise
            raise InputError("What this belongs to has been removed meanwhile: nothing is kept.") from error
        except exc.DatabaseError as error:
            if isinstance(error.orig, sqlite3.DatabaseError):
                raise IntegrityError(f"{self.path} is damaged ({error.orig}): restore it from a backup.") from error
            raise


def engine(path: Path, *, writes: bool) -> sqlalchemy.Engine:
    """Return SQLAlchemy's engine whose every transaction begins with the lock that it will need.

    A write transaction takes the write lock at once (BEGIN IMMEDIATE): SQLite does not wait when a read lock
    is to be raised, it fails. The rollback journal is kept: WAL loses rows on SQLite before 3.51.3.
    """
    url = URL.create("sqlite", database=str(path))
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, poolclass=NullPool)
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED"

    @event.listens_for(made, "connect")
    def _prepare(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's connection
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("foreign_keys=ON", "trusted_schema=OFF", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        if not writes:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(made, "begin")
    def _begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's connection
        connection.exec_driver_sql(begin)

    return made


def _is_sound(path: Path) -> bool:
    """Say whether SQLite itself finds the file undamaged."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        return bool(connection.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except sqlite3.OperationalError:
        raise  # locked, or no permission: says nothing of the file
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()
