"""How a prompt becomes the text that a model reads, and a word the text that follows it."""

from collections.abc import Sequence
from typing import TypeVar

from embedders.predictors.language.contract import Question

T = TypeVar("T", int, str)


def joined(text: str, more: str) -> str:
    """Return a text and what follows it: one space between, unless the text is empty or ends in whitespace."""
    return text + more if not text or text[-1].isspace() else f"{text} {more}"


def plain(question: Question) -> str:
    """Return a prompt as one text: the system prompt, a blank line, the text, and what the model has said of it."""
    text = question.text if question.system is None else f"{question.system}\n\n{question.text}"
    return with_reasoning(text, question)


def common(rows: Sequence[list[T]]) -> int:
    """Return how many first elements all rows share."""
    first, last = min(rows), max(rows)  # what these two share, all between them share
    return next((n for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))


def with_reasoning(text: str, question: Question) -> str:
    """Return a text with the reasoning and its conclusion after it, if there are any."""
    if question.reasoning is None:
        return text
    reasoned = joined(text, question.reasoning.strip()) if question.reasoning.strip() else text
    return f"{reasoned}\n{question.conclusion}" if question.conclusion else reasoned
