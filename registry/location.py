"""Where a registry is, and which engine holds its catalog there."""

import enum
import os
from dataclasses import dataclass
from pathlib import Path

from registry.errors import InputError

DEFAULT_LOCATION = "fute-registry"
ENVIRONMENT = "FUTE_REGISTRY"
LONGEST_PART = 255  # bytes of one folder's name


class EngineKind(enum.StrEnum):
    """What can hold a catalog."""

    SQLITE = "sqlite"  # a file in the registry's folder


@dataclass(frozen=True)
class Location:
    """The place of one registry."""

    engine: EngineKind
    folder: Path  # of the catalog where that is a file, and of all that is derived from it

    @property
    def indexes(self) -> Path:
        """The folder of the indexes' snapshots."""
        return self.folder / "index"

    def __str__(self) -> str:
        return str(self.folder)


def located(location: str | os.PathLike[str] | None) -> Location:
    """Return what is meant: the place given, else $FUTE_REGISTRY, else ./fute-registry.

    Raises:
        InputError: it is not the path of a folder, the only kind of place so far.
    """
    text = os.fspath(location) if location is not None else os.environ.get(ENVIRONMENT) or DEFAULT_LOCATION
    if "://" in text:
        raise InputError("Only a folder can be a registry so far; database URLs are not supported yet.")
    if "\0" in text or any(len(os.fsencode(part)) > LONGEST_PART for part in Path(text).parts):
        raise InputError(f"{text[:60]!r} is not the path of a folder.")
    try:
        return Location(EngineKind.SQLITE, Path(text).expanduser())
    except RuntimeError as error:  # ~somebody who is not known here
        raise InputError(f"{text[:60]!r} is not the path of a folder: {error}") from error
