"""Which state of a database file was checked last: as long as nobody else changes the file, it need not be read again.

The note `catalog.checked` holds the file's number on the disk, its size and its times. It is no proof of anything but
that the file is the same: lost, damaged or of another file, it only means to check again.
"""

import contextlib
import json
import os
from pathlib import Path

NOTE = "catalog.checked"
_FORM = 1  # of the checks: a release that checks more raises it
_LENGTH = 160  # of the note: always the same, so that it is written over what was there


class CheckedNote:
    """The note beside one database file."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.path = database.with_name(NOTE)

    def is_true(self) -> bool:
        """Say whether the file is as it was when it was checked."""
        try:
            return bool(json.loads(self.path.read_bytes()) == self._state())
        except (OSError, ValueError):
            return False

    def write(self) -> None:
        """Note that the file as it is now was checked; where that cannot be written, it is checked again next time."""
        with contextlib.suppress(OSError):
            note = json.dumps(self._state()).ljust(_LENGTH).encode()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666)  # not emptied: file systems flush for that
            try:
                os.write(descriptor, note)  # written halfway, it is no note
            finally:
                os.close(descriptor)

    def _state(self) -> list[int]:
        """Return what tells the file from others. It is not opened: closing it would let go of our own locks on it."""
        found = self.database.stat()
        return [_FORM, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
