"""Keeps each space's index in a server, for all who share the registry: found there, brought up to date, or made anew.

A collection is named after the space; no name is used twice. What it holds stands in its head. Who
changes it holds the registry's lock, between processes and machines. A change that was not completed is never read: the
collection is made anew under another name, and the old one removed.
"""

import json
import logging
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from registry.catalog import Catalog, SpaceRecord
from registry.catalog.records import StreamedVectors
from registry.errors import InputError, StorageError
from registry.faults import point
from registry.index.building import (
    SpaceIndex,
    Verification,
    change_since,
    header_of,
    queries_of,
    stands_at,
    verified,
)
from registry.index.contract import CollectionServer, DamagedIndexError, SharedIndex
from registry.index.kinds import MILVUS, PGVECTOR, IndexChoice, checked_address
from registry.index.milvus import Milvus
from registry.index.pgvector import PgVector, prefix_of
from registry.index.snapshot import SnapshotHeader, hash_of

FORMAT = 1  # of a collection: what is written in another is made anew
TRIES = 5  # at a collection that others change, or a space that is centred anew meanwhile
_HEADER = ("fingerprint", "dimension", "kind", "epoch", "centre", "generation", "mark")

log = logging.getLogger("registry")


class _CentredAnewError(Exception):
    """The centre of a space has moved while a collection of it was filled."""


@dataclass(frozen=True)
class ServedIndex(SpaceIndex):
    """The index of a space that lies in a server."""

    index: SharedIndex


class SharedCollections:
    """The indexes of one registry that lie in a server."""

    def __init__(self, catalog: Catalog, choice: IndexChoice) -> None:
        self._catalog = catalog
        self._choice = choice
        self._server: CollectionServer | None = None
        self._held: dict[str, ServedIndex] = {}  # by fingerprint

    def reach(
        self, kind: str | None = None, address: str | None = None, *, for_all: Sequence[SpaceRecord] = ()
    ) -> CollectionServer:
        """Connect to the server, the one given or the one that is known.

        Args:
            kind: of its indexes; None for the one that was chosen.
            for_all: spaces whose rows it must be able to hold.

        Raises:
            InputError: no address is known, or it is none; or the kind will not do for this registry.
            MissingExtraError: its client is not installed.
            StorageError: nobody answers there.
        """
        kind, meant = kind or self._choice.chosen, ""
        if kind != PGVECTOR:
            meant = self._choice.address if address is None else checked_address(address)
        if self._server is None or (self._server.kind, self._server.address) != (kind, meant):
            self._held.clear()
            self._server = PgVector(self._catalog.database) if kind == PGVECTOR else Milvus(meant)
        for space in for_all:
            if space.dimension > self._server.widest:
                told = f"vectors of {space.dimension:,} numbers, and an index of the kind {kind!r} holds at most"
                raise InputError(f"Space {space.name!r} has {told} {self._server.widest:,}.")
        return self._server

    def held(self, space: SpaceRecord) -> ServedIndex | None:
        """Return the index of a space that was last used: it says itself where others have changed it since."""
        return self._held.get(space.fingerprint)

    def forget(self, space: SpaceRecord) -> None:
        """Look for the index in the server, when it is asked for again."""
        self._held.pop(space.fingerprint, None)

    def as_it_is(self, space: SpaceRecord) -> ServedIndex | None:
        """Return the index of a space, if the server has it as the catalog has it now; nothing is written."""
        found, _ = self._found(space)
        return found if found is not None and stands_at(found.header, space) else None

    def current(self, space: SpaceRecord) -> ServedIndex:
        """Return the index of a space, as the catalog has it now."""
        for _ in range(TRIES):
            with suppress(DamagedIndexError):
                return self.as_it_is(space) or self._brought_up(space)
        raise StorageError(f"The collection of space {space.name!r} changes faster than it is read.")

    def rebuild(self, space: SpaceRecord) -> ServedIndex:
        """Make the index anew from the catalog, in the place of what the server has of it."""
        with self._catalog.database.alone():
            return self._rebuilt(space)

    def remove(self, space: SpaceRecord) -> None:
        """Remove the collections of a space that has been removed, those too that other clients have made."""
        self.forget(space)
        with self._catalog.database.alone():
            self._catalog.database.drop_vector_tables(prefix_of(space.fingerprint))
            if self._choice.chosen == MILVUS:
                self._drop_others(space, "")

    def verify(self, space: SpaceRecord) -> Verification:
        """Hold the collection against the catalog: ids, vectors, and its answers against brute force."""
        self.forget(space)
        found, state = self._found(space)
        kind = self.reach().kind
        faults = ["the collection does not hold what was written"] if state == "damaged" else []
        with self._catalog.embeddings.streamed(space.id) as held:
            count = len(held.ids)
            if found is None or not found.stands_for(held):
                deque(held.parts, maxlen=0)  # raises IntegrityError for a damaged vector
                return Verification(space.name, count, "stale" if found else state, tuple(faults), kind)
            try:
                faults, recall = verified(found.index, held, (held.centring.centred(part) for part in held.parts))
            except DamagedIndexError as error:
                state, faults, recall = "damaged", [str(error)], None
        return Verification(space.name, count, state, tuple(faults), kind, recall)

    def recall_of(self, space: SpaceRecord) -> float | None:
        """Return the share of the nearest that a collection was measured to find; None if that is all, or not known."""
        if self._choice.chosen != PGVECTOR:
            return None  # a Milvus server is not asked: it finds all
        with suppress(InputError):  # of a pgvector that has gone, which a question tells
            return self._recall_told(self.reach(), space)
        return None

    def _recall_told(self, server: CollectionServer, space: SpaceRecord) -> float | None:
        heads = (server.head(name) for name in self._names(server, space))
        return next((json.loads(head).get("recall") for head in heads if self._header(head, space)), None)

    def _found(self, space: SpaceRecord) -> tuple[ServedIndex | None, str]:
        """Return a whole collection of a space as it is compared now, and in what state they were found."""
        server, state = self.reach(), "missing"
        held = self._held.pop(space.fingerprint, None)
        centring = self._catalog.embeddings.centring(space.id)
        for name in self._names(server, space):
            state = "stale" if state == "missing" else state
            try:
                text = server.head(name)
                header = self._header(text, space)
                if header is None or (header.epoch, header.centre) != (centring.epoch, hash_of(centring.centre)):
                    continue
                if held is None or held.index.name != name or not held.index.is_at(text):
                    held = ServedIndex(header, centring, server.opened(name, space.dimension, text))
            except DamagedIndexError:
                state = "damaged"
                continue
            self._held[space.fingerprint] = held
            return held, "sound"
        return None, state

    def _brought_up(self, space: SpaceRecord) -> ServedIndex:
        """Return the index of a space after what has changed since, or made anew."""
        with self._catalog.database.alone():
            found, state = self._found(space)
            now = self._catalog.spaces.get(space.name)
            change = None if found is None else change_since(self._catalog, found.header, now)
            if found is not None and stands_at(found.header, now):
                return found
            if found is None or change is None or found.index.is_worn:
                if state == "damaged":
                    log.warning("The collection of space %r was damaged: it is made anew.", space.name)
                return self._rebuilt(space)
            followed = found.at(change)
            with found.index.change():
                found.index.remove(change.removed)
                found.index.add(change.ids, change.rows)
                point("index.served.rows")
                found.index.end(self._about(followed.header))
            self._drop_others(space, found.index.name)
            return self._hold(followed)

    def _rebuilt(self, space: SpaceRecord) -> ServedIndex:
        """Fill a new collection, and remove those that were there; the caller holds the lock."""
        self.forget(space)
        for _ in range(TRIES):
            with suppress(_CentredAnewError):
                found = self._filled(space)
                self._drop_others(space, found.index.name)
                return self._hold(found)
        raise StorageError(f"The vectors of space {space.name!r} change faster than an index of them is made.")

    def _filled(self, space: SpaceRecord) -> ServedIndex:
        """Return a new collection of what the catalog holds, followed up to now.

        Raises:
            _CentredAnewError: it cannot be followed.
        """
        server, name = self.reach(), f"{self._prefix(self.reach(), space)}{uuid.uuid4().hex[:12]}"
        try:
            with self._catalog.embeddings.paged(space.id) as held:
                header = header_of(space, held, server.kind)
                index = server.create(name, space.dimension, self._about(header))
                with index.change():
                    found = self._followed(self._with_rows(ServedIndex(header, held.centring, index), held), space)
                    point("index.served.rows")
                    index.end(self._about(found.header))
        except BaseException:
            with suppress(DamagedIndexError, StorageError):
                server.drop(name)
            raise
        return found

    def _with_rows(self, found: ServedIndex, held: StreamedVectors) -> ServedIndex:
        """Give a new collection the rows of a space."""
        start = 0
        for part in held.parts:
            found.index.add(held.ids[start : start + len(part)], held.centring.centred(part))
            start += len(part)
        found.index.settle(lambda: queries_of(found.index, held))
        return found

    def _followed(self, found: ServedIndex, space: SpaceRecord) -> ServedIndex:
        """Bring a collection to what has changed while it was filled."""
        now = self._catalog.spaces.get(space.name)
        if stands_at(found.header, now):
            return found
        change = change_since(self._catalog, found.header, now)
        if change is None:
            raise _CentredAnewError
        found.index.remove(change.removed)
        found.index.add(change.ids, change.rows)
        return found.at(change)

    def _drop_others(self, space: SpaceRecord, kept: str) -> None:
        """Remove the collections of a space but one, which nobody fills: the caller holds the lock."""
        server = self.reach()
        for name in self._names(server, space):
            if name != kept:
                server.drop(name)

    def _about(self, header: SnapshotHeader) -> dict[str, Any]:
        """Return what the head of a collection says."""
        fields = asdict(header)
        return {"format": FORMAT, "registry": self._catalog.database.uuid(), **{name: fields[name] for name in _HEADER}}

    def _header(self, text: str, space: SpaceRecord) -> SnapshotHeader | None:
        """Return what a head says; None where it is not of this space, not whole, or of another release."""
        try:
            fields = json.loads(text)
            is_whole = fields["format"] == FORMAT and "count" in fields
            header = SnapshotHeader(**{name: fields[name] for name in _HEADER})
        except (ValueError, KeyError, TypeError):
            return None
        whose = (fields.get("registry"), header.fingerprint, header.dimension)
        is_ours = whose == (self._catalog.database.uuid(), space.fingerprint, space.dimension)
        return header if is_whole and is_ours else None

    def _names(self, server: CollectionServer, space: SpaceRecord) -> list[str]:
        return server.collections(self._prefix(server, space))

    def _prefix(self, server: CollectionServer, space: SpaceRecord) -> str:
        return server.prefix(self._catalog.database.uuid(), space.fingerprint)

    def _hold(self, found: ServedIndex) -> ServedIndex:
        self._held[found.header.fingerprint] = found
        return found
