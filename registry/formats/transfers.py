"""Measured transfers in and out: CSV with model, adaptation, target, source, score_mean, score_std, seeds, run."""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from registry.data.examples import number_of
from registry.data.transfers import TransferRecord, check_deviation, check_text, check_unit, checked_transfer, spelled
from registry.errors import DataError, InputError
from registry.files.separated import separated_rows
from registry.files.whole import read_file
from registry.files.writing import written

NEEDED = ("model", "adaptation", "target", "source", "score_mean")
COLUMNS = (*NEEDED, "score_std", "seeds")  # and `run`, where some measurement names its own


def read_transfers(path: Path, *, run: str = "", names: Iterable[str] = ()) -> list[TransferRecord]:
    """Read measured transfers; raise `DataError` with the line of the first fault.

    Case tells no two tasks apart: each is spelt as in `names`, else as it comes first.

    Args:
        path: the file.
        run: of the rows that name none.
        names: of tasks that are known.
    """
    check_text("run", run)
    columns, rows = separated_rows(read_file(path), path)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise DataError(str(path), f"has no column {missing[0]!r}.")
    if not rows:
        raise DataError(str(path), "holds no measurements.")
    known = {name.casefold(): name for name in names}
    places = [f"{path} line {number}" for number, _ in rows]
    placed = [(at, spelled(_transfer(row, run, at), known)) for at, (_, row) in zip(places, rows, strict=True)]
    _check_units(placed)
    return _with_numbered_runs(record for _, record in placed)


def _check_units(placed: Sequence[tuple[str, TransferRecord]]) -> None:
    """Refuse percents beside fractions, with the line of the first that differs from those before it."""
    scores: dict[tuple[str, str, str], list[float]] = {}
    for place, record in placed:
        others = scores.setdefault((record.model, record.adaptation, record.target), [])
        with _at(place):
            check_unit(record, others)
        others.append(record.score_mean)
    everywhere = [record.score_mean for _, record in placed]
    extremes = min(everywhere), max(everywhere)  # are fractions where all are
    for place, record in placed:
        with _at(place):
            check_deviation(record, extremes)


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Say of a fault where it stands."""
    try:
        yield
    except InputError as error:
        raise DataError(place, str(error)) from error


def _with_numbered_runs(records: Iterable[TransferRecord]) -> list[TransferRecord]:
    """Number the runs of what a file has measured several times without saying so."""
    known: set[tuple[str, ...]] = set()
    numbered = []
    for record in records:
        pair, run, number = (record.model, record.adaptation, record.target, record.source), record.run, 1
        while (*pair, run) in known:
            number += 1
            run = f"{record.run}-{number}" if record.run else f"{number}"
        known.add((*pair, run))
        numbered.append(replace(record, run=run))
    return numbered


def write_transfers(path: Path, records: Iterable[TransferRecord]) -> int:
    """Write measured transfers, sorted by model, adaptation, target, source and run; return how many.

    Numbers are written in full, so that what is read back is what was written.
    """
    ordered = sorted(records, key=lambda r: (r.model, r.adaptation, r.target, r.source, r.run))
    columns = (*COLUMNS, "run") if any(record.run for record in ordered) else COLUMNS
    text = io.StringIO(newline="")
    rows = csv.writer(text)  # lines end as RFC 4180 has them
    rows.writerow(columns)
    rows.writerows([getattr(record, column) for column in columns] for record in ordered)
    with written(path) as draft:
        draft.write_bytes(text.getvalue().encode())
    return len(ordered)


def _transfer(row: dict[str, str], run: str, place: str) -> TransferRecord:
    cells = {name: cell.strip(" ") for name, cell in row.items() if name}
    seeds = _number(cells, "seeds", place)
    if seeds is not None and not float(seeds).is_integer():
        raise DataError(place, "seeds is not a number of runs.")
    score = _number(cells, "score_mean", place)
    deviation = _number(cells, "score_std", place)
    with _at(place):
        return checked_transfer(
            TransferRecord(
                model=cells["model"],
                adaptation=cells["adaptation"],
                target=cells["target"],
                source=cells["source"],
                score_mean=math.nan if score is None else float(score),
                score_std=None if deviation is None else float(deviation),
                seeds=None if seeds is None else int(seeds),
                run=cells.get("run") or run,
            )
        )


_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?")  # or decimals, which nobody can tell


def _number(cells: dict[str, str], column: str, place: str) -> int | float | None:
    """Return the number in a cell, a decimal comma read; None where the cell is empty."""
    cell = cells.get(column)
    if cell and _THOUSANDS.fullmatch(cell.strip()):
        raise DataError(place, f"has {column} {cell!r}: write 1234 for thousands, 1.234 for decimals.")
    return number_of(cell.replace(",", "."), column, place) if cell else None
