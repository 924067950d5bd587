"""Which packs tell what is recorded here itself, or what another pack tells? It would count twice.

A task is known again by its vector, for it may have another name here. A pack that was made here is known again where
its owner has measured anew, or removed, some of what it tells.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from registry.data.transfers import TransferRecord
from registry.packs.pack import Pack
from registry.spaces.vectors import made_of_one, unit

MOSTLY = 0.5  # of what a pack tells

Key = tuple[str, str, str, str, float]
Vectors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class _Teller:
    """Who tells of transfers, of tasks that are known by their vectors."""

    who: str
    transfers: Sequence[TransferRecord]
    read: Callable[[], Vectors]  # of its tasks, which takes long

    @cached_property
    def vectors(self) -> Vectors:
        """The vectors, by names in small letters."""
        return {name.casefold(): vector for name, vector in self.read().items()}

    @cached_property
    def told(self) -> frozenset[Key]:
        return frozenset(_key(record, {}) for record in self.transfers)

    @cached_property
    def scores(self) -> frozenset[tuple[str, str, float]]:
        return frozenset(map(_score, self.transfers))

    def tells(self, pack: "_Teller") -> bool:
        """Say whether it tells most of what a pack does: the same scores, of the same tasks."""
        most = MOSTLY * len(pack.transfers)
        if not pack.transfers or sum(_score(record) in self.scores for record in pack.transfers) < most:
            return False
        meant = self._meant(pack)
        return sum(_key(record, meant) in self.told for record in pack.transfers if _is_of(record, meant)) >= most

    def _meant(self, pack: "_Teller") -> dict[str, str]:
        """Return what tasks of a pack are called here, where they are here."""
        if not self.vectors:
            return {}
        names, rows = [*self.vectors], unit(np.stack([*self.vectors.values()]))
        meant = {}
        for name, vector in pack.vectors.items():
            here = [names[place] for place in np.flatnonzero(made_of_one(rows, vector)).tolist()]
            if here:
                meant[name] = name if name in here else here[0]
        return meant


def retold(packs: Iterable[Pack], recorded: Sequence[TransferRecord], vectors: Callable[[], Vectors]) -> dict[str, str]:
    """Return the packs that tell nothing new, and who tells it already.

    Args:
        packs: with vectors of one kind of space.
        recorded: what was measured here.
        vectors: reads those of the tasks that were measured, by name, as embedded; only where scores are the same.
    """
    tellers = [_Teller("is recorded here itself", recorded, vectors)]
    found = {}
    for pack in packs:
        own = _Teller(f"pack {pack.name} tells", pack.transfers, partial(_vectors, pack))
        who = next((teller.who for teller in tellers if teller.tells(own)), None)
        if who is None:
            tellers.append(own)
        else:
            found[pack.name] = who
    return found


def _vectors(pack: Pack) -> Vectors:
    return {task.name: vector for task, vector in zip(pack.tasks, pack.matrix, strict=True)}


def _score(record: TransferRecord) -> tuple[str, str, float]:
    return record.model, record.adaptation, record.score_mean


def _is_of(record: TransferRecord, meant: Mapping[str, str]) -> bool:
    return {record.target.casefold(), record.source.casefold()} <= meant.keys()


def _key(record: TransferRecord, meant: Mapping[str, str]) -> Key:
    """Return what is told, with tasks as they are meant."""
    target, source = record.target.casefold(), record.source.casefold()
    names = meant.get(target, target), meant.get(source, source)
    return record.model, record.adaptation, *names, record.score_mean
