"""What a catalog is made of, as plain values that know neither ids nor a database."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray


class Section(enum.StrEnum):
    """What kinds of pieces there are, in the order in which they need each other."""

    ENTRIES = "entries"
    SPACES = "spaces"
    VECTORS = "vectors"
    PREDICTIONS = "predictions"
    TRANSFERS = "transfers"


@dataclass(frozen=True)
class Piece:
    """An entry with its versions, a space, a vector, recorded predictions or a transfer; see docs/formats.md."""

    document: dict[str, Any]  # JSON values; a version is named as `film:2`
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    place: str = ""  # where it was read, such as `vectors.jsonl line 7`


class Whole(Protocol):
    """A registry's catalog, or a bundle of it."""

    def pieces(self, section: Section) -> Iterator[Piece]:
        """Yield the pieces of a section, always in the same order."""
        ...

    def content(self, sha256: str) -> bytes:
        """Return bytes that a version consists of, by their hash."""
        ...
