"""What an index must do, whichever library searches: the contract that every back end passes (tests/registry)."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Rows = NDArray[np.float32]

ROWS_AT_ONCE = 8_192  # at most: Milvus gives back no more than 16,384 for one question
AT_ONCE = 4 * 2**20  # bytes of rows that are sent to a server, or read from it, together
SPARE = 16  # neighbours that a server is asked for beside those that are wanted: the last of these may have equals
TOLERANCE = 1e-5  # of a similarity, and of each number of a row
LEAST_BITS, MOST_APART = 2**20, 512  # ids of a bitmap, at most: so many, or so many for each that is selected
CHECKED, WITHIN = 50, 10  # `verify` asks so many rows for so many neighbours


T = TypeVar("T")


class DamagedIndexError(Exception):
    """What an index reads of its files is not what was written. It is made anew where this is caught."""


@dataclass(frozen=True)
class Neighbor:
    """A row of the index: `similarity` is higher the nearer, 1 for the same direction."""

    id: int
    similarity: float


@dataclass(frozen=True, eq=False)
class Selection:
    """The only ids that a search may return, made ready once for many searches."""

    ids: Ids  # (m,)
    _prepared: dict[str, tuple[Hashable, Any]] = field(default_factory=dict, repr=False)

    def prepared(self, whose: Hashable, make: Callable[[], T]) -> T:
        """Return what an index has made of the ids, once for each state that it is in."""
        known, found = self._prepared.get("last", (None, None))
        if known != whose:
            found = make()
            self._prepared["last"] = (whose, found)
        return found  # type: ignore[no-any-return] # the last that was made for it

    @cached_property
    def bits(self) -> NDArray[np.uint8] | None:
        """A bit for each id from 0, the lowest first; None where the ids are too far apart for that."""
        highest = int(self.ids.max(initial=0))
        if highest >= max(LEAST_BITS, MOST_APART * len(self.ids)) or self.ids.min(initial=0) < 0:
            return None
        among = np.zeros(highest + 1, bool)
        among[self.ids] = True
        return np.packbits(among, bitorder="little")


class VectorIndex(ABC):
    """Rows by id, and the rows that have the greatest inner product with a query.

    An index knows neither names nor facets nor centres: rows come as they are compared (`spaces.centring`). It is a
    cache of the catalog, always rebuildable from it, and never the only copy of anything.
    """

    kind: str  # of the back end, as it is told
    recall: float | None = None  # the share of the truly nearest that were found when it was made; None: all are

    @property
    def is_worn(self) -> bool:
        """Whether so much has changed since it was made that it should be made anew."""
        return False

    @property
    def finds_all(self) -> bool:
        """Whether the nearest are found for sure."""
        return True

    def measured_recall(self, queries: Rows) -> float:
        """Return the share of the ten rows that are truly nearest to each query, (q, dimension), which are found."""
        del queries
        return 1.0

    @abstractmethod
    def __len__(self) -> int:
        """Return how many rows there are."""

    @property
    @abstractmethod
    def ids(self) -> Ids:
        """The ids that are indexed, rising, (n,)."""

    @abstractmethod
    def rows(self, ids: Ids) -> Rows:
        """Return the rows of some ids, in their order, (len(ids), dimension); raise KeyError for an unknown one."""

    @abstractmethod
    def add(self, ids: Ids, rows: Rows) -> None:
        """Add rows; one whose id is known takes the place of the former.

        Args:
            ids: (n,), each once.
            rows: (n, dimension), finite.
        """

    @abstractmethod
    def remove(self, ids: Ids) -> None:
        """Forget the rows of some ids; those that are not known change nothing."""

    @abstractmethod
    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        """Return at most `limit` rows with the greatest inner products, greatest first, equals by id.

        Args:
            query: (dimension,).
            where: what may be returned; the filter acts inside the search. None for all.
        """

    def verify(self, ids: Ids, rows: Rows) -> list[str]:
        """Hold the index against what it should hold: ids, rows, and answers against brute force.

        Args:
            ids: (n,), rising.
            rows: (n, dimension).

        Returns:
            a line for each fault; none where all is well.
        """
        if not np.array_equal(self.ids, ids) or len(self) != len(ids):
            return ["the index and the catalog hold different ids"]
        faults = self.differences([(ids, rows)])
        asked = min(CHECKED, len(rows))
        wrong = sum(not self._answers_right(row, ids, rows) for row in rows[:asked])
        if wrong:
            faults.append(f"{wrong} of {asked} queries answered otherwise than brute force")
        return faults

    def differences(self, parts: Iterable[tuple[Ids, Rows]]) -> list[str]:
        """Hold rows against what they should be, some at a time: a line if any differ."""
        apart = (np.abs(self.rows(ids) - rows).max(axis=1, initial=0.0) for ids, rows in parts)
        wrong = sum(int((gaps > TOLERANCE).sum()) for gaps in apart)
        return [f"{wrong} vectors of the index differ from the catalog's"] if wrong else []

    def _answers_right(self, query: Rows, ids: Ids, rows: Rows) -> bool:
        """Compare an answer with brute force, all rows asked and every other one: values, and which ids may be."""
        return all(self._matches(query, ids[few], rows[few]) for few in (slice(None), slice(None, None, 2)))

    def _matches(self, query: Rows, ids: Ids, rows: Rows) -> bool:
        expected = rows @ query
        best = np.lexsort((ids, -expected))[:WITHIN]
        found = self.nearest(query, limit=WITHIN, where=Selection(ids))
        if len(found) != len(best):
            return False
        similarities = np.array([neighbor.similarity for neighbor in found])
        allowed = set(ids[expected >= expected[best[-1]] - TOLERANCE].tolist())
        gap = float(np.abs(similarities - expected[best]).max(initial=0.0))
        return gap <= TOLERANCE and {neighbor.id for neighbor in found} <= allowed


class FileIndex(VectorIndex):
    """An index that is kept in a file (`index.snapshot`), and perhaps in more files beside it."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of what it lies in beside its snapshot."""
        return ()

    @classmethod
    @abstractmethod
    def empty(cls, dimension: int) -> Self:
        """Return an index without rows."""

    @classmethod
    def built(cls, place: Path, dimension: int, ids: Ids, parts: Iterable[Rows]) -> Self:
        """Make an index of rows, some at a time.

        Args:
            place: of a file that it may make for rows.
            ids: (n,), rising.
            parts: (n, dimension) in all.
        """
        index, start = cls.empty(dimension), 0
        for rows in parts:
            index.add(ids[start : start + len(rows)], rows)
            start += len(rows)
        return index

    def tune(self, queries: Rows) -> None:
        """Learn what some queries, (q, dimension), tell: an exact index has nothing to learn."""

    @abstractmethod
    def as_bytes(self) -> bytes:
        """Return the index as it is written."""

    @classmethod
    @abstractmethod
    def from_bytes(cls, body: bytes, folder: Path | None = None) -> Self:
        """Read what `as_bytes` wrote, with the index's files in a folder; the caller has checked the bytes.

        Raises:
            DamagedIndexError: a file is missing.
        """


class SharedIndex(VectorIndex):
    """An index that lies in a server, as a collection with a head, which says what its rows are."""

    name: str  # of the collection
    _ids: Ids  # rising
    _dimension: int

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> Ids:
        """The ids that are indexed, rising, (n,)."""
        return self._ids

    def _parts(self, count: int) -> list[slice]:
        """Return so many rows in parts that are sent or read together."""
        step = min(ROWS_AT_ONCE, max(1, AT_ONCE // (4 * self._dimension)))
        return [slice(start, start + step) for start in range(0, count, step)]

    def _known_and_others(self, where: Selection) -> tuple[Ids, Ids]:
        """Return which of the ids a selection leaves, and which not."""
        known = np.intersect1d(where.ids, self._ids)
        return known, np.setdiff1d(self._ids, known)

    def _in_order(self, query: NDArray[np.floating], ids: Ids, rows_of: Callable[[Ids], Rows]) -> list[Neighbor]:
        """Return some rows in the order of their inner products, by what was written: how a server sums is its affair.

        Args:
            rows_of: returns the rows of some ids.
        """
        row, products = np.asarray(query, np.float64), np.empty(len(ids), np.float32)
        for part in self._parts(len(ids)):
            products[part] = rows_of(ids[part]).astype(np.float64) @ row
        order = np.lexsort((ids, -products))
        return [Neighbor(int(ids[i]), float(products[i])) for i in order]

    @abstractmethod
    def change(self) -> AbstractContextManager[None]:
        """Let rows change until the block ends, in which `end` is called; of a change that fails nobody reads.

        Raises:
            DamagedIndexError: somebody else has changed them.
        """

    @abstractmethod
    def settle(self, queries: Callable[[], Rows]) -> None:
        """Make many rows that have just come ready to be searched; within a change.

        Args:
            queries: returns rows as they are asked for, (q, dimension).
        """

    @abstractmethod
    def end(self, about: dict[str, Any]) -> None:
        """Say in the head what the rows are now, and what is told of them.

        Raises:
            DamagedIndexError: somebody else has changed them meanwhile.
        """

    @abstractmethod
    def is_at(self, head: str) -> bool:
        """Say whether the rows are known as they were under this head."""


class CollectionServer(Protocol):
    """What holds collections for all who share a registry."""

    @property
    def kind(self) -> str:
        """The kind of its indexes."""
        ...

    @property
    def address(self) -> str:
        """Where it is."""
        ...

    @property
    def widest(self) -> int:
        """How many numbers a row may have."""
        ...

    def prefix(self, registry: str, fingerprint: str) -> str:
        """Return how the names of a space's collections begin; no two registries share one in a server."""
        ...

    def collections(self, prefix: str) -> list[str]:
        """Return the names of the collections that begin so."""
        ...

    def create(self, name: str, dimension: int, about: dict[str, Any]) -> SharedIndex:
        """Return a new collection, which `change` fills; the head says what is told of it, and that it is not whole."""
        ...

    def opened(self, name: str, dimension: int, head: str) -> SharedIndex:
        """Return a collection whose head says that it is whole; raise `DamagedIndexError` where it is not."""
        ...

    def head(self, name: str) -> str:
        """Return what the head of a collection says, as it is written there; nothing where it has none."""
        ...

    def drop(self, name: str) -> None:
        """Remove a collection; one that is not there is no fault."""
        ...


def hash_of_ids(ids: Ids) -> str:
    """Return the sha256 of ids."""
    return hashlib.sha256(np.ascontiguousarray(ids, "<i8").tobytes()).hexdigest()
