"""Checksums of a SQLite database's rows and layout: written as rows are written, and held against what is there.

A row's checksum stands in its own column `checksum`. Triggers of the connection write it, which no other program has:
a row that was changed by anything else, a failing disk among it, no longer matches. The layout, which is the text of
all tables and indices with the number of the schema, has its checksum in the one row of `state`.
"""

import struct
import zlib
from collections.abc import Iterator
from sqlite3 import Connection
from typing import Any

COLUMN, LAYOUT = "checksum", "layout"
MAGIC = b"SQLite format 3\0"  # begins every file of SQLite
_FUNCTION = "row_checksum"


def follow(connection: Connection) -> None:
    """Let a connection write the checksum of every row that it inserts or changes."""
    give_function(connection)
    connection.execute("PRAGMA temp_store=MEMORY")
    for table, columns in sealed_tables(connection).items():
        for event in ("INSERT", f"UPDATE OF {', '.join(map(_quoted, columns))}"):
            trigger = _quoted(f"{event.split()[0]} {table}")
            set_it = f"{_setting(table, columns)} WHERE rowid = NEW.rowid"
            connection.execute(f"CREATE TEMP TRIGGER {trigger} AFTER {event} ON {_quoted(table)} BEGIN {set_it}; END")


def seal(connection: Connection) -> None:
    """Write the checksums of the layout and of all rows, as they are now: after the tables were changed."""
    give_function(connection)
    tables = sealed_tables(connection)
    if LAYOUT in tables.get("state", ()):
        connection.execute("UPDATE state SET layout = ?", (_layout_of(connection),))
    for table, columns in tables.items():
        connection.execute(_setting(table, columns))


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
    call = _call(table, _columns_of(connection, table))
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
    columns = {name: _columns_of(connection, name, all_of_them=True) for (name,) in tables}
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
    return zlib.crc32(b"".join(len(part).to_bytes(8, "little") + part for part in parts))


def _setting(table: str, columns: list[str]) -> str:
    return f"UPDATE {_quoted(table)} SET {COLUMN} = {_call(table, columns)}"  # noqa: S608 - our own names


def _call(table: str, columns: list[str]) -> str:
    """Return the expression for the checksum of a row, of text as bytes: what is damaged may be no text."""
    names = [_quoted(column) for column in columns]
    types = " || ".join(f"typeof({name})" for name in names)
    values = ", ".join(f"CASE typeof({name}) WHEN 'real' THEN {name} ELSE CAST({name} AS BLOB) END" for name in names)
    return f"{_FUNCTION}('{table}', {types}, {values})"


def _columns_of(connection: Connection, table: str, *, all_of_them: bool = False) -> list[str]:
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]
    return names if all_of_them else [name for name in names if name != COLUMN]


def _layout_of(connection: Connection) -> int:
    """Return the checksum of the text of all tables and indices, and of the schema's number."""
    made = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    number = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return zlib.crc32(repr((made, number)).encode())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
