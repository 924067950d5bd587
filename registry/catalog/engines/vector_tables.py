"""Tables of vectors beside a catalog's own, in PostgreSQL with its extension pgvector: all that is said to it is here.

A table holds rows by id, each with a checksum, and a comment, which says what they are. Nothing here raises the
catalog's counter or touches its tables.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, exc
from sqlalchemy.orm import Session

from registry.errors import InputError, StorageError, first_line
from registry.location import Location

Ids = NDArray[np.int64]

LEAST_VERSION = (0, 8)  # whose graphs go on looking under a filter
WIDEST, WIDEST_GRAPH = 16_000, 4_000  # numbers in a row: of a table, and of a graph of half precision
LINKS, LOOKED_AT = 16, 100  # of each row in a graph, and how many rows are looked at to find them
SCANNED = 50_000  # rows that a question to a graph looks at under a filter, at most
_COPY_HEAD, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_GONE = ("42P01", "42703", "42883", "42804")  # the server's codes: a table, a column or an operator is not there
_VERSION = (
    "SELECT n.nspname, e.extversion FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    " WHERE e.extname = 'vector'"
)
_NAMES = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND starts_with(tablename, %s) ORDER BY 1"
_COMMENT = (
    "SELECT d.description FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0"
    " WHERE n.nspname = %s AND c.relname = %s"
)


class TableGoneError(StorageError):
    """A table of vectors is not there, or it is another than was made."""


class VectorTables:
    """The tables of vectors in the schema of a catalog."""

    def __init__(
        self,
        location: Location,
        read: Callable[[], AbstractContextManager[Session]],
        write: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        """Find pgvector, or create it.

        Args:
            read: one view of the database.
            write: one transaction that leaves the catalog alone.

        Raises:
            InputError: the catalog is a file, or its database has no pgvector that will do.
        """
        if location.is_folder:
            raise InputError("pgvector searches in a registry's own PostgreSQL database; this registry is a folder.")
        self._location, self._read, self._write = location, read, write
        with self.reading() as connection:
            self._schema = str(connection.exec_driver_sql("SELECT current_schema()").scalar())
        self._types = _quoted(self._extension())

    def _extension(self) -> str:
        """Return the schema that pgvector lies in."""
        found, problem = self._version(), ""
        if found is None:
            try:
                self._create_extension()
            except StorageError as error:
                problem = f" ({first_line(getattr(error.__cause__, 'orig', None) or error)})"
            found = self._version()
        mend = "let who keeps the server see to it, or use an index of your own with 'fute index use auto'."
        if found is None:
            raise InputError(f"{self._location} has no extension 'vector', of pgvector{problem}: {mend}")
        schema, version = found
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < LEAST_VERSION:
            least = ".".join(map(str, LEAST_VERSION))
            raise InputError(f"{self._location} has pgvector {version}, and {least} is needed: {mend}")
        return schema

    def _create_extension(self) -> None:
        may = "to_regnamespace('public') IS NOT NULL AND has_schema_privilege('public', 'CREATE')"
        with self.writing() as connection:  # not in the registry's own schema, where it would go with that
            where = "public" if connection.exec_driver_sql(f"SELECT {may}").scalar() else self._schema
            connection.exec_driver_sql(f"CREATE EXTENSION IF NOT EXISTS vector SCHEMA {_quoted(where)}")

    def _version(self) -> tuple[str, str] | None:
        with self.reading() as connection:
            found = connection.exec_driver_sql(_VERSION).one_or_none()
        return None if found is None else (str(found[0]), str(found[1]))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hand out a connection with one view of the database, a question's own within one.

        Raises:
            TableGoneError: a table that was asked is not there.
        """
        with _gone_told(), self._read() as session:
            yield session.connection()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hand out a connection with a transaction: kept when the block ends, undone when it raises."""
        with _gone_told(), self._write() as connection:
            yield connection

    def names(self, prefix: str) -> list[str]:
        """Return the names of the tables that begin so."""
        with self.reading() as connection:
            return [str(name) for name in connection.exec_driver_sql(_NAMES, (self._schema, prefix)).scalars()]

    def drop(self, name: str) -> None:
        """Remove a table; one that is not there is no fault."""
        with self.writing() as connection:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {self._table(name)}")

    def create(self, connection: Connection, name: str, dimension: int) -> None:
        """Make a table without rows."""
        row = f"{self._types}.vector({dimension})"
        connection.exec_driver_sql(
            f"CREATE TABLE {self._table(name)} (id bigint PRIMARY KEY, crc bigint NOT NULL, row {row} NOT NULL)"
        )

    def hold(self, connection: Connection, name: str) -> None:
        """Keep others from changing a table until the transaction ends; they may read it."""
        connection.exec_driver_sql(f"LOCK TABLE {self._table(name)} IN SHARE ROW EXCLUSIVE MODE")

    def comment(self, connection: Connection, name: str) -> str:
        """Return the comment on a table; nothing where there is none."""
        return str(connection.exec_driver_sql(_COMMENT, (self._schema, name)).scalar() or "")

    def set_comment(self, connection: Connection, name: str, text: str) -> None:
        """Write the comment on a table."""
        literal = text.replace("\\", "\\\\").replace("'", "''").replace("%", "%%")
        connection.exec_driver_sql(f"COMMENT ON TABLE {self._table(name)} IS E'{literal}'")

    def ids(self, connection: Connection, name: str) -> Ids:
        """Return the ids of a table's rows, rising."""
        every = f"SELECT string_agg(int8send(id), ''::bytea ORDER BY id) FROM {self._table(name)}"  # noqa: S608
        return np.frombuffer(connection.exec_driver_sql(every).scalar() or b"", ">i8").astype(np.int64)

    def remove(self, connection: Connection, name: str, ids: Ids) -> None:
        """Remove rows."""
        some = f"DELETE FROM {self._table(name)} WHERE id = ANY(%s::bigint[])"  # noqa: S608
        connection.exec_driver_sql(some, (listed(ids),))

    def put(
        self, connection: Connection, name: str, parts: Iterable[tuple[Ids, NDArray[np.uint32], NDArray[np.float32]]]
    ) -> None:
        """Write new rows by COPY: ids (n,), checksums (n,) and rows (n, dimension), some at a time."""
        driver: Any = connection.connection.driver_connection
        into = f"COPY {self._table(name)} (id, crc, row) FROM STDIN (FORMAT BINARY)"
        with driver.cursor() as cursor, cursor.copy(into) as copy:
            copy.write(_COPY_HEAD)
            for ids, checksums, rows in parts:
                copy.write(_as_copied(ids, checksums, rows))
            copy.write(_COPY_END)

    def rows(self, connection: Connection, name: str, ids: Ids) -> list[tuple[int, int, bytes]]:
        """Return the id, the checksum and the numbers (float32, highest byte first) of those rows that are there."""
        send = f"substr({self._types}.vector_send(row), 5)"  # after the number of numbers
        some = f"SELECT id, crc, {send} FROM {self._table(name)} WHERE id = ANY(%s::bigint[])"  # noqa: S608
        return [(row[0], row[1], bytes(row[2])) for row in connection.exec_driver_sql(some, (listed(ids),))]

    def ranked(
        self, connection: Connection, name: str, query: NDArray[np.floating], count: int, where: tuple[str, str] | None
    ) -> tuple[Ids, NDArray[np.float64]]:
        """Return the ids of at most `count` rows with the greatest inner products, and these: every row is looked at.

        Args:
            query: (dimension,).
            where: `= ANY` or `<> ALL`, and the ids as `listed` has them; None for all rows.
        """
        near = f"row OPERATOR({self._types}.<#>) %s::{self._types}.vector"
        return self._ordered(connection, name, near, query, count, where)

    def ranked_by_graph(
        self,
        connection: Connection,
        name: str,
        query: NDArray[np.floating],
        count: int,
        where: tuple[str, str] | None,
        *,
        explored: int,
    ) -> tuple[Ids, NDArray[np.float64]]:
        """Return what `ranked` does, as the graph finds it: it may miss some, or stop before it has found as many.

        Args:
            count: 1,000 at most.
            explored: how many rows are kept in view, 1,000 at most; the more, the fewer are missed.
        """
        near = f"{self._half(len(query))} OPERATOR({self._types}.<#>) %s::{self._types}.halfvec({len(query)})"
        settings: dict[str, str | int] = {"hnsw.iterative_scan": "relaxed_order", "hnsw.max_scan_tuples": SCANNED}
        settings |= {"hnsw.ef_search": max(explored, count), "enable_seqscan": "off", "enable_sort": "off"}
        _set(connection, settings)  # off: it takes long rows for short ones
        found = self._ordered(connection, name, near, query, count, where)
        _set(connection, {"enable_seqscan": "on", "enable_sort": "on"})
        return found

    def make_graph(self, connection: Connection, name: str, dimension: int) -> None:
        """Make a graph (HNSW) over the rows in half precision, which takes minutes for many."""
        settings: dict[str, str | int] = {"maintenance_work_mem": "1GB", "max_parallel_maintenance_workers": 0}
        _set(connection, settings)  # more processes would need shared memory, which containers are short of
        connection.exec_driver_sql(
            f"CREATE INDEX ON {self._table(name)} USING hnsw ({self._half(dimension)} {self._types}.halfvec_ip_ops)"
            f" WITH (m = {LINKS}, ef_construction = {LOOKED_AT})"
        )

    def _ordered(
        self,
        connection: Connection,
        name: str,
        near: str,
        query: NDArray[np.floating],
        count: int,
        where: tuple[str, str] | None,
    ) -> tuple[Ids, NDArray[np.float64]]:
        text = "[" + ",".join(["%.9g"] * len(query)) % tuple(np.asarray(query, np.float32).tolist()) + "]"
        among = f"WHERE id {where[0]}(%s::bigint[])" if where else ""
        best = f"SELECT id, {near} AS far FROM {self._table(name)} {among} ORDER BY far LIMIT {int(count)}"  # noqa: S608
        found = connection.exec_driver_sql(best, (text, where[1]) if where else (text,)).all()
        return np.array([row[0] for row in found], np.int64), np.array([-row[1] for row in found], np.float64)

    def _half(self, dimension: int) -> str:
        return f"(row::{self._types}.halfvec({dimension}))"

    def _table(self, name: str) -> str:
        return f"{_quoted(self._schema)}.{_quoted(name)}"


def drop_all(connection: Connection, prefix: str) -> None:
    """Remove the tables in the catalog's schema whose names begin so, also where pgvector has gone."""
    schema = str(connection.exec_driver_sql("SELECT current_schema()").scalar())
    for name in connection.exec_driver_sql(_NAMES, (schema, prefix)).scalars().all():
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_quoted(schema)}.{_quoted(str(name))}")


def listed(ids: Ids) -> str:
    """Return ids as a statement takes them."""
    return "{" + ",".join(map(str, ids.tolist())) + "}"


@contextmanager
def _gone_told() -> Iterator[None]:
    try:
        yield
    except (exc.DBAPIError, StorageError) as error:
        cause = error if isinstance(error, exc.DBAPIError) else error.__cause__
        if getattr(getattr(cause, "orig", None), "sqlstate", None) in _GONE:
            raise TableGoneError("A table of vectors is not there, or is another.") from error
        raise


def _set(connection: Connection, settings: dict[str, str | int]) -> None:
    """Let settings be so until the transaction ends."""
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    connection.exec_driver_sql(f"SELECT {calls}", tuple(str(word) for pair in settings.items() for word in pair))


def _as_copied(ids: Ids, checksums: NDArray[np.uint32], rows: NDArray[np.float32]) -> bytes:
    """Return rows as COPY takes them: the length of each field before it, and the highest byte of a number first."""
    count, dimension = rows.shape
    fields = [("n", ">i2"), ("a", ">i4"), ("id", ">i8"), ("b", ">i4"), ("crc", ">i8"), ("c", ">i4")]
    made = np.zeros(count, [*fields, ("numbers", ">i2"), ("none", ">i2"), ("row", ">f4", (dimension,))])
    made["n"], made["a"], made["b"], made["c"], made["numbers"] = 3, 8, 8, 4 + 4 * dimension, dimension
    made["id"], made["crc"], made["row"] = ids, checksums, rows
    return made.tobytes()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
