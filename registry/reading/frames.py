"""Tables as a notebook has them: data frames, lists of dicts, dicts of splits, scikit-learn's Bunches, datasets."""

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from registry.data.inputs import is_missing
from registry.data.tasks import SPLITS, SplitRows
from registry.errors import DataError, InputError

Row = dict[str, Any]
TAKEN = "a path, a data frame, a list of dicts, a dict of splits, or scikit-learn's Bunch"


def values_of(column: object) -> list[Any] | None:
    """Return the values of a column, an array or a list of any library; None of what is none, or is a table."""
    if isinstance(column, str | bytes | Mapping) or _is_frame(column):
        return None
    for name in ("tolist", "to_list", "to_pylist"):
        if hasattr(column, name):
            return list(getattr(column, name)())
    return list(column) if isinstance(column, Sequence) else None


def rows_of_table(data: object) -> list[Row]:
    """Return the rows of an object that holds one table, with all its columns: None where a cell is empty.

    Raises:
        InputError: it is no such object, or names a column twice.
    """
    return _table(data, "table: give a path, a data frame, a list of dicts, or a dict of columns")


def rows_of_splits(data: object) -> dict[str, SplitRows]:
    """Return the rows of `train`, and if there is one of `test`, of an object that holds a table or several.

    Raises:
        InputError: it is no such object, or has no split `train`.
    """
    if isinstance(data, Mapping) and "data" in data and "target" in data:
        return {"train": _rows("data", _of_bunch(data))}
    if isinstance(data, Mapping) and not _is_columns(data):
        if "train" not in data:
            raise InputError(f"A dict of splits needs 'train'; it has {', '.join(map(str, data))[:200] or 'nothing'}.")
        return {str(name): _rows(str(name), _table(split)) for name, split in data.items() if name in SPLITS}
    return {"train": _rows("data", _table(data))}


def _rows(place: str, rows: list[Row]) -> SplitRows:
    """Return rows with their numbers; those with half a character, which nothing can keep, as faults."""
    torn = {number for number, row in enumerate(rows, start=1) if _is_torn(row)}
    kept = [(number, _filled_in(row)) for number, row in enumerate(rows, start=1) if number not in torn]
    faults = tuple(DataError(f"{place} row {number}", "holds half of a surrogate pair.") for number in sorted(torn))
    return SplitRows(place, [row for _, row in kept], [number for number, _ in kept], "row", faults)


def _filled_in(row: Row) -> Row:
    return {key: value for key, value in row.items() if value is not None}


def _is_torn(row: Row) -> bool:
    try:
        json.dumps(row, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False


def _is_columns(data: Mapping[Any, Any]) -> bool:
    """Say whether a mapping is one table, of columns of values: what stands in them is no row."""
    return bool(data) and all(
        not isinstance(column, str | Mapping)
        and hasattr(column, "__len__")
        and not _is_frame(column)
        and not isinstance(next(iter(column), None), Mapping)
        for column in data.values()
    )


def _is_frame(data: object) -> bool:
    return hasattr(data, "column_names") or (
        hasattr(data, "columns") and any(hasattr(data, name) for name in ("iter_rows", "to_pylist", "to_dict"))
    )


def _table(data: Any, wanted: str = f"task: give {TAKEN}") -> list[Row]:  # noqa: ANN401 - a table of any library
    """Return the rows of a table, with values of Python, None where one is missing.

    Args:
        wanted: how to say what it should be.
    """
    _check_columns(list(getattr(data, "column_names", getattr(data, "columns", ()))))
    if hasattr(data, "features") and hasattr(data, "to_list"):  # a dataset of the Hugging Face library
        names = {key: feature.names for key, feature in data.features.items() if hasattr(feature, "names")}
        rows = [with_class_names(row, names, "data") for row in data.to_list()]
    elif hasattr(data, "iter_rows"):  # polars
        rows = list(data.iter_rows(named=True))
    elif hasattr(data, "to_pylist"):  # pyarrow
        rows = data.to_pylist()
    elif hasattr(data, "to_dict") and hasattr(data, "columns"):  # pandas
        rows = data.to_dict("records")
    elif isinstance(data, Mapping):
        rows = _of_columns(data)
    elif isinstance(data, Sequence) and not isinstance(data, str | bytes):
        rows = list(data)
    else:
        raise InputError(f"A {type(data).__name__} is no {wanted}.")
    if not all(isinstance(row, Mapping) for row in rows):
        raise InputError(
            f"A list of {type(next(r for r in rows if not isinstance(r, Mapping))).__name__} is no table: "
            "each row is a dict of columns."
        )
    return [{str(key): None if is_missing(value) else _value(value) for key, value in row.items()} for row in rows]


def _check_columns(names: Sequence[object]) -> None:
    """Refuse columns that cannot be told apart, or not by one text."""
    levels = next((name for name in names if isinstance(name, tuple)), None)
    if levels is not None:
        raise InputError(f"The table names columns on several levels, such as {levels!r}: give each one name, a text.")
    columns = [*map(str, names)]
    if len(set(columns)) < len(columns):
        raise InputError(f"The table names a column twice: {', '.join(columns)[:200]}.")


def _of_columns(data: Mapping[Any, Any]) -> list[Row]:
    if not _is_columns(data) or len({len(column) for column in data.values()}) != 1:
        raise InputError("A dict that is one table needs columns of values, all of one length.")
    indexes = [column.index for column in data.values() if hasattr(column, "iloc")]
    if not all(indexes[0].equals(index) for index in indexes):
        raise InputError("The columns are Series whose rows are named otherwise: make one data frame of them.")
    columns = [values_of(column) or list(column) for column in data.values()]
    return [dict(zip(data, values, strict=True)) for values in zip(*columns, strict=True)]


def _of_bunch(bunch: Mapping[str, Any]) -> list[Row]:
    """Return texts with their classes' names where a Bunch has `target_names`."""
    given = bunch.get("target_names")  # numpy's array, or a list
    names = [] if given is None else list(given)
    texts, targets = list(bunch["data"]), [_value(target) for target in bunch["target"]]
    if len(texts) != len(targets) or not all(isinstance(text, str) for text in texts):
        raise InputError("A Bunch needs a text in 'data' for each value of 'target'.")
    is_class = [type(target) is int and 0 <= target < len(names) for target in targets]
    labels = [names[target] if known else target for target, known in zip(targets, is_class, strict=True)]
    return [{"text": text, "label": _value(label)} for text, label in zip(texts, labels, strict=True)]


def with_class_names(row: Mapping[str, Any], names: Mapping[str, Sequence[str]], place: str) -> Row:
    """Return a row with the names of its classes in place of their numbers; -1 has none, and stays.

    Raises:
        DataError: another number has no name.
    """
    for key, own in names.items():
        value = row.get(key)
        if type(value) is int and not -1 <= value < len(own):
            held = ", ".join(own)[:100]
            raise DataError(place, f"has the class {value} in {key!r}, whose {len(own)} names are {held}, from 0 on.")
    return {
        key: names[key][value] if key in names and type(value) is int and value >= 0 else value
        for key, value in row.items()
    }


def _value(value: Any) -> Any:  # noqa: ANN401 - numpy's scalars and arrays become Python's, at any depth
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Enum):
        return _value(value.value)
    if isinstance(value, Mapping):
        return {key: _value(its) for key, its in value.items()}
    if isinstance(value, list | tuple):
        return [_value(its) for its in value]
    return str(value) if type(value).__module__ in ("datetime", "pandas", "decimal") else value
