"""Measured transfers in: CSV with model, adaptation, target, source, score_mean, score_std, seeds."""

import csv
import io
import math
from pathlib import Path

from registry.catalog.records import TransferRecord
from registry.errors import DataError, NameFormError
from registry.formats.lines import read_file
from registry.names import checked_name

NEEDED = ("model", "adaptation", "target", "source", "score_mean")


def read_transfers(path: Path) -> list[TransferRecord]:
    """Read measured transfers; raise `DataError` with the line of the first fault."""
    try:
        rows = csv.DictReader(io.StringIO(read_file(path).decode("utf-8-sig"), newline=""), strict=True)
        missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
        if missing:
            raise DataError(str(path), f"has no column {missing[0]!r}.")
        made = [_transfer(row, f"{path} line {rows.line_num}") for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(str(path), f"not a readable table ({error}).") from error
    if not made:
        raise DataError(str(path), "holds no measurements.")
    return made


def _transfer(row: dict[str, str | None], place: str) -> TransferRecord:
    try:
        score, deviation = float(row["score_mean"] or "nan"), row.get("score_std")
        seeds = row.get("seeds")
        record = TransferRecord(
            model=row["model"] or "",
            adaptation=row["adaptation"] or "",
            target=checked_name(row["target"] or ""),
            source=checked_name(row["source"] or ""),
            score_mean=score,
            score_std=float(deviation) if deviation else None,
            seeds=int(seeds) if seeds else None,
        )
    except (ValueError, NameFormError) as error:
        raise DataError(place, str(error).rstrip(".") + ".") from error
    if record.score_std is not None and not 0 <= record.score_std < math.inf:
        raise DataError(place, "score_std is not a finite number from 0.")
    if record.seeds is not None and not 0 < record.seeds < 2**31:
        raise DataError(place, "seeds is not a number of runs.")
    if not math.isfinite(score) or not record.model or not record.adaptation:
        raise DataError(place, "needs a model, an adaptation and a score_mean that is a number.")
    return record
