"""Rows of an index in a file of their own, mapped into memory: opened in no time, each held to its checksum once.

Touched one by one, rows that the system does not hold would each wait for the disk, with much around them: a thousand
of a million took 3.1 s, and 22 ms where the system is told of all of them before.
"""

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from registry.faults import point
from registry.index.contract import DamagedIndexError, Rows

AT_ONCE = 4096  # rows that are looked at together
PROBED = 8  # of these, by which it is told whether the system holds them

Places = NDArray[np.int64]  # where rows lie, from 0
Checksums = NDArray[np.uint32]


class StoredRows:
    """Rows in a file, (n, dimension), float32, little endian, and nothing else in it."""

    def __init__(self, path: Path, dimension: int, checksums: Checksums) -> None:
        """Map a file.

        Args:
            checksums: (n,), crc32 of each row.

        Raises:
            DamagedIndexError: it is not there, or of another size.
        """
        count = len(checksums)
        self.path = path
        self.checksums = checksums
        self._is_checked = np.zeros(count, bool)
        try:
            if path.stat().st_size != 4 * count * dimension:
                raise DamagedIndexError(f"{path.name} has another size")
            self._file = path.open("rb")
            finalize(self, self._file.close)
            self._rows: Rows = np.asarray(np.memmap(self._file, "<f4", "r", shape=(count, dimension)))
        except OSError as error:
            raise DamagedIndexError(str(error)) from error

    def __len__(self) -> int:
        return len(self.checksums)

    def take(self, places: Places) -> Rows:
        """Return some rows, in their order; raise `DamagedIndexError` where one is not what was written."""
        unseen = np.flatnonzero(~self._is_checked[places])
        self._fetch(places[unseen])
        rows = np.asarray(self._rows[places])
        for i in unseen.tolist():
            if zlib.crc32(rows[i]) != self.checksums[places[i]]:
                raise DamagedIndexError(f"a row of {self.path.name} does not match its checksum")
        self._is_checked[places[unseen]] = True
        return rows

    def _fetch(self, places: Places) -> None:
        """Have rows read that the system does not hold, all at one time."""
        if not hasattr(os, "posix_fadvise") or all(map(self._is_held, places[:: len(places) // PROBED + 1].tolist())):
            return
        size = self._rows[:1].nbytes
        for place in places.tolist():
            os.posix_fadvise(self._file.fileno(), place * size, size, os.POSIX_FADV_WILLNEED)

    def _is_held(self, place: int) -> bool:
        """Say whether the system holds the beginning of a row; no where it does not tell."""
        try:
            return os.preadv(self._file.fileno(), [bytearray(1)], place * self._rows[:1].nbytes, os.RWF_NOWAIT) == 1
        except (OSError, AttributeError):
            return False

    def parts(self) -> Iterator[tuple[Places, Rows]]:
        """Yield all rows, some at a time, with their places."""
        for start in range(0, len(self), AT_ONCE):
            places = np.arange(start, min(start + AT_ONCE, len(self)))
            yield places, self.take(places)


def write_rows(path: Path, parts: Iterable[Rows]) -> Checksums:
    """Write rows, some at a time, into a new file; return their checksums."""
    checksums: list[int] = []
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for part in parts:
            rows = np.ascontiguousarray(part, "<f4")
            file.write(rows.tobytes())
            checksums += map(zlib.crc32, rows)
        file.flush()
        point("index.rows.written")
        os.fsync(file.fileno())
    point("index.rows.synced")
    return np.array(checksums, np.uint32)
