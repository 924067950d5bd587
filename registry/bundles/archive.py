"""A bundle as one file: a zip archive whose comment is the hash of all before it."""

import hashlib
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from registry.bundles.manifest import FILE, NAME
from registry.errors import DataError, StorageError
from registry.files.writing import scratch

ENDING = ".zip"
DIGITS = 64  # of the hash, the last bytes of the file
BEGINNING_OF_TIME = (1980, 1, 1, 0, 0, 0)  # as zip knows it: the same files give the same archive
AT_ONCE = 1_000_000  # bytes
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1  # the bit of a file's flags
MOST_BYTES, MOST_TIMES = 2**30, 100  # that an archive unpacks to: so many bytes, or times its own size if more
# What zipfile raises for files that are damaged, or made up: one that is encrypted is a RuntimeError.
UNREADABLE = (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError, struct.error)


def pack(folder: Path, archive: Path) -> None:
    """Write the files of a folder as one."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), BEGINNING_OF_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, target.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed, AT_ONCE)
        target.comment = b"0" * DIGITS
    with archive.open("r+b") as stream:
        sha256 = _hash_of(stream, archive.stat().st_size - DIGITS)
        stream.seek(-DIGITS, 2)
        stream.write(sha256.encode())


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """Hand out a folder with the files of an archive, if it is as it was written; raise `DataError`."""
    _check(archive)
    with scratch("bundle") as place:
        try:
            with zipfile.ZipFile(archive) as source:
                _check_files(archive, source.infolist(), place)
                source.extractall(place)
        except UNREADABLE as error:
            raise DataError(str(archive), "is no bundle: it cannot be unpacked.") from error
        except OSError as error:
            raise StorageError(f"Cannot unpack {archive}: {error.strerror or error}.") from error
        yield place


def _check(archive: Path) -> None:
    """Hold a file against the hash at its end, before anything in it is read."""
    try:
        size = archive.stat().st_size - DIGITS
        with archive.open("rb") as stream:
            sha256 = _hash_of(stream, max(size, 0))
            told = stream.read(DIGITS)
    except OSError as error:
        raise DataError(str(archive), f"cannot be read: {error.strerror}.") from error
    if told != sha256.encode():
        raise DataError(str(archive), "is not the file that was written: get it anew, or import it as a folder.")


def _check_files(archive: Path, files: list[zipfile.ZipInfo], place: Path) -> None:
    """Refuse names that no bundle has, and more bytes than a bundle has, or than there is room for."""
    names = [one.filename for one in files]
    for one in files:
        if one.filename != NAME and FILE.fullmatch(one.filename) is None:
            raise DataError(str(archive), f"holds {one.filename[:60]!r}, which is no file of a bundle.")
        if one.compress_type not in METHODS or one.flag_bits & ENCRYPTED:
            raise DataError(str(archive), f"holds {one.filename!r} encrypted, or packed as no bundle is.")
    if len(set(names)) != len(names):
        raise DataError(str(archive), "holds a file twice.")
    size, free = sum(one.file_size for one in files), shutil.disk_usage(place).free
    packed = archive.stat().st_size
    if size > max(MOST_BYTES, MOST_TIMES * packed):
        told = f"unpacks to {size:,} bytes, more than {MOST_TIMES} times its own {packed:,}"
        raise DataError(str(archive), f"{told}: unpack it yourself and import the folder, if you know who wrote it.")
    if size > free:
        raise StorageError(f"{archive} unpacks to {size:,} bytes, {place.parent} has {free:,}: set TMPDIR elsewhere.")


def _hash_of(stream: BinaryIO, size: int) -> str:
    """Return the SHA-256 of the next bytes."""
    total = hashlib.sha256()
    while size > 0 and (some := stream.read(min(AT_ONCE, size))):
        total.update(some)
        size -= len(some)
    return total.hexdigest()
