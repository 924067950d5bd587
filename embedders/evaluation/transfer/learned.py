"""Rankings that learn from measured transfers, for `fute evaluate transfer`: the target's own are always left out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from embedders.evaluation.transfer.taskweb import SourceScoreTable
from registry.data.transfers import TransferRecord
from registry.sources.history import (
    Measurement,
    far_off,
    mean_gains,
    of_most_alike,
    settings_of,
    standardised,
    without,
)
from registry.sources.likeness import Likeness
from registry.sources.memory import MOST, Memory

MEMORY, GAIN = "memory", "gain"
LEARNED = (MEMORY, GAIN)


@dataclass(frozen=True)
class SourceScores:
    """What a method says of each target's sources: one ranking, or one for each setting."""

    without_setting: SourceScoreTable  # target -> source -> score
    by_setting: Mapping[str, SourceScoreTable] = field(default_factory=dict)  # where the method answers for a setting

    def for_setting(self, setting: str) -> SourceScoreTable:
        """Return the scores that count in a setting."""
        return self.by_setting.get(setting, self.without_setting)


@dataclass(frozen=True)
class Lessons:
    """What may be learnt from: standardised measurements; notes say what was left out of them."""

    history: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, records: Sequence[TransferRecord]) -> Self:
        """Standardise what was measured."""
        return cls(standardised(records), tuple(f"history: {note}" for note in far_off(records)))

    def among(self, known: Collection[str]) -> "Lessons":
        """Leave out sources that are not known; a target that is not still tells of its sources."""
        unknown = sorted({measurement.source for measurement in self.history} - set(known))
        if not unknown:
            return self
        kept = tuple(measurement for measurement in self.history if measurement.source in known)
        note = f"history: without examples, so left out as sources: {', '.join(unknown)}."
        return replace(self, history=kept, notes=(*self.notes, note))


def learned_scores(
    lessons: Lessons, likeness: Likeness, sources: Mapping[str, Sequence[str]], settings: Collection[str]
) -> dict[str, SourceScores]:
    """Return the scores of memory and gain, with one ranking for each setting that was learnt from.

    Args:
        sources: of each target.
        settings: those that are asked for; in one that was never measured, the ranking without a setting counts.
    """
    known = [setting for setting in settings_of(lessons.history) if setting in settings]
    memories = _Memories(lessons.history, likeness)
    return {
        MEMORY: _scores(sources, known, memories.scores),
        GAIN: _scores(sources, known, lambda *asked: _gains(lessons.history, *asked)),
    }


class _Memories:
    """One memory for all targets, or where too much was measured for one, a memory for each."""

    def __init__(self, history: tuple[Measurement, ...], likeness: Likeness) -> None:
        self._history = history
        self._likeness = likeness
        self._held: tuple[str | None, Memory] | None = None

    def scores(self, target: str, sources: Sequence[str], setting: str | None) -> dict[str, float]:
        expected = self._of(target).expected(target, sources, setting=setting)
        return dict(zip(sources, expected.tolist(), strict=True))

    def _of(self, target: str) -> Memory:
        whose = target if len(self._history) > MOST else None
        if self._held is None or self._held[0] != whose:
            kept = of_most_alike(self._history, self._likeness.kin_of(target), most=MOST)
            self._held = whose, Memory(kept, self._likeness)
        return self._held[1]


def _scores(
    sources: Mapping[str, Sequence[str]],
    settings: Sequence[str],
    score: Callable[[str, Sequence[str], str | None], dict[str, float]],
) -> SourceScores:
    by_setting: dict[str | None, dict[str, dict[str, float]]] = {setting: {} for setting in (None, *settings)}
    for target, sources_of_target in sources.items():
        for setting, scores in by_setting.items():
            scores[target] = score(target, sources_of_target, setting)
    return SourceScores(by_setting[None], {setting: by_setting[setting] for setting in settings})


def _gains(
    history: tuple[Measurement, ...], target: str, sources: Sequence[str], setting: str | None
) -> dict[str, float]:
    gains = mean_gains(without(history, {target}), setting=setting)
    return {source: gains.get(source, 0.0) for source in sources}
