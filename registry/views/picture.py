"""The space as a picture: near entries stand near each other, each tied to its nearest."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, SpaceRecord
from registry.data.vectors import VectorFile
from registry.errors import InputError, MissingExtraError
from registry.files.writing import written
from registry.ranking.compare import similarities
from registry.views.plane import plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {  # a task by what it asks, a model by what it is: colour and marker
    "classification": ("#3b6ea5", "o"),
    "multiple-choice": ("#7a5ea8", "o"),
    "regression": ("#3f9c9c", "o"),
    "question-answering": ("#c9972e", "o"),
    "free-text": ("#8a8a8a", "o"),
    "task": ("#5b5b5b", "o"),  # of which only its vector is known
    "model": ("#d1603d", "^"),
    "prompted-model": ("#7a9e48", "s"),
}
ENDINGS = (".png", ".svg", ".pdf")
LEADER = {"arrowstyle": "-", "color": "#dddddd", "shrinkA": 0, "shrinkB": 4}  # from a name to its point
DRAWN = 1000  # points: of more entries a sample is drawn
LABELLED = 60  # points; with more, names would hide the picture


def draw_space(catalog: Catalog, space: SpaceRecord, path: Path) -> None:
    """Draw a space's entries in two dimensions, as .png, .svg or .pdf."""
    vectors, similarity = similarities(catalog, space, most=DRAWN)
    asked = catalog.entries.task_kinds(vectors.names)
    kinds = [asked.get(name) or kind for name, kind in zip(vectors.names, vectors.kinds, strict=True)]
    draw_map(path, space, vectors, similarity, kinds)


def draw_map(
    path: Path, space: SpaceRecord, vectors: VectorFile, similarity: NDArray[np.float32], kinds: Sequence[str]
) -> None:
    """Draw a space's entries in two dimensions.

    Args:
        similarity: of the entries to one another, (n, n).
        kinds: n, of `LOOKS`.

    Raises:
        InputError: the file's ending is not one of `ENDINGS`, or there are fewer than three entries.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: a map is written as {', '.join(ENDINGS)}.")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("A map needs matplotlib", "plot") from error
    if len(vectors.names) < 3:
        raise InputError(f"Space {space.name!r} has {len(vectors.names)} vectors; a map needs three.")
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, vectors, similarity, kinds)
    count = len(vectors.names)
    axes.set_title(f"{count} entries in space {space.name} ({space.spec['method']})", loc="left", fontsize=12)
    with written(path) as draft:
        figure.savefig(draft, dpi=130)


def _draw(axes: "Axes", vectors: VectorFile, similarity: NDArray[np.float32], kinds: Sequence[str]) -> None:
    from matplotlib.collections import LineCollection

    points = plane(similarity)
    width = np.ptp(points[:, 0])
    ties = np.stack([points, points[_nearest(similarity)]], axis=1)  # (n, 2, 2)
    axes.add_collection(LineCollection(list(ties), colors="#c8c8c8", linewidths=1, zorder=1))
    for kind, (colour, marker) in LOOKS.items():
        chosen = points[[k == kind for k in kinds]]
        if len(chosen):
            x, y = chosen.T
            axes.scatter(x, y, s=70, c=colour, marker=marker, label=kind, zorder=2, edgecolors="white")
    if len(points) <= LABELLED:
        for name, (x, y), label_y in zip(vectors.names, points, _spread(points), strict=True):
            axes.annotate(name, (x, y), xytext=(x + 0.02 * width, label_y), fontsize=9, va="center", arrowprops=LEADER)
    axes.margins(x=0.2, y=0.08)
    axes.set(xticks=[], yticks=[])
    axes.legend(frameon=False, loc="best")
    for side in axes.spines.values():
        side.set_color("#dddddd")


def _nearest(similarity: NDArray[np.float32]) -> list[int]:
    others = similarity.copy()
    np.fill_diagonal(others, -np.inf)
    return [int(i) for i in others.argmax(axis=1)]


def _spread(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return heights for the labels: those of near points are pushed apart until they can be read."""
    heights = points[:, 1].copy()
    gap, reach = 0.034 * np.ptp(points[:, 1]), 0.22 * np.ptp(points[:, 0])
    for _ in range(200):
        for i in range(len(points)):
            for j in range(i):
                if abs(points[i, 0] - points[j, 0]) < reach and abs(heights[i] - heights[j]) < gap:
                    upper, lower = (i, j) if heights[i] >= heights[j] else (j, i)
                    push = (gap - (heights[upper] - heights[lower])) / 2
                    heights[upper] += push
                    heights[lower] -= push
    return heights
