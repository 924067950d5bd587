"""A measured transfer: the score on a target after starting from a source."""

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from numbers import Real

from registry.errors import InputError
from registry.names import checked_name, checked_text, whole


@dataclass(frozen=True)
class TransferRecord:
    """The score on `target` after starting from `source`, the higher the better: what one run of it gave."""

    model: str
    adaptation: str
    target: str
    source: str
    score_mean: float
    score_std: float | None = None
    seeds: int | None = None
    run: str = ""  # tells repeated measurements apart; the first needs no name
    recorded_at: datetime | None = field(default=None, compare=False)  # no part of what was measured

    def cells(self) -> dict[str, str | int | float | bool | None]:
        """Return the row of a table, with the run where it has a name."""
        shown = asdict(self)
        del shown["recorded_at"]
        if not self.run:
            del shown["run"]
        return shown

    def as_json(self) -> dict[str, str | int | float | bool | None]:
        """Return all that is known of the measurement."""
        return {**asdict(self), "recorded_at": None if self.recorded_at is None else self.recorded_at.isoformat()}


LONGEST = 128  # characters of the name of a model, an adaptation or a run
PERCENT_FROM = 1.5  # a score above it is no fraction
ROUNDED = 0.01  # by which a mean and a deviation may be rounded
LARGEST = 1e9  # of a score: no metric is beyond, and what is learnt from scores squares them


def checked_transfer(record: TransferRecord) -> TransferRecord:
    """Return a measurement if it is one, without blanks around names; raise `InputError`."""
    if not isinstance(record, TransferRecord):
        raise InputError(f"a TransferRecord is needed, and no {type(record).__name__}.")
    model, adaptation, run = (
        checked_text(own, what).strip()
        for what, own in (("model", record.model), ("adaptation", record.adaptation), ("run", record.run))
    )
    record = replace(
        record,
        model=model,
        adaptation=adaptation,
        run=run,
        score_mean=_number("score_mean", record.score_mean),
        score_std=None if record.score_std is None else _number("score_std", record.score_std),
        seeds=None if record.seeds is None else whole(record.seeds, "seeds"),
    )
    if record.score_std is not None and not 0 <= record.score_std < math.inf:
        raise InputError("score_std is not a finite number from 0.")
    if any(LARGEST < abs(number) < math.inf for number in (record.score_mean, record.score_std or 0.0)):
        raise InputError(f"a score, and its deviation, is at most {LARGEST:g} in size.")
    if record.seeds is not None and not 0 < record.seeds < 2**31:
        raise InputError("seeds is not a number of runs.")
    if not math.isfinite(record.score_mean) or not record.model or not record.adaptation:
        raise InputError("needs a model, an adaptation and a score_mean that is a number.")
    for what in ("model", "adaptation", "run"):
        check_text(what, getattr(record, what))
    return replace(record, target=_named("target", record.target), source=_named("source", record.source))


def _number(what: str, score: object) -> float:
    """Return a score as Python's number: those of a data frame are numpy's."""
    if isinstance(score, bool) or not isinstance(score, Real):
        raise InputError(f"{what}: a number is needed, and no {type(score).__name__}.")
    return float(score)


def _named(what: str, name: str) -> str:
    if not checked_text(name, what).strip():
        without = " (without a source, it is the target itself)" if what == "source" else ""
        raise InputError(f"the {what} is empty{without}.")
    try:
        return checked_name(name)
    except InputError as error:
        raise InputError(f"the {what} {error}") from error


def spelled(record: TransferRecord, known: dict[str, str]) -> TransferRecord:
    """Return a measurement with the names of its tasks as they are known, for case tells none apart.

    Args:
        record: the measurement.
        known: names by what `casefold` makes of them; a new one is known from then on.
    """
    target, source = (known.setdefault(name.casefold(), name) for name in (record.target, record.source))
    return replace(record, target=target, source=source)


def check_unit(record: TransferRecord, others: Iterable[float]) -> None:
    """Raise `InputError` where a score is in percent beside fractions, or a fraction beside percents.

    Args:
        others: scores of the same model, adaptation and target, from other sources or runs.
    """
    for other in others:
        fraction, percent = sorted((record.score_mean, other))
        if 0 < fraction < 1 and PERCENT_FROM < percent <= 100:
            raise InputError(
                f"score {record.score_mean:g} stands beside {other:g} for {record.target!r} in {record.model}/"
                f"{record.adaptation}: write all scores as fractions, or all in percent."
            )


def check_deviation(record: TransferRecord, others: Iterable[float]) -> None:
    """Raise `InputError` where a deviation is larger than that of any fractions with such a mean: it is in percent.

    Args:
        others: scores beside it, which tell whether scores are fractions.
    """
    mean, runs = record.score_mean, max(record.seeds or 0, 2)
    if record.score_std is None or not all(0 <= score <= 1 for score in (mean, *others)):
        return
    most = math.sqrt(mean * (1 - mean) * runs / (runs - 1))
    if record.score_std > most + ROUNDED:
        raise InputError(
            f"score_std {record.score_std:g} is more than scores from 0 to 1 with the mean {mean:g} can have: write "
            "scores and deviations as fractions, or both in percent."
        )


def check_text(what: str, text: str) -> None:
    """Raise `InputError` where a name is too long, or holds what no name should."""
    if len(text) > LONGEST:
        raise InputError(f"{what} is longer than {LONGEST} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise InputError(f"{what} {text!r} holds a control character.")
