"""What an OpenAI-compatible endpoint replies, read with care: servers differ in what they leave out."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedders.predictors.language.texts import common

LEAST = math.log(1e-6)  # the score of a word that a reply does not speak of, where it tells no better


class NotOfferedError(Exception):
    """A reply lacks what was asked for."""


class Echo(NamedTuple):
    """A text as the server's model reads it."""

    tokens: list[str]
    log_probs: list[float]  # of each token after those before it; the first has none, and stands as NaN


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
    numbers = [math.nan, *scores[1:kept]]  # some servers give the first token 0, some nothing
    if not all(isinstance(number, int | float) for number in numbers):
        raise NotOfferedError
    return Echo([str(token) for token in tokens[:kept]], [float(number) for number in numbers])


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


def message_text(reply: Mapping[str, Any]) -> str:
    """Return the text of a chat's reply, or of a completion; raise `NotOfferedError`."""
    choice = _first_choice(reply)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    if text is None and isinstance(message, dict):
        return ""  # it was cut off while it still reasoned
    if not isinstance(text, str):
        raise NotOfferedError
    return text


def first_token(reply: Mapping[str, Any]) -> dict[str, float]:
    """Return the likeliest first tokens of a chat's reply with their log-probabilities; raise `NotOfferedError`."""
    logprobs = _first_choice(reply).get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        raise NotOfferedError
    likeliest = content[0].get("top_logprobs")
    rows = [row for row in likeliest if isinstance(row, dict)] if isinstance(likeliest, list) else []
    log_probs = {str(row.get("token")): row.get("logprob") for row in rows}
    tokens = {
        token: float(value)
        for token, value in log_probs.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    if not tokens:
        raise NotOfferedError
    return tokens


def by_first_token(tokens: Mapping[str, float], words: Sequence[str]) -> NDArray[np.float64]:
    """Return the log-probability that the reply begins as each word does, (words).

    Several tokens may begin a word, such as those with a blank or in capitals. A word that none of the likeliest tokens
    begins gets the score of the least likely of them.
    """
    lowest = min(tokens.values())
    scores = []
    for word in words:
        begins = [value for token, value in tokens.items() if _begins(word, token)]
        scores.append(float(np.logaddexp.reduce(begins)) if begins else lowest)
    return np.array(scores)


def by_text(text: str, words: Sequence[str]) -> NDArray[np.float64]:
    """Return 0 for the word that stands first in a text and `LEAST` for the others; 0 for all where none does.

    Of words that begin at the same place, the longest is meant.
    """
    places = []
    for number, word in enumerate(words):
        match = re.search(rf"(?<!\w){re.escape(word.strip())}(?!\w)", text, re.IGNORECASE)
        if match is not None:
            places.append((match.start(), -len(word), number))
    scores = np.full(len(words), LEAST if places else 0.0)
    if places:
        scores[min(places)[2]] = 0.0
    return scores


def _begins(word: str, token: str) -> bool:
    start = token.strip().casefold()
    return bool(start) and word.strip().casefold().startswith(start)


def _first_choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise NotOfferedError
    return choices[0]
