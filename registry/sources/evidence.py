"""What speaks for sources: one's own measurements, those of packs, and how alike the tasks are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EmbeddingRecord, SpaceRecord
from registry.data.transfers import TransferRecord
from registry.index.building import SpaceIndex
from registry.kinds import EntryKind
from registry.names import listed
from registry.packs.pack import Pack
from registry.packs.shelf import Shelf
from registry.ranking.duplicates import tells_doubles
from registry.ranking.nearest import NearestQuery
from registry.ranking.selecting import selected
from registry.sources.borrowed import Borrowed, borrowed
from registry.sources.history import Measurement, far_off, of_most_alike, standardised
from registry.sources.likeness import Likeness
from registry.sources.memory import MOST
from registry.sources.retold import retold
from registry.spaces.centring import Centring
from registry.spaces.facets import weights_between
from registry.spaces.spec import SpaceSpec

MEMORY, GAIN, SIZE = "memory", "gain", "size"
SOURCES = frozenset({EntryKind.TASK, EntryKind.MODEL})  # what a task can start from
CANDIDATES = 1000  # tasks that are compared: those that were measured, and the most alike; by size the largest


@dataclass(frozen=True)
class Evidence:
    """What was measured, and how alike are the target, what was measured, and the entries most like the target."""

    own: tuple[Measurement, ...]
    on_target: int  # outcomes that are recorded on the target itself or a double, also such as tell nothing alone
    on_others: int  # and on other tasks
    theirs: Borrowed
    likeness: Likeness
    centring: Centring

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the packs, and of measurements that one memory does not hold."""
        count = len(self.history)
        more = f"Of {count:,} measurements those on the targets most alike count, at most {MOST:,}."
        return (*self.theirs.notes, *([more] if count > MOST else []))

    @cached_property
    def history(self) -> tuple[Measurement, ...]:
        """All measurements."""
        return (*self.own, *self.theirs.history)

    def most_alike(self, target: str) -> tuple[Measurement, ...]:
        """Return the measurements on the tasks most akin to a target, as many as one memory holds."""
        return of_most_alike(self.history, self.likeness.kin_of(target), most=MOST)


def gathered(
    catalog: Catalog, index: SpaceIndex, space: SpaceRecord, target: EmbeddingRecord, query: NearestQuery
) -> Evidence:
    """Gather what speaks for the sources of a target task."""
    recorded = catalog.transfers.all()
    own = standardised(recorded)
    wants_packs = query.packs or (query.packs is None and query.by in (MEMORY, GAIN))
    packs = Shelf(catalog.database.location.folder).all() if wants_packs else []
    spec = SpaceSpec.from_document(space.spec)
    known = {} if query.packs else _known_packs(catalog, space, spec, packs, recorded)
    theirs = borrowed((pack for pack in packs if pack.name not in known), spec)
    told = (f"Pack {name} tells what {who}: not used here." for name, who in known.items())
    theirs = replace(theirs, notes=(*told, *theirs.notes))
    measured = {name for measurement in own for name in (measurement.target, measurement.source)}
    if query.by == SIZE:
        measured = set()  # it does not count
    likeness = _likeness(_Nearby(catalog, index, space, target, query), theirs, measured)
    doubles = likeness.doubles_of(target.name)
    if not query.own:
        theirs = theirs.without_targets(doubles & set(theirs.names))
    on_target = sum(transfer.target in doubles for transfer in recorded)
    theirs = replace(theirs, notes=(*theirs.notes, *_outdated(catalog, recorded), *far_off(recorded)))
    return Evidence(own, on_target, len(recorded) - on_target, theirs, likeness, index.centring)


def _outdated(catalog: Catalog, recorded: Sequence[TransferRecord]) -> list[str]:
    """Say of which entries there is a newer version than the one that was measured."""
    renewed = catalog.entries.renewed()
    old = [
        name
        for transfer in recorded
        for name in {transfer.target, transfer.source} & renewed.keys()
        if transfer.recorded_at is not None and transfer.recorded_at < renewed[name]
    ]
    if not old:
        return []
    names = sorted(set(old))
    count = f"{len(old)} measurements are" if len(old) > 1 else "One measurement is"
    return [
        f"{count} of older versions of {listed(names)}, and count for the newest: 'fute transfer remove' removes them."
    ]


def _known_packs(
    catalog: Catalog, space: SpaceRecord, spec: SpaceSpec, packs: Sequence[Pack], recorded: Sequence[TransferRecord]
) -> dict[str, str]:
    """Return the packs whose outcomes would count twice, and who tells them already."""
    used = [pack for pack in packs if pack.spec.is_same_for_tasks(spec)]

    def vectors() -> dict[str, NDArray[np.float32]]:
        measured = {name for transfer in recorded for name in (transfer.target, transfer.source)}
        ids = {name: row_id for name, (row_id, _) in catalog.embeddings.having(space.id, measured).items()}
        held = catalog.embeddings.some(list(ids.values()))
        return {name: held[row_id].vector for name, row_id in ids.items() if row_id in held}

    return retold(used, recorded, vectors)


@dataclass(frozen=True)
class _Nearby:
    """The entries of a space that may be compared with a target: what was measured, and what is most like it.

    By size these are the largest, and of either only what passes the filter: who may not be a source takes no place.
    """

    catalog: Catalog
    index: SpaceIndex
    space: SpaceRecord
    target: EmbeddingRecord
    query: NearestQuery

    def models(self, measured: Collection[str]) -> set[str]:
        """Return the models among what was measured; by size, models do not count."""
        return set() if self.query.by == SIZE else self.catalog.entries.existing(measured, (EntryKind.MODEL,))

    def held(self, measured: Collection[str], models: Collection[str]) -> dict[str, tuple[int, EntryKind]]:
        """Return what is compared, by name: the id of its vector, and its kind."""
        found = self.catalog.embeddings.having(self.space.id, measured)
        asked = {EntryKind.TASK, *({EntryKind.MODEL} & set(self.query.where.kinds))}
        for kind in asked:
            ids = self._largest() if self.query.by == SIZE else self._most_alike(kind)
            found |= {name: (row_id, its) for row_id, (name, its) in self.catalog.embeddings.named(ids).items()}
        return {
            name: (row_id, kind)
            for name, (row_id, kind) in sorted(found.items())
            if name != self.target.name and (kind is EntryKind.TASK or kind in asked or name in models)
        }  # the target's own vector may be an older version's, or come from a file

    def _largest(self) -> list[int]:
        where = replace(self.query.where, kinds=(EntryKind.TASK,))
        ids = self.catalog.spaces.largest(self.space.id, where, most=CANDIDATES + 1)
        return [row_id for row_id in ids if row_id != self.target.id][:CANDIDATES]

    def _most_alike(self, kind: EntryKind) -> list[int]:
        facets = self.index.centring.facets
        row = self.index.centring.centred(self.target.vector[None])[0]
        scaled = row * facets.scale(weights_between(facets, kind, chosen=self.query.weights))
        among = selected(self.catalog, self.index, self.space, replace(self.query.where, kinds=(kind,)))
        return [n.id for n in self.index.index.nearest(scaled, limit=CANDIDATES + 1, where=among)]


def _likeness(nearby: _Nearby, theirs: Borrowed, measured: Collection[str]) -> Likeness:
    """Compare the target, what was measured, what packs bring, and of the others those most like the target."""
    index, target, weights = nearby.index, nearby.target, nearby.query.weights
    models = nearby.models(measured)
    held = nearby.held(measured, models)
    models |= {name for name, (_, kind) in held.items() if kind is EntryKind.MODEL}
    facets = index.centring.facets
    given = index.centring.centred(np.concatenate([target.vector[None], theirs.matrix]))
    rows = np.concatenate([given, index.index.rows(np.array([row_id for row_id, _ in held.values()], np.int64))])
    names = [target.name, *theirs.names, *held]
    first = {*measured, *theirs.names}
    as_task, as_model = (
        rows @ (rows[0] * facets.scale(weights_between(facets, kind, chosen=weights)))
        for kind in (EntryKind.TASK, EntryKind.MODEL)
    )
    similarity = np.where([name in models for name in names], as_model, as_task)
    order = sorted(range(1, len(names)), key=lambda i: (names[i] not in first, -similarity[i], names[i]))
    kept = [0, *sorted(order[:CANDIDATES])]
    doubles = tells_doubles(index.centring)
    return Likeness.from_rows(
        [names[i] for i in kept], rows[kept], facets, weights=weights, models=models, tells_doubles=doubles
    )
