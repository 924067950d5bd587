"""Files that one process at a time holds locked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.errors import StorageError
from registry.files.writing import made_for_all

LOCK_SECONDS = 120


@contextmanager
def held_lock(path: Path, *, look_every: float, mode: int = 0) -> Iterator[None]:
    """Hold a file locked; raise `StorageError` where another process holds on to it, or it cannot be made.

    Args:
        look_every: seconds between two tries.
        mode: rights of the file where it is made, beside those of its folder.
    """
    import filelock

    try:
        made_for_all(path, mode=mode)
        with filelock.FileLock(path, timeout=LOCK_SECONDS, poll_interval=look_every):
            yield
    except filelock.Timeout as error:
        raise StorageError(f"Another process has held {path} for {LOCK_SECONDS} s.") from error
    except OSError as error:
        if error.filename is None or Path(error.filename) != path:
            raise  # of what is done under the lock
        raise StorageError(f"Cannot write in {path.parent}: {error.strerror}.") from error
