"""Balanced halves of the data, and how far the vectors of halves differ."""

import numpy as np
from numpy.typing import NDArray


def halves(count: int, splits: int, seed: int) -> NDArray[np.bool_]:
    """Return balanced halves of `count` rows, (splits, count): of each two rows that follow each other one is true.

    Rows in the order of what they are like, such as their length, are halved evenly.
    """
    coins = np.random.default_rng((seed, 2)).integers(0, 2, (splits, -(-count // 2)), dtype=np.int8)
    return np.stack([coins, 1 - coins], axis=2).reshape(splits, -1)[:, :count].astype(bool)


def halves_with_copies(which: NDArray[np.int64], splits: int, seed: int) -> NDArray[np.bool_]:
    """Return halves of rows, (splits, rows), of which none shares an example with the other half.

    Copies on both sides would make the halves alike, and what is read of them more certain than it is.

    Args:
        which: the number of the example that each row is, from 0 on, (rows,); copies have one.
    """
    return halves(int(which.max(initial=-1)) + 1, splits, seed)[:, which]


def deviations_of(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return half the differences of the vectors of complementary halves, (splits, dimension)."""
    return ((first - second) / 2).astype(np.float32)
