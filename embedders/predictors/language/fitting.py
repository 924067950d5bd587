"""Texts that are too long for a model under its prompt: their ends are cut, and all that stands around them stays."""

import re
from collections.abc import Callable, Sequence

from embedders.errors import BlackBoxError
from embedders.predictors.language.contract import Question
from registry.data.inputs import Input

PARTS = 1024  # of a text, of which as many are kept as fit
LONGEST_WORD = 40  # letters; what has no blank for longer is cut within


def fitted(
    inputs: Sequence[Input], ask: Callable[[Sequence[Input]], list[Question]], fits: Callable[[Question], bool]
) -> tuple[list[Question], int]:
    """Return the questions of inputs, and how many had to be cut to fit.

    Of a pair both texts keep the same share.

    Args:
        inputs: what is asked about.
        ask: inputs to questions.
        fits: whether the model can read a question whole.

    Raises:
        BlackBoxError: a question about nothing is too long already.
    """
    questions = ask(inputs)
    long = [number for number, question in enumerate(questions) if not fits(question)]
    if not long:
        return questions, 0
    kept = dict.fromkeys(long, 0)
    parts = PARTS // 2
    while parts:
        tried = ask([_beginning(inputs[number], kept[number] + parts) for number in long])
        for number, question in zip(long, tried, strict=True):
            if fits(question):
                kept[number] += parts
        parts //= 2
    for number, question in zip(long, ask([_beginning(inputs[n], kept[n]) for n in long]), strict=True):
        if not fits(question):
            raise BlackBoxError("The prompt is too long for the model, whatever the text is.")
        questions[number] = question
    return questions, len(long)


def _beginning(input_: Input, parts: int) -> Input:
    """Return an input of which so many of `PARTS` are kept."""
    pair = input_.text_pair
    return Input(_words(input_.text, parts), None if pair is None else _words(pair, parts))


def _words(text: str, parts: int) -> str:
    """Return the first words of a text that make up so many of its parts."""
    size = len(text) * parts // PARTS
    if size < len(text) and not text[size].isspace():
        begun = re.search(rf"\s\S{{0,{LONGEST_WORD}}}$", text[:size])
        size = size if begun is None else begun.start()
    return text[:size]
