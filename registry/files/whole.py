"""Files read whole: looked at before they are opened, and never more of them than a limit."""

import errno
import gzip
import io
import stat
import zlib
from pathlib import Path
from typing import Protocol

from registry.errors import DataError, StorageError
from registry.files import limits

_UNUSUAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class Readable(Protocol):
    """What gives up to so many bytes at a time."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""


def read_file(path: Path, *, most: int = limits.FILE) -> bytes:
    """Return a file's bytes; raise our errors where it cannot be read, or holds more than `most` bytes."""
    try:
        if check_regular(path) > most:
            raise limits.too_large(path, most)
        with path.open("rb") as file:
            return read_stream(file, path, most=most)
    except FileNotFoundError as error:
        raise DataError(str(path), "no such file.") from error
    except IsADirectoryError as error:
        raise DataError(str(path), "is a folder, a file is needed.") from error
    except ValueError as error:  # a NUL in the path
        raise DataError(repr(str(path)), "is not the path of a file.") from error
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR):
            raise DataError(str(path), "no such file.") from error
        raise StorageError(f"{path}: {error.strerror}.") from error


def check_regular(path: Path) -> int:
    """Return a file's size in bytes; raise `DataError` for a pipe, a device or a socket.

    Opening one may wait, and reading it may never end.
    """
    about = path.stat()
    what = _UNUSUAL.get(stat.S_IFMT(about.st_mode))
    if what is not None:
        raise DataError(str(path), f"is {what}, a file is needed: write what it gives to a file first.")
    return about.st_size


def read_stream(stream: Readable, place: object, *, most: int = limits.FILE) -> bytes:
    """Return the bytes of a stream to its end; raise `DataError` where there are more than `most`."""
    body = stream.read(most + 1)
    if len(body) > most:
        raise limits.too_large(place, most)
    return body


def unzipped(body: bytes, place: object, *, most: int = limits.FILE) -> bytes:
    """Return what a gzip file unpacks to; raise `DataError` where it is none, or unpacks to more than `most` bytes."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            return read_stream(stream, place, most=most)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(str(place), f"not a gzip file ({error}).") from error
