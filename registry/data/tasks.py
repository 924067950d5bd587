"""A labelled task: what it asks, which answers there are, and its examples."""

import hashlib
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.data.examples import CLASSIFICATION, MULTIPLE_CHOICE, REGRESSION, Columns, Example, example_of, number_of
from registry.errors import DataError
from registry.files.lines import dump_lines, parse_lines

SPLITS = {"train", "test"}  # of a task's examples
ENDS = ("low", "high")  # of a scale; what their answers are called
MOST_EXAMPLES = 20_000  # kept per split; of a larger one a seeded sample


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
        """Return the sha256 of what an embedding depends on: kind, labels, answers, range and examples."""
        what = [self.kind, self.labels, self.answers, *([self.range] if self.range else [])]
        identity = json.dumps(what, ensure_ascii=False, sort_keys=True)
        parts = hashlib.sha256(identity.encode())
        for name, body in sorted(self.contents().items()):
            parts.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
        return parts.hexdigest()

    def _row(self, example: Example) -> dict[str, Any]:
        row = example.as_row()
        return {**row, "label": number_of(example.label)} if self.kind == REGRESSION else row


def task_of(spec: dict[str, Any], contents: dict[str, bytes], place: str) -> TaskData:
    """Rebuild a task from what the catalog holds of it."""
    rows = {split: parse_lines(body, place) for split, body in contents.items()}
    return built_task(spec, rows["train"], rows.get("test", []), place, Columns())


def built_task(
    spec: dict[str, Any],
    train: list[dict[str, Any]],
    test: list[dict[str, Any]],
    place: str,
    columns: Columns,
) -> TaskData:
    """Build a task from its description and the rows of its splits; raise `DataError` with the place of the fault."""
    kind, names = spec["kind"], columns.named(spec["kind"])
    splits = {}
    for name, rows in (("train", train), ("test", test)):
        numbered = list(enumerate(rows, start=1))
        if len(rows) > MOST_EXAMPLES:
            numbered = random.Random(0).sample(numbered, MOST_EXAMPLES)  # noqa: S311
        splits[name] = [(i, example_of(row, kind, names, f"{place} {name} example {i}")) for i, row in numbered]
    train_, test_ = (tuple(example for _, example in splits[name]) for name in ("train", "test"))
    labels = _labels(spec, train_, place) if kind == CLASSIFICATION else None
    task = TaskData(
        kind=kind,
        labels=labels,
        answers=_answers(spec.get("answers") or {}, answerable(kind, labels), place),
        train=train_,
        test=test_,
        language=_text(spec, "language", place),
        description=_text(spec, "description", place),
        source=_text(spec, "source", place),
        license=_text(spec, "license", place),
        range=_range(spec, train_, place) if kind == REGRESSION else None,
    )
    for name, rows_ in splits.items():
        for number, example in rows_:
            _check_label(example, task, f"{place} {name} example {number}")
    return task


def _labels(spec: dict[str, Any], train: Sequence[Example], place: str) -> tuple[str, ...]:
    given = spec.get("labels")
    if given is not None and (not isinstance(given, list) or not all(isinstance(x, str | int) for x in given)):
        raise DataError(place, "labels is not a list of names.")
    labels = [str(x) for x in given] if given else sorted({e.label for e in train})
    if len(set(labels)) != len(labels) or len(labels) < 2 or not all(x.strip() for x in labels):
        raise DataError(place, "a classification task needs at least two different, non-empty labels.")
    return tuple(labels)


def _range(spec: dict[str, Any], train: Sequence[Example], place: str) -> tuple[float, float]:
    given = spec.get("range")
    if given is None:
        numbers = [float(example.label) for example in train]
        given = [min(numbers), max(numbers)]
        if given[0] == given[1]:
            raise DataError(place, f"has the label {given[0]:g} throughout: give the range of the scale.")
    is_pair = isinstance(given, list) and len(given) == 2 and all(type(x) in (int, float) for x in given)
    if not is_pair or not all(map(math.isfinite, given)) or not given[0] < given[1]:
        raise DataError(place, "range is not a smaller and a larger number.")
    return float(given[0]), float(given[1])


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
    return value


def _check_label(example: Example, task: TaskData, place: str) -> None:
    if task.kind == REGRESSION:
        low, high = task.range or (0.0, 0.0)
        if not low <= float(example.label) <= high:
            raise DataError(place, f"label {example.label[:60]} is outside the range {low:g} to {high:g}.")
        return
    if not example.label.strip():
        raise DataError(place, "has an empty label.")
    if task.kind == MULTIPLE_CHOICE and len(example.choices or ()) < 2:
        raise DataError(place, "has fewer than two choices.")
    allowed = task.labels if task.labels is not None else example.choices
    if allowed is not None and example.label not in allowed:
        raise DataError(place, f"label {example.label[:60]!r} is not one of {', '.join(allowed)[:200]}.")
