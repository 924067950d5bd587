"""Where a registry is, and which engine holds its catalog there."""

import enum
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from registry.errors import InputError
from registry.shown import without_secrets

DEFAULT_LOCATION = "fute-registry"
ENVIRONMENT = "FUTE_REGISTRY"
LONGEST_PART = 255  # bytes of one folder's name
SCHEMES = ("postgresql", "postgres")
SECRET = ("password", "passfile", "sslpassword", "sslkey")  # parameters of a URL that are for nobody's eyes


class EngineKind(enum.StrEnum):
    """What can hold a catalog."""

    SQLITE = "sqlite"  # a file in the registry's folder
    POSTGRESQL = "postgresql"  # a server's database, which a team shares


@dataclass(frozen=True)
class Location:
    """The place of one registry."""

    engine: EngineKind
    folder: Path  # of the catalog where that is a file, and of all that is derived from it
    url: str = field(default="", repr=False)  # of the catalog where that is a server's database; it may hold a password

    @property
    def indexes(self) -> Path:
        """The folder of the indexes' snapshots."""
        return self.folder / "index"

    @property
    def is_folder(self) -> bool:
        """Whether everything lies in the folder, which everybody sees who uses the registry."""
        return self.engine is EngineKind.SQLITE

    def __str__(self) -> str:
        return str(self.folder) if self.is_folder else _shown(urlsplit(self.url))


def located(location: str | os.PathLike[str] | None) -> Location:
    """Return what is meant: the place given, else $FUTE_REGISTRY, else ./fute-registry.

    Args:
        location: the path of a folder, or the URL of a PostgreSQL database: `postgresql://HOST/DATABASE`.

    Raises:
        InputError: it is neither.
    """
    if not isinstance(location, str | os.PathLike | None):
        raise InputError(f"A registry is a folder or postgresql://HOST/DATABASE, and no {type(location).__name__}.")
    text = os.fspath(location) if location is not None else os.environ.get(ENVIRONMENT) or DEFAULT_LOCATION
    if "://" in text or text.startswith(tuple(f"{scheme}:" for scheme in SCHEMES)):
        return _at_server(text)
    if not text.strip() or "\0" in text or any(len(os.fsencode(part)) > LONGEST_PART for part in Path(text).parts):
        raise InputError(f"{text[:60]!r} is not the path of a folder.")
    folder = at_home(text)
    # SQLite would take a path that begins so for a URL, and open another file.
    return Location(EngineKind.SQLITE, folder.absolute() if str(folder).startswith("file:") else folder)


def at_home(text: str) -> Path:
    """Return a path in which `~` stands for a home; raise `InputError` where whose home it is is not known here."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(f"{text[:60]!r} is not the path of a folder: {error}") from error


def _at_server(text: str) -> Location:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        raise InputError(f"Not the URL of a registry: {error}.") from error
    if parts.scheme not in SCHEMES:
        told = without_secrets(parts.scheme[:20])
        raise InputError(f"A registry is a folder or postgresql://HOST/DATABASE, not {told}://...")
    if "://" not in text or not parts.path.strip("/") or "\0" in text:
        raise InputError("The URL of a registry names a database: postgresql://HOST/DATABASE.")
    return Location(EngineKind.POSTGRESQL, _own_folder(_shown(parts)), _joined(parts))


def _own_folder(shown: str) -> Path:
    """Return where this user keeps what is derived from a server's registry, and the packs in use."""
    try:
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError as error:  # a user without a name, in a container
        raise InputError("This user has no home for what is kept here: set XDG_DATA_HOME, or HOME.") from error
    return Path(data) / "fute" / "registries" / hashlib.sha256(shown.encode()).hexdigest()[:16]


def _shown(parts: SplitResult) -> str:
    """Return a URL as it may be shown: without a password."""
    user, at, host = parts.netloc.rpartition("@")
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key not in SECRET], safe="/=,-")
    return _joined(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=query))


def _joined(parts: SplitResult) -> str:
    """Return a URL whose host may be left out: `urlunsplit` would leave out the two strokes before it too."""
    return f"postgresql://{urlunsplit(parts._replace(scheme='', netloc=''))}".replace("://", f"://{parts.netloc}", 1)
