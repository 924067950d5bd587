"""A labelled task: what it asks, which answers there are, and its examples."""

import hashlib
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from registry.data.examples import (
    CLASSIFICATION,
    KINDS,
    MULTIPLE_CHOICE,
    REGRESSION,
    Columns,
    Example,
    Names,
    example_of,
    number_of,
)
from registry.data.vectors import check_data
from registry.errors import DataError
from registry.files.lines import dump_lines, parse_lines
from registry.names import normal

SPLITS = {"train", "test"}  # of a task's examples
ENDS = ("low", "high")  # of a scale; what their answers are called
MOST_EXAMPLES = 20_000  # kept per split; of a larger one a seeded sample
SHOWN = 3  # faults of a file that are told in full


@dataclass(frozen=True)
class TaskData:
    """A labelled dataset: what it asks, which answers there are, and its examples."""

    kind: str
    labels: tuple[str, ...] | None  # of a classification; None for the other kinds
    train: tuple[Example, ...]
    test: tuple[Example, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)  # label, or end of a scale -> its text
    language: str | None = None
    description: str | None = None
    source: str | None = None
    license: str | None = None
    range: tuple[float, float] | None = None  # of a regression: the ends of the scale

    @property
    def answer_texts(self) -> tuple[str, ...]:
        """The texts of the labels, or of the ends of the scale; () where each input has answers of its own."""
        if self.range is not None:
            low, high = self.range
            return self.answers.get("low", f"{low:g}"), self.answers.get("high", f"{high:g}")
        return tuple(self.answers.get(label, label) for label in self.labels or ())

    def spec(self) -> dict[str, Any]:
        """Return what `task.json` says, beside the name."""
        return {
            "kind": self.kind,
            "labels": None if self.labels is None else list(self.labels),
            **({"answers": self.answers} if self.answers else {}),
            **({"range": list(self.range)} if self.range else {}),
            **{k: getattr(self, k) for k in ("language", "description", "source", "license") if getattr(self, k)},
            "examples": {"train": len(self.train), "test": len(self.test)},
        }

    def contents(self) -> dict[str, bytes]:
        """Return the examples' bytes by split."""
        splits = {"train": self.train, "test": self.test}
        return {name: dump_lines(map(self._row, rows)) for name, rows in splits.items() if rows}

    def content_hash(self) -> str:
        """Return the sha256 of what an embedding depends on; see `content_hash_of`."""
        return content_hash_of(
            self.spec(), {name: hashlib.sha256(body).hexdigest() for name, body in self.contents().items()}
        )

    def _row(self, example: Example) -> dict[str, Any]:
        row = example.as_row()
        return {**row, "label": number_of(example.label)} if self.kind == REGRESSION else row


@dataclass(frozen=True)
class SplitRows:
    """The rows of one split, and where each of them stands: `reviews.csv line 7`."""

    place: str
    rows: list[dict[str, Any]]
    numbers: Sequence[int | str]  # one for each row, from 1
    unit: str = "line"  # what the numbers count
    faults: tuple[DataError, ...] = ()  # of what could not be read as rows
    columns: tuple[str, ...] = ()  # of a table that names them in its first line

    @property
    def names(self) -> list[str]:
        """The names of all columns, in order."""
        return list(dict.fromkeys([*self.columns, *(key for row in self.rows for key in row)]))

    def where(self, position: int) -> str:
        """Return the place of a row by its position from 0."""
        return f"{self.place} {self.unit} {self.numbers[position]}".strip()

    def kept(self, rows: Sequence[dict[str, Any] | None]) -> "SplitRows":
        """Return the rows in other words, without those that are None."""
        held = [(number, row) for number, row in zip(self.numbers, rows, strict=True) if row is not None]
        return replace(self, rows=[row for _, row in held], numbers=[number for number, _ in held])


def content_hash_of(spec: Mapping[str, Any], contents: Mapping[str, str]) -> str:
    """Return the content hash of a task: the sha256 of its kind, labels, answers, range and examples.

    Args:
        spec: as `TaskData.spec` writes it.
        contents: the hashes of what it holds; those of its splits count.
    """
    what = [spec["kind"], spec["labels"], spec.get("answers", {}), *([spec["range"]] if spec.get("range") else [])]
    parts = hashlib.sha256(json.dumps(what, ensure_ascii=False, sort_keys=True).encode())
    for name in sorted(SPLITS & contents.keys()):
        parts.update(name.encode() + b"\0" + bytes.fromhex(contents[name]))
    return parts.hexdigest()


def kept_task(task: TaskData, tell: Callable[[str], None] | None = None) -> TaskData:
    """Return a task that a program made as the catalog gives it back: held to what a file's task is held to.

    Args:
        task: of which nothing is believed.
        tell: is told which splits are too large to be kept whole.

    Raises:
        DataError: with the first faults, or what cannot be written.
    """
    try:
        spec, contents = json.loads(json.dumps(task.spec())), task.contents()
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError("task", f"cannot be kept: {error}.") from error
    return task_of(spec, contents, "task", tell)


def task_of(
    spec: dict[str, Any], contents: dict[str, bytes], place: str, tell: Callable[[str], None] | None = None
) -> TaskData:
    """Rebuild a task from what the catalog holds of it; raise `InputError` where that is a vector alone."""
    check_data(spec, place)
    if spec["kind"] not in KINDS:
        raise DataError(place, f"kind {spec['kind']!r} is not one of {', '.join(KINDS)}.")
    splits = {}
    for name, body in contents.items():
        rows = parse_lines(body, place)
        splits[name] = SplitRows(f"{place} {name}", rows, range(1, len(rows) + 1), "example")
    return built_task(spec, splits, place, Columns(), tell=tell)


def built_task(
    spec: dict[str, Any],
    splits: Mapping[str, SplitRows],
    place: str,
    columns: Columns,
    *,
    skip_bad: Callable[[str], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> TaskData:
    """Build a task from its description and the rows of its splits.

    Args:
        spec: what `task.json` may say.
        splits: `train`, and if there is one `test`.
        place: what the task is called in messages.
        columns: the names of the rows' columns.
        skip_bad: is told how many rows with faults are left out; None to refuse them.
        tell: is told which splits are too large to be kept whole.

    Raises:
        DataError: with the first faults' places, and how many there are.
    """
    kind, names = spec["kind"], columns.named(spec["kind"])
    faults: list[DataError] = [fault for rows in splits.values() for fault in rows.faults]
    read = {name: _examples(rows, kind, names, faults) for name, rows in splits.items()}
    whole = {name: tuple(example for _, example in examples) for name, examples in read.items()}
    if not whole.get("train"):
        raise refusal(faults, place) if faults else DataError(place, "holds no examples.")
    try:
        task = _described(spec, whole, place)  # by all examples, of which a sample may be kept
    except DataError as error:
        raise refusal(faults, place) if faults else error from error
    checked = {
        name: tuple(
            example for where, example in _sample(examples, name, tell) if _is_sound(example, task, where, faults)
        )
        for name, examples in read.items()
    }
    if faults and (skip_bad is None or not checked["train"]):
        raise refusal(faults, place)
    if faults and skip_bad is not None:
        skip_bad(f"{len(faults)} rows with faults are left out: {_first(faults, place)}")
    return replace(task, train=checked["train"], test=checked.get("test", ()))


def _examples(rows: SplitRows, kind: str, names: Names, faults: list[DataError]) -> list[tuple[str, Example]]:
    found = []
    for position, row in enumerate(rows.rows):
        where = rows.where(position)
        try:
            found.append((where, example_of(row, kind, names, where)))
        except DataError as error:
            faults.append(error)
    return found


def _sample(
    examples: list[tuple[str, Example]], split: str, tell: Callable[[str], None] | None
) -> list[tuple[str, Example]]:
    if len(examples) <= MOST_EXAMPLES:
        return examples
    if tell is not None:
        tell(f"kept a sample of {MOST_EXAMPLES:,} of {len(examples):,} {split} examples, the most that a split has.")
    return random.Random(0).sample(examples, MOST_EXAMPLES)  # noqa: S311


def refusal(faults: Sequence[DataError], place: str) -> DataError:
    """Return the error for rows with faults: how many there are, and the first with their places."""
    if len(faults) == 1:
        return faults[0]
    mend = "Mend them, or leave these rows out with --skip-bad."
    return DataError(place, f"{len(faults)} rows have faults: {_first(faults, place)} {mend}")


def _first(faults: Sequence[DataError], place: str) -> str:
    """Return what is wrong in the first rows, each with its line."""
    told = [str(fault).removeprefix(place).strip() for fault in faults[:SHOWN]]
    return " ".join(told) + (" ..." if len(faults) > SHOWN else "")


def _described(spec: dict[str, Any], splits: Mapping[str, tuple[Example, ...]], place: str) -> TaskData:
    """Return a task with all that its description says, and its training examples as they were read."""
    kind, train = spec["kind"], splits["train"]
    labels = _labels(spec, train, place) if kind == CLASSIFICATION else None
    return TaskData(
        kind=kind,
        labels=labels,
        answers=_answers(spec.get("answers") or {}, answerable(kind, labels), place),
        train=train,
        language=_text(spec, "language", place),
        description=_text(spec, "description", place),
        source=_text(spec, "source", place),
        license=_text(spec, "license", place),
        range=_range(spec, [*chain.from_iterable(splits.values())], place) if kind == REGRESSION else None,
    )


def _is_sound(example: Example, task: TaskData, where: str, faults: list[DataError]) -> bool:
    try:
        _check_label(example, task, where)
    except DataError as error:
        faults.append(error)
        return False
    return True


def _labels(spec: dict[str, Any], train: Sequence[Example], place: str) -> tuple[str, ...]:
    given = spec.get("labels")
    if given is not None and (not isinstance(given, list) or not all(isinstance(x, str | int) for x in given)):
        raise DataError(place, "labels is not a list of names.")
    labels = [str(x) for x in given] if given else sorted({e.label for e in train})
    if len(set(map(normal, labels))) != len(labels) or len(labels) < 2 or not all(x.strip() for x in labels):
        raise DataError(place, "a classification task needs at least two different, non-empty labels.")
    return tuple(labels)


def _range(spec: dict[str, Any], examples: Sequence[Example], place: str) -> tuple[float, float]:
    """Return the ends of a scale: as they are given, else the least and the greatest label of all splits."""
    given = spec.get("range")
    if given is None:
        numbers = [float(example.label) for example in examples]
        given = [min(numbers), max(numbers)]
        if given[0] == given[1]:
            raise DataError(place, f"has the label {given[0]:g} throughout: give the range of the scale.")
    is_pair = isinstance(given, list) and len(given) == 2 and all(type(x) in (int, float) for x in given)
    try:
        low, high = map(float, given if is_pair else ())
    except (OverflowError, ValueError):  # a whole number of hundreds of digits; no pair
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise DataError(place, "range is not a smaller and a larger number.")
    if not math.isfinite(high - low):
        raise DataError(place, f"the scale from {low:g} to {high:g} is too wide: divide its numbers.")
    return low, high


def answerable(kind: str, labels: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return what the `answers` of a task may give a text to."""
    return ENDS if kind == REGRESSION else labels or ()


def _answers(given: object, names: tuple[str, ...], place: str) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(v, str) and v.strip() for v in given.values()):
        raise DataError(place, "answers is not an object of label: text.")
    if set(given) - set(names):
        raise DataError(place, "answers names labels that the task does not have.")
    return dict(given)


def _text(spec: dict[str, Any], key: str, place: str) -> str | None:
    value = spec.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(place, f"{key} is not a text.")
    if value is not None and "\0" in value:
        raise DataError(place, f"{key} holds a NUL character.")
    return value


def _check_label(example: Example, task: TaskData, place: str) -> None:
    if task.kind == REGRESSION:
        low, high = task.range or (0.0, 0.0)
        if not low <= float(example.label) <= high:
            raise DataError(place, f"label {example.label[:60]} is outside the range {low:g} to {high:g}.")
        return
    if not example.label.strip():
        raise DataError(place, "has an empty label.")
    if task.kind == MULTIPLE_CHOICE and len(set(example.choices or ())) < 2:
        raise DataError(place, "has fewer than two different choices.")
    allowed = task.labels if task.labels is not None else example.choices
    if allowed is not None and example.label not in allowed:
        raise DataError(place, f"label {example.label[:60]!r} is not one of {', '.join(allowed)[:200]}.")
