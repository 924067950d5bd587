"""What is near, how near, and why: matches with the facets that make them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.spaces import Facet
from registry.table import Cell, Table
from registry.tables import EntryKind

INPUTS = "inputs"


@dataclass(frozen=True)
class Match:
    """One answer to a query. `similarity` is the weighted mean of the facets' cosines; higher is nearer."""

    rank: int
    name: str
    kind: EntryKind
    similarity: float
    facets: dict[str, float]

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        facets: dict[str, Cell] = dict(self.facets) if len(self.facets) > 1 else {}
        return {
            "rank": self.rank,
            "name": self.name,
            "kind": self.kind.value,
            "similarity": self.similarity,
            **facets,
        }


class Ranking(Table[Match]):
    """The nearest entries, nearest first."""

    def __init__(self, matches: Sequence[Match], *, query: str, space: str) -> None:
        super().__init__(matches, title=f"nearest to {query} in space {space}")
        self.query = query
        self.space = space

    def as_json(self) -> dict[str, object]:
        """Return the ranking as JSON values."""
        matches = [
            {"rank": m.rank, "name": m.name, "kind": m.kind, "similarity": m.similarity, "facets": m.facets}
            for m in self
        ]
        return {"query": self.query, "space": self.space, "matches": matches}


@dataclass(frozen=True)
class Comparison:
    """How near two entries are."""

    a: str
    b: str
    space: str
    similarity: float
    facets: dict[str, float]

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        facets: dict[str, Cell] = dict(self.facets) if len(self.facets) > 1 else {}
        return {"a": self.a, "b": self.b, "similarity": self.similarity, **facets}


def weights_between(facets: Sequence[Facet], *kinds: EntryKind) -> dict[str, float]:
    """Return the weights of the facets when entries of these kinds are compared; they add up to 1.

    Equal, but for the inputs where a black box is involved: all black boxes see the same corpus, so its
    inputs say nothing about them.
    """
    names = [facet.name for facet in facets]
    if INPUTS in names and len(names) > 1 and any(kind is not EntryKind.TASK for kind in kinds):
        names.remove(INPUTS)
    return {facet.name: (1.0 / len(names) if facet.name in names else 0.0) for facet in facets}


def facet_cosines(a: NDArray[np.float32], b: NDArray[np.float32], facets: Sequence[Facet]) -> dict[str, float]:
    """Return the cosine of each facet of two centred vectors, whose facets have unit length, (dimension,)."""
    edges = np.cumsum([0, *(facet.size for facet in facets)])
    return {
        facet.name: float(a[start:stop] @ b[start:stop])
        for facet, start, stop in zip(facets, edges, edges[1:], strict=False)
    }


def similarity_matrix(
    rows: NDArray[np.float32], kinds: Sequence[EntryKind], facets: Sequence[Facet]
) -> NDArray[np.float32]:
    """Return the similarities of centred vectors to one another, (n, n), as `nearest` would give them.

    Args:
        rows: (n, dimension), each facet of unit length.
        kinds: of the n entries: two tasks are compared by all facets, others by those that say something.
    """
    tasks = np.array([kind is EntryKind.TASK for kind in kinds], bool)
    both_tasks = tasks[:, None] & tasks[None, :]
    between_tasks = weights_between(facets, EntryKind.TASK)
    otherwise = weights_between(facets, EntryKind.MODEL)
    total = np.zeros((len(rows), len(rows)), np.float32)
    start = 0
    for facet in facets:
        part = rows[:, start : start + facet.size]
        total += np.where(both_tasks, between_tasks[facet.name], otherwise[facet.name]) * (part @ part.T)
        start += facet.size
    np.fill_diagonal(total, 1.0)
    return total
