"""What is subtracted from vectors before they are compared."""

import numpy as np
from numpy.typing import NDArray

LEAST_TO_CENTRE = 3  # the mean of two vectors would make them opposites, whatever they are


def centre_of(matrix: NDArray[np.float32], is_reference: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the space's mean: of its tasks where there are enough, else of all its vectors, else zero.

    Tasks alone, so that a hundred prompts of one model do not move what tasks are compared by.

    Args:
        matrix: (n, dimension).
        is_reference: (n,), true for tasks.
    """
    for rows in (matrix[is_reference], matrix):
        if len(rows) >= LEAST_TO_CENTRE:
            return np.asarray(rows.mean(axis=0, dtype=np.float64), np.float32)
    return np.zeros(matrix.shape[1], np.float32)
