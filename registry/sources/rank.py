"""Which task or model should one start from? Sources ranked by likeness, memory, usual gain, or size."""

from collections.abc import Sequence
from dataclasses import replace
from math import hypot, inf, isnan

from registry.catalog import Catalog, EmbeddingRecord, Filter, SpaceRecord
from registry.data.vectors import VectorFile
from registry.errors import InputError
from registry.index.building import SpaceIndex
from registry.index.current import Indexes
from registry.kinds import EntryKind
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
from registry.sources.answer import SourceMatch, SourceRanking
from registry.sources.borrowed import Borrowed
from registry.sources.evidence import GAIN, MEMORY, SIZE, SOURCES, Evidence, gathered
from registry.sources.history import Measurement, settings_of, without
from registry.sources.orders import ORDERS
from registry.spaces.vectors import made_of_one, unit

HOW_TO_MEASURE = "'fute transfer import' records yours, 'fute pack add' brings those of others"
TOLD_APART = 0.25  # errors of a difference: what lies nearer is equal, for the first is better in 60 of 100 cases


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
    history = _counting(evidence, target.name, query)
    notes = [*evidence.notes, *_of_the_target(evidence, target.name, query)]
    if query.by == MEMORY and not history:
        query = replace(query, by=SIMILARITY, setting=None)
        notes.append(f"{_nothing_to_learn(evidence)}: ranked by similarity ({HOW_TO_MEASURE}).")
        verdict = ranked(catalog, index, space, target, query).verdict
        notes += [verdict.sentence] if verdict is not None and verdict.level is not None else []
    candidates = _candidates(catalog, evidence, target.name, query)
    order = ORDERS[query.by](catalog, evidence, history, target.name, candidates, query)
    ordered = _ranked([_with_home(row, evidence.theirs) for row in order.rows()])
    doubles = duplicates_of(catalog, evidence.centring, target)
    kept, aside = kept_apart(lambda count: ordered[:count], doubles, query)
    if query.limit < JUDGED:
        kept, _ = kept_apart(lambda count: ordered[:count], doubles, replace(query, limit=JUDGED))
    judged = [replace(row, rank=place) for place, row in enumerate(order.explained(kept), start=1)]
    return SourceRanking(
        judged[: query.limit],
        query=target.name,
        space=space.name,
        epoch=evidence.centring.epoch,
        how=query,
        record=order.record,
        notes=[*notes, *order.notes, *_equals(judged), *unseen(catalog, index, space)],
        set_aside=aside,
    )


def _counting(evidence: Evidence, target: str, query: NearestQuery) -> Sequence[Measurement]:
    """Return the measurements that count; raise InputError where what is asked for was not measured."""
    settings = settings_of(evidence.history)
    if query.setting is not None and settings and query.setting not in settings:
        raise InputError(f"No transfers in {query.setting!r}: there are {', '.join(settings)}.")
    usable = evidence.history if query.own else without(evidence.history, evidence.likeness.doubles_of(target))
    if query.by == GAIN and not usable:
        raise InputError(f"No transfers to other tasks than {target!r}: {HOW_TO_MEASURE}.")
    return usable


def _nothing_to_learn(evidence: Evidence) -> str:
    if evidence.on_others:
        return "Transfers to other tasks tell nothing yet, for none has two sources with different scores in a setting"
    return "No transfers to other tasks are recorded"


def _check(query: NearestQuery, target: EmbeddingRecord) -> None:
    if query.by not in ORDERS:
        raise InputError(f"No ranking by {query.by!r}: there are {', '.join(ORDERS)}.")
    if query.by not in (MEMORY, GAIN) and (query.setting is not None or query.own):
        raise InputError("A setting, and the target's own outcomes, count by memory or gain: add --by memory.")
    if target.kind is not EntryKind.TASK or set(query.where.kinds) - SOURCES:
        raise InputError(f"By {query.by} tasks and models are ranked, for a task; all else by similarity alone.")
    if query.by == SIZE and EntryKind.MODEL in query.where.kinds:
        raise InputError("By size tasks are ranked: of a model nobody knows how many examples it has seen.")
    if query.by == SIZE and query.packs:
        raise InputError("A pack does not say how many examples its tasks have: rank by memory, gain or similarity.")


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


def _with_home(row: SourceMatch, theirs: Borrowed) -> SourceMatch:
    found = theirs.home(row.name)
    return row if found is None else replace(row, pack=found[0], home=found[1])


def _ranked(rows: Sequence[SourceMatch]) -> list[SourceMatch]:
    """Return the rows, best first; equals by similarity, then by name."""
    return sorted(rows, key=lambda row: (-row.score, inf if isnan(row.similarity) else -row.similarity, row.name))
