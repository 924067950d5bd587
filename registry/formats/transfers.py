"""Measured transfers in and out: CSV with model, adaptation, target, source, score_mean, score_std, seeds, run."""

import csv
import io
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from registry.catalog.records import TransferRecord
from registry.errors import DataError, InputError
from registry.formats.lines import read_file, written
from registry.formats.separated import separated_rows
from registry.names import checked_name

NEEDED = ("model", "adaptation", "target", "source", "score_mean")
COLUMNS = (*NEEDED, "score_std", "seeds")  # and `run`, where some measurement names its own
LONGEST = 128  # characters of the name of a model, an adaptation or a run
LARGEST = 1e9  # of a score: no metric is beyond, and what is learnt from scores squares them


def read_transfers(path: Path, *, run: str = "") -> list[TransferRecord]:
    """Read measured transfers; raise `DataError` with the line of the first fault.

    Args:
        run: of the rows that name none.
    """
    _check_text("run", run)
    columns, rows = separated_rows(read_file(path), path)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise DataError(str(path), f"has no column {missing[0]!r}.")
    if not rows:
        raise DataError(str(path), "holds no measurements.")
    return _told_apart(_transfer(row, run, f"{path} line {number}") for number, row in rows)


def _told_apart(records: Iterable[TransferRecord]) -> list[TransferRecord]:
    """Number the runs of what a file has measured several times without saying so."""
    known: set[tuple[str, ...]] = set()
    made = []
    for record in records:
        pair, run, number = (record.model, record.adaptation, record.target, record.source), record.run, 1
        while (*pair, run) in known:
            number += 1
            run = f"{record.run}-{number}" if record.run else f"{number}"
        known.add((*pair, run))
        made.append(replace(record, run=run))
    return made


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


def checked_transfer(record: TransferRecord) -> TransferRecord:
    """Return a measurement if it is one; raise `InputError`."""
    if record.score_std is not None and not 0 <= record.score_std < math.inf:
        raise InputError("score_std is not a finite number from 0.")
    if any(LARGEST < abs(number) < math.inf for number in (record.score_mean, record.score_std or 0.0)):
        raise InputError(f"a score, and its deviation, is at most {LARGEST:g} in size.")
    if record.seeds is not None and not 0 < record.seeds < 2**31:
        raise InputError("seeds is not a number of runs.")
    if not math.isfinite(record.score_mean) or not record.model or not record.adaptation:
        raise InputError("needs a model, an adaptation and a score_mean that is a number.")
    for what in ("model", "adaptation", "run"):
        _check_text(what, getattr(record, what))
    return replace(record, target=checked_name(record.target), source=checked_name(record.source))


def _check_text(what: str, text: str) -> None:
    if len(text) > LONGEST:
        raise InputError(f"{what} is longer than {LONGEST} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise InputError(f"{what} {text!r} holds a control character.")


def _transfer(row: dict[str, str], run: str, place: str) -> TransferRecord:
    deviation, seeds = row.get("score_std"), row.get("seeds")
    try:
        return checked_transfer(
            TransferRecord(
                model=row["model"],
                adaptation=row["adaptation"],
                target=row["target"],
                source=row["source"],
                score_mean=float(row["score_mean"] or "nan"),
                score_std=float(deviation) if deviation else None,
                seeds=int(seeds) if seeds else None,
                run=row.get("run") or run,
            )
        )
    except (ValueError, InputError) as error:
        raise DataError(place, str(error).rstrip(".") + ".") from error
