"""What only SQLite needs: how connections are made safe, and how a file is backed up."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import NullPool

BUSY_SECONDS = 30


def engine(path: Path, *, writes: bool) -> Engine:
    """Return an engine whose every transaction begins with the lock that it will need.

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


def backup(path: Path, target: Path) -> None:
    """Copy a database that may be in use, whole and consistent, to `target`."""
    source, copy = sqlite3.connect(path, timeout=BUSY_SECONDS), sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        source.close()
        copy.close()


def is_sound(path: Path) -> bool:
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
