"""An exact index in a Milvus server, which all who share a registry ask. Nobody else knows the client of Milvus.

A collection holds a row for each vector, and one more, the head, which says what the rows are. Whoever changes rows
replaces the head first, and again at the end. Every answer is read before its head: if that is still the one that was
expected, no row had changed when the answer was made. The vectors of entries are checked by a checksum in their rows.
"""

import json
import logging
import os
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.errors import MissingExtraError, StorageError, first_line
from registry.index.contract import (
    SPARE,
    TOLERANCE,
    DamagedIndexError,
    Ids,
    Neighbor,
    Rows,
    Selection,
    SharedIndex,
    hash_of_ids,
)
from registry.shown import without_secrets

TOKEN = "FUTE_MILVUS_TOKEN"  # noqa: S105 - the name of an environment variable, whose value is kept nowhere
SECONDS = 60.0  # that a call may take
MOST = 16_384  # rows that Milvus returns at once
HEAD_ID = -1  # of the row that says what the others are
MOST_HEAD = 2_000  # bytes
_CONNECTING = {  # anew, not after the pause that a cut connection makes; no sign of life while nobody asks
    "grpc.use_local_subchannel_pool": 1,
    "grpc.keepalive_permit_without_calls": 0,
}
_GONE = 100  # Milvus's number for a collection that is not there
_UNLOADED = 101


class Milvus:
    """The connection to a server, or to milvus-lite's file."""

    kind, widest = "milvus", 32_768

    def __init__(self, address: str) -> None:
        """Connect.

        Args:
            address: `http://HOST:PORT`, or the path of a file that ends in `.db`; the token is $FUTE_MILVUS_TOKEN.

        Raises:
            MissingExtraError: its client is not installed.
            StorageError: nobody answers there.
        """
        self.address = address
        client = _client()
        with self.errors():
            self._client = client(
                uri=address, token=os.environ.get(TOKEN, ""), timeout=SECONDS, dedicated=True, grpc_options=_CONNECTING
            )

    def prefix(self, registry: str, fingerprint: str) -> str:
        """Return how the names of a space's collections begin: two registries never share one."""
        return f"fute_{registry}_{fingerprint[:32]}_"

    def collections(self, prefix: str) -> list[str]:
        """Return the names of the collections that begin so."""
        return sorted(name for name in self.call("list_collections") if name.startswith(prefix))

    def create(self, name: str, dimension: int, about: dict[str, Any]) -> "MilvusIndex":
        """Make a collection without rows, whose head says that it is being filled."""
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        schema.add_field("crc", DataType.INT64)
        schema.add_field("head", DataType.VARCHAR, max_length=MOST_HEAD)
        how = MilvusClient.prepare_index_params()
        how.add_index("vector", index_type="FLAT", metric_type="IP")
        self.call(  # one shard, so that what is read is of one moment
            "create_collection", name, schema=schema, index_params=how, num_shards=1, consistency_level="Strong"
        )
        return MilvusIndex(self, name, dimension, about)

    def opened(self, name: str, dimension: int, head: str) -> "MilvusIndex":
        """Return a collection whose head says that it is whole; raise `DamagedIndexError` where it is not."""
        return MilvusIndex.opened(self, name, dimension, head)

    def head(self, name: str) -> str:
        """Return what the head of a collection says, as it is written there; nothing where it has none."""
        self.call("load_collection", name)
        return _head_of(self, name)

    def drop(self, name: str) -> None:
        """Remove a collection; one that is not there is no fault."""
        try:
            self.call("drop_collection", name)
        except DamagedIndexError:
            return

    def call(self, what: str, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - as its client answers
        """Call the client.

        Raises:
            DamagedIndexError: the collection is not there.
            StorageError: the server does not answer, or refuses.
        """
        with self.errors():
            return getattr(self._client, what)(*given, timeout=SECONDS, **named)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the client's errors into ours."""
        import grpc
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except (MilvusException, grpc.RpcError, ValueError, OSError) as error:
            if getattr(error, "code", None) in (_GONE, _UNLOADED):
                raise DamagedIndexError("the collection is not there") from error
            told = without_secrets(str(getattr(error, "message", "") or first_line(error)))[:200].split("\n")[0]
            raise StorageError(
                f"Milvus at {self.address} does not answer as it should ({told.rstrip('.')}): see to it, "
                "or use an index of your own with 'fute index use auto'."
            ) from error


class MilvusIndex(SharedIndex):
    """A collection whose every row is looked at (FLAT, inner product)."""

    kind = "milvus"

    def __init__(self, server: Milvus, name: str, dimension: int, about: dict[str, Any]) -> None:
        """Take a collection that has just been made, and write its head.

        Args:
            about: what the head says of whose rows they are, whatever the state.
        """
        self.name = name
        self._server = server
        self._dimension = dimension
        self._about = about
        self._ids: Ids = np.empty(0, np.int64)
        self._changes = 0  # of the rows by this object: what was made ready for a search before is of no use
        self._state = ""  # the head, as it is to be found
        self.begin()

    @classmethod
    def opened(cls, server: Milvus, name: str, dimension: int, head: str) -> "MilvusIndex":
        """Return a collection whose head says that it is whole.

        Args:
            head: as it was read, with a `count`.

        Raises:
            DamagedIndexError: its rows are not those that its head names, or it has gone.
        """
        index, fields = cls.__new__(cls), json.loads(head)
        index.name, index._server, index._dimension, index._about = name, server, dimension, fields
        index._state, index._ids, index._changes, index._is_changing = head, _all_ids(server, name), 0, False
        index.check()
        if (len(index._ids), hash_of_ids(index._ids)) != (fields["count"], fields["ids"]):
            raise DamagedIndexError("the collection does not hold the rows that its head names")
        return index

    @contextmanager
    def change(self) -> Iterator[None]:
        """Let rows change until the block ends, in which `end` says what they are now."""
        if not self._is_changing:
            self.begin()
        yield

    def settle(self, queries: Callable[[], Rows]) -> None:
        """Let the server seal what has come: what is not sealed is searched slowly."""
        del queries
        self._server.call("flush", self.name)

    def begin(self) -> None:
        """Say in the head that rows are about to change; until `end` nobody reads them."""
        self._is_changing = True
        about = {key: value for key, value in self._about.items() if key not in ("count", "ids")}
        self._write_head({**about, "changing": uuid.uuid4().hex})

    def end(self, about: dict[str, Any]) -> None:
        """Say in the head what the rows are now.

        Raises:
            DamagedIndexError: somebody else has begun to change them meanwhile.
        """
        self._expect_head()
        self._about = about
        self._write_head({**about, "count": len(self._ids), "ids": hash_of_ids(self._ids)})
        self._is_changing = False

    def check(self) -> None:
        """Raise `DamagedIndexError` where the rows have changed otherwise than by this object, or are about to."""
        if self._is_changing:
            raise DamagedIndexError("a change of the collection was not completed")
        self._expect_head()

    def is_at(self, head: str) -> bool:
        """Say whether the rows are known as they were under this head."""
        return not self._is_changing and head == self._state

    def _expect_head(self) -> None:
        if _head_of(self._server, self.name) != self._state:
            raise DamagedIndexError("the collection has changed")

    def rows(self, ids: Ids) -> Rows:
        """Return the rows of some ids, in their order; raise KeyError for an unknown one.

        Raises:
            DamagedIndexError: a row is not what was written, or somebody else has changed them.
        """
        if not np.isin(ids, self._ids).all():
            raise KeyError("an id that is not indexed")
        found = np.empty((len(ids), self._dimension), np.float32)
        for part in self._parts(len(ids)):
            self._read(ids[part], found[part])
        return found

    def _read(self, ids: Ids, into: Rows) -> None:
        among = f"id in [{HEAD_ID},{_listed(ids)}]"
        held = {row["id"]: row for row in self._query(among, ["vector", "crc", "head"], len(ids) + 1)}
        if self._is_changing or held.get(HEAD_ID, {}).get("head") != self._state:  # read with the rows, at one moment
            raise DamagedIndexError("the collection has changed")
        for place, row_id in enumerate(ids.tolist()):
            row = held.get(row_id)
            into[place] = np.nan if row is None else np.asarray(row["vector"], np.float32)
            if row is None or zlib.crc32(into[place].tobytes()) != row["crc"]:
                raise DamagedIndexError("a row of the collection is not what was written")

    def add(self, ids: Ids, rows: Rows) -> None:
        """Add rows; one whose id is known takes the place of the former."""
        for part in self._parts(len(ids)):
            its = zip(ids[part].tolist(), np.asarray(rows[part], "<f4"), strict=True)
            held = [{"id": i, "vector": row, "crc": zlib.crc32(row.tobytes()), "head": ""} for i, row in its]
            self._server.call("upsert", self.name, held)
        self._ids, self._changes = np.union1d(self._ids, ids).astype(np.int64), self._changes + 1

    def remove(self, ids: Ids) -> None:
        """Forget the rows of some ids; those that are not known change nothing."""
        known = np.intersect1d(ids, self._ids)
        for start in range(0, len(known), MOST):
            self._server.call("delete", self.name, ids=known[start : start + MOST].tolist())
        self._ids, self._changes = np.setdiff1d(self._ids, known), self._changes + 1

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        """Return at most `limit` rows with the greatest inner products, greatest first, equals by id.

        Raises:
            DamagedIndexError: somebody else has changed the rows.
        """
        among, most = "", len(self)
        if where is not None:
            among, most = where.prepared((self.name, self._changes), lambda: self._filter(where))
        if limit < 1 or most == 0:
            return []
        count = limit
        while True:
            count = min(most, 2 * count + SPARE)
            if count >= MOST:  # with the head one more
                among_ids = self._ids if where is None else np.intersect1d(where.ids, self._ids)
                return self._in_order(query, among_ids, self.rows)[:limit]
            neighbors = sorted(self._search(query, count, among), key=lambda n: (-n.similarity, n.id))
            if count == most or neighbors[-1].similarity < neighbors[limit - 1].similarity - TOLERANCE:
                break
        ids = np.array([neighbor.id for neighbor in neighbors], np.int64)
        return self._in_order(query, ids, self.rows)[:limit]

    def _filter(self, where: Selection) -> tuple[str, int]:
        """Return what Milvus is told to look among, and how many rows that is."""
        known, others = self._known_and_others(where)
        if len(known) <= len(others):
            return f"id in [{_listed(known)}]", len(known)
        return f"id not in [{HEAD_ID},{_listed(others)}]" if len(others) else "", len(known)

    def _search(self, query: NDArray[np.floating], count: int, among: str) -> list[Neighbor]:
        row, spare = np.asarray(query, np.float32), int(not among)  # without a filter the head is a row like others
        (hits,) = self._server.call(
            "search", self.name, data=[row], limit=count + spare, filter=among, consistency_level="Strong"
        )
        found = [Neighbor(int(hit["id"]), float(hit["distance"])) for hit in hits if hit["id"] != HEAD_ID][:count]
        if len(found) != count:
            raise DamagedIndexError("the collection holds fewer rows than it should")
        return found

    def _query(self, among: str, fields: list[str], limit: int) -> list[dict[str, Any]]:
        return _queried(self._server, self.name, among, fields, limit)

    def _write_head(self, fields: dict[str, Any]) -> None:
        self._state = json.dumps(fields, sort_keys=True)
        nothing = np.zeros(self._dimension, np.float32)
        self._server.call("upsert", self.name, [{"id": HEAD_ID, "vector": nothing, "crc": 0, "head": self._state}])


def _queried(server: Milvus, name: str, among: str, fields: list[str], limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call(
        "query", name, filter=among, output_fields=fields, limit=limit, consistency_level="Strong"
    )
    return found


def _head_of(server: Milvus, name: str) -> str:
    """Return what the head of a collection says, as it is written there; nothing where it has none."""
    held = _queried(server, name, f"id in [{HEAD_ID}]", ["head"], 1)
    return str(held[0].get("head", "")) if held else ""


def _all_ids(server: Milvus, name: str) -> Ids:
    """Return the ids of a collection's rows, rising."""
    pages = server.call(
        "query_iterator", name, batch_size=MOST, filter="", output_fields=["id"], consistency_level="Strong"
    )
    ids: list[int] = []
    with server.errors():
        while page := pages.next():
            ids += [row["id"] for row in page if row["id"] != HEAD_ID]
        pages.close()
    return np.sort(np.array(ids, np.int64))


def _listed(ids: Ids) -> str:
    return ",".join(map(str, ids.tolist()))


def _client() -> Any:  # noqa: ANN401 - it may be missing
    """Import the client without letting it read `.env` files or write tracebacks into the log; errors tell enough."""
    switch = "PYTHON_DOTENV_DISABLED"
    before = os.environ.get(switch)
    os.environ[switch] = "1"
    try:
        import pymilvus
    except ImportError as error:
        raise MissingExtraError("An index in Milvus needs its client", "milvus") from error
    finally:
        os.environ.pop(switch) if before is None else os.environ.update({switch: before})
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)
    return pymilvus.MilvusClient
