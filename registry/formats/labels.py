"""Labels of some texts: a small table that somebody has filled in."""

import csv
from collections.abc import Iterable
from pathlib import Path

from registry.data.inputs import Input
from registry.errors import DataError, InputError
from registry.files.writing import written
from registry.formats.table_files import file_rows
from registry.reading.classes import labels_of


def read_labels(path: Path) -> dict[Input, str]:
    """Read `text`, `text_pair` and `label` of a .csv, .tsv, .jsonl or .parquet file; rows without a label are left out.

    Raises:
        DataError: a row has no text, no row has a label, or a text has two labels.
    """
    labels: dict[Input, str] = {}
    rows = file_rows(path)
    read = labels_of([row.get("label") for row in rows])
    for number, (row, label) in enumerate(zip(rows, read, strict=True), start=1):
        text, pair = row.get("text"), row.get("text_pair")
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{path} row {number}", "has no 'text'.")
        if label is None:
            continue
        key = Input(text, pair if isinstance(pair, str) and pair.strip() else None)
        if labels.setdefault(key, label) != label:
            raise DataError(f"{path} row {number}", "gives another label to a text that has one above.")
    if not labels:
        raise DataError(str(path), "holds no labels: fill in the column 'label'.")
    return labels


def write_labels(path: Path, texts: Iterable[tuple[str, str | None]]) -> None:
    """Write texts to a .csv with an empty column `label`."""
    if path.exists():
        raise InputError(f"{path} is there already: name a new file.")
    with written(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "text_pair", "label"))
        writer.writerows((text, pair or "", "") for text, pair in texts)
