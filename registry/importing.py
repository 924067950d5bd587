"""Registers much at once, a unit at a time: folders of tasks, and vectors. A killed import is run again to go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.catalog.incoming.bringing import BringOptions, BroughtReport, bring_in
from registry.data.examples import KINDS
from registry.errors import DataError, InputError
from registry.files.lines import read_json
from registry.formats.tasks import read_task
from registry.formats.vector_sources import vector_source
from registry.kinds import EntryKind
from registry.names import several
from registry.registry import Registry
from registry.spaces.spec import IMPORTED


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
        mend = f" It is one itself: 'fute task add {folder.resolve().name} --data {folder}'."
        is_one = (folder / "task.json").is_file()
        raise DataError(str(folder), f"holds no task folders (folders with a task.json).{mend if is_one else ''}")
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


def import_vectors(
    registry: Registry,
    path: Path,
    *,
    names: Path | None = None,
    space: str | None = None,
    kind: str = EntryKind.TASK,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> BroughtReport:
    """Bring the vectors of a file into a space, a thousand at a time; see `registry.catalog.incoming.matrices`.

    Args:
        path: .npz or .parquet as `fute vectors export` writes them, or .npy.
        names: a text file with a name on each line, where the file of vectors has none.
        kind: of the entries, where the file does not say it.

    Raises:
        DataError: the file cannot be read, or a name or a vector in it cannot be taken: nothing is kept.
        SpaceMismatchError: the vectors are of another space.
    """
    record = registry.catalog.spaces.get(space)
    source = vector_source(path, names=names, kind=kind)
    if source.fingerprint is None and record.spec["method"] != IMPORTED:
        raise InputError(
            f"{path} does not say of which space its vectors are, and those of {record.name!r} were made by "
            f"{record.spec['method']}: make a space for them with 'fute space create NAME --method imported'."
        )
    options = BringOptions(several(tags, "tags"), replace, source=path.name)
    report = bring_in(registry.catalog, record, lambda: source.batches(record.fingerprint), options)
    registry.refresh_index(record.name)
    return report
