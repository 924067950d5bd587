"""The sketch: what it keeps, and that it keeps it every time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from embedders.sketch import sketch

SIZE = 16
numbers = st.floats(-100, 100, width=32)
vectors = hnp.arrays(np.float32, 60, elements=numbers)
short_vectors = hnp.arrays(np.float32, st.integers(0, SIZE), elements=numbers)
seeds = st.tuples(st.integers(0, 2**31), st.integers(0, 5))


def _random(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def test_inner_products_are_kept_in_expectation_over_seeds() -> None:
    a = _random(300, 1)
    b = (a + _random(300, 2)).astype(np.float32)
    estimates = np.array([sketch(a, 64, (seed, 0)) @ sketch(b, 64, (seed, 0)) for seed in range(2000)])

    exact = float(a.astype(np.float64) @ b)
    assert estimates.mean() == pytest.approx(exact, abs=4 * estimates.std() / np.sqrt(2000))
    # Charikar et al.: the variance of <Sa, Sb> is at most (|a|^2 |b|^2 + <a, b>^2) / size
    bound = np.sqrt((float(a @ a) * float(b @ b) + exact**2) / 64)
    assert estimates.std() == pytest.approx(bound, rel=0.1)


def test_lengths_are_kept_within_the_standard_error_of_one_seed() -> None:
    a = _random(100_000, 3)

    assert np.linalg.norm(sketch(a, 2048, (0, 0))) == pytest.approx(np.linalg.norm(a), rel=5 / np.sqrt(2048))


def test_vectors_without_relation_stay_nearly_orthogonal() -> None:
    a, b = sketch(_random(100_000, 4), 2048, (0, 0)), sketch(_random(100_000, 5), 2048, (0, 0))

    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) == pytest.approx(0.0, abs=5 / np.sqrt(2048))


def test_every_coordinate_lands_in_one_bucket_with_a_sign() -> None:
    columns = np.stack([sketch(row, SIZE, (7, 1)) for row in np.eye(200, dtype=np.float32)])

    assert np.abs(columns).sum(axis=1).tolist() == [1.0] * 200
    assert np.abs(columns).max(axis=1).tolist() == [1.0] * 200
    assert set(np.abs(columns).argmax(axis=1).tolist()) == set(range(SIZE))
    assert {-1.0, 1.0} <= set(columns.ravel().tolist())


@given(short_vectors, seeds)
def test_a_vector_that_fits_is_padded_exactly(vector: NDArray[np.float32], seed: tuple[int, int]) -> None:
    made = sketch(vector, SIZE, seed)

    assert made.tolist() == vector.tolist() + [0.0] * (SIZE - len(vector))


@given(vectors, seeds)
def test_the_same_seed_gives_the_same_sketch(vector: NDArray[np.float32], seed: tuple[int, int]) -> None:
    assert sketch(vector, SIZE, seed).tobytes() == sketch(vector.copy(), SIZE, seed).tobytes()


def test_another_seed_gives_another_sketch() -> None:
    vector = _random(100, 6)

    assert not np.array_equal(sketch(vector, SIZE, (0, 0)), sketch(vector, SIZE, (1, 0)))
    assert not np.array_equal(sketch(vector, SIZE, (0, 0)), sketch(vector, SIZE, (0, 1)))


@given(vectors, vectors, st.floats(-5, 5), seeds)
def test_the_sketch_of_a_sum_is_the_sum_of_the_sketches(
    a: NDArray[np.float32], b: NDArray[np.float32], scale: float, seed: tuple[int, int]
) -> None:
    together = sketch((a + scale * b).astype(np.float32), SIZE, seed)

    apart = sketch(a, SIZE, seed) + scale * sketch(b, SIZE, seed)
    assert together.tolist() == pytest.approx(apart.tolist(), abs=0.05)


@given(vectors, seeds)
def test_nothing_is_lost_but_by_opposite_signs_in_one_bucket(
    vector: NDArray[np.float32], seed: tuple[int, int]
) -> None:
    made = sketch(vector, SIZE, seed)

    assert (made.dtype, made.shape) == (np.float32, (SIZE,))
    assert np.abs(made).sum() <= np.abs(vector).sum() + 1e-2
