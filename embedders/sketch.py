"""The sketch: a seeded random projection from parameter space to a facet's segment.

CountSketch (Charikar, Chen and Farach-Colton, 2002): each coordinate is added, with a random sign, to one
random bucket. Inner products are kept in expectation, with a standard error of about 1/sqrt(size).
"""

import numpy as np
from numpy.typing import NDArray


def sketch(vector: NDArray[np.float32], size: int, seed: tuple[int, ...]) -> NDArray[np.float32]:
    """Return `vector` (n,) as (size,): padded with zeros where it fits, which loses nothing, else projected."""
    if len(vector) <= size:
        return np.pad(vector, (0, size - len(vector))).astype(np.float32)
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    drawn = random.integers(0, 2 * size, len(vector), dtype=np.int64)  # bucket and sign in one draw
    signed = np.where(drawn < size, vector, -vector)
    return np.bincount(drawn % size, weights=signed, minlength=size).astype(np.float32)
