"""Names beside points so that none lies on another: each gets the nearest free place, or none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR, STEPS, STEP = 9.0, 4, 11.0  # from a point: the first ring of places, how many more at most, and how far apart
LEADER = 16.0  # a name that stands farther off is tied to its point


@dataclass(frozen=True)
class Label:
    """A name's place, in the units of the points."""

    point: int
    x: float  # of its left edge
    y: float  # of its lower edge
    width: float
    height: float
    is_far: bool  # whether it needs a line to its point


def placed(
    points: NDArray[np.float64],
    sizes: Sequence[tuple[float, float]],
    frame: tuple[float, float, float, float],
    order: Sequence[int] | None = None,
    *,
    radius: float = 6.0,
    rings: int = STEPS + 1,
) -> list[Label]:
    """Return places for names, no two of which overlap, nor cover a point; what finds none is left out.

    Args:
        points: (n, 2), in pixels.
        sizes: n, the width and height of each name.
        frame: left, lower, right and upper edge within which names stand.
        order: who chooses first; None for the order of the points.
        radius: of a point's mark.
        rings: how many rings of places are tried; beyond the first few a name needs a line to its point.
    """
    boxes = np.empty((0, 4))
    marks = np.concatenate([points - radius, points + radius], axis=1)  # (n, 4): left, lower, right, upper
    found = []
    for point in order if order is not None else range(len(points)):
        width, height = sizes[point]
        for distance, left, lower in _places(points[point], width, height, radius, rings):
            box = np.array([left, lower, left + width, lower + height])
            inside = box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
            if inside and not _meets(box, boxes) and not _meets(box, marks):
                boxes = np.vstack([boxes, box])
                found.append(Label(point, left, lower, width, height, distance > LEADER))
                break
    return found


def _places(
    point: NDArray[np.float64], width: float, height: float, radius: float, rings: int
) -> Iterator[tuple[float, float, float]]:
    """Yield how far off, and where, a name may stand: right, left, above, below, then at the corners; then farther."""
    x, y = float(point[0]), float(point[1])
    for ring in range(rings):
        far = radius + NEAR - 6 + ring * STEP
        for side_x, side_y in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            reach = far if 0 in (side_x, side_y) else 0.75 * far
            left = x + side_x * reach - (width if side_x < 0 else 0 if side_x > 0 else width / 2)
            lower = y + side_y * reach - (height if side_y < 0 else 0 if side_y > 0 else height / 2)
            yield far, left, lower


def _meets(box: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    apart = (others[:, 0] >= box[2]) | (others[:, 2] <= box[0]) | (others[:, 1] >= box[3]) | (others[:, 3] <= box[1])
    return not bool(apart.all())
