import numpy as np
import pytest

from registry.data.probabilities import softmax


def test_a_softmax_is_the_exponentials_over_their_sum() -> None:
    assert softmax(np.log([[1.0, 3.0], [2.0, 2.0]])) == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]))


def test_a_softmax_runs_along_the_axis_that_is_named() -> None:
    scores = np.log([[1.0, 3.0], [3.0, 1.0]])

    assert softmax(scores, axis=0) == pytest.approx(np.array([[0.25, 0.75], [0.75, 0.25]]))
    assert softmax(np.stack([scores, scores])).sum(axis=-1) == pytest.approx(np.ones((2, 2)))


def test_large_scores_overflow_nothing() -> None:
    assert softmax(np.array([1000.0, 1000.0, -1000.0])).tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_a_softmax_keeps_the_precision_and_the_bits(precision: type[np.float32] | type[np.float64]) -> None:
    scores = np.random.default_rng(0).normal(0, 5, (4, 30, 3)).astype(precision)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))

    assert softmax(scores).dtype == precision
    assert softmax(scores).tobytes() == (weights / weights.sum(axis=-1, keepdims=True)).tobytes()
