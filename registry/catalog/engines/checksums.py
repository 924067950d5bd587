"""Checksums of a SQLite database's rows and layout: written as rows are written, and held against what is there.

A row's checksum stands in its own column `checksum`. Triggers of the connection write it, which no other program has:
a row that was changed by anything else, a failing disk among it, no longer matches. The layout, which is the text of
all tables and indices with the number of the schema, has its checksum in the one row of `state`.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import is_
from sqlite3 import Connection
from typing import Any

COLUMN, LAYOUT = "checksum", "layout"
MAGIC = b"SQLite format 3\0"  # begins every file of SQLite
_FUNCTION = "row_checksum"
_TYPES = {
    int: "integer",
    float: "real",
    str: "text",
    bytes: "blob",
    memoryview: "blob",
    type(None): "null",
}  # as SQLite names them

Stored = bytes | memoryview | float | str | None  # int too


def follow(connection: Connection) -> None:
    """Let a connection write the checksum of every row that it inserts or changes.

    Within a transaction, whose tables stay as they are. Where it is undone the triggers go with it, and the next one
    makes them anew; else they stay for all that the connection writes, until somebody changes the tables.
    """
    version = connection.execute("PRAGMA schema_version").fetchone()[0]
    made = [name for (name,) in connection.execute("SELECT name FROM sqlite_temp_master WHERE type = 'trigger'")]
    if any(name.endswith(f" {version}") for name in made):
        return
    for name in made:  # of other tables
        connection.execute(f"DROP TRIGGER temp.{_quoted(name)}")
    give_function(connection)
    for table, columns in sealed_tables(connection).items():
        for event in ("INSERT", f"UPDATE OF {', '.join(map(_quoted, columns))}"):
            trigger = _quoted(f"{event.split()[0]} {table} {version}")
            set_it = f"{_setting(table, columns)} WHERE rowid = NEW.rowid"
            unless = (
                f"WHEN NEW.{COLUMN} IS NULL " if event == "INSERT" else ""
            )  # it came with the row, see `sealed_rows`
            connection.execute(
                f"CREATE TEMP TRIGGER {trigger} AFTER {event} ON {_quoted(table)} {unless}BEGIN {set_it}; END"
            )


def sealed_rows(table: str, columns: Sequence[Sequence[Stored]]) -> Iterator[tuple[Stored, ...]]:
    """Yield rows with their checksums behind them: those that the triggers would write.

    Args:
        columns: the values of each column, in the order of the table, as SQLite will hold them: what a column would
            make something else of does not belong here.
    """
    named = _part(table.encode())
    lengths_and_bodies = [part for values in columns for part in _parts_of(values)]
    parts = zip(*lengths_and_bodies, strict=True)
    for values, types, its in zip(zip(*columns, strict=True), _types_of(columns), parts, strict=True):
        yield *values, zlib.crc32(b"".join((named, types, *its)))


def _types_of(columns: Sequence[Sequence[Stored]]) -> Iterable[bytes]:
    """Return for each row the types of its values, as they go into its checksum."""
    types = [set(map(type, values)) for values in columns]
    rows = zip(*columns, strict=True) if any(len(its) > 1 for its in types) else [[values[0] for values in columns]]
    made = [_part("".join(_TYPES[type(value)] for value in row).encode()) for row in rows]
    return made * len(columns[0]) if len(made) == 1 else made


def _parts_of(values: Sequence[Stored]) -> tuple[Sequence[bytes], Sequence[bytes | memoryview]]:
    """Return the lengths of what goes into checksums, and what goes into them; a value that all share is made once."""
    is_shared = all(map(is_, values, repeat(values[0])))
    bodies = _as_bytes(values[:1] if is_shared else values)
    lengths = list(map(len, bodies))
    if is_shared or len(set(lengths)) == 1:
        made = [lengths[0].to_bytes(8, "little")] * len(values)
        return made, bodies * len(values) if is_shared else bodies
    return [length.to_bytes(8, "little") for length in lengths], bodies


def _as_bytes(values: Sequence[Stored]) -> list[bytes | memoryview]:
    """Return values as SQLite casts them to bytes; a fraction as it is held."""
    made: list[bytes | memoryview] = []
    for value in values:
        if isinstance(value, bytes | memoryview):
            made.append(value)
        elif isinstance(value, float):
            made.append(struct.pack("<d", value))
        else:
            made.append(b"" if value is None else str(value).encode())
    return made


def _part(body: bytes) -> bytes:
    return len(body).to_bytes(8, "little") + body


def seal(connection: Connection) -> None:
    """Write the checksums of the layout and of all rows, as they are now: after the tables were changed."""
    give_function(connection)
    tables = sealed_tables(connection)
    if LAYOUT in tables.get("state", ()):
        connection.execute("UPDATE state SET layout = ?", (_layout_of(connection),))
    for table, columns in tables.items():
        connection.execute(_setting(table, columns))


def insertion(table: str, columns: Sequence[str]) -> str:
    """Return the statement that enters rows as `sealed_rows` makes them."""
    names = ", ".join(map(_quoted, (*columns, COLUMN)))
    return f"INSERT INTO {_quoted(table)} ({names}) VALUES ({', '.join('?' * (len(columns) + 1))})"  # noqa: S608


def schema_of(connection: Connection) -> str | None:
    """Return the number of a database's schema, None where it has no tables."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return found and str(found[0])


def damage(connection: Connection, schema: str) -> Iterator[str]:
    """Yield what is wrong with a database, in a few words each; raise the driver's error where it cannot be read.

    Args:
        schema: whose rows have checksums that are made as `follow` makes them.
    """
    give_function(connection)
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield " ".join(str(line).split())
    tables = sealed_tables(connection)
    if LAYOUT in tables.get("state", ()):
        kept = connection.execute("SELECT layout FROM state").fetchall()
        if kept != [(_layout_of(connection),)]:
            yield "its tables are not those that were made"
    for table in tables if schema_of(connection) == schema else ():
        for row in unsound_rows(connection, table):
            yield f"row {row} of {table} does not match its checksum"


def unsound_rows(connection: Connection, table: str) -> list[int]:
    """Return the ids of the rows of a table that do not match their checksums, or have none."""
    call = _call(table, columns_of(connection, table))
    query = f"SELECT rowid FROM {_quoted(table)} NOT INDEXED WHERE {COLUMN} IS NOT {call}"  # noqa: S608 - our own names
    return [row for (row,) in connection.execute(query)]


def row_of(connection: Connection, table: str, columns: list[str], row: int) -> tuple[dict[str, Any] | None, bool]:
    """Return what a row holds, by column, None where it is not there; and whether it matches its checksum."""
    names = ", ".join(map(_quoted, columns))
    found = connection.execute(
        f"SELECT {COLUMN} IS {_call(table, columns)}, {names} FROM {_quoted(table)} NOT INDEXED WHERE rowid = ?",  # noqa: S608
        (row,),
    ).fetchone()
    return (None, False) if found is None else (dict(zip(columns, found[1:], strict=True)), bool(found[0]))


def sealed_tables(connection: Connection) -> dict[str, list[str]]:
    """Return the tables whose rows have checksums, each with its other columns."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    columns = {name: _all_columns_of(connection, name) for (name,) in tables}
    return {name: [c for c in found if c != COLUMN] for name, found in columns.items() if COLUMN in found}


def count_of(connection: Connection, table: str) -> int:
    """Return how many rows a table has."""
    count: int = connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0]  # noqa: S608 - our own names
    return count


def give_function(connection: Connection) -> None:
    """Let a connection compute checksums of rows."""
    connection.create_function(_FUNCTION, -1, _checksum, deterministic=True)


def _checksum(table: str, types: str, *values: bytes | float | None) -> int:
    """Return the checksum of a row: CRC-32 over its table, the types of its values, and the values with their lengths.

    Args:
        types: as SQLite names them, one after the other.
        values: numbers with a fraction as they are, all others as bytes.
    """
    parts = [table.encode(), types.encode()]
    parts += [struct.pack("<d", value) if isinstance(value, float) else bytes(value or b"") for value in values]
    return zlib.crc32(b"".join(map(_part, parts)))


def _setting(table: str, columns: list[str]) -> str:
    return f"UPDATE {_quoted(table)} SET {COLUMN} = {_call(table, columns)}"  # noqa: S608 - our own names


def _call(table: str, columns: list[str]) -> str:
    """Return the expression for the checksum of a row, of text as bytes: what is damaged may be no text."""
    names = [_quoted(column) for column in columns]
    types = " || ".join(f"typeof({name})" for name in names)
    values = ", ".join(f"CASE typeof({name}) WHEN 'real' THEN {name} ELSE CAST({name} AS BLOB) END" for name in names)
    return f"{_FUNCTION}('{table}', {types}, {values})"


def columns_of(connection: Connection, table: str) -> list[str]:
    """Return the columns of a table, but for that of the checksum, in the order in which they enter it."""
    return [name for name in _all_columns_of(connection, table) if name != COLUMN]


def _all_columns_of(connection: Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]


def _layout_of(connection: Connection) -> int:
    """Return the checksum of the text of all tables and indices, and of the schema's number."""
    made = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    number = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return zlib.crc32(repr((made, number)).encode())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
