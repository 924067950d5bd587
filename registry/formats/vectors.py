"""Vectors in and out: .npz and .parquet, with the fingerprint of their space."""

from pathlib import Path

import numpy as np

from registry.data.vectors import VectorFile
from registry.errors import DataError, InputError, MissingExtraError
from registry.files import limits
from registry.files.arrays import as_numbers, read_arrays
from registry.files.lines import written


def write_vectors(vectors: VectorFile, path: Path) -> None:
    """Write vectors in the format that the file's ending names."""
    write = {".npz": _write_npz, ".parquet": _write_parquet}.get(path.suffix.lower())
    if write is None:
        raise InputError(f"{path}: vectors are written as .npz or .parquet.")
    with written(path) as draft:
        write(vectors, draft)


def read_vectors(path: Path, *, most: int = limits.ARRAYS) -> VectorFile:
    """Read vectors from .npz; raise `DataError` where the file is not one of ours.

    Args:
        most: bytes that the file may have, and that it may unpack to.
    """
    wanted = ("names", "kinds", "vectors", "fingerprint")
    held = read_arrays(path, wanted, "vectors", most=most)
    if len(held) < len(wanted):
        raise DataError(str(path), "not a .npz file of vectors with names and a fingerprint.")
    names, kinds, vectors, fingerprint = (held[name] for name in wanted)
    matrix = as_numbers(vectors, "vectors", path).astype(np.float32)
    if (
        matrix.ndim != 2
        or names.ndim != 1
        or kinds.ndim != 1
        or not len(matrix) == len(names) == len(kinds)
        or not len(matrix)
    ):
        raise DataError(str(path), "names and vectors differ in number.")
    return VectorFile(str(fingerprint), tuple(map(str, names)), tuple(map(str, kinds)), matrix)


def _write_npz(vectors: VectorFile, path: Path) -> None:
    with path.open("wb") as file:  # given a path, numpy would add its own ending to .NPZ
        np.savez(
            file,
            fingerprint=np.array(vectors.fingerprint),
            names=np.array(vectors.names, dtype=np.str_),
            kinds=np.array(vectors.kinds, dtype=np.str_),
            vectors=vectors.matrix,
        )


def _write_parquet(vectors: VectorFile, path: Path) -> None:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("Writing .parquet needs pyarrow", "analysis") from error
    flat = arrow.array(vectors.matrix.ravel())
    column = arrow.FixedSizeListArray.from_arrays(flat, vectors.matrix.shape[1])
    table = arrow.table({"name": list(vectors.names), "kind": list(vectors.kinds), "vector": column})
    parquet.write_table(table.replace_schema_metadata({"fingerprint": vectors.fingerprint}), path)
