"""Looks into a catalog's database, and changes it, behind the registry's back; in whatever database it lies."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from registry import Registry
from registry.location import Location


def tamper(registry: Registry, sql: str, *values: object) -> None:
    """Change rows, at least one; `?` stands for a value."""
    _, changed = _executed(registry, sql, *values)
    assert changed != 0


def count(registry: Registry, table: str) -> int:
    """Return how many rows a table has."""
    return int(value(registry, f"SELECT count(*) FROM {table}"))  # noqa: S608


def value(registry: Registry, sql: str) -> Any:  # noqa: ANN401 - whatever is there
    """Return the one value of the first row that a query finds."""
    return _executed(registry, sql)[0]


def everything(location: Location) -> Iterator[str]:
    """Yield each row of a server's catalog as text, table by table."""
    import psycopg

    with psycopg.connect(location.url) as connection:
        tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1"
        for (table,) in connection.execute(tables).fetchall():
            rows = connection.execute(f'SELECT t::text FROM "{table}" AS t ORDER BY 1')  # noqa: S608
            yield from (f"{table} {row}" for (row,) in rows)


def _executed(registry: Registry, sql: str, *values: object) -> tuple[Any, int]:
    """Return the first value of the first row, and how many rows were changed."""
    location = registry.catalog.database.location
    if location.is_folder:
        connection = sqlite3.connect(location.folder / "catalog.db")
        with closing(connection), connection:
            cursor = connection.execute(sql, values)
            return (cursor.fetchone() or (0,))[0], cursor.rowcount
    import psycopg

    sql = re.sub(r"x'(\w*)'", r"'\\x\1'::bytea", sql.replace("?", "%s"))
    with psycopg.connect(location.url) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role TO replica")  # as if nobody looked after keys
        cursor.execute(sql, values)
        return (cursor.fetchone() or (0,))[0] if cursor.description else 0, cursor.rowcount
