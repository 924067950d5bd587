"""Keeps each space's index at hand: from memory, from its snapshot with what came after it, or built anew."""

import logging
import shutil
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from weakref import finalize

import numpy as np

from registry.catalog import Catalog, SpaceRecord
from registry.errors import NotFoundError, RegistryError, StorageError
from registry.faults import point
from registry.files.writing import made_scratch
from registry.index.building import KeptIndex, SpaceIndex, Verification, built, change_since, stands_at, verified
from registry.index.contract import DamagedIndexError
from registry.index.kinds import KINDS, SERVED, IndexChoice
from registry.index.served import SharedCollections
from registry.index.snapshot import Snapshot, SnapshotFiles, SnapshotOutdatedError
from registry.spaces.centring import Centring
from registry.spaces.spec import SpaceSpec

LEAST_LOG = 4_000_000  # bytes: a shorter log is never folded into its base
SAVING_SECONDS = 10.0  # that an answer waits for its turn to keep the index that it has made
TRIES = 5  # at an index whose space is centred anew meanwhile

log = logging.getLogger("registry")


class Indexes:
    """The indexes of one registry, each a cache of the catalog's vectors."""

    def __init__(self, catalog: Catalog, folder: Path, *, keeps: bool = True) -> None:
        """Make it.

        Args:
            catalog: whose vectors they hold.
            folder: of their snapshots.
            keeps: whether snapshots are written; else what must be made is held in memory, or in a folder that goes.
        """
        self._catalog = catalog
        self._folder = folder
        self._keeps = keeps
        self._passing: Path | None = None  # the folder that goes, once there is one
        self._held: dict[str, KeptIndex] = {}  # by fingerprint
        self.choice = IndexChoice(folder)
        self._served = SharedCollections(catalog, self.choice)

    def current(self, space: SpaceRecord) -> SpaceIndex:
        """Return the index of a space, as the catalog has it now."""
        if self.choice.is_served:
            served = self._served.current(space) if self._keeps else self._served.as_it_is(space)
            if served is not None:
                return served
        return self._current_kept(space)

    def _current_kept(self, space: SpaceRecord) -> KeptIndex:
        held = self._held.get(space.fingerprint)
        if held is not None:
            followed = self._followed(held, space)
            return self._hold(followed or self._rebuild_kept(space))
        found, state = self._from_snapshot(space)
        followed = None if found is None or state == "damaged" else self._followed(found, space)
        if followed is None or followed.index.is_worn:
            state = "stale" if state == "sound" else state
            rebuilt = self._rebuild_kept(space)
            log.warning("Index of space %r was %s: rebuilt from the catalog.", space.name, state)
            return rebuilt
        if followed is not found and self._keeps:
            self._extend(space)  # so that the next process need not follow
        return self._hold(followed)

    def at_hand(self, space: SpaceRecord) -> SpaceIndex | None:
        """Return the index of a space, if it is in memory as the catalog has it now."""
        for held in (self._held.get(space.fingerprint), self._served.held(space)):
            if held is not None and stands_at(held.header, space):
                return held
        return None

    def refresh(self, space: SpaceRecord) -> None:
        """Bring the snapshot up to date without a word, for vectors have just come: what is new is added to it."""
        if not self._keeps:
            self.current(space)
        elif self.choice.is_served:
            try:
                self._served.current(space)
            except RegistryError as error:
                log.warning("The index of space %r will follow when it is asked: %s", space.name, error)
        elif not self._extend(space):
            self._rebuild_kept(space)

    def rebuild(self, space: SpaceRecord, *, must_last: bool = False) -> SpaceIndex:
        """Make the index anew from the catalog and keep a snapshot of it, if the folder can be written.

        Args:
            must_last: whether it is a failure where it cannot: raise `StorageError`.
        """
        if self.choice.is_served and self._keeps:
            return self._served.rebuild(space)
        return self._rebuild_kept(space, must_last=must_last)

    def _rebuild_kept(self, space: SpaceRecord, *, must_last: bool = False) -> KeptIndex:
        made = self._hold(self._built(space))
        if not self._keeps:
            return made
        database = self._catalog.database
        try:
            with database.lock() if must_last else database.lock(SAVING_SECONDS):
                point("index.rebuilt")
                self._write(space, made)
        except (OSError, StorageError) as error:
            told = f"The index of space {space.name!r} could not be saved ({error}); answers are not affected."
            if must_last:
                raise StorageError(told) from error
            log.warning("%s", told)
        return made

    def _write(self, space: SpaceRecord, made: KeptIndex) -> None:
        """Keep a snapshot, unless its space has been removed while it was made; raise `NotFoundError` then."""
        try:
            self._catalog.spaces.get(space.name)
        except NotFoundError:
            self._files(space).discard(made.index)
            raise
        self._files(space).write(made.index, made.centring.centre, made.header)

    def use(self, kind: str, spaces: Sequence[SpaceRecord], address: str | None = None) -> None:
        """Choose the kind of index, and make those of spaces anew that are of another.

        Args:
            address: of the server where indexes of this kind lie; None for the one that is known.
        """
        if kind in SERVED:
            self._served.reach(kind, address, for_all=spaces)
        self.choice.choose(kind, address)
        self._held.clear()  # else what is at hand would go on answering
        for space in spaces:
            self._served.forget(space)
        if kind in SERVED:
            for space in spaces:
                self._served.current(space)
            return
        for space in spaces:
            found = self._files(space).head()
            if found is not None and found.kind != self.choice.of(self._catalog.spaces.counts()[space.name]).kind:
                self._rebuild_kept(space, must_last=True)

    def forget(self, space: SpaceRecord) -> None:
        """Let go of an index that is in memory."""
        self._held.pop(space.fingerprint, None)
        self._served.forget(space)

    def remove(self, space: SpaceRecord) -> None:
        """Remove the index of a space that has been removed, here and in the server; what cannot be is told."""
        self.forget(space)
        try:
            with self._catalog.database.lock():
                self._files(space).remove()
            self._served.remove(space)
        except (OSError, RegistryError) as error:
            log.warning("The index of space %r stays where it is: %s", space.name, error)

    def recall_of(self, space: SpaceRecord) -> float | None:
        """Return the share of the nearest that an index was measured to find when it was made; None if that is all."""
        if self.choice.is_served:
            return self._served.recall_of(space)
        head = self._files(space).head()
        return None if head is None else head.recall

    def verify(self, space: SpaceRecord) -> Verification:
        """Hold the snapshot against the catalog: ids, vectors, and its answers against brute force."""
        if self.choice.is_served:
            return self._served.verify(space)
        found, state = self._from_snapshot(space)
        with self._catalog.embeddings.streamed(space.id) as held:
            if found is None or not found.stands_for(held):
                state = state if found is None or state == "damaged" else "stale"
                faults = ["the snapshot does not match its checksum"] if state == "damaged" else []
                deque(held.parts, maxlen=0)  # raises IntegrityError for a damaged vector
                return Verification(space.name, len(held.ids), state, tuple(faults))
            rows = (held.centring.centred(part) for part in held.parts)
            faults, recall = verified(found.index, held, rows)
        if state == "damaged":
            faults.append("the snapshot does not match its checksum")
        return Verification(space.name, len(held.ids), state, tuple(faults), found.index.kind, recall)

    def _built(self, space: SpaceRecord) -> KeptIndex:
        """Return an index of what the catalog holds: begun while others write, it follows what they wrote."""
        for _ in range(TRIES):
            found, followed = KeptIndex(*built(self._catalog, space, self._drafts(space), self.choice)), None
            try:
                followed = self._followed(found, self._catalog.spaces.get(space.name))
            finally:
                if followed is None:
                    self._drafts(space).discard(found.index)
            if followed is not None:
                return followed
        raise StorageError(f"The vectors of space {space.name!r} change faster than an index of them is made.")

    def _from_snapshot(self, space: SpaceRecord) -> tuple[KeptIndex | None, str]:
        try:
            found = self._read(space)
        except DamagedIndexError:
            return None, "damaged"
        except SnapshotOutdatedError:
            return None, "stale"
        except OSError:
            return None, "missing"
        is_its = (found.header.fingerprint, found.header.dimension) == (space.fingerprint, space.dimension)
        if not is_its or not self.choice.allows(found.index.kind):
            return None, "stale"
        facets = SpaceSpec.from_document(space.spec).facets
        centring = Centring(facets, found.centre, found.header.epoch)
        if not np.array_equal(centring.centre, found.centre):
            return None, "stale"  # its rows were made when other facets were centred
        return KeptIndex(found.header, centring, found.index), "sound" if found.is_whole else "damaged"

    def _read(self, space: SpaceRecord) -> Snapshot:
        try:
            return self._files(space).read(KINDS)
        except SnapshotOutdatedError:
            raise
        except DamagedIndexError:  # or its rows went, for another process has just put a new one in its place
            return self._files(space).read(KINDS)

    def _followed(self, found: KeptIndex, space: SpaceRecord) -> KeptIndex | None:
        """Return an index with what has changed since; None where that is not known, or the centre has moved."""
        if stands_at(found.header, space):
            return found
        change = change_since(self._catalog, found.header, space)
        if change is None:
            return None
        found.index.remove(change.removed)
        found.index.add(change.ids, change.rows)
        return found.at(change)

    def _extend(self, space: SpaceRecord) -> bool:
        """Append to the snapshot what has come since, in the time that this takes; say whether it is up to date."""
        files = self._files(space)
        try:
            with self._catalog.database.lock(SAVING_SECONDS):
                head = files.head()
                if head is None or files.log_size() > max(LEAST_LOG, files.base_size()):
                    return False
                if not stands_at(head, space):
                    change = change_since(self._catalog, head, space)
                    if change is None:
                        return False
                    files.append(change, head)
        except (OSError, StorageError) as error:
            log.warning("The index of space %r could not be saved (%s); answers are not affected.", space.name, error)
        return True

    def _hold(self, found: KeptIndex) -> KeptIndex:
        self._held[found.header.fingerprint] = found
        return found

    def _files(self, space: SpaceRecord) -> SnapshotFiles:
        return SnapshotFiles(self._folder, space.fingerprint)

    def _drafts(self, space: SpaceRecord) -> SnapshotFiles:
        """Return where an index is made: beside its snapshot, or where nothing stays."""
        if self._keeps:
            return self._files(space)
        if self._passing is None:
            self._passing = made_scratch("index")
            finalize(self, shutil.rmtree, self._passing, ignore_errors=True)
        return SnapshotFiles(self._passing, space.fingerprint)
