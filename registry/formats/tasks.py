"""Tasks in and out: a folder, one .jsonl, .csv or .parquet file, or a dataset of the Hugging Face hub."""

import csv
import hashlib
import io
import json
import os
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from registry.errors import DataError, InputError, MissingExtraError
from registry.formats.lines import LINE_LIMIT, dump_lines, parse_lines, read_file, read_json, written

CLASSIFICATION, MULTIPLE_CHOICE = "classification", "multiple-choice"
KINDS = (CLASSIFICATION, MULTIPLE_CHOICE)
MOST_EXAMPLES = 20_000  # kept per split; of a larger one a seeded sample


@dataclass(frozen=True)
class Example:
    """One labelled input. `label` is the right answer: a label's name, or the right choice's text."""

    text: str
    label: str
    text_pair: str | None = None
    choices: tuple[str, ...] | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the fields that are set, as they stand in a file."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class TaskData:
    """A labelled dataset: what it asks, which answers there are, and its examples."""

    kind: str
    labels: tuple[str, ...] | None  # None for multiple choice
    train: tuple[Example, ...]
    test: tuple[Example, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)  # label -> its text, where that is not the label
    language: str | None = None
    description: str | None = None
    source: str | None = None
    license: str | None = None

    def spec(self) -> dict[str, Any]:
        """Return what `task.json` says, beside the name."""
        return {
            "kind": self.kind,
            "labels": None if self.labels is None else list(self.labels),
            **({"answers": self.answers} if self.answers else {}),
            **{k: getattr(self, k) for k in ("language", "description", "source", "license") if getattr(self, k)},
            "examples": {"train": len(self.train), "test": len(self.test)},
        }

    def contents(self) -> dict[str, bytes]:
        """Return the examples' bytes by split."""
        splits = {"train": self.train, "test": self.test}
        return {name: dump_lines(e.as_row() for e in rows) for name, rows in splits.items() if rows}

    def content_hash(self) -> str:
        """Return the sha256 of what an embedding depends on: kind, labels, answers and training examples."""
        identity = json.dumps([self.kind, self.labels, self.answers], ensure_ascii=False, sort_keys=True)
        parts = hashlib.sha256(identity.encode())
        for name, body in sorted(self.contents().items()):
            parts.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
        return parts.hexdigest()


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what."""

    text: str = "text"
    text_pair: str = "text_pair"
    label: str = "label"
    choices: str = "choices"


def read_task(
    source: str,
    *,
    columns: Columns | None = None,
    answers: dict[str, str] | None = None,
    split: str = "train",
) -> TaskData:
    """Read a task from a path or `hf:DATASET[/CONFIG]`; raise `DataError` with the place of the fault.

    Args:
        source: a folder with `task.json` and `train.jsonl`, a .jsonl, .csv or .parquet file, or `hf:...`.
        columns: for a file or a hub dataset, the names of its columns.
        answers: the text of each label's answer, where the label itself says little (`{"0": "negative"}`).
        split: of a hub dataset, which split to learn from.
    """
    if source.startswith("hf:"):
        task = _from_rows(_hub_rows(source[3:], split), source, columns or Columns())
    elif os.path.isdir(source):
        task = _read_folder(Path(source))
    else:
        path = Path(source)
        task = _from_rows(_file_rows(path), str(path), columns or Columns())
    if answers:
        if task.labels is None or set(answers) - set(task.labels):
            raise InputError(f"Answers are for the labels {', '.join(task.labels or ()) or '(none)'}.")
        task = replace(task, answers=answers)
    return task


def task_of(spec: dict[str, Any], contents: dict[str, bytes], place: str) -> TaskData:
    """Rebuild a task from what the catalog holds of it."""
    rows = {split: parse_lines(body, place) for split, body in contents.items()}
    return _build(spec, rows["train"], rows.get("test", []), place, Columns())


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
    return _build(spec, rows["train"], rows.get("test", []), str(folder), Columns())


def _from_rows(rows: list[dict[str, Any]], place: str, columns: Columns) -> TaskData:
    """Make a task of a table's rows: of multiple choice where there is a column of choices."""
    kind = MULTIPLE_CHOICE if columns.choices in rows[0] else CLASSIFICATION
    return _build({"kind": kind}, rows, [], place, columns)


def _build(
    spec: dict[str, Any],
    train: list[dict[str, Any]],
    test: list[dict[str, Any]],
    place: str,
    columns: Columns,
) -> TaskData:
    splits = {}
    for name, rows in (("train", train), ("test", test)):
        numbered = list(enumerate(rows, start=1))
        if len(rows) > MOST_EXAMPLES:
            numbered = random.Random(0).sample(numbered, MOST_EXAMPLES)  # noqa: S311
        splits[name] = [(i, _example(row, f"{place} {name} example {i}", columns)) for i, row in numbered]
    train_, test_ = (tuple(example for _, example in splits[name]) for name in ("train", "test"))
    labels = None if spec["kind"] == MULTIPLE_CHOICE else _labels(spec, train_, place)
    task = TaskData(
        kind=spec["kind"],
        labels=labels,
        answers=_answers(spec.get("answers") or {}, labels, place),
        train=train_,
        test=test_,
        language=_text(spec, "language", place),
        description=_text(spec, "description", place),
        source=_text(spec, "source", place),
        license=_text(spec, "license", place),
    )
    for name, rows_ in splits.items():
        for number, example in rows_:
            _check_label(example, labels, f"{place} {name} example {number}")
    return task


def _labels(spec: dict[str, Any], train: Sequence[Example], place: str) -> tuple[str, ...]:
    given = spec.get("labels")
    if given is not None and (not isinstance(given, list) or not all(isinstance(x, str | int) for x in given)):
        raise DataError(place, "labels is not a list of names.")
    labels = [str(x) for x in given] if given else sorted({e.label for e in train})
    if len(set(labels)) != len(labels) or len(labels) < 2 or not all(x.strip() for x in labels):
        raise DataError(place, "a classification task needs at least two different, non-empty labels.")
    return tuple(labels)


def _answers(given: object, labels: tuple[str, ...] | None, place: str) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(v, str) and v.strip() for v in given.values()):
        raise DataError(place, "answers is not an object of label: text.")
    if set(given) - set(labels or ()):
        raise DataError(place, "answers names labels that the task does not have.")
    return dict(given)


def _text(spec: dict[str, Any], key: str, place: str) -> str | None:
    value = spec.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(place, f"{key} is not a text.")
    return value


def _example(row: dict[str, Any], place: str, columns: Columns) -> Example:
    text, label = row.get(columns.text), row.get(columns.label)
    pair, choices = row.get(columns.text_pair), row.get(columns.choices)
    if not isinstance(text, str) or not text.strip():
        raise DataError(
            place, f"has no text in {columns.text!r}; it has {', '.join(map(str, row))[:200] or 'nothing'}."
        )
    if isinstance(label, bool) or not isinstance(label, str | int):
        raise DataError(place, f"has no label (a name or a whole number) in {columns.label!r}.")
    if pair is not None and not isinstance(pair, str):
        raise DataError(place, f"{columns.text_pair!r} is not a text.")
    if choices is not None and (
        not isinstance(choices, list | tuple) or not all(isinstance(c, str) and c.strip() for c in choices)
    ):
        raise DataError(place, f"{columns.choices!r} is not a list of texts.")
    if choices and isinstance(label, int) and 0 <= label < len(choices):
        label = choices[label]  # many datasets give the right choice's position
    return Example(text, str(label), pair or None, tuple(choices) if choices else None)


def _check_label(example: Example, labels: tuple[str, ...] | None, place: str) -> None:
    if labels is None and len(example.choices or ()) < 2:
        raise DataError(place, "has fewer than two choices.")
    allowed = labels if labels is not None else example.choices or ()
    if example.label not in allowed:
        raise DataError(place, f"label {example.label[:60]!r} is not one of {', '.join(allowed)[:200]}.")


def _file_rows(path: Path) -> list[dict[str, Any]]:
    body = read_file(path)
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            return parse_lines(body, path)
        case ".csv" | ".tsv":
            return _csv_rows(body, path)
        case ".parquet":
            return _parquet_rows(body, path)
    raise DataError(str(path), "not a task folder and not a .jsonl, .csv, .tsv or .parquet file.")


def _csv_rows(body: bytes, path: Path) -> list[dict[str, Any]]:
    try:
        text = io.StringIO(body.decode("utf-8-sig"), newline="")
        csv.field_size_limit(LINE_LIMIT)
        reader = csv.DictReader(text, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        names = list(reader.fieldnames or ())
        if len(set(names)) != len(names):
            raise DataError(str(path), f"names a column twice: {', '.join(names)[:200]}.")
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(str(path), f"not a readable table ({error}).") from error
    if not rows:
        raise DataError(str(path), "holds no examples.")
    if b"\0" in body:
        raise DataError(str(path), "holds a NUL character: is it a text file?")
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise DataError(f"{path} example {number}", "has more cells than the first line: quote the commas in it.")
    return [{key: value for key, value in row.items() if value not in (None, "")} for row in rows]


def _parquet_rows(body: bytes, path: Path) -> list[dict[str, Any]]:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("Reading .parquet needs pyarrow", "analysis") from error
    try:
        rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(body)).to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise DataError(str(path), f"not a parquet file ({error}).") from error
    if not rows:
        raise DataError(str(path), "holds no examples.")
    return rows


def _hub_rows(name: str, split: str) -> list[dict[str, Any]]:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("Datasets of the hub need the datasets library", "hf") from error
    parts = name.split("/")
    path, config = ("/".join(parts[:2]), parts[2]) if len(parts) == 3 else (name, None)
    try:
        table = datasets.load_dataset(path, config, split=split)
    except (OSError, ValueError) as error:
        raise DataError(f"hf:{name}", str(error).splitlines()[0]) from error
    names = {key: f.names for key, f in table.features.items() if hasattr(f, "names")}
    return [
        {k: names[k][v] if k in names and isinstance(v, int) and v >= 0 else v for k, v in row.items()} for row in table
    ]
