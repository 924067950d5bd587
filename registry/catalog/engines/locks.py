"""Files that one process at a time holds locked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.errors import StorageError

LOCK_SECONDS = 120


@contextmanager
def held_lock(path: Path, *, look_every: float, mode: int = 0o644) -> Iterator[None]:
    """Hold a file locked; raise `StorageError` where another process holds on to it, or it cannot be made.

    Args:
        look_every: seconds between two tries.
        mode: the rights of the file where it is made.
    """
    import filelock

    try:
        with filelock.FileLock(path, timeout=LOCK_SECONDS, mode=mode, poll_interval=look_every):
            yield
    except filelock.Timeout as error:
        raise StorageError(f"Another process has held {path} for {LOCK_SECONDS} s.") from error
    except OSError as error:
        if error.filename is None or Path(error.filename) != path:
            raise  # of what is done under the lock
        raise StorageError(f"Cannot write in {path.parent}: {error.strerror}.") from error
