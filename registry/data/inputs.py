"""Unlabelled inputs: the texts on which black boxes are observed."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from registry.data.examples import Example
from registry.errors import DataError, InputError
from registry.files.lines import dump_lines, parse_lines


class Input(NamedTuple):
    """One unlabelled input: a text, or a pair of texts."""

    text: str
    text_pair: str | None = None


def with_passage(inputs: Iterable[Input]) -> list[Input]:
    """Return the inputs that have a passage in which their text, a question, can be answered."""
    return [one for one in inputs if one.text_pair is not None and one.text_pair.strip()]


def parse_corpus(body: bytes, place: str) -> list[Input]:
    """Read back what `dump_corpus` wrote."""
    return [input_of(row, place) for row in parse_lines(body, place)]


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


def input_of(row: dict[str, Any], place: str) -> Input:
    """Read one input from a row of a file; raise `DataError` with the place of the fault."""
    text, pair = row.get("text"), row.get("text_pair")
    if not isinstance(text, str) or not text.strip():
        raise DataError(place, "has no 'text'.")
    if pair is not None and not isinstance(pair, str):
        raise DataError(place, "'text_pair' is not a text.")
    return Input(text, pair or None)
