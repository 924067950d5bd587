"""Registers a folder of task folders, each a unit of its own: a killed import is resumed by running it again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from registry.data.examples import KINDS
from registry.errors import DataError, InputError
from registry.files.lines import read_json
from registry.formats.tasks import read_task
from registry.kinds import EntryKind
from registry.registry import Registry


@dataclass
class ImportReport:
    """What came of an import."""

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # name -> kind that is not supported
    failed: dict[str, str] = field(default_factory=dict)  # name -> why


def import_tasks(
    registry: Registry,
    folder: Path,
    *,
    prefix: str = "",
    tags: tuple[str, ...] = (),
    on_done: Callable[[str], None] | None = None,
) -> ImportReport:
    """Register every task folder below `folder`, in the order of names; a faulty one does not stop the others.

    Args:
        prefix: put before each name, such as `org/`.
        on_done: called with a task's name after it is committed.
    """
    found = sorted(path.parent for path in folder.glob("*/task.json"))
    if not found:
        raise DataError(str(folder), "holds no task folders (folders with a task.json).")
    known = registry.catalog.entries.hashes(EntryKind.TASK)
    report = ImportReport()
    for path in found:
        name = prefix + path.name
        try:
            kind = read_json(path / "task.json").get("kind")
            if kind not in KINDS:
                report.skipped[name] = str(kind)
                continue
            record = registry.add_task(name, read_task(str(path)), tags=tags)
        except InputError as error:
            report.failed[name] = str(error)
            continue
        (report.known if known.get(record.name) == record.content_hash else report.added).append(name)
        if on_done is not None:
            on_done(name)
    return report
