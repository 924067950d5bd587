"""An index in the registry's own PostgreSQL database, by pgvector; see `catalog.engines.vector_tables`.

A collection is a table; the comment on it, the head, says what its rows are. Rows and head change in one transaction
and are read in one view, so a change is whole or was never there. What is read is held to its checksum.
"""

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.catalog.database import Database
from registry.catalog.engines.vector_tables import WIDEST, WIDEST_GRAPH, TableGoneError, VectorTables, listed
from registry.index.contract import (
    SPARE,
    TOLERANCE,
    WITHIN,
    DamagedIndexError,
    Ids,
    Neighbor,
    Rows,
    Selection,
    SharedIndex,
    hash_of_ids,
)
from registry.index.kinds import MANY

FEW = 2_000  # rows that a filter leaves, at most, for them to be ranked without the graph
MOST = 1_000  # rows that a graph keeps in view, at most
TUNED = 20  # neighbours, at most, for which a graph is tuned
NEVER = 2.0  # more than any cosine: of a graph that an older release made, which is not used until it is made anew
TRIED, ENOUGH = (100, 200, 400, MOST), 0.99  # rows that it keeps in view: the first by which so many are found

Connection = Any  # SQLAlchemy's, which only the catalog knows
Among = tuple[str, str] | None  # which ids are looked at; see `VectorTables.ranked`


def prefix_of(fingerprint: str) -> str:
    """Return how the names of the tables of a space begin."""
    return f"fute_index_{fingerprint[:32]}_"


class PgVector:
    """The indexes' tables in the schema of a catalog."""

    kind, address, widest = "pgvector", "", WIDEST

    def __init__(self, database: Database) -> None:
        """Find pgvector; raise `InputError` where the registry is a folder, or its database has none that will do."""
        self.tables: VectorTables = database.vector_tables()

    def prefix(self, registry: str, fingerprint: str) -> str:
        """Return how the names of a space's collections begin: a schema holds one registry."""
        del registry
        return prefix_of(fingerprint)

    def collections(self, prefix: str) -> list[str]:
        """Return the names of the collections that begin so."""
        return self.tables.names(prefix)

    def create(self, name: str, dimension: int, about: dict[str, Any]) -> "PgVectorIndex":
        """Return an index without rows; its table is made with its first change."""
        del about
        return PgVectorIndex(self, name, dimension)

    def opened(self, name: str, dimension: int, head: str) -> "PgVectorIndex":
        """Return a collection whose head says that it is whole; raise `DamagedIndexError` where it is not."""
        return PgVectorIndex.opened(self, name, dimension, head)

    def head(self, name: str) -> str:
        """Return what the head of a collection says, as it is written there; nothing where it has none."""
        with self.reading() as connection:
            return self.tables.comment(connection, name)

    def drop(self, name: str) -> None:
        """Remove a collection; one that is not there is no fault."""
        self.tables.drop(name)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hand out one view of the database; raise `DamagedIndexError` where a table has gone."""
        try:
            with self.tables.reading() as connection:
                yield connection
        except TableGoneError as error:
            raise DamagedIndexError("the table is not there, or another") from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hand out one transaction; raise `DamagedIndexError` where a table has gone."""
        try:
            with self.tables.writing() as connection:
                yield connection
        except TableGoneError as error:
            raise DamagedIndexError("the table is not there, or another") from error


class PgVectorIndex(SharedIndex):
    """A table of rows: every one is looked at, or from some number on a graph of them in half precision."""

    kind = "pgvector"

    def __init__(self, server: PgVector, name: str, dimension: int) -> None:
        """Take a name that no table has yet; see `PgVector.create`."""
        self.name = name
        self._server = server
        self._tables = server.tables
        self._dimension = dimension
        self._ids: Ids = np.empty(0, np.int64)
        self._changes = 0  # of the rows by this object: what was made ready for a search before is of no use
        self._head = ""  # as it is to be found; none: there is no table yet
        self._changing = threading.local()  # holds the connection of a change that is going on in this thread
        self._explored = 0  # rows that a question to the graph keeps in view; none: there is no graph
        self._usual = NEVER  # the least cosine of what a graph is tuned for with its tenth neighbour
        self.recall = None

    @classmethod
    def opened(cls, server: PgVector, name: str, dimension: int, head: str) -> "PgVectorIndex":
        """Return a collection whose head says that it is whole.

        Args:
            head: as it was read, with a `count`.

        Raises:
            DamagedIndexError: its rows are not those that its head names, or it has gone.
        """
        index, fields = cls(server, name, dimension), json.loads(head)
        index._head, index._explored, index.recall = head, int(fields.get("explored", 0)), fields.get("recall")
        index._usual = float(fields.get("usual", NEVER))
        with index._view() as connection:
            index._ids = server.tables.ids(connection, name)
        if (len(index), hash_of_ids(index.ids)) != (fields["count"], fields.get("ids")):
            raise DamagedIndexError("the table does not hold the rows that its head names")
        return index

    @contextmanager
    def change(self) -> Iterator[None]:
        """Let rows change until the block ends, in one transaction, in which `end` says what they are now.

        Raises:
            DamagedIndexError: somebody else has changed them.
        """
        before = self._ids, self._head, self._explored, self._usual, self.recall
        try:
            with self._server.writing() as connection:
                if self._head:
                    self._tables.hold(connection, self.name)
                    self._expect_head(connection)
                else:
                    self._tables.create(connection, self.name, self._dimension)
                self._changing.connection = connection
                yield
        except BaseException:
            self._ids, self._head, self._explored, self._usual, self.recall = before
            raise
        finally:
            self._changing.connection, self._changes = None, self._changes + 1

    def settle(self, queries: Callable[[], Rows]) -> None:
        """Make the graph where rows are many, after they have come, and measure what it finds."""
        if self.is_worn:
            with self._writing() as connection:
                self._tables.make_graph(connection, self.name, self._dimension)
                asked = queries()
                truth = [self._by_every_row(connection, query, WITHIN, None, len(self)) for query in asked]
            self._usual = min(_nearness(query, best) for query, best in zip(asked, truth, strict=True))
            for self._explored in TRIED:
                self.recall = self._recall_of(asked, truth)
                if self.recall >= ENOUGH:
                    break

    def end(self, about: dict[str, Any]) -> None:
        """Say in the head what the rows are now."""
        fields = {**about, "count": len(self), "ids": hash_of_ids(self.ids)}
        graph = {"explored": self._explored, "usual": self._usual, "recall": self.recall}
        head = json.dumps({**fields, **graph}, sort_keys=True)
        with self._writing() as connection:
            self._tables.set_comment(connection, self.name, head)
        self._head = head

    def is_at(self, head: str) -> bool:
        """Say whether the rows are known as they were under this head."""
        return head == self._head

    @property
    def is_worn(self) -> bool:
        """Whether there are so many rows that a graph should be made of them, and there is none."""
        return len(self) >= MANY and self._dimension <= WIDEST_GRAPH and not self.has_graph

    @property
    def has_graph(self) -> bool:
        """Whether a graph finds the candidates."""
        return self._explored > 0

    @property
    def finds_all(self) -> bool:
        """Whether the nearest are found for sure."""
        return not self.has_graph

    def measured_recall(self, queries: Rows) -> float:
        """Return the share of the ten rows that are truly nearest to each query, (q, dimension), which are found."""
        with self._view() as connection:
            truth = [self._by_every_row(connection, query, WITHIN, None, len(self)) for query in queries]
        return self._recall_of(queries, truth)

    def _recall_of(self, queries: Rows, truth: list[list[Neighbor]]) -> float:
        shares = []
        for query, best in zip(queries, truth, strict=True):
            least = best[-1].similarity - TOLERANCE if best else 0.0  # an equal one is as good
            found = self.nearest(query, limit=WITHIN)
            shares.append(sum(n.similarity >= least for n in found) / max(len(best), 1))
        return float(np.mean(shares)) if shares else 1.0

    def rows(self, ids: Ids) -> Rows:
        """Return the rows of some ids, in their order; raise KeyError for an unknown one.

        Raises:
            DamagedIndexError: a row is not what was written, or somebody else has changed them.
        """
        if not np.isin(ids, self._ids).all():
            raise KeyError("an id that is not indexed")
        found = np.empty((len(ids), self._dimension), np.float32)
        for part in self._parts(len(ids)):
            with self._view() as connection:
                found[part] = self._read(connection, ids[part])
        return found

    def _read(self, connection: Connection, ids: Ids) -> Rows:
        found = np.empty((len(ids), self._dimension), np.float32)
        held = {row[0]: row for row in self._tables.rows(connection, self.name, ids)}
        for place, row_id in enumerate(ids.tolist()):
            _, checksum, body = held.get(row_id, (row_id, -1, b""))
            row = np.frombuffer(body, ">f4").astype("<f4")
            if len(row) != self._dimension or zlib.crc32(row.tobytes()) != checksum:
                raise DamagedIndexError("a row of the table is not what was written")
            found[place] = row
        return found

    def add(self, ids: Ids, rows: Rows) -> None:
        """Add rows; one whose id is known takes the place of the former."""
        if len(ids) == 0:
            return
        with self._writing() as connection:
            self._tables.remove(connection, self.name, np.intersect1d(ids, self._ids))
            self._tables.put(
                connection, self.name, ((ids[its], *_with_checksums(rows[its])) for its in self._parts(len(ids)))
            )
        self._ids, self._changes = np.union1d(self._ids, ids).astype(np.int64), self._changes + 1

    def remove(self, ids: Ids) -> None:
        """Forget the rows of some ids; those that are not known change nothing."""
        known = np.intersect1d(ids, self._ids)
        if len(known):
            with self._writing() as connection:
                self._tables.remove(connection, self.name, known)
        self._ids, self._changes = np.setdiff1d(self._ids, known), self._changes + 1

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        """Return at most `limit` rows with the greatest inner products, greatest first, equals by id.

        Raises:
            DamagedIndexError: somebody else has changed the rows.
        """
        among, most = None, len(self)
        if where is not None:
            among, most = where.prepared((self.name, self._changes), lambda: self._filter(where))
        if limit < 1 or most == 0:
            return []
        with self._view() as connection:
            if self.has_graph and most > FEW and limit <= TUNED:
                ids, _ = self._tables.ranked_by_graph(
                    connection, self.name, query, 2 * limit + SPARE, among, explored=self._explored
                )
                found = self._in_order(query, ids, partial(self._read, connection))[:limit]
                # A filter may end its search too early, and one for what is like no row ends among any.
                if len(found) == limit and _nearness(query, found) >= self._usual - TOLERANCE:
                    return found
            return self._by_every_row(connection, query, limit, among, most)

    def _filter(self, where: Selection) -> tuple[Among, int]:
        """Return what rows are looked at, and how many those are."""
        known, others = self._known_and_others(where)
        if len(known) <= len(others):
            return ("= ANY", listed(known)), len(known)
        return ("<> ALL", listed(others)) if len(others) else None, len(known)

    def _by_every_row(
        self, connection: Connection, query: NDArray[np.floating], limit: int, among: Among, most: int
    ) -> list[Neighbor]:
        """Rank all rows that may be: the server finds those that may be nearest, and they are ranked here."""
        count = limit
        while True:
            count = min(most, count + max(count, SPARE))
            ids, products = self._tables.ranked(connection, self.name, query, count, among)
            if len(ids) != count:
                raise DamagedIndexError("the table holds fewer rows than it should")
            least = products[min(limit, count) - 1] - TOLERANCE
            if count == most or products[-1] < least:
                return self._in_order(query, ids[products >= least], partial(self._read, connection))[:limit]

    def _expect_head(self, connection: Connection) -> None:
        if not self._head or self._tables.comment(connection, self.name) != self._head:
            raise DamagedIndexError("the collection has changed")

    @contextmanager
    def _view(self) -> Iterator[Connection]:
        """Hand out a connection that sees the rows as they are known here."""
        connection = getattr(self._changing, "connection", None)
        if connection is not None:
            yield connection
            return
        with self._server.reading() as connection:
            self._expect_head(connection)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Hand out the connection of the change that is going on, or of one for the block alone."""
        connection = getattr(self._changing, "connection", None)
        if connection is not None:
            yield connection
            return
        with self._server.writing() as connection:
            yield connection


def _nearness(query: NDArray[np.floating], nearest: list[Neighbor]) -> float:
    """Return the cosine of a question with its tenth neighbour, or the last if there are fewer; the rows are units."""
    return nearest[:WITHIN][-1].similarity / max(float(np.linalg.norm(query)), TOLERANCE)


def _with_checksums(rows: Rows) -> tuple[NDArray[np.uint32], Rows]:
    exact = np.ascontiguousarray(rows, "<f4")
    return np.array([zlib.crc32(row.tobytes()) for row in exact], np.uint32), exact
