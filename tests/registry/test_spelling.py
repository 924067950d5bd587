"""What is disregarded where answers, or texts, are compared."""

import numpy as np
import pytest

from registry.data.examples import Example
from registry.data.predictions import Predictions
from registry.data.spelling import as_heard, bare, plain, spelling_key, unmarked
from registry.data.tasks import TaskData
from registry.prompts.fit import answers_problem
from registry.prompts.prompt import Prompt

JOINED, APART = "caf\u00e9", "cafe\u0301"  # one word, in the two ways in which Unicode writes its last letter
TASK = TaskData("classification", (JOINED, "bar"), tuple(Example(place, place) for place in (JOINED, "bar")))


def test_answers_meet_labels_in_whichever_way_their_letters_are_joined() -> None:
    """They look the same, so that nobody could tell why they are not."""
    prompt = Prompt("{{text}}?", (APART, "bar"), ((APART,), ("bar",)))

    assert answers_problem(prompt, TASK, "places") is None
    said = Predictions((APART, "bar"), np.eye(2, dtype=np.float32)).in_columns((JOINED, "bar"))
    assert said.probabilities.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Very  good", "very good\n", "plain unmarked as_heard"),
        (APART, JOINED, "plain unmarked as_heard"),
        ("**Good.**", "good", "unmarked as_heard"),
        ("\u201cGood.\u201d", "good", "unmarked as_heard"),
        ("\xabbon\xbb", "bon", "unmarked as_heard"),
        ("\u300c\u597d\u300d\u3002", "\u597d", "unmarked as_heard"),
        ("\u0645\u0648\u062c\u0628\u061b", "\u0645\u0648\u062c\u0628", "unmarked as_heard"),
        ("\u0905\u091a\u094d\u091b\u093e\u0964", "\u0905\u091a\u094d\u091b\u093e", "unmarked as_heard"),
        ("STRASSE", "Stra\u00dfe", "as_heard"),
        (":-)", ":-(", ""),
        ("-1", "1", ""),
        ("\u22121", "1", ""),
    ],
)
def test_each_form_of_an_answer_disregards_what_the_one_before_does_and_more(one: str, other: str, alike: str) -> None:
    forms = {"plain": plain, "unmarked": unmarked, "as_heard": as_heard}

    assert " ".join(name for name, form in forms.items() if form(one) == form(other)) == alike


def test_a_text_is_known_again_by_its_words_and_its_label_by_its_signs_too() -> None:
    assert bare("So good :)") == bare("so good :(")
    assert spelling_key("So good :)") != spelling_key("so good :(")
    assert spelling_key("So 'good', really.") == spelling_key("so good really")
