"""Opens, creates and upgrades the catalog's database; hands out read and write transactions."""

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import String, column, insert, inspect, select, table, update
from sqlalchemy.orm import Session

from registry.catalog.engines import engine_at
from registry.catalog.tables import State
from registry.errors import NotARegistryError, SchemaError
from registry.location import Location
from registry.resources import resource

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA = "0006"  # the newest revision in migrations/versions; a test holds the two together


class Database:
    """The database of one registry. Opening it never creates or changes a table."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._engine = engine_at(location)

    @classmethod
    def open(cls, location: Location) -> "Database":
        """Open what is there; raise `NotARegistryError` or `SchemaError` where it cannot be used."""
        database = cls(location)
        database._must_exist()
        database._engine.check()
        found = database.schema()
        if found != SCHEMA:
            raise SchemaError(found, newer=found is not None and found > SCHEMA)
        return database

    @classmethod
    def create(cls, location: Location) -> None:
        """Make the place and its database, or leave what another process has made meanwhile."""
        database = cls(location)
        database._engine.make_place()
        database.upgrade()
        database.close()

    @classmethod
    def upgrade_at(cls, location: Location) -> Path | None:
        """Bring what is there to this release; return the backup, None where there was nothing to do."""
        database = cls(location)
        database._must_exist()
        return database.upgrade()

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
            found = self.schema() if self._engine.exists() else None
            if found == SCHEMA:
                return None
            if found is not None and found > SCHEMA:
                raise SchemaError(found, newer=True)
            copy = self._engine.backup(f"catalog-before-{SCHEMA}.db") if found else None
            with self._engine.errors(), self._engine.writer.begin() as connection:  # schema and first row: all or none
                config = alembic_config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                if found is None:
                    connection.execute(insert(State).values(id=1, uuid=uuid.uuid4().hex, generation=0))
            return copy

    def lock(self) -> AbstractContextManager[None]:
        """Hold the one lock between processes: for migrations and snapshots, never over a model run."""
        return self._engine.lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view of the catalog, which cannot write."""
        with self._engine.errors(), Session(self._engine.reader) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, undone when it raises. Raises the generation.

        `session.info` holds this change's `generation`, and its `mark`: of a backup that is restored the numbers
        come again, a mark never does.
        """
        with self._engine.errors(), self._engine.turn(), Session(self._engine.writer) as session, session.begin():
            session.execute(update(State).values(generation=State.generation + 1))
            session.info.update(generation=session.scalar(select(State.generation)), mark=uuid.uuid4().hex)
            yield session

    def close(self) -> None:
        """Let go of the database."""
        self._engine.reader.dispose()
        self._engine.writer.dispose()

    def _must_exist(self) -> None:
        if not self._engine.exists():
            raise NotARegistryError(str(self.location))


def alembic_config() -> "Config":
    """Return Alembic's configuration, with the migrations found wherever the program is installed."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    return config
