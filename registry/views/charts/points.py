"""Points of a map: where each stands, what it is, and which are nearest to it."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.errors import InputError
from registry.views.charts.plane import plane, principal
from registry.views.charts.tsne import tsne

NEAREST = 10  # that are known of each point
DISTANCES, PCA, TSNE, UMAP = "distances", "pca", "tsne", "umap"
LAYOUTS = (DISTANCES, PCA, TSNE, UMAP)
FEWEST = 3


@dataclass(frozen=True)
class Points:
    """Named points; `groups` say by what they may be coloured, such as their kind, with a word for each point."""

    title: str
    names: tuple[str, ...]
    shapes: tuple[str, ...]  # task, model or prompted-model
    groups: Mapping[str, tuple[str, ...]]
    positions: Mapping[str, NDArray[np.float64]]  # layout -> (n, 2), from -1 to 1
    nearest: NDArray[np.int64]  # (n, k): the numbers of the nearest, nearest first
    likeness: NDArray[np.float32]  # (n, k): how similar those are
    alike: NDArray[np.int8]  # (n, k): 1 where they are more alike than strangers, 0 where not, -1 where nobody can tell
    note: str | None = None  # what is to be said with them

    @property
    def ties(self) -> dict[int, int]:
        """The points that have one, with the nearest that is alike; see `tied_of`."""
        return tied_of(self.nearest, self.alike)

    @property
    def layout(self) -> str:
        """The layout that is shown first."""
        return next(iter(self.positions))

    @property
    def places(self) -> NDArray[np.float64]:
        """The positions (n, 2) that are shown first."""
        return self.positions[self.layout]


def laid_out(similarity: NDArray[np.float32], layouts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return positions (n, 2) from -1 to 1, by layout.

    `distances` keeps all distances as well as a plane can, `pca` shows the two directions in which most differ,
    `tsne` and `umap` keep neighbours together.

    Args:
        similarity: (n, n), symmetric, 1 on the diagonal.
        layouts: some of `LAYOUTS`.

    Raises:
        InputError: there is no such layout, umap-learn is not there, or there are fewer than three points.
    """
    if len(similarity) < FEWEST:
        number = f"is {len(similarity)}" if len(similarity) == 1 else f"are {len(similarity)}"
        raise InputError(f"A map needs three vectors, and there {number}.")
    return {layout: _framed(_positions(similarity, layout)) for layout in layouts}


def tied_of(nearest: NDArray[np.int64], alike: NDArray[np.int8]) -> dict[int, int]:
    """Return the nearest that is alike, as far as anybody can tell, by point; those to which nothing is have none.

    Args:
        nearest: (n, k), as `nearest_of` has them.
        alike: (n, k), of these: 1 yes, 0 no, -1 not known.
    """
    may_be = alike != 0
    return {point: int(nearest[point, may_be[point].argmax()]) for point in np.flatnonzero(may_be.any(axis=1)).tolist()}


def nearest_of(similarity: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the nearest of each point and how similar they are, two arrays (n, k), nearest first."""
    others = similarity.copy()
    np.fill_diagonal(others, -np.inf)
    order = np.argsort(-others, axis=1, kind="stable")[:, : min(NEAREST, len(others) - 1)]
    return order, np.take_along_axis(others, order, axis=1)


def _positions(similarity: NDArray[np.float32], layout: str) -> NDArray[np.float64]:
    if layout == DISTANCES:
        return plane(similarity)
    if layout == PCA:
        return principal(similarity)
    if layout == TSNE:
        return tsne(similarity, principal(similarity))
    if layout == UMAP:
        return _umap(similarity)
    raise InputError(f"No layout {layout!r}: there are {', '.join(LAYOUTS)}.")


def _umap(similarity: NDArray[np.float32]) -> NDArray[np.float64]:
    distances = np.sqrt(np.maximum(2.0 - 2.0 * similarity.astype(np.float64), 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is not installed, of a seed that takes away threads, ...
        try:
            import umap
        except ImportError as error:
            raise InputError("The layout umap needs the library umap-learn: pip install umap-learn.") from error
        fitted = umap.UMAP(
            metric="precomputed",
            n_neighbors=min(15, len(distances) - 1),
            init=principal(similarity),
            random_state=0,
        )
        return np.asarray(fitted.fit_transform(distances), np.float64)


def _framed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions about 0, the farthest at 1."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = float((high - low).max()) / 2
    return np.asarray((points - (low + high) / 2) / (half or 1.0))
