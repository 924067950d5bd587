"""What an OpenAI-compatible endpoint replies, taken apart with care: servers differ in what they leave out."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedders.predictors.language.texts import common
from registry.data.predictions import Missing

_REASONING = re.compile(  # as models write it into their reply: what begins and ends it
    r"<(think|thinking|thought|reasoning|reflection)>.*?</\1>|\[THINK\].*?\[/THINK\]|◁think▷.*?◁/think▷",
    re.DOTALL | re.IGNORECASE,
)
_ENDS_REASONING = re.compile(  # without a beginning, where the chat template has written that
    r"^.*(</(think|thinking|thought|reasoning|reflection)>|\[/THINK\]|◁/think▷|<\|channel\|>final<\|message\|>)",
    re.DOTALL | re.IGNORECASE,
)
_STILL_REASONING = re.compile(  # without an end
    r"(<(think|thinking|thought|reasoning|reflection)>|\[THINK\]|◁think▷|<\|channel\|>analysis<\|message\|>).*$",
    re.DOTALL | re.IGNORECASE,
)
_SAID_AFTER = re.compile(r"<\|(end|return|im_end|eot_id|end_of_text|endoftext)\|>\s*$")
_ALIASES = ("reasoning_content", "reasoning")  # where servers put what a model thinks


class NotOfferedError(Exception):
    """A reply lacks what was asked for."""


class Echo(NamedTuple):
    """A text as the server's model reads it."""

    tokens: list[str]
    log_probs: list[float]  # of each token after those before it; the first has none, and stands as NaN


class LikelyTokens(NamedTuple):
    """What could have stood at one place of a reply."""

    taken: str  # the token that stands there
    log_probs: dict[str, float]  # of the likeliest


class ChatReply(NamedTuple):
    """What a chat's reply, or a completion, holds: a text, or why there is none."""

    text: str  # without reasoning
    reasoning: str
    missing: Missing | None  # why the text, if there is one, is not to be read
    is_cut: bool  # by the most tokens that it might have
    places: list[LikelyTokens]  # token by token, reasoning among them; empty where the server tells none
    written: str  # all of it, as it came: reasoning, text, or the words of a refusal


def echoes(reply: Mapping[str, Any], count: int) -> list[Echo]:
    """Return the texts that were sent as tokens, without those written after them; raise `NotOfferedError`."""
    choices = reply.get("choices")
    if (
        not isinstance(choices, list)
        or len(choices) != count
        or not all(isinstance(choice, dict) for choice in choices)
    ):
        raise NotOfferedError
    if all(isinstance(choice.get("index"), int) for choice in choices):
        choices = sorted(choices, key=lambda choice: int(choice["index"]))
    usage = reply.get("usage")
    written = usage.get("completion_tokens") if isinstance(usage, dict) else None
    each = written // count if isinstance(written, int) and written % count == 0 else 1
    return [_echo(choice.get("logprobs"), each) for choice in choices]


def _echo(logprobs: Any, written: int) -> Echo:  # noqa: ANN401 - JSON
    tokens, scores = (
        logprobs.get(name) if isinstance(logprobs, dict) else None for name in ("tokens", "token_logprobs")
    )
    if not isinstance(tokens, list) or not isinstance(scores, list) or not len(tokens) == len(scores) > written:
        raise NotOfferedError
    kept = len(tokens) - written
    numbers = [_finite(score) for score in scores[1:kept]]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        raise NotOfferedError
    return Echo([str(token) for token in tokens[:kept]], [math.nan, *known])  # of the first, servers differ


def scored_echoes(prompt: Echo, wholes: Sequence[Echo]) -> tuple[NDArray[np.float64], float]:
    """Return the words' mean log-likelihoods (words), and the prompt's own: as a local model scores them.

    Args:
        prompt: the prompt alone.
        wholes: the prompt with each of the words.
    """
    known = common([prompt.tokens, *(whole.tokens for whole in wholes)])
    if any(len(whole.tokens) == known for whole in wholes):
        known -= 1
    if known < 1:
        raise NotOfferedError
    table = np.array([np.mean(whole.log_probs[known:]) for whole in wholes])
    own = prompt.log_probs[1:known]
    if not np.isfinite(table).all():
        raise NotOfferedError
    return table, float(np.mean(own)) if own else 0.0


def chat_reply(reply: Mapping[str, Any]) -> ChatReply:
    """Take a chat's reply, or a completion, apart; raise `NotOfferedError` where it has no such form."""
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        raise NotOfferedError
    choice: dict[str, Any] = next((choice for choice in choices if choice.get("index") == 0), choices[0])
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {"content": choice.get("text")}
        if not isinstance(message["content"], str):
            raise NotOfferedError
    written = _joined_parts(message.get("content"))
    if written is None:
        raise NotOfferedError
    text, inner = without_reasoning(written)
    told = "".join(str(message[name]) for name in _ALIASES if isinstance(message.get(name), str))
    is_cut = choice.get("finish_reason") in ("length", "max_tokens")
    missing = _why_none(choice, message, text, is_cut=is_cut)
    refusal = message.get("refusal")
    whole = "\n".join(filter(None, (told, written, refusal if isinstance(refusal, str) else "")))
    return ChatReply(text, told or inner, missing, is_cut, _places(choice), whole)


def without_reasoning(written: str) -> tuple[str, str]:
    """Return a reply's text without what the model thought before it, and what it thought."""
    text = _REASONING.sub("\n", written)
    text = _ENDS_REASONING.sub("", text)
    text = _STILL_REASONING.sub("", text)
    text = _SAID_AFTER.sub("", text).strip()
    return text, "" if text == written.strip() else written.strip().removesuffix(text).strip()


def _joined_parts(content: Any) -> str | None:  # noqa: ANN401 - JSON
    """Return the text of a message: one text, or the parts of one that are texts. None where it has another form."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [part if isinstance(part, str) else _part(part) for part in content]
    return "".join(text for text in texts if text is not None)


def _part(part: Any) -> str | None:  # noqa: ANN401 - JSON
    is_text = isinstance(part, dict) and part.get("type", "text") in ("text", "output_text")
    text = part.get("text") if is_text else None
    return text if isinstance(text, str) else None


def _why_none(choice: Mapping[str, Any], message: Mapping[str, Any], text: str, *, is_cut: bool) -> Missing | None:
    """Return why a reply is none: refused, kept back, cut off while it reasoned, a tool call, or empty."""
    refusal = message.get("refusal")
    if choice.get("finish_reason") == "content_filter" or (isinstance(refusal, str) and refusal.strip()):
        return Missing.REFUSED
    if text:
        return None
    return Missing.CUT_OFF if is_cut else Missing.EMPTY


def _places(choice: Mapping[str, Any]) -> list[LikelyTokens]:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    places = []
    for place in content if isinstance(content, list) else []:
        if not isinstance(place, dict):
            return []
        likeliest = place.get("top_logprobs")
        rows = [row for row in likeliest if isinstance(row, dict)] if isinstance(likeliest, list) else []
        numbers = [(_token(row), _finite(row.get("logprob"))) for row in rows]
        known = {token: value for token, value in numbers if value is not None}
        if not known:
            return []  # a server that tells none for a place tells none that could be relied on
        taken = place.get("token")
        first = max(known, key=lambda token: known[token])
        places.append(LikelyTokens(_token(place) if isinstance(taken, str) else first, known))
    return places


def _finite(value: object) -> float | None:
    """Return a number as JSON may hold it, None for what is none or no finite one."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _token(row: Mapping[str, Any]) -> str:
    """Return a token's text: as its bytes say, where they are told, for some servers show raw pieces."""
    held = row.get("bytes")
    if isinstance(held, list) and held:
        try:
            return bytes(held).decode()
        except (TypeError, ValueError):
            pass
    return str(row.get("token"))
