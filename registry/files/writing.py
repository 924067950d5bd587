"""Files and folders that are put in place whole, or not at all, and stay there when the power fails."""

import contextlib
import errno
import hashlib
import os
import platform
import re
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from registry.errors import InputError, StorageError
from registry.faults import point

NO_LINK_NO_PIPE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe would be waited for
ABANDONED = 86_400  # seconds after which a draft of another machine, or of another container, is swept


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Hand out a draft beside `path`; when the block ends, sync it and put it in place, whole or not at all.

    Drafts that a killed process has left are swept. Raises `StorageError` where nothing can be written.
    """
    if not path.name:
        raise InputError(f"{str(path)!r} is a folder that is there already: name a new file or folder.")
    draft = _draft_of(path)
    try:
        _sweep(path)
        point("file.swept")
        yield draft
        point("file.written")
        sync_all(draft)
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


@contextlib.contextmanager
def scratch(purpose: str, *, within: Path | None = None) -> Iterator[Path]:
    """Hand out an empty folder among the system's temporary ones, or within another; it goes when the block ends.

    Those that killed processes have left for the same purpose are swept. Raises `StorageError` where there is no room.
    """
    folder = made_scratch(purpose, within=within)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def made_scratch(purpose: str, *, within: Path | None = None) -> Path:
    """Return a folder as `scratch` does, which the caller removes."""
    place = (within or _temporary()) / f"fute-{purpose}"
    folder = _draft_of(place)
    try:
        _sweep(place)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise StorageError(f"Cannot write {place.parent}: {error.strerror or error}.") from error
    return folder


def _temporary() -> Path:
    """Return the system's folder of temporary files, which Python looks for by writing there."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise StorageError("No folder of temporary files can be written: set TMPDIR to one that has room.") from error


@contextlib.contextmanager
def usual_mode(path: Path) -> Iterator[None]:
    """Let a file have the mode that the umask gives, though the block writes it with another.

    A library that writes a temporary file of its own, for its owner alone, moves that into the file's place.
    """
    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    with system_errors():
        yield
    with _where_rights_can_be_given():
        path.chmod(mode)


def made_for_all(path: Path, *, mode: int = 0) -> None:
    """Make an empty file, if there is none, for all who may write in its folder: who comes first keeps nobody out.

    One of this user's that lacks these rights, as a kill or an earlier release left it, is given them.

    Args:
        mode: rights that it has beside the folder's.
    """
    folder = path.parent.stat()
    writers = folder.st_mode & 0o222
    wanted = writers | writers << 1 | mode | 0o600  # who may write may read
    try:
        file, is_new = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        try:
            file, is_new = os.open(path, os.O_WRONLY | NO_LINK_NO_PIPE), False
        except OSError:  # another's, or no file: whoever takes it is told
            return
    try:
        its = os.fstat(file)
        is_ours = not hasattr(os, "geteuid") or its.st_uid == os.geteuid()
        if is_new or (is_ours and (its.st_mode & wanted != wanted or its.st_uid != folder.st_uid)):
            give_rights(file, folder, wanted)
    finally:
        os.close(file)


def give_rights(file: int, like: os.stat_result, mode: int) -> None:
    """Give an open file these rights, and the group of another; as root its owner too, as far as this user may.

    Not by its name: who may write in the folder could have put a link to another file there meanwhile.
    """
    if not hasattr(os, "fchown"):  # Windows
        return
    for owner, group in ((like.st_uid, -1), (-1, like.st_gid)):
        with _where_rights_can_be_given():
            os.fchown(file, owner, group)
    with _where_rights_can_be_given():
        os.fchmod(file, stat.S_IMODE(mode))


@contextlib.contextmanager
def _where_rights_can_be_given() -> Iterator[None]:
    """Leave a file of ours as it is where its file system gives all files the same rights, as on a memory stick."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP):
            raise


@contextlib.contextmanager
def system_errors() -> Iterator[None]:
    """Raise what the system did not do as `OSError`: libraries written in Rust raise it as errors of other kinds."""
    try:
        yield
    except Exception as error:
        found = re.search(r"\(os error ([0-9]{1,4})\)", str(error))  # Rust ends every error of the system so
        if isinstance(error, OSError) or not found:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from error


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}-{process_home()}-{uuid.uuid4().hex}{path.suffix}")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last, where its file system can."""
    with contextlib.suppress(OSError):  # some cannot sync a folder; the names stand anyway
        sync_file(folder)


def sync_all(draft: Path) -> None:
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
    """Remove the drafts of processes that are no more, those too of names with another number, or time, in them."""
    stem = re.sub(r"\d+", r"\\d+", re.escape(path.stem), flags=re.ASCII)
    form = re.compile(rf"\.{stem}\.(\d+)-([0-9a-f]{{8}})-[0-9a-f]{{32}}(\.[^.]*)?", re.ASCII)
    for draft in path.parent.glob(".*"):
        found = form.fullmatch(draft.name)
        with contextlib.suppress(OSError):
            if found and _is_left(draft, int(found[1]), found[2]):
                point("file.sweep")
                _remove(draft)


def _is_left(draft: Path, process: int, home: str) -> bool:
    """Say whether nobody writes a draft any more: its process is dead, or where that cannot be seen, it is old."""
    if home != process_home():
        return time.time() - draft.stat().st_mtime > ABANDONED
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


@cache
def process_home() -> str:
    """Return what tells the machine, and the container in it, whose numbers of processes these are."""
    told = [platform.node()]
    with contextlib.suppress(OSError):
        told += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return hashlib.sha256("".join(told).encode()).hexdigest()[:8]


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft)
    else:
        draft.unlink()
