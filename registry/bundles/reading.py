"""Reads a bundle: first all of it is held against its manifest, then its lines are read one by one."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from registry.bundles.archive import unpacked
from registry.bundles.arrays import ArrayReader
from registry.bundles.manifest import FILE, checked_manifest
from registry.catalog.whole.pieces import Piece, Section
from registry.errors import DataError

LONGEST_LINE = 64_000_000  # bytes
MOST_CONTENT = 2_000_000_000  # bytes, of what one version holds in one role


@contextmanager
def opened_bundle(path: Path) -> Iterator["Bundle"]:
    """Hand out a bundle, a folder or one file, after every byte of it was checked; raise `DataError`."""
    if path.is_dir():
        yield Bundle(path)
    elif path.is_file():
        with unpacked(path) as folder:
            yield Bundle(folder)
    else:
        raise DataError(str(path), "no such bundle: name a folder, or a file that 'fute bundle export' wrote.")


class Bundle:
    """The whole of a registry, from files."""

    def __init__(self, folder: Path) -> None:
        """Check every file; raise `DataError` where one is missing, faulty or not named."""
        self.folder = folder
        self.manifest = checked_manifest(folder)

    def pieces(self, section: Section) -> Iterator[Piece]:
        """Yield the pieces of a section; raise `DataError` with the line."""
        file = f"{section.value}.jsonl"
        with (self.folder / file).open("rb") as lines, ArrayReader(self.folder) as arrays:
            number = 0
            while line := lines.readline(LONGEST_LINE):
                number += 1
                place = f"{file} line {number}"
                document = _document(line, place)
                held = document.pop("arrays", None)
                if held is None:
                    yield Piece(document, {}, place)
                elif isinstance(held, str) and FILE.fullmatch(held) and held in self.manifest.files:
                    yield Piece(document, arrays.arrays(number, held, place), place)
                else:
                    raise DataError(place, "names arrays that are missing.")

    def content(self, sha256: str) -> bytes:
        """Return bytes that a version consists of; raise `DataError` where they are missing."""
        file = f"contents/{sha256}"
        if file not in self.manifest.files:
            raise DataError(file, "is missing.")
        if self.manifest.files[file].size > MOST_CONTENT:
            raise DataError(file, f"is larger than {MOST_CONTENT:,} bytes.")
        body = (self.folder / file).read_bytes()
        if hashlib.sha256(body).hexdigest() != sha256:
            raise DataError(file, "is not what its name says.")
        return body

    def packs(self) -> list[Path]:
        """Return the folders of the packs."""
        names = {Path(file).parent.name for file in self.manifest.files if file.startswith("packs/")}
        return [self.folder / "packs" / name for name in sorted(names)]


def _document(line: bytes, place: str) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise DataError(place, "breaks off, or is too long.")
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(place, f"not JSON ({error}).") from error
    if not isinstance(document, dict):
        raise DataError(place, "not a JSON object.")
    return document
