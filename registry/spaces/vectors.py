"""What every vector must be before it enters: finite, of the right dimension, of unit length."""

import numpy as np
from numpy.typing import NDArray

from registry.errors import InputError

_LENGTH_TOLERANCE = 1e-3
_NOTHING = 1e-9  # a segment shorter than this points nowhere


def checked_vector(vector: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """Return the vector as float32, or raise `InputError`. FAISS itself would answer nonsense in silence."""
    vector = np.asarray(vector, np.float32)
    if vector.shape != (dimension,):
        raise InputError(f"A vector of this space has shape ({dimension},), not {vector.shape}.")
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not abs(length - 1.0) <= _LENGTH_TOLERANCE:  # also refuses NaN and infinities
        raise InputError(f"A vector of this space is finite and has length 1, not {length:g}.")
    return vector


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each row scaled to length 1; a row of (nearly) zeros becomes zeros.

    Args:
        rows: float32 (..., dimension).
    """
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.where(length > _NOTHING, rows / np.maximum(length, _NOTHING), 0.0).astype(np.float32)
