"""The flat index passes the contract, the contract catches wrong ones, and what is indexed is what is compared."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_contract import DIMENSION, FileIndexContract, IndexContract
from numpy.typing import NDArray

from registry import Registry
from registry.catalog import SpaceRecord
from registry.data.tasks import TaskData
from registry.errors import InputError, SpaceMismatchError
from registry.index.contract import FileIndex, Ids, Neighbor, Selection
from registry.index.faiss_flat import FaissFlat, load_faiss, one_thread
from registry.spaces.centring import Centring, centre_of
from registry.spaces.facets import Facet, Facets
from registry.spaces.spec import SpaceSpec

ONE = (Facet("text", 4),)


class TestFaissFlat(FileIndexContract):
    def empty(self) -> FileIndex:
        return FaissFlat.empty(DIMENSION)


def test_a_question_is_answered_by_one_thread_and_leaves_their_number_as_it_was() -> None:
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        with one_thread():
            within = faiss.omp_get_max_threads()
        index = FaissFlat.empty(DIMENSION)
        index.add(np.arange(3), np.eye(3, DIMENSION, dtype=np.float32))
        found = index.nearest(np.eye(3, DIMENSION)[1], limit=1)
        after = faiss.omp_get_max_threads()
    finally:
        faiss.omp_set_num_threads(before)

    assert (within, after) == (1, 3)
    assert [(neighbor.id, neighbor.similarity) for neighbor in found] == [(1, 1.0)]


# -- indexes that are wrong --------------------------------------------------------------------------


class Unfiltered(FaissFlat):
    """It returns what may not be returned."""

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        return super().nearest(query, limit=limit)


class FilteredTooLate(FaissFlat):
    """It filters what it has found."""

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        return [n for n in super().nearest(query, limit=limit) if where is None or n.id in where.ids]


class Unforgetting(FaissFlat):
    """It forgets nothing that it was told to forget."""

    def remove(self, ids: Ids) -> None:
        pass


class OneTooFew(FaissFlat):
    """It is off by one."""

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        return super().nearest(query, limit=limit, where=where)[: limit - 1]


class OneTooFar(FaissFlat):
    """It leaves the nearest out."""

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        return super().nearest(query, limit=limit + 1, where=where)[1:]


class Unordered(FaissFlat):
    """It lets chance tell equals apart."""

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        return sorted(super().nearest(query, limit=limit, where=where), key=lambda n: (-n.similarity, -n.id))


@pytest.mark.parametrize("wrong", [Unfiltered, FilteredTooLate, Unforgetting, OneTooFew, OneTooFar, Unordered])
def test_the_contract_fails_for_an_index_that_is_wrong(wrong: type[FaissFlat]) -> None:
    class Tests(IndexContract):
        def empty(self) -> FaissFlat:
            return wrong.empty(DIMENSION)

    failed = [name for name, check in checks(Tests()) if not passes(check)]

    assert failed, f"nothing tells {wrong.__name__} from a right one"
    print(f"{wrong.__name__}: {len(failed)} fail, {', '.join(failed)}")  # noqa: T201 - pytest shows it with -s


def test_the_contract_passes_for_the_right_one() -> None:
    class Tests(IndexContract):
        def empty(self) -> FaissFlat:
            return FaissFlat.empty(DIMENSION)

    assert [name for name, check in checks(Tests()) if not passes(check)] == []


def checks(contract: IndexContract) -> list[tuple[str, Callable[[], None]]]:
    """Return the contract's tests that take no arguments."""
    names = [name for name in dir(contract) if name.startswith("test_") and "asked_for" not in name]
    assert len(names) > 14
    return [(name, getattr(contract, name)) for name in names]


def passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except (AssertionError, IndexError):
        return False
    return True


# -- from the catalog's vectors to neighbours --------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Vectors of unequal length under ids that are not row numbers, and a question about them."""

    facets: Facets
    weights: dict[str, float]
    ids: NDArray[np.int64]
    matrix: NDArray[np.float32]
    is_task: NDArray[np.bool_]
    query: NDArray[np.float32]
    among: NDArray[np.int64]
    limit: int

    def nearest(self) -> list[Neighbor]:
        """Ask the index as a ranking does."""
        centring = Centring(self.facets, centre_of(self.matrix, self.is_task))
        index = FaissFlat.empty(self.facets.dimension)
        index.add(self.ids, centring.centred(self.matrix))
        query = centring.centred(self.query[None])[0] * self.facets.scale(self.weights)
        return index.nearest(query, limit=self.limit, where=Selection(self.among))

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
    facets = Facets(Facet(f"f{i}", size) for i, size in enumerate(sizes))
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

    found = case.nearest()

    best = sorted((truth[i] for i in allowed), reverse=True)[: case.limit]
    assert {n.id for n in found} <= set(allowed)
    assert len({n.id for n in found}) == len(found)
    assert [n.similarity for n in found] == pytest.approx(best, abs=1e-5)
    assert [truth[n.id] for n in found] == pytest.approx(best, abs=1e-5)


# The mean of these four is (0, 0, 1), so centred they are the four directions of the compass.
EAST, NORTH, WEST, SOUTH = [3.0, 0, 1], [0.0, 2, 1], [-3.0, 0, 1], [0.0, -2, 1]


def centring(*rows: list[float], tasks: list[bool] | None = None) -> Centring:
    matrix = np.array(rows, np.float32)
    is_task = np.array(tasks or [True] * len(rows), bool)
    return Centring(Facets([Facet("text", matrix.shape[1])]), centre_of(matrix, is_task))


def cosines(how: Centring, query: list[float], *rows: list[float]) -> list[float]:
    one = how.centred(np.array([query], np.float32))[0]
    return [round(float(row @ one), 5) for row in how.centred(np.array(rows, np.float32))]


def test_vectors_are_compared_after_centring_and_whatever_their_length() -> None:
    how = centring(EAST, NORTH, WEST, SOUTH)

    assert cosines(how, [50.0, 0, 1], EAST, NORTH, WEST, SOUTH) == [1.0, 0.0, -1.0, 0.0]
    assert cosines(how, [3.0, 4.0, 1], EAST, NORTH, WEST, SOUTH) == [0.6, 0.8, -0.6, -0.8]


def test_the_centre_is_that_of_the_tasks_alone() -> None:
    how = centring(EAST, [9.0, 9.0, 9.0], NORTH, WEST, SOUTH, tasks=[True, False, True, True, True])

    assert how.centre.tolist() == [0, 0, 1]


def test_with_fewer_than_three_tasks_the_centre_is_that_of_all_vectors() -> None:
    assert centring(EAST, NORTH, WEST, SOUTH, tasks=[True, True, False, False]).centre.tolist() == [0, 0, 1]


def test_fewer_than_three_vectors_are_not_centred() -> None:
    how = centring([1.0, 0, 0], [0.6, 0.8, 0])

    assert how.centre.tolist() == [0, 0, 0]
    assert not how.is_centred
    assert cosines(how, [2.0, 0, 0], [1.0, 0, 0], [0.6, 0.8, 0]) == [1.0, 0.6]


def test_a_vector_at_the_very_centre_is_like_nothing() -> None:
    how = centring(EAST, NORTH, WEST, SOUTH)

    assert cosines(how, EAST, [0.0, 0, 1]) == [0.0]


def test_beside_a_joint_facet_inputs_and_joint_are_compared_as_they_are_and_the_others_centred() -> None:
    facets = Facets([Facet("inputs", 2), Facet("answers", 2), Facet("joint", 2)])
    how = Centring(facets, np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], np.float32))

    rows = how.centred(np.array([[3, 4, 3.5, 4.5, 3, 4]], np.float32))

    assert how.centre.tolist() == [0, 0, 0.5, 0.5, 0, 0]
    assert rows == pytest.approx(np.array([[0.6, 0.8, 0.6, 0.8, 0.6, 0.8]]), abs=1e-6)


def test_without_a_joint_facet_inputs_are_centred() -> None:
    how = Centring(Facets([Facet("inputs", 2)]), np.array([0.5, 0.5], np.float32))

    assert how.centred(np.array([[3.5, 4.5]], np.float32)) == pytest.approx(np.array([[0.6, 0.8]]), abs=1e-6)


def test_a_vector_of_another_dimension_is_refused() -> None:
    with pytest.raises(SpaceMismatchError, match="A vector of 2 numbers does not belong to this space, which has 3"):
        centring(EAST, NORTH).centred(np.array([[1.0, 0.0]], np.float32))


def test_centred_vectors_have_each_facet_of_length_one() -> None:
    how = Centring(Facets([Facet("a", 2), Facet("b", 1)]), np.zeros(3, np.float32))

    rows = how.centred(np.array([[3, 4, 2], [0, 5, -7]], np.float32))

    assert rows == pytest.approx(np.array([[0.6, 0.8, 1], [0, 1, -1]]), abs=1e-6)


def test_facets_say_where_they_lie_and_how_alike_they_are() -> None:
    facets = Facets([Facet("a", 2), Facet("b", 1)])

    assert facets.names == ("a", "b")
    assert facets.dimension == 3
    assert facets.segment("b") == slice(2, 3)
    assert facets.segment("c") is None
    assert facets.scale({"a": 0.25, "b": 0.75}).tolist() == [0.25, 0.25, 0.75]
    assert facets.cosines(np.float32([0.6, 0.8, 1]), np.float32([[0, 1, -1]])) == [pytest.approx({"a": 0.8, "b": -1.0})]


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
