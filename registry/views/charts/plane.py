"""Positions in a plane whose distances follow similarities."""

import numpy as np
from numpy.typing import NDArray

MOVED = 1500  # points; with more, moving them takes long
TINY = 1e-9


def plane(similarity: NDArray[np.float32], *, steps: int = 300) -> NDArray[np.float64]:
    """Return positions (n, 2) whose distances follow the similarities, by stress majorisation.

    It starts from classical scaling (Torgerson 1952), which shows the two largest directions and heaps up the rest,
    and moves the points until their distances are as near to sqrt(2 - 2 similarity) as a plane allows (SMACOF,
    de Leeuw 1977).

    Args:
        similarity: (n, n), symmetric, 1 on the diagonal.
    """
    wanted = np.sqrt(np.maximum(2.0 - 2.0 * similarity, 0.0)).astype(np.float32)
    points = principal(similarity).astype(np.float32)
    ratio = np.empty_like(wanted)
    for _ in range(steps if len(points) <= MOVED else 0):
        squares_between(points, ratio)
        np.sqrt(np.maximum(ratio, TINY, out=ratio), out=ratio)
        np.divide(wanted, ratio, out=ratio)
        np.fill_diagonal(ratio, 0.0)
        points = (ratio.sum(axis=1, keepdims=True) * points - ratio @ points) / len(points)
    return points.astype(np.float64)


def squares_between(points: NDArray[np.float32], into: NDArray[np.float32]) -> None:
    """Write the squared distances of points (n, 2) to one another into an array (n, n), and allocate nothing."""
    lengths = np.square(points).sum(axis=1)
    np.matmul(points, -2 * points.T, out=into)
    into += lengths[:, None]
    into += lengths[None, :]


def principal(similarity: NDArray[np.float32], count: int = 2) -> NDArray[np.float64]:
    """Return positions (n, count) along the directions in which most differ: classical scaling, which is PCA.

    Args:
        similarity: (n, n), symmetric, 1 on the diagonal.
        count: of directions.
    """
    own = similarity.astype(np.float64)
    centred = own - own.mean(axis=0) - own.mean(axis=1, keepdims=True) + own.mean()
    values, directions = np.linalg.eigh(centred)
    best = np.argsort(-values)[:count]
    points = directions[:, best] * np.sqrt(np.maximum(values[best], 0.0))
    return np.asarray(points * np.sign(points[np.abs(points).argmax(axis=0), range(len(best))]))  # no mirror images
