"""A part of a registry as a whole of its own: a space with what belongs to it, or nothing but a pack."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from registry.catalog.whole.pieces import Piece, Section, Whole
from registry.errors import InputError, NotFoundError
from registry.kinds import EntryKind
from registry.names import folded


@dataclass(frozen=True)
class BundlePart:
    """What of a registry goes into a bundle: all of it, unless a space or a pack is named."""

    space: str | None = None
    pack: str | None = None

    def __post_init__(self) -> None:
        if self.space is not None and self.pack is not None:
            raise InputError("A bundle holds a space or a pack: name one of them.")

    @property
    def kind(self) -> str:
        """`registry`, `space` or `pack`."""
        return "space" if self.space is not None else "pack" if self.pack is not None else "registry"

    @property
    def name(self) -> str | None:
        """The space's or the pack's; None of a registry."""
        return self.space if self.space is not None else self.pack

    def of(self, whole: Whole) -> Whole:
        """Return what of a whole goes into the bundle; raise `NotFoundError` where the space is not there."""
        if self.space is not None:
            return SpaceWhole(whole, self.space)
        return whole if self.pack is None else NoWhole()

    def packs_of(self, names: list[str]) -> list[str]:
        """Return which packs go into the bundle; raise `NotFoundError` where the one that is named is not there."""
        if self.pack is not None and self.pack not in names:
            raise NotFoundError("pack", self.pack, names)
        return [] if self.space is not None else names if self.pack is None else [self.pack]


class NoWhole:
    """A registry in which nothing is."""

    def pieces(self, section: Section) -> Iterator[Piece]:
        """Yield nothing."""
        yield from ()

    def content(self, sha256: str) -> bytes:
        """Raise `KeyError`: nothing here consists of anything."""
        raise KeyError(sha256)


class SpaceWhole:
    """A space: its entries with all their versions, its corpus, the answers to that, the transfers among its entries.

    An entry belongs to a space that holds a vector of it; a prompted model brings its model and its prompt.
    """

    def __init__(self, whole: Whole, name: str) -> None:
        """Find out which entries belong to the space; raise `NotFoundError` where there is none of this name."""
        self.content = whole.content
        self._whole = whole
        spaces = {piece.document["name"]: piece.document for piece in whole.pieces(Section.SPACES)}
        self._name = {folded(known): known for known in spaces}.get(folded(name))
        if self._name is None:
            raise NotFoundError("space", name, sorted(spaces))
        self._corpus: str | None = spaces[self._name]["corpus"]
        self._entries = set(self._members())
        self._folded = {name.casefold() for name in self._entries}  # a transfer may write a name in another case

    def pieces(self, section: Section) -> Iterator[Piece]:
        """Yield the pieces of a section that belong to the space."""
        return (piece for piece in self._whole.pieces(section) if self._has(section, piece.document))

    def _members(self) -> Iterator[str]:
        """Yield the names of the entries that belong to the space."""
        if self._corpus is not None:
            yield _entry_of(self._corpus)
        embedded = set()
        for piece in self._whole.pieces(Section.VECTORS):
            if piece.document["space"] == self._name:
                embedded.add(_entry_of(piece.document["entry"]))
        yield from embedded
        for piece in self._whole.pieces(Section.ENTRIES):
            if piece.document["name"] in embedded and piece.document["kind"] == EntryKind.PROMPTED_MODEL:
                yield from piece.document["name"].split("@")

    def _has(self, section: Section, told: dict[str, Any]) -> bool:
        match section:
            case Section.ENTRIES:
                return told["name"] in self._entries
            case Section.SPACES:
                return bool(told["name"] == self._name)
            case Section.VECTORS:
                return bool(told["space"] == self._name)
            case Section.PREDICTIONS:
                return told["corpus"] == self._corpus and _entry_of(told["entry"]) in self._entries
            case Section.TRANSFERS:
                return {told["source"].casefold(), told["target"].casefold()} <= self._folded


def _entry_of(version: str) -> str:
    """Return the entry of `film:2`."""
    return version.rpartition(":")[0]
