"""The rows of a catalog, all of them as they are, from one database into another that is still empty."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from registry.catalog.database import Database
from registry.catalog.tables import Base, State
from registry.errors import InputError

AT_ONCE = 500  # rows: of vectors and contents, some megabytes
_LEFT = ("checksum", "layout")  # what each database makes by itself


def copy_rows(source: Database, target: Database, *, at_the_end: Callable[[], object]) -> Counter[str]:
    """Write every row of a catalog into another, in one transaction, with its ids; return how many, by table.

    Args:
        at_the_end: called when all is written but not committed.

    Raises:
        InputError: there is something in the other.
    """
    copied: Counter[str] = Counter()
    with source.read() as read, target.write() as session:
        for table in Base.metadata.sorted_tables:
            if table.name == State.__tablename__:
                continue
            if session.execute(select(table.c[next(iter(table.primary_key)).name]).limit(1)).first() is not None:
                raise InputError(f"{target.location} is not empty: copy into a new place.")
            for columns in _parts(read, table):
                target.insert(session, table, columns)
                copied[table.name] += len(next(iter(columns.values())))
        kept = {name: value for name, value in _state(read).items() if name not in ("id", *_LEFT)}
        kept["generation"] = max(kept["generation"], session.info["generation"]) + 1
        session.execute(update(State).values(kept))
        target.renumber(session)
        at_the_end()
    return copied


def _state(session: Session) -> dict[str, Any]:
    return dict(session.execute(select(State.__table__)).mappings().one())


def _parts(session: Session, table: Table) -> Iterator[dict[str, list[Any]]]:
    """Yield the rows of a table by columns, some at a time, in the order of their keys."""
    names = [column.name for column in table.c if column.name not in _LEFT]
    query = select(*(table.c[name] for name in names)).order_by(*table.primary_key)
    for rows in session.execute(query.execution_options(yield_per=AT_ONCE)).partitions():
        yield {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
