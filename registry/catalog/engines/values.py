"""Values as a database's driver takes them, for rows that are written past SQLAlchemy."""

from collections.abc import Sequence
from itertools import repeat
from operator import is_
from typing import Any

from sqlalchemy import Column, Dialect, LargeBinary


def bound(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[Any]:
    """Return the values of a column as they are stored; where all rows share one, it is made once."""
    make = column.type.dialect_impl(dialect).bind_processor(dialect)
    if make is None or not values or isinstance(column.type, LargeBinary):
        return values
    if all(map(is_, values, repeat(values[0]))):
        return [make(values[0])] * len(values)
    return [make(value) for value in values]
