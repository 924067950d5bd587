"""A catalog in PostgreSQL: the registry of a team. All that only PostgreSQL knows is here.

One transaction writes at a time, as in a folder: each begins by raising the one counter of `state`, and who comes
next waits for that row, in the order of asking. Reading never waits. The server keeps checksums of its pages and its
own backups, so neither is made here.
"""

import os
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy
from sqlalchemy import create_engine, event, exc, make_url, text
from sqlalchemy.pool import NullPool, QueuePool

from registry.catalog.engines.locks import held_lock
from registry.catalog.engines.values import bound
from registry.errors import InputError, IntegrityError, RegistryError, StorageError, first_line
from registry.location import Location

DRIVER = "postgresql+psycopg"
WAIT_SECONDS = 120  # for who writes before
IDLE_SECONDS = 300  # of a transaction that is open: its process is gone, and the server has not noticed
CHANGING = 0x46555445  # the number of the lock for changes of the tables
_DAMAGE = ("XX001", "XX002")  # the server's codes for damaged tables and indices
_LOST = ("08", "57P")  # the codes of a connection that was cut
_TABLES = text(  # also those that the user may not read, which information_schema leaves out
    "SELECT relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'f')"
)
_OTHER_ORDER = text(
    "SELECT table_name, column_name, data_type, character_maximum_length FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND data_type IN ('text', 'character varying')"
    " AND collation_name IS DISTINCT FROM 'C'"
)
_NUMBERED = text(
    "SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = 'id'"
    " AND column_default LIKE 'nextval(%'"
)
_NEW_IDS = text("SELECT nextval(pg_get_serial_sequence(quote_ident(:name), 'id')) FROM generate_series(1, :count)")


class PostgresqlEngine:
    """The tables of one schema of a server's database: the first of the connection's search path."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._folder = location.folder
        self._opened = 0  # connections so far
        self.reader = self._engine(writes=False)
        self.writer = self._engine(writes=True)

    def exists(self) -> bool:
        """Say whether a registry's tables are there; make the folder for what is derived from them."""
        with self.errors(), self.reader.connect() as connection:
            found = {"state", "alembic_version"} <= self._tables(connection)
        self._make_folder()
        return found

    def identity(self) -> Hashable:
        """Return what changes when the server was left and found again, which may hold another database now."""
        return self._opened

    def make_place(self, tables: Collection[str]) -> None:
        """Raise `InputError` where the tables of something else are in the way, or the database's encoding is."""
        if self.exists():
            return
        with self.errors(), self.reader.connect() as connection:
            if connection.scalar(text("SHOW server_encoding")) != "UTF8":
                raise InputError(f"{self._location}: the encoding of the database is not UTF8: make another.")
            if connection.scalar(text("SELECT current_schema()")) is None:
                raise InputError(f"{self._location}: the schema of its search path is not there: create it.")
            taken = self._tables(connection) & {*tables, "alembic_version"}
            if taken:
                told = f"{self._location} holds a table {min(taken)!r} of something else"
                raise InputError(f"{told}: name another database, or a schema by ?options=-csearch_path=NAME.")

    def make(self) -> None:
        """Do nothing: the database is the server's."""

    def check(self, schema: str) -> None:
        """Do nothing: the server checks each page that it reads."""

    def faults(self, schema: str) -> Iterator[str]:
        """Yield nothing but what the server says when every row is read."""
        del schema
        with self.errors(), self.reader.connect() as connection:
            for name in sorted(self._tables(connection)):
                try:
                    connection.execute(text(f"SELECT count(*) FROM (SELECT * FROM {_quoted(name)}) AS all_rows"))  # noqa: S608
                except exc.DBAPIError as error:
                    if _code_of(error) not in _DAMAGE:
                        raise
                    yield first_line(error.orig or error)
                    connection.rollback()

    def follow(self, connection: sqlalchemy.Connection) -> bool:
        """Say that there is nothing to note: rows have no checksums of ours."""
        del connection
        return False

    def insert(
        self, connection: sqlalchemy.Connection, table: sqlalchemy.Table, columns: Mapping[str, Sequence[Any]]
    ) -> list[int]:
        """Write many rows at once, by COPY, and return their ids in order."""
        count = len(next(iter(columns.values())))
        if "id" in table.c and "id" not in columns and count:
            columns = {"id": list(connection.scalars(_NEW_IDS, {"name": table.name, "count": count})), **columns}
        made = [bound(table.c[name], values, connection.dialect) for name, values in columns.items()]
        if count:
            names = ", ".join(map(_quoted, columns))
            driver: Any = connection.connection.driver_connection
            with driver.cursor() as cursor, cursor.copy(f"COPY {_quoted(table.name)} ({names}) FROM STDIN") as rows:
                for row in zip(*made, strict=True):
                    rows.write_row(row)
        return list(columns.get("id", ()))

    def renumber(self, connection: sqlalchemy.Connection) -> None:
        """Let new ids come after those that are there."""
        for table in connection.scalars(_NUMBERED).all():
            last = f"SELECT max(id) AS id FROM {_quoted(table)}"  # noqa: S608 - our own names
            move = f"SELECT setval(pg_get_serial_sequence(:name, 'id'), id) FROM ({last}) AS l WHERE id IS NOT NULL"  # noqa: S608
            connection.execute(text(move), {"name": _quoted(table)})

    def seal(self, connection: sqlalchemy.Connection) -> None:
        """Let text be compared by the numbers of its letters, as everywhere."""
        for table, column, kind, length in connection.execute(_OTHER_ORDER).all():
            its = kind if length is None else f"{kind}({length})"
            change = f'ALTER TABLE {_quoted(table)} ALTER COLUMN {_quoted(column)} TYPE {its} COLLATE "C"'
            connection.execute(text(change))

    def note(self) -> None:
        """Do nothing; see `check`."""

    def has_checksums(self) -> bool:
        """Say yes: the server has its own."""
        return True

    def dangling(self, connection: sqlalchemy.Connection) -> list[tuple[str, str]]:
        """Return nothing: the server lets no row refer to what is not there."""
        del connection
        return []

    def keep_old(self, schema: str) -> Path | None:
        """Keep nothing: the server undoes a change of tables that fails."""
        del schema
        return None

    def as_file(self) -> NoReturn:
        """Raise `InputError`: a server's database is copied and mended by the server's own tools."""
        raise InputError(
            "A registry in PostgreSQL is copied by 'pg_dump' and put back by 'pg_restore'; 'fute copy' makes a folder."
        )

    def lock(self, wait: float | None = None) -> AbstractContextManager[None]:
        """Hold the lock file of this user's folder, in which the snapshots lie."""
        self._make_folder()
        return held_lock(self._folder / "lock", look_every=0.05, wait=wait)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep every other client from changing the tables."""
        with self.errors(), self.writer.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:it)"), {"it": CHANGING})
            connection.commit()  # the lock stays until the connection is closed
            yield

    def turn(self) -> AbstractContextManager[None]:
        """Do nothing: who writes waits for the row of `state`, and the server lets them go in their order."""
        return nullcontext()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        import psycopg

        try:
            yield
        except RegistryError:
            raise
        except exc.NoResultFound as error:
            raise InputError("What was asked for has been removed meanwhile.") from error
        except (OverflowError, UnicodeEncodeError, exc.DataError) as error:
            told = first_line(getattr(error, "orig", None) or error)
            raise InputError(f"Not a value that the catalog can hold: {told}.") from error
        except exc.IntegrityError as error:
            if _code_of(error) != "23503":  # of a foreign key
                raise
            raise InputError("What this belongs to has been removed meanwhile: nothing is kept.") from error
        except exc.DBAPIError as error:
            raise self._told(error) from error
        except psycopg.Error as error:  # of a COPY, which SQLAlchemy does not know
            raise self._told(exc.DBAPIError(None, None, error)) from error

    def _told(self, error: exc.DBAPIError) -> RegistryError:
        code, said = _code_of(error), first_line(error.orig or error).rstrip(".")
        if code in _DAMAGE:
            return IntegrityError(f"{self._location} is damaged ({said}): put a backup of it back.")
        if error.connection_invalidated or code.startswith(_LOST):
            said = f"the server cannot be reached any more; look whether the last change was kept ({said})"
        return StorageError(f"{self._location}: {said}.")

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot make {self._folder}: {error.strerror}.") from error

    def _tables(self, connection: sqlalchemy.Connection) -> set[str]:
        return set(connection.scalars(_TABLES))

    def _engine(self, *, writes: bool) -> sqlalchemy.Engine:
        """Return SQLAlchemy's engine: reading sees one state, and cannot write."""
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise InputError(
                "A registry in PostgreSQL needs psycopg: pip install 'fute-registry[postgresql]'."
            ) from error
        options: dict[str, Any] = {"poolclass": NullPool, "isolation_level": "READ COMMITTED"}
        if not writes:
            options = {"poolclass": QueuePool, "max_overflow": -1, "pool_pre_ping": True}
            options["isolation_level"] = "REPEATABLE READ"
        try:
            url = make_url(self._location.url).set(drivername=DRIVER)
            made = create_engine(url, connect_args={"connect_timeout": 10}, **options)
        except (exc.ArgumentError, ValueError) as error:
            raise InputError(f"{self._location} is not the URL of a database.") from error

        @event.listens_for(made, "connect")
        def _prepare(connection: Any, record: Any) -> None:  # noqa: ANN401 - the driver's connection
            settings = {
                "timezone": "'UTC'",
                "lock_timeout": f"'{WAIT_SECONDS}s'",
                "idle_in_transaction_session_timeout": f"'{IDLE_SECONDS}s'",
                "default_transaction_read_only": "off" if writes else "on",
            }
            with connection.cursor() as cursor:
                for name, value in settings.items():
                    cursor.execute(f"SET {name} TO {value}")
            connection.commit()
            record.info["process"] = os.getpid()
            self._opened += 1

        @event.listens_for(made, "checkout")
        def _check(_connection: Any, record: Any, proxy: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
            """Open a connection anew where this process was forked: it is the parent's."""
            if record.info["process"] != os.getpid():
                record.dbapi_connection = proxy.dbapi_connection = None
                raise exc.DisconnectionError("opened elsewhere")

        return made


def _code_of(error: exc.DBAPIError) -> str:
    """Return the server's code of an error; "" where it has none."""
    return getattr(error.orig, "sqlstate", None) or ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
