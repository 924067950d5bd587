"""Opens, creates and upgrades the catalog's database; hands out read and write transactions."""

import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, String, Table, column, insert, inspect, select, table, update
from sqlalchemy.orm import Session

from registry.catalog.changes import restart_logs
from registry.catalog.engines import Salvaged, engine_at
from registry.catalog.engines.vector_tables import VectorTables, drop_all
from registry.catalog.records import Upgraded
from registry.catalog.tables import Base, State
from registry.errors import InputError, IntegrityError, NotARegistryError, SchemaError, StorageError
from registry.faults import point
from registry.location import Location
from registry.resources import resource

if TYPE_CHECKING:
    from alembic.config import Config

T = TypeVar("T")
WORKPLACE = ".work-"
MOST_REMEMBERED = 2_000  # values that were read: a vector with its halves takes 40 KB
_GENERATION = select(State.__table__.c.generation)
SCHEMA = "0008"  # the newest revision in migrations/versions; a test holds the two together


class Database:
    """The database of one registry. Opening it never creates or changes a table."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._engine = engine_at(location)
        self._open = threading.local()  # this thread's question: its view, and what is remembered
        self.is_watched = False  # whether it is checked anew before each view: by who reads for days
        self._remembered: tuple[Hashable, dict[Hashable, Any]] = (None, {})  # of one generation

    @classmethod
    def open(cls, location: Location) -> "Database":
        """Open what is there; raise `NotARegistryError` or `SchemaError` where it cannot be used."""
        with ExitStack() as left:
            database = left.enter_context(closing(cls(location)))
            database._must_exist()
            found = database._sound_schema()
            if found != SCHEMA:
                raise SchemaError(found, newer=found is not None and found > SCHEMA)
            left.pop_all()
        return database

    @classmethod
    def create(cls, location: Location) -> None:
        """Make the place and its database, or leave what another process has made meanwhile."""
        with closing(cls(location)) as database:
            database._engine.make_place(Base.metadata.tables)
            database.upgrade()

    @classmethod
    def is_at(cls, location: Location) -> bool:
        """Say whether there is a database, of whatever release; one without tables was never finished."""
        with closing(cls(location)) as database:
            return database._is_there()

    @classmethod
    def create_filled(cls, location: Location, fill: Callable[["Database"], T]) -> T:
        """Make the place and its database, which is there once it is filled, and not before; return what `fill` does.

        Raises:
            InputError: there is one, or something else is in the way.
        """
        with closing(cls(location)) as database:
            file = database._engine.as_file()
            file.make_place(Base.metadata.tables)
            with database.lock(), database._workplace() as place:
                if database._is_there():
                    raise InputError(f"{location} is not empty: copy into a new place.")
                with closing(cls(replace(location, folder=place))) as fresh:
                    fresh.upgrade()
                    filled = fill(fresh)
                file.replace(fresh._engine.as_file().path, kept=place / "unfinished.db")  # goes with the place
                file.note()
        return filled

    @classmethod
    def upgrade_at(cls, location: Location) -> Upgraded | None:
        """Bring what is there to this release; return from which schema, None where there was nothing to do."""
        with closing(cls(location)) as database:
            database._must_exist()
            return database.upgrade()

    def schema(self) -> str | None:
        """Return the revision that the database is at, None where it has no tables."""
        with self.read() as session:
            if not inspect(session.connection()).has_table("alembic_version"):
                return None
            query = select(column("version_num", String)).select_from(table("alembic_version"))
            return session.scalars(query).one_or_none()

    def upgrade(self) -> Upgraded | None:
        """Bring the tables to this release, under the lock; see `upgrade_at`."""
        from alembic import command

        self._engine.writer.dispose()  # a connection that has written watches the tables as they were
        with self.lock(), self._engine.changing():
            found = self._sound_schema() if self._engine.exists() else None
            if found is None:
                self._engine.make()
            if found == SCHEMA:
                return None
            if found is not None and found > SCHEMA:
                raise SchemaError(found, newer=True)
            copy = self._engine.keep_old(SCHEMA) if found else None
            point("catalog.migrate.before")
            with self._engine.errors(), self._engine.writer.begin() as connection:  # schema and first row: all or none
                command.upgrade(alembic_config(connection), "head")
                if found is None:
                    connection.execute(insert(State).values(id=1, uuid=uuid.uuid4().hex, generation=0))
                self._engine.seal(connection)
                point("catalog.migrate.commit")
            point("catalog.migrate.after")
            return Upgraded(found, copy)

    def faults(self) -> list[str]:
        """Return what is wrong with the database itself, a few words each, whatever was checked before."""
        self._must_exist()
        with self._engine.errors():
            return list(self._engine.faults(SCHEMA))

    def software(self) -> str:
        """Return which database it is, and its version, such as sqlite 3.45.1."""
        with self.read() as session:
            dialect = session.connection().dialect
            version: Any = dialect.server_version_info or getattr(dialect.dbapi, "sqlite_version_info", ())
        return " ".join((dialect.name, ".".join(map(str, version)))).strip()

    def has_checksums(self) -> bool:
        """Say whether the database was made with checksums of its rows, as far as its tables can be read."""
        return self._engine.has_checksums()

    def dangling(self) -> dict[tuple[str, str], int]:
        """Return how many rows belong to nothing, by their table and that of what they should belong to."""
        with self.read() as session:
            return dict(Counter(self._engine.dangling(session.connection())))

    def must_be_a_file(self) -> None:
        """Raise `InputError` where the database is none, and the server's own tools copy it."""
        self._engine.as_file()

    def copy_to(self, target: Path) -> None:
        """Copy the database, whole and consistent while it is in use."""
        self._engine.as_file().backup(target)

    def repair(self, kept: Path, *, quarantine: Callable[[Salvaged], object]) -> Salvaged:
        """Make the database anew of what can be believed in it, and keep it as it was in a file.

        Args:
            quarantine: told what came of it before it takes the place of the old one.
        """
        file = self._engine.as_file()
        with self.lock(), file.errors(), file.held() as body, self._workplace() as place:
            with closing(Database(replace(self.location, folder=place))) as fresh:
                fresh.upgrade()
                copy = place / "damaged.db"
                with copy.open("wb") as copied:
                    shutil.copyfileobj(body, copied)
                point("catalog.repair.copied")
                salvaged = fresh._engine.as_file().salvage(copy)
                with fresh.write() as session:
                    restart_logs(session)
            quarantine(salvaged)
            point("catalog.repair.salvaged")
            file.replace(fresh._engine.as_file().path, kept=kept)
        return salvaged

    def restore(self, source: Path, kept: Path) -> str:
        """Put a copy of the database `source` in the place of this one; return its schema.

        Args:
            kept: where the database that was there stays, if there was one.

        Raises:
            InputError: it is no database of ours.
            IntegrityError: it is damaged.
            SchemaError: a newer release wrote it.
        """
        file = self._engine.as_file()
        file.make_place(Base.metadata.tables)
        with self.lock(), self._workplace() as place:
            with closing(Database(replace(self.location, folder=place))) as other:
                copy = other._engine.as_file()
                shutil.copyfile(source, copy.path)
                if not copy.is_one():
                    raise InputError(f"{source} is no backup of a registry.")
                for fault in copy.faults(SCHEMA):
                    raise IntegrityError(f"{source} is damaged ({fault}): take another backup.")
                found = other.schema()
            if found is None:
                raise InputError(f"{source} is no backup of a registry.")
            if found > SCHEMA:
                raise SchemaError(found, newer=True)
            point("catalog.restore.checked")
            with file.errors(), file.held() if file.exists() else nullcontext():
                file.replace(copy.path, kept=kept)
        return found

    @contextmanager
    def _workplace(self) -> Iterator[Path]:
        """Hand out a folder beside the database, which goes when the block ends; under the lock."""
        self._sweep()
        try:
            with TemporaryDirectory(prefix=WORKPLACE, dir=self.location.folder) as place:
                yield Path(place)
        except OSError as error:
            raise StorageError(f"Cannot write in {self.location.folder}: {error.strerror}.") from error

    def sweep(self) -> None:
        """Remove what a process that was killed in a repair has left."""
        if any(self._workplaces()):
            with self.lock():
                self._sweep()

    def _workplaces(self) -> Iterator[Path]:
        return self.location.folder.glob(f"{WORKPLACE}*")

    def _sweep(self) -> None:
        for left in self._workplaces():
            shutil.rmtree(left, ignore_errors=True)

    def lock(self, wait: float | None = None) -> AbstractContextManager[None]:
        """Hold the one lock between processes: for migrations and snapshots, never over a model run."""
        return self._engine.lock(wait)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the one lock between processes, and between machines where several share the catalog."""
        with self.lock(), self._engine.changing():
            yield

    @contextmanager
    def beside(self) -> Iterator[Connection]:
        """One transaction for what is derived and lies beside the catalog's tables: the generation stays as it is."""
        with self._engine.errors(), self._engine.writer.begin() as connection:
            yield connection

    def vector_tables(self) -> VectorTables:
        """Return the tables of vectors beside the catalog; raise `InputError` where it can have none."""
        return VectorTables(self.location, self.read, self.beside)

    def drop_vector_tables(self, prefix: str) -> None:
        """Remove the tables of vectors whose names begin so; a folder has none."""
        if not self.location.is_folder:
            with self.beside() as connection:
                drop_all(connection, prefix)

    def uuid(self) -> str:
        """Return who this registry is: what it and its copies have in common."""
        with self.read() as session:
            return str(session.scalars(select(State.uuid)).one())

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view of the catalog, which cannot write; within a `question`, the question's."""
        with self._viewed() as view:
            yield view.session

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """The same view, for statements that need no session: to make one takes a tenth of a millisecond."""
        with self._viewed() as view:
            yield view.connection

    @contextmanager
    def question(self) -> Iterator[None]:
        """Let all that this thread reads until the block ends be of one view, and remember it until something changes.

        Nobody writes meanwhile: the block is short, and runs no model.
        """
        if self._asked() is not None:
            yield
            return
        with self._viewed() as view:
            now = (self._engine.identity(), view.connection.execute(_GENERATION).scalar())
            known = self._remembered  # which another thread may replace meanwhile
            if known[0] != now or len(known[1]) > MOST_REMEMBERED:
                known = self._remembered = (now, {})
            self._open.view, self._open.remembered = view, known[1]
            try:
                yield
            finally:
                self._open.view = None

    @contextmanager
    def _viewed(self) -> Iterator["_View"]:
        view = self._asked()
        if view is not None:
            yield view
            return
        if self.is_watched:
            self._engine.check(SCHEMA)  # reads nothing, as long as nobody but this program has changed the file
        with self._engine.errors(), self._engine.reader.connect() as connection, closing(_View(connection)) as view:
            yield view

    def _asked(self) -> "_View | None":
        """Return the view of this thread's question, if it has one."""
        return getattr(self._open, "view", None)

    def now(self) -> Hashable:
        """Return what is another after every change, and of another database in the place of this one."""
        with self.connected() as connection:
            return self._engine.identity(), connection.execute(_GENERATION).scalar()

    def remembered(self, key: Hashable, look_up: Callable[[], T]) -> T:
        """Return what is looked up: within a `question`, once for each change of the catalog. Nobody changes it."""
        if self._asked() is None:
            return look_up()
        known: dict[Hashable, Any] = self._open.remembered
        if key not in known:
            known[key] = look_up()
        found: T = known[key]
        return found

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, undone when it raises. Raises the generation.

        `session.info` holds this change's `generation`, and its `mark`: of a backup that is restored the numbers
        come again, a mark never does.
        """
        with self._engine.errors(), self._engine.turn(), Session(self._engine.writer) as session:
            with session.begin():
                was_sound = self._engine.follow(session.connection())
                session.execute(update(State).values(generation=State.generation + 1))
                session.info.update(generation=session.scalar(select(State.generation)), mark=uuid.uuid4().hex)
                yield session
                point("catalog.commit.before")
            point("catalog.commit.after")
            if was_sound:
                self._engine.note()

    def insert(self, session: Session, table: type[Base] | Table, columns: Mapping[str, Sequence[Any]]) -> list[int]:
        """Write many rows at once, within a transaction, and return their ids in order; see `engines.contract`."""
        its = table if isinstance(table, Table) else Base.metadata.tables[table.__tablename__]
        return self._engine.insert(session.connection(), its, columns)

    def renumber(self, session: Session) -> None:
        """Let new ids come after those that were brought in with their rows."""
        self._engine.renumber(session.connection())

    def close(self) -> None:
        """Let go of the database."""
        self._engine.reader.dispose()
        self._engine.writer.dispose()

    def _sound_schema(self) -> str | None:
        self._engine.check(SCHEMA)
        return self.schema()

    def _is_there(self) -> bool:
        return self._engine.exists() and self.schema() is not None

    def _must_exist(self) -> None:
        if not self._engine.exists():
            raise NotARegistryError(str(self.location))


class _View:
    """What is read together: a transaction, with a session once somebody wants one."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @cached_property
    def session(self) -> Session:
        """A session in the transaction."""
        return Session(self.connection)

    def close(self) -> None:
        """Let go of the session, if there is one."""
        if "session" in vars(self):
            self.session.close()


def alembic_config(connection: Connection | None = None) -> "Config":
    """Return Alembic's configuration, with the migrations found wherever the program is installed."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    return config
