"""Files and folders that are put in place whole, or not at all, and stay there when the power fails."""

import contextlib
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from registry.errors import InputError, StorageError
from registry.faults import point


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Hand out a draft beside `path`; when the block ends, sync it and put it in place, whole or not at all.

    Drafts that a killed process has left are swept. Raises `StorageError` where nothing can be written.
    """
    if not path.name:
        raise InputError(f"{str(path)!r} is a folder that is there already: name a new file or folder.")
    draft = path.with_name(f".{path.stem}.{os.getpid()}-{uuid.uuid4().hex}{path.suffix}")
    try:
        _sweep(path)
        point("file.swept")
        yield draft
        point("file.written")
        _sync_all(draft)
        point("file.synced")
        draft.replace(path)
        point("file.placed")
        sync_folder(path.parent)
        point("file.after")
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            _remove(draft)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last, where its file system can."""
    with contextlib.suppress(OSError):  # some cannot sync a folder; the names stand anyway
        sync_file(folder)


def _sync_all(draft: Path) -> None:
    """Make a file last, or all files of a folder."""
    if draft.is_dir():
        for path in sorted(draft.rglob("*")):
            if path.is_file():
                sync_file(path)
        sync_folder(draft)
    else:
        sync_file(draft)


def sync_file(path: Path) -> None:
    """Make what a file or folder holds last."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(path: Path) -> None:
    """Remove the drafts of processes that are no more."""
    beginning = f".{path.stem}."
    for draft in path.parent.glob(f"{glob.escape(beginning)}*-{'?' * 32}{glob.escape(path.suffix)}"):
        process = draft.name.removeprefix(beginning).partition("-")[0]
        if process.isdecimal() and not _is_alive(int(process)):
            point("file.sweep")
            with contextlib.suppress(OSError):
                _remove(draft)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft)
    else:
        draft.unlink()
