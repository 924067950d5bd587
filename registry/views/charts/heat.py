"""Similarities as a picture: all with all, those that belong together side by side."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from registry.views.charts.order import Clustering
from registry.views.charts.picture import GROUND, INK, SOFT, Picture, new_figure, shortened, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELLED, NUMBERED = 90, 22  # things whose names, and numbers, can be read
COLOURS = "RdBu_r"
LONGEST, SIZE = 2.7, 8.5  # of a name: inches, beyond which it is cut, and points
SLANT = 55  # degrees, of the names below
CELL, LEAST, MOST = 0.17, 3.0, 15.0  # inches: of a thing, and of all of them
TREE, BAR, HEAD = 0.85, 1.0, 0.55  # inches: left, right and above


def heat(title: str, names: tuple[str, ...], similarity: NDArray[np.float32], clustering: Clustering) -> Picture:
    """Draw similarities in the order of a clustering, with its tree.

    Args:
        title: what they are of.
        names: n.
        similarity: (n, n), as the names are ordered.
        clustering: of the n.
    """
    order = clustering.order
    is_named, is_numbered = len(names) <= LABELLED, len(names) <= NUMBERED
    fitted = [shortened(names[i], LONGEST, SIZE) for i in order] if is_named else []
    widths = np.array([width_of(name, SIZE) for name in fitted] or [0.1])
    longest = float(widths.max())
    side = min(max(CELL * len(names) * (2 if is_numbered else 1), LEAST), MOST)
    lower = np.sin(np.radians(SLANT)) * longest + 0.3
    reach = np.cos(np.radians(SLANT)) * widths - side / len(names) * (0.5 + np.arange(len(widths)))
    left = max(TREE, float(reach.max()) + 0.15)  # room for names that slant beyond the first column
    width, height = left + side + longest + BAR, lower + side + HEAD
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    figure.text(0.12 / width, 1 - 0.18 / height, title, fontsize=11.5, va="top")
    axes = figure.add_axes((left / width, lower / height, side / width, side / height))
    tree = figure.add_axes(((left - TREE + 0.1) / width, lower / height, (TREE - 0.16) / width, side / height))
    scale = figure.add_axes((1 - 0.85 / width, (lower + 0.2 * side) / height, 0.14 / width, 0.6 * side / height))
    shown = similarity[np.ix_(order, order)]
    image = axes.imshow(shown, cmap=COLOURS, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    bar = figure.colorbar(image, cax=scale, ticks=(-1, -0.5, 0, 0.5, 1))
    bar.ax.tick_params(length=0, labelsize=8.5, colors=SOFT)
    bar.outline.set_visible(False)
    axes.tick_params(length=0)
    axes.yaxis.tick_right()
    if is_named:
        axes.set_xticks(range(len(names)), fitted, rotation=SLANT, ha="right", rotation_mode="anchor", fontsize=SIZE)
        axes.set_yticks(range(len(names)), fitted, fontsize=SIZE)
    else:
        axes.set(xticks=[], yticks=[])
    for edge in axes.spines.values():
        edge.set_visible(False)
    if is_numbered:
        _number(axes, shown)
    _tree(tree, clustering)
    return Picture(figure)


def _number(axes: "Axes", shown: NDArray[np.float32]) -> None:
    for row, values in enumerate(shown.tolist()):
        for column, value in enumerate(values):
            if row != column:
                colour = GROUND if abs(value) > 0.62 else INK
                text = f"{value:.2f}".replace("0.", ".").replace("-.00", ".00")
                axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)


def _tree(axes: "Axes", clustering: Clustering) -> None:
    """Draw the tree to the left of the rows that it joins."""
    count = len(clustering.order)
    heights = {int(leaf): float(place) for place, leaf in enumerate(clustering.order)}
    depths = dict.fromkeys(heights, 0.0)
    for number, (first, second, distance) in enumerate(clustering.merges):
        one, other = int(first), int(second)
        depth = max(float(distance), depths[one], depths[other])
        axes.plot(
            [-depths[one], -depth, -depth, -depths[other]],
            [heights[one], heights[one], heights[other], heights[other]],
            color=SOFT,
            linewidth=0.8,
        )
        heights[count + number], depths[count + number] = (heights[one] + heights[other]) / 2, depth
    axes.set_ylim(count - 0.5, -0.5)
    axes.set(xticks=[], yticks=[])
    for edge in axes.spines.values():
        edge.set_visible(False)
