"""The index against brute force, values included."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from registry import Registry
from registry.catalog import SpaceRecord
from registry.data.tasks import TaskData
from registry.errors import InputError, SpaceMismatchError
from registry.index.faiss_flat import VectorIndex
from registry.spaces.spec import Facet, SpaceSpec

ONE = (Facet("text", 4),)


@dataclass(frozen=True)
class Case:
    """Vectors of unequal length under ids that are not row numbers, and a question about them."""

    facets: tuple[Facet, ...]
    weights: dict[str, float]
    ids: NDArray[np.int64]
    matrix: NDArray[np.float32]
    is_task: NDArray[np.bool_]
    query: NDArray[np.float32]
    among: NDArray[np.int64]
    limit: int

    def index(self) -> VectorIndex:
        return VectorIndex.build(self.ids, self.matrix, self.is_task, self.facets)

    def similarity(self) -> dict[int, float]:
        """Return what numpy says of every id: the weighted mean of the facets' cosines after centring."""
        rows, tasks = self.matrix.astype(float), self.matrix[self.is_task].astype(float)
        centre = tasks.mean(0) if len(tasks) >= 3 else rows.mean(0) if len(rows) >= 3 else np.zeros(rows.shape[1])
        total, start = np.zeros(len(rows)), 0
        for facet in self.facets:
            part = slice(start, start + facet.size)
            a, b = (rows - centre)[:, part], (self.query - centre)[part]
            total += self.weights[facet.name] * (a @ b) / np.linalg.norm(a, axis=1) / np.linalg.norm(b)
            start += facet.size
        return dict(zip(self.ids.tolist(), total.tolist(), strict=True))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sizes = draw(st.lists(st.integers(2, 6), min_size=1, max_size=3))
    count = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    facets = tuple(Facet(f"f{i}", size) for i, size in enumerate(sizes))
    shares = rng.dirichlet(np.ones(len(sizes))) * draw(st.sampled_from([np.ones(3), np.array([0, 1, 1])]))[: len(sizes)]
    lengths = rng.uniform(0.2, 5, (count, 1))
    ids = np.sort(rng.choice(10**6, count, replace=False)).astype(np.int64) + 2**33
    return Case(
        facets=facets,
        weights={facet.name: float(share) for facet, share in zip(facets, shares, strict=True)},
        ids=ids,
        matrix=(rng.normal(0.5, 1, (count, sum(sizes))) * lengths).astype(np.float32),
        is_task=rng.random(count) < draw(st.sampled_from([0.0, 0.1, 0.7, 1.0])),
        query=(rng.normal(0.5, 1, sum(sizes)) * 3).astype(np.float32),
        among=rng.permutation(ids)[: draw(st.integers(0, count))],
        limit=draw(st.integers(1, 70)),
    )


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_index_answers_as_brute_force_does(case: Case) -> None:
    truth = case.similarity()
    allowed = case.among.tolist()

    found = case.index().nearest(case.query, limit=case.limit, weights=case.weights, among=case.among)

    best = sorted((truth[i] for i in allowed), reverse=True)[: case.limit]
    assert {n.id for n in found} <= set(allowed)
    assert len({n.id for n in found}) == len(found)
    assert [n.similarity for n in found] == pytest.approx(best, abs=1e-5)
    assert [truth[n.id] for n in found] == pytest.approx(best, abs=1e-5)


def indexed(*rows: list[float], tasks: list[bool] | None = None, ids: list[int] | None = None) -> VectorIndex:
    matrix = np.array(rows, np.float32)
    return VectorIndex.build(
        np.array(ids or range(100, 100 + len(rows)), np.int64),
        matrix,
        np.array(tasks or [True] * len(rows), bool),
        (Facet("text", matrix.shape[1]),),
    )


def asked(index: VectorIndex, vector: list[float], *among: int, limit: int = 10) -> list[tuple[int, float]]:
    found = index.nearest(
        np.array(vector, np.float32),
        limit=limit,
        weights={"text": 1.0},
        among=np.array(among or index.ids, np.int64),
    )
    return [(n.id, round(n.similarity, 5)) for n in found]


# The mean of these four is (0, 0, 1), so centred they are the four directions of the compass.
EAST, NORTH, WEST, SOUTH = [3.0, 0, 1], [0.0, 2, 1], [-3.0, 0, 1], [0.0, -2, 1]


def test_vectors_are_compared_after_centring_and_whatever_their_length() -> None:
    index = indexed(EAST, NORTH, WEST, SOUTH)

    assert asked(index, [50.0, 0, 1]) == [(100, 1.0), (101, 0.0), (103, 0.0), (102, -1.0)]
    assert asked(index, [3.0, 4.0, 1]) == [(101, 0.8), (100, 0.6), (102, -0.6), (103, -0.8)]


def test_the_centre_is_that_of_the_tasks_alone() -> None:
    model = [9.0, 9.0, 9.0]

    index = indexed(EAST, model, NORTH, WEST, SOUTH, tasks=[True, False, True, True, True])

    assert index.centre.tolist() == [0, 0, 1]


def test_with_fewer_than_three_tasks_the_centre_is_that_of_all_vectors() -> None:
    index = indexed(EAST, NORTH, WEST, SOUTH, tasks=[True, True, False, False])

    assert index.centre.tolist() == [0, 0, 1]


def test_fewer_than_three_vectors_are_not_centred() -> None:
    index = indexed([1.0, 0, 0], [0.6, 0.8, 0])

    assert index.centre.tolist() == [0, 0, 0]
    assert asked(index, [2.0, 0, 0]) == [(100, 1.0), (101, 0.6)]


def test_a_filter_acts_inside_the_search_and_not_after_it() -> None:
    near = [[1.0, 0.001 * number] for number in range(500)]
    index = indexed(*near, [-1.0, 0.5], [-1.0, -0.5], tasks=[False] * 502)

    assert {i for i, _ in asked(index, [1.0, 0.0], 600, 601, limit=2)} == {600, 601}
    assert [i for i, _ in asked(index, [1.0, 0.0], 601, limit=2)] == [601]


def test_equals_are_told_apart_by_their_id() -> None:
    index = indexed([1.0, 0], [1.0, 0], [0.0, 1], [1.0, 0], ids=[7, 900, 8, 40], tasks=[False] * 4)
    uncentred = VectorIndex(index.faiss_index, np.zeros(2, np.float32), (Facet("text", 2),))

    assert [i for i, _ in asked(uncentred, [1.0, 0.0])] == [7, 40, 900, 8]


def test_the_lowest_ids_win_among_more_equals_than_are_asked_for() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 50)).astype(np.float32)
    ids = np.arange(300) * 3 + 7  # rising, as the catalog gives them
    equals = np.sort(rng.permutation(300)[:100])
    matrix[equals] = matrix[0]
    index = VectorIndex.build(ids, matrix, np.zeros(300, bool), (Facet("text", 50),))

    found = index.nearest(matrix[0], limit=5, weights={"text": 1.0}, among=rng.permutation(ids[1:]))

    assert [n.id for n in found] == ids[equals[equals > 0]][:5].tolist()


def test_ids_are_returned_whole_beyond_the_reach_of_32_bits() -> None:
    ids = [2**40 + 7, 3, 2**62]
    index = indexed([1.0, 0], [0.0, 1], [-1.0, 0], ids=ids)

    assert index.ids.tolist() == ids
    assert [i for i, _ in asked(index, [1.0, 0.1], *ids)] == [2**40 + 7, 3, 2**62]


@pytest.mark.parametrize("limit", [0, -1])
def test_nothing_is_returned_where_nothing_is_asked_for(limit: int) -> None:
    assert asked(indexed(EAST, NORTH), EAST, limit=limit) == []


def test_nothing_is_returned_where_nothing_may_be() -> None:
    found = indexed(EAST, NORTH).nearest(
        np.array(EAST, np.float32), limit=5, weights={"text": 1.0}, among=np.array([], np.int64)
    )

    assert found == []


def test_an_empty_index_answers_with_nothing() -> None:
    empty = VectorIndex.build(np.array([], np.int64), np.zeros((0, 4), np.float32), np.array([], bool), ONE)

    assert len(empty) == 0
    assert asked(empty, [1.0, 0, 0, 0], 5) == []


def test_a_vector_at_the_very_centre_is_like_nothing() -> None:
    index = indexed(EAST, NORTH, WEST, SOUTH, [0.0, 0, 1])

    assert asked(index, EAST, 104) == [(104, 0.0)]


def test_a_query_of_another_dimension_is_refused() -> None:
    with pytest.raises(SpaceMismatchError, match="A vector of 2 numbers does not belong to this space, which has 3"):
        asked(indexed(EAST, NORTH), [1.0, 0.0])


def test_the_rows_are_the_centred_vectors_with_each_facet_of_length_one() -> None:
    facets = (Facet("a", 2), Facet("b", 1))
    matrix = np.array([[3, 4, 2], [0, 5, -7]], np.float32)

    index = VectorIndex.build(np.array([5, 9]), matrix, np.array([True, True]), facets)

    assert index.rows() == pytest.approx(np.array([[0.6, 0.8, 1], [0, 1, -1]]), abs=1e-6)


# -- the door ----------------------------------------------------------------------------------------


@pytest.fixture
def space(registry: Registry) -> SpaceRecord:
    return registry.add_space("s", SpaceSpec("5" * 64, "here", "textemb", {}, ONE, None), corpus=None)


@pytest.mark.parametrize(
    ("vector", "problem"),
    [
        (np.zeros(4), "has length 1, not 0"),
        (np.full(4, np.nan), "has length 1, not nan"),
        (np.array([np.inf, 0, 0, 0]), "has length 1, not inf"),
        (np.array([0.6, 0.8, np.nan, 0]), "has length 1, not nan"),
        (np.ones(4), "has length 1, not 2"),
        (np.array([0.99, 0, 0, 0]), r"has length 1, not 0\.99"),
        (np.array([0.6, 0.8, 0]), r"has shape \(4,\), not \(3,\)"),
        (np.array([[0.6, 0.8, 0, 0]]), r"has shape \(4,\), not \(1, 4\)"),
        (np.array(1.0), r"has shape \(4,\), not \(\)"),
    ],
)
def test_a_vector_that_faiss_would_answer_nonsense_for_never_enters(
    registry: Registry, space: SpaceRecord, sentiment: TaskData, vector: NDArray[np.float64], problem: str
) -> None:
    films = registry.add_task("films", sentiment)

    with pytest.raises(InputError, match=problem) as error:
        registry.catalog.embeddings.put(films.version_id, space, vector.astype(np.float32), {})

    assert error.value.exit_code == 2
    assert registry.catalog.embeddings.get(films.version_id, space.id) is None
