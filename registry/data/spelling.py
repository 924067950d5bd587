"""When do two answers, or two texts, mean the same? Each question disregards as much as it may, and no more.

Answers, and labels, by what is disregarded:

- `registry.names.normal`: how Unicode joins letters. Two choices of a prompt, or labels of a task, that differ in more
  may both be meant.
- `plain`: case and blanks, too. So labels meet answers, and answers those of others. Nothing is told, so it goes no
  further: German "Masse" and "Ma\u00dfe" are two words.
- `unmarked`: the signs around it, too. It is asked only where `plain` finds nothing.
- `as_heard`: "\u00df" and "ss", too, for answers of one table, whose joining is told.

Texts:

- `spelling_key`: a label of one is a label of the other; marks that no meaning hangs on are disregarded.
- `bare`: a text that leaked is known again by its letters and digits; to leave one out too many does no harm.

Names of entries are compared by `registry.names.folded`.
"""

import re
from collections.abc import Iterable

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
_AROUND = (  # no sign that a number begins with; in ASCII, of print, and in other scripts
    " ,;:!?\"'`*()[]"
    "\u201c\u201d\u201e\u2018\u2019\u201a\xab\xbb\u2039\u203a\xb4\xa1\xbf\u2026"
    "\u3001\u3002\u3008\u3009\u300a\u300b\u300c\u300d\u300e\u300f\u3010\u3011"
    "\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff61\u060c\u061b\u061f\u06d4\u0964\u0965"
)


def plain(text: str) -> str:
    """Return small letters with single blanks: so labels meet choices, and answers those in another spelling."""
    return " ".join(normal(text).lower().split())


def meanings_of(answers: Iterable[str]) -> frozenset[str]:
    """Return answers without what tells none apart: two sets that are equal choose alike."""
    return frozenset(map(plain, answers))


def numbered(answers: Iterable[str]) -> dict[str, int]:
    """Return the column of each answer, by what `plain` makes of it."""
    return {plain(text): column for column, text in enumerate(answers)}


def unmarked(word: str) -> str:
    """Return a word as `plain` spells it, without the signs that an LLM puts around it, as in `**Positive.**`."""
    spelt = plain(word)
    inner = spelt.rstrip(_AROUND + ".").lstrip(_AROUND)
    return inner if any(map(str.isalnum, inner)) else spelt  # ':-)' is all signs


def as_heard(answer: str) -> str:
    """Return an answer without what writers differ in: case, blanks, signs around it, how Unicode joins letters."""
    return unmarked(normal(answer).casefold())


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
