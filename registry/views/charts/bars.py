"""Numbers with their intervals, one below the other: rankings, and accuracies as they are estimated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from registry.views.charts.picture import BLUE, GROUND, INK, LINE, ORANGE, SOFT, Picture, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, HEAD, LEAST = 0.30, 1.25, 2.0  # inches: of a row, of all around the rows, and the least height
MOST_ROWS = 60
WRAPPED = 130  # signs of a sentence in a line
LONGEST, SIZE = 3.8, 9.5  # of a name: inches, beyond which it is cut, and points


@dataclass(frozen=True)
class Measures:
    """Named numbers, the best first."""

    title: str
    axis: str  # what the numbers are
    names: Sequence[str]
    values: Sequence[float]
    lows: Sequence[float | None] = ()  # the ends of the intervals; none where they are not known
    highs: Sequence[float | None] = ()
    marked: frozenset[int] = frozenset()  # rows that stand out
    meaning: str | None = None  # of standing out
    ranks: Mapping[str, Sequence[int]] = field(default_factory=dict)  # by other methods, 1 is best
    verdict: str | None = None
    from_zero: bool = False  # bars from zero; else dots
    line: float | None = None  # a number that all are held against


def drawn(rows: Measures) -> Picture:
    """Draw named numbers with their intervals, and the ranks of other methods beside them."""
    count = min(len(rows.names), MOST_ROWS)
    lines = _wrapped(rows.verdict)
    height = max(LEAST, HEAD + ROW * count + 0.2 * len(lines) + (0.75 if rows.ranks else 0))
    figure = new_figure(9.0 + (0.42 * len(rows.ranks)), height)
    figure.suptitle(rows.title, x=0.01, ha="left", fontsize=11.5)
    if rows.ranks:
        ratios = (6.0, 0.42 * len(rows.ranks) + 0.3)
        axes, table = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": ratios})
        _rank_table(table, rows, count)
    else:
        axes = figure.subplots()
    places = np.arange(count)
    _measures(axes, rows, places)
    axes.set_yticks(places, [shortened(name, LONGEST, SIZE) for name in rows.names[:count]], fontsize=SIZE)
    axes.set_ylim(count - 0.4, -0.6)
    told = f"{rows.axis} (orange: {rows.meaning})" if rows.meaning else rows.axis
    axes.set_xlabel(told, fontsize=9.5, color=SOFT)
    axes.tick_params(colors=INK, length=0)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    if lines:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=9.5, color=INK)
    return Picture(figure)


def _measures(axes: "Axes", rows: Measures, places: NDArray[np.int64]) -> None:
    count = len(places)
    values = np.asarray(rows.values[:count], float)
    colours = [ORANGE if place in rows.marked else BLUE for place in places.tolist()]
    lows = _numbers(rows.lows[:count] or [None] * count, values)
    highs = _numbers(rows.highs[:count] or [None] * count, values)
    if rows.from_zero:
        axes.barh(places, values, height=0.62, color=colours, alpha=0.85)
        axes.axvline(0, color=SOFT, linewidth=0.8)
        axes.hlines(places, lows, highs, color=INK, linewidth=1.2)
    else:
        axes.hlines(places, lows, highs, color=colours, linewidth=2.2, alpha=0.55)
        axes.scatter(values, places, s=52, c=colours, zorder=3, edgecolors=GROUND)
    if rows.line is not None:
        axes.axvline(rows.line, color=ORANGE, linewidth=1.0, linestyle="--", alpha=0.8, zorder=1)
    ends = np.maximum(highs, values)
    reach = float(np.ptp([*lows, *ends, *([0.0] if rows.from_zero else [])])) or 1.0
    if rows.from_zero:
        ends = np.where(values < 0, np.minimum(lows, values), ends)
    for place, value, end in zip(places.tolist(), values.tolist(), ends.tolist(), strict=True):
        is_left = rows.from_zero and value < 0
        text = f"{value:.2f}".replace("-0.00", "0.00")
        at, side = (end - 0.01 * reach, "right") if is_left else (end + 0.01 * reach, "left")
        axes.text(at, place, text, va="center", ha=side, fontsize=8.5, color=SOFT)
    axes.margins(x=0.07)


def _rank_table(axes: "Axes", rows: Measures, count: int) -> None:
    """Write each method's ranks, the better the darker."""
    ranks = np.array([list(own[:count]) for own in rows.ranks.values()]).T  # (rows, methods)
    axes.imshow(ranks, aspect="auto", cmap="Blues_r", alpha=0.75, vmin=0, vmax=max(ranks.max(), 2) * 1.25)
    for row in range(count):
        for column in range(ranks.shape[1]):
            light = ranks[row, column] <= 0.45 * ranks.max()
            axes.text(
                column, row, ranks[row, column], ha="center", va="center", fontsize=8, color=GROUND if light else INK
            )
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(rows.ranks)), list(rows.ranks), rotation=60, ha="left", fontsize=8.5)
    axes.tick_params(length=0, labelleft=False)
    axes.set_xlabel("rank by each method", fontsize=9.5, color=SOFT)
    for side in axes.spines.values():
        side.set_visible(False)


def _numbers(given: Sequence[float | None], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([value if own is None else own for own, value in zip(given, values.tolist(), strict=True)], float)


def _wrapped(sentence: str | None) -> list[str]:
    import textwrap

    return textwrap.wrap(sentence or "", WRAPPED)
