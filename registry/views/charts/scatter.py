"""The map as a picture: near entries stand near each other, each tied to the nearest that is alike."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from registry.views.charts.labels import Label, placed
from registry.views.charts.picture import (
    COLOURS,
    DOTS,
    GROUND,
    LINE,
    SOFT,
    Picture,
    fonts,
    new_figure,
    plain,
    shortened,
)
from registry.views.charts.points import Points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = {"task": "o", "model": "^", "prompted-model": "s"}
WORDS = {"task": "tasks", "model": "models", "prompted-model": "prompted models"}
OTHER = "other"
WIDTH, HEIGHT = 10.0, 7.5
CROWDED = 100  # points; beyond, a name stands beside its point or nowhere
LONGEST, SIZE = 2.7, 8.5  # of a name: inches, beyond which it is cut, and points
MOST_COLOURS = len(COLOURS) - 1


def scatter(points: Points, *, colour_by: str = "kind", ties: bool = True) -> Picture:
    """Draw points: by shape what they are, by colour their group.

    Args:
        points: what to draw, in their first layout.
        colour_by: one of their groups.
        ties: whether each is tied to the nearest that is alike.
    """
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.add_axes((0.01, 0.01, 0.79, 0.93))
    axes.set(xticks=[], yticks=[], aspect="equal", facecolor=GROUND)
    axes.set_adjustable("datalim")
    for side in axes.spines.values():
        side.set_color(LINE)
    axes.set_title(points.title, loc="left", fontsize=12)
    _draw(axes, points, points.groups[colour_by], ties=ties)
    axes.margins(x=0.12, y=0.06)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    figure.set_layout_engine("none")
    figure.dpi = DOTS
    with plain(figure):
        figure.draw_without_rendering()
        _name(axes, points)
    return Picture(figure)


def grouped(words: tuple[str, ...]) -> dict[str, str]:
    """Return a colour for each word, the most frequent first; of many, the rarest share the last one."""
    known = [word for word, _ in Counter(word for word in words if word).most_common()]
    colours = {word: COLOURS[min(place, MOST_COLOURS)] for place, word in enumerate(known)}
    return {**colours, "": COLOURS[-1]}


def _draw(axes: "Axes", points: Points, words: tuple[str, ...], *, ties: bool) -> None:
    from matplotlib.collections import LineCollection

    places, colours, size = points.places, grouped(words), 70 if len(points.names) <= 200 else 26
    if ties:
        lines = [places[list(pair)] for pair in points.ties.items()]
        axes.add_collection(LineCollection(lines, colors="#d0d0d0", linewidths=0.9, zorder=1))
    for word in dict.fromkeys(sorted(words, key=lambda word: (word == "", -words.count(word), word))):
        for shape, marker in MARKERS.items():
            own = [w == word and s == shape for w, s in zip(words, points.shapes, strict=True)]
            if any(own):
                x, y = places[own].T
                axes.scatter(x, y, s=size, c=colours[word], marker=marker, zorder=2, edgecolors=GROUND, linewidths=0.8)
    _explain(axes, words, colours, points.shapes)


def _explain(axes: "Axes", words: tuple[str, ...], colours: dict[str, str], shapes: tuple[str, ...]) -> None:
    """Put what shapes and colours mean into the legend."""
    found = Counter(words)
    listed = [word for word in colours if found[word]]
    common = [word for word in listed if word][:MOST_COLOURS]
    for word in common:
        its = Counter(shape for w, shape in zip(words, shapes, strict=True) if w == word)
        marker = MARKERS[its.most_common(1)[0][0]]
        axes.scatter([], [], s=55, c=colours[word], marker=marker, label=f"{word} ({found[word]})")
    rest = sum(found[word] for word in listed if word not in common)
    if rest:
        axes.scatter([], [], s=55, c=COLOURS[-1], marker="o", label=f"{OTHER if common else 'all'} ({rest})")
    there = [shape for shape in MARKERS if shape in shapes]
    if len(set(zip(words, shapes, strict=True))) > len(set(words)):  # a colour is of several shapes
        for shape in there:
            axes.scatter([], [], s=45, facecolors="none", edgecolors=SOFT, marker=MARKERS[shape], label=WORDS[shape])


def _name(axes: "Axes", points: Points) -> None:
    """Write names where there is room, those in sparse places first."""
    at = axes.transData.transform(points.places)
    frame = axes.get_window_extent()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(axes.figure).get_renderer()  # one for all: making it takes long
    names = [shortened(name, LONGEST, SIZE) for name in points.names]
    probe = [axes.text(0, 0, name, fontsize=SIZE, parse_math=False, family=fonts()) for name in names]
    sizes = [(box.width + 2, box.height) for box in (text.get_window_extent(renderer) for text in probe)]
    for text in probe:
        text.remove()
    room = np.sort(np.hypot(*(at[:, None, :] - at[None, :, :]).transpose(2, 0, 1)), axis=1)
    order = np.argsort(-room[:, min(3, len(at) - 1)], kind="stable")
    rings = 5 if len(at) <= CROWDED else 1
    edges = (frame.x0 + 3, frame.y0 + 3, frame.x1 - 3, frame.y1 - 3)
    for label in placed(at, sizes, edges, order.tolist(), radius=6.5, rings=rings):
        _write(axes, names[label.point], label, at[label.point])


def _write(axes: "Axes", name: str, label: Label, point: NDArray[np.float64]) -> None:
    at = axes.transData.inverted()
    x, y = at.transform((label.x + 1, label.y + label.height / 2))
    axes.text(x, y, name, fontsize=SIZE, va="center", ha="left", zorder=3)
    if label.is_far:
        end = (np.clip(point[0], label.x, label.x + label.width), np.clip(point[1], label.y, label.y + label.height))
        line = at.transform(np.array([point, end]))
        axes.plot(*line.T, color="#b0b0b0", linewidth=0.6, zorder=1.5)
