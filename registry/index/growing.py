"""An array that is added to in the time that the new rows take."""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

N = TypeVar("N", bound=np.generic)

LEAST_ROOM = 256  # rows


class Growing(Generic[N]):
    """Rows, (n, ...), with room for more behind them."""

    def __init__(self, rows: NDArray[N]) -> None:
        self._room = rows
        self._count = len(rows)

    @property
    def rows(self) -> NDArray[N]:
        """The rows, (n, ...), a view."""
        return self._room[: self._count]

    def append(self, more: NDArray[N]) -> None:
        """Add rows behind the others."""
        count = self._count + len(more)
        if count > len(self._room):
            room = np.empty((max(LEAST_ROOM, count + count // 4), *self._room.shape[1:]), self._room.dtype)
            room[: self._count] = self.rows
            self._room = room
        self._room[self._count : count] = more
        self._count = count
