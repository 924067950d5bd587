"""Labels of some texts: a small table that somebody has filled in."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry.data.inputs import Input, input_of, is_empty
from registry.errors import DataError, InputError
from registry.files.writing import written
from registry.formats.table_files import file_rows
from registry.reading.classes import labels_of

MOST_PLACES = 10_000_000


@dataclass(frozen=True)
class FilledIn:
    """Right answers to some texts."""

    labels: dict[Input, str]
    chances: dict[Input, float]  # of those that `label suggest` has drawn
    passed_over: int = 0  # texts that it drew before others that have a label, and that have none, or are gone


def read_labels(*paths: Path) -> FilledIn:
    """Read `text`, `text_pair`, `label`, `chance` and `place` of .csv, .tsv, .jsonl or .parquet files.

    Rows without a label are left out.

    Raises:
        DataError: a row has no text, no row of a file has a label, a text has two labels, or a chance or a place is
            none.
    """
    read, places = FilledIn({}, {}), _Series()
    before: set[Input] = set()  # which were suggested before others that have a label
    for path in paths:
        before |= _read(path, read, places)
    without = (before | places.passed_over()) - read.labels.keys()
    return FilledIn(read.labels, read.chances, len(without) + places.gone())


@dataclass
class _Series:
    """Where suggested texts stood in the list that was drawn, from 1, however their rows are ordered now."""

    of: dict[int, set[Input]] = field(default_factory=dict)
    last: int = 0  # of those that have a label

    def add(self, text: Input, place: int, *, has_label: bool) -> None:
        """Take in a text at its place."""
        self.of.setdefault(place, set()).add(text)
        self.last = max(self.last, place) if has_label else self.last

    def passed_over(self) -> set[Input]:
        """Return the texts that stood before the last one with a label."""
        return {text for place, texts in self.of.items() if place < self.last for text in texts}

    def gone(self) -> int:
        """Return how many stood there whose rows are gone."""
        return sum(place not in self.of for place in range(1, self.last))


def _read(path: Path, into: FilledIn, places: _Series) -> set[Input]:
    """Read a file, and return the suggested texts without a label, and place, above one with a label."""
    before: set[Input] = set()
    above: set[Input] = set()
    rows = [_in_small_letters(row) for row in file_rows(path)]
    labels = labels_of([row.get("label") for row in rows])
    for number, (row, label) in enumerate(zip(rows, labels, strict=True), start=1):
        where = f"{path} row {number}"
        text, chance = input_of(row, where), _chance(row.get("chance"), where)
        place = None if chance is None else _place(row.get("place"), where)  # elsewhere it may mean a town
        if place is not None:
            places.add(text, place, has_label=label is not None)
        if label is None:
            above |= {text} if chance is not None and place is None else set()
            continue
        if into.labels.setdefault(text, label) != label:
            raise DataError(where, "gives another label to a text that has one.")
        if chance is not None:
            into.chances[text] = chance
            before |= above
    if not any(labels):
        raise DataError(str(path), "holds no labels: fill in the column 'label'.")
    return before


def _in_small_letters(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the names of its columns in small letters, `Chance` as `chance`, if it has no such column."""
    return {str(name).strip().casefold(): value for name, value in row.items()} | row


def _chance(value: object, where: str) -> float | None:
    """Return with which chance a text was drawn; None where it was not."""
    chance = _number(value)
    if chance is not None and not 0 < chance <= 1:
        raise DataError(where, f"has the chance {value!r}: leave the column as 'label suggest' wrote it.")
    return chance


def _place(value: object, where: str) -> int | None:
    """Return where a text stood in the list that was drawn; None where that is not told."""
    place = _number(value)
    if place is None:
        return None
    if not 1 <= place <= MOST_PLACES or place != int(place):
        raise DataError(where, f"has the place {value!r}: leave the column as 'label suggest' wrote it.")
    return int(place)


def _number(value: object) -> float | None:
    """Return the number in a cell, 0 where it is none; None where the cell is empty."""
    if is_empty(value):
        return None
    try:
        return float(str(value).replace(",", "."))  # as spreadsheets of many countries write it
    except ValueError:
        return 0.0


def write_labels(path: Path, texts: Sequence[tuple[str, str | None, float]], *, first: int = 1) -> None:
    """Write texts, with the chances of which they were drawn, to a .csv with an empty column `label`.

    Args:
        path: a new file.
        texts: text, second text and chance, as they were drawn.
        first: the place of the first, after those that have a label already.
    """
    if path.exists():
        raise InputError(f"{path} is there already: name a new file.")
    with written(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "text_pair", "label", "chance", "place"))
        writer.writerows(
            (text, pair or "", "", repr(chance), place) for place, (text, pair, chance) in enumerate(texts, start=first)
        )
