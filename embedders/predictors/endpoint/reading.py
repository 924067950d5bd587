"""Which answer does a reply name? Only what is certain is read; the rest is no answer, with its reason."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedders.predictors.endpoint.replies import ChatReply
from registry.data.predictions import Missing

LEAST = math.log(1e-6)  # the score of a word that a reply's text does not name
_SHORT = 3  # letters: a word like 'no', 'yes' or 'A' is one of many in any sentence
_QUOTES = " \t\r\n\"'`*_#>()[]{}<>\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb:=-.,\ufeff\u2581\u0120\u010a"
_PIECE_MARKS = {"\u2581": " ", "\u0120": " ", "\u010a": "\n"}  # a blank or a line's end before a raw piece
_UNSPACED = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # scripts that write without blanks
_DENIES = re.compile(  # in the clause before a word
    r"(?<!\w)(?:not|no|never|neither|nor|none|without|cannot|hardly|rather than|instead of|far from|anything but|"
    r"nobody|nothing|(?<!a )few|(?<!a )little|barely|scarcely|unlikely|lack(?:s|ing)?|other than|"
    r"fails? to be|opposite of|less than|nicht|kein\w*|weder|pas|"
    r"ni|non|nunca|não|nem|niet|geen|nie|не|нет|ни)(?!\w)|n['\u2019]t(?!\w)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"[\"'*`)\]\u201d]*(?:\s*[:?=]\W*(?:(?:not|no|false|incorrect|wrong|hardly|barely|never|unlikely)(?!\w)|0(?![\w.]))|"
    r"(?:\s+\w+)?\s+(?:is|was|seems|would be)\s+(?:not|false|incorrect|wrong|inaccurate|mistaken)(?!\w))",
    re.IGNORECASE,
)  # behind it
_THINKS_AGAIN = re.compile(r"(?<!\w)(?:wait|actually|on second thought|correction|i mean)(?!\w)", re.IGNORECASE)
_HEADS = re.compile(r"\s*(?:[\u2014\u2013:(]|-\s)")  # what follows
_DENIES_AT_ONCE = "不非没沒無"  # directly before it
_LEADS = re.compile(  # to the answer
    r"(?<!\w)(?:answer|label|sentiment|class|category|classification|verdict|response|result|output|choice)\W{0,3}"
    r"(?:\s+(?:is|would be|should be)\s*:?|\s*[:=])\W*$",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"\W*(?:i['\u2019]?m sorry|sorry|i am sorry|i apologi[sz]e|i can(?:no|['\u2019])t|i am unable|i['\u2019]m unable|"
    r"i won['\u2019]t|as an ai)(?!\w)",
    re.IGNORECASE,
)


class NamedWords(NamedTuple):
    """What was read of a reply: a score for each word, or why none can be told."""

    scores: NDArray[np.float64]  # (words); zeros where there is a reason
    missing: Missing | None
    place: int | None = None  # of the token that it was read from; None: from the text


class Mention(NamedTuple):
    """Where a word stands in a text."""

    start: int
    end: int
    number: int  # of the word


def read_reply(reply: ChatReply, words: Sequence[str]) -> NamedWords:
    """Return how likely each word is by a reply: by the tokens that could begin it, else by its text.

    A text that names words of several answers has the same score for them all: who knows the answers sees the tie.
    """
    nothing = np.zeros(len(words))
    if reply.missing is not None:
        return NamedWords(nothing, reply.missing)
    place = _first_place(reply, words)
    scores = None if place is None else by_tokens(reply.places[place].log_probs, words)
    named = by_text(reply.text, words, is_cut=reply.is_cut)
    is_of_text = reply.is_cut or mentions(reply.text, words)  # else 'Not' began 'not sure'
    if scores is not None and place is not None and is_of_text and _goes_with(reply.places[place].taken, named, words):
        return NamedWords(scores, None, place)
    return NamedWords(nothing, named) if isinstance(named, Missing) else NamedWords(named, None)


def _goes_with(taken: str, named: NDArray[np.float64] | Missing, words: Sequence[str]) -> bool:
    """Say whether a token may be where a text begins its one word: a proxy may put its own text beside the tokens."""
    if isinstance(named, Missing) or (named == 0).sum() != 1:
        return True
    begins = [_begins(word, taken) for word in words]
    return not any(begins) or begins[int(named.argmax())]


def _first_place(reply: ChatReply, words: Sequence[str]) -> int | None:
    """Return the first place that does not hold marks alone, a quote, a star or a line's end, unless one is a word."""
    for number, place in enumerate(reply.places):
        is_word = any(place.taken.strip() == word.strip() for word in words)
        if is_word or any(spelling.strip(_QUOTES) for spelling in _spellings(place.taken)):
            return number
    return None


def by_tokens(tokens: Mapping[str, float], words: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the log-probability that a reply begins as each word does, (words); None where that is not certain.

    Several tokens may begin a word, such as those with a blank or in capitals. A word that none of the likeliest tokens
    begins gets the score of the least likely of them. It is not certain where the likeliest token begins no word or is
    one or two letters of it ('I' is no 'irony' yet), or the likeliest words begin alike.
    """
    begun = {token: [_begins(word, token) for word in words] for token in tokens}
    first = max(tokens, key=lambda token: tokens[token])
    if not any(begun[first]) or not _is_telling(first, words):
        return None
    lowest = min(tokens.values())
    scores = []
    for number in range(len(words)):
        begins = [value for token, value in tokens.items() if begun[token][number]]
        scores.append(float(np.logaddexp.reduce(begins)) if begins else lowest)
    table = np.array(scores)
    return table if (table == table.max()).sum() == 1 else None


def by_text(text: str, words: Sequence[str], *, is_cut: bool = False) -> NDArray[np.float64] | Missing:
    """Return 0 for the words that a text names and `LEAST` for the others, or why it names none.

    A text that begins with a word as a sentence of its own, or ends with one after 'the answer is', names that one.
    Else all words that stand in it are named. One that is denied ('not good') names nothing, for what holds instead
    is a guess; nor does a short word amid a sentence.
    """
    text = re.sub(r"(?<!\w)_+|_+(?!\w)", "", unicodedata.normalize("NFC", text))  # as Markdown stresses words
    found = mentions(text, words)
    if not found:
        return Missing.CUT_OFF if is_cut else _none_named(text)
    if _stands_first(text, found):
        return _scores(found[:1], words)
    if is_cut:
        return Missing.CUT_OFF
    if _is_led_to(text, found):
        return _scores(found[-1:], words)
    doubt = _doubt(text, found)
    return _scores(found, words) if doubt is None else doubt


def _none_named(text: str) -> Missing:
    return Missing.REFUSED if _REFUSES.match(text) else Missing.NO_ANSWER


def _doubt(text: str, found: Sequence[Mention]) -> Missing | None:
    """Return why words that stand in a text may not be meant: they are denied, or short ones amid a sentence."""
    if any(_is_denied(text, mention) for mention in found):
        return Missing.NO_ANSWER if len({mention.number for mention in found}) == 1 else Missing.UNDECIDED
    return _none_named(text) if all(_is_lost(text, mention) for mention in found) else None


def mentions(text: str, words: Sequence[str]) -> list[Mention]:
    """Return where words stand in a text, in order; of those that begin at one place or overlap, the longest."""
    found = []
    for number, word in enumerate(words):
        wanted = _searched(word.strip())
        found += [Mention(match.start(), match.end(), number) for match in wanted.finditer(text)]
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        if all(mention.end <= other.start or mention.start >= other.end for other in kept):
            kept.append(mention)
    return sorted(kept)


@cache
def _searched(word: str) -> re.Pattern[str]:
    """Return what finds a word that is no part of a longer one; scripts without blanks have no such ends."""
    before = "" if re.match(f"[{_UNSPACED}]", word) else r"(?<!\w)"
    after = "" if re.search(f"[{_UNSPACED}]$", word) else r"(?!\w)"
    parts = re.split(r"[\s_-]+", unicodedata.normalize("NFC", word).strip(" _-")) if word.strip(" _-") else [word]
    wanted = r"[\s_-]+".join(map(re.escape, parts))
    return re.compile(f"{before}{wanted}{after}", re.IGNORECASE)


def _stands_first(text: str, found: Sequence[Mention]) -> bool:
    """Say whether a text begins with a word that ends its sentence or its line, and no other word has a line."""
    first, others = found[0], [mention for mention in found if mention.number != found[0].number]
    lead = text[: first.start]
    if lead.strip(_QUOTES) and not (_LEADS.search(lead) and not re.search(r"[.!?\n]", lead.strip())):
        return False
    rest = text[first.end :].lstrip("\"'`*_)]}\u2019\u201d\u00bb")
    others = [mention for mention in others if not _is_denied(text, mention)]
    if others and (_HEADS.match(rest) or _THINKS_AGAIN.search(rest)):
        return False  # 'positive: 0.1, negative: 0.9', or 'positive. Wait, it is negative'
    ends = not rest.strip() or rest[0] in ".!;\n" or _HEADS.match(rest) is not None
    return ends and not _is_denied(text, first) and not any(_has_line(text, mention) for mention in others)


def _has_line(text: str, mention: Mention) -> bool:
    before = re.split(r"[\n.;]", text[: mention.start])[-1]
    after = re.split(r"[\n.;]", text[mention.end :])[0]
    return not re.sub(r"[\d)]", "", before).strip(_QUOTES) and not after.strip(_QUOTES)


def _is_led_to(text: str, found: Sequence[Mention]) -> bool:
    """Say whether the last word of a text stands behind 'the answer is', and no other does."""
    led = [mention for mention in found if _LEADS.search(text[: mention.start])]
    if not led or led[-1] != found[-1] or len({mention.number for mention in led}) > 1:
        return False
    return not any(_is_denied(text, mention) for mention in led)


def _is_denied(text: str, mention: Mention) -> bool:
    """Say whether a denial stands before a word in its sentence, or answers it: 'biased: no'."""
    before = re.split(r"[.!?;\n]", text[: mention.start])[-1]
    is_denied = _DENIES.search(before) is not None or before[-1:] in (*_DENIES_AT_ONCE,)
    return is_denied or _DENIED.match(text[mention.end :]) is not None


def _is_lost(text: str, mention: Mention) -> bool:
    """Say whether a short word stands amid others, where it could mean anything: 'no idea', 'a good film'."""
    if mention.end - mention.start > _SHORT or re.search(f"[{_UNSPACED}]", text[mention.start : mention.end]):
        return False
    before, after = text[: mention.start], text[mention.end :]
    is_marked = before[-1:] in ("*", '"', "'", "`", "(", ":", "\u201c") and after[:1] in (
        "*",
        '"',
        "'",
        "`",
        ")",
        "\u201d",
    )
    is_last = re.fullmatch(r"[\s.!\"'*`)\]}\u201d]*", after) is not None
    is_first = not before.strip(_QUOTES) and after[:1] in (",", ".", "!", ";", ":", "\n", "")
    return not (is_marked or is_last or is_first)


def _scores(named: Sequence[Mention], words: Sequence[str]) -> NDArray[np.float64]:
    scores = np.full(len(words), LEAST)
    scores[[mention.number for mention in named]] = 0.0
    return scores


def _begins(word: str, token: str) -> bool:
    """Say whether a token is how a word begins, however the server spells it."""
    start = [spelling.strip(_QUOTES).casefold() for spelling in _spellings(token)]
    wanted = word.strip().casefold()
    return any(spelling and wanted.startswith(spelling) for spelling in (token.strip().casefold(), *start))


def _is_telling(token: str, words: Sequence[str]) -> bool:
    """Say whether a token is more than one or two letters of a longer word."""
    spelled = [token.strip().casefold(), *(spelling.strip(_QUOTES).casefold() for spelling in _spellings(token))]
    whole = {word.strip().casefold() for word in words}
    return any(len(one) >= _SHORT or not one.isascii() or one in whole for one in spelled if one)


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
