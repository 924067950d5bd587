"""Ridge regression on inputs that stay while the answers change: what depends on the inputs alone is worked out once.

All black boxes of a space are observed on one corpus. Their inputs' means and factors are the same, on all rows as on
the halves that tell how uncertain a map is.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedders.methods.contract import splits_of

REMEMBERED = 2  # regressions: that of a corpus outlives the task that comes between two models
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Factors:
    """Some of the inputs, by their rows, and the inverse that solves for any answers to them."""

    which: NDArray[np.bool_]  # (inputs,)
    mean: Array  # of the inputs in these rows, (hidden,)
    inverse: Array  # of X'X + n ridge I (hidden, hidden); where rows are fewer, of XX' + n ridge I (rows, rows)

    @classmethod
    def of(cls, x: Array, which: NDArray[np.bool_], ridge: float) -> "Factors":
        """Factor some rows of the inputs x (inputs, hidden)."""
        own = x if which.all() else x[which]
        mean = own.mean(axis=0)
        own = own - mean
        gram = own @ own.T if len(own) < own.shape[1] else own.T @ own
        return cls(which, mean, np.linalg.inv(gram + len(own) * ridge * np.eye(len(gram))))

    @property
    def are_few(self) -> bool:
        """Whether there are fewer rows than numbers in an input: then their own system is the smaller one."""
        return bool(self.which.sum() < len(self.mean))


@dataclass(frozen=True)
class Solved:
    """What is read of answers on some rows. `columns` are those of the answers' table."""

    inputs: Array  # mean of the inputs, (hidden,)
    answers: Array  # mean of the answers, (columns,)
    joint: Array  # mean product of both, (hidden, columns)
    weights: Array  # from centred inputs to centred answers, (hidden, columns)


class RidgeRegression:
    """Ridge regression on fixed inputs: of all rows, and of complementary halves."""

    def __init__(self, asked: Array, ridge: float, splits: NDArray[np.bool_]) -> None:
        """Factor the inputs.

        Args:
            asked: (inputs, hidden).
            ridge: regulariser per row.
            splits: the rows of one half each, (splits, inputs).
        """
        self._mean = asked.mean(axis=0)
        self._x = asked - self._mean
        every = np.ones((1, len(asked)), bool)
        sides = [every, *(side for half in splits for side in (half[None], ~half[None]))]
        self._factors = [Factors.of(self._x, which, ridge) for which in np.concatenate(sides)]

    def solved(self, answered: Array) -> list[Solved]:
        """Return what is read of answers (inputs, columns): of all rows, then of each half and its other half."""
        masks = np.stack([rows.which for rows in self._factors]).astype(np.float64)  # (sets, inputs)
        means = masks @ answered / masks.sum(axis=1, keepdims=True)  # (sets, columns)
        centred = masks.T[:, :, None] * (answered[:, None] - means)  # (inputs, sets, columns)
        products = self._x.T @ centred.reshape(len(centred), -1)  # one pass over the inputs for all sets
        products = products.reshape(len(products), *means.shape)  # (hidden, sets, columns)
        return [
            self._solved(rows, means[i], centred[rows.which, i], products[:, i]) for i, rows in enumerate(self._factors)
        ]

    def unexplained(self, answered: Array, weights: Array) -> Array:
        """Return what weights leave of the centred answers, (inputs, columns)."""
        left: Array = answered - answered.mean(axis=0) - self._x @ weights
        return left

    def _solved(self, rows: Factors, mean: Array, centred: Array, products: Array) -> Solved:
        weights = self._x[rows.which].T @ (rows.inverse @ centred) if rows.are_few else rows.inverse @ products
        inputs = self._mean + rows.mean
        return Solved(inputs, mean, products / len(centred) + np.outer(inputs, mean), weights)


def regression_on(features: NDArray[np.float32], which: NDArray[np.int64], ridge: float, seed: int) -> RidgeRegression:
    """Return the regression on inputs by their features (inputs, hidden); the last few are remembered.

    Args:
        which: the number of each input among those that differ, (inputs,).
        ridge: regulariser per input.
        seed: of the halves.
    """
    return _regression(features.tobytes(), features.shape[1], which.tobytes(), ridge, seed)


@lru_cache(maxsize=REMEMBERED)
def _regression(features: bytes, hidden: int, which: bytes, ridge: float, seed: int) -> RidgeRegression:
    asked = np.frombuffer(features, np.float32).reshape(-1, hidden).astype(np.float64)
    return RidgeRegression(asked, ridge, splits_of(np.frombuffer(which, np.int64), seed))
