"""What an embedding is made from: the same form whether a dataset or a black box gave the labels."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import opinions

from embedders.observed import from_answers, from_task
from registry.formats.corpora import Input
from registry.formats.tasks import Example, TaskData

QUIZ = TaskData(
    kind="multiple-choice",
    labels=None,
    train=(
        Example("the sky is", "blue", choices=("blue", "green")),
        Example("grass is", "green", choices=("red", "blue", "green")),
        Example("snow is", "white", choices=("black", "white")),
    ),
)
INPUTS = (Input("a"), Input("b", "c"), Input("d"))


def test_a_classification_task_becomes_one_certain_answer_per_example(sentiment: TaskData) -> None:
    observed = from_task(sentiment, examples=512, seed=0)

    labels = [observed.answers[row.argmax()] for row in observed.probabilities]
    assert dict(zip(observed.inputs, labels, strict=True)) == {
        Input("a fine film"): "positive",
        Input("a dull film"): "negative",
    }
    assert observed.answers == ("negative", "positive")
    assert observed.options.tolist() == [[0, 1], [0, 1]]
    assert sorted(observed.probabilities.tolist()) == [[0.0, 1.0], [1.0, 0.0]]
    assert observed.has_fixed_options


def test_a_label_is_known_by_its_answers_text_where_it_has_one(sentiment: TaskData) -> None:
    told = replace(sentiment, answers={"positive": "It was great."})

    assert from_task(told, examples=512, seed=0).answers == ("negative", "It was great.")


def test_pairs_of_texts_stay_pairs() -> None:
    task = TaskData("classification", ("no", "yes"), (Example("a", "yes", "b"), Example("a", "no", "c")))

    assert set(from_task(task, examples=512, seed=0).inputs) == {Input("a", "b"), Input("a", "c")}


def test_choices_of_different_numbers_are_padded_with_what_cannot_be_answered() -> None:
    observed = from_task(QUIZ, examples=512, seed=0)

    rows = {
        text.text: ([observed.answers[o] if o >= 0 else None for o in options], right)
        for text, options, right in zip(
            observed.inputs, observed.options.tolist(), observed.probabilities.tolist(), strict=True
        )
    }
    assert rows == {
        "the sky is": (["blue", "green", None], [1.0, 0.0, 0.0]),
        "grass is": (["red", "blue", "green"], [0.0, 0.0, 1.0]),
        "snow is": (["black", "white", None], [0.0, 1.0, 0.0]),
    }
    assert sorted(observed.answers) == ["black", "blue", "green", "red", "white"]
    assert not observed.has_fixed_options


def test_choices_that_are_the_same_throughout_are_fixed_options() -> None:
    rows = tuple(Example(f"is {n} even", "no" if n % 2 else "yes", choices=("yes", "no")) for n in range(4))

    observed = from_task(TaskData("multiple-choice", None, rows), examples=512, seed=0)

    assert observed.has_fixed_options
    assert observed.options.tolist() == [[0, 1]] * 4


def test_the_seed_decides_which_examples_and_in_which_order() -> None:
    task = opinions(60)

    one, same, other = (from_task(task, examples=20, seed=seed) for seed in (0, 0, 1))

    assert one.inputs == same.inputs
    assert one.probabilities.tolist() == same.probabilities.tolist()
    assert set(one.inputs) != set(other.inputs)


@pytest.mark.parametrize(("asked", "got"), [(1, 1), (20, 20), (60, 60), (512, 60)])
def test_no_more_examples_are_taken_than_asked_for_and_none_twice(asked: int, got: int) -> None:
    observed = from_task(opinions(60), examples=asked, seed=0)

    assert len(set(observed.inputs)) == len(observed.inputs) == got
    assert observed.probabilities.sum(axis=1).tolist() == [1.0] * got


def test_answers_of_a_black_box_are_kept_as_probabilities() -> None:
    table = np.array([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]])

    observed = from_answers(INPUTS, ("no", "yes"), table.astype(np.float32))

    assert (observed.inputs, observed.answers) == (INPUTS, ("no", "yes"))
    assert observed.probabilities.ravel().tolist() == pytest.approx(table.ravel().tolist())
    assert observed.options.tolist() == [[0, 1]] * 3


def test_hard_answers_keep_the_likeliest_and_the_first_of_equals() -> None:
    table = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [0.0, 0.1, 0.9]], np.float32)

    observed = from_answers(INPUTS, ("a", "b", "c"), table, hard=True)

    assert observed.probabilities.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert observed.probabilities.dtype == np.float32
