"""Which task or model should one start from? Sources ranked by likeness, memory, usual gain, or size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import hypot, inf, isnan
from typing import Any

import numpy as np

from registry.catalog import Catalog, EmbeddingRecord, Filter, SpaceRecord
from registry.data.vectors import VectorFile
from registry.errors import InputError
from registry.index.building import SpaceIndex
from registry.index.current import Indexes
from registry.kinds import EntryKind
from registry.ranking.matches import Match, Ranking, SetAside
from registry.ranking.nearest import (
    JUDGED,
    SIMILARITY,
    NearestQuery,
    asked_of_index,
    duplicates_of,
    kept_apart,
    ranked,
    unseen,
)
from registry.ranking.queried import OUTSIDE, as_asked
from registry.ranking.uncertainty import NORMAL, interval
from registry.results import Cell
from registry.sources.borrowed import Borrowed
from registry.sources.evidence import GAIN, MEMORY, SIZE, SOURCES, Evidence, gathered
from registry.sources.history import Measurement, mean_gains, settings_of, without
from registry.sources.likeness import Likeness
from registry.sources.memory import Memory, Reason
from registry.sources.track import TrackRecord, track_record
from registry.spaces.vectors import made_of_one, unit
from registry.views.charts.bars import drawn
from registry.views.charts.picture import Picture

BY = (SIMILARITY, MEMORY, GAIN, SIZE)
HOW_TO_MEASURE = "'fute transfer import' records yours, 'fute pack add' brings those of others"
AXES = {  # what a score by each is
    SIMILARITY: "similarity",
    MEMORY: "expected gain, in standard deviations of a target's sources",
    GAIN: "usual gain, in standard deviations of a target's sources",
    SIZE: "examples",
}
LEAST_KIN = 0.2  # of a target, below which what was measured on it says how good a source is in general
TOLD_APART = 0.25  # errors of a difference: what lies nearer is equal, for the first is better in 60 of 100 cases
TOLD = 10  # reasons of a row, at most


@dataclass(frozen=True)
class SourceMatch(Match):
    """A source, and what speaks for it. `similarity` is not a number where the source has no vector in the space."""

    score: float  # by memory and gain in standard deviations of a target's sources; by size in examples
    because: str
    reasons: tuple[Reason, ...] = ()  # of memory: what was measured and adds most, whatever its sign
    pack: str | None = None  # that the source is of; None for one's own
    home: str | None = None  # where a pack's task can be had, if it says

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        own: dict[str, Cell] = {"rank": self.rank, "name": self.name, "kind": self.kind.value, "score": self.score}
        if self.deviation is not None:
            own["±"] = self.deviation
        alike = None if np.isnan(self.similarity) else self.similarity
        return {**own, "similarity": alike, **self._shared_cell(), "because": self.because}

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            **super().as_json(),
            "similarity": None if np.isnan(self.similarity) else self.similarity,
            "score": self.score,
            "interval": interval(self.score, self.deviation, errors=NORMAL),
            "because": self.because,
            "pack": self.pack,
            "home": self.home,
            "reasons": [vars(reason) for reason in self.reasons],
        }


class SourceRanking(Ranking):
    """Sources, best first. `by` is what they were ranked by in the end; `notes` say why it is not what was asked, and
    how often such advice was right so far."""

    gives_way: tuple[str, ...] = ("kind", "similarity", "±")

    def __init__(
        self,
        matches: Sequence[Match],
        *,
        query: str,
        space: str,
        epoch: int,
        how: NearestQuery,
        record: TrackRecord | None = None,
        notes: Sequence[str] = (),
        set_aside: Sequence[SetAside] = (),
    ) -> None:
        super().__init__(matches, query=query, space=space, epoch=epoch, set_aside=set_aside)
        setting = "" if how.setting is None else f" in {how.setting}"
        self.title = f"sources for {query} by {how.by}{setting}, in space {space}"
        self.by = how.by
        self.setting = how.setting
        self.own = how.own
        self.record = record
        self.notes = (*self.notes, *notes, *([] if record is None else [str(record)]))

    def plot(self) -> Picture:
        """Draw each source's score, with the interval that holds it in 90 of 100 cases, where that is known."""
        scores = [match.score if isinstance(match, SourceMatch) else match.similarity for match in self]
        return drawn(self._plotted(AXES[self.by], scores, errors=NORMAL))

    def as_json(self) -> dict[str, object]:
        """Return the ranking as JSON values."""
        return {
            **super().as_json(),
            "by": self.by,
            "setting": self.setting,
            "own": self.own,
            "record": None if self.record is None else self.record.as_json(),
            "notes": list(self.notes),
        }


def sources(
    catalog: Catalog, indexes: Indexes, query: str | VectorFile, space: str | None, asked: NearestQuery
) -> SourceRanking:
    """Rank tasks and models as sources for a target task of a space, or for a vector that was exported from it.

    Where no kind is asked for, these are tasks, and the models that were measured as sources. By memory, where nothing
    was measured on other tasks, plain similarity ranks, and a note says so.

    Raises:
        InputError: there is no such method, the target is no task, what is asked for is neither task nor model, or
            nothing was measured in the setting.
    """

    def rank(index: SpaceIndex, record: SpaceRecord, target: EmbeddingRecord) -> SourceRanking:
        meant = as_asked(catalog, query, _of_its_own(catalog, record, target))
        return _ranked_for(catalog, index, record, meant, asked)

    return asked_of_index(catalog, indexes, query, space, rank)


def _of_its_own(catalog: Catalog, space: SpaceRecord, target: EmbeddingRecord) -> EmbeddingRecord:
    """Give a vector from a file another name where an entry that is called so has another vector: they are two."""
    if target.id != OUTSIDE:
        return target
    held = catalog.embeddings.newest(target.name, space.id)
    if held is None or made_of_one(unit(held.vector[None]), target.vector)[0]:
        return target
    return replace(target, name=f"{target.name} (file)")


def _ranked_for(
    catalog: Catalog, index: SpaceIndex, space: SpaceRecord, target: EmbeddingRecord, query: NearestQuery
) -> SourceRanking:
    _check(query, target)
    evidence = gathered(catalog, index, space, target, query)
    usable = evidence.history if query.own else without(evidence.history, evidence.likeness.doubles_of(target.name))
    notes = [*evidence.notes, *_of_the_target(evidence, target.name, query)]
    if query.setting is not None and evidence.history and query.setting not in settings_of(evidence.history):
        raise InputError(f"No transfers in {query.setting!r}: there are {', '.join(settings_of(evidence.history))}.")
    if query.by == GAIN and not usable:
        raise InputError(f"No transfers to other tasks than {target.name!r}: {HOW_TO_MEASURE}.")
    if query.by == MEMORY and not usable:
        query = replace(query, by=SIMILARITY, setting=None)
        notes.append(f"{_nothing_to_learn(evidence)}: ranked by similarity ({HOW_TO_MEASURE}).")
        verdict = ranked(catalog, index, space, target, query).verdict
        notes += [verdict.sentence] if verdict is not None and verdict.level is not None else []
    candidates = _candidates(catalog, evidence, target.name, query)
    record, explained = None, _as_they_are
    if query.by == MEMORY:
        memory = Memory(evidence.most_alike(target.name), evidence.likeness.including(candidates))
        rows = _by_memory(memory, target.name, candidates, query)
        explained = partial(_explained, memory=memory, target=target.name, query=query)
        record = track_record(memory, setting=query.setting, targets={m.target for m in evidence.own} or None)
        record = record and replace(record, borrowed=not evidence.own)
        notes += _which_setting(usable, query)
    elif query.by == GAIN:
        rows = _by_gain(usable, evidence.likeness, target.name, candidates, query)
    elif query.by == SIZE:
        rows = _by_size(catalog, evidence.likeness, target.name, candidates)
    else:
        rows = [_match(evidence.likeness, target.name, name) for name in candidates]
    ordered = _ranked([_with_home(row, evidence.theirs) for row in rows])
    doubles = duplicates_of(catalog, evidence.centring, target)
    kept, aside = kept_apart(lambda count: ordered[:count], doubles, query)
    if query.limit < JUDGED:
        kept, _ = kept_apart(lambda count: ordered[:count], doubles, replace(query, limit=JUDGED))
    judged = [replace(row, rank=place) for place, row in enumerate(explained(kept), start=1)]
    return SourceRanking(
        judged[: query.limit],
        query=target.name,
        space=space.name,
        epoch=evidence.centring.epoch,
        how=query,
        record=record,
        notes=[*notes, *_equals(judged), *unseen(catalog, index, space)],
        set_aside=aside,
    )


def _nothing_to_learn(evidence: Evidence) -> str:
    if evidence.on_others:
        return "Transfers to other tasks tell nothing yet, for none has two sources with different scores in a setting"
    return "No transfers to other tasks are recorded"


def _check(query: NearestQuery, target: EmbeddingRecord) -> None:
    if query.by not in BY:
        raise InputError(f"No ranking by {query.by!r}: there are {', '.join(BY)}.")
    if query.by not in (MEMORY, GAIN) and (query.setting is not None or query.own):
        raise InputError("A setting, and the target's own outcomes, count by memory or gain: add --by memory.")
    if target.kind is not EntryKind.TASK or set(query.where.kinds) - SOURCES:
        raise InputError(f"By {query.by} tasks and models are ranked, for a task; all else by similarity alone.")
    if query.by == SIZE and EntryKind.MODEL in query.where.kinds:
        raise InputError("By size tasks are ranked: of a model nobody knows how many examples it has seen.")
    if query.by == SIZE and query.packs:
        raise InputError("A pack does not say how many examples its tasks have: rank by memory, gain or similarity.")
    if query.limit < 1:
        raise InputError(f"Ask for at least one match, not {query.limit}.")


def _of_the_target(evidence: Evidence, target: str, query: NearestQuery) -> list[str]:
    """Say what is done with outcomes that are recorded on the target itself, where that may surprise."""
    count = evidence.on_target
    if not count or query.by not in (MEMORY, GAIN):
        return []
    told = f"{count} recorded {'outcome' if count == 1 else 'outcomes'} on {target} itself"
    if not query.own:
        return [f"{told} {'does' if count == 1 else 'do'} not count here: --own takes what was measured on it in, too."]
    if not any(measurement.target == target for measurement in evidence.own):
        return [f"{told} cannot be told apart yet: two sources with different scores in one setting are needed."]
    return []


def _which_setting(history: Sequence[Measurement], query: NearestQuery) -> list[str]:
    """Ask for the setting where several were measured and none is named: its own outcomes tell more."""
    settings = settings_of(history)
    if query.setting is not None or len(settings) < 2:
        return []
    shown = ", ".join(settings[:3]) + (f" and {len(settings) - 3} more" if len(settings) > 3 else "")
    return [f"In which setting will you train? Measured are {shown}: name the nearest with --setting to be told more."]


def _candidates(catalog: Catalog, evidence: Evidence, target: str, query: NearestQuery) -> list[str]:
    """Return who may be a source, sorted: those with a vector, those that were measured elsewhere, those of packs."""
    kinds = set(query.where.kinds) or SOURCES
    of_packs = evidence.theirs.passing(query.where) if EntryKind.TASK in kinds else []
    if query.packs:
        return sorted(of_packs)
    models, candidates, measured = evidence.likeness.models, set(evidence.likeness.names), set[str]()
    if query.by in (MEMORY, GAIN):
        measured = {measurement.source for measurement in evidence.own if query.own or measurement.target != target}
        candidates |= measured
    passing = catalog.entries.passing(candidates, replace(query.where, kinds=tuple(sorted(kinds))))
    if EntryKind.TASK in kinds and replace(query.where, kinds=()) == Filter():
        passing |= measured - models  # they need not be registered
    return sorted((candidates & passing - {target}) | {*of_packs})


def _equals(rows: Sequence[SourceMatch]) -> list[str]:
    """Name the rows that are as good as the first one, as far as memory can tell."""
    if not rows or rows[0].deviation is None:
        return []
    first, error = rows[0], rows[0].deviation
    equal = [row.name for row in rows[1:] if first.score - row.score < TOLD_APART * hypot(error, row.deviation or 0)]
    if not equal:
        return []
    others = ", ".join(equal[:3]) + (f" and {len(equal) - 3} more" if len(equal) > 3 else "")
    return [f"{first.name} is not told from {others}: the scores differ by less than a quarter of their errors."]


def _as_they_are(rows: Sequence[SourceMatch]) -> Sequence[SourceMatch]:
    return rows


def _explained(rows: Sequence[SourceMatch], memory: Memory, target: str, query: NearestQuery) -> Sequence[SourceMatch]:
    """Return rows with how far memory may be wrong of each, and with the measurements that speak for it."""
    expected = memory.predict(target, [row.name for row in rows], setting=query.setting, own=query.own)
    explained = []
    for row, deviation in zip(rows, expected.deviation.tolist(), strict=True):
        reasons = memory.reasons(expected, row.name, setting=query.setting)
        why = because(reasons, row.name, row.score, memory.likeness)
        explained.append(replace(row, deviation=deviation, because=why, reasons=tuple(reasons[:TOLD])))
    return explained


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


def _by_memory(memory: Memory, target: str, candidates: Sequence[str], query: NearestQuery) -> list[SourceMatch]:
    expected = memory.expected(target, candidates, setting=query.setting, own=query.own).tolist()
    return [
        replace(_match(memory.likeness, target, name), score=score)
        for name, score in zip(candidates, expected, strict=True)
    ]


def _by_gain(
    history: Sequence[Measurement], likeness: Likeness, target: str, candidates: Sequence[str], query: NearestQuery
) -> list[SourceMatch]:
    gains = mean_gains(history, setting=query.setting)
    measured: dict[str, dict[str, list[float]]] = {}
    for measurement in history:
        if query.setting in (None, measurement.setting):
            gains_of = measured.setdefault(measurement.source, {})
            gains_of.setdefault(measurement.target, []).append(measurement.gain)
    rows, nothing = [], "never measured" if query.setting is None else f"not measured in {query.setting}"
    for name in candidates:
        points = {its: sum(values) / len(values) for its, values in measured.get(name, {}).items()}
        mean = sum(points.values()) / max(1, len(points))
        of = f"{len(points)} target{'' if len(points) == 1 else 's'}"
        why = f"{mean:+.1f} over the mean source of {of}" if points else nothing
        rows.append(replace(_match(likeness, target, name), score=gains.get(name, 0.0), because=why))
    return rows


def _by_size(catalog: Catalog, likeness: Likeness, target: str, candidates: Sequence[str]) -> list[SourceMatch]:
    specs = catalog.entries.specs_of(candidates)
    sizes = {name: int(spec.get("examples", {}).get("train", 0)) for name, spec in specs.items()}
    return [
        replace(_match(likeness, target, name), score=float(sizes[name]), because=f"{sizes[name]:,} training examples")
        for name in candidates
    ]


def _match(likeness: Likeness, target: str, name: str) -> SourceMatch:
    """Return a source with its similarity as score, not ranked yet."""
    alike = likeness.between(target, name)
    score = float("nan") if alike is None else alike
    facets: dict[str, float] = {}
    if alike is not None:
        values = likeness.facets[likeness.row[target], likeness.row[name]]
        facets = {f: v for f, v in zip(likeness.facet_names, values.tolist(), strict=True) if np.isfinite(v)}
    kind = EntryKind.MODEL if name in likeness.models else EntryKind.TASK
    return SourceMatch(0, name, kind, score, facets, score, "likeness alone")


def _with_home(row: SourceMatch, theirs: Borrowed) -> SourceMatch:
    found = theirs.home(row.name)
    return row if found is None else replace(row, pack=found[0], home=found[1])


def _ranked(rows: Sequence[SourceMatch]) -> list[SourceMatch]:
    """Return the rows, best first; equals by similarity, then by name."""
    return sorted(rows, key=lambda row: (-row.score, inf if isnan(row.similarity) else -row.similarity, row.name))
