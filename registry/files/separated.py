"""Tables of separated values: which sign separates them is found out, and every fault has its place."""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from registry.errors import DataError, InputError
from registry.files import limits
from registry.files.lines import decoded

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_EXCEL = re.compile(r"sep=(.)(?:\r\n?|\n|$)")  # the first line by which Excel knows a table's separator

NumberedRows = list[tuple[int, dict[str, str]]]


def separated_rows(body: bytes, path: Path, *, delimiter: str | None = None) -> tuple[list[str], NumberedRows]:
    """Return the names of a table's columns, and its rows, each with the number of the line where it ends.

    A row that is too short has empty cells.

    Args:
        delimiter: the sign between cells; None to find it out.

    Raises:
        DataError: not a table, a column that is named twice, or a row with more cells than there are columns.
    """
    text = decoded(body, path)
    columns, rows, faults = rows_and_faults(text, path, delimiter or separator_of(text))
    if faults:
        raise faults[0]
    return columns, rows


def separator_of(text: str, usual: str = ",") -> str:
    """Return what separates the cells of a table's first line: the usual sign, if it is there."""
    excel = _EXCEL.match(text)
    if excel:
        return excel[1]
    whole = _first_line(text)
    outside = re.sub(r'"[^"]*"', "", whole)  # of quoted names
    first = outside if any(sign in outside for sign in SEPARATORS) else whole
    return usual if usual in first else max(SEPARATORS, key=lambda sign: (first.count(sign), sign == usual))


def _first_line(text: str) -> str:
    """Return the first line that is not empty, however lines end: on old Macintoshes, and in Excel's CSV of theirs."""
    return text.lstrip("\r\n").partition("\n")[0].partition("\r")[0]


def rows_and_faults(text: str, path: str | Path, delimiter: str) -> tuple[list[str], NumberedRows, list[DataError]]:
    """Like `separated_rows`, of a text; return what is wrong with single rows instead of raising it.

    In a table of tabs a quote is a character like any other: it never holds two rows together.
    """
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise InputError(f"{delimiter[:20]!r} does not separate cells: name one character.")
    excel = _EXCEL.match(text)
    body = text[excel.end() :] if excel else text
    head = _first_line(body)
    csv.field_size_limit(limits.LINE)
    reader = csv.reader(
        _short_lines(body, path, int(bool(excel))),
        delimiter=delimiter,
        strict=True,
        quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
        skipinitialspace=delimiter != "\t" and f"{delimiter} " in head,  # as whoever wrote the first line does
    )
    columns: list[str] = []
    rows: NumberedRows = []
    faults: list[DataError] = []
    before, ends = int(bool(excel)), 0
    try:
        for cells in reader:
            ends, place = reader.line_num, f"{path} line {before + reader.line_num}"
            if not columns:
                columns = [name.strip() for name in cells]
                limits.check_columns(len(columns), path)
            elif len(cells) > len(columns):
                faults.append(
                    DataError(place, f"has more cells than the first line: quote the {_torn_by(cells, delimiter)}.")
                )
            elif _is_torn(cells, columns, delimiter):
                faults.append(
                    DataError(place, "begins with a quote a cell that ends in another line: save it as .csv.")
                )
            elif cells:
                rows.append((before + ends, dict(itertools.zip_longest(columns, cells, fillvalue=""))))
            limits.check_rows(len(rows) + len(faults), path)
    except csv.Error as error:
        raise DataError(f"{path} line {before + ends + 1}", f"not a readable table ({error}).") from error
    rows, joined = _without_joined(rows, columns, delimiter, path)
    faults += joined
    named = [name for name in columns if name]
    if len(set(named)) != len(named):
        raise DataError(str(path), f"names a column twice: {', '.join(columns)[:200]}.")
    return columns, rows, faults


def _short_lines(text: str, path: str | Path, before: int) -> Iterator[str]:
    """Yield the lines of a table; raise `DataError` for one that is no row but a mistake."""
    for number, line in enumerate(io.StringIO(text, newline=""), start=before + 1):
        limits.check_line(line, f"{path} line {number}")
        yield line


def _without_joined(
    rows: NumberedRows, columns: list[str], delimiter: str, path: str | Path
) -> tuple[NumberedRows, list[DataError]]:
    """Take away rows whose quoted cell holds whole rows: a quote that only a later row closes has joined them.

    They are known by lines that end as rows do, with one of the few values of the last column.
    """
    ends = {row[columns[-1]].strip() for _, row in rows if columns} - {""}
    if 2 * len(ends) > len(rows):
        return rows, []
    kept: NumberedRows = []
    faults = []
    for number, row in rows:
        lines = [line for cell in row.values() if "\n" in cell for line in cell.split("\n")[:-1]]
        parts = [line.rpartition(delimiter) for line in lines]
        if any(sign and end.strip() in ends for _, sign, end in parts):
            problem = "a quoted cell that ends here holds other rows: double the quote that it begins with."
            faults.append(DataError(f"{path} line {number}", problem))
        else:
            kept.append((number, row))
    return kept, faults


def _torn_by(cells: Sequence[str], delimiter: str) -> str:
    """Say what a row may have been cut at."""
    decimals = delimiter == "," and any(a[-1:].isdigit() and b.isdigit() for a, b in pairwise(cells))
    return f"{_named(delimiter)} in it{', or write decimals with a point' if decimals else ''}"


def _named(separator: str) -> str:
    return SEPARATORS.get(separator, f"signs {separator!r}")


def _is_torn(cells: list[str], columns: list[str], delimiter: str) -> bool:
    """Say whether a row of a table of tabs breaks off in a quoted cell, as other programs write line breaks."""
    open_quote = bool(cells) and cells[-1].startswith('"') and not cells[-1][1:].endswith('"')
    return delimiter == "\t" and len(cells) < len(columns) and open_quote
