"""From scores to probabilities."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)


def softmax(scores: NDArray[Real], axis: int = -1) -> NDArray[Real]:
    """Return probabilities that add up to 1 along an axis, in the precision of the scores."""
    weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return np.asarray(weights / weights.sum(axis=axis, keepdims=True))
