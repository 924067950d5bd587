"""How a prompt becomes the text that a model reads, and a word the text that follows it."""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from embedders.predictors.language.contract import Question

T = TypeVar("T", int, str)


def joined(text: str, more: str) -> str:
    """Return a text and what follows it: one space between, unless the text is empty or ends in whitespace."""
    return text + more if not text or text[-1].isspace() else f"{text} {more}"


def plain(asked: Question) -> str:
    """Return a prompt as one text: the system prompt, a blank line, the text, and what the model has said of it."""
    text = asked.text if asked.system is None else f"{asked.system}\n\n{asked.text}"
    return said(text, asked)


def chat(asked: Question, tokenizer: Any) -> str:  # noqa: ANN401 - a tokenizer with a chat template
    """Return a prompt in a chat template, as far as the answer's place; its special tokens are part of the text.

    Templates without a place for a system prompt get it before the text.
    """
    from jinja2.exceptions import TemplateError

    user = {"role": "user", "content": asked.text}
    system = [] if asked.system is None else [{"role": "system", "content": asked.system}]
    settings = {"tokenize": False, "add_generation_prompt": True}
    try:
        text = tokenizer.apply_chat_template([*system, user], **settings)
    except TemplateError:
        whole = [{"role": "user", "content": plain(asked._replace(reasoning=None))}]
        text = tokenizer.apply_chat_template(whole, **settings)
    return said(str(text), asked)


def common(rows: Sequence[list[T]]) -> int:
    """Return how many first elements all rows share."""
    first, last = min(rows), max(rows)  # what these two share, all between them share
    return next((n for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))


def said(text: str, asked: Question) -> str:
    """Return a text with the reasoning and its conclusion after it, if there are any."""
    if asked.reasoning is None:
        return text
    reasoned = joined(text, asked.reasoning.strip()) if asked.reasoning.strip() else text
    return f"{reasoned}\n{asked.conclusion}" if asked.conclusion else reasoned


def cut(asked: Question, fits: Callable[[Question], bool]) -> Question:
    """Return a prompt that fits: as many of its text's last words as there is room for, with all that is around it."""
    if fits(asked):
        return asked
    text = asked.text
    words = [found.start() for found in re.finditer(r"\S+", text)]
    start = _first(words, lambda place: fits(asked._replace(text=text[place:])))
    if start is None:  # one word fills it all
        start = _first(
            range(words[-1] if words else 0, len(text)), lambda place: fits(asked._replace(text=text[place:]))
        )
    return asked._replace(text="" if start is None else text[start:])


def _first(places: Sequence[int], is_far: Callable[[int], bool]) -> int | None:
    """Return the first of ordered places that is far enough, None where none is."""
    number = bisect_left(places, True, key=is_far)
    return places[number] if number < len(places) else None
