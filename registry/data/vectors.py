"""Vectors with the names and the space that they belong to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class VectorFile:
    """Named vectors of one space."""

    fingerprint: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    matrix: NDArray[np.float32]  # (names, dimension)
