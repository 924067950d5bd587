"""Makes a pack of what a registry holds: the vectors of its tasks, and the transfers measured among them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from registry.catalog import Catalog, SpaceRecord
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.names import folded, several
from registry.packs.pack import MOST_TASKS, Pack, PackTask, checked_line, checked_pack_name
from registry.spaces.spec import SpaceSpec


def pack_of(
    catalog: Catalog,
    space: SpaceRecord,
    name: str,
    *,
    title: str,
    source: str,
    tasks: Sequence[str] = (),
    homes: Mapping[str, str] | None = None,
) -> Pack:
    """Return the tasks of a space as a pack; no text of theirs goes into it.

    Args:
        title, source: a line each: what was measured, by whom.
        tasks: which; none for all that take part in a measured transfer.
        homes: where a task's data can be had; else what the task says of its source.

    Raises:
        InputError: a task has no vector in the space, or nothing was measured among the tasks.
    """
    measured = catalog.transfers.all()
    held = catalog.embeddings.all(space.id)
    rows = {n: i for i, (n, kind) in enumerate(zip(held.names, held.kinds, strict=True)) if kind is EntryKind.TASK}
    spelt = {folded(name): name for name in rows}
    wanted = {spelt.get(folded(name), name) for name in several(tasks, "tasks")} or {
        name for record in measured for name in (record.target, record.source)
    }
    for missing in sorted(wanted - set(rows)) if tasks else ():
        raise InputError(f"{missing!r} is no task with a vector in space {space.name!r}.")
    names = sorted(wanted & set(rows))
    kept = tuple(record for record in measured if {record.target, record.source} <= set(names))
    if not kept:
        raise InputError(
            "No transfers among these tasks are recorded: a pack is made of those ('fute transfer import')."
        )
    if len(names) > MOST_TASKS:
        raise InputError(f"A pack has at most {MOST_TASKS:,} tasks, and these are {len(names):,}: name some of them.")
    spec = SpaceSpec.from_document(space.spec).without_corpus()
    return Pack(
        name=checked_pack_name(name),
        title=checked_line(title, "title"),
        source=checked_line(source, "source"),
        spec=replace(spec, surrogate_source=Path(spec.surrogate_source).name),  # a place on this machine is nobody's
        tasks=_tasks(catalog, names, homes or {}),
        matrix=held.matrix[[rows[task] for task in names]],
        transfers=tuple(replace(record, recorded_at=None) for record in kept),
    )


def _tasks(catalog: Catalog, names: Sequence[str], homes: Mapping[str, str]) -> tuple[PackTask, ...]:
    """Return tasks with what is told of them; raise `InputError` where a home is no line."""
    at = {folded(task): checked_line(home, "home of a task") for task, home in homes.items()}
    told = {task: catalog.entries.get(task, EntryKind.TASK) for task in names}
    return tuple(
        PackTask(task, own.task_kind, at.get(folded(task)) or _line(own.spec.get("source")))
        for task, own in told.items()
    )


def _line(text: object) -> str | None:
    """Return what a task says of its source, if it is a line and no path."""
    said = str(text or "")
    return said if 0 < len(said) <= 200 and said.isprintable() and not Path(said).is_absolute() else None
