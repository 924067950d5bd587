"""What was measured on one target: each source's score beside the base model's without a source, best first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import fsum, sqrt
from typing import Any

from registry.catalog import Catalog
from registry.data.transfers import TransferRecord
from registry.errors import InputError
from registry.results import Cell, Table
from registry.sources.history import mean_score, setting_of
from registry.views.charts.bars import MOST_ROWS, Measures, drawn
from registry.views.charts.picture import Picture

WITHOUT = "without a source"


@dataclass(frozen=True)
class MeasuredSource:
    """The score on a target after starting from a source, over all runs."""

    source: str
    score: float  # the mean, each run weighing as much as it has seeds
    spread: float | None  # standard deviation over seeds and runs; None where none was told
    seeds: int | None  # of all runs; None where one does not tell
    runs: int
    gain: float | None  # over the base model without a source; None where that is not known
    is_base: bool  # whether this is the base model without a source

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        cells = asdict(self)
        del cells["is_base"]
        return {**cells, "source": WITHOUT if self.is_base else self.source}


class TransferCurve(Table[MeasuredSource]):
    """The sources that were measured on a target in one setting, best first. `plot` draws them."""

    gives_way = ("runs", "seeds")

    def __init__(self, rows: Sequence[MeasuredSource], *, target: str, setting: str) -> None:
        super().__init__(rows, title=f"measured on {target} in {setting}")
        self.target, self.setting = target, setting

    @property
    def base(self) -> MeasuredSource | None:
        """The base model without a source, if it was measured."""
        return next((row for row in self if row.is_base), None)

    def verdict(self) -> str:
        """Say how many sources are better than none, and how many of them by more than chance would have it."""
        base, others = self.base, [row for row in self if not row.is_base]
        if base is None:
            known = f"--target {self.target} --source {self.target}"
            return f"What the model reaches without a source is not recorded: 'fute transfer record {known} ...'."
        better = [row for row in others if row.score > base.score]
        clearly = [row for row in better if row.score - base.score > (row.spread or 0) + (base.spread or 0)]
        count = f"{len(better)} of {len(others)} sources {'is' if len(better) == 1 else 'are'} better than none"
        if not better:
            return f"{count}."
        if any(row.spread is None for row in (*better, base)):
            return f"{count}; of some the spread over seeds is not known."
        return f"{count}, {len(clearly)} of them by more than both spread over seeds."

    def comes_to(self) -> tuple[object | None, Sequence[object]]:
        """Return the verdict."""
        return self.verdict(), ()

    def plot(self) -> Picture:
        """Draw the scores with their spread, and a line where the base model stands without a source."""
        base = self.base
        cut = f" The best {MOST_ROWS} of {len(self)} are drawn." if len(self) > MOST_ROWS else ""
        return drawn(
            Measures(
                str(self.title),
                "score, and its standard deviation over seeds",
                [WITHOUT if row.is_base else row.source for row in self],
                [row.score for row in self],
                [None if row.spread is None else row.score - row.spread for row in self],
                [None if row.spread is None else row.score + row.spread for row in self],
                marked=frozenset(place for place, row in enumerate(self) if row.is_base),
                meaning=None if base is None else WITHOUT,
                verdict=f"{self.verdict()}{cut}",
                line=None if base is None else base.score,
            )
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        rows = [asdict(row) for row in self]
        return {"target": self.target, "setting": self.setting, "sources": rows, "verdict": self.verdict()}


def transfer_curve(catalog: Catalog, target: str, setting: str | None = None) -> TransferCurve:
    """Return what was measured on a target in a setting, `MODEL/ADAPTATION`; None for the one that there is.

    Raises:
        InputError: nothing was measured on it, not in that setting, or in several and none was named.
    """
    records = catalog.transfers.all(target)
    settings = sorted({setting_of(record) for record in records})
    if not settings:
        raise InputError(f"No transfer to {target!r} is recorded ('fute transfer list').")
    if setting is None and len(settings) > 1:
        raise InputError(f"{target!r} was measured in {', '.join(settings)}: name one of them with --setting.")
    chosen = settings[0] if setting is None else setting
    if chosen not in settings:
        raise InputError(f"{target!r} was not measured in {chosen!r}, but in {', '.join(settings)}.")
    runs = defaultdict(list)
    for record in records:
        if setting_of(record) == chosen:
            runs[record.source].append(record)
    name = records[0].target
    base = mean_score(runs[name]) if name in runs else None
    rows = [_over(source, name, own, base) for source, own in runs.items()]
    return TransferCurve(sorted(rows, key=lambda row: (-row.score, row.source)), target=name, setting=chosen)


def _over(source: str, target: str, runs: Sequence[TransferRecord], base: float | None) -> MeasuredSource:
    """Return what the runs of one source come to."""
    score, is_base = mean_score(runs), source == target
    seeds = [run.seeds for run in runs if run.seeds is not None]
    return MeasuredSource(
        source=source,
        score=score,
        spread=_spread(runs, score),
        seeds=sum(seeds) if len(seeds) == len(runs) else None,
        runs=len(runs),
        gain=None if base is None or is_base else score - base,
        is_base=is_base,
    )


def _spread(runs: Sequence[TransferRecord], mean: float) -> float | None:
    """Return the standard deviation over all seeds of all runs, of n seeds by n - 1.

    A run that tells none within itself adds what its mean does; one that tells it of unknown seeds counts as of two.
    """
    if len(runs) == 1:
        return runs[0].score_std
    within = [((run.seeds or 2) - 1, run.score_std) for run in runs if run.score_std is not None]
    squares = [count * deviation**2 for count, deviation in within]
    squares += [(run.seeds or 1) * (run.score_mean - mean) ** 2 for run in runs]
    return sqrt(fsum(squares) / (sum(count for count, _ in within) + len(runs) - 1))
