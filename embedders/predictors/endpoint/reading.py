"""Which answer does a reply name? Only what is certain is read; the rest is no answer, with its reason."""

import math
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedders.predictors.endpoint.mentions import Mention, Unit, mentions, units
from embedders.predictors.endpoint.phrases import DENIES, Form, form_of, is_denied
from embedders.predictors.endpoint.replies import ChatReply, LikelyTokens
from embedders.predictors.endpoint.tokens import begins, by_tokens, first_place
from registry.data.predictions import Missing

LEAST = math.log(1e-6)  # the score of a word that a reply's text does not name
MOST_NAMED = (
    200  # words in a sentence that is looked at: one that names more goes round in circles, and gives no answer
)
_MARKS = '*`"\u201c\u201d\u201e\u00ab\u00bb'  # that stress or quote a word
_TAGS = re.compile(r"<(answer|final_answer|label|final|result|output)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\{\s*(?:\\(?:text|textbf|mathrm)\{)?([^{}]*)\}+")
_OUT_OF = re.compile(
    r"(\d)\s+out of\s+\d+|((?:rating|score|stars|grade)\W+\d+)\s?/\s?(?:5|10|100)(?!\d)", re.IGNORECASE
)
_QUOTED = re.compile(r"\s\"\w[^\"\n]*\s[^\"\n]*\"(?=\s)")  # of the text that was asked about
_NEXT_KEY = re.compile(r"(?<=[\"\d\]el])\s*,\s*(?=\"[^\"\n]{1,40}\"\s*:)")  # of an object of JSON
_JOINS = re.compile(r"[^\w?]*(?:(?<=\s)(?:and|or|und|oder|et|ou|y|o|e|en|of|och|og|ja|tai)(?=\s)|[和或])?[^\w?]*")
_CONTRASTS = re.compile(
    r"[\s,(]*(?:(?:and|but)\s+)?(?:not|rather than|instead of|nicht|non|pas|no|não|не|而不是|不是)\s*"
    r"(?:(?:a|an|the)\s+)?\W*",
    re.IGNORECASE,
)
_THINKS_AGAIN = re.compile(
    r"(?<!\w)(?:wait|actually|on (?:second thought|reflection)|correction|i mean|scratch that|i take that back)(?!\w)|"
    r"^\W*(?:no|sorry),",
    re.IGNORECASE,
)
_TAKES_BACK = re.compile(r"\s*(?:not(?: really| at all)?|nope|just kidding)\W*(?:$|\n)", re.IGNORECASE)
_REFUSES = re.compile(  # at the start of a reply
    r"\W*(?:unfortunately,?\s+)?(?:i['\u2019]?m (?:very |so )?sorry|sorry|i am (?:very |so )?sorry|i apologi[sz]e|"
    r"my apologies|i can(?:no|['\u2019])t|i(?: am|['\u2019]m) (?:unable|not able)|i must (?:decline|refuse)|i decline|"
    r"i(?: do not|['\u2019] ?don['\u2019]t| don['\u2019]t) feel comfortable|i won['\u2019]t|as an ai)(?!\w)",
    re.IGNORECASE,
)
_REGRETS = re.compile(
    r"(?:sorry|apologi\w+) (?:to hear|to read|about|that (?:you|the)|for your)|as an ai", re.IGNORECASE
)


class NamedWords(NamedTuple):
    """What was read of a reply: a score for each word, or why none can be told."""

    scores: NDArray[np.float64]  # (words); zeros where there is a reason
    missing: Missing | None
    place: int | None = None  # of the token that it was read from; None: from the text


class Claim(NamedTuple):
    """A sentence that gives words as its answer."""

    form: Form
    numbers: frozenset[int]  # of the words
    unit: int


def read_reply(reply: ChatReply, words: Sequence[str]) -> NamedWords:
    """Return how likely each word is by a reply: by the tokens that could begin it, else by its text.

    The tokens count where the text that they begin names their word: 'Not' may begin 'not spam' and 'not sure'. A text
    that names words of several answers has the same score for them all: who knows the answers sees the tie.
    """
    nothing = np.zeros(len(words))
    if reply.missing is not None:
        return NamedWords(nothing, reply.missing)
    place = first_place(reply.places, words)
    scores = None if place is None else by_tokens(reply.places[place].log_probs, words)
    named = by_text(reply.text, words, is_cut=reply.is_cut)
    if isinstance(named, Missing):
        return NamedWords(nothing, named)
    if scores is not None and place is not None and _goes_with(reply.places[place], scores, named, words):
        return NamedWords(scores, None, place)
    return NamedWords(named, None)


def _goes_with(
    place: LikelyTokens, scores: NDArray[np.float64], named: NDArray[np.float64], words: Sequence[str]
) -> bool:
    """Say whether tokens may be where a text begins its one word.

    A proxy may put its own text beside the tokens; and where the likeliest of these begins several words, as 'sci' does
    'science' and 'sci-fi', the text tells which.
    """
    if (named == 0).sum() != 1:
        return True
    word = int(named.argmax())
    begun = [begins(one, place.taken) for one in words]
    if any(begun) and not begun[word]:
        return False
    first = max(place.log_probs, key=lambda token: place.log_probs[token])
    return sum(begins(one, first) for one in words) < 2 or int(scores.argmax()) == word


def by_text(text: str, words: Sequence[str], *, is_cut: bool = False) -> NDArray[np.float64] | Missing:
    """Return 0 for the words that a text names and `LEAST` for the others, or why it names none.

    A word is named in one of the forms that are known: alone, as a line or a sentence of its own, behind a lead such as
    'the answer is', with its reason behind it, or in a short sentence such as 'This text is X'. A word that stands
    elsewhere, or in a question, is not. Where sentences name different words the surest form counts, and all words that
    are named in that form.
    """
    text = _plain(text, words)
    found = mentions(text, words)
    if _refuses(text):
        return Missing.REFUSED
    if not found:
        return Missing.CUT_OFF if is_cut else Missing.NO_ANSWER
    parts = units(text)
    claims = _claims(text, parts, found)
    if is_cut and not _is_said_first(text, parts, claims):
        return Missing.CUT_OFF
    return _decided(text, parts, found, claims, words)


def _plain(text: str, words: Sequence[str]) -> str:
    """Return a text without what stresses and quotes its words, what is struck out, and the frames around answers."""
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'").replace("\u2212", "-")
    text = re.sub(r"(?<!\w)\u2013(?=\d)", "-", text)  # a dash as a minus
    text = re.sub(r"~~[^~\n]*~~", "", text)
    for frame in (_TAGS, _BOXED):
        text = frame.sub(lambda match: f"\nfinal answer: {match[match.lastindex or 0].strip()}\n", text)
    text = _NEXT_KEY.sub("\n", _OUT_OF.sub(lambda match: match[1] or match[2], text))
    text = re.sub(r"</?[A-Za-z][A-Za-z0-9_]{0,15}\s?/?>", " ", re.sub(r"\$([^$\n]*)\$", r"\1", text))
    text = _QUOTED.sub(lambda match: match[0] if mentions(match[0], words) or DENIES.search(match[0]) else "", text)
    marks = [mark for mark in _MARKS if not any(mark in word for word in words)]
    text = text.translate({ord(mark): None for mark in marks})
    return re.sub(r"(?<!\w)_+|_+(?!\w)", "", text)  # as Markdown stresses words


def _refuses(text: str) -> bool:
    """Say whether a reply begins with a refusal; to be sorry for what a text tells is none."""
    refusal = _REFUSES.match(text)
    return refusal is not None and _REGRETS.search(text[: refusal.end() + 20]) is None


# -- claims ----------------------------------------------------------------------------------------------


def _claims(text: str, parts: Sequence[Unit], found: Sequence[Mention]) -> list[Claim]:
    """Return which sentences give words as their answer."""
    claims = []
    starts = [mention.start for mention in found]
    for number, part in enumerate(parts):
        own = found[bisect_left(starts, part.start) : bisect_left(starts, part.end)]
        if not own or len(own) > MOST_NAMED or re.search(r"[?\uff1f][\W_]*$", text[part.start : part.end]):
            continue
        denied = {mention for mention in own if _is_denied(text, part, mention)}
        for run in _runs(text, own):
            form = _form(text, part, own, run, denied)
            if form is not Form.NONE:
                claims.append(Claim(form, frozenset(mention.number for mention in run), number))
    return claims


def _runs(text: str, own: Sequence[Mention]) -> list[list[Mention]]:
    """Return a sentence's words in groups that only marks and 'and' join: '1 (positive)', 'good or bad'."""
    runs: list[list[Mention]] = []
    for mention in own:
        if runs and (
            mention.start < runs[-1][-1].end or _JOINS.fullmatch(text, runs[-1][-1].end, mention.start) is not None
        ):
            runs[-1].append(mention)
        else:
            runs.append([mention])
    return runs


def _form(text: str, part: Unit, own: Sequence[Mention], run: Sequence[Mention], denied: Collection[Mention]) -> Form:
    start, end = run[0].start, run[-1].end
    form = form_of(text[part.start : start], text[start:end], text[_end_of_contrast(text, own, run) : part.end])
    if form not in (Form.ALONE, Form.HEADING):
        return form
    line = text[: part.start].rstrip().rpartition("\n")[2]
    if line.endswith((":", "\uff1a")) and DENIES.search(line):
        return Form.NONE  # 'It is not:' and the word below
    numbers = {mention.number for mention in run}
    if any(mention.number not in numbers and mention not in denied for mention in own):
        return Form.NONE  # 'positive, though negative in places'
    if any(mention.number in numbers and mention in denied and mention not in run for mention in own):
        return Form.NONE  # 'spam: there is no spam here'
    is_listed = text[start:end].isdigit() and text[end : end + 1] == "." and text[end + 1 :].partition("\n")[0].strip()
    return Form.HEADING if is_listed else form  # '1. The film is good'


def _end_of_contrast(text: str, own: Sequence[Mention], run: Sequence[Mention]) -> int:
    """Return where words end, or another behind them that is named as what does not hold: 'B (not A)'."""
    end = run[-1].end
    following = next((mention for mention in own if mention.start >= end), None)
    if following is None or following.number in {mention.number for mention in run}:
        return end
    return following.end if _CONTRASTS.fullmatch(text, end, following.start) else end


def _is_denied(text: str, part: Unit, mention: Mention) -> bool:
    return is_denied(text[part.start : mention.start], text[mention.end : part.end])


def _is_said_first(text: str, parts: Sequence[Unit], claims: Sequence[Claim]) -> bool:
    """Say whether a text that is cut off has given its answer first, for certain."""
    first = next((number for number, part in enumerate(parts) if re.search(r"\w", text[part.start : part.end])), 0)
    is_first = bool(claims) and claims[0].unit == first and claims[0].form >= Form.HEADING
    is_complete = first < len(parts) - 1 or text[parts[first].end :].strip(" ") != ""
    return is_first and (is_complete or claims[0].form in (Form.ALONE, Form.HEADING))


# -- what claims say together ----------------------------------------------------------------------------


def _decided(
    text: str, parts: Sequence[Unit], found: Sequence[Mention], claims: Sequence[Claim], words: Sequence[str]
) -> NDArray[np.float64] | Missing:
    if not claims:
        return Missing.NO_ANSWER if len({mention.number for mention in found}) == 1 else Missing.UNDECIDED
    kept = _kept(claims)
    named = _numbers(kept)
    others = [mention for mention in found if mention.number not in named]
    part_of = {mention: parts[bisect_right(parts, mention.start, key=attrgetter("start")) - 1] for mention in others}
    count_of = Counter(part_of.values())
    is_denied_of = {
        mention: count_of[part] <= MOST_NAMED and _is_denied(text, part, mention) for mention, part in part_of.items()
    }
    if max(claim.form for claim in kept) is Form.SENTENCE and any(is_denied_of.values()):
        return Missing.UNDECIDED  # 'it is dull, not great'
    last = parts[kept[-1].unit]
    if _TAKES_BACK.match(text, last.end):
        return Missing.NO_ANSWER
    for mention in others:
        part = part_of[mention]
        is_later = part.start > last.start and _THINKS_AGAIN.search(text[part.start : part.end]) is not None
        if is_later and not is_denied_of[mention]:
            return Missing.UNDECIDED
    if max(claim.form for claim in kept) <= Form.HEADING:
        named |= {mention.number for mention in others if not is_denied_of[mention]}
    return _scores(named, words)


def _kept(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims that count: the surest, and those that these cannot outweigh."""
    by_form = {form: [claim for claim in claims if claim.form is form] for form in Form}
    final, led, alone = by_form[Form.FINAL], by_form[Form.LED], by_form[Form.ALONE]
    if final and claims[-1].form is Form.FINAL:
        return final
    if final or led:
        is_list = len(_numbers(alone)) > 1  # of what may be answered
        return [claim for claim in claims if claim.form >= Form.LED or (claim in alone and not is_list)]
    return list(claims)


def _numbers(claims: Iterable[Claim]) -> set[int]:
    return {number for claim in claims for number in claim.numbers}


def _scores(named: Iterable[int], words: Sequence[str]) -> NDArray[np.float64]:
    scores = np.full(len(words), LEAST)
    scores[list(named)] = 0.0
    return scores
