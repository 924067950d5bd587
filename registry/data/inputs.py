"""Unlabelled inputs: the texts on which black boxes are observed."""

import random
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

from registry.data.examples import Example
from registry.errors import DataError, InputError
from registry.files.lines import dump_lines, parse_lines

TEXT, PAIR = "text", "text_pair"  # as columns are called


class Input(NamedTuple):
    """One unlabelled input: a text, or a pair of texts."""

    text: str
    text_pair: str | None = None


def with_passage(inputs: Iterable[Input]) -> list[Input]:
    """Return the inputs that have a passage in which their text, a question, can be answered."""
    return [one for one in inputs if one.text_pair is not None and one.text_pair.strip()]


def parse_corpus(body: bytes, place: str) -> list[Input]:
    """Read back what `dump_corpus` wrote, to the letter."""
    return [input_of(row, place)._replace(text_pair=row.get(PAIR) or None) for row in parse_lines(body, place)]


def dump_corpus(inputs: Iterable[Input]) -> bytes:
    """Return a corpus as JSON lines."""
    return dump_lines({"text": t} if pair is None else {"text": t, "text_pair": pair} for t, pair in inputs)


def sample_inputs(tasks: Mapping[str, Sequence[Example]], *, per_task: int, seed: int) -> list[Input]:
    """Draw at most `per_task` inputs of each task, without labels and without doubles.

    A task's draw depends on its own examples and the seed alone, not on which other tasks there are.
    """
    drawn: list[Input] = []
    for name, examples in sorted(tasks.items()):
        inputs = distinct(Input(example.text, example.text_pair) for example in examples)
        drawn += random.Random(f"{seed} {name}").sample(inputs, min(per_task, len(inputs)))  # noqa: S311
    return distinct(drawn)


def distinct(inputs: Iterable[Input]) -> list[Input]:
    """Return the inputs in order, each once; raise `InputError` where there is none."""
    kept = list(dict.fromkeys(inputs))
    if not kept:
        raise InputError("A corpus needs at least one text.")
    return kept


def input_of(row: Mapping[str, Any], place: str, text: str = TEXT, text_pair: str | None = PAIR) -> Input:
    """Read one input from a row of a table; a second text that is empty is none.

    Args:
        place: where the row stands, for messages.
        text, text_pair: the names of its columns; None for no second one.

    Raises:
        DataError: it has no text, or something else.
    """
    first, second = row.get(text), row.get(text_pair) if text_pair else None
    if not isinstance(first, str) or is_empty(first):
        raise DataError(place, f"has no text in {text!r}.")
    if is_empty(second):
        return Input(first)
    if not isinstance(second, str):
        raise DataError(place, f"has no text in {text_pair!r}: it holds {str(second)[:40]}.")
    return Input(first, second)


def is_empty(cell: object) -> bool:
    """Say whether a cell holds nothing, or blanks alone."""
    return is_missing(cell) or (isinstance(cell, str) and not cell.strip())


def is_missing(value: object) -> bool:
    """Say whether a cell is empty, as pandas, polars and numpy have it."""
    is_no_number = isinstance(value, Real) and bool(value != value)  # noqa: PLR0124 - a long whole number is no float
    return value is None or is_no_number or type(value).__name__ in ("NAType", "NaTType")
