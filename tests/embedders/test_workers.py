"""Parts of a computation, each on a thread of its own."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import opinions, sentences, tiny_encoder
from torch import nn
from waiting import LIMIT

from embedders.hardware.side_by_side import side_by_side
from embedders.methods import METHODS
from embedders.observed import from_task
from embedders.surrogate.model import Surrogate
from embedders.tuning.objectives import Objective
from embedders.tuning.training import tuning
from registry.data.inputs import Input

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


def test_nothing_is_at_work_any_more_once_a_part_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, waited_for, ended = threading.Event(), threading.Event(), threading.Event()

    def waits(futures: list[Future[None]]) -> object:
        waited_for.set()
        return wait(futures)

    monkeypatch.setattr("embedders.hardware.side_by_side.wait", waits)

    def work(part: int) -> None:
        if part == 0:
            assert begun.wait(LIMIT)
            raise KeyError(part)
        begun.set()
        assert waited_for.wait(LIMIT)
        ended.set()

    with pytest.raises(KeyError):
        side_by_side(work, (0, 1), device=CPU)

    assert ended.is_set()


def test_features_do_not_hang_on_the_number_of_threads(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "encoder")
    inputs = [Input(text) for text in sentences(("fine", "dull"), 200)]
    made = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        made.append(Surrogate(folder, device="cpu").features(inputs))

    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])


@pytest.mark.parametrize("examples", [6, 90])
@pytest.mark.parametrize("name", ["mapemb", "taskemb", "tupate", "curvegrad"])
def test_no_vector_hangs_on_the_number_of_threads(tmp_path: Path, name: str, examples: int) -> None:
    surrogate = Surrogate(tiny_encoder(tmp_path / "encoder"), device="cpu")
    observed = from_task(opinions(examples), examples=examples, seed=0)
    made = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        surrogate.forget()
        made.append(METHODS[name].read(surrogate, observed, METHODS[name].parameters(), seed=0).parts)

    for other in made[1:]:
        for facet, part in made[0].items():
            assert np.array_equal(other[facet], part), facet


def test_a_step_is_that_of_the_whole_batch_whatever_the_layout_of_its_gradients(tmp_path: Path) -> None:
    """The gradient of a weight that is used transposed has other strides than the weight."""

    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))

    class Squares:
        head = nn.Identity()
        lengths = np.ones(7, np.int64)

        def losses(self, model: Turned, rows: NDArray[np.int64]) -> torch.Tensor:
            inputs = torch.from_numpy(np.outer(rows + 1.0, [1.0, -2.0, 0.5])).float()  # (rows, 3)
            return ((inputs @ model.weight.t().contiguous().t() - 1) ** 2).sum(dim=1)

    model, plain = Turned(), Turned()
    for _ in tuning(model, cast("Objective", Squares()), steps=3, batch_size=7, learning_rate=0.1, seed=0, decay=False):
        pass
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.1)
    for _ in range(3):
        Squares().losses(plain, np.arange(7)).mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    assert torch.allclose(model.weight, plain.weight, atol=1e-5)
