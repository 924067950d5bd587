"""Columns of a table of answers: how they are called, which of them numbers the inputs, and what a cell says."""

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from registry.data.inputs import Input
from registry.data.spelling import as_heard, plain, unmarked
from registry.errors import DataError, InputError
from registry.names import normal
from registry.reading.classes import MISSING, whole_number

NUMBERS = ("row", "id", "idx", "index", "doc_id", "example_id", "question_id")  # columns that number the inputs
ANSWER, OTHER_ANSWERS = "answer", ("response", "output", "prediction", "completion")
LABEL_WORDS = {  # that others use for the right answers
    *("label", "labels", "gold", "golden", "target", "targets", "truth", "groundtruth"),
    *("true", "y", "correct", "right"),
    *("expected", "reference", "ideal", "key", "class", "category", "actual", "gt", "human"),
    *("annotation", "annotations", "annotator", "annotators"),
}
BESIDE = {  # words that say nothing else beside one of these
    *("answer", "answers", "text", "name", "value", "id", "standard", "ground", "output", "response", "result"),
    *("sentiment", "majority", "vote", "column"),
}
OFTEN_ELSE = {"y", "key", "class", "right"}  # among other words these say something else
DOUBTFUL = {"answer", "output", "sentiment", "majority", "consensus"}  # the right answers to some, a prompt to others

Row = Mapping[str, Any]


def called(name: str, present: Sequence[str]) -> str | None:
    """Return the column of a name, in small letters or not; None where there is none, or several."""
    alike = [column for column in present if column.strip().casefold() == name]
    return name if name in alike else alike[0] if len(alike) == 1 else None


def answer_column(present: Sequence[str]) -> str | None:
    """Return the column of answers of a long table, by its usual names; None where there is none, or several."""
    others = [column for name in OTHER_ANSWERS if (column := called(name, present))]
    return called(ANSWER, present) or (others[0] if len(others) == 1 else None)


def is_called_like_a_label(name: str) -> bool:
    """Say whether a name says that these are the right answers, and nothing else: `gold`, `human_label`."""
    words = _words(name)
    return bool(words & LABEL_WORDS) and all(word in LABEL_WORDS | BESIDE or word.isdigit() for word in words)


def may_be_the_label(name: str) -> bool:
    """Say whether a column may be the right answers by its name, or something else: `sentiment`, `gold-style`."""
    words = _words(name)
    return not is_called_like_a_label(name) and (
        bool(words & LABEL_WORDS - OFTEN_ELSE) or (bool(words) and words <= DOUBTFUL)
    )


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[\W_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).casefold()) if word}


def named_by_texts(rows: Sequence[Mapping[Any, Any]], place: str) -> list[dict[str, Any]]:
    """Return rows whose columns are called by texts: data frames call them by numbers, too.

    Raises:
        DataError: a column has names on several levels, or two have one name.
    """
    names = dict.fromkeys(key for row in rows for key in row)
    levels = next((name for name in names if isinstance(name, tuple)), None)
    if levels is not None:
        told = f"has columns with names on several levels, such as {levels!r}"
        raise DataError(place, f"{told}: give each column one name, a text.")
    texts = {key: str(key) for key in names}
    twice = [text for text, count in Counter(texts.values()).items() if count > 1]
    if twice:
        raise DataError(place, f"names a column twice: {twice[0]!r}, as a number and as a text.")
    return [{texts[key]: value for key, value in row.items()} for row in rows]


def number_column(rows: Sequence[Row], present: Sequence[str], owners: Sequence[Hashable], place: str) -> str | None:
    """Return the column that numbers the inputs of a long table: its numbers come again with another prompt or model.

    Args:
        rows: one for each answer.
        present: the columns.
        owners: whose answer each row is.
        place: what to call the table in messages.

    Raises:
        DataError: several columns number the inputs, each otherwise, or none comes again.
    """
    columns = [column for name in NUMBERS if (column := called(name, present))]
    if not columns or len(set(owners)) < 2:
        return columns[0] if columns else None
    numbers = {column: [cell_text(row.get(column)) for row in rows] for column in columns}
    again = [column for column in columns if _comes_again(numbers[column], owners)]
    if not again and len(columns) == 1 and None in numbers[columns[0]]:
        return columns[0]
    if not again:
        shown = " or ".join(map(repr, columns))
        raise DataError(place, f"no input has answers of two prompts or models: is {shown} the number of the input?")
    for other in again[1:]:
        if _places(numbers[other]) != _places(numbers[again[0]]):
            told = f"columns {again[0]!r} and {other!r} both number the inputs, and not alike"
            raise DataError(place, f"{told}: leave out the one that does not.")
    return again[0]


def _comes_again(numbers: Sequence[str | None], owners: Sequence[Hashable]) -> bool:
    first: dict[str, Hashable] = {}
    return any(
        number is not None and first.setdefault(number, owner) != owner
        for number, owner in zip(numbers, owners, strict=True)
    )


def _places(numbers: Sequence[str | None]) -> list[int]:
    """Return for each number the place at which it came first: two columns with the same part the rows alike."""
    first: dict[str | None, int] = {}
    return [first.setdefault(number, at) for at, number in enumerate(numbers)]


def cell_text(value: object) -> str | None:
    """Return a cell's text, 1.0 as 1, as programs write whole numbers in a column with gaps; None where it is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, bytes | bytearray):
        raise InputError("A cell holds bytes: make a text of it first.")
    text = str(value.value if isinstance(value, Enum) else value).strip()
    return None if text.casefold() in MISSING else whole_number(text)


def name_text(value: object) -> str | None:
    """Return the name in a cell, as it is written: that of a version is no number."""
    return value.strip() or None if isinstance(value, str) else cell_text(value)


def joined_inputs(inputs: Sequence[Input], owners: Sequence[Hashable]) -> tuple[list[Input], str | None]:
    """Return the inputs of a long table's rows, and what is to be told of them.

    Those that differ in blanks and joined letters alone are one, if nobody has answered two of them: programs that ask
    write a text otherwise.

    Args:
        inputs: one for each row.
        owners: whose answer each row is.
    """
    forms: dict[tuple[str, ...], dict[Input, set[Hashable]]] = {}
    for one, owner in zip(inputs, owners, strict=True):
        spelt = tuple(" ".join(normal(text or "").split()) for text in one)
        forms.setdefault(spelt, {}).setdefault(one, set()).add(owner)
    first: dict[Input, Input] = {}
    for its in forms.values():
        if len(its) > 1 and sum(map(len, its.values())) == len(set().union(*its.values())):
            first |= dict.fromkeys(its, next(iter(its)))
    count = len(set(first.values()))
    told = (
        f"{count} texts are written in several ways, in blanks or joined letters, and taken as one" if count else None
    )
    return [first.get(one, one) for one in inputs], told


def spellings(values: Iterable[str]) -> tuple[dict[str, str], str | None]:
    """Return how each answer is written, and what is to be told of it.

    Answers that differ in little are written as most often without signs around it.
    """
    counted = Counter(values)
    forms: dict[str, list[str]] = {}
    for value in counted:
        forms.setdefault(as_heard(value), []).append(value)
    written = {
        own: max(sorted(all_), key=lambda one: (plain(one) == unmarked(one), counted[one]))
        for own, all_ in forms.items()
    }
    joined = [all_ for all_ in forms.values() if len(all_) > 1]
    told = None
    if joined:
        shown = " and ".join(repr(value) for value in sorted(joined[0])[:3])
        told = f"{len(joined)} answers are written in several ways and taken as one, such as {shown}"
    return {value: written[as_heard(value)] for value in counted}, told
