"""Could a tokenizer's pattern take for ever to find out where a text is cut?"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedders.errors import ModelNotUsableError
from embedders.foreign.parts import read_document

MOST_OF_A_PATTERN = 4096  # characters; the longest known have a quarter
MOST_REPEATS = 3  # without an end, in one of a pattern's alternatives
_SIGN = re.compile(r"\\.|\)?(?:[*+?]|\{\d*,?\d*\})[+?]?|.", re.DOTALL)  # escaped, or a repetition, or by itself


def check_patterns(tokenizer: Path) -> None:
    """Raise `ModelNotUsableError` where a pattern of a tokenizer.json repeats a group, or too much.

    The time for `(a+)+` or `(a|aa)*` doubles with each letter. The patterns of known tokenizers repeat only
    characters, and at most twice in an alternative.
    """
    document = read_document(tokenizer)
    if not isinstance(document, dict):
        raise ModelNotUsableError(f"{tokenizer} is not an object.")
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        for pattern in _patterns(document.get(part)):
            if not isinstance(pattern, str) or len(pattern) > MOST_OF_A_PATTERN or not _is_quick(pattern):
                raise ModelNotUsableError(
                    f"{tokenizer} has a pattern in its {part} that could take for ever: {str(pattern)[:60]!r}."
                )


def _patterns(value: Any) -> Iterator[Any]:  # noqa: ANN401 - a value of a JSON document
    if isinstance(value, dict):
        if "Regex" in value:
            yield value["Regex"]
        for inner in value.values():
            yield from _patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _patterns(inner)


def _is_quick(pattern: str) -> bool:
    """Say whether a pattern repeats single characters alone, and few of them in a row."""
    repeats, depth, is_nested = 0, 0, False  # depth: of brackets around a set of characters
    for sign in _SIGN.findall(pattern):
        if sign == "[":
            is_nested |= depth > 0
            depth += 1
        elif sign == "]":
            depth = max(0, depth - 1)
        elif sign == "|":
            repeats = 0 if depth == 0 else repeats
        elif (depth == 0 or is_nested) and _is_costly(sign):  # a bracket in brackets may mean itself
            return False
        elif depth == 0 and sign[0] in "*+{":
            repeats += 1
            if repeats > MOST_REPEATS:
                return False
    return True


def _is_costly(sign: str) -> bool:
    """Say whether a sign repeats a group, or means what a group has found."""
    if sign[0] == "\\":
        return sign[1:].isdigit() or sign[1:] in ("g", "k")
    return sign[0] == ")" and len(sign) > 1 and sign[1] != "?"
