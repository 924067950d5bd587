"""In which forms is an answer read of a reply's text, and in which is it none?"""

import numpy as np
import pytest
from reply_forms import NOT_READ, READ

from embedders.predictors.endpoint.reading import by_text
from registry.data.predictions import Missing


def named(text: str, words: tuple[str, ...]) -> str | None:
    """Return the one word that is named for certain."""
    found = by_text(text, words)
    if isinstance(found, Missing) or (found == found.max()).sum() > 1:
        return None
    return words[int(np.argmax(found))]


@pytest.mark.parametrize(("text", "words", "meant"), READ)
def test_an_answer_is_read_in_the_forms_that_models_give_it(text: str, words: tuple[str, ...], meant: str) -> None:
    assert named(text, words) == meant


@pytest.mark.parametrize(("text", "words"), NOT_READ)
def test_what_gives_no_answer_is_read_as_none(text: str, words: tuple[str, ...]) -> None:
    assert named(text, words) is None


def test_a_reply_that_goes_round_in_circles_gives_no_answer_but_at_its_end() -> None:
    """Each of its words was held against every other: such a reply took two minutes."""
    words, circles = ("positive", "negative"), "positive, because " * 5000

    assert named(circles, words) is None
    assert named(f"{circles}\nFinal answer: negative", words) == "negative"
