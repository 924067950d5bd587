"""Labels of some texts: a small table that somebody has filled in."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from registry.data.inputs import Input
from registry.errors import DataError, InputError
from registry.files.writing import written
from registry.formats.table_files import file_rows
from registry.reading.classes import labels_of


@dataclass(frozen=True)
class FilledIn:
    """Right answers to some texts."""

    labels: dict[Input, str]
    chances: dict[Input, float]  # of those that `label suggest` has drawn
    passed_over: int = 0  # texts that it drew before others that have a label, and that have none


def read_labels(*paths: Path) -> FilledIn:
    """Read `text`, `text_pair`, `label` and `chance` of .csv, .tsv, .jsonl or .parquet files.

    Rows without a label are left out.

    Raises:
        DataError: a row has no text, no row of a file has a label, a text has two labels, or a chance is none.
    """
    read = FilledIn({}, {})
    before: set[Input] = set()  # which were suggested before others that have a label
    for path in paths:
        before |= _read(path, read)
    return FilledIn(read.labels, read.chances, len(before - read.labels.keys()))


def _read(path: Path, into: FilledIn) -> set[Input]:
    """Read a file, and return the suggested texts without a label that stand above one with a label."""
    found = 0
    before: set[Input] = set()
    above: set[Input] = set()
    rows = [_in_small_letters(row) for row in file_rows(path)]
    labels = labels_of([row.get("label") for row in rows])
    for number, (row, label) in enumerate(zip(rows, labels, strict=True), start=1):
        where = f"{path} row {number}"
        text, pair = row.get("text"), row.get("text_pair")
        if not isinstance(text, str) or not text.strip():
            raise DataError(where, "has no 'text'.")
        key = Input(text, pair if isinstance(pair, str) and pair.strip() else None)
        chance = _chance(row.get("chance"), where)
        if label is None:
            above |= {key} if chance is not None else set()
            continue
        found += 1
        if into.labels.setdefault(key, label) != label:
            raise DataError(where, "gives another label to a text that has one.")
        if chance is not None:
            into.chances[key] = chance
            before |= above
    if not found:
        raise DataError(str(path), "holds no labels: fill in the column 'label'.")
    return before


def _in_small_letters(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the names of its columns in small letters, `Chance` as `chance`, if it has no such column."""
    return {str(name).strip().casefold(): value for name, value in row.items()} | row


def _chance(value: object, where: str) -> float | None:
    """Return with which chance a text was drawn; None where it was not."""
    is_empty = (isinstance(value, str) and not value.strip()) or (isinstance(value, float) and isnan(value))
    if value is None or is_empty:
        return None
    try:
        chance = float(str(value).replace(",", "."))  # as spreadsheets of many countries write it
    except ValueError:
        chance = 0.0
    if not 0 < chance <= 1:
        raise DataError(where, f"has the chance {value!r}: leave the column as 'label suggest' wrote it.")
    return chance


def write_labels(path: Path, texts: Sequence[tuple[str, str | None, float]]) -> None:
    """Write texts, with the chances of which they were drawn, to a .csv with an empty column `label`."""
    if path.exists():
        raise InputError(f"{path} is there already: name a new file.")
    with written(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "text_pair", "label", "chance"))
        writer.writerows((text, pair or "", "", repr(chance)) for text, pair, chance in texts)
