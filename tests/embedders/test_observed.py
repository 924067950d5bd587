"""What an embedding is made from: the same form whether a dataset or a black box gave the labels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import opinions

from embedders.observed import DISTRACTORS, PASSAGE, from_answers, from_spans, from_task, passage
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData

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


# -- numbers -------------------------------------------------------------------------------------------

LIKENESS = TaskData(
    kind="regression",
    labels=None,
    train=(Example("a", "3.5", "b"), Example("a", "0", "c"), Example("a", "5", "d"), Example("a", "9", "e")),
    range=(0.0, 5.0),
)


def test_a_number_is_the_probability_of_the_high_end_of_its_scale() -> None:
    observed = from_task(LIKENESS, examples=512, seed=0)

    shares = {one.text_pair: row.tolist() for one, row in zip(observed.inputs, observed.probabilities, strict=True)}
    expected = {"b": [0.3, 0.7], "c": [1.0, 0.0], "d": [0.0, 1.0], "e": [0.0, 1.0]}  # 9 is cut off at 5
    assert shares == {name: pytest.approx(row) for name, row in expected.items()}
    assert observed.is_number
    assert (observed.answers, observed.options.tolist()) == (("0", "5"), [[0, 1]] * 4)


def test_the_ends_of_a_scale_can_have_names() -> None:
    named = replace(LIKENESS, answers={"low": "unlike", "high": "alike"})

    assert from_task(named, examples=512, seed=0).answers == ("unlike", "alike")


def test_a_number_stays_a_number_where_answers_are_hard() -> None:
    table = np.array([[0.3, 0.7], [0.9, 0.1]], np.float32)

    observed = from_answers(INPUTS[:2], ("0", "5"), table, hard=True, is_number=True)

    assert observed.probabilities.tolist() == table.tolist()


# -- answers in a passage ------------------------------------------------------------------------------


def test_an_answer_is_known_by_where_it_stands() -> None:
    task = TaskData(
        "question-answering",
        None,
        (
            Example("what is it", "fine", "it is fine and fine", answer_start=15),
            Example("what else", "dull", "a dull film", answer_start=2),
        ),
    )

    observed = from_task(task, examples=512, seed=0)

    assert observed.spans is not None
    stands = {one.text: span.tolist() for one, span in zip(observed.inputs, observed.spans, strict=True)}
    assert stands == {"what is it": [15, 19], "what else": [2, 6]}
    assert dict(zip((one.text for one in observed.inputs), observed.likeliest(), strict=True)) == {
        "what is it": "fine",
        "what else": "dull",
    }


def test_answers_that_stand_nowhere_are_left_out() -> None:
    pairs = (Input("a", "it is fine"), Input("b", "it is dull"), Input("c", None), Input("d", "great and great"))

    observed = from_spans(pairs, ["fine", "great", "poor", "great"], seed=0)

    assert [one.text for one in observed.inputs] == ["a", "d"]
    assert observed.spans is not None
    assert observed.spans.tolist() == [[6, 10], [0, 5]]


def test_no_answers_at_all_are_no_inputs() -> None:
    observed = from_spans((Input("a", "b"),), [""], seed=0)

    assert (observed.inputs, observed.answers) == ((), ())
    assert observed.spans is not None
    assert observed.spans.shape == (0, 2)


WORDS = st.lists(st.text("abcdefg", min_size=1, max_size=12), min_size=1, max_size=200)


@settings(deadline=None)
@given(WORDS, st.data(), st.integers(0, 2**32 - 1))
def test_a_passage_keeps_its_answer_in_whole_words_and_a_bounded_length(
    words: list[str], data: st.DataObject, seed: int
) -> None:
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    context, answer = " ".join(words), " ".join(words[first : last + 1])
    start = len(" ".join(words[:first])) + (first > 0)

    text, at = passage(context, start, answer, np.random.default_rng(seed))

    assert text[at : at + len(answer)] == answer
    assert len(text) <= max(PASSAGE, len(answer))
    assert text == context if len(context) <= PASSAGE else f" {text} " in f" {context} "
    assert context[max(0, start - at) :].startswith(text)


def test_an_answers_place_in_its_passage_is_drawn() -> None:
    context = " ".join(["word"] * 100 + ["answer"] + ["word"] * 100)
    random = np.random.default_rng(0)

    places = [passage(context, 500, "answer", random)[1] for _ in range(50)]

    assert min(places) < 50
    assert max(places) > PASSAGE - 60


def test_an_answer_longer_than_a_passage_is_all_that_is_kept() -> None:
    answer = "word " * 100 + "end"

    assert passage(f"before {answer} after", 7, answer, np.random.default_rng(0)) == (answer, 0)


# -- free text -----------------------------------------------------------------------------------------

ANSWERS = st.lists(
    st.sampled_from(["red", "green", "blue", "white", "black", "grey", "brown"]), min_size=1, max_size=30
)


@settings(deadline=None)
@given(ANSWERS, st.integers(0, 1000))
def test_a_free_answer_stands_among_answers_of_others_and_once(answers: list[str], seed: int) -> None:
    rows = tuple(Example(f"what colour has number {n}", answer) for n, answer in enumerate(answers))

    observed = from_task(TaskData("free-text", None, rows), examples=512, seed=seed)

    truth = {row.text: row.label for row in rows}
    assert observed.likeliest() == [truth[one.text] for one in observed.inputs]
    for options, right in zip(observed.options.tolist(), observed.probabilities.tolist(), strict=True):
        offered = [observed.answers[option] for option in options if option >= 0]
        assert len(set(offered)) == len(offered) <= DISTRACTORS + 1
        assert sum(right) == 1.0


def test_the_distractors_follow_the_seed() -> None:
    rows = tuple(Example(f"number {n}", f"answer {n}") for n in range(20))
    task = TaskData("free-text", None, rows)

    one, same, other = (from_task(task, examples=20, seed=seed) for seed in (0, 0, 1))

    assert (one.inputs, one.answers) == (same.inputs, same.answers)
    assert one.options.tolist() == same.options.tolist()
    assert set(one.answers[: DISTRACTORS + 1]) != set(other.answers[: DISTRACTORS + 1])


def test_some_observations_may_be_taken_in_any_order() -> None:
    inputs = tuple(Input("which word", f"it is {word} indeed") for word in ("blue", "green", "white"))
    observed = from_spans(inputs, ["blue", "green", "white"], seed=0)

    taken = observed.take([2, 0])

    assert taken.inputs == (inputs[2], inputs[0])
    assert taken.likeliest() == ["white", "blue"]
    assert taken.spans is not None
    assert taken.spans.tolist() == [[6, 11], [6, 10]]
    assert from_task(QUIZ, examples=3, seed=0).take([1]).spans is None
