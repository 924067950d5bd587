"""Files that are locked for one process at a time, where their file system can do that."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def locked(path: Path, *, wait: float = -1, look_every: float = 0.05) -> "BaseFileLock":
    """Lock a file, which is made where there is none, and return what lets go of it.

    Args:
        wait: seconds for another process to let go of it; -1 for ever.
        look_every: seconds between two tries.

    Raises:
        filelock.Timeout: another process holds on to it.
        OSError: it cannot be made, or its file system has no locks, which its text says.
    """
    import filelock

    lock = filelock.FileLock(path, timeout=wait, poll_interval=look_every)
    try:
        _check_has_locks(path)
        lock.acquire()
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise OSError(error.errno, f"its file system has no locks ({error.strerror})", str(path)) from error
    return lock


def _check_has_locks(path: Path) -> None:
    """Let go of a lock that is not held, which fails where there are none.

    There filelock would take it for a lock that a file is there, and wait until this one goes.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)  # no link is followed
    try:
        fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)
