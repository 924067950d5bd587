"""The manifest of a bundle: which files belong to it, and what each of them holds, to the last bit."""

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from registry.errors import DataError, StorageError
from registry.files.lines import decoded, json_value

FORMAT = 1
NAME = "manifest.json"
MOST_BYTES = 64_000_000  # of a manifest: some 400,000 files
FILE = re.compile(
    r"(entries|spaces|vectors|predictions|transfers)\.jsonl"
    r"|(spaces|vectors|predictions)-\d{5}\.safetensors"
    r"|contents/[0-9a-f]{64}"
    r"|packs/[^/]{1,128}/(pack\.json|vectors\.npz|transfers\.csv)"
)


@dataclass(frozen=True)
class FileSum:
    """What a file must be."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileSum":
        """Read a file piece by piece."""
        with path.open("rb") as stream:
            return cls(path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


@dataclass(frozen=True)
class Manifest:
    """All that a bundle holds."""

    program: str  # the version that wrote it
    counts: dict[str, int]  # lines of each .jsonl, files of contents, packs
    files: dict[str, FileSum]  # by their place in the bundle, sorted


def write_manifest(folder: Path, counts: dict[str, int]) -> None:
    """Write down which files lie in a folder."""
    files = {name: FileSum.of(folder / name) for name in _names(folder)}
    (folder / NAME).write_bytes(_as_bytes(Manifest(version("fute-registry"), counts, files)))


def checked_manifest(folder: Path) -> Manifest:
    """Read a manifest and hold every file against it; raise `DataError` where anything is not as it was written."""
    place = folder / NAME
    if not place.is_file():
        raise DataError(str(folder), f"is no bundle: it has no {NAME}.")
    if place.stat().st_size > MOST_BYTES:
        raise DataError(str(place), f"is larger than {MOST_BYTES:,} bytes.")
    manifest = _read(place)
    found = _names(folder)
    for name in sorted(set(found) ^ set(manifest.files)):
        told = "is missing" if name in manifest.files else "does not belong to the bundle"
        raise DataError(str(folder / name), f"{told}: get the bundle anew.")
    for name, summed in manifest.files.items():
        if (folder / name).stat().st_size != summed.size or FileSum.of(folder / name) != summed:
            raise DataError(str(folder / name), "is not the file that was written: get the bundle anew.")
    return manifest


def _read(place: Path) -> Manifest:
    said = json_value(decoded(place.read_bytes(), place), str(place))
    if not isinstance(said, dict):
        raise DataError(str(place), "does not have the form of a manifest.")
    if said.get("format") != FORMAT:
        raise DataError(str(place), f"format {str(said.get('format'))[:20]} of bundles is not known: upgrade.")
    try:
        files = {name: FileSum(**told) for name, told in said["files"].items()}
        manifest = Manifest(said["program"], said["counts"], files)
        is_whole = place.read_bytes() == _as_bytes(manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(str(place), "does not have the form of a manifest.") from error
    if not is_whole or any(FILE.fullmatch(name) is None for name in files):
        raise DataError(str(place), "is not the manifest that was written: get the bundle anew.")
    return manifest


def _as_bytes(manifest: Manifest) -> bytes:
    """Return the one form of a manifest; its last line is the hash of all before."""
    said = {"format": FORMAT, **asdict(manifest)}
    sha256 = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return (json.dumps({**said, "sha256": sha256}, ensure_ascii=False, indent=1) + "\n").encode()


def _names(folder: Path) -> list[str]:
    """Return the files in a folder but for the manifest, sorted; a link would lead elsewhere."""
    found = []
    try:
        for place, folders, files in os.walk(folder, onerror=_raise):
            for name in (*folders, *files):
                path = Path(place, name)
                if path.is_symlink() or not (path.is_dir() or path.is_file()):
                    raise DataError(str(path), "is no plain file.")
                if name in files:
                    found.append(path.relative_to(folder).as_posix())
    except OSError as error:
        raise StorageError(f"Cannot read {folder}: {error.strerror or error}.") from error
    return sorted(set(found) - {NAME})


def _raise(error: OSError) -> None:
    raise error
