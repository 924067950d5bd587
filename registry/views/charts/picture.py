"""A picture: drawn once, shown by a notebook, and written as a file."""

import io
import logging
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import InputError, MissingExtraError
from registry.files.writing import written

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger("registry")

ENDINGS = (".png", ".svg", ".pdf")
DOTS = 130  # an inch
INCH = 72  # points
INK, SOFT, LINE, GROUND = "#222222", "#6b6b6b", "#dddddd", "#ffffff"
BLUE, ORANGE = "#3b6ea5", "#d1603d"
# Told apart by those too who see few colours (Okabe and Ito 2008, darkened for a white ground).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b5487f", "#9a7b00", "#2f9bd0", "#7a5ea8", "#8c564b", "#5d8a00", "#555555")
# Letters that the first has not are taken from the others, where they are installed.
FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Noto Sans Arabic",
    "Noto Sans Thai",
    "Noto Sans Devanagari",
    "Unifont",
)


class Picture:
    """A drawn figure. A notebook shows it; `save` writes it; `figure` is matplotlib's."""

    def __init__(self, figure: "Figure") -> None:
        self.figure = figure

    def save(self, path: str | Path) -> Path:
        """Write it as .png, .svg or .pdf, whole or not at all, and return where; raise `InputError` for another."""
        place = checked_ending(Path(path))
        with written(place) as draft:
            self._write(draft, place.suffix.lower().removeprefix("."))
        return place

    def _write(self, target: Path | io.BytesIO, ending: str) -> None:
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
        with plain(self.figure):
            self.figure.savefig(target, format=ending, dpi=DOTS, metadata=undated)
        _tell_boxes(self.figure)

    def _repr_png_(self) -> bytes:
        target = io.BytesIO()
        self._write(target, "png")
        return target.getvalue()

    def __repr__(self) -> str:
        width, height = self.figure.get_size_inches()
        return f"<Picture {width:.1f} x {height:.1f} inches; save(PATH) writes .png, .svg or .pdf>"


def checked_ending(path: Path, more: tuple[str, ...] = ()) -> Path:
    """Return a path whose ending says what is to be written; raise `InputError` for another."""
    if path.suffix.lower() not in (*ENDINGS, *more):
        raise InputError(f"{path}: a picture is written as {', '.join((*ENDINGS, *more))}.")
    return path


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of so many inches; raise `MissingExtraError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise MissingExtraError("A picture needs matplotlib", "plot") from error
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1), facecolor=GROUND)


@contextmanager
def plain(figure: "Figure") -> Iterator[None]:
    """Let every text be drawn as it stands, formulas too, and letters that no font has as boxes."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_fontfamily(fonts())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@cache
def fonts() -> list[str]:
    """Return the fonts that letters are taken from."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return [name for name in FONTS if name in there]


def width_of(text: str, points: float) -> float:
    """Return how many inches a line is wide whose letters are so many points high."""
    return _measured(text, points)[0]


def shortened(text: str, inches: float, points: float) -> str:
    """Return a line, cut where it would be wider than so many inches."""
    if len(text) * points <= INCH * inches or width_of(text, points) <= inches:  # few letters are wider than high
        return text
    fitting = bisect_right(range(len(text)), inches, key=lambda signs: width_of(f"{text[:signs]} ...", points))
    return f"{text[: max(fitting - 1, 0)]} ..."


def _measured(line: str, points: float) -> tuple[float, bool]:
    """Return a line's width in inches, and whether it has letters that no font has."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        font = FontProperties(family=fonts(), size=points)
        width, _, _ = text_to_path.get_text_width_height_descent(line, font, ismath=False)
    return float(width) / INCH, any("missing from font" in str(one.message) for one in told)


def _tell_boxes(figure: "Figure") -> None:
    """Say how many texts have letters that no font has."""
    from matplotlib.text import Text

    texts = sorted({text.get_text() for text in figure.findobj(Text)})
    boxes = [text for text in texts if not text.isascii() and any(_measured(line, 10)[1] for line in text.splitlines())]
    if boxes:
        log.warning(
            "no font of this machine has the letters of %r (texts with such letters: %d), which are drawn as boxes: "
            "install Noto Sans CJK or Unifont; a page (map and heatmap as FILE.html) takes the reader's fonts.",
            boxes[0][:60],
            len(boxes),
        )
