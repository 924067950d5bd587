"""Corpora: the unlabelled inputs on which black boxes are observed."""

import io
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from registry.errors import DataError, InputError
from registry.formats.lines import decoded, dump_lines, parse_lines, read_file
from registry.formats.tasks import Example


class Input(NamedTuple):
    """One unlabelled input: a text, or a pair of texts."""

    text: str
    text_pair: str | None = None


def read_corpus(path: Path) -> list[Input]:
    """Read a corpus from .jsonl (`text`, `text_pair`) or from .txt (a text per line)."""
    body = read_file(path)
    if not body.strip():
        raise DataError(str(path), "holds no texts: a corpus has one on each line.")
    if path.suffix.lower() == ".jsonl":
        rows = parse_lines(body, path)
    elif path.suffix.lower() == ".txt":
        lines = io.StringIO(decoded(body, path), newline=None)  # not at every character that Unicode breaks lines at
        rows = [{"text": line.rstrip("\n")} for line in lines if line.strip()]
    else:
        raise DataError(str(path), "not a .jsonl or .txt file.")
    return distinct(_input(row, f"{path} text {number}") for number, row in enumerate(rows, start=1))


def parse_corpus(body: bytes, place: str) -> list[Input]:
    """Read back what `dump_corpus` wrote."""
    return [_input(row, place) for row in parse_lines(body, place)]


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


def bare(text: str) -> str:
    """Return small letters and digits alone, to know a sentence again: datasets set blanks and punctuation differently.

    A text without letters and digits stays as it is.
    """
    return "".join(character for character in text.lower() if character.isalnum()) or text


def distinct(inputs: Iterable[Input]) -> list[Input]:
    """Return the inputs in order, each once; raise `InputError` where there is none."""
    kept = list(dict.fromkeys(inputs))
    if not kept:
        raise InputError("A corpus needs at least one text.")
    return kept


def _input(row: dict[str, Any], place: str) -> Input:
    text, pair = row.get("text"), row.get("text_pair")
    if not isinstance(text, str) or not text.strip():
        raise DataError(place, "has no 'text'.")
    if pair is not None and not isinstance(pair, str):
        raise DataError(place, "'text_pair' is not a text.")
    return Input(text, pair or None)
