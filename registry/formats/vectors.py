"""Vectors in and out: .npz and .parquet, with the fingerprint of their space."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from registry.data.vectors import VectorFile, VectorStream
from registry.errors import DataError, InputError, MissingExtraError
from registry.files import limits
from registry.files.arrays import as_numbers, read_arrays
from registry.files.writing import written


def write_vectors(vectors: VectorFile | VectorStream, path: Path) -> None:
    """Write vectors in the format that the file's ending names; of a stream a part at a time is held."""
    write = {".npz": _write_npz, ".parquet": _write_parquet}.get(path.suffix.lower())
    if write is None:
        raise InputError(f"{path}: vectors are written as .npz or .parquet.")
    with written(path) as draft:
        write(VectorStream.of(vectors) if isinstance(vectors, VectorFile) else vectors, draft)


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


def _write_npz(vectors: VectorStream, path: Path) -> None:
    held = {
        "fingerprint": np.array(vectors.fingerprint),
        "names": np.array(vectors.names, dtype=np.str_),
        "kinds": np.array(vectors.kinds, dtype=np.str_),
    }
    shape = {"descr": "<f4", "fortran_order": False, "shape": (len(vectors.names), vectors.dimension)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in held.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)
        with archive.open("vectors.npy", "w", force_zip64=True) as member:
            npy.write_array_header_1_0(member, shape)
            for part in vectors.parts:
                member.write(np.ascontiguousarray(part, "<f4").data)


def _write_parquet(vectors: VectorStream, path: Path) -> None:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("Writing .parquet needs pyarrow", "analysis") from error
    column = arrow.list_(arrow.float32(), vectors.dimension)
    fields = [("name", arrow.string()), ("kind", arrow.string()), ("vector", column)]
    schema = arrow.schema(fields, metadata={"fingerprint": vectors.fingerprint})
    start = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for part in vectors.parts:
            some, start = slice(start, start + len(part)), start + len(part)
            flat = arrow.array(np.ascontiguousarray(part, np.float32).ravel())
            rows = arrow.FixedSizeListArray.from_arrays(flat, vectors.dimension)
            writer.write_table(arrow.table([list(vectors.names[some]), list(vectors.kinds[some]), rows], schema=schema))
