"""Tables on a terminal: columns give way where there is no room, and no name or number is broken over lines."""

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from registry.shown import shown

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from registry.results import Table

FRAME, BETWEEN = 1, 3  # signs of a frame: at the end of a line, and with each column
KEPT = 2  # columns that never give way: the rank and the name
WORDY = 24  # signs in a cell from which a text of several words may go over lines
LEAST_WORDY = 20  # signs in a line of it


@dataclass
class TextColumn:
    """A column of a table as text."""

    name: str
    cells: list[str]
    is_number: bool

    def __post_init__(self) -> None:
        """Measure it, in signs of a terminal."""
        from rich.cells import cell_len

        lines = [self.name, *self.cells]
        self.natural = max(map(cell_len, lines))
        words = max((cell_len(word) for line in lines for word in line.split()), default=0)
        is_wordy = not self.is_number and any(len(cell) >= WORDY and " " in cell.strip() for cell in self.cells)
        self.least = min(self.natural, max(words, LEAST_WORDY)) if is_wordy else self.natural


def fitted(table: "Table[Any]", width: int | None) -> "tuple[RichTable, int, list[str]]":
    """Return a table for so many signs in a line, how many it takes, and the names of the columns that gave way.

    It takes more than there are only where the name alone does.

    Args:
        width: of the terminal; None where lines may be of any length.
    """
    from rich.table import Table as RichTable
    from rich.text import Text

    columns = [column for column in _columns(table) if any(column.cells)]  # what nobody has is not shown
    gone = [] if width is None else _gave_way(columns, table.gives_way, width)
    columns = [column for column in columns if column.name not in gone]
    widths = _widths(columns, width)
    made = RichTable(
        title=None if table.title is None else Text(shown(table.title)), title_justify="left", title_style="dim"
    )
    for column, its in zip(columns, widths, strict=True):
        side: Literal["left", "right"] = "right" if column.is_number else "left"
        made.add_column(Text(column.name), justify=side, width=its, overflow="fold", no_wrap=its >= column.natural)
    for line in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*map(Text, line))  # as it is: no markup from outside
    return made, sum(widths) + BETWEEN * len(widths) + FRAME, gone


def separated(table: "Table[Any]", delimiter: str) -> str:
    """Return a table as comma- or tab-separated values, numbers in full, lines as RFC 4180 has them."""
    names, rows = table.exact()
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n" if delimiter == "," else "\n")
    writer.writerow(names)
    for row in rows:
        cells = ["" if value is None else str(value) for value in row]
        writer.writerow([" ".join(cell.split()) for cell in cells] if delimiter == "\t" else cells)
    return text.getvalue()


def _columns(table: "Table[Any]") -> list[TextColumn]:
    header, *lines = ([shown(cell) for cell in line] for line in table.texts())
    first = table[0].cells()
    return [
        TextColumn(name, list(cells), isinstance(first.get(name), int | float))
        for name, cells in zip(header, zip(*lines, strict=True), strict=True)
    ]


def _gave_way(columns: list[TextColumn], gives_way: tuple[str, ...], width: int) -> list[str]:
    """Return the columns that there is no room for: first those that say they matter least, then from the right."""
    there = [column.name for column in columns]
    others = [name for name in reversed(there[KEPT:]) if name not in gives_way]
    order = [name for name in gives_way if name in there] + others
    gone: list[str] = []
    least = {column.name: column.least for column in columns}
    while order and sum(least[name] + BETWEEN for name in there if name not in gone) + FRAME > width:
        gone.append(order.pop(0))
    return gone


def _widths(columns: list[TextColumn], width: int | None) -> list[int]:
    """Return the width of each column: as it is, or of the wordy ones what is left."""
    if width is None:
        return [column.natural for column in columns]
    left = width - FRAME - sum(column.least + BETWEEN for column in columns)
    widths = []
    for column in columns:
        more = min(max(left, 0), column.natural - column.least)
        left -= more
        widths.append(column.least + more)
    return widths
