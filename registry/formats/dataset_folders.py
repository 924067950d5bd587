"""Folders of datasets as others lay them out: what `save_to_disk` writes, and one file for each split."""

import re
from itertools import islice
from pathlib import Path

from registry.data.tasks import SplitRows
from registry.errors import DataError
from registry.files.lines import read_json
from registry.formats.arrow_tables import stream_rows
from registry.formats.table_files import FileForm, FoundTable, read_table
from registry.reading.classes import Tell

_SPLIT = re.compile(r"(train|training|test)(?:[-_.].*)?", re.IGNORECASE)
_PART = re.compile(r"(.+)-([0-9]+)-of-([0-9]+)(?:-[0-9a-f]+)?", re.IGNORECASE)  # with a hash behind, as the hub has it
_TABLE = re.compile(r".*\.(jsonl|ndjson|json|csv|tsv|parquet)(\.gz)?", re.IGNORECASE)
_ABOUT = {"dataset_info.json", "dataset_dict.json", "dataset_infos.json", "state.json"}


def read_dataset_folder(folder: Path, form: FileForm, tell: Tell) -> dict[str, FoundTable]:
    """Return the splits `train` and `test` of a folder; other splits are left out and told.

    Raises:
        DataError: the folder holds no training examples.
    """
    if (folder / "dataset_dict.json").exists():
        names = read_json(folder / "dataset_dict.json").get("splits")
        known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        found = {name: [_saved(folder / Path(name).name)] for name in known if name in ("train", "test")}
        tell_others(tell, [name for name in known if name not in found])
    elif (folder / "state.json").exists():
        found = {"train": [_saved(folder)]}
    else:
        found = _split_files(folder, form, tell)
    if "train" not in found:
        raise DataError(
            str(folder), "holds neither task.json nor a file of training examples (train.csv, train-*.parquet)."
        )
    return {name: _joined(tables) for name, tables in found.items()}


def _split_files(folder: Path, form: FileForm, tell: Tell) -> dict[str, list[FoundTable]]:
    """Return the tables of each split of files like `train.csv`, `data/test-00000-of-00001.parquet`."""
    files = [path for path in sorted([*folder.glob("*"), *folder.glob("data/*")]) if _TABLE.fullmatch(path.name)]
    found: dict[str, list[Path]] = {}
    others = []
    for path in files:
        split = _SPLIT.fullmatch(path.name.partition(".")[0])
        if split:
            name = "test" if split[1].lower() == "test" else "train"
            found.setdefault(name, []).append(path)
        elif path.name not in _ABOUT:
            others.append(path.name)
    tell_others(tell, others)
    return {name: [read_table(path, form) for path in _parts(folder, paths)] for name, paths in found.items()}


def _parts(folder: Path, paths: list[Path]) -> list[Path]:
    """Return the files of one split in order: one alone, or all parts of one whole.

    Raises:
        DataError: a part is missing, or the files are no parts of one whole.
    """
    names = ", ".join(str(path.relative_to(folder)) for path in paths)[:200]
    if len({path.name.partition(".")[2].lower() for path in paths}) > 1:
        raise DataError(str(folder), f"has a split in several forms, {names}: leave one.")
    found = [_PART.fullmatch(path.name.partition(".")[0]) for path in paths]
    parts = {path: part for path, part in zip(paths, found, strict=True) if part}
    if len(paths) == 1 and not parts:
        return paths
    wholes = {(path.parent, part[1], int(part[3])) for path, part in parts.items()}
    numbers = {path: int(part[2]) for path, part in parts.items()}
    total = next(iter(wholes))[2] if wholes else 0
    if len(parts) < len(paths) or len(wholes) > 1 or len(set(numbers.values())) < len(paths):
        told = "leave one, or name them as parts of one, train-00000-of-00002.csv, train-00001-of-00002.csv"
        raise DataError(str(folder), f"has several files of one split, {names}: {told}.")
    first = 1 if total in numbers.values() else 0  # of the parts' numbers
    missing = (str(number) for number in range(first, first + total) if number not in numbers.values())
    if lacks := ", ".join(islice(missing, 5)):
        told = f"holds {len(paths)} of {total} parts of a split, {names}: number {lacks} is missing"
        raise DataError(str(folder), f"{told}; fetch the dataset again.")
    return sorted(paths, key=numbers.__getitem__)


def tell_others(tell: Tell, names: list[str]) -> None:
    """Tell which splits are left out."""
    if names:
        tell(f"left out, neither training nor test examples: {', '.join(names)[:200]}.")


def _saved(folder: Path) -> FoundTable:
    """Return what `datasets.Dataset.save_to_disk` has written: Arrow streams, named in `state.json`."""
    state = read_json(folder / "state.json")
    files = state.get("_data_files")
    if state.get("_indices_files") or not isinstance(files, list) or not files:
        raise DataError(str(folder), "names no data files in state.json: save the dataset again with save_to_disk.")
    names = [Path(str(file.get("filename") if isinstance(file, dict) else file)).name for file in files]
    return FoundTable(stream_rows([folder / name for name in names], str(folder)))


def _joined(tables: list[FoundTable]) -> FoundTable:
    """Return the rows of several files of one split as those of one, each with its own place."""
    if len(tables) == 1:
        return tables[0]
    places = [table.rows.where(i) for table in tables for i in range(len(table.rows.rows))]
    rows = SplitRows(
        "",
        [row for table in tables for row in table.rows.rows],
        places,
        "",
        tuple(fault for table in tables for fault in table.rows.faults),
    )
    return FoundTable(rows, tuple(dict.fromkeys(found for table in tables for found in table.found)))
