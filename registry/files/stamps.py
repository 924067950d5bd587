"""What tells that a file is as it was, without reading it."""

from pathlib import Path

Stamp = tuple[int, int, int, int, int]  # its device, number, size, and the times of its content and of itself


def stamp_of(path: Path) -> Stamp | None:
    """Return what is another once a file is, or its content; None where there is none, for it may just be replaced."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def is_same_file(a: Stamp, b: Stamp) -> bool:
    """Say whether two stamps are of one file, whatever was written into it between them."""
    return a[:2] == b[:2]
