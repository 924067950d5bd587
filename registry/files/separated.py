"""Tables of comma-separated or tab-separated values, read with the place of every fault."""

import csv
import io
from pathlib import Path

from registry.errors import DataError
from registry.files.lines import LINE_LIMIT, decoded


def separated_rows(
    body: bytes, path: Path, *, delimiter: str = ","
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the names of a table's columns, and its rows, each with the number of the line where it ends.

    A row that is too short has empty cells.

    Raises:
        DataError: not a table, a column that is named twice, or a row with more cells than there are columns.
    """
    text = io.StringIO(decoded(body, path), newline="")
    csv.field_size_limit(LINE_LIMIT)
    reader = csv.DictReader(text, delimiter=delimiter, strict=True, restval="")
    try:
        columns = list(reader.fieldnames or ())
        named = [name for name in columns if name]
        if len(set(named)) != len(named):
            raise DataError(str(path), f"names a column twice: {', '.join(columns)[:200]}.")
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(str(path), f"not a readable table ({error}).") from error
    for number, row in rows:
        if None in row:
            raise DataError(f"{path} line {number}", "has more cells than the first line: quote the commas in it.")
    return columns, rows
