"""Positions in a plane whose distances follow similarities."""

import numpy as np
from numpy.typing import NDArray

MOVED = 1500  # points; with more, moving them takes minutes


def plane(similarity: NDArray[np.float32], *, steps: int = 300) -> NDArray[np.float64]:
    """Return positions (n, 2) whose distances follow the similarities, by stress majorisation.

    It starts from classical scaling (Torgerson 1952), which shows the two largest directions and heaps up the rest,
    and moves the points until their distances are as near to sqrt(2 - 2 similarity) as a plane allows (SMACOF,
    de Leeuw 1977).

    Args:
        similarity: (n, n), symmetric, 1 on the diagonal.
    """
    wanted = np.sqrt(np.maximum(2.0 - 2.0 * similarity.astype(np.float64), 0.0))
    points = _classical(similarity.astype(np.float64))
    for _ in range(steps if len(points) <= MOVED else 0):
        distances = np.sqrt(sum(np.square(np.subtract.outer(along, along)) for along in points.T))
        ratio = np.divide(wanted, distances, out=np.zeros_like(wanted), where=distances > 0)
        points = (ratio.sum(axis=1, keepdims=True) * points - ratio @ points) / len(points)
    return points


def _classical(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = similarity - similarity.mean(axis=0) - similarity.mean(axis=1, keepdims=True) + similarity.mean()
    values, directions = np.linalg.eigh(centred)
    best = np.argsort(-values)[:2]
    points = directions[:, best] * np.sqrt(np.maximum(values[best], 0.0))
    return np.asarray(points * np.sign(points[np.abs(points).argmax(axis=0), [0, 1]]))  # no mirror images
