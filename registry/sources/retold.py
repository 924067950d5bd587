"""Which packs tell what is recorded here itself, or what another pack tells? It would count twice.

A task is known again by its vector, for it may have another name here. A pack that was made here is known again where
its owner has measured anew, or removed, some of what it tells.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.data.transfers import TransferRecord
from registry.packs.pack import Pack
from registry.spaces.vectors import unit

SAME = 0.9999  # the cosine of two vectors of one task
MOSTLY = 0.5  # of what a pack tells

Key = tuple[str, str, str, str, float]


@dataclass(frozen=True, eq=False)
class _Teller:
    """Who tells of transfers, and the vectors of its tasks."""

    who: str
    names: tuple[str, ...]
    rows: NDArray[np.float32]  # (names, dimension), of unit length
    told: frozenset[Key]

    @classmethod
    def of(
        cls, who: str, names: Iterable[str], matrix: NDArray[np.float32], told: Iterable[TransferRecord]
    ) -> "_Teller":
        folded = tuple(name.casefold() for name in names)
        return cls(who, folded, unit(matrix), frozenset(_key(record, {}) for record in told))

    def tells(self, pack: "_Teller", transfers: Sequence[TransferRecord]) -> bool:
        """Say whether it tells most of what a pack does."""
        if not transfers or not self.names:
            return False
        meant = self._meant(pack)
        known = sum(_key(record, meant) in self.told for record in transfers if _is_of(record, meant))
        return known >= MOSTLY * len(transfers)

    def _meant(self, pack: "_Teller") -> dict[str, str]:
        """Return what tasks of a pack are called here, where they are here."""
        is_same = pack.rows @ self.rows.T >= SAME
        meant = {}
        for name, same in zip(pack.names, is_same, strict=True):
            here = [self.names[place] for place in np.flatnonzero(same).tolist()]
            if here:
                meant[name] = name if name in here else here[0]
        return meant


def retold(
    packs: Iterable[Pack], recorded: Iterable[TransferRecord], vectors: Mapping[str, NDArray[np.float32]]
) -> dict[str, str]:
    """Return the packs that tell nothing new, and who tells it already.

    Args:
        packs: with vectors of one kind of space.
        recorded: what was measured here.
        vectors: of the tasks that were measured, by name, as embedded.
    """
    rows = np.stack([*vectors.values()]) if vectors else np.zeros((0, 1), np.float32)
    tellers = [_Teller.of("is recorded here itself", vectors, rows, recorded)]
    found = {}
    for pack in packs:
        own = _Teller.of(f"pack {pack.name} tells", [task.name for task in pack.tasks], pack.matrix, pack.transfers)
        who = next((teller.who for teller in tellers if teller.tells(own, pack.transfers)), None)
        if who is None:
            tellers.append(own)
        else:
            found[pack.name] = who
    return found


def _is_of(record: TransferRecord, meant: Mapping[str, str]) -> bool:
    return {record.target.casefold(), record.source.casefold()} <= meant.keys()


def _key(record: TransferRecord, meant: Mapping[str, str]) -> Key:
    """Return what is told, with tasks as they are meant."""
    target, source = record.target.casefold(), record.source.casefold()
    names = meant.get(target, target), meant.get(source, source)
    return record.model, record.adaptation, *names, record.score_mean
