"""Which word does a token of a reply begin? Servers spell tokens in several ways."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from embedders.predictors.endpoint.replies import LikelyTokens

_SHORT = 3  # letters
_QUOTES = " \t\r\n\"'`*_#>()[]{}<>\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb:=-.,\ufeff\u2581\u0120\u010a"
_PIECE_MARKS = {"\u2581": " ", "\u0120": " ", "\u010a": "\n"}  # a blank or a line's end before a raw piece


def first_place(places: Sequence[LikelyTokens], words: Sequence[str]) -> int | None:
    """Return the first place that does not hold marks alone, a quote, a star or a line's end, unless one is a word."""
    for number, place in enumerate(places):
        is_word = any(place.taken.strip() == word.strip() for word in words)
        if is_word or any(spelling.strip(_QUOTES) for spelling in _spellings(place.taken)):
            return number
    return None


def by_tokens(tokens: Mapping[str, float], words: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the log-probability that a reply begins as each word does, (words); None where that is not certain.

    Several tokens may begin a word, such as those with a blank or in capitals. A word that none of the likeliest tokens
    begins gets the score of the least likely of them. A token that is a word, as 'no', begins none of those that are
    longer, such as 'not sure'. It is not certain where the likeliest token begins no word or is
    one or two letters of it ('I' is no 'irony' yet), or the likeliest words begin alike.
    """
    begun = {token: _begun(token, words) for token in tokens}
    first = max(tokens, key=lambda token: tokens[token])
    if not any(begun[first]) or not _is_telling(first, words):
        return None
    lowest = min(tokens.values())
    scores = []
    for number in range(len(words)):
        likely = [value for token, value in tokens.items() if begun[token][number]]
        scores.append(float(np.logaddexp.reduce(likely)) if likely else lowest)
    table = np.array(scores)
    return table if (table == table.max()).sum() == 1 else None


def _begun(token: str, words: Sequence[str]) -> list[bool]:
    """Return which words a token begins, or is."""
    spelled = _spelled(token)
    whole = [word.strip().casefold() in spelled for word in words]
    return whole if any(whole) else [begins(word, token) for word in words]


def begins(word: str, token: str) -> bool:
    """Say whether a token is how a word begins, however the server spells it."""
    wanted = word.strip().casefold()
    return any(spelled and wanted.startswith(spelled) for spelled in _spelled(token))


def _is_telling(token: str, words: Sequence[str]) -> bool:
    """Say whether a token is more than one or two letters of a longer word."""
    whole = {word.strip().casefold() for word in words}
    return any(len(one) >= _SHORT or not one.isascii() or one in whole for one in _spelled(token) if one)


def _spelled(token: str) -> list[str]:
    """Return a token's spellings in small letters, without the marks before and after them; a number has its sign."""
    bare = [spelling.lstrip(_QUOTES.replace("-", "")).rstrip(_QUOTES) for spelling in _spellings(token)]
    kept = [one if one[1:2].isdigit() else one.strip(_QUOTES) for one in bare]
    return [token.strip().casefold(), *(one.casefold() for one in kept)]


@cache
def _spellings(token: str) -> tuple[str, ...]:
    """Return what a token may mean: itself, a raw piece with its marks, or the bytes that its signs stand for."""
    marked = token
    for mark, meant in _PIECE_MARKS.items():
        marked = marked.replace(mark, meant)
    signs = _byte_signs()
    try:
        held = bytes(signs[sign] for sign in token).decode()
    except (KeyError, UnicodeDecodeError):
        held = marked
    return tuple(dict.fromkeys((marked, held)))


@cache
def _byte_signs() -> dict[str, int]:
    """Return which byte each sign stands for in the vocabularies of byte-level tokenizers (GPT-2 and its heirs)."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    return {**{chr(byte): byte for byte in own}, **{chr(256 + n): byte for n, byte in enumerate(others)}}
