"""t-SNE: positions in a plane at which those that are near one another stay so (van der Maaten and Hinton 2008)."""

import numpy as np
from numpy.typing import NDArray

from registry.views.charts.plane import squares_between

STEPS, EXAGGERATED = 350, 100  # of the descent, and of its beginning, in which groups are drawn together
EXAGGERATION = 12.0
BISECTIONS = 40
TINY = 1e-12


def tsne(
    similarity: NDArray[np.float32], start: NDArray[np.float64], *, perplexity: float = 15.0
) -> NDArray[np.float64]:
    """Return positions (n, 2), from a start (n, 2): the same for the same numbers, no chance is in it.

    Args:
        similarity: (n, n), symmetric, 1 on the diagonal.
        start: such as the first two principal components.
        perplexity: how many neighbours each has, about; fewer where there are few points.
    """
    count = len(similarity)
    chances = _neighbourhoods(
        np.maximum(2.0 - 2.0 * similarity.astype(np.float64), 0.0), min(perplexity, (count - 1) / 3)
    )
    wanted = np.maximum((chances + chances.T) / (2 * count), TINY).astype(np.float32)
    points = (1e-2 * start / max(float(start[:, 0].std()), TINY)).astype(np.float32)
    points += 1e-4 * np.stack([np.cos(np.arange(count)), np.sin(np.arange(count))], axis=1).astype(np.float32)
    speed, gains = np.zeros_like(points), np.ones_like(points)
    rate = max(count / EXAGGERATION / 4, 10.0)
    exaggerated, near = EXAGGERATION * wanted, np.empty_like(wanted)
    for step in range(STEPS):
        slope = _slope(exaggerated if step < EXAGGERATED else wanted, points, near)
        gains = np.maximum(np.where((slope > 0) != (speed > 0), gains + 0.2, gains * 0.8), 0.01)
        speed = (0.5 if step < EXAGGERATED else 0.8) * speed - rate * gains * slope
        points = points + speed
        points -= points.mean(axis=0)
    return points.astype(np.float64)


def _slope(wanted: NDArray[np.float32], points: NDArray[np.float32], near: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return where each point is to go, (n, 2); `near`, (n, n), is room to compute in."""
    squares_between(points, near)
    near += 1
    np.reciprocal(near, out=near)
    np.fill_diagonal(near, 0)
    pull = near * (-1 / near.sum())
    pull += wanted
    pull *= near
    return np.asarray(4 * (pull.sum(axis=1, keepdims=True) * points - pull @ points), np.float32)


def _neighbourhoods(squares: NDArray[np.float64], perplexity: float) -> NDArray[np.float64]:
    """Return how likely each would choose each other as its neighbour, (n, n): all have the same perplexity."""
    np.fill_diagonal(squares, np.inf)
    squares = squares - squares.min(axis=1, keepdims=True)
    low, high = np.full(len(squares), 1e-6), np.full(len(squares), 1e9)
    for _ in range(BISECTIONS):
        sharpness = np.sqrt(low * high)
        chances = np.exp(-squares * sharpness[:, None])
        chances /= chances.sum(axis=1, keepdims=True)
        entropy = -(chances * np.log(np.maximum(chances, TINY))).sum(axis=1)
        is_wide = entropy > np.log(perplexity)
        low, high = np.where(is_wide, sharpness, low), np.where(is_wide, high, sharpness)
    return np.asarray(chances)
