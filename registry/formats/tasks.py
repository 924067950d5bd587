"""Tasks in and out: a folder, one .jsonl, .csv or .parquet file, or a dataset of the Hugging Face hub."""

import json
import os
from dataclasses import replace
from pathlib import Path

from registry.data.examples import KINDS, REGRESSION, Columns, kind_of
from registry.data.tasks import TaskData, answerable, built_task
from registry.errors import DataError, InputError
from registry.files.lines import parse_lines, read_file, read_json, written
from registry.formats.table_files import file_rows, hub_rows


def read_task(
    source: str,
    *,
    kind: str | None = None,
    columns: Columns | None = None,
    answers: dict[str, str] | None = None,
    range: tuple[float, float] | None = None,
    split: str = "train",
) -> TaskData:
    """Read a task from a path or `hf:DATASET[/CONFIG]`; raise `DataError` with the place of the fault.

    Args:
        source: a folder with `task.json` and `train.jsonl`, a .jsonl, .csv or .parquet file, or `hf:...`.
        kind: for a file or a hub dataset, one of `KINDS`; None to go by its columns, which tell multiple choice and
            question answering from classification.
        columns: for a file or a hub dataset, the names of its columns.
        answers: the text of each label's answer, where the label itself says little (`{"0": "negative"}`); of a
            regression, what `low` and `high` mean.
        range: of a regression, the ends of the scale; None for the smallest and the largest training label.
        split: of a hub dataset, which split to learn from.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"Kind {kind!r} is not one of {', '.join(KINDS)}.")
    if os.path.isdir(source):
        if kind or range:
            raise InputError(f"{source} says its kind and range in task.json: leave them out.")
        task = _read_folder(Path(source))
    elif range and kind != REGRESSION:
        raise InputError("A range is for a task of the kind regression: say so, or leave it out.")
    else:
        rows = hub_rows(source[3:], split) if source.startswith("hf:") else file_rows(Path(source))
        columns = columns or Columns()
        spec = {"kind": kind or kind_of(rows[0], columns), "range": list(range) if range else None}
        task = built_task(spec, rows, [], source, columns)
    if answers:
        names = answerable(task.kind, task.labels)
        if set(answers) - set(names):
            what = "ends" if task.kind == REGRESSION else "labels"
            raise InputError(f"Answers are for the {what} {', '.join(names) or '(none)'}.")
        task = replace(task, answers=answers)
    return task


def write_task(task: TaskData, name: str, folder: Path) -> None:
    """Write a task as a folder that `read_task` reads back."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: name a new folder.")
    with written(folder) as draft:
        draft.mkdir(parents=True)
        for split, body in task.contents().items():
            (draft / f"{split}.jsonl").write_bytes(body)
        text = json.dumps({"name": name, **task.spec()}, ensure_ascii=False, indent=1)
        (draft / "task.json").write_text(text + "\n", encoding="utf-8")


def _read_folder(folder: Path) -> TaskData:
    spec = read_json(folder / "task.json")
    if spec.get("kind") not in KINDS:
        kind = spec.get("kind")
        raise DataError(str(folder / "task.json"), f"kind {kind!r} is not one of {', '.join(KINDS)}.")
    splits = {name: folder / f"{name}.jsonl" for name in ("train", "test")}
    rows = {name: parse_lines(read_file(p), p) for name, p in splits.items() if name == "train" or p.exists()}
    return built_task(spec, rows["train"], rows.get("test", []), str(folder), Columns())
