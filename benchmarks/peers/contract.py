"""What is asked of a store of vectors with names and tags, and the vectors that all of them get."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

WITHIN = 11  # neighbours that are asked for: ten, and the vector that asks
AT_ONCE = 1_000  # vectors in a transaction
FLAT_BELOW = 10_000  # vectors: as ours, whose index is of another kind from there on
EDGES, BUILT_WITH, ASKED_WITH = 16, 100, 100  # of every graph: M, efConstruction, efSearch
WANTED = "wanted"


class Store(ABC):
    """One store in a folder: filled by one process, asked by another."""

    package: ClassVar[str]  # whose version is told
    needs: ClassVar[tuple[str, ...]] = ()  # packages more
    pids: tuple[int, ...] = ()  # of processes that answer beside this one

    def __init__(self, folder: Path, rows: Rows) -> None:
        self.folder = folder
        self.rows = rows
        self.count, self.dimension = rows.shape

    @abstractmethod
    def create(self) -> None:
        """Make an empty store and stay ready to fill it."""

    @abstractmethod
    def fill(self) -> None:
        """Write all vectors with names and tags; they are kept when it returns."""

    def make_index(self) -> str:
        """Make what a search needs, where this is not done on filling; return what kind it is."""
        return "exact"

    @abstractmethod
    def open(self) -> None:
        """Open a store that was filled."""

    @abstractmethod
    def nearest(self, row: int, *, is_filtered: bool) -> list[str] | None:
        """Return the names of what is nearest to a vector, itself perhaps among them; None where it has no filters."""

    def release(self) -> str:
        """Return which version answers."""
        return version(self.package)

    def batches(self, size: int = AT_ONCE) -> Iterator[tuple[list[int], list[str], list[str], Rows]]:
        """Yield numbers, names, tags and vectors."""
        for start in range(0, self.count, size):
            numbers = list(range(start, min(start + size, self.count)))
            yield numbers, [f"v{i}" for i in numbers], [tag_of(i) for i in numbers], self.rows[start : start + size]


def tag_of(row: int) -> str:
    """Return the tag of a row."""
    return "other" if row % 3 else WANTED
