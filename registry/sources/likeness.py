"""How alike are tasks to one another? Similarities and facets of one space, as rankings of sources need them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, SpaceRecord
from registry.kinds import EntryKind
from registry.spaces.facets import Facets, weights_between

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """The similarities of tasks to one another in a space, and those of each facet."""

    names: tuple[str, ...]  # n
    similarity: Matrix  # (n, n), 1 on the diagonal, minus infinity where a task has no vector
    facets: Matrix  # (n, n, F), not a number where a task has no vector
    facet_names: tuple[str, ...]  # F

    @classmethod
    def from_rows(
        cls, names: Sequence[str], rows: NDArray[np.float32], facets: Facets, weights: Mapping[str, float]
    ) -> "Likeness":
        """Compare vectors as they are indexed.

        Args:
            names: n, each once.
            rows: (n, dimension), centred, each facet of unit length.
            weights: of the facets in the similarity; they add up to 1.
        """
        parts = facets.split(rows.astype(np.float64))
        cosines = np.stack([part @ part.T for part in parts], axis=-1)  # (n, n, F)
        similarity = cosines @ np.array([weights[facet.name] for facet in facets])
        np.fill_diagonal(similarity, 1.0)
        return cls(tuple(names), similarity, cosines, facets.names)

    @classmethod
    def from_space(cls, catalog: Catalog, space: SpaceRecord) -> "Likeness":
        """Compare all tasks of a space."""
        held = catalog.embeddings.all(space.id)
        tasks = [number for number, kind in enumerate(held.kinds) if kind is EntryKind.TASK]
        facets = held.centring.facets
        rows = held.centring.centred(held.matrix[tasks])
        return cls.from_rows([held.names[i] for i in tasks], rows, facets, weights_between(facets, EntryKind.TASK))

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of each name."""
        return {name: number for number, name in enumerate(self.names)}

    def between(self, a: str, b: str) -> float | None:
        """Return how alike two tasks are; None where one has no vector."""
        if a not in self.row or b not in self.row:
            return None
        value = float(self.similarity[self.row[a], self.row[b]])
        return value if np.isfinite(value) and (a != b or np.isfinite(self.facets[self.row[a]]).any()) else None

    def including(self, names: Iterable[str]) -> "Likeness":
        """Return it with tasks that have no vector: they are like themselves alone."""
        more = sorted(set(names) - set(self.names))
        room = (0, len(more))
        similarity = np.pad(self.similarity, (room, room), constant_values=-np.inf)
        np.fill_diagonal(similarity, 1.0)
        facets = np.pad(self.facets, (room, room, (0, 0)), constant_values=np.nan)
        return Likeness((*self.names, *more), similarity, facets, self.facet_names)

    def standardised(self) -> Matrix:
        """Return the facets, each row standardised over its other tasks, (n, n, F); 0 where nothing is known."""
        return _standardised_rows(self.facets)

    def standardised_similarity(self) -> Matrix:
        """Return the similarities in the same way, (n, n)."""
        return _standardised_rows(self.similarity[..., None])[..., 0]


def _standardised_rows(values: Matrix) -> Matrix:
    known = np.isfinite(values) & ~np.eye(len(values), dtype=bool)[..., None]
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    filled = np.where(known, values, 0.0)
    centred = np.where(known, filled - filled.sum(axis=1, keepdims=True) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9))
