"""Results that are sequences, and tables for a terminal, a notebook and pandas as well."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeGuard, TypeVar, overload

from registry.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas
    from rich.table import Table as RichTable

    from registry.markup import Drawn

Cell = str | int | float | bool | None


class Row(Protocol):
    """Anything that can say what stands in its cells.

    Where a cell is a number that is written for people, such as an interval, a method `exact` says it in full.
    """

    def cells(self) -> dict[str, Cell]:
        """Return column -> value, the columns in the order of display."""
        ...


R = TypeVar("R", bound=Row)


class Table(Sequence[R]):
    """An immutable sequence of rows: `table[0]`, `table[:5]`, `table.to_pandas()`."""

    gives_way: tuple[str, ...] = ()  # columns that matter least, the least first, where there is no room for all
    bars: tuple[str, ...] = ()  # columns of numbers from -1 to 1, of which a notebook draws the length

    def __init__(self, rows: Sequence[R], *, title: str | None = None) -> None:
        self._rows = tuple(rows)
        self.title = title

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> "Table[R]": ...
    def __getitem__(self, index: int | slice) -> "R | Table[R]":
        if isinstance(index, slice):
            return Table(self._rows[index], title=self.title)
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self._rows == other._rows

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        """Return the table as text, a line for each row: quick, also where there are thousands."""
        lines = self.texts()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def columns(self) -> list[str]:
        """Return the names of the columns; one that the first row lacks stands where a later row has it."""
        return _in_order([row.cells() for row in self])

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the table as a DataFrame, numbers in full."""
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("A DataFrame needs pandas", "analysis") from error
        names, rows = self.exact()
        return pandas.DataFrame(rows, columns=names)

    def exact(self) -> tuple[list[str], list[list[Cell]]]:
        """Return the names of the columns, and the rows with numbers in full."""
        rows = [getattr(row, "exact", row.cells)() for row in self]
        names = _in_order(rows)
        return names, [[row.get(name) for name in names] for row in rows]

    def __rich__(self) -> "RichTable":
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(
            title=None if self.title is None else Text(self.title), title_justify="left", title_style="dim"
        )
        header, *lines = self.texts()
        for name in header:
            is_number = bool(self) and isinstance(self[0].cells().get(name), int | float)
            table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
        for line in lines:
            table.add_row(*(Text(cell) for cell in line))  # as it is: no markup from outside
        return table

    def _repr_html_(self) -> str:
        from registry.markup import framed, sentences

        return framed(self.drawn().html(), sentences(*self.comes_to()))

    def drawn(self) -> "Drawn":
        """Return the table as it is to be drawn in HTML, the numbers of `bars` as bars too."""
        from registry.markup import Drawn

        header, *lines = self.texts()
        cells = [row.cells() for row in self]
        numbers = [place for place, name in enumerate(header) if any(_is_number(own.get(name)) for own in cells)]
        bars = {
            (row, place): float(value)
            for row, own in enumerate(cells)
            for place, name in enumerate(header)
            if name in self.bars and _is_number(value := own.get(name))
        }
        return Drawn(header, lines, self.title, numbers, bars)

    def comes_to(self) -> tuple[object | None, Sequence[object]]:
        """Return what the table comes to, if anything, and what is to be said with it."""
        return None, ()

    def texts(self) -> list[list[str]]:
        """Return the cells as text, the names of the columns first."""
        columns = self.columns()
        return [columns, *([_shown(row.cells().get(name)) for name in columns] for row in self)]


def _in_order(rows: Sequence[Mapping[str, Cell]]) -> list[str]:
    names: list[str] = []
    for row in rows:
        place = 0
        for name in row:
            if name not in names:
                names.insert(place, name)
            place = names.index(name) + 1
    return names


def _is_number(value: Cell) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Cell) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
