"""Opens, creates and upgrades the catalog's database; hands out read and write transactions."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import String, column, exc, insert, inspect, select, table, update
from sqlalchemy.orm import Session

from registry.catalog.engines import sqlite
from registry.catalog.tables import State
from registry.errors import InputError, IntegrityError, NotARegistryError, SchemaError, StorageError
from registry.resources import resource

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA = "0004"  # the newest revision in migrations/versions; a test holds the two together
LOCK_SECONDS = 120
CHECKED_BYTES = 256_000_000  # 30 ms per 100 MB; a larger database is not checked at each opening


class Database:
    """The database of one registry folder. Opening it never creates or changes a table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "catalog.db"
        self._reader = sqlite.engine(self.path, writes=False)
        self._writer = sqlite.engine(self.path, writes=True)

    @classmethod
    def open(cls, folder: Path) -> "Database":
        """Open what is there; raise `NotARegistryError` or `SchemaError` where it cannot be used."""
        database = cls(folder)
        if not database.path.is_file():
            raise NotARegistryError(str(folder))
        database.check()
        found = database.schema()
        if found != SCHEMA:
            raise SchemaError(found, newer=found is not None and found > SCHEMA)
        return database

    @classmethod
    def create(cls, folder: Path) -> "Database":
        """Make the folder and its database, or open what another process has made meanwhile."""
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: a registry is a folder.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot make {folder}: {error.strerror}.") from error
        database = cls(folder)
        database.upgrade()
        return cls.open(folder)

    def check(self) -> None:
        """Raise `IntegrityError` where SQLite finds the file damaged: reading on would answer wrong, in silence."""
        with _told_plainly(self.path):
            if self.path.stat().st_size <= CHECKED_BYTES and not sqlite.is_sound(self.path):
                raise IntegrityError(f"{self.path} is damaged: restore it from a backup.")

    def schema(self) -> str | None:
        """Return the revision that the database is at, None where it has no tables."""
        with self.read() as session:
            if not inspect(session.connection()).has_table("alembic_version"):
                return None
            query = select(column("version_num", String)).select_from(table("alembic_version"))
            return session.scalars(query).one_or_none()

    def upgrade(self) -> Path | None:
        """Bring the tables to this release, under the lock; return the backup of what was there before."""
        from alembic import command

        with self.lock():
            found = self.schema() if self.path.is_file() else None
            if found == SCHEMA:
                return None
            if found is not None and found > SCHEMA:
                raise SchemaError(found, newer=True)
            copy = self.folder / f"catalog-before-{SCHEMA}.db" if found else None
            if copy:
                sqlite.backup(self.path, copy)
            with _told_plainly(self.path), self._writer.begin() as connection:  # schema and first row: all or nothing
                config = alembic_config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                if found is None:
                    connection.execute(insert(State).values(id=1, uuid=uuid.uuid4().hex, generation=0))
            return copy

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the one lock between processes: for migrations and rebuilds, never over a model run."""
        import filelock

        try:
            with filelock.FileLock(self.folder / "lock", timeout=LOCK_SECONDS):
                yield
        except filelock.Timeout as error:
            raise StorageError(f"Another process has held {self.folder / 'lock'} for {LOCK_SECONDS} s.") from error
        except PermissionError as error:
            raise StorageError(f"Cannot write in {self.folder}: {error.strerror}.") from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view of the catalog, which cannot write."""
        with _told_plainly(self.path), Session(self._reader) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, undone when it raises. Raises the generation.

        `session.info` holds this change's `generation`, and its `mark`: of a backup that is restored the numbers
        come again, a mark never does.
        """
        with _told_plainly(self.path), Session(self._writer) as session, session.begin():
            session.execute(update(State).values(generation=State.generation + 1))
            session.info.update(generation=session.scalar(select(State.generation)), mark=uuid.uuid4().hex)
            yield session

    def close(self) -> None:
        """Let go of the database."""
        self._reader.dispose()
        self._writer.dispose()


def upgrade_folder(folder: Path) -> Path | None:
    """Bring a registry's database to this release; return the backup, None where there was nothing to do."""
    database = Database(folder)
    if not database.path.is_file():
        raise NotARegistryError(str(folder))
    return database.upgrade()


def alembic_config() -> "Config":
    """Return Alembic's configuration, with the migrations found wherever the program is installed."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    return config


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    """Turn the driver's errors into ours: damage, what another process has removed, and failures."""
    try:
        yield
    except (exc.OperationalError, sqlite3.OperationalError) as error:
        raise StorageError(f"{path}: {getattr(error, 'orig', error)}.") from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise InputError(f"Not a value that the catalog can hold: {error}.") from error
    except exc.IntegrityError as error:
        if "FOREIGN KEY" not in str(error.orig):
            raise
        raise InputError("What this belongs to has been removed meanwhile: nothing is kept.") from error
    except exc.DatabaseError as error:
        if isinstance(error.orig, sqlite3.DatabaseError):
            raise IntegrityError(f"{path} is damaged ({error.orig}): restore it from a backup.") from error
        raise
