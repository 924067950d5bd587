"""Where a registry is."""

import os
from pathlib import Path

from registry.errors import InputError

DEFAULT_LOCATION = "fute-registry"
ENVIRONMENT = "FUTE_REGISTRY"
LONGEST_PART = 255  # bytes of one folder's name


def located(location: str | os.PathLike[str] | None) -> Path:
    """Return the folder that a location means; raise `InputError` for what is not supported."""
    text = os.fspath(location) if location is not None else os.environ.get(ENVIRONMENT) or DEFAULT_LOCATION
    if "://" in text:
        raise InputError("Only a folder can be a registry so far; database URLs are not supported yet.")
    if "\0" in text or any(len(os.fsencode(part)) > LONGEST_PART for part in Path(text).parts):
        raise InputError(f"{text[:60]!r} is not the path of a folder.")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~somebody who is not known here
        raise InputError(f"{text[:60]!r} is not the path of a folder: {error}") from error
