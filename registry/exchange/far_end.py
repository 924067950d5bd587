"""Where a registry is pushed to and pulled from: what such a place must offer."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from registry.errors import DataError

T = TypeVar("T")

BUNDLE, README, CARDS = "bundle.zip", "README.md", "cards"  # all that a push writes
SCHEME = "hf://datasets/"


@dataclass(frozen=True)
class Sighting:
    """What lies at a far end."""

    files: Mapping[str, int] = field(default_factory=dict)  # bytes, by name; of a folder, what lies directly in it
    state: str | None = None  # another one after each push; on a hub the commit
    is_public: bool | None = None  # None in a folder

    @property
    def is_empty(self) -> bool:
        """Whether nothing is there, but for what a hub or a version control keeps for itself."""
        return all(name.startswith(".") for name in self.files)


class FarEnd(Protocol):
    """A folder, or a repository."""

    is_elsewhere: bool  # whether what is pushed leaves for somebody else's machine

    def __str__(self) -> str:
        """How a person names it."""
        ...

    @property
    def name(self) -> str:
        """What a new card of it is headed."""
        ...

    def look(self) -> Sighting | None:
        """Say what is there; None where there is no such place yet. Raises `StorageError` where nobody answers."""
        ...

    def fetch(self, file: str, seen: Sighting, *, anew: bool = False) -> Path:
        """Return a file as it was seen, on this machine; `anew` even if it was fetched before."""
        ...

    def put(self, files: Mapping[str, Path], gone: Collection[str], seen: Sighting | None) -> Sighting:
        """Put files in place and take some away; return what is there then.

        Raises:
            StorageError: somebody else has pushed since it was seen, or it cannot be done.
        """
        ...


def with_bundle(far_end: FarEnd, seen: Sighting, use: Callable[[Path], T]) -> T:
    """Return what comes of the bundle at a far end; one that was kept here, and is faulty, is fetched anew."""
    try:
        return use(far_end.fetch(BUNDLE, seen))
    except DataError:
        if not far_end.is_elsewhere:
            raise
    return use(far_end.fetch(BUNDLE, seen, anew=True))
