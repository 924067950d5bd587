"""One labelled example, by kind of task: how it is read from a row of a table, and written as one."""

import math
import re
from collections import Counter
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from registry.errors import DataError, InputError

CLASSIFICATION, MULTIPLE_CHOICE, REGRESSION = "classification", "multiple-choice", "regression"
QUESTION_ANSWERING, FREE_TEXT = "question-answering", "free-text"
KINDS = (CLASSIFICATION, MULTIPLE_CHOICE, REGRESSION, QUESTION_ANSWERING, FREE_TEXT)
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Example:
    """One labelled input. `label` is the right answer: a label's name, the right choice's text, a number, any text.

    A question with its passage has the question as `text`, the passage as `text_pair`, the answer as `label`, and
    the character of the passage at which that begins as `answer_start`.
    """

    text: str
    label: str
    text_pair: str | None = None
    choices: tuple[str, ...] | None = None
    answer_start: int | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the fields that are set, as they stand in a file."""
        if self.answer_start is not None:
            values = (self.text, self.text_pair, self.label, self.answer_start)
            return dict(zip(("question", "context", "answer", "answer_start"), values, strict=True))
        return {name: value for name, value in asdict(self).items() if value is not None}


class Names(NamedTuple):
    """The name of each column of a table."""

    text: str = "text"
    text_pair: str = "text_pair"
    label: str = "label"
    choices: str = "choices"
    answer_start: str = "answer_start"


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what; None for the name that tasks of the kind give it in their own files."""

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    choices: str | None = None
    answer_start: str | None = None

    def __post_init__(self) -> None:
        """Refuse a column that is to be two things; raise `InputError`."""
        given = Counter(name for its in fields(self) if (name := getattr(self, its.name)) is not None)
        twice = [name for name, count in given.items() if count > 1]
        if twice:
            both = " and ".join(its.name for its in fields(self) if getattr(self, its.name) == twice[0])
            raise InputError(f"The column {twice[0]!r} is to be {both}: name one for each.")

    def named(self, kind: str) -> Names:
        """Return the names of all columns for a kind of task."""
        own = Names("question", "context", "answer") if kind == QUESTION_ANSWERING else Names()
        return Names(*(getattr(self, f.name) or getattr(own, f.name) for f in fields(self)))


def kind_of(row: dict[str, Any], columns: Columns) -> str:
    """Guess the kind of task from the columns of a table: choices, or a question with its context and answer."""
    if (columns.choices or "choices") in row:
        return MULTIPLE_CHOICE
    names = columns.named(QUESTION_ANSWERING)
    has_answer = names.answer_start in row or (columns.label is None and ("answer" in row or "answers" in row))
    is_question = names.text in row and names.text_pair in row and has_answer
    return QUESTION_ANSWERING if is_question else CLASSIFICATION


def example_of(row: dict[str, Any], kind: str, names: Names, place: str) -> Example:
    """Read one row of a table; raise `DataError` with the place of the fault."""
    text = _text(row, names.text, place)
    if kind == QUESTION_ANSWERING:
        return _question(row, text, names, place)
    if kind == REGRESSION:
        return Example(text, str(number_of(row.get(names.label), names.label, place)), _pair(row, names, place))
    label, choices = row.get(names.label), _choices(row, names, place)
    if isinstance(label, bool) or not isinstance(label, str | int):
        mend = " Numbers on a scale are a task of the kind regression." if isinstance(label, float) else ""
        raise DataError(place, f"has no label (a name or a whole number) in {names.label!r}.{mend}")
    if choices and isinstance(label, int) and 0 <= label < len(choices):
        label = choices[label]  # many datasets give the right choice's position
    return Example(text, str(label), _pair(row, names, place), choices)


def number_of(value: object, column: str = "label", place: str = "example") -> int | float:
    """Return a finite number, also one that is written as text."""
    number = value
    try:
        if isinstance(value, str) and "_" not in value:
            number = int(value) if _WHOLE.fullmatch(value.strip()) else float(value)
        if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number):
            return number
    except (ValueError, OverflowError):
        pass
    held = f": it has {value[:40]!r}" if isinstance(value, str) else ""
    raise DataError(place, f"has no finite number in {column!r}{held}.")


def _character(start: object) -> object:
    """Return a position as a number: programs write 4 as 4.0 in a column with gaps."""
    if isinstance(start, str) and re.fullmatch(r"[0-9]{1,9}(?:\.0)?", start.strip()):
        return int(float(start))
    return int(start) if isinstance(start, float) and start.is_integer() else start


def _text(row: dict[str, Any], column: str, place: str) -> str:
    text = row.get(column)
    if not isinstance(text, str) or not text.strip():
        raise DataError(place, f"has no text in {column!r}; it has {', '.join(map(str, row))[:200] or 'nothing'}.")
    return text


def _pair(row: dict[str, Any], names: Names, place: str) -> str | None:
    pair = row.get(names.text_pair)
    if pair is not None and not isinstance(pair, str):
        raise DataError(place, f"{names.text_pair!r} is not a text.")
    return pair if pair and pair.strip() else None


def _choices(row: dict[str, Any], names: Names, place: str) -> tuple[str, ...] | None:
    choices = row.get(names.choices)
    if choices is not None and (
        not isinstance(choices, list | tuple) or not all(isinstance(c, str) and c.strip() for c in choices)
    ):
        raise DataError(place, f"{names.choices!r} is not a list of texts.")
    return tuple(choices) if choices else None


def _question(row: dict[str, Any], question: str, names: Names, place: str) -> Example:
    """Read a question with its passage; SQuAD's lists of answers are read too, their first one is taken."""
    context = _text(row, names.text_pair, place)
    answer: Any = row.get(names.label, row.get("answers"))
    start: object = row.get(names.answer_start)
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):  # as SQuAD's own files have them
        answer, start = answer[0].get("text"), answer[0].get("answer_start")
    if isinstance(answer, dict):
        texts, starts = answer.get("text") or [None], answer.get("answer_start") or [None]
        if not isinstance(texts, list) or not isinstance(starts, list):
            raise DataError(place, "'answers' does not hold lists of 'text' and 'answer_start'.")
        answer, start = texts[0], starts[0]
    if not isinstance(answer, str) or not answer.strip():
        raise DataError(place, f"has no answer in {names.label!r}: leave out questions that have none.")
    start = _character(start)
    if isinstance(start, bool) or not isinstance(start, int):
        raise DataError(place, f"does not say in {names.answer_start!r} at which character the answer begins.")
    if start < 0 or not context.startswith(answer, start):
        found = context[start : start + len(answer)] if start >= 0 else ""
        raise DataError(place, f"has {found[:60]!r} at character {start}, not the answer {answer[:60]!r}.")
    return Example(question, answer, context, answer_start=start)
