"""Orders of sources: by likeness, by memory of what was measured, by the usual gain, by size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

import numpy as np

from registry.catalog import Catalog
from registry.kinds import EntryKind
from registry.ranking.nearest import SIMILARITY, NearestQuery
from registry.sources.answer import SourceMatch
from registry.sources.evidence import GAIN, MEMORY, SIZE, Evidence
from registry.sources.history import Measurement, mean_gains, settings_of
from registry.sources.likeness import Likeness
from registry.sources.memory import Expected, Memory, Reason
from registry.sources.track import TrackRecord, track_record

LEAST_KIN = 0.2  # of a target, below which what was measured on it says how good a source is in general
TOLD = 10  # reasons of a row, at most


@dataclass(frozen=True)
class Order:
    """The sources of a target in an order: by likeness where nothing else is said.

    Args:
        candidates: who may be a source, sorted.
        history: the measurements that count.
    """

    catalog: Catalog
    evidence: Evidence
    history: Sequence[Measurement]
    target: str
    candidates: Sequence[str]
    query: NearestQuery

    @property
    def record(self) -> TrackRecord | None:
        """How often such advice was right so far; None where that is not known."""
        return None

    @property
    def notes(self) -> Sequence[str]:
        """What is to be said with the answer."""
        return ()

    def rows(self) -> list[SourceMatch]:
        """Return the candidates, each with its score and what speaks for it, not ranked yet."""
        return [self._match(name) for name in self.candidates]

    def explained(self, rows: Sequence[SourceMatch]) -> Sequence[SourceMatch]:
        """Return the rows of the answer with what takes long to find out."""
        return rows

    def _match(self, name: str) -> SourceMatch:
        """Return a source with its similarity as score."""
        likeness = self.evidence.likeness
        alike = likeness.between(self.target, name)
        score = float("nan") if alike is None else alike
        facets: dict[str, float] = {}
        if alike is not None:
            values = likeness.facets[likeness.row[self.target], likeness.row[name]]
            facets = {f: v for f, v in zip(likeness.facet_names, values.tolist(), strict=True) if np.isfinite(v)}
        kind = EntryKind.MODEL if name in likeness.models else EntryKind.TASK
        return SourceMatch(0, name, kind, score, facets, score, "likeness alone")


@dataclass(frozen=True)
class _ByMemory(Order):
    """What memory expects of each, with its errors and the measurements that speak for it."""

    @cached_property
    def _memory(self) -> Memory:
        return Memory(self.evidence.most_alike(self.target), self.evidence.likeness.including(self.candidates))

    @property
    def record(self) -> TrackRecord | None:
        """How often it was right on one's own targets, and where there are none on those of packs."""
        own = {measurement.target for measurement in self.evidence.own}
        record = track_record(self._memory, setting=self.query.setting, targets=own or None)
        return record and replace(record, borrowed=not own)

    @property
    def notes(self) -> Sequence[str]:
        """A question for the setting where several were measured and none is named: its own outcomes tell more."""
        settings = settings_of(self.history)
        if self.query.setting is not None or len(settings) < 2:
            return ()
        shown = ", ".join(settings[:3]) + (f" and {len(settings) - 3} more" if len(settings) > 3 else "")
        return (
            f"In which setting will you train? Measured are {shown}: name the nearest with --setting to be told more.",
        )

    def rows(self) -> list[SourceMatch]:
        """Return the candidates with what is expected of each."""
        setting, own = self.query.setting, self.query.own
        expected = self._memory.expected(self.target, self.candidates, setting=setting, own=own)
        return [replace(match, score=score) for match, score in zip(super().rows(), expected.tolist(), strict=True)]

    def explained(self, rows: Sequence[SourceMatch]) -> Sequence[SourceMatch]:
        """Return rows with how far memory may be wrong of each, and with the measurements that speak for it."""
        names, setting = [row.name for row in rows], self.query.setting
        expected = self._memory.predict(self.target, names, setting=setting, own=self.query.own)
        return [
            self._explained(row, deviation, expected)
            for row, deviation in zip(rows, expected.deviation.tolist(), strict=True)
        ]

    def _explained(self, row: SourceMatch, deviation: float, expected: Expected) -> SourceMatch:
        reasons = self._memory.reasons(expected, row.name, setting=self.query.setting)
        why = because(reasons, row.name, row.score, self._memory.likeness)
        return replace(row, deviation=deviation, because=why, reasons=tuple(reasons[:TOLD]))


@dataclass(frozen=True)
class _ByGain(Order):
    """What each brought on the targets that it was measured on."""

    def rows(self) -> list[SourceMatch]:
        """Return the candidates with their usual gain."""
        gains, points = mean_gains(self.history, setting=self.query.setting), self._points()
        return [
            replace(self._match(name), score=gains.get(name, 0.0), because=self._why(points.get(name, {})))
            for name in self.candidates
        ]

    def _points(self) -> dict[str, dict[str, list[float]]]:
        """Return the gains of each source on each target, in points of its score."""
        points: dict[str, dict[str, list[float]]] = {}
        for measured in self.history:
            if self.query.setting in (None, measured.setting):
                points.setdefault(measured.source, {}).setdefault(measured.target, []).append(measured.gain)
        return points

    def _why(self, points: Mapping[str, Sequence[float]]) -> str:
        if not points:
            return "never measured" if self.query.setting is None else f"not measured in {self.query.setting}"
        mean = fmean(fmean(gains) for gains in points.values())
        return f"{mean:+.1f} over the mean source of {len(points)} target{'' if len(points) == 1 else 's'}"


@dataclass(frozen=True)
class _BySize(Order):
    """How many training examples each has."""

    def rows(self) -> list[SourceMatch]:
        """Return the candidates with their sizes."""
        specs = self.catalog.entries.specs_of(self.candidates)
        sizes = {name: int(spec.get("examples", {}).get("train", 0)) for name, spec in specs.items()}
        return [
            replace(self._match(name), score=float(sizes[name]), because=f"{sizes[name]:,} training examples")
            for name in self.candidates
        ]


ORDERS: Mapping[str, type[Order]] = {SIMILARITY: Order, MEMORY: _ByMemory, GAIN: _ByGain, SIZE: _BySize}


def because(reasons: Sequence[Reason], source: str, score: float, likeness: Likeness) -> str:
    """Say which measurements put a source where it is: its own on other targets, else those of sources like it.

    Where none of these targets is kin, it is told what the source was worth on all that it was measured on.

    Args:
        reasons: those that add most first.
        score: of the source; measurements of the other sign do not explain it.
    """
    agreeing = [reason for reason in reasons if reason.contribution * score > 0]
    own = [reason for reason in agreeing if reason.source == source]
    if own and all(reason.kinship is not None and reason.kinship < LEAST_KIN for reason in own[:2]):
        gains = [reason.gain for reason in reasons if reason.source == source]
        mean = sum(gains) / len(gains)
        if mean * score > 0:
            of = "1 target, no kin" if len(gains) == 1 else f"{len(gains)} targets, none of them kin"
            return f"{mean:+.1f} over the mean source of {of}"
    sentences = [_sentence(reason) for reason in own[:2]]
    if not sentences:
        for reason in agreeing[:1]:
            kin = likeness.kin(source, reason.source)
            sentences.append(_sentence(reason) + ("" if kin is None else f" (kin of {source}: {kin:.2f})"))
    return "; ".join(sentences) or "likeness alone"


def _sentence(reason: Reason) -> str:
    kin = "" if reason.kinship is None else f" (kin {reason.kinship:.2f})"
    return f"{reason.target}{kin}: {reason.source} {reason.gain:+.1f} over its mean source"
