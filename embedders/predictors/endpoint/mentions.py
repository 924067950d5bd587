"""Where do words stand in a text? Whole words, numbers with their signs, in scripts without blanks too."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

UNSPACED = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # scripts that write without blanks
_NUMBER = re.compile(r"([+-]?)(\d.*)", re.DOTALL)
_NO_NUMBER_BEFORE = r"(?<![\w+$\u20ac\u00a3<>~-])(?<!\d[.,])(?<!\.)"  # '1' is no part of '-1', '4.1' and '.1'
_NO_NUMBER_AFTER = r"(?!\w|[.,]\d|[+-]\d|\+|\s?%)"  # nor '4' of '4.7', '4,5', '4-5' and '4%'


class Mention(NamedTuple):
    """Where a word stands in a text."""

    start: int
    end: int
    number: int  # of the word


class Unit(NamedTuple):
    """A sentence, or a line that has none."""

    start: int
    end: int


_UNIT = re.compile(  # up to a mark that ends a sentence, or the end of the line
    r"\S.*?(?:(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)[.!?]+['\u2019\u201d)\]}]*(?=\s|$)|[\u3002\uff01\uff1f\uff1b;]+|$)",
    re.MULTILINE,
)


def units(text: str) -> list[Unit]:
    """Return the sentences of a text, none of which goes over the end of a line."""
    return [Unit(match.start(), match.end()) for match in _UNIT.finditer(text)]


def mentions(text: str, words: Sequence[str]) -> list[Mention]:
    """Return where words stand in a text, in order; of those that overlap the longest, all of them if equally long."""
    found = []
    for number, word in enumerate(words):
        wanted = _searched(word.strip())
        found += [Mention(match.start(), match.end(), number) for match in wanted.finditer(text)]
    kept: list[Mention] = []
    taken, places = bytearray(len(text)), set()
    for mention in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        place = slice(mention.start, mention.end)
        if mention[:2] in places or not any(taken[place]):
            kept.append(mention)
            places.add(mention[:2])
            taken[place] = b"\1" * (mention.end - mention.start)
    return sorted(kept)


@cache
def _searched(word: str) -> re.Pattern[str]:
    """Return what finds a word that is no part of a longer one; scripts without blanks have no such ends."""
    word = unicodedata.normalize("NFC", word)
    number = _NUMBER.fullmatch(word)
    if number is not None:
        sign = "-" if number[1] == "-" else r"\+?"  # '+1' is 1
        return re.compile(f"{_NO_NUMBER_BEFORE}{sign}{_spaced(number[2])}{_NO_NUMBER_AFTER}", re.IGNORECASE)
    before = "" if re.match(f"[{UNSPACED}]", word) else rf"(?<![^\W{UNSPACED}])"
    after = "" if re.search(f"[{UNSPACED}]$", word) else rf"(?![^\W{UNSPACED}])"
    after += r"(?![+#])" if len(word) == 1 else ""  # 'C++'
    return re.compile(f"{before}{_spaced(word)}{after}", re.IGNORECASE)


def _spaced(word: str) -> str:
    """Return what finds a word however its parts are joined: 'not spam', 'not-spam', 'not_spam'."""
    inner = word.strip(" _-")
    return r"[\s_-]+".join(map(re.escape, re.split(r"[\s_-]+", inner))) if inner else re.escape(word)
