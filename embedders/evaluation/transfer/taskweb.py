"""Examples and peers' scores as TaskWeb has them: TASK.jsonl with input, output, choices; a CSV of source scores."""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.data.examples import FREE_TEXT, MULTIPLE_CHOICE, Example
from registry.data.tasks import TaskData
from registry.errors import DataError, NameFormError
from registry.files.lines import numbered_lines
from registry.files.separated import separated_rows
from registry.files.whole import read_file
from registry.formats.tasks import read_task
from registry.names import checked_name

EXAMPLES = 32  # in a file of TaskWeb; the rows of one example, under one template each, follow each other

SourceScoreTable = Mapping[str, Mapping[str, float]]  # target -> source -> score, higher is better


@dataclass(frozen=True)
class ExampleSet:
    """A task, and which of its rows show the same example under different templates."""

    task: TaskData
    shown: tuple[int, ...]  # the example that each training row shows
    count: int  # of the examples that there are to learn from, each counted once
    kind: str | None  # of the task itself; None where the file does not tell: a template turns any task into a choice

    def half(self, seed: int) -> TaskData:
        """Return the task with half of its examples, drawn by the seed, each under all of its templates.

        The spread of a mean over such halves is the standard error of the mean over all: half as many examples double
        the variance, and drawing them without replacement from the whole halves it again.
        """
        known = sorted(set(self.shown))
        drawn = set(random.Random(seed).sample(known, (len(known) + 1) // 2))  # noqa: S311
        rows = zip(self.task.train, self.shown, strict=True)
        return replace(self.task, train=tuple(row for row, example in rows if example in drawn))


def read_examples(folder: Path) -> dict[str, ExampleSet]:
    """Read the tasks of a folder by name: every TASK.jsonl in it, and every task folder.

    Raises:
        DataError: a file is faulty, or there is none.
    """
    found: dict[str, ExampleSet] = {}
    places: dict[str, Path] = {}  # of names in small letters, for case tells none apart
    for path in sorted(folder.glob("*.jsonl")):
        _check_once(path, path.stem, places)
        found[_name(path.stem, str(path))] = _read_file(path)
    for path in sorted(folder.glob("*/task.json")):
        _check_once(path.parent, path.parent.name, places)
        task = read_task(str(path.parent), answers_as_they_are=True)
        rows = len(task.train)
        found[_name(path.parent.name, str(path))] = ExampleSet(task, tuple(range(rows)), count=rows, kind=task.kind)
    if not found:
        raise DataError(str(folder), "holds neither TASK.jsonl files nor task folders.")
    return found


def _check_once(place: Path, name: str, places: dict[str, Path]) -> None:
    """Refuse a second place with examples of one task."""
    other = places.setdefault(name.casefold(), place)
    if other != place:
        raise DataError(str(place), f"is there as {other.name} too: remove one.")


def read_scores(path: Path, names: Iterable[str] = ()) -> dict[str, SourceScoreTable]:
    """Read source scores by method: a CSV with target, source, and a column for each method.

    An empty cell is no score; raise `DataError` with the line of the first fault. Case tells no two tasks apart; each
    is spelt as in `names`, else as it comes first.
    """
    known = {name.casefold(): name for name in names}
    columns, rows = separated_rows(read_file(path), path)
    methods = [name for name in columns if name not in ("target", "source")]
    if "target" not in columns or "source" not in columns or not methods:
        raise DataError(str(path), "needs the columns target, source, and one for each method.")
    found: dict[str, dict[str, dict[str, float]]] = {method: {} for method in methods}
    for number, row in rows:
        place = f"{path} line {number}"
        target, source = (_name(row[column], place) for column in ("target", "source"))
        target, source = (known.setdefault(name.casefold(), name) for name in (target, source))
        for method in methods:
            if row[method]:
                found[method].setdefault(target, {})[source] = _number(row[method], place)
    return dict(found)


def _read_file(path: Path) -> ExampleSet:
    rows = numbered_lines(read_file(path), path)
    templates = len(rows) // EXAMPLES if len(rows) % EXAMPLES == 0 else 1
    train, shown = [], []
    for number, (line, row) in enumerate(rows):
        example = _example(row, f"{path} line {line}")
        if example is not None:
            train.append(example)
            shown.append(number // templates)
    if not train:
        raise DataError(str(path), "holds no example with a text and an answer.")
    kind = MULTIPLE_CHOICE if all(example.choices for example in train) else FREE_TEXT
    task = TaskData(kind=kind, labels=None, train=tuple(train))
    return ExampleSet(task, tuple(shown), count=len(rows) // templates, kind=None)


def _example(row: dict[str, Any], place: str) -> Example | None:
    """Return a row as an example; None where its template does not apply and leaves it blank.

    Where the choices lack the answer, they are another template's, and the answer is free.
    """
    text, answer, choices = row.get("input"), row.get("output"), row.get("choices")
    if not isinstance(text, str) or not isinstance(answer, str):
        raise DataError(place, "'input' and 'output' are not both texts.")
    if choices is not None and (not isinstance(choices, list) or not all(isinstance(c, str) for c in choices)):
        raise DataError(place, "'choices' is not a list of texts.")
    if not text.strip() or not answer.strip():
        return None
    offered = tuple(dict.fromkeys(choice for choice in choices or () if choice.strip()))
    return Example(text, answer, choices=offered if answer in offered and len(offered) > 1 else None)


def _name(text: str, place: str) -> str:
    try:
        return checked_name(text)
    except NameFormError as error:
        raise DataError(place, str(error)) from error


def _number(text: str, place: str) -> float:
    try:
        value = float(text or "nan")
    except ValueError as error:
        raise DataError(place, f"{str(text)[:40]!r} is not a score.") from error
    if not math.isfinite(value):
        raise DataError(place, "a score is not a finite number.")
    return value
