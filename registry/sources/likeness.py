"""How alike are tasks and models to one another? Similarities and facets of one space, as rankings need them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, SpaceRecord
from registry.kinds import EntryKind
from registry.ranking.duplicates import ALMOST_EQUAL, tells_doubles
from registry.spaces.facets import KINSHIP, Facets, weights_between

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """The similarities of tasks, and of models that one may start from, in a space, and those of each facet."""

    names: tuple[str, ...]  # n
    similarity: Matrix  # (n, n), 1 on the diagonal, minus infinity where one has no vector
    facets: Matrix  # (n, n, F), not a number where one has no vector, or the facet says nothing of a model
    facet_names: tuple[str, ...]  # F
    models: frozenset[str] = frozenset()  # the names that are models; the others are tasks
    tells_doubles: bool = False  # whether only doubles have almost the same vector

    @classmethod
    def from_rows(
        cls,
        names: Sequence[str],
        rows: NDArray[np.float32],
        facets: Facets,
        *,
        weights: Mapping[str, float] | None = None,
        models: Collection[str] = (),
        tells_doubles: bool = False,
    ) -> "Likeness":
        """Compare vectors as they are indexed: two tasks by all facets, others by those that say something of models.

        Args:
            names: n, each once.
            rows: (n, dimension), centred, each facet of unit length.
            weights: the user's own; None for those that were measured to be right, see `weights_between`.
            models: the names that are models.
            tells_doubles: whether only doubles have almost the same rows.
        """
        parts = facets.split(rows)
        cosines = np.stack([part @ part.T for part in parts], axis=-1).astype(np.float64)  # (n, n, F)
        is_task = np.array([name not in models for name in names], bool)
        are_tasks = is_task[:, None] & is_task
        between_tasks, with_a_model = (
            cosines @ _in_order(facets, weights_between(facets, kind, chosen=weights))
            for kind in (EntryKind.TASK, EntryKind.MODEL)
        )
        similarity = np.where(are_tasks, between_tasks, with_a_model)
        np.fill_diagonal(similarity, 1.0)
        says_nothing = _in_order(facets, weights_between(facets, EntryKind.MODEL)) == 0
        cosines[~are_tasks[..., None] & says_nothing] = np.nan
        return cls(tuple(names), similarity, cosines, facets.names, frozenset(models), tells_doubles)

    @classmethod
    def from_space(cls, catalog: Catalog, space: SpaceRecord) -> "Likeness":
        """Compare all tasks of a space."""
        held = catalog.embeddings.all(space.id)
        tasks = [number for number, kind in enumerate(held.kinds) if kind is EntryKind.TASK]
        facets = held.centring.facets
        rows = held.centring.centred(held.matrix[tasks])
        names = [held.names[i] for i in tasks]
        return cls.from_rows(names, rows, facets, tells_doubles=tells_doubles(held.centring))

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of each name."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def kinship(self) -> Matrix:
        """How far what helped one task should help another, (n, n): the mean cosine of the facets of `KINSHIP`.

        Where a space has no such facets, and where a model is involved, it is the similarity.
        """
        if not set(KINSHIP) <= set(self.facet_names):
            return self.similarity
        kinship = self.facets[..., [self.facet_names.index(name) for name in KINSHIP]].mean(axis=-1)
        kinship = np.where(np.isfinite(kinship), kinship, self.similarity)
        np.fill_diagonal(kinship, 1.0)
        return np.asarray(kinship)

    def between(self, a: str, b: str) -> float | None:
        """Return how alike two are; None where one has no vector."""
        return self._known(self.similarity, a, b)

    def kin_of(self, name: str) -> dict[str, float]:
        """Return the kinship of one with each, by name; minus infinity where one has no vector."""
        return dict(zip(self.names, self.kinship[self.row[name]].tolist(), strict=True))

    def kin(self, a: str, b: str) -> float | None:
        """Return the kinship of two; None where one has no vector."""
        return self._known(self.kinship, a, b)

    def _known(self, values: Matrix, a: str, b: str) -> float | None:
        if a not in self.row or b not in self.row:
            return None
        value = float(values[self.row[a], self.row[b]])
        return value if np.isfinite(value) and (a != b or np.isfinite(self.facets[self.row[a]]).any()) else None

    def including(self, names: Iterable[str]) -> "Likeness":
        """Return it with tasks or models that have no vector: they are like themselves alone."""
        more = sorted(set(names) - set(self.names))
        room = (0, len(more))
        similarity = np.pad(self.similarity, (room, room), constant_values=-np.inf)
        np.fill_diagonal(similarity, 1.0)
        facets = np.pad(self.facets, (room, room, (0, 0)), constant_values=np.nan)
        return Likeness((*self.names, *more), similarity, facets, self.facet_names, self.models, self.tells_doubles)

    def doubles_of(self, name: str) -> frozenset[str]:
        """Return a name, and those that have almost the same vector: what was measured of these was measured of it."""
        if not self.tells_doubles:
            return frozenset({name})
        same = np.flatnonzero((self.facets[self.row[name]] >= ALMOST_EQUAL).all(axis=1))
        return frozenset({name, *(self.names[row] for row in same.tolist())})

    def standardised(self, rows: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
        """Return the facets and the similarities of some rows, standardised over the other tasks, and the other models.

        Where nothing is known it is 0. The two kinds stand on scales of their own: a task is told from a model by more.

        Returns:
            (rows, n, F) and (rows, n).
        """
        is_model = np.array([name in self.models for name in self.names], bool)
        others = np.arange(len(self.names)) != rows[:, None]  # (rows, n)
        values = np.concatenate([self.facets[rows], self.similarity[rows][..., None]], axis=-1)
        standardised = np.zeros_like(values)
        for columns in (~is_model, is_model):
            standardised += _standardised(values, np.isfinite(values) & (others & columns)[..., None])
        return standardised[..., :-1], standardised[..., -1]


def _in_order(facets: Facets, weights: Mapping[str, float]) -> Matrix:
    return np.array([weights[facet.name] for facet in facets])


def _standardised(values: Matrix, known: NDArray[np.bool_]) -> Matrix:
    """Return what is known of each row less its mean, over its standard deviation; 0 elsewhere."""
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    filled = np.where(known, values, 0.0)
    centred = np.where(known, filled - filled.sum(axis=1, keepdims=True) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9))
