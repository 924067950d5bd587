"""Tables of Arrow, in parquet files and in streams: counted while they are read, for a small file can hold much."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from registry.data.tasks import SplitRows
from registry.errors import DataError, MissingExtraError
from registry.files import limits
from registry.files.whole import read_file
from registry.reading.frames import with_class_names

BATCH = 1_000  # rows that are unpacked at a time
LEAST = {"BOOLEAN": 1, "INT64": 8, "DOUBLE": 8, "INT96": 8}  # bytes of a value, by its kind in parquet; of others 4


def parquet_rows(body: bytes, place: str) -> SplitRows:
    """Return the rows of a parquet file, classes by their names where its schema has them."""
    arrow = _arrow("Reading .parquet needs pyarrow")
    from pyarrow import parquet

    try:
        texts = texts_of(parquet.ParquetFile(io.BytesIO(body)).schema)
        # Texts stay a dictionary: a text that a million rows share is held once, and counted a million times.
        file = parquet.ParquetFile(io.BytesIO(body), read_dictionary=texts)
        limits.check_rows(file.metadata.num_rows, place)
        _check_names(file.schema_arrow.names, place)
        _check_numbers(file.metadata, place)
        names = class_names(file.schema_arrow.metadata)
        return _numbered(place, _rows(file.iter_batches(batch_size=BATCH), names, place))
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(place, f"not a parquet file ({error}).") from error


def stream_rows(paths: Sequence[Path], place: str) -> SplitRows:
    """Return the rows of Arrow streams, as `datasets` saves them, one after the other."""
    arrow = _arrow("Reading what save_to_disk wrote needs pyarrow")
    from pyarrow import ipc

    rows: list[dict[str, Any]] = []
    for path in paths:
        try:
            stream = ipc.open_stream(io.BytesIO(read_file(path)))
            _check_names(stream.schema.names, str(path))
            rows += _rows(stream, class_names(stream.schema.metadata), str(path))
        except (arrow.ArrowException, OSError) as error:
            raise DataError(str(path), f"not an Arrow stream ({error}).") from error
    return _numbered(place, rows)


def class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the names of classes that the Hugging Face library has written into an Arrow schema, by column."""
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        found = {key: feature["names"] for key, feature in features.items() if _is_class_label(feature)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {key: names for key, names in found.items() if all(isinstance(name, str) for name in names)}


def _is_class_label(feature: object) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature["names"], list)


def _rows(batches: Iterable[Any], names: Mapping[str, list[str]], place: str) -> list[dict[str, Any]]:
    """Return the rows of batches of records; raise `DataError` where they are too many, or too large together."""
    rows: list[dict[str, Any]] = []
    size = 0
    for batch in batches:
        batch.validate(full=True)  # else Arrow ends the process over one that is damaged
        size += sum(bytes_of(column) for column in batch.columns)
        if size > limits.FILE:
            raise limits.too_large(place, limits.FILE)
        limits.check_rows(len(rows) + batch.num_rows, place)
        rows += [with_class_names(row, names, place) for row in _with_texts(batch).to_pylist()]
    return rows


def _check_names(columns: Sequence[str], place: str) -> None:
    """Refuse a column that is named twice: a row would hold the last one alone."""
    if len(set(columns)) < len(columns):
        raise DataError(place, f"names a column twice: {', '.join(columns)[:200]}.")


def _with_texts(batch: Any) -> Any:  # noqa: ANN401 - Arrow's batches, whose library is optional
    """Return a batch with dates and decimals as the texts that other tables have for them."""
    import pyarrow
    from pyarrow import types

    for at, field in enumerate(batch.schema):
        if types.is_decimal(field.type) or types.is_date(field.type) or types.is_timestamp(field.type):
            text = pyarrow.string()
            batch = batch.set_column(at, field.with_type(text), batch.column(at).cast(text))
    return batch


def bytes_of(column: Any) -> int:  # noqa: ANN401 - an Arrow array, whose library is optional
    """Return how many bytes an array's values take, each counted where it stands."""
    from pyarrow import compute, types

    kind = column.type
    if types.is_dictionary(kind):
        lengths = compute.binary_length(column.dictionary)
        return int(compute.sum(compute.take(lengths, column.indices)).as_py() or 0)
    if types.is_struct(kind):
        return sum(bytes_of(part) for part in column.flatten())
    if types.is_map(kind):
        return bytes_of(column.keys) + bytes_of(column.items)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return bytes_of(column.flatten())
    return int(column.nbytes)


def texts_of(schema: Any) -> list[str]:  # noqa: ANN401 - a parquet schema
    """Return the paths of all texts, those too that stand in lists."""
    columns = [schema.column(number) for number in range(len(schema))]
    return [one.path for one in columns if one.physical_type == "BYTE_ARRAY" and one.logical_type.type != "DECIMAL"]


def _check_numbers(metadata: Any, place: str) -> None:  # noqa: ANN401 - a parquet file's
    """Refuse more numbers than may be unpacked, before one is: a million times the same takes no room in a file."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    if sum(one.num_values * LEAST.get(one.physical_type, 4) for one in columns) > limits.FILE:
        raise limits.too_large(place, limits.FILE)


def _numbered(place: str, rows: list[dict[str, Any]]) -> SplitRows:
    return SplitRows(place, rows, range(1, len(rows) + 1), "row")


def _arrow(problem: str) -> Any:  # noqa: ANN401 - the module
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError(problem, "analysis") from error
    return pyarrow
