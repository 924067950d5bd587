"""Shared examples, told from small signatures."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.data.examples import Example
from registry.data.signatures import Shared, Signature
from registry.formats.tasks import read_task


def sentence(number: int) -> str:
    """Twelve words out of a thousand."""
    return " ".join(f"word{word}" for word in np.random.default_rng(number).integers(0, 1000, 12))


def signature(numbers: Iterable[int]) -> Signature:
    return Signature.from_examples(Example(sentence(number), "xy"[number % 2]) for number in numbers)


def share(one: Signature, other: Signature) -> float | None:
    found = one.shared(other)
    return None if found is None else found.share


def test_the_share_is_that_of_the_smaller_task() -> None:
    assert share(signature(range(100)), signature(range(70, 300))) == 0.3


def test_a_small_task_is_found_whole_in_one_a_hundred_times_as_large() -> None:
    whole, part = signature(range(4_000)), signature(range(500, 540))

    assert share(part, whole) == share(whole, part) == 1.0


def test_tasks_that_share_nothing_share_nothing() -> None:
    assert share(signature(range(1_000)), signature(range(1_000, 2_000))) == 0.0


def test_blanks_capitals_and_marks_make_no_other_example() -> None:
    plain = [Example(sentence(number), "x") for number in range(50)]
    dressed = [Example(f"  {sentence(number).upper().replace(' ', '  ')} !", "y") for number in range(50)]

    assert share(Signature.from_examples(plain), Signature.from_examples(dressed)) == 1.0


@pytest.mark.parametrize(("sign", "another"), [("+", "-"), ("<", ">"), ("\U0001f60d", "\U0001f621")])
def test_signs_that_say_something_make_another_example(sign: str, another: str) -> None:
    one, other = (
        Signature.from_examples(Example(f"is {n} {its} {n + 7} right", "xy"[n % 2]) for n in range(30))
        for its in (sign, another)
    )

    assert share(one, other) == 0


def test_edited_examples_are_known_by_their_runs_of_words() -> None:
    plain = [Example(sentence(number), "x") for number in range(200)]
    edited = [Example(f"{sentence(number)} indeed", "x") for number in range(200)]

    assert share(Signature.from_examples(plain), Signature.from_examples(edited)) == pytest.approx(8 / 9, abs=0.07)


def test_a_passage_with_another_question_is_another_example() -> None:
    passages = [" ".join(sentence(number) for number in range(5 * i, 5 * i + 5)) for i in range(20)]
    one = Signature.from_examples(Example(sentence(1000 + i), "x", text) for i, text in enumerate(passages))
    two = Signature.from_examples(Example(sentence(2000 + i), "x", text) for i, text in enumerate(passages))

    assert share(one, two) == 0.0


def test_another_question_to_the_same_texts_is_told_from_the_same_one_by_other_names() -> None:
    texts = [sentence(number) for number in range(100)]
    asked = Signature.from_examples(Example(text, "xy"[i % 2]) for i, text in enumerate(texts))
    renamed = Signature.from_examples(Example(text, ("no", "yes")[i % 2]) for i, text in enumerate(texts))
    finer = Signature.from_examples(Example(text, f"grade {i % 4}") for i, text in enumerate(texts))
    other = Signature.from_examples(Example(text, "xy"[i // 2 % 2]) for i, text in enumerate(texts))

    assert asked.shared(renamed) == Shared(1.0, same_question=True)
    assert asked.shared(finer) == finer.shared(asked) == Shared(1.0, same_question=True)
    assert asked.shared(other) == Shared(1.0, same_question=False)


def test_one_and_the_same_answer_to_all_shared_examples_makes_no_same_question() -> None:
    films = [sentence(number) for number in range(100)]
    opinion = Signature.from_examples(Example(text, "good" if i % 10 else "bad") for i, text in enumerate(films))
    domain = Signature.from_examples(
        [*(Example(text, "film") for text in films), *(Example(sentence(i), "sport") for i in range(100, 200))]
    )
    seldom = Signature.from_examples(Example(text, "long" if i % 11 else "short") for i, text in enumerate(films))
    renamed = Signature.from_examples(Example(text, "yes" if i % 10 else "no") for i, text in enumerate(films))

    assert opinion.shared(domain) == domain.shared(opinion) == Shared(1.0, same_question=False)
    assert opinion.shared(seldom) == seldom.shared(opinion) == Shared(1.0, same_question=False)
    assert opinion.shared(renamed) == renamed.shared(opinion) == Shared(1.0, same_question=True)
    assert domain.shared(domain) == Shared(1.0, same_question=True)


def test_of_less_than_eight_different_examples_nothing_is_said() -> None:
    few, enough = [Example(f"a{number}", "x") for number in range(7)], [Example(f"a{n}", "x") for n in range(8)]

    assert Signature.from_examples(few).shared(Signature.from_examples(few)) is None
    assert Signature.from_examples([Example("a", "x")] * 20).shared(Signature.from_examples(enough)) is None
    assert share(Signature.from_examples(enough), Signature.from_examples(enough)) == 1.0


@given(st.lists(st.integers(0, 60), max_size=80), st.lists(st.integers(0, 60), max_size=80))
def test_sharing_is_mutual_and_survives_being_kept(one: list[int], other: list[int]) -> None:
    a, b = signature(one), signature(other)

    kept = Signature.from_bytes(a.as_bytes())

    assert np.array_equal(kept.exact, a.exact)
    assert np.array_equal(kept.edited, a.edited)
    assert a.shared(b) == b.shared(a) == kept.shared(b)


def test_real_tasks_made_of_the_same_reviews_share_examples_and_others_do_not(data: Path) -> None:
    names = ("movie_review", "sst2", "snli", "trec")
    tasks = {name: read_task(f"{data}/tasks/{name}") for name in names}
    known = {name: Signature.from_examples((*task.train, *task.test)) for name, task in tasks.items()}

    alike = known["movie_review"].shared(known["sst2"])
    assert alike is not None
    assert alike.share == pytest.approx(0.25, abs=0.05)
    assert alike.same_question
    for one, other in (("snli", "trec"), ("sst2", "snli"), ("movie_review", "trec")):
        assert (share(known[one], known[other]) or 0.0) < 0.01
