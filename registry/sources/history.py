"""What was measured so far, on one scale: scores of different targets and settings as standardised measurements."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from statistics import fmean, median, pstdev

from registry.data.transfers import PERCENT_FROM, TransferRecord

FAR = 4.0  # robust standard deviations of a target's sources
MANY, OFTEN = 5, 3  # sources that tell what is far; targets and settings on which a source has to be so, at least

Groups = Mapping[tuple[str, str], Mapping[str, Sequence[TransferRecord]]]  # (target, setting) -> source -> its runs


@dataclass(frozen=True, order=True)
class Measurement:
    """One transfer, held against the other sources of the same target in the same setting, `MODEL/ADAPTATION`."""

    target: str
    source: str
    setting: str
    outcome: float  # as it was measured
    score: float  # standardised: mean 0 and standard deviation 1 over the target's sources, but those far off
    gain: float  # percentage points over the mean of the target's sources
    variance: float = 0.0  # of `score`, as far as repeated runs tell; 0 where unknown


def setting_of(record: TransferRecord) -> str:
    """Return the setting that a transfer was measured in, `MODEL/ADAPTATION`; a slash in an adaptation is `%2F`."""
    return f"{record.model}/{record.adaptation.replace('/', '%2F')}"


def standardised(records: Iterable[TransferRecord]) -> tuple[Measurement, ...]:
    """Return transfers as standardised measurements, sorted; the runs of one are averaged, see `mean_score`.

    Left out is what tells nothing of sources: a task as its own source, and a target with one source, or with
    the same score for all, in a setting. Sources that are far off are drawn in, see `far_off`.
    """
    groups = _grouped(records)
    off = _far_off(groups)
    return tuple(sorted(m for (target, setting), group in groups.items() for m in _group(target, setting, group, off)))


def far_off(records: Iterable[TransferRecord]) -> list[str]:
    """Say which sources are far above or below all others nearly wherever they were measured.

    As a failed run is, with 0 on every target. What others differ by would be nothing beside it, so they are
    standardised without it, and it counts as if it lay `FAR` robust standard deviations from the middle. A source that
    is far off on a few of its targets alone is left as it is.
    """
    groups = _grouped(records)
    notes = []
    for source, sign in sorted(_far_off(groups).items()):
        of = {target: mean_score(group[source]) for (target, _), group in groups.items() if source in group}
        where, what = ("above", "the same measure?") if sign > 0 else ("below", "a failed run?")
        some = ", ".join(f"{score:g} on {target}" for target, score in sorted(of.items())[:2])
        notes.append(
            f"{source} is far {where} all others on {len(of)} targets ({some}): {what} It counts as one that is "
            "nearer to them."
        )
    return notes


def _grouped(records: Iterable[TransferRecord]) -> Groups:
    groups: dict[tuple[str, str], dict[str, list[TransferRecord]]] = {}
    for record in records:
        if record.source != record.target:
            group = groups.setdefault((record.target, setting_of(record)), {})
            group.setdefault(record.source, []).append(record)
    return groups


def _far_off(groups: Groups) -> dict[str, int]:
    """Return the sources that are far above (1) or below (-1) in half of the groups that tell, in `OFTEN` at least.

    A group tells where it has `MANY` sources, and not all scores around the median are equal.
    """
    sides: dict[str, list[int]] = {}
    for group in groups.values():
        scores = {source: mean_score(runs) for source, runs in group.items()}
        low, high = _bounds([*scores.values()])
        if len(scores) >= MANY and low < high:
            for source, score in scores.items():
                sides.setdefault(source, []).append((score > high) - (score < low))
    found = {source: 1 if sum(told) > 0 else -1 for source, told in sides.items()}
    return {
        source: sign
        for source, sign in found.items()
        if sides[source].count(sign) >= max(OFTEN, len(sides[source]) / 2)
    }


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return what lies `FAR` robust standard deviations below and above the median."""
    middle = median(values)
    reach = FAR * 1.4826 * median(abs(value - middle) for value in values)
    return middle - reach, middle + reach


def mean_score(runs: Collection[TransferRecord]) -> float:
    """Return the mean score of repeated runs of one transfer, each weighing as much as it has seeds; unknown is 1."""
    lowest = min(run.score_mean for run in runs)  # sums start here, so that one run's mean is its score to the last bit
    return lowest + fsum(_seeds(run) * (run.score_mean - lowest) for run in runs) / sum(map(_seeds, runs))


def mean_gains(history: Iterable[Measurement], *, setting: str | None = None) -> dict[str, float]:
    """Return the mean standardised score of each source over the targets that it was measured on.

    Args:
        setting: the one that counts; None for the mean over settings, within each target.
    """
    collected: dict[str, dict[str, list[float]]] = {}
    for measured in history:
        if setting is None or measured.setting == setting:
            collected.setdefault(measured.source, {}).setdefault(measured.target, []).append(measured.score)
    return {source: fmean(fmean(scores) for scores in targets.values()) for source, targets in collected.items()}


def settings_of(history: Iterable[Measurement]) -> list[str]:
    """Return the settings that were measured, sorted."""
    return sorted({measured.setting for measured in history})


def without(history: Iterable[Measurement], targets: Container[str]) -> tuple[Measurement, ...]:
    """Return the measurements on other targets."""
    return tuple(measured for measured in history if measured.target not in targets)


def of_most_alike(
    history: Sequence[Measurement], similarity: Mapping[str, float], *, most: int
) -> tuple[Measurement, ...]:
    """Return at most `most` measurements: all those of the targets that are most alike, as far as there is room.

    Args:
        similarity: of the targets to the task that is asked for; one that is not named comes last.
        most: how many measurements; the first target is kept whatever it has.
    """
    if len(history) <= most:
        return tuple(history)
    counts: dict[str, int] = {}
    for measured in history:
        counts[measured.target] = counts.get(measured.target, 0) + 1
    kept: set[str] = set()
    for target in sorted(counts, key=lambda name: (-similarity.get(name, float("-inf")), name)):
        if kept and sum(counts[name] for name in kept) + counts[target] > most:
            break
        kept.add(target)
    return tuple(measured for measured in history if measured.target in kept)


def _group(
    target: str, setting: str, group: Mapping[str, Collection[TransferRecord]], off: Container[str]
) -> list[Measurement]:
    """Return the measurements on a target in a setting; sources that are `off` are drawn in, see `far_off`."""
    scores = {source: mean_score(runs) for source, runs in group.items()}
    low, high = _bounds([*scores.values()])
    drawn = {source: min(max(score, low), high) if source in off else score for source, score in scores.items()}
    others = [source for source in sorted(drawn) if source not in off]
    values = [drawn[source] for source in (others if len(others) > 1 else sorted(drawn))]  # sums round alike
    mean, scale = fmean(values), pstdev(values)
    points = 1 if max(map(abs, values)) > PERCENT_FROM else 100
    if scale <= 1e-9 * max(1.0, *map(abs, values)):
        return []
    return [
        Measurement(
            target=target,
            source=source,
            setting=setting,
            outcome=score,
            score=(drawn[source] - mean) / scale,
            gain=points * (score - mean),
            variance=_variance(group[source]) / scale**2,
        )
        for source, score in scores.items()
    ]


def _variance(runs: Collection[TransferRecord]) -> float:
    """Return the squared standard error of `mean_score`, as far as the runs tell; 0 where nothing is known.

    The variance of one seed is the mean of what the runs report; where none reports it, the spread of their means.
    """
    with_std = [run for run in runs if run.score_std is not None]
    if with_std:
        of_one_seed = fsum(_seeds(run) * (run.score_std or 0.0) ** 2 for run in with_std) / sum(map(_seeds, with_std))
    else:
        mean = mean_score(runs)
        of_one_seed = fsum(_seeds(run) * (run.score_mean - mean) ** 2 for run in runs) / max(1, len(runs) - 1)
    return of_one_seed / sum(map(_seeds, runs))


def _seeds(run: TransferRecord) -> int:
    return run.seeds or 1
