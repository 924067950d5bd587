"""Rows of an index in a file of their own: opened at once, read where they are wanted, each held to its checksum once.

Rows are read and not mapped: pages that are mapped count as the process's memory, 8 GB of a million rows after forty
questions, and a file that is cut while it is mapped ends the process. Read one by one, rows that the system does not
hold would each wait for the disk: a thousand of a million took 3.1 s, and 22 ms where it is told of all of them before.
"""

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from registry.faults import point
from registry.index.contract import DamagedIndexError, Rows

AT_ONCE = 4096  # rows that are looked at together
SEED = 2014  # of the keys
LEAST_ROOM = 256  # rows that there is room for once one is added

Places = NDArray[np.int64]  # where rows lie, from 0
Checksums = NDArray[np.uint32]
N = TypeVar("N", bound=np.generic)


class StoredRows:
    """Rows in a file, (n, dimension), float32, little endian, and nothing else in it."""

    def __init__(self, path: Path, dimension: int, checksums: Checksums) -> None:
        """Open a file.

        Args:
            checksums: (n,), of each row; see `checksums_of`.

        Raises:
            DamagedIndexError: it is not there, or of another size.
        """
        self.path = path
        self.checksums = checksums
        self._dimension = dimension
        self._is_checked = np.zeros(len(checksums), bool)
        try:
            if path.stat().st_size != 4 * len(checksums) * dimension:
                raise DamagedIndexError(f"{path.name} has another size")
            self._file = path.open("rb", buffering=0)
            self._turn = Lock()
            finalize(self, self._file.close)
        except OSError as error:
            raise DamagedIndexError(str(error)) from error

    def __len__(self) -> int:
        return len(self.checksums)

    def take(self, places: Places) -> Rows:
        """Return some rows, in their order; raise `DamagedIndexError` where one is not what was written."""
        rows = np.empty((len(places), self._dimension), "<f4")
        try:
            self._read(rows, places)
        except OSError as error:
            raise DamagedIndexError(str(error)) from error
        unseen = np.flatnonzero(~self._is_checked[places])
        if len(unseen):
            its = rows if len(unseen) == len(rows) else rows[unseen]
            if not np.array_equal(checksums_of(its), self.checksums[places[unseen]]):
                raise DamagedIndexError(f"a row of {self.path.name} does not match its checksum")
            self._is_checked[places[unseen]] = True
        return rows

    def parts(self) -> Iterator[tuple[Places, Rows]]:
        """Yield all rows, some at a time, with their places."""
        for start in range(0, len(self), AT_ONCE):
            places = np.arange(start, min(start + AT_ONCE, len(self)))
            yield places, self.take(places)

    def _read(self, rows: Rows, places: Places) -> None:
        """Fill rows from the file: neighbours at one go, and others are all asked for before one is waited for."""
        if len(places) and np.array_equal(places, np.arange(places[0], places[0] + len(places))):
            self._read_at(rows, int(places[0]))
            return
        held = self._read_held(rows, places)
        if held < len(places):
            self._ask_for(places[held:])
        for row, place in zip(rows[held:], places[held:].tolist(), strict=True):
            self._read_at(row, place)

    def _read_held(self, rows: Rows, places: Places) -> int:
        """Fill rows as long as the system holds them, and return how many these are; 0 where it does not tell."""
        if not hasattr(os, "RWF_NOWAIT") or not hasattr(os, "preadv"):
            return 0
        file, size, at_once = self._file.fileno(), 4 * self._dimension, os.RWF_NOWAIT
        for number, (row, place) in enumerate(zip(rows, places.tolist(), strict=True)):
            try:
                read = os.preadv(file, [row], place * size, at_once)
            except OSError:  # it does not hold this one, or the file system does not tell
                return number
            if read < size:
                return number
        return len(rows)

    def _ask_for(self, places: Places) -> None:
        """Have the system read rows, without waiting for them."""
        if hasattr(os, "posix_fadvise"):
            size = 4 * self._dimension
            for place in places.tolist():
                os.posix_fadvise(self._file.fileno(), place * size, size, os.POSIX_FADV_WILLNEED)

    def _read_at(self, rows: Rows, place: int) -> None:
        """Fill neighbouring rows, (n, dimension), or one, (dimension,); raise OSError where the file ends before."""
        start, wanted = place * 4 * self._dimension, rows.data.cast("B")
        while wanted:
            read = self._read_some(wanted, start)
            if not read:
                raise OSError(f"{self.path.name} was cut off")
            start, wanted = start + read, wanted[read:]

    def _read_some(self, into: memoryview, start: int) -> int:
        """Fill as much as one call reads, and return how much that is."""
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [into], start)
        with self._turn:  # a file's position is shared
            self._file.seek(start)
            return self._file.readinto(into) or 0


def checksums_of(rows: Rows) -> Checksums:
    """Return a checksum of each row, (n,): two rows that differ share one with a chance of 2^-32.

    The multilinear hash of Lemire and Kaser (2014), `Strongly universal string hashing is fast`, over words of 32 bits
    with keys of 64: four times as fast as CRC-32 here, and a question may look at a thousand rows for the first time.
    """
    words = np.ascontiguousarray(rows, "<f4").view("<u4")
    sums: NDArray[np.uint64] = np.einsum("ij,j->i", words, _keys(words.shape[1]))  # modulo 2^64
    return (sums >> np.uint64(32)).astype(np.uint32)


@lru_cache(maxsize=16)
def _keys(count: int) -> NDArray[np.uint64]:
    keys: NDArray[np.uint64] = np.random.PCG64(SEED).random_raw(count)  # of every release the same
    return keys


def write_rows(path: Path, parts: Iterable[Rows]) -> Checksums:
    """Write rows, some at a time, into a new file; return their checksums."""
    checksums = [np.empty(0, np.uint32)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for part in parts:
            rows = np.ascontiguousarray(part, "<f4")
            file.write(rows.tobytes())
            checksums.append(checksums_of(rows))
        file.flush()
        point("index.rows.written")
        os.fsync(file.fileno())
    point("index.rows.synced")
    return np.concatenate(checksums)


class Growing(Generic[N]):
    """Rows, (n, ...), with room for more behind them: added to in the time that the new rows take."""

    def __init__(self, rows: NDArray[N]) -> None:
        self._room = rows
        self._count = len(rows)

    @property
    def rows(self) -> NDArray[N]:
        """The rows, (n, ...), a view."""
        return self._room[: self._count]

    def append(self, more: NDArray[N]) -> None:
        """Add rows behind the others."""
        count = self._count + len(more)
        if count > len(self._room):
            room = np.empty((max(LEAST_ROOM, count + count // 4), *self._room.shape[1:]), self._room.dtype)
            room[: self._count] = self.rows
            self._room = room
        self._room[self._count : count] = more
        self._count = count
