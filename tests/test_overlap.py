"""Shared examples, told from small signatures."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.formats.examples import Example
from registry.formats.tasks import read_task
from registry.overlap import KEPT, Signature


def sentence(number: int) -> str:
    """Twelve words out of a thousand."""
    return " ".join(f"word{word}" for word in np.random.default_rng(number).integers(0, 1000, 12))


def signature(numbers: Sequence[int]) -> Signature:
    return Signature.of(Example(sentence(number), "x") for number in numbers)


def test_the_share_is_that_of_the_smaller_task() -> None:
    assert signature(range(100)).shared(signature(range(70, 300))) == pytest.approx(0.3, abs=0.04)


def test_a_part_is_found_whole_in_a_task_fifty_times_as_large() -> None:
    whole, part = signature(range(5_000)), signature(range(500, 600))

    assert len(whole.texts) == KEPT
    assert part.shared(whole) == whole.shared(part) == 1.0  # estimated from some, and all of these are there


def test_of_large_tasks_the_share_is_estimated() -> None:
    assert signature(range(5_000)).shared(signature(range(3_000, 8_000))) == pytest.approx(0.4, abs=0.08)


def test_tasks_that_share_nothing_share_nothing() -> None:
    assert signature(range(2_000)).shared(signature(range(2_000, 4_000))) == 0.0


def test_blanks_capitals_and_marks_make_no_other_example() -> None:
    plain = [Example(sentence(number), "x") for number in range(50)]
    dressed = [Example(f"  {sentence(number).upper().replace(' ', '  ')} !", "y") for number in range(50)]

    assert Signature.of(plain).shared(Signature.of(dressed)) == 1.0


def test_edited_examples_are_known_by_their_runs_of_words() -> None:
    plain = [Example(sentence(number), "x") for number in range(100)]
    edited = [Example(f"{sentence(number)} indeed", "x") for number in range(100)]

    assert Signature.of(plain).shared(Signature.of(edited)) > 0.8


def test_a_pair_is_another_example_with_another_second_text() -> None:
    one = Signature.of(Example("why", "x", f"answer {number}") for number in range(20))
    two = Signature.of(Example("why", "x", f"reply {number}") for number in range(20))

    assert one.shared(two) == 0.0


def test_less_than_eight_hashes_in_common_say_nothing() -> None:
    few = [Example(f"a{number}", "x") for number in range(7)]
    enough = [*few, Example("a7", "x")]

    assert Signature.of(few).shared(Signature.of(few)) == 0.0
    assert Signature.of(enough).shared(Signature.of(enough)) == 1.0


@given(st.lists(st.integers(0, 60), max_size=80), st.lists(st.integers(0, 60), max_size=80))
def test_sharing_is_mutual_and_survives_being_kept(one: list[int], other: list[int]) -> None:
    a, b = signature(one), signature(other)

    kept = Signature.from_bytes(a.as_bytes())

    assert np.array_equal(kept.texts, a.texts)
    assert np.array_equal(kept.runs, a.runs)
    assert a.shared(b) == b.shared(a) == kept.shared(b)
    assert 0.0 <= a.shared(b) <= 1.0


def test_real_tasks_made_of_the_same_reviews_share_examples_and_others_do_not(data: str) -> None:
    names = ("movie_review", "sst2", "snli", "trec")
    tasks = {name: read_task(f"{data}/tasks/{name}") for name in names}
    known = {name: Signature.of((*task.train, *task.test)) for name, task in tasks.items()}

    assert known["movie_review"].shared(known["sst2"]) == pytest.approx(0.27, abs=0.08)
    assert known["snli"].shared(known["trec"]) < 0.01
    assert known["sst2"].shared(known["snli"]) < 0.01
