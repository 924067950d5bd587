"""A pack: vectors of tasks, without their texts, and measured transfers among them. A folder of three files."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.data.transfers import TransferRecord
from registry.data.vectors import VectorFile
from registry.errors import DataError, InputError
from registry.files.lines import read_json
from registry.files.whole import read_file
from registry.files.writing import written
from registry.formats.transfers import read_transfers, write_transfers
from registry.formats.vectors import read_vectors, write_vectors
from registry.kinds import EntryKind
from registry.names import checked_name
from registry.results import Cell
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import checked_vector

FORMAT = 1
DESCRIPTION, VECTORS, TRANSFERS = "pack.json", "vectors.npz", "transfers.csv"
LONGEST = 500  # characters of a text in the description
MOST_DIMENSIONS = 65_536  # of a space
MOST_BESIDE = 1_000_000  # bytes of a file of vectors, beside these
MOST_TASKS = 1000  # as many as a question compares


@dataclass(frozen=True)
class PackTask:
    """A task that somebody else measured, and where its data can be had."""

    name: str
    kind: str | None = None
    home: str | None = None

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        return {"name": self.name, "kind": self.kind, "where to get it": self.home}


@dataclass(frozen=True, eq=False)
class Pack:
    """Reference tasks and measured transfers among them."""

    name: str
    title: str
    source: str  # who measured it, and where that is written
    spec: SpaceSpec  # without a corpus: of a task's vector it is no part
    tasks: tuple[PackTask, ...]
    matrix: NDArray[np.float32]  # (tasks, dimension), as embedded, not centred
    transfers: tuple[TransferRecord, ...]

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        counts: dict[str, Cell] = {"tasks": len(self.tasks), "transfers": len(self.transfers)}
        return {"name": self.name, **counts, "title": self.title, "source": self.source}

    def as_json(self) -> dict[str, Any]:
        """Return what the pack says of itself, as JSON values."""
        tasks = [asdict(task) for task in self.tasks]
        return {**self.cells(), "fingerprint": self.spec.fingerprint(), "tasks": tasks}


def read_pack(folder: Path) -> Pack:
    """Read a pack; raise `DataError` where a file of it is missing, faulty, or not the one that was packed."""
    said = read_json(folder / DESCRIPTION)
    place = str(folder / DESCRIPTION)
    if said.get("format") != FORMAT:
        raise DataError(place, f"format {str(said.get('format'))[:20]} of packs is not known.")
    name, title, source = (_text(said, key, place) for key in ("name", "title", "source"))
    tasks = tuple(_tasks(said, place))
    for file in (VECTORS, TRANSFERS):
        sums = said.get("sha256")
        if not isinstance(sums, dict) or hashlib.sha256(read_file(folder / file)).hexdigest() != sums.get(file):
            raise DataError(str(folder / file), "is not the file that was packed: get the pack anew.")
    spec = _spec(said, place)
    most = MOST_BESIDE + 8 * len(tasks) * min(spec.dimension, MOST_DIMENSIONS)  # it comes from strangers
    vectors = read_vectors(folder / VECTORS, most=most)
    if vectors.fingerprint != spec.fingerprint() or vectors.matrix.shape[1] != spec.dimension:
        raise DataError(str(folder / VECTORS), "holds vectors of another space than the pack says.")
    if vectors.names != tuple(task.name for task in tasks):
        raise DataError(str(folder / VECTORS), "does not hold one vector for each task.")
    transfers = tuple(read_transfers(folder / TRANSFERS))
    try:
        for vector in vectors.matrix:
            checked_vector(vector, spec.dimension)
        return Pack(checked_pack_name(name), title, source, spec, tasks, vectors.matrix, checked_pack(transfers, tasks))
    except InputError as error:
        raise DataError(place, str(error)) from error


def write_pack(folder: Path, pack: Pack) -> None:
    """Write a pack as a new folder, whole or not at all."""
    if os.path.lexists(folder):  # false where it is no path at all, which is then said
        raise InputError(f"{folder} is there already: name a new folder.")
    names, kinds = tuple(task.name for task in pack.tasks), (EntryKind.TASK.value,) * len(pack.tasks)
    with written(folder) as draft:
        draft.mkdir(parents=True)
        write_vectors(VectorFile(pack.spec.fingerprint(), names, kinds, pack.matrix), draft / VECTORS)
        write_transfers(draft / TRANSFERS, pack.transfers)
        said = {
            "format": FORMAT,
            "name": pack.name,
            "title": pack.title,
            "source": pack.source,
            "tasks": [{key: value for key, value in asdict(task).items() if value} for task in pack.tasks],
            "space": pack.spec.as_document(),
            "sha256": {file: hashlib.sha256((draft / file).read_bytes()).hexdigest() for file in (VECTORS, TRANSFERS)},
        }
        (draft / DESCRIPTION).write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def checked_pack_name(name: str) -> str:
    """Return the name of a pack, which is a folder's too; raise `InputError`."""
    if "/" in checked_name(name):
        raise InputError(f"{name!r} is not the name of a pack: leave the '/' out.")
    return checked_name(name)


def checked_line(text: str, what: str) -> str:
    """Return a text that is one line; raise `InputError`."""
    if not text.strip() or len(text) > LONGEST or not text.isprintable():
        raise InputError(f"The {what} of a pack is a line of 1 to {LONGEST} signs.")
    return text


def checked_pack(transfers: tuple[TransferRecord, ...], tasks: tuple[PackTask, ...]) -> tuple[TransferRecord, ...]:
    """Return the transfers if all are among the tasks; raise `InputError`."""
    known = {task.name for task in tasks}
    for record in transfers:
        for name in (record.target, record.source):
            if name not in known:
                raise InputError(f"A transfer names {name!r}, which is no task of the pack.")
    return transfers


def _text(said: Mapping[str, Any], key: str, place: str) -> str:
    value = said.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST or not value.isprintable():
        raise DataError(place, f"has no {key!r}, a line of text.")
    return value


def _tasks(said: Mapping[str, Any], place: str) -> list[PackTask]:
    rows = said.get("tasks")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not 0 < len(rows) <= MOST_TASKS:
        raise DataError(place, f"has no list of 1 to {MOST_TASKS} 'tasks'.")
    try:
        tasks = [
            PackTask(
                checked_name(_text(row, "name", place)),
                *(_text(row, key, place) if key in row else None for key in ("kind", "home")),
            )
            for row in rows
        ]
    except InputError as error:
        raise DataError(place, str(error)) from error
    if len({task.name for task in tasks}) != len(tasks):
        raise DataError(place, "names a task twice.")
    return tasks


def _spec(said: Mapping[str, Any], place: str) -> SpaceSpec:
    try:
        return SpaceSpec.from_document(said["space"]).without_corpus()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(place, "does not say which space its vectors are of.") from error
