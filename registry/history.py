"""What was measured so far, on one scale: scores of different targets and settings as standardised measurements."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.catalog import TransferRecord


@dataclass(frozen=True, order=True)
class Measurement:
    """One transfer, held against the other sources of the same target in the same setting, `MODEL/ADAPTATION`."""

    target: str
    source: str
    setting: str
    outcome: float  # as it was measured, a fraction
    score: float  # the same standardised: mean 0 and standard deviation 1 over the target's sources
    gain: float  # percentage points over the mean of the target's sources
    variance: float = 0.0  # of `score`, as far as repeated runs tell; 0 where unknown


def setting_of(record: "TransferRecord") -> str:
    """Return the setting that a transfer was measured in, `MODEL/ADAPTATION`."""
    return f"{record.model}/{record.adaptation}"


def standardised(records: Iterable["TransferRecord"]) -> tuple[Measurement, ...]:
    """Return transfers as standardised measurements, sorted; repeated ones are averaged.

    Left out is what tells nothing of sources: a task as its own source, and a target with one source, or with
    the same score for all, in a setting.
    """
    groups: dict[tuple[str, str], dict[str, list[TransferRecord]]] = {}
    for record in records:
        if record.source != record.target:
            group = groups.setdefault((record.target, setting_of(record)), {})
            group.setdefault(record.source, []).append(record)
    return tuple(sorted(one for (target, setting), group in groups.items() for one in _group(target, setting, group)))


def mean_gains(history: Iterable[Measurement], *, setting: str | None = None) -> dict[str, float]:
    """Return the mean standardised score of each source over the targets that it was measured on.

    Args:
        setting: the one that counts; None for the mean over settings, within each target.
    """
    collected: dict[str, dict[str, list[float]]] = {}
    for one in history:
        if setting is None or one.setting == setting:
            collected.setdefault(one.source, {}).setdefault(one.target, []).append(one.score)
    return {source: fmean(fmean(scores) for scores in targets.values()) for source, targets in collected.items()}


def settings_of(history: Iterable[Measurement]) -> list[str]:
    """Return the settings that were measured, sorted."""
    return sorted({one.setting for one in history})


def without(history: Iterable[Measurement], target: str) -> tuple[Measurement, ...]:
    """Return the measurements on other targets."""
    return tuple(one for one in history if one.target != target)


def of_most_alike(
    history: Sequence[Measurement], similarity: Mapping[str, float], *, most: int
) -> tuple[Measurement, ...]:
    """Return at most so many measurements: all those of the targets that are most alike, as far as there is room.

    Args:
        similarity: of the targets to the task that is asked for; one that is not named comes last.
        most: how many measurements; the first target is kept whatever it has.
    """
    if len(history) <= most:
        return tuple(history)
    counts: dict[str, int] = {}
    for one in history:
        counts[one.target] = counts.get(one.target, 0) + 1
    kept: set[str] = set()
    for target in sorted(counts, key=lambda name: (-similarity.get(name, float("-inf")), name)):
        if kept and sum(counts[name] for name in kept) + counts[target] > most:
            break
        kept.add(target)
    return tuple(one for one in history if one.target in kept)


def _group(target: str, setting: str, group: Mapping[str, Collection["TransferRecord"]]) -> list[Measurement]:
    scores = {source: fmean(r.score_mean for r in sorted(them, key=_by_score)) for source, them in group.items()}
    values = [scores[source] for source in sorted(scores)]  # in one order, so that sums round alike
    mean, scale = fmean(values), pstdev(values)
    if scale <= 1e-9 * max(1.0, *map(abs, values)):
        return []
    return [
        Measurement(
            target=target,
            source=source,
            setting=setting,
            outcome=score,
            score=(score - mean) / scale,
            gain=100 * (score - mean),
            variance=_variance(group[source]) / scale**2,
        )
        for source, score in scores.items()
    ]


def _variance(records: Collection["TransferRecord"]) -> float:
    """Return the squared standard error of the mean over repeated runs, as far as they are told."""
    told = [(r.score_std or 0.0) ** 2 / (r.seeds or 1) for r in records]
    return sum(told) / len(told) ** 2


def _by_score(record: "TransferRecord") -> float:
    return record.score_mean
