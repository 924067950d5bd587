"""What every vector must be before it enters: finite, of the right dimension, of unit length."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from registry.errors import InputError

SAME = 0.9999  # the cosine of two vectors that were made of one task, maybe on two devices
_LENGTH_TOLERANCE = 1e-3
_SMALL, _LARGE = 1e-20, 1e30  # squared lengths between which float32 can tell them
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


def checked_lengths(
    rows: NDArray[np.float32], dimension: int, fault: Callable[[int | None, str], InputError]
) -> NDArray[np.floating]:
    """Return the lengths of vectors that people bring, (n,).

    Args:
        rows: (n, dimension).
        fault: makes the error of a row, by its number from 0; None for all of them.

    Raises:
        InputError: one is not finite, points nowhere, or has another dimension.
    """
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise fault(None, f"have shape {rows.shape}, and this space has {dimension} dimensions")
    with np.errstate(over="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows)
    is_plain = bool(np.all((squares > _SMALL) & (squares < _LARGE)))
    lengths: NDArray[np.floating] = np.sqrt(squares) if is_plain else np.linalg.norm(rows.astype(np.float64), axis=1)
    for row in np.flatnonzero(~(np.isfinite(lengths) & (lengths > _NOTHING))):
        raise fault(
            int(row),
            "is (nearly) zero" if lengths[row] <= _NOTHING else "is not finite, or too large for single precision",
        )
    return lengths


def of_length_one(rows: NDArray[np.float32], lengths: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return vectors (n, dimension), those scaled whose length is not near enough to 1; the others bit by bit."""
    others = np.abs(lengths - 1.0) > _LENGTH_TOLERANCE
    if not others.any():
        return rows
    return np.where(others[:, None], (rows / lengths[:, None]).astype(np.float32, copy=False), rows)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each row scaled to length 1; a row of (nearly) zeros becomes zeros.

    Args:
        rows: float32 (..., dimension).
    """
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.where(length > _NOTHING, rows / np.maximum(length, _NOTHING), 0.0).astype(np.float32)


def made_of_one(rows: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say of each row whether it was made of the same task as a vector, as embedded: they differ by rounding alone.

    Tasks that are nearly doubles are less alike; see `registry.ranking.duplicates`. Before vectors are centred, those
    of other tasks may be nearly as alike as doubles.

    Args:
        rows: (n, dimension), of unit length.
        vector: (dimension,).
    """
    return np.asarray(rows @ unit(vector[None])[0] >= SAME)
