"""Ridge regression whose inputs stay: on all rows and on halves, held against each solved by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedders.methods.halves import halves
from embedders.methods.regression import RidgeRegression, regression_on


@given(st.integers(8, 40), st.integers(1, 12), st.integers(1, 5), st.integers(0, 1000))
def test_halves_are_solved_as_if_each_were_all_there_is(examples: int, hidden: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    asked = random.standard_normal((examples, hidden)) + 2.0
    answered = random.standard_normal((examples, columns))
    splits = halves(examples, 3, seed)

    found = RidgeRegression(asked, 0.01, splits).solved(answered)

    sides = [np.ones(examples, bool), *(side for half in splits for side in (half, ~half))]
    assert len(found) == len(sides) == 7
    for solved, side in zip(found, sides, strict=True):
        x, y = asked[side], answered[side]
        centred = x - x.mean(axis=0)
        gram = centred.T @ centred + len(x) * 0.01 * np.eye(hidden)
        weights = np.linalg.solve(gram, centred.T @ (y - y.mean(axis=0)))
        assert solved.inputs == pytest.approx(x.mean(axis=0))
        assert solved.answers == pytest.approx(y.mean(axis=0))
        assert solved.joint == pytest.approx(x.T @ y / len(x))
        assert solved.weights == pytest.approx(weights, rel=1e-7, abs=1e-9)


def test_inputs_seen_again_are_not_factored_again_and_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    inverted: list[int] = []
    real = np.linalg.inv

    def counted(matrix: np.ndarray) -> np.ndarray:
        inverted.append(len(matrix))
        return real(matrix)

    monkeypatch.setattr(np.linalg, "inv", counted)
    features = np.random.default_rng(5).standard_normal((20, 4)).astype(np.float32)

    which = np.arange(20)
    first = regression_on(features, which, 0.01, 0)
    assert inverted == [4] * 9, "all rows, and four splits into two halves"
    assert regression_on(features.copy(), which, 0.01, 0) is first
    assert inverted == [4] * 9

    for others in (features[1:], features + np.float32(1)):
        assert regression_on(others, which[: len(others)], 0.01, 0) is not first
    assert regression_on(features, which, 0.02, 0) is not first
    assert regression_on(features, which // 2, 0.01, 0) is not first, "these are halved in another way"


def test_few_inputs_are_not_halved() -> None:
    features = np.random.default_rng(6).standard_normal((7, 4)).astype(np.float32)

    assert len(regression_on(features, np.arange(7), 0.01, 0).solved(np.eye(7))) == 1
