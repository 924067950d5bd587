"""Brings the rows of a damaged SQLite database into a new one: those that match their checksums, and none besides."""

import base64
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from registry.catalog.engines import checksums

Values = dict[str, Any]

_DERIVED = {"alembic_version", "vector_changes"}  # made anew: the schema's number, and what indexes follow
_MOST_STEPS = 10_000  # over ids that cannot be read, one by one, before the rest of a table is left to its indices
_MAY_MISS = ("version_contents", "contents")  # an entry is kept without its examples: whoever adds it again mends it
# What the header of our databases always says: bytes from an offset. Sizes and counters are left.
_HEADER = {
    0: checksums.MAGIC,
    18: bytes((1, 1, 0, 64, 32, 32)),  # a rollback journal, no reserved bytes, how full a page may be
    44: bytes((0, 0, 0, 4)),  # of the format
    52: bytes(4),  # no automatic vacuum
    56: bytes((0, 0, 0, 1)),  # UTF-8
}


@dataclass(frozen=True)
class LostRow:
    """A row that was not brought over: what it held, as far as that could be read."""

    table: str
    row: int  # 0: the end of a table that cannot be read, of which nobody knows what it held
    why: str
    values: Values = field(default_factory=dict)  # bytes in base64

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"table": self.table, "row": self.row, "why": self.why, "values": self.values}


@dataclass(frozen=True)
class Salvaged:
    """What came of it."""

    rows: int  # brought over
    lost: tuple[LostRow, ...]


def salvage(damaged: Path, fresh: Path) -> Salvaged:
    """Bring all rows that can be believed from a damaged file into a fresh one, which has empty tables.

    The damaged file is a copy: its header and the text of its tables are mended, so that more can be read.
    """
    with closing(sqlite3.connect(fresh, isolation_level=None)) as new:
        _mend_header(damaged)
        _mend_layout(damaged, new)
        lost: list[LostRow] = []
        for pragma in ("foreign_keys=OFF", "temp_store=MEMORY"):
            new.execute(f"PRAGMA {pragma}")
        new.execute("BEGIN IMMEDIATE")
        checksums.follow(new)
        with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
            old.text_factory = lambda text: text.decode(errors="surrogateescape")
            old.execute("PRAGMA writable_schema=ON")  # what is left of a damaged layout is used
            checksums.give_function(old)
            tables = checksums.sealed_tables(new)
            for table in tables.keys() - _DERIVED:
                lost += _bring(old, new, table, tables[table])
        lost += _without_parents(new)
        count = sum(map(partial(checksums.count_of, new), tables))
        new.execute("COMMIT")
    return Salvaged(count, tuple(lost))


def _bring(old: sqlite3.Connection, new: sqlite3.Connection, table: str, columns: list[str]) -> Iterator[LostRow]:
    """Insert the sound rows of a table; yield the others."""
    broken: list[str] = []
    for row in sorted(_rows_of(old, table, broken)):
        try:
            values, is_sound = checksums.row_of(old, table, columns, row)
        except (sqlite3.Error, UnicodeError) as error:
            yield LostRow(table, row, f"it cannot be read: {error}")
            continue
        if values is None:
            yield LostRow(table, row, "an index names it, and it is not there")
        elif not is_sound:
            yield LostRow(table, row, "it does not match its checksum", _as_json(values))
        else:
            try:
                _insert(new, table, values)
            except sqlite3.Error as error:
                yield LostRow(table, row, str(error), _as_json(values))
    if broken:
        yield LostRow(table, 0, f"not all of the table can be read, rows of it may be missing: {broken[0]}")


def _insert(new: sqlite3.Connection, table: str, values: Values) -> None:
    if table == "state":
        values = {name: value for name, value in values.items() if name not in ("id", checksums.LAYOUT)}
        new.execute(f"UPDATE state SET {', '.join(f'{name} = :{name}' for name in values)}", values)  # noqa: S608
        return
    names = ", ".join(f'"{name}"' for name in values)
    new.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in values)})", values)  # noqa: S608


def _rows_of(old: sqlite3.Connection, table: str, broken: list[str]) -> set[int]:
    """Return the ids of all rows that a table or any of its indices knows of; add what kept from reading all of it."""
    found = set(_walked(old, table, broken))
    try:
        found.update(row for (row,) in old.execute(f"SELECT rowid FROM {table} NOT INDEXED ORDER BY rowid DESC"))  # noqa: S608
        indices = [index[1] for index in old.execute(f"PRAGMA index_list({table})")]
    except (sqlite3.Error, UnicodeError):
        return found
    for index in indices:
        try:
            found.update(row for (row,) in old.execute(f'SELECT rowid FROM {table} INDEXED BY "{index}"'))  # noqa: S608
        except (sqlite3.Error, UnicodeError):
            continue
    return found


def _walked(old: sqlite3.Connection, table: str, broken: list[str]) -> Iterator[int]:
    """Yield the ids of a table upwards, and go on behind what cannot be read, which is added to `broken`."""
    last = steps = 0
    while steps < _MOST_STEPS:
        try:
            for (row,) in old.execute(f"SELECT rowid FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid", (last,)):  # noqa: S608
                if isinstance(row, int):
                    yield row
                    last, steps = row, 0
            return
        except (sqlite3.Error, UnicodeError) as error:
            broken.append(str(error))
            last, steps = last + 1, steps + 1


def _without_parents(new: sqlite3.Connection) -> Iterator[LostRow]:
    """Take out the rows that belong to what was lost, and yield them; a space stays without its corpus."""
    new.execute("UPDATE spaces SET corpus_version_id = NULL WHERE corpus_version_id NOT IN (SELECT id FROM versions)")
    new.execute("UPDATE state SET current_space = NULL WHERE current_space NOT IN (SELECT name FROM spaces)")
    columns = checksums.sealed_tables(new)
    while True:
        orphans = {
            (table, row): f"it belongs to a row of {parent} that was lost"
            for table, row, parent, _ in new.execute("PRAGMA foreign_key_check").fetchall()
            if (table, parent) != _MAY_MISS
        }
        empty = new.execute("SELECT id FROM entries WHERE id NOT IN (SELECT entry_id FROM versions)").fetchall()
        orphans |= {("entries", row): "its versions were lost" for (row,) in empty}
        if not orphans:
            return
        for (table, row), why in orphans.items():
            values, _ = checksums.row_of(new, table, columns[table], row)
            new.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))  # noqa: S608
            yield LostRow(table, row, why, _as_json(values or {}))


def _mend_header(damaged: Path) -> None:
    """Write what the header of a database of ours always says, where it is long enough to have one."""
    with damaged.open("r+b") as file:
        size = file.seek(0, 2)
        if size < 100:
            return
        for offset, body in _HEADER.items():
            file.seek(offset)
            file.write(body)


def _mend_layout(damaged: Path, new: sqlite3.Connection) -> None:
    """Give the tables and indices of a damaged file the text that they were made with, as far as they are known."""
    wanted = {name: sql for name, sql in new.execute("SELECT name, sql FROM sqlite_master")}
    with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
        old.text_factory = lambda text: text.decode(errors="surrogateescape")
        old.execute("PRAGMA writable_schema=ON")
        try:
            held = old.execute("SELECT rowid, name, sql FROM sqlite_master").fetchall()
            for row, name, sql in _differing(held, wanted.items()):
                old.execute(
                    "UPDATE sqlite_master SET name = ?, sql = ?,"
                    " type = CASE WHEN ? LIKE 'CREATE TABLE%' THEN 'table' ELSE 'index' END WHERE rowid = ?",
                    (name, sql, sql, row),
                )
        except (sqlite3.Error, UnicodeError):
            return  # what can be read without is brought over


def _differing(
    held: Iterable[tuple[int, str, str | None]], wanted: Iterable[tuple[str, str | None]]
) -> Iterator[tuple[int, str, str | None]]:
    """Yield what a row of the layout should say, where it is nearly what was made and not quite."""
    made = set(wanted)
    unmatched = [row for row in held if (row[1], row[2]) not in made]
    missing = made - {(name, sql) for _, name, sql in held}
    for row, name, sql in unmatched:
        alike = [one for one in missing if one[0] == name or (sql is not None and one[1] == sql)]
        if len(alike) == 1:
            yield row, *alike[0]


def _as_json(values: Values) -> Values:
    return {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value for name, value in values.items()
    }
