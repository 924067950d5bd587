"""The tables that tasks are read from: rows of a file, of what is piped in, or of a dataset of the Hugging Face hub."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from registry.data.tasks import SplitRows, refusal
from registry.errors import DataError, InputError, MissingExtraError, first_line
from registry.files.lines import decoded, json_value, lines_and_faults
from registry.files.separated import SEPARATORS, rows_and_faults, separator_of
from registry.files.whole import read_file, read_stream, unzipped
from registry.formats.arrow_tables import parquet_rows
from registry.reading.frames import with_class_names

ENDINGS = ".jsonl, .json, .csv, .tsv or .parquet"
STDIN, STDIN_PLACE = "-", "stdin"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # byte-order marks of other encodings than UTF-8
_MENDS = dict.fromkeys((".xlsx", ".xls", ".ods"), " Save the sheet as .csv.")
_MENDS |= dict.fromkeys((".zip", ".xz", ".bz2", ".zst"), " Unpack it, or pack it as .gz.")
_LINES, _TABLES = (".jsonl", ".ndjson"), (".csv", ".tsv")


class FileForm(NamedTuple):
    """What is known of a text file beforehand; None to find it out."""

    separator: str | None = None
    encoding: str | None = None


UNKNOWN = FileForm()


@dataclass(frozen=True)
class FoundTable:
    """The rows of a file, and what was found out about its form beyond what its ending says."""

    rows: SplitRows
    found: tuple[str, ...] = ()  # such as "with semicolons between its cells"


def file_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a .jsonl, .json, .csv, .tsv or .parquet file; raise `DataError` where it is none."""
    rows = read_table(path).rows
    if rows.faults:
        raise rows.faults[0]
    return rows.rows


def read_table(path: Path, form: FileForm = UNKNOWN) -> FoundTable:
    """Return a file's rows with their places; `-` is what is piped in, and `.gz` is unpacked.

    Raises:
        DataError: it is no table, or an empty one. Faults of single rows are returned with the rows.
    """
    if str(path) == STDIN:
        return _checked(_piped(read_stream(sys.stdin.buffer, STDIN_PLACE), form))
    body, suffixes = read_file(path), [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        body = unzipped(body, path)
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    if suffix == ".parquet":
        return _checked(FoundTable(parquet_rows(body, str(path))))
    if suffix not in (*_LINES, *_TABLES, ".json"):
        mend = _MENDS.get(suffix, "")
        raise DataError(str(path), f"not a task folder and not a {ENDINGS} file.{mend}")
    text, found = text_of(body, str(path), form)
    return _checked(_of_text(text, suffix, str(path), form, found))


def hub_rows(name: str, split: str) -> SplitRows:
    """Return the rows of one split of `DATASET[/CONFIG]`, classes by their names."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("Datasets of the hub need the datasets library", "hf") from error
    parts = name.split("/")
    path, config = ("/".join(parts[:2]), parts[2]) if len(parts) == 3 else (name, None)
    try:
        table = datasets.load_dataset(path, config, split=split)
    except Exception as error:  # whatever the hub, its files and its library raise is a reason
        raise DataError(f"hf:{name}", first_line(error)) from error
    names = {key: f.names for key, f in table.features.items() if hasattr(f, "names")}
    rows = [with_class_names(row, names, f"hf:{name}") for row in table]
    if not rows:
        raise DataError(f"hf:{name}", f"its split {split} holds no examples.")
    return SplitRows(f"hf:{name} {split}", rows, range(1, len(rows) + 1), "row")


def _checked(table: FoundTable) -> FoundTable:
    rows = table.rows
    if not rows.rows:
        raise refusal(rows.faults, rows.place) if rows.faults else DataError(rows.place, "holds no examples.")
    return table


def text_of(body: bytes, place: str, form: FileForm) -> tuple[str, tuple[str, ...]]:
    """Return a file's text, and the encoding where it had to be found out."""
    mark = None if form.encoding else _MARKS.get(body[:2])
    mend = "" if form.encoding else " Save it as UTF-8, or name its encoding where --encoding is taken: cp1252, ..."
    text = decoded(body, place, form.encoding or mark or "utf-8", mend=mend)
    return text, (f"as {mark.upper()}",) if mark else ()


def _of_text(text: str, suffix: str, place: str, form: FileForm, found: tuple[str, ...]) -> FoundTable:
    if suffix in _TABLES:
        return _separated(text, "\t" if suffix == ".tsv" else ",", place, form, found)
    if form.separator:
        raise InputError(f"{place} holds no cells that {form.separator!r} separates: leave --sep out.")
    is_array = text.lstrip()[:1] == "[" and text.rstrip()[-1:] == "]"
    if suffix == ".json" and is_array:
        return FoundTable(_array_rows(text, place), (*found, "as a JSON array"))
    numbered, faults = lines_and_faults(text, place)
    if faults and is_array and not numbered:
        raise DataError(f"{place} line 1", "not a JSON object: call a file of one JSON array .json.")
    if faults and not numbered and suffix == ".json":
        raise DataError(place, "neither JSON lines nor a JSON array of objects (pandas: to_json(orient='records')).")
    return FoundTable(_numbered(place, numbered, faults), found)


def _separated(text: str, usual: str, place: str, form: FileForm, found: tuple[str, ...]) -> FoundTable:
    separator = form.separator or separator_of(text, usual)
    columns, numbered, faults = rows_and_faults(text, place, separator)
    if separator != (form.separator or usual):
        found = (*found, f"with {SEPARATORS.get(separator, repr(separator))} between its cells")
    filled = [(number, {key: value for key, value in row.items() if value}) for number, row in numbered]
    rows = _numbered(place, filled, faults)
    return FoundTable(replace(rows, columns=tuple(columns)), found)


def _numbered(place: str, rows: Sequence[tuple[int, dict[str, Any]]], faults: Sequence[DataError]) -> SplitRows:
    return SplitRows(place, [row for _, row in rows], [number for number, _ in rows], faults=tuple(faults))


def _array_rows(text: str, place: str) -> SplitRows:
    values = json_value(text, place)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise DataError(place, "not a JSON array of objects.")
    return SplitRows(place, values, range(1, len(values) + 1), "item")


def _piped(body: bytes, form: FileForm) -> FoundTable:
    """Return the rows of what was piped in, by its first bytes."""
    place = STDIN_PLACE
    if body[:2] == b"\x1f\x8b":
        body = unzipped(body, place)
    if body[:4] == b"PAR1":
        return FoundTable(parquet_rows(body, place))
    text, found = text_of(body, place, form)
    suffix = {"{": ".jsonl", "[": ".json"}.get(text.lstrip()[:1], ".csv")
    return _of_text(text, suffix, place, form, found)
