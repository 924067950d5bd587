"""The tables that tasks are read from: rows of a file, or of a dataset of the Hugging Face hub."""

import io
from pathlib import Path
from typing import Any

from registry.errors import DataError, MissingExtraError, first_line
from registry.files.lines import parse_lines, read_file
from registry.files.separated import separated_rows


def file_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a .jsonl, .csv, .tsv or .parquet file; raise `DataError` where it is none."""
    body = read_file(path)
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            return parse_lines(body, path)
        case ".csv" | ".tsv":
            return _csv_rows(body, path)
        case ".parquet":
            return _parquet_rows(body, path)
    raise DataError(str(path), "not a task folder and not a .jsonl, .csv, .tsv or .parquet file.")


def _csv_rows(body: bytes, path: Path) -> list[dict[str, Any]]:
    _, rows = separated_rows(body, path, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    if not rows:
        raise DataError(str(path), "holds no examples.")
    return [{key: value for key, value in row.items() if value} for _, row in rows]


def _parquet_rows(body: bytes, path: Path) -> list[dict[str, Any]]:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("Reading .parquet needs pyarrow", "analysis") from error
    try:
        rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(body)).to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise DataError(str(path), f"not a parquet file ({error}).") from error
    if not rows:
        raise DataError(str(path), "holds no examples.")
    return rows


def hub_rows(name: str, split: str) -> list[dict[str, Any]]:
    """Return the rows of one split of `DATASET[/CONFIG]`, classes by their names."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("Datasets of the hub need the datasets library", "hf") from error
    parts = name.split("/")
    path, config = ("/".join(parts[:2]), parts[2]) if len(parts) == 3 else (name, None)
    try:
        table = datasets.load_dataset(path, config, split=split)
    except Exception as error:  # the library, and what it calls, raise many kinds
        raise DataError(f"hf:{name}", first_line(error)) from error
    if not len(table):
        raise DataError(f"hf:{name}", f"its split {split} holds no examples.")
    names = {key: f.names for key, f in table.features.items() if hasattr(f, "names")}
    return [
        {k: names[k][v] if k in names and isinstance(v, int) and v >= 0 else v for k, v in row.items()} for row in table
    ]
