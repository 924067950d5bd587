"""Vectors that people bring, .npz, .npy and .parquet: read a thousand at a time, never all of them."""

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from registry.data.vectors import VectorFile
from registry.errors import DataError, InputError, MissingExtraError
from registry.files import limits
from registry.files.arrays import NUMBERS, UNREADABLE
from registry.files.lines import decoded
from registry.files.whole import check_regular, read_file
from registry.formats.arrow_tables import bytes_of, texts_of
from registry.spaces.spec import MOST_NUMBERS

AT_ONCE = 1_000  # vectors
ENDINGS = (".npz", ".npy", ".parquet")

Parts = Iterator[NDArray[Any]]  # (some, dimension)


@dataclass(frozen=True)
class VectorSource:
    """A file of vectors. What it does not say, whoever brings it has said."""

    path: Path
    fingerprint: str | None  # of their space, where the file names it
    kind: str  # of entries of which the file does not say it
    names: Sequence[str] | None  # None: they stand beside the vectors

    def batches(self, fingerprint: str) -> Iterator[VectorFile]:
        """Yield the vectors, a thousand at a time; raise `DataError` where the file cannot be read to its end.

        Args:
            fingerprint: of the space that is meant, where the file names none.
        """
        said = fingerprint if self.fingerprint is None else self.fingerprint
        try:
            if self.path.suffix.lower() == ".parquet":
                yield from _parquet_batches(self, said)
            else:
                yield from _array_batches(self, said)
        except UNREADABLE as error:
            raise DataError(str(self.path), f"cannot be read as vectors ({error}).") from error


def vector_source(path: Path, *, names: Path | None = None, kind: str = "task") -> VectorSource:
    """Look into a file of vectors.

    Args:
        names: a text file with a name on each line, in the order of the vectors; None where the file has them.
        kind: of the entries, where the file does not say it.

    Raises:
        DataError: it is none, or has no names.
        InputError: its ending is none that is read.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: vectors are read from {', '.join(ENDINGS)}.")
    given = None if names is None else decoded(read_file(names), names).split("\n")
    if given is not None:
        given = [line.rstrip("\r") for line in (given[:-1] if given[-1] == "" else given)]
    try:
        if check_regular(path) > limits.VECTORS:
            raise limits.too_large(path, limits.VECTORS)
        return VectorSource(path, _fingerprint(path), kind, given)
    except FileNotFoundError as error:
        raise DataError(str(path), "no such file.") from error
    except UNREADABLE as error:
        raise DataError(str(path), f"cannot be read as vectors ({error}).") from error


def _fingerprint(path: Path) -> str | None:
    """Return what a file says of its space."""
    match path.suffix.lower():
        case ".npz":
            with zipfile.ZipFile(path) as archive:
                said = _small(archive, "fingerprint", path)
                return None if said is None else str(said)
        case ".parquet":
            with _parquet(path) as file:
                metadata = file.schema_arrow.metadata or {}
                return metadata[b"fingerprint"].decode() if b"fingerprint" in metadata else None
    return None


def _array_batches(source: VectorSource, fingerprint: str) -> Iterator[VectorFile]:
    """Yield the rows of an array in a file of its own, or beside others."""
    if source.path.suffix.lower() == ".npy":
        with source.path.open("rb") as stream:
            yield from _named(source, fingerprint, None, None, stream, source.path.stat().st_size)
        return
    with zipfile.ZipFile(source.path) as archive:
        if "vectors.npy" not in archive.namelist():
            raise DataError(str(source.path), "has no array 'vectors'.")
        names, kinds = (_small(archive, name, source.path) for name in ("names", "kinds"))
        with archive.open("vectors.npy") as stream:
            size = archive.getinfo("vectors.npy").file_size
            yield from _named(source, fingerprint, names, kinds, stream, size)


def _named(
    source: VectorSource,
    fingerprint: str,
    names: NDArray[Any] | None,
    kinds: NDArray[Any] | None,
    stream: IO[bytes],
    size: int,
) -> Iterator[VectorFile]:
    """Yield the rows of an array with their names and kinds."""
    count, parts = _rows(stream, size, source.path)
    its = list(source.names) if source.names is not None else None if names is None else _texts(names, "names", source)
    if its is None:
        raise DataError(str(source.path), "has no names: give a text file with a name on each line (--names).")
    of_kind = [source.kind] * len(its) if kinds is None else _texts(kinds, "kinds", source)
    if not len(its) == len(of_kind) == count or not count:
        raise DataError(str(source.path), f"has {count} vectors, {len(its)} names and {len(of_kind)} kinds.")
    start = 0
    for rows in parts:
        some = slice(start, start + len(rows))
        yield VectorFile(fingerprint, tuple(its[some]), tuple(of_kind[some]), rows)
        start += len(rows)


def _rows(stream: IO[bytes], size: int, path: Path) -> tuple[int, Parts]:
    """Return how many rows an array in the format of numpy has, and the rows, some at a time."""
    version = npy.read_magic(stream)
    read: Callable[..., Any] = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, dtype = read(stream)
    if dtype.kind not in NUMBERS:
        raise DataError(str(path), f"vectors holds {dtype}, and no real numbers.")
    if len(shape) != 2 or not all(shape):
        raise DataError(str(path), f"vectors has shape {shape}: a row for each name is needed.")
    if shape[1] > MOST_NUMBERS:
        raise _too_wide(shape[1], path)
    if by_columns:
        raise DataError(str(path), "vectors lie column by column: write them with numpy.ascontiguousarray.")
    count, dimension = shape
    if count * dimension * dtype.itemsize > size:
        raise DataError(str(path), "is cut: it holds fewer vectors than it says.")

    def parts() -> Parts:
        for start in range(0, count, AT_ONCE):
            some = min(AT_ONCE, count - start)
            body = stream.read(some * dimension * dtype.itemsize)
            yield np.frombuffer(body, dtype).reshape(some, dimension)  # ValueError where the file is cut
        stream.read(1)  # a zip archive holds what was read against its checksum at the end

    return count, parts()


def _small(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any] | None:
    """Return an array that is read whole; None where the archive has none of this name."""
    if f"{name}.npy" not in archive.namelist():
        return None
    if archive.getinfo(f"{name}.npy").file_size > limits.ARRAYS:
        raise limits.too_large(path, limits.ARRAYS)
    array: NDArray[Any] = npy.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
    return array


def _texts(array: NDArray[Any], what: str, source: VectorSource) -> list[str]:
    if array.ndim != 1 or array.dtype.kind != "U":
        raise DataError(str(source.path), f"{what} is not a list of texts.")
    found: list[str] = array.tolist()
    return found


def _parquet_batches(source: VectorSource, fingerprint: str) -> Iterator[VectorFile]:
    """Yield the rows of a parquet file: `vector`, and `name` and `kind` where it has them."""
    start = 0
    with _parquet(source.path) as file:
        there = file.schema_arrow.names
        wanted = [name for name in ("name", "kind", "vector") if name in there]
        if "vector" not in there or ("name" not in there and source.names is None):
            raise DataError(str(source.path), "has no columns 'name' and 'vector'.")
        if source.names is not None and len(source.names) != file.metadata.num_rows:
            raise DataError(
                str(source.path), f"has {file.metadata.num_rows} vectors, and there are {len(source.names)} names."
            )
        _check_widths(file, source.path)
        for batch in file.iter_batches(batch_size=AT_ONCE, columns=wanted):
            for column in batch.columns:
                if bytes_of(column) > limits.FILE:
                    raise limits.too_large(source.path, limits.FILE)
            some, start = slice(start, start + len(batch)), start + len(batch)
            names = batch.column("name").to_pylist() if source.names is None else source.names[some]
            kinds = batch.column("kind").to_pylist() if "kind" in there else [source.kind] * len(batch)
            if not all(isinstance(text, str) for text in (*names, *kinds)):
                raise DataError(str(source.path), "names and kinds are not texts.")
            yield VectorFile(fingerprint, tuple(names), tuple(kinds), _matrix(batch.column("vector"), source.path))
    if not start:
        raise DataError(str(source.path), "holds no vectors.")


def _check_widths(file: Any, path: Path) -> None:  # noqa: ANN401 - a parquet file, whose library is optional
    """Refuse lists that are longer than any vector before one is unpacked: a million zeros take no room in a file."""
    for group in (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)):
        for column in (group.column(number) for number in range(group.num_columns)):
            if (
                column.path_in_schema.partition(".")[0] == "vector"
                and column.num_values > MOST_NUMBERS * group.num_rows
            ):
                raise _too_wide(column.num_values // max(group.num_rows, 1), path)


def _too_wide(numbers: int, path: Path) -> DataError:
    return DataError(str(path), f"vectors of {numbers:,} numbers: a space has at most {MOST_NUMBERS:,}.")


def _matrix(column: Any, path: Path) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array, whose library is optional
    """Return lists of numbers, all of one length, as a matrix."""
    fault = DataError(str(path), "vector is not a list of numbers on each row, all of one length.")
    if not hasattr(column, "value_lengths") or column.null_count:
        raise fault
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    flat = column.flatten().to_numpy(zero_copy_only=False)
    if flat.dtype.kind not in NUMBERS or (lengths != lengths[0]).any():
        raise fault
    return np.asarray(flat).reshape(len(column), -1)


def _parquet(path: Path) -> Any:  # noqa: ANN401 - the library is optional
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("Reading .parquet needs pyarrow", "analysis") from error
    with parquet.ParquetFile(path) as file:
        texts = texts_of(file.schema)
    return parquet.ParquetFile(path, read_dictionary=texts)  # a name that all rows share is held once
