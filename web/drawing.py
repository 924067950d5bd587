"""Pictures as SVG, drawn here: estimates with their intervals, shares, the map."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from web.reading import MapOfSpace, MapPoint

WIDTH, HEIGHT, EDGE = 240, 22, 8  # of one row's picture; the edge keeps a dot at an end whole
MAP_WIDTH, MAP_EDGE = 900, 40
LABELS = 60  # names in a map, at most
LETTER, LINE = 6.6, 15  # the size of a name's letter, and of its line
SHAPES = {"task": "circle", "model": "triangle", "prompted-model": "square"}


@dataclass(frozen=True)
class Scale:
    """From numbers to places along a row."""

    low: float
    high: float

    @classmethod
    def around(cls, numbers: Sequence[float | None], *, low: float | None = None, high: float | None = None) -> "Scale":
        """Return a scale that holds some numbers; its ends may be given, and are moved out where a number is beyond."""
        known = [number for number in numbers if number is not None]
        ends = [*known, *([] if low is None else [low]), *([] if high is None else [high])] or [0.0, 1.0]
        first, last = min(ends), max(ends)
        return cls(first, last if last > first else first + 1.0)

    def at(self, number: float) -> float:
        """Return the place of a number."""
        share = min(max((number - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)


def interval(
    scale: Scale,
    value: float | None,
    ends: Sequence[float] | None = None,
    *,
    mark: float | None = None,
    told: str,
    quiet: bool = False,
) -> Markup:
    """Draw an estimate as a dot, with its interval as a bar.

    Args:
        scale: shared by the rows of a table.
        value: the estimate; None draws the line alone.
        ends: of the interval.
        mark: where a line crosses: what the estimate is held against.
        told: the same in words, for whoever does not see it.
        quiet: whether the estimate is one that counts for nothing.
    """
    middle = HEIGHT / 2
    parts = [Markup('<line class="track" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(EDGE, WIDTH - EDGE, y=middle)]
    if mark is not None:
        parts.append(
            Markup('<line class="mark" x1="{x}" x2="{x}" y1="2" y2="{}"/>').format(HEIGHT - 2, x=scale.at(mark))
        )
    if ends is not None:
        low, high = scale.at(ends[0]), scale.at(ends[1])
        parts.append(
            Markup('<rect class="range" x="{}" y="{}" width="{}" height="8" rx="4"/>').format(
                low, middle - 4, max(round(high - low, 1), 1)
            )
        )
    if value is not None:
        parts.append(Markup('<circle class="dot" cx="{}" cy="{}" r="5"/>').format(scale.at(value), middle))
    return Markup('<svg class="interval{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        " quiet" if quiet else "", WIDTH, HEIGHT, told, Markup().join(parts)
    )


def share(part: float, *, told: str) -> Markup:
    """Draw a share of a whole, from -1 to 1, as a bar from the left; what is less than nothing is drawn quietly."""
    width = round(min(abs(part), 1.0) * 100, 1)
    return Markup(
        '<svg class="share{}" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="track" width="100" height="8"/><rect class="part" width="{}" height="8"/></svg>'
    ).format(" less" if part < 0 else "", told, width)


def drawn_map(found: MapOfSpace) -> Markup:
    """Draw the map of a space: each entry a link, its shape by its kind, tied to the nearest that is alike."""
    height = max((point.y for point in found.points), default=0.0) * (MAP_WIDTH - 2 * MAP_EDGE) + 2 * MAP_EDGE
    places = {point.name: _place(point, height) for point in found.points}
    ties = [
        Markup('<line x1="{}" y1="{}" x2="{}" y2="{}"/>').format(*places[point.name], *places[point.tied])
        for point in found.points
        if point.tied is not None
    ]
    marks = [_mark(point, *places[point.name]) for point in found.points]
    names = [
        Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(x, y, anchor, name)
        for name, x, y, anchor in labels(found.points, places, height)
    ]
    told = f"{len(found.points)} entries of space {found.space}; near ones stand near each other"
    return Markup(
        '<svg class="map" viewBox="0 0 {} {}" role="group" aria-label="{}"><g class="ties" aria-hidden="true">{}</g>'
        '<g>{}</g><g class="names" aria-hidden="true">{}</g></svg>'
    ).format(MAP_WIDTH, round(height, 1), told, *(Markup().join(part) for part in (ties, marks, names)))


def _place(point: MapPoint, height: float) -> tuple[float, float]:
    across = MAP_WIDTH - 2 * MAP_EDGE
    return round(MAP_EDGE + point.x * across, 1), round(height - MAP_EDGE - point.y * across, 1)


def legend_mark(point: MapPoint) -> Markup:
    """Draw the mark of a kind of entry beside its name."""
    return Markup('<svg class="map sign" viewBox="0 0 20 20" aria-hidden="true"><g class="{}">{}</g></svg>').format(
        _classes(point), _shape(point.kind, 10, 10)
    )


def _classes(point: MapPoint) -> str:
    return f"point {point.kind} of-{point.task_kind or point.kind}"


def _mark(point: MapPoint, x: float, y: float) -> Markup:
    words = f"{point.name}, {point.task_kind or point.kind}, nearest to {point.nearest}"
    return Markup('<a href="{}" class="{}" aria-label="{}"><title>{}</title>{}</a>').format(
        entry_path(point.name), _classes(point), words, words, _shape(point.kind, x, y)
    )


def _shape(kind: str, x: float, y: float) -> Markup:
    shape = SHAPES.get(kind, "circle")
    if shape == "circle":
        return Markup('<circle cx="{}" cy="{}" r="7"/>').format(x, y)
    if shape == "square":
        return Markup('<rect x="{}" y="{}" width="12" height="12"/>').format(x - 6, y - 6)
    corners = ((x, y - 8), (x - 7.5, y + 6), (x + 7.5, y + 6))
    return Markup('<polygon points="{}"/>').format(" ".join(f"{at},{down}" for at, down in corners))


def labels(
    points: Sequence[MapPoint], places: dict[str, tuple[float, float]], height: float
) -> list[tuple[str, float, float, str]]:
    """Return where names stand: beside their points, and none over another or over a point."""
    taken = [(x - 8, y - 8, x + 8, y + 8) for x, y in places.values()]
    found: list[tuple[str, float, float, str]] = []
    for point in points:
        if len(found) >= LABELS:
            break
        x, y = places[point.name]
        wide = LETTER * len(point.name)
        for dx, dy, anchor in ((11, 4, "start"), (-11, 4, "end"), (0, -12, "middle"), (0, 22, "middle")):
            left = x + dx - {"start": 0.0, "end": wide, "middle": wide / 2}[anchor]
            box = (left, y + dy - LINE + 4, left + wide, y + dy + 4)
            inside = box[0] >= 0 and box[2] <= MAP_WIDTH and box[1] >= 0 and box[3] <= height
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                found.append((point.name, round(x + dx, 1), round(y + dy, 1), anchor))
                break
    return found


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def entry_path(name: str) -> str:
    """Return the address of an entry's page."""
    return f"/entry/{quote(name, safe='/')}"
