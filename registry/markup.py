"""Results as HTML for a notebook: readable on a light ground and on a dark one; every text is escaped."""

import html
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

MOST_ROWS = 200  # of a table that are shown: a notebook keeps what it shows
SHORT = 40  # signs of a text that stands in one line
BLUE, ORANGE = "66,133,244", "230,120,60"
LEAST_SHOWN, WHOLE = 0.005, 1.0  # of a bar

# The colours are half transparent, and the lines have the colour of the text: both fit either ground.
STYLE = """<style>
.fute table{border-collapse:collapse;font-size:13px;margin:2px 0 6px}
.fute caption{caption-side:top;text-align:left;opacity:.7;padding:2px 0 4px}
.fute th,.fute td{padding:3px 10px 3px 8px;text-align:left;border:0;vertical-align:baseline;background:none}
.fute th{border-bottom:1px solid currentColor;font-weight:600;white-space:nowrap}
.fute td{border-bottom:1px solid rgba(128,128,128,.25);max-width:44em;overflow-wrap:break-word}
.fute .s{white-space:nowrap}
.fute .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.fute td.b{position:relative;min-width:6.5em;padding-bottom:8px}
.fute .b i{position:absolute;left:4px;bottom:2px;height:4px;border-radius:2px;background:rgba(66,133,244,.75)}
.fute .b i.m{background:rgba(230,120,60,.8)}
.fute p{margin:3px 0;font-size:13px}
.fute .v{font-weight:600}
.fute .k{opacity:.7}
</style>"""


@dataclass(frozen=True)
class Drawn:
    """A table as it is to be drawn."""

    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    title: str | None = None
    numbers: Collection[int] = ()  # the columns of numbers, which stand right
    bars: Mapping[tuple[int, int], float] = field(default_factory=dict)  # (line, column) -> length, -1 to 1
    shades: Mapping[tuple[int, int], float] = field(default_factory=dict)  # (line, column) -> strength, -1 to 1

    def html(self) -> str:
        """Return it as HTML, its first lines where there are many."""
        caption = f"<caption>{escaped(self.title)}</caption>" if self.title else ""
        head = "".join(f"<th{self._kind(column)}>{escaped(name)}</th>" for column, name in enumerate(self.header))
        body = "".join(
            "<tr>" + "".join(self._cell(row, column, text) for column, text in enumerate(line)) + "</tr>"
            for row, line in enumerate(self.lines[:MOST_ROWS])
        )
        left = len(self.lines) - MOST_ROWS
        more = f'<p class="k">and {left:,} more</p>' if left > 0 else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def _cell(self, row: int, column: int, text: str) -> str:
        shade = self.shades.get((row, column))
        if shade is not None:
            colour = BLUE if shade >= 0 else ORANGE
            return (
                f'<td class="n" style="background:rgba({colour},{0.7 * min(abs(shade), 1):.2f})">{escaped(text)}</td>'
            )
        length = self.bars.get((row, column))
        if length is None or abs(length) < LEAST_SHOWN:
            kind = ' class="n b"' if length is not None else self._kind(column)
            kind = kind or (' class="s"' if len(text) <= SHORT else "")
            return f"<td{kind}>{escaped(text)}</td>"
        sign = ' class="m"' if length < 0 else ""
        width = min(abs(length), WHOLE)
        return f'<td class="n b">{escaped(text)}<i{sign} style="width:calc({width:.3f}*(100% - 8px))"></i></td>'

    def _kind(self, column: int) -> str:
        return ' class="n"' if column in self.numbers else ""


def escaped(text: object) -> str:
    """Return a text as HTML that shows it and does nothing."""
    return html.escape(str(text))


def framed(*parts: str) -> str:
    """Return pieces of HTML as one output of a notebook, with the style that they need."""
    return f'<div class="fute">{STYLE}{"".join(parts)}</div>'


def sentences(verdict: object | None, notes: Sequence[object] = ()) -> str:
    """Return what a result comes to and what is to be said with it, as paragraphs."""
    first = "" if verdict is None else f'<p class="v">{escaped(verdict)}</p>'
    return first + "".join(f'<p class="k">{escaped(note)}</p>' for note in notes)


def pairs(title: str, values: Mapping[str, object]) -> str:
    """Return names and values as a table of two columns; what is not known is left out."""
    rows = "".join(
        f"<tr><td class='k'>{escaped(name)}</td><td>{escaped(value)}</td></tr>"
        for name, value in values.items()
        if value not in (None, "", [], {}, ())
    )
    return f"<table><caption>{escaped(title)}</caption><tbody>{rows}</tbody></table>"
