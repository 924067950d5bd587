"""Tasks in and out: a folder, a file, a dataset of the Hugging Face hub, or a table that a notebook holds."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from numbers import Real
from pathlib import Path
from typing import Any, TypedDict

from registry.data.examples import (
    CLASSIFICATION,
    KINDS,
    MULTIPLE_CHOICE,
    QUESTION_ANSWERING,
    REGRESSION,
    Columns,
    Names,
    kind_of,
)
from registry.data.tasks import ENDS, SplitRows, TaskData, built_task, kept_task
from registry.errors import DataError, InputError
from registry.files.lines import read_json
from registry.files.writing import written
from registry.formats.dataset_folders import read_dataset_folder, tell_others
from registry.formats.table_files import UNKNOWN, FileForm, hub_rows, read_table
from registry.names import truth
from registry.reading.choices import read_choices, without_unanswered
from registry.reading.classes import Tell, read_classes, read_numbers, spelled_answers, with_spellings
from registry.reading.frames import rows_of_splits
from registry.reading.meanings import check_meaning, has_meaning, with_answers
from registry.reading.texts import odd_texts

log = logging.getLogger("registry")

HUB = "hf:"
DESCRIPTION = "task.json"
AS_THEY_ARE = "answers_as_they_are"  # in it, of labels that say nothing and were taken all the same


class TaskOptions(TypedDict, total=False):
    """What `as_task` may be told: the options of `read_task`, and the names of columns."""

    kind: str | None
    answers: Mapping[str, str] | Mapping[int, str] | Mapping[bool, str] | None
    answers_as_they_are: bool
    range: tuple[float, float] | None
    split: str
    form: FileForm
    skip_bad: bool
    text: str | None
    text_pair: str | None
    label: str | None
    choices: str | None
    answer_start: str | None


def as_task(data: object, **options: Any) -> TaskData:  # noqa: ANN401 - those of `TaskOptions`
    """Return a task of whatever holds one: a task that a program made, or what `read_task` takes, with its options.

    The names of columns are options too: `text`, `text_pair`, `label`, `choices`, `answer_start`.
    """
    if isinstance(data, TaskData):
        if options:
            raise InputError(f"A TaskData says all of a task itself: leave {', '.join(options)} out.")
        return kept_task(data, lambda note: log.warning("task: %s", note))
    given = {field.name: options.pop(field.name, None) for field in fields(Columns)}
    columns = {name: None if column is None else str(column) for name, column in given.items()}
    return read_task(data, columns=Columns(**columns), **options)


def read_task(  # noqa: PLR0913 - all that a table may leave open
    source: object,
    *,
    kind: str | None = None,
    columns: Columns | None = None,
    answers: Mapping[str, str] | None = None,
    answers_as_they_are: bool = False,
    range: tuple[float, float] | None = None,
    split: str = "train",
    form: FileForm = UNKNOWN,
    skip_bad: bool = False,
) -> TaskData:
    """Read a task; say in the log which rows were left out and what was found out.

    Args:
        source: a task folder, a folder of a dataset, a .jsonl, .json, .csv, .tsv or .parquet file (`-`: what is piped
            in), `hf:DATASET[/CONFIG]`; or a data frame, a list of dicts, a dict of splits, scikit-learn's Bunch.
        kind: one of `KINDS`; None to go by its columns and labels. A task folder says it itself.
        columns: the names of its columns.
        answers: the text of each label's answer (`{"0": "negative"}`); of a regression, what `low` and `high` mean.
        answers_as_they_are: whether labels that say nothing, such as digits, are taken as answers all the same.
        range: of a regression, the ends of the scale; None for the smallest and the largest label of all splits.
        split: of a hub dataset, which split to learn from.
        form: what separates cells, and the encoding.
        skip_bad: whether rows with faults are left out, and counted.

    Raises:
        DataError: with the places of the first faults; or its labels say nothing.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"Kind {kind!r} is not one of {', '.join(KINDS)}.")
    place = os.fspath(source) if isinstance(source, str | os.PathLike) else "data"
    named, ends = _named({} if answers is None else answers), None if range is None else _ends(range)
    taken, skips = truth(answers_as_they_are, "answers_as_they_are"), truth(skip_bad, "skip_bad")
    notes: list[str] = []
    asked = _Asked(place, kind, columns or Columns(), named, ends, taken=taken, tell=notes.append)
    try:
        task = asked.task(source, split, form, skip_bad=notes.append if skips else None)
    except InputError as error:
        if notes:
            error.args = (f"{error} Noted before: {' '.join(notes)}",)
        raise
    for note in (*notes, *odd_texts(task)):
        log.warning("%s: %s", place, note)
    return task


def _ends(given: object) -> tuple[float, float]:
    """Return the ends of a scale as they are given; raise `InputError` where they are no two numbers."""
    listed = given.tolist() if hasattr(given, "tolist") else given  # numpy's
    if not isinstance(listed, list | tuple) or len(listed) != 2 or not all(isinstance(end, Real) for end in listed):
        raise InputError("range: two numbers are needed, the smaller and the larger, such as (0, 5).")
    return float(listed[0]), float(listed[1])


def _named(answers: object) -> dict[str, str]:
    """Return answers by the texts of their labels, which programs may give as numbers or truths."""
    if not isinstance(answers, Mapping) or not all(isinstance(text, str) for text in answers.values()):
        raise InputError("Answers are a dict of a text for each label, such as {0: 'negative', 1: 'positive'}.")
    plain = {(label.item() if hasattr(label, "item") else label): text for label, text in answers.items()}  # numpy's
    return {str(label).lower() if isinstance(label, bool) else str(label): text for label, text in plain.items()}


def write_task(task: TaskData, name: str, folder: Path) -> None:
    """Write a task as a folder that `read_task` reads back."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: name a new folder.")
    with written(folder) as draft:
        draft.mkdir(parents=True)
        for split, body in task.contents().items():
            (draft / f"{split}.jsonl").write_bytes(body)
        taken = {} if has_meaning(task) else {AS_THEY_ARE: True}
        text = json.dumps({"name": name, **task.spec(), **taken}, ensure_ascii=False, indent=1)
        (draft / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


class _Asked:
    """What is known of a task beforehand, by which it is read."""

    def __init__(
        self,
        place: str,
        kind: str | None,
        columns: Columns,
        answers: Mapping[str, str],
        ends: tuple[float, float] | None,
        *,
        taken: bool,
        tell: Tell,
    ) -> None:
        self._place = place
        self._kind = kind or (REGRESSION if ends else None)  # a scale is a regression's alone
        self._columns = columns
        self._answers = answers
        self._ends = ends
        self._taken = taken
        self._tell = tell

    def task(self, source: object, split: str, form: FileForm, *, skip_bad: Tell | None) -> TaskData:
        """Return the task that a source holds, its labels with a meaning."""
        found: tuple[str, ...] = ()
        taken, is_path = self._taken, isinstance(source, str | os.PathLike)
        in_folder = is_path and os.path.exists(os.path.join(self._place, DESCRIPTION))
        if in_folder:
            if self._kind or self._ends:
                raise InputError(f"{self._place} says its kind and range in task.json: leave them out.")
            task, was_taken = _read_folder(Path(self._place), tell=self._tell, skip_bad=skip_bad)
            taken = taken or was_taken
        elif self._ends and self._kind != REGRESSION:
            raise InputError(f"A range is for a task of the kind regression, and not for {self._kind}: leave one out.")
        else:
            splits, found = self._splits(source, split, form)
            task = self._of_rows(splits, skip_bad)
        if self._answers:
            answers = spelled_answers(self._answers, task.labels or ENDS)
            task = with_answers(task, answers, self._place)
        if not taken:
            check_meaning(task, self._place, self._tell, found, in_folder=in_folder)
        return task

    def _splits(self, source: object, split: str, form: FileForm) -> tuple[dict[str, SplitRows], tuple[str, ...]]:
        """Return the rows of each split of a source, and what was found out about its form."""
        place = self._place
        if not isinstance(source, str | os.PathLike):
            splits = rows_of_splits(source)
            if isinstance(source, Mapping) and set(splits) <= set(source):
                tell_others(self._tell, [str(name) for name in source if name not in splits])
            return splits, ()
        if place.startswith(HUB):
            return {"train": hub_rows(place.removeprefix(HUB), split)}, ()
        is_folder = os.path.isdir(place)  # also of what is no path at all
        path = Path(place)
        tables = read_dataset_folder(path, form, self._tell) if is_folder else {"train": read_table(path, form)}
        found = tuple(dict.fromkeys(what for table in tables.values() for what in table.found))
        if found:
            self._tell(f"read {', '.join(found)}.")
        return {name: table.rows for name, table in tables.items()}, found

    def _of_rows(self, splits: dict[str, SplitRows], skip_bad: Tell | None) -> TaskData:
        """Return the task that the rows of its splits make."""
        splits = {name: self._with_known_names(rows) for name, rows in splits.items()}
        present = dict.fromkeys(splits["train"].names)
        kind = self._kind or kind_of(present, self._columns)
        names = self._columns.named(kind)
        if names.text not in present:
            held = ", ".join(present)[:200] or "nothing"
            words = " A label for each word (token classification) is not supported." if "tokens" in present else ""
            told = f"has no text in {names.text!r}; it has {held}. Name the column with --text.{words}"
            raise DataError(self._place, told)
        for column in (self._columns.text_pair, self._columns.choices, self._columns.answer_start):
            if column is not None and column not in present:
                held = ", ".join(present)[:200]
                raise DataError(self._place, f"has no column {column!r}; it has {held}.")
        splits, kind = self._with_labels(splits, kind, names)
        spec = {"kind": kind, "range": list(self._ends) if self._ends else None}
        return built_task(spec, splits, self._place, self._columns, skip_bad=skip_bad, tell=self._tell)

    def _with_labels(self, splits: dict[str, SplitRows], kind: str, names: Names) -> tuple[dict[str, SplitRows], str]:
        """Return the rows with labels that can be taken, and the kind of task, which labels may tell."""
        if kind == CLASSIFICATION:
            certain = self._kind is not None or not set(self._answers) <= set(ENDS)
            found = read_classes(splits, names, self._place, named=self._answers, certain=certain, tell=self._tell)
            return found.splits, found.kind
        if kind == MULTIPLE_CHOICE:
            return read_choices(splits, names, self._place, self._tell), kind
        if kind == QUESTION_ANSWERING:
            return without_unanswered(splits, names, self._place, self._tell), kind
        if kind == REGRESSION:
            return read_numbers(splits, names, self._place, ends=self._ends, tell=self._tell), kind
        return splits, kind

    def _with_known_names(self, rows: SplitRows) -> SplitRows:
        """Return rows whose columns have the names that are asked for, where case and blanks alone differ."""
        wanted = {name for kind in KINDS for name in self._columns.named(kind)}
        present = rows.names
        alike: dict[str, list[str]] = {}
        for name in present:
            alike.setdefault(name.strip().lower(), []).append(name)
        new = {
            alike[name.lower()][0]: name
            for name in wanted.difference(present)
            if len(alike.get(name.lower(), ())) == 1 and alike[name.lower()][0] not in wanted
        }
        if not new:
            return rows
        renamed: list[dict[str, Any] | None] = [{new.get(k, k): v for k, v in row.items()} for row in rows.rows]
        return replace(rows.kept(renamed), columns=tuple(new.get(name, name) for name in rows.columns))


def _read_folder(folder: Path, *, tell: Tell, skip_bad: Tell | None) -> tuple[TaskData, bool]:
    """Return the task of a folder, and whether its labels are to be taken whatever they say."""
    place = str(folder / DESCRIPTION)
    spec = read_json(folder / DESCRIPTION)
    kind = spec.get("kind")
    if kind not in KINDS:
        raise DataError(place, f"kind {kind!r} is not one of {', '.join(KINDS)}.")
    paths = {name: folder / f"{name}.jsonl" for name in ("train", "test")}
    tables = {name: read_table(path) for name, path in paths.items() if name == "train" or path.exists()}
    splits = {name: table.rows for name, table in tables.items()}
    if kind == CLASSIFICATION:
        splits = _with_classes(splits, spec, str(folder), tell)
    task = built_task(spec, splits, str(folder), Columns(), skip_bad=skip_bad, tell=tell)
    return task, spec.get(AS_THEY_ARE) is True


def _with_classes(splits: dict[str, SplitRows], spec: dict[str, Any], place: str, tell: Tell) -> dict[str, SplitRows]:
    """Return the rows of a classification with labels as `task.json` spells them, if it does."""
    labels, names = spec.get("labels"), Columns().named(CLASSIFICATION)
    if isinstance(labels, list) and all(isinstance(label, str | int) for label in labels):
        return {name: with_spellings(rows, names.label, [*map(str, labels)]) for name, rows in splits.items()}
    answers = spec.get("answers")
    named = answers if isinstance(answers, dict) else {}
    if labels is not None:
        return splits
    return read_classes(splits, names, place, named=named, certain=True, tell=tell).splits
