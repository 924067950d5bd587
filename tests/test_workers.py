"""Parts of a computation, each on a thread of its own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import opinions, sentences, tiny_encoder

from embedders.methods import METHODS
from embedders.observed import from_task
from embedders.surrogate import Surrogate
from embedders.workers import side_by_side
from registry.formats.corpora import Input

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_parts() -> None:
    assert side_by_side(lambda part: part * part, range(50), device=CPU) == [part * part for part in range(50)]


def test_each_part_has_one_thread_and_the_caller_keeps_its_own() -> None:
    inside = side_by_side(lambda _: torch.get_num_threads(), range(8), device=CPU)
    later: list[int] = []
    other = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    other.start()
    other.join()

    assert set(inside) == {1}
    assert torch.get_num_threads() == 2
    assert later == [2]  # of a thread that begins afterwards


def test_what_a_part_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda part: 1 // part, (2, 1, 0), device=CPU)


def test_features_do_not_hang_on_the_number_of_threads(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "encoder")
    inputs = [Input(text) for text in sentences(("fine", "dull"), 200)]
    made = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        made.append(Surrogate(folder, device="cpu").features(inputs))

    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])


@pytest.mark.parametrize("name", ["mapemb", "taskemb", "tupate", "curvegrad"])
def test_no_vector_hangs_on_the_number_of_threads(tmp_path: Path, name: str) -> None:
    surrogate = Surrogate(tiny_encoder(tmp_path / "encoder"), device="cpu")
    observed = from_task(opinions(90), examples=90, seed=0)
    made = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        surrogate.forget()
        made.append(METHODS[name].read(surrogate, observed, METHODS[name].parameters(), seed=0).parts)

    for other in made[1:]:
        assert {facet: part.tobytes() for facet, part in other.items()} == {
            facet: part.tobytes() for facet, part in made[0].items()
        }
