"""What the catalog hands out: plain, frozen values, never live rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.data.examples import KINDS
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.names import checked_text, kind_named, several
from registry.spaces.centring import Centring


class Upgraded(NamedTuple):
    """That a database was brought to this release."""

    schema: str | None  # that it had before; None where it had no tables
    backup: Path | None  # of a folder's


@dataclass(frozen=True)
class NewEntry:
    """What is to be entered: `contents` maps a role (train, test, texts) to its bytes."""

    kind: EntryKind
    name: str
    content_hash: str
    spec: dict[str, Any]
    contents: dict[str, bytes] = field(default_factory=dict)
    task_kind: str | None = None
    language: str | None = None
    description: str | None = None
    tags: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Take one text as one tag, not as its letters."""
        object.__setattr__(self, "tags", several(self.tags, "tags"))


@dataclass(frozen=True)
class EntryRecord:
    """One version of an entry, with what belongs to the entry as a whole."""

    name: str
    kind: EntryKind
    version: int
    version_id: int
    content_hash: str
    task_kind: str | None
    language: str | None
    description: str | None
    tags: tuple[str, ...]
    aliases: dict[str, int]
    contents: dict[str, str]  # role -> sha256
    spec: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class Filter:
    """Which entries a query may return; an empty filter lets all through."""

    kinds: tuple[EntryKind, ...] = ()
    tags: tuple[str, ...] = ()  # all of them
    task_kind: str | None = None
    language: str | None = None
    text: str | None = None  # that the name or the description holds, in any case

    def __post_init__(self) -> None:
        """Refuse a kind that there is not: nothing would pass, as if nothing were there."""
        object.__setattr__(self, "kinds", tuple(map(kind_named, several(self.kinds, "kinds"))))
        object.__setattr__(self, "tags", several(self.tags, "tags"))
        for what, text in (("language", self.language), ("text to look for", self.text)):
            if text is not None:
                checked_text(text, what)
        if self.task_kind is not None and self.task_kind not in KINDS:
            raise InputError(f"No kind of task {self.task_kind!r}: there are {', '.join(KINDS)}.")


@dataclass(frozen=True)
class SpaceRecord:
    """A space as the catalog knows it. `spec` is described in `registry.spaces.spec`."""

    id: int
    name: str
    fingerprint: str
    dimension: int
    spec: dict[str, Any]
    corpus: str | None
    corpus_version_id: int | None
    generation: int
    mark: str | None
    epoch: int
    centred_on: int | None  # tasks that a frozen centre is the mean of; None: the centre moves with the tasks
    current: bool


@dataclass(frozen=True)
class EmbeddingRecord:
    """A vector and where it came from."""

    id: int
    name: str
    kind: EntryKind
    vector: NDArray[np.float32]  # (dimension,)
    provenance: dict[str, Any]
    deviations: NDArray[np.float32] | None = None  # (splits, dimension): half of how two halves of its data differ


@dataclass(frozen=True)
class SpaceVectors:
    """All vectors of a space, by rising id: what the index is made of."""

    generation: int
    mark: str | None
    centring: Centring
    ids: NDArray[np.int64]  # (n,)
    names: tuple[str, ...]  # n
    kinds: tuple[EntryKind, ...]  # n
    matrix: NDArray[np.float32]  # (n, dimension)


@dataclass(frozen=True)
class StreamedVectors:
    """Vectors of a space by rising id, of which some are held at a time."""

    generation: int  # of the change that they belong to
    mark: str | None
    centring: Centring
    ids: NDArray[np.int64]  # (n,)
    names: Sequence[str]  # n
    kinds: Sequence[EntryKind]  # n
    parts: Iterator[NDArray[np.float32]]  # (some, dimension) each, n in all


@dataclass(frozen=True)
class ChangedVectors:
    """What has happened to the vectors of a space since a change of it; a vector that was replaced is among `ids`."""

    generation: int
    mark: str | None
    centring: Centring
    removed: NDArray[np.int64]  # ids that are gone, or of versions that are no longer the latest
    ids: NDArray[np.int64]  # (n,)
    matrix: NDArray[np.float32]  # (n, dimension)
