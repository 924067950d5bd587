"""Arrays in .npz files: measured before they are unpacked, and never unpickled."""

import io
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.errors import DataError
from registry.files import limits
from registry.files.whole import read_file

# What numpy and zipfile raise for files that are damaged, of another kind, or hold pickled objects. A single
# array (.npy) is a TypeError; an unknown compression a NotImplementedError, which is a RuntimeError.
UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    OSError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,  # numpy reads the head of an array that is cut as if it were a program
)
NUMBERS = "fiu"  # kinds of arrays: neither complex nor texts, of which numpy would keep a part without a word


def read_arrays(path: Path, names: Collection[str], what: str, *, most: int = limits.ARRAYS) -> dict[str, NDArray[Any]]:
    """Return those of the named arrays that a .npz file holds; raise `DataError` where it cannot be read.

    Args:
        what: they are, in messages.
        most: bytes that the file may have, and that it may unpack to.
    """
    body = read_file(path, most=most)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            size = sum(one.file_size for one in archive.infolist())
        if size > most:
            raise DataError(str(path), f"would unpack to {size:,} bytes, and {most:,} is the most that is read.")
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in names if name in arrays}
    except UNREADABLE as error:
        raise DataError(str(path), f"not a .npz file of {what} that can be read ({error}).") from error


def as_numbers(array: NDArray[Any], name: str, path: Path) -> NDArray[np.float64]:
    """Return an array as numbers; raise `DataError` where it holds texts or complex numbers."""
    if array.dtype.kind not in NUMBERS:
        raise DataError(str(path), f"{name} holds {array.dtype}, and no real numbers.")
    return np.asarray(array, np.float64)
