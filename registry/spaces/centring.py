"""What is subtracted from the vectors of a space before they are compared, and how long that stays the same.

What all tasks have in common tells them apart from nothing, so the mean of the tasks is subtracted: the centre. Facets
by whose mean a task is seen to be general are left as they are (`facets.AS_THEY_ARE`). While a space has few tasks its
centre moves with each of them. From then on it is frozen for an epoch, so that a new vector changes no answer about the
others and is added to the index in place of rebuilding it. A new epoch begins when the tasks have doubled.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.errors import SpaceMismatchError
from registry.spaces.facets import Facets

LEAST_TO_CENTRE = 3  # the mean of two vectors would make them opposites, whatever they are
FEW = 64  # tasks: with fewer the centre moves with them. A mean of 64 is off by an eighth of how tasks differ
GROWN = 2  # times as many tasks as the centre is the mean of begin a new epoch


@dataclass(frozen=True)
class Centring:
    """How the vectors of a space are compared in one epoch: less the centre, each facet of unit length."""

    facets: Facets
    centre: NDArray[np.float32]  # (dimension,), made zero in the facets that are compared as they are
    epoch: int = 0  # 0 until a centre is frozen for the first time

    def __post_init__(self) -> None:
        """Keep of the centre what is subtracted."""
        kept = np.array(self.centre, np.float32)
        for name in self.facets.uncentred:
            kept[self.facets.segment(name)] = 0
        object.__setattr__(self, "centre", kept)

    @property
    def is_centred(self) -> bool:
        """Whether there is a centre: of two vectors there is none."""
        return bool(self.centre.any())

    def centred(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors as they are compared and indexed.

        Args:
            matrix: (n, dimension), as stored in the catalog.

        Raises:
            SpaceMismatchError: they have another dimension than the space.
        """
        if matrix.shape[1] != len(self.centre):
            raise SpaceMismatchError(
                f"A vector of {matrix.shape[1]} numbers does not belong to this space, which has {len(self.centre)}."
            )
        return self.facets.unit(matrix - self.centre)

    def is_same_as(self, other: "Centring") -> bool:
        """Say whether vectors centred by one may stand beside those centred by the other: to the last bit."""
        return self.epoch == other.epoch and np.array_equal(self.centre, other.centre)


def mean_of(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of vectors (n, dimension), summed in double precision."""
    return np.asarray(rows.mean(axis=0, dtype=np.float64), np.float32)


def centre_of(matrix: NDArray[np.float32], is_task: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the centre of a space that has none frozen: the mean of its tasks, else of all its vectors, else zero.

    Of the tasks alone where there are enough, so that a hundred prompts of one model do not move what tasks are
    compared by.

    Args:
        matrix: (n, dimension).
        is_task: (n,).
    """
    for rows in (matrix[is_task], matrix):
        if len(rows) >= LEAST_TO_CENTRE:
            return mean_of(rows)
    return np.zeros(matrix.shape[1], np.float32)
