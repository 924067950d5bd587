"""Unlabelled inputs: the texts on which black boxes are observed."""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from registry.data.examples import Example
from registry.errors import DataError, InputError
from registry.files.lines import dump_lines, parse_lines
from registry.names import normal

# Marks that are set differently, in ASCII but for + < = > | ~ $, and in other scripts.
_MARKS = (
    r"\s\x00-\x23%-*,-/:;?@\[-`{}\x7f-\xa1\xa7\xab\xad\xb6\xb7\xbb\xbf"
    r"\u05be\u05c0\u05c3\u05f3\u05f4\u060c\u061b\u061f\u06d4\u0964\u0965"
    r"\u2000-\u206f\u3001-\u3020\u3030\ufe00-\ufe6f\uff01-\uff0f\uff1a\uff1b\uff1f\uff20\uff3b-\uff40\uff5b-\uff65"
)
_WORD = re.compile(rf"(?:[^{_MARKS}]|(?<=\d)[.,](?=\d)|(?<![^\s(])-(?=\d))+")
_AROUND_MARKS = re.compile(r" ?([^\w ]) ?")
_APART = re.compile(r" (?=(?:n't|'(?:s|re|ve|ll|d|m|t))\b)")  # what a tokeniser cuts off
_UNHEARD = re.compile(r"[\"'`;]|[,:](?!(?<=\d.)\d)|\.(?!\d)")  # quotes, and stops that no number needs
_ONE_KIND = dict.fromkeys(map(ord, "\u201c\u201d\u201e\xab\xbb\u2018\u2019\xb4"), "'")
_ONE_KIND |= dict.fromkeys(map(ord, "\u2013\u2014\u2212"), "-")


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


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters, without the marks that writers set differently.

    What tells texts apart is kept: letters of all scripts with their signs, digits, the signs of numbers, symbols.
    """
    return _WORD.findall(text.lower())


def bare(text: str) -> str:
    """Return the words of a text as one, to know a sentence again wherever it leaked to; its like may be another.

    A text without words stays as it is.
    """
    return "".join(words_of(text)) or text


def spelling_key(text: str, text_pair: str | None = None) -> tuple[str, str]:
    """Return what two spellings of one input have in common, so that a label of one is a label of the other.

    They may differ in capitals, quotes, kinds of dashes, commas and stops that no number needs, and the blanks around
    marks; in nothing else, for 3 - 4 is not 3 + 4, and :) is not :(.
    """
    return _spelt(text), _spelt(text_pair or "")


def _spelt(text: str) -> str:
    heard = _UNHEARD.sub("", _APART.sub("", normal(text).casefold().translate(_ONE_KIND)))
    return _AROUND_MARKS.sub(r"\1", " ".join(heard.split())) or text


_AROUND = " ,;:!?\"'`*()[]"  # no sign that a number begins with


def plain(text: str) -> str:
    """Return small letters with single blanks: so labels meet choices, and answers those in another spelling."""
    return " ".join(text.lower().split())


def unmarked(word: str) -> str:
    """Return a word as `plain` spells it, without the signs that an LLM puts around it, as in `**Positive.**`."""
    bare = plain(word).rstrip(_AROUND + ".").lstrip(_AROUND)
    return bare if any(map(str.isalnum, bare)) else word  # ':-)' is all signs


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
