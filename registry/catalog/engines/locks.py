"""Files that one process at a time holds locked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.errors import StorageError
from registry.files.locks import locked
from registry.files.writing import made_for_all

LOCK_SECONDS = 120


@contextmanager
def held_lock(path: Path, *, look_every: float, wait: float | None = None, mode: int = 0) -> Iterator[None]:
    """Hold a file locked; raise `StorageError` where another process holds on to it, or it cannot be made.

    Args:
        look_every: seconds between two tries.
        wait: seconds until it is given up; None for the usual.
        mode: rights of the file where it is made, beside those of its folder.
    """
    import filelock

    patience = LOCK_SECONDS if wait is None else wait
    try:
        made_for_all(path, mode=mode)
        lock = locked(path, wait=patience, look_every=look_every)
    except filelock.Timeout as error:
        told = f"Another process has held {path} for {patience:g} s"
        raise StorageError(f"{told}: where it hangs, or is stopped, end it ('fuser {path}' names it).") from error
    except OSError as error:
        raise StorageError(f"Cannot write in {path.parent}: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()
