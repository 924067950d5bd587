"""Brings in vectors that were made elsewhere: checked first, then entered, a thousand in a transaction."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from registry.catalog import Catalog, SpaceRecord
from registry.catalog.database import Database
from registry.catalog.incoming.known import KnownVector, known_vectors
from registry.catalog.incoming.writing import NewVector, close_jobs, replace_vectors, write_entries, write_vectors
from registry.data.vectors import VectorFile
from registry.errors import AlreadyExistsError, DataError, InputError, SpaceMismatchError
from registry.kinds import EMBEDDABLE, EntryKind
from registry.names import checked_entry_name, checked_tag, truth
from registry.spaces.vectors import checked_lengths, of_length_one

AT_ONCE = 1_000  # vectors in a transaction

Batches = Callable[[], Iterator[VectorFile]]  # all vectors, so many at a time; read twice


@dataclass(frozen=True)
class BringOptions:
    """How vectors are taken in."""

    tags: tuple[str, ...] = ()  # of entries that are new
    replace: bool = False  # whether a vector takes the place of another one
    source: str = "a matrix"  # where they come from: kept with each, and said in messages

    def __post_init__(self) -> None:
        """Refuse what is neither yes nor no."""
        truth(self.replace, "replace")


@dataclass
class BroughtReport:
    """What came of it."""

    space: str
    entries: int = 0  # that are new
    vectors: int = 0  # of entries that were there without one
    replaced: int = 0
    known: int = 0  # the same vector was there already

    def count(self, found: "_Sorted") -> None:
        """Add what came of one transaction."""
        self.entries += len(found.new)
        self.vectors += len(found.lacking)
        self.replaced += len(found.other)
        self.known += found.same


def bring_in(catalog: Catalog, space: SpaceRecord, batches: Batches, options: BringOptions) -> BroughtReport:
    """Enter vectors in a space, each for the task or model of its name; one that is not there yet is entered too.

    All are checked before the first is written. Then each thousand is one transaction, so that whoever is killed
    halfway runs it again: what is there changes nothing.

    Raises:
        AlreadyExistsError: a name is that of an entry of another kind.
        DataError: a vector or a name cannot be taken.
        InputError: an entry has another vector in this space, and `replace` is not set.
        SpaceMismatchError: the vectors say that they are of another space.
    """
    for tag in options.tags:
        checked_tag(tag)
    report = BroughtReport(space.name)
    since, intents = _intents(catalog, space, batches(), options)
    for intent, rows in _prepared(batches(), intents, space, options):
        with catalog.database.write() as session:
            generation = session.info["generation"]
            is_alone = generation == since + 1  # nobody else has written since it was looked at
            found = intent.found if is_alone else _sorted(session, rows, space, options)
            _enter(catalog.database, session, space, rows, found, options)
        since = generation if is_alone else -1
        report.count(found)
    return report


def _prepared(
    batches: Iterator[VectorFile], intents: "Sequence[_Intent]", space: SpaceRecord, options: BringOptions
) -> "Iterator[tuple[_Intent, _ComingRows]]":
    """Yield what is to be done, with the vectors: a thousand at a time."""
    for batch, intent in zip_longest(batches, intents):
        if batch is None or intent is None or (batch.names, batch.kinds) != intent.said:
            raise DataError(options.source, "was changed while it was read: run it again.")
        yield intent, _rows_of(batch, intent.names, space, options)


@dataclass(frozen=True)
class _Intent:
    """What is to be done with a batch, as it was when all were looked at."""

    said: tuple[Sequence[str], Sequence[str]]  # names and kinds, as they stand in the source
    names: list[str]
    found: "_Sorted"


def _intents(
    catalog: Catalog, space: SpaceRecord, batches: Iterator[VectorFile], options: BringOptions
) -> tuple[int, list[_Intent]]:
    """Look at all vectors before the first is written; return the registry's generation, and what is to be done.

    Each batch is looked up by itself: one view of the catalog over all of them would keep every writer waiting.
    """
    seen: set[str] = set()
    intents = []
    generation = catalog.spaces.generation()
    for batch in batches:
        _check_space(batch.fingerprint, space, options.source)
        names = [_name(name, kind, options.source) for name, kind in zip(batch.names, batch.kinds, strict=True)]
        for name in names:
            if name.casefold() in seen:
                raise DataError(options.source, f"holds the name {name!r} twice.")
            seen.add(name.casefold())
        rows = _rows_of(batch, names, space, options)
        with catalog.database.read() as session:
            found = _sorted(session, rows, space, options)
        intents.append(_Intent((batch.names, batch.kinds), names, found))
    return generation, intents


def _rows_of(batch: VectorFile, names: list[str], space: SpaceRecord, options: BringOptions) -> "_ComingRows":
    """Return the vectors of a batch if all of them can be taken."""

    def fault(row: int | None, what: str) -> DataError:
        return DataError(options.source, f"the vectors {what}." if row is None else f"{names[row]!r} {what}.")

    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused
        rows = np.ascontiguousarray(batch.matrix, np.float32)
    lengths = checked_lengths(rows, space.dimension, fault)
    return _ComingRows(names, [EntryKind(kind) for kind in batch.kinds], rows, lengths)


@dataclass(frozen=True)
class _ComingRows:
    """Vectors that may be entered, with the names as the catalog keeps them."""

    names: list[str]
    kinds: list[EntryKind]
    rows: NDArray[np.float32]
    lengths: NDArray[np.floating]

    @cached_property
    def bodies(self) -> list[memoryview]:
        """The vectors as they are kept: of length 1, float32, little endian."""
        rows = of_length_one(self.rows, self.lengths).astype("<f4", copy=False)
        held, size = np.ascontiguousarray(rows).data.cast("B"), rows.shape[1] * rows.itemsize
        return [held[start : start + size] for start in range(0, len(held), size)]

    @cached_property
    def sha256s(self) -> list[str]:
        """The hashes of the vectors as they are kept."""
        return [hashlib.sha256(body).hexdigest() for body in self.bodies]


def _check_space(fingerprint: str, space: SpaceRecord, source: str) -> None:
    """Refuse vectors that say that they are of another space."""
    if fingerprint.startswith(f"{space.fingerprint},"):
        raise SpaceMismatchError(f"{source} holds centred vectors, which are no more than similarities: export plain.")
    if fingerprint != space.fingerprint:
        raise SpaceMismatchError(
            f"{source} holds vectors of space {fingerprint[:12]}, not of {space.name!r} ({space.fingerprint[:12]}): "
            "name their own with --space."
        )


def _name(name: str, kind: str, source: str) -> str:
    """Return a name as the catalog keeps it; raise `DataError` where it is none of an entry of this kind."""
    if kind not in EMBEDDABLE:
        raise DataError(source, f"{name[:60]!r} is of kind {kind[:20]!r}: there are {', '.join(EMBEDDABLE)}.")
    try:
        checked = checked_entry_name(name)
    except InputError as error:
        raise DataError(source, str(error)) from error
    if ("@" in checked) != (kind == EntryKind.PROMPTED_MODEL):
        raise DataError(source, f"{name[:60]!r} is not the name of a {kind}.")
    return checked


@dataclass
class _Sorted:
    """What is to be done with the vectors of a batch, by their place in it."""

    new: list[int] = field(default_factory=list)  # an entry and its vector
    lacking: dict[int, KnownVector] = field(default_factory=dict)  # a vector for an entry that is there
    other: dict[int, KnownVector] = field(default_factory=dict)  # a vector in the place of another
    same: int = 0


def _sorted(session: Session, batch: _ComingRows, space: SpaceRecord, options: BringOptions) -> _Sorted:
    """Sort what is new, what lacks its vector, has another, or the same; raise where that may not be."""
    known, found = known_vectors(session, space.id, batch.names), _Sorted()
    for place, (name, kind) in enumerate(zip(batch.names, batch.kinds, strict=True)):
        there = known.get(name.casefold())
        if there is None:
            found.new.append(place)
        elif there.kind is not kind:
            raise AlreadyExistsError(there.name, there.kind, "names are shared by all kinds; choose another.")
        elif there.embedding_id is None:
            found.lacking[place] = there
        elif there.sha256 == batch.sha256s[place]:
            found.same += 1
        elif options.replace:
            found.other[place] = there
        else:
            raise InputError(
                f"{there.name!r} has another vector in space {space.name!r}: choose another name, or pass --replace."
            )
    return found


def _enter(
    database: Database, session: Session, space: SpaceRecord, batch: _ComingRows, found: _Sorted, options: BringOptions
) -> None:
    """Enter a batch within a transaction."""
    now = datetime.now(UTC)
    provenance: dict[str, Any] = {"imported": options.source}
    new = [(batch.names[place], batch.kinds[place]) for place in found.new]
    version_ids = write_entries(database, session, new, options.tags, now)
    lacking = [there.version_id for there in found.lacking.values()]
    fresh = [
        NewVector(version_id, batch.kinds[place], batch.bodies[place], batch.sha256s[place])
        for version_id, place in zip([*version_ids, *lacking], [*found.new, *found.lacking], strict=True)
    ]
    instead = {
        there.embedding_id or 0: (batch.bodies[place], batch.sha256s[place]) for place, there in found.other.items()
    }
    replace_vectors(session, instead, provenance, now)
    write_vectors(database, session, space.id, fresh, replaced=list(instead), provenance=provenance, now=now)
    close_jobs(session, space.id, lacking, now)
