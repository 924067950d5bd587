"""What is nearest to an entry? The index's answer, without what is nearly the entry itself, and how sure it is."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from registry.catalog import Catalog, EmbeddingRecord, Filter, SpaceRecord
from registry.data.vectors import VectorFile
from registry.errors import InputError, StorageError
from registry.index.building import SpaceIndex
from registry.index.contract import DamagedIndexError, Neighbor
from registry.index.current import Indexes
from registry.kinds import EMBEDDABLE, EntryKind
from registry.names import checked_text, listed, truth, whole
from registry.ranking.duplicates import Duplicates, tells_doubles
from registry.ranking.matches import Match, Ranking, SetAside
from registry.ranking.queried import OUTSIDE, as_asked, embedding_of
from registry.ranking.selecting import selected
from registry.ranking.uncertainty import standard_error
from registry.ranking.verdict import Yardstick
from registry.spaces.centring import Centring
from registry.spaces.facets import weights_between
from registry.spaces.spec import IMPORTED

SIMILARITY = "similarity"
MOST_LOOKED_THROUGH, MOST_LACKING = 10_000, 100  # vectors of a space, and tasks without one
JUDGED = 5  # matches, at least, are looked at for the verdict

M = TypeVar("M", bound=Match)
R = TypeVar("R")


@dataclass(frozen=True)
class NearestQuery:
    """A question: how to rank, for which setting, and among which."""

    by: str = SIMILARITY
    setting: str | None = None  # MODEL/ADAPTATION; None for one of which nothing is known
    own: bool = False  # whether the target's own outcomes count
    limit: int = 10
    where: Filter = field(default_factory=Filter)
    weights: Mapping[str, float] | None = None
    duplicates: bool = False  # whether near-duplicates of the target stay in the answer
    packs: bool | None = None  # whether tasks of packs alone are ranked, or none; None for one's own and those

    def __post_init__(self) -> None:
        """Refuse to look for no match, and what is of another type: `packs="no"` would be yes, `where={}` no filter."""
        for what, said in (("own", self.own), ("duplicates", self.duplicates), ("packs", self.packs)):
            truth(False if said is None else said, what)
        checked_text(self.by, "ranking")
        checked_text("" if self.setting is None else self.setting, "setting")
        if not isinstance(self.where, Filter):
            raise InputError(f"where: a Filter is needed, and no {type(self.where).__name__}.")
        if whole(self.limit, "limit") < 1:
            raise InputError(f"Ask for at least one match, not {self.limit}.")


def nearest(
    catalog: Catalog, indexes: Indexes, query: str | VectorFile, space: str | None, asked: NearestQuery
) -> Ranking:
    """Rank entries by similarity to an entry of a space, or to a vector that was exported from it."""

    def rank(index: SpaceIndex, record: SpaceRecord, target: EmbeddingRecord) -> Ranking:
        return ranked(catalog, index, record, as_asked(catalog, query, target), asked)

    return asked_of_index(catalog, indexes, query, space, rank)


def asked_of_index(
    catalog: Catalog,
    indexes: Indexes,
    query: str | VectorFile,
    space: str | None,
    answer: Callable[[SpaceIndex, SpaceRecord, EmbeddingRecord], R],
) -> R:
    """Answer a question by the index of a space, and by one that is made anew if that is damaged.

    Args:
        answer: is given the index, its space and the vector of the query, within one view of the catalog.
    """
    with catalog.database.question():
        record = catalog.spaces.get(space)
        target = embedding_of(catalog, query, record)
        index = indexes.at_hand(record)
        if index is not None:
            with suppress(DamagedIndexError):
                return answer(index, record, target)
            indexes.forget(record)
    for make in (indexes.current, indexes.current, indexes.rebuild):  # which may take long, while others write
        index = make(record)
        with catalog.database.question(), suppress(DamagedIndexError):
            return answer(index, record, target)
    raise StorageError(f"The index of space {record.name!r} cannot be read a moment after it was written.")


def ranked(
    catalog: Catalog, index: SpaceIndex, space: SpaceRecord, target: EmbeddingRecord, query: NearestQuery
) -> Ranking:
    """Rank entries by similarity. Near-duplicates of a target task are set aside, and said."""
    search = _Search(catalog, index, space, target, query)
    duplicates = duplicates_of(catalog, index.centring, target)
    matches, aside = kept_apart(search.best, duplicates, query)
    if query.limit < JUDGED:
        matches, _ = kept_apart(search.best, duplicates, replace(query, limit=JUDGED))
    yardstick = Yardstick(catalog, index, space, target, query.weights)
    marked = yardstick.marked(search.with_errors(matches))
    ranking = Ranking(
        marked[: query.limit],
        query=target.name,
        space=space.name,
        epoch=index.centring.epoch,
        set_aside=aside,
        verdict=yardstick.verdict(marked),
    )
    turned = yardstick.turned([task.name for task in aside])
    if turned:
        answer = "answers" if len(turned) == 1 else "answer"
        ranking.notes += (f"{listed(turned)} {answer} the same texts the other way round: whose labels are right?",)
    ranking.notes += unseen(catalog, index, space)
    return ranking


def unseen(catalog: Catalog, index: SpaceIndex, space: SpaceRecord) -> tuple[str, ...]:
    """Say which tasks are in no answer, for they have no vector in the space.

    Not where vectors are brought in, nor of a space so large that looking for them would take longer than the answer.
    """
    if space.spec["method"] == IMPORTED or len(index.index.ids) > MOST_LOOKED_THROUGH:
        return ()
    names = catalog.spaces.lacking(space.id, most=MOST_LACKING)
    if not names:
        return ()
    count = f"{len(names)} or more tasks have" if len(names) == MOST_LACKING else f"{len(names)} tasks have"
    one = "1 task has" if len(names) == 1 else count
    mend = "'fute embed --all'" if space.current else f"'fute embed --all --space {space.name}'"
    return (f"{one} no vector in space {space.name} and cannot be found: {listed(names)}; {mend} makes it.",)


def duplicates_of(catalog: Catalog, centring: Centring, target: EmbeddingRecord) -> Duplicates | None:
    """Return what is known of a target's doubles; None where it is no task, or a vector from a file."""
    if target.kind is not EntryKind.TASK or target.id == OUTSIDE:
        return None
    return Duplicates(catalog, target.id, by_vector=tells_doubles(centring))


def kept_apart(
    best: Callable[[int], Sequence[M]], duplicates: Duplicates | None, query: NearestQuery
) -> tuple[list[M], list[SetAside]]:
    """Return the best matches that are no near-duplicates, as many as are asked for, and those that are.

    Args:
        best: gives so many of the best matches, best first.
    """
    if duplicates is None:
        return list(best(query.limit)), []
    aside = 0
    while True:
        candidates = duplicates.annotated(
            best(query.limit + aside), lambda match, shared: replace(match, shared=shared)
        )
        doubles = [] if query.duplicates else [match for match in candidates if duplicates.include(match)]
        if len(doubles) <= aside:
            kept = [match for match in candidates if match not in doubles]
            return kept[: query.limit], [SetAside.from_match(double) for double in doubles]
        aside = max(len(doubles), 2 * aside)


class _Search:
    """The matches of one question, as many as are wanted."""

    def __init__(
        self, catalog: Catalog, index: SpaceIndex, space: SpaceRecord, target: EmbeddingRecord, query: NearestQuery
    ) -> None:
        self._catalog = catalog
        self._index = index.index
        self._centring = index.centring
        self._target = target
        self._row = index.centring.centred(target.vector[None])[0]  # (dimension,)
        facets = index.centring.facets
        kinds = tuple(dict.fromkeys(query.where.kinds)) or EMBEDDABLE
        self._weights = {k: weights_between(facets, target.kind, k, chosen=query.weights) for k in kinds}
        self._passes = [  # a search for each way in which kinds are weighed: one, or two
            (weights, selected(catalog, index, space, replace(query.where, kinds=alike)))
            for weights, alike in _weighed_alike(self._weights)
        ]
        self._ids: dict[str, int] = {}  # of the matches, by name

    def best(self, count: int) -> list[Match]:
        """Return the nearest, nearest first, not ranked yet."""
        neighbours: list[Neighbor] = []
        for weights, among in self._passes:
            query = self._row * self._centring.facets.scale(weights)
            neighbours += self._index.nearest(query, limit=count + 1, where=among)  # the target is among them, or not
        others = [neighbour for neighbour in neighbours if neighbour.id != self._target.id]
        neighbours = sorted(others, key=lambda n: (-n.similarity, n.id))[:count]
        named = self._catalog.embeddings.named([n.id for n in neighbours])
        self._ids |= {name: row_id for row_id, (name, _) in named.items()}
        neighbours = [n for n in neighbours if n.id in named]  # else it was removed a moment ago
        cosines = self._cosines(neighbours)
        return [Match(0, *named[n.id], n.similarity, facets) for n, facets in zip(neighbours, cosines, strict=True)]

    def _cosines(self, neighbours: Sequence[Neighbor]) -> list[dict[str, float]]:
        """Return the cosine of each facet; of a single one it is the similarity, and no row is read again."""
        facets = self._centring.facets
        if len(facets) == 1:
            return [{facets[0].name: neighbour.similarity} for neighbour in neighbours]
        return facets.cosines(self._row, self._index.rows(np.array([n.id for n in neighbours], np.int64)))

    def with_errors(self, matches: Sequence[Match]) -> list[Match]:
        """Return matches with the standard errors of their similarities."""
        if self._target.deviations is None:  # then nothing is known of how sure any is
            return list(matches)
        held = self._catalog.embeddings.some([self._ids[match.name] for match in matches])
        return [replace(match, deviation=self._error(match, held[self._ids[match.name]])) for match in matches]

    def _error(self, match: Match, other: EmbeddingRecord) -> float | None:
        return standard_error(self._target, other, self._centring, self._weights[match.kind])


def _weighed_alike(
    weights: Mapping[EntryKind, Mapping[str, float]],
) -> list[tuple[Mapping[str, float], tuple[EntryKind, ...]]]:
    """Return the kinds that share their weights, with these."""
    groups: list[tuple[Mapping[str, float], list[EntryKind]]] = []
    for kind, its in weights.items():
        known = next((kinds for shared, kinds in groups if shared == its), None)
        if known is None:
            groups.append((its, [kind]))
        else:
            known.append(kind)
    return [(its, tuple(kinds)) for its, kinds in groups]
