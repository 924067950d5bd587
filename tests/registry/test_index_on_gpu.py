"""An index on a GPU: its answers are those of the CPU; what a GPU cannot do is done on the CPU."""

import logging
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from registry.index import faiss_flat
from registry.index.faiss_flat import MOST_NEIGHBOURS, OnDevice, load_faiss, on_device

DIMENSION = 16
FAISS = load_faiss()
has_gpu = hasattr(FAISS, "StandardGpuResources") and FAISS.get_num_gpus() > 0


@pytest.fixture(autouse=True)
def _fresh() -> None:
    faiss_flat._no_device.cache_clear()
    faiss_flat._resources.cache_clear()


def rows_of(count: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def flat(count: int = 300, seed: int = 0) -> Any:  # noqa: ANN401
    index = FAISS.IndexIDMap2(FAISS.IndexFlatIP(DIMENSION))
    index.add_with_ids(rows_of(count, seed), np.arange(count, dtype=np.int64) * 7)
    return index


def ivf(count: int = 600) -> Any:  # noqa: ANN401
    index = FAISS.index_factory(DIMENSION, "IVF8,SQ8", FAISS.METRIC_INNER_PRODUCT)
    index.train(rows_of(count))
    index.add_with_ids(rows_of(count), np.arange(count, dtype=np.int64) * 7)
    index.nprobe = 8
    return index


def selector(ids: list[int]) -> Any:  # noqa: ANN401
    return FAISS.SearchParameters(sel=FAISS.IDSelectorBatch(np.array(ids, np.int64)))


def test_where_no_gpu_can_be_used_it_is_the_index_itself() -> None:
    if has_gpu:
        pytest.skip("a GPU is here")
    index = flat()

    assert on_device(FAISS, index) is index


def build_for_gpus(**changed: Any) -> ModuleType:  # noqa: ANN401
    """Return what FAISS's build for GPUs looks like where it can do nothing with one."""
    made = ModuleType("faiss")
    vars(made).update(StandardGpuResources=lambda: SimpleNamespace(setTempMemory=lambda size: None), **changed)
    return made


def refuse(*_: Any) -> None:  # noqa: ANN401
    raise RuntimeError("Error in faiss: Index type not implemented on GPU\nat line 7")


@pytest.mark.parametrize(
    ("build", "told"),
    [
        ({"get_num_gpus": lambda: 0}, "but the index is searched on the CPU: no GPU is there"),
        ({"get_num_gpus": lambda: 1, "index_cpu_to_gpu": refuse}, "on the CPU: Error in faiss: Index type not impl"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_told_in_one_line(
    caplog: pytest.LogCaptureFixture, build: dict[str, Any], told: str
) -> None:
    index = flat()

    with caplog.at_level(logging.WARNING, logger="registry"):
        assert on_device(build_for_gpus(**build), index) is index

    assert len(caplog.messages) == 1
    assert told in caplog.messages[0]
    assert "\n" not in caplog.messages[0]


def test_chosen_ids_and_many_neighbours_are_left_to_the_cpu() -> None:
    index, copy = flat(3000), flat(3000, seed=1)  # which differ, so that one sees which was asked
    searcher = OnDevice(index, copy)
    query = rows_of(2, seed=5)

    for count, params, asked in [
        (5, None, copy),
        (MOST_NEIGHBOURS, None, copy),
        (MOST_NEIGHBOURS + 1, None, index),
        (5, selector([0, 7, 14]), index),
    ]:
        similarities, ids = searcher.search(query, count, params=params)
        expected = asked.search(query, count, params=params)
        assert ids.tolist() == expected[1].tolist()
        assert similarities.tolist() == expected[0].tolist()


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu, reason="needs FAISS's build for GPUs, and one")
@pytest.mark.parametrize("make", [flat, ivf])
def test_on_a_gpu_the_neighbours_are_those_of_the_cpu(make: Any) -> None:  # noqa: ANN401
    index = make()
    searcher = on_device(FAISS, index)
    assert isinstance(searcher, OnDevice)
    query = rows_of(20, seed=5)

    for params in (None, selector([0, 7, 14, 21, 700])):
        similarities, ids = searcher.search(query, 10, params=params)
        expected, known = index.search(query, 10, params=params)
        assert ids.tolist() == known.tolist()
        assert np.abs(similarities - expected)[known >= 0].max() < 1e-5
