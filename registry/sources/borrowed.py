"""What packs bring to a question: tasks that others measured, under names of their own, and what came of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from registry.catalog.records import Filter
from registry.packs.pack import Pack, PackTask
from registry.sources.history import Measurement, standardised
from registry.spaces.spec import SpaceSpec

MARK = ":"  # between the names of a pack and of its task, which no entry's name holds


@dataclass(frozen=True)
class Borrowed:
    """Tasks of packs with their vectors, and the transfers among them. Nothing of it is in the catalog."""

    tasks: dict[str, tuple[str, PackTask]]  # PACK:TASK -> the pack's name, and the task
    matrix: NDArray[np.float32]  # (tasks, dimension), as embedded, not centred
    history: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the tasks, each marked with its pack."""
        return list(self.tasks)

    def home(self, name: str) -> tuple[str, str | None] | None:
        """Return the pack that a task is of, and where its data can be had; None for one's own."""
        if name not in self.tasks:
            return None
        pack, task = self.tasks[name]
        return pack, task.home

    def without_targets(self, names: Collection[str]) -> "Borrowed":
        """Leave out what was measured on some targets."""
        return replace(self, history=tuple(m for m in self.history if m.target not in names)) if names else self

    def passing(self, where: Filter) -> list[str]:
        """Return the tasks that a filter lets through; a pack's have no tags and no language."""
        if where.tags or where.language is not None:
            return []
        return [name for name, (_, task) in self.tasks.items() if where.task_kind in (None, task.kind)]


def borrowed(packs: Iterable[Pack], spec: SpaceSpec) -> Borrowed:
    """Return what packs bring to a space; a pack whose vectors are of another kind brings nothing, and a note."""
    tasks: dict[str, tuple[str, PackTask]] = {}
    rows: list[NDArray[np.float32]] = []
    history: list[Measurement] = []
    used, notes = [], []
    for pack in packs:
        if not pack.spec.is_same_for_tasks(spec):
            notes.append(f"Pack {pack.name} has vectors of another kind of space: not used here.")
            continue
        tasks |= {_marked(pack, task.name): (pack.name, task) for task in pack.tasks}
        rows.append(pack.matrix)
        history += _outcomes(pack)
        used.append(pack)
    if used:
        notes.append(_said(used))
    matrix = np.concatenate(rows) if rows else np.zeros((0, spec.dimension), np.float32)
    return Borrowed(tasks, matrix, tuple(history), tuple(notes))


@lru_cache(maxsize=8)
def _outcomes(pack: Pack) -> tuple[Measurement, ...]:
    """Return what was measured among a pack's tasks, worked out once."""
    return tuple(
        replace(m, target=_marked(pack, m.target), source=_marked(pack, m.source)) for m in standardised(pack.transfers)
    )


def _marked(pack: Pack, name: str) -> str:
    return f"{pack.name}{MARK}{name}"


def _said(packs: Sequence[Pack]) -> str:
    counts = f"{sum(len(pack.transfers) for pack in packs):,} transfers that others measured"
    names = ", ".join(pack.name for pack in packs)
    return (
        f"With {counts} (pack {names}: 'fute pack show {packs[0].name}' says who, and where its tasks are); "
        "--no-pack leaves them out."
    )
