"""What does a ranking by similarity come to: use this one, these are equal, or nothing here is alike?

A similarity means something beside what unrelated entries reach; see `levels`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EmbeddingRecord, Filter, SpaceRecord
from registry.data.signatures import NEAR_DUPLICATE, ROLE, Signature
from registry.data.spelling import plain
from registry.index.building import SpaceIndex
from registry.kinds import EntryKind
from registry.ranking.finding import Finding, Level, Outcome, UsualAnswer
from registry.ranking.levels import LEAST_TASKS, MOST_TASKS, Strangers, usual_among
from registry.ranking.matches import Match
from registry.ranking.queried import OUTSIDE
from registry.ranking.reasons import answered, because
from registry.ranking.uncertainty import NORMAL
from registry.spaces.facets import weights_between
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

INPUTS, MAP = "inputs", "map"
TURNED = -0.15  # in the map: 17 pairs of real tasks of the same labels have -0.12 and more
SAME_ANSWERS = 0.4  # in the map, of tasks with the same texts and labels
MOST_WORDS, LONGEST_WORD = 10, 30  # answers of a black box that are all told, and characters of one
FEW = 8  # training examples, of fewer of which the nearest of 31 real tasks was another one in five or six
SAME_TEXTS = 0.8  # in the inputs: of 31 real tasks those whose texts are of one source have more, others 0.71


class Yardstick:
    """Tells what is alike in a space, and what a ranking comes to."""

    def __init__(
        self,
        catalog: Catalog,
        index: SpaceIndex,
        space: SpaceRecord,
        target: EmbeddingRecord,
        weights: Mapping[str, float] | None,
    ) -> None:
        """Make it for the matches of a target.

        Args:
            weights: the user's own, of the facets; None for the usual ones.
        """
        self._target = target
        self._kind = target.kind
        self._entry = None if target.id == OUTSIDE else target.name  # None for a vector from a file
        self._answered = answered(catalog, space, () if self._entry is None else (self._entry,))
        self._catalog = catalog
        self._index = index
        self._space = space
        self._weights = weights
        self._known: dict[str, dict[str, Any]] = {}  # what tasks say of themselves, by name
        self._strangers = Strangers(SpaceSpec.from_document(space.spec), self._usual, weights)

    def marked(self, matches: Sequence[Match]) -> list[Match]:
        """Return matches, best first, each with its rank and whether it is more alike than unrelated entries are."""
        self._answered |= answered(self._catalog, self._space, [match.name for match in matches])
        ranked = enumerate(matches, start=1)
        return [replace(match, rank=rank, alike=self._is_alike(match)) for rank, match in ranked]

    def verdict(self, matches: Sequence[Match]) -> Finding | None:
        """Say what marked matches come to; None where there are none."""
        if not matches:
            return None
        first = next((match for match in matches if match.alike is not False), matches[0])
        level = self._strangers.reach(self._kind, first.kind)
        for answers in self._of(first):
            if answers.is_near_constant:
                sentence = f"Nothing here is alike: {answers}, which tells nothing of what it does."
                return Finding(Outcome.NOTHING, (first.name,), None, level, answers, sentence)
        if level is None:
            fewer = f"fewer than {LEAST_TASKS} tasks to compare it with"
            return Finding(
                Outcome.UNKNOWN, (first.name,), None, None, None, f"Whether {first.name} is alike is open: {fewer}."
            )
        if self._kind is EntryKind.TASK:  # of whose matches the labels are read too
            self._specs([match.name for match in matches if match.alike and match.kind is EntryKind.TASK])
        why = self._with_few_examples(first) or self._with_one_label(first)
        if why is not None:
            sentence = f"Whether {first.name} is alike is open: {why}."
            return Finding(Outcome.UNKNOWN, (first.name,), None, level, None, sentence)
        if not first.alike:
            reached = f"the nearest, {first.name}, has {_measure(level)} {level.of(first.similarity, first.facets):.2f}"
            sentence = f"Nothing here is alike: {reached}, and unrelated ones reach {level.value:.2f}."
            sentence += self._with_the_same_texts(matches) + self._in_words()
            return Finding(Outcome.NOTHING, (first.name,), None, level, None, sentence)
        return self._of_the_first(first, level, matches)

    def _with_few_examples(self, first: Match) -> str | None:
        """Say that the task that is asked for, or the first, has too few examples; None where they are enough.

        Copies of an example are one.
        """
        tasks = [self._entry] if self._kind is EntryKind.TASK and self._entry is not None else []
        tasks += [first.name] if first.kind is EntryKind.TASK else []
        signatures = self._catalog.entries.contents_of(tasks, ROLE)  # of none that is asked for by an older version
        for name, spec in self._specs(tasks).items():
            listed = (spec.get("examples") or {}).get("train", FEW)
            distinct = Signature.from_bytes(signatures[name]).examples if name in signatures else listed
            count = min(listed, distinct)
            if count < FEW:
                which = "distinct training" if count < listed else "training"
                has = f"{name} has {count} {which} example{'' if count == 1 else 's'}"
                return f"{has}, and fewer than {FEW} tell too little"
        return None

    def _with_one_label(self, first: Match) -> str | None:
        """Say that all examples of the task that is asked for, or of the first, have one label; None where they differ.

        No answer depends on a text then: the map is 0.
        """
        segment = self._index.centring.facets.segment(MAP)
        if segment is None or self._kind is not EntryKind.TASK or first.kind is not EntryKind.TASK:
            return None
        vectors = self._vectors([first.name])
        if self._entry is not None:
            vectors = {self._entry: self._target.vector, **vectors}
        for name, vector in vectors.items():
            if not np.any(vector[segment]) and "train" in (self._specs([name])[name].get("examples") or {}):
                return f"all examples of {name} have one label, which tells nothing of what it asks"
        return None

    def _of_the_first(self, first: Match, level: Level, matches: Sequence[Match]) -> Finding:
        """Say whether a match that is alike is to be used, and whether others are as near."""
        maps = self._maps(matches)
        turned = [name for name, its in maps.items() if its <= TURNED]
        if first.name in turned or (first.name in maps and 2 * len(turned) > len(maps)):
            where = "there" if first.name in turned else f"in {_listed(turned)}, of the same labels"
            told = f"like texts have unlike answers {where} (map {maps[turned[0]]:.2f})"
            sentence = f"{first.name} is nearest, but {told}: are its labels, or yours, the other way round?"
            return Finding(Outcome.UNKNOWN, (first.name,), None, level, None, sentence)
        if _contradicts(first, maps):
            told = f"{first.shared:.0%} of its texts are the same, with other answers (map {maps[first.name]:.2f})"
            sentence = f"{first.name} is nearest, but {told}: whose labels are right?"
            return Finding(Outcome.UNKNOWN, (first.name,), None, level, None, sentence)
        usual = weights_between(self._index.centring.facets, self._kind, first.kind, chosen=self._weights)
        entry = None if self._entry is None else self._catalog.entries.get(self._entry)
        why = because(self._catalog, entry, self._answered.get(self._entry or ""), first, usual)
        equal = tuple(
            m.name
            for m in matches
            if m.kind is first.kind
            and m.alike
            and _are_equal(first, m)
            and m.name not in turned
            and not _contradicts(m, maps)
        )
        if len(equal) == 1:
            return Finding(Outcome.USE, equal, why, level, None, f"Use {first.name}: {why}.")
        sentence = f"{_listed(equal)} cannot be told apart; of {first.name}: {why}."
        return Finding(Outcome.EQUAL, equal, why, level, None, sentence)

    def _maps(self, matches: Sequence[Match]) -> dict[str, float]:
        """Return the cosine of the map, less no centre, of each alike task that answers in the same words.

        Of few tasks alike the centre is what they have in common, and less that they are opposites.
        """
        return self._maps_of([match.name for match in matches if match.kind is EntryKind.TASK and match.alike])

    def turned(self, tasks: Sequence[str]) -> list[str]:
        """Return which of some tasks with the texts of the one that is asked for answer them the other way round."""
        return [name for name, its in self._maps_of(tasks).items() if its <= TURNED]

    def _maps_of(self, tasks: Sequence[str]) -> dict[str, float]:
        segment = self._index.centring.facets.segment(MAP)
        if segment is None or self._kind is not EntryKind.TASK or self._entry is None or not tasks:
            return {}
        words = self._words([self._entry, *tasks])
        own = words.get(self._entry)
        same = [name for name in tasks if own and words.get(name) == own]
        if not same:
            return {}
        vectors = self._vectors(same)
        mine = unit(self._target.vector[None, segment])[0]
        return {name: float(unit(vectors[name][None, segment])[0] @ mine) for name in same if name in vectors}

    def _vectors(self, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of entries, by name."""
        held = self._catalog.embeddings.having(self._space.id, names)
        found = self._catalog.embeddings.some([row_id for row_id, _ in held.values()]).values()
        return {record.name: record.vector for record in found}

    def _words(self, names: Sequence[str]) -> dict[str, set[str]]:
        """Return the texts of what tasks answer, by name."""
        found = {}
        for name, spec in self._specs(names).items():
            texts = spec.get("answers") or {}
            found[name] = {plain(str(texts.get(label, label))) for label in spec.get("labels") or texts}
        return found

    def _specs(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what tasks say of themselves, by name; with the one that is asked for, they are read once."""
        its = self._entry if self._kind is EntryKind.TASK else None
        new = {name for name in (*names, its) if name is not None and name not in self._known} if names else set()
        self._known |= {name: self._catalog.entries.get(name).spec for name in new if ":" in name}  # an older version
        latest = {name for name in new if ":" not in name}
        self._known |= self._catalog.entries.specs_of(latest) if latest else {}
        return {name: self._known[name] for name in names if name in self._known}

    def _with_the_same_texts(self, matches: Sequence[Match]) -> str:
        """Say which task has texts like those of the one that is asked for: its answers may be in other words alone."""
        tasks = [match for match in matches if self._kind is match.kind is EntryKind.TASK]
        best = max(tasks, key=lambda match: match.facets.get(INPUTS, 0), default=None)
        if best is None or best.facets.get(INPUTS, 0) < SAME_TEXTS or not self._answer_in_other_words(best.name):
            return ""
        alike = f"The texts of {best.name} are alike (inputs {best.facets[INPUTS]:.2f})"
        return f" {alike}: if both ask the same, let the answers be the same words."

    def _in_words(self) -> str:
        """Say what a black box answers, which is all that its vector knows of its words."""
        own = self._answered.get(self._entry or "")
        if own is None or len(own.answers) > MOST_WORDS:
            return ""
        words = [word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}..." for word in sorted(own.answers)]
        said = _listed(words, most=MOST_WORDS)
        return f" It answers {said}: answers are alike by what their words mean, so let them be whole words."

    def _answer_in_other_words(self, name: str) -> bool:
        """Say whether the task that is asked for and another have labels, and these other texts."""
        words = list(self._words([one for one in (self._entry, name) if one is not None]).values())
        return len(words) == 2 and all(words) and words[0] != words[1]

    def _is_alike(self, match: Match) -> bool | None:
        if any(answers.is_near_constant for answers in self._of(match)):
            return False
        level = self._strangers.reach(self._kind, match.kind)
        return None if level is None else level.of(match.similarity, match.facets) >= level.value

    def _of(self, match: Match) -> list[UsualAnswer]:
        """Return what the query and a match answered, of those that are black boxes; the matches have been marked."""
        return [self._answered[name] for name in (self._entry, match.name) if name in self._answered]

    def _usual(self, weights: Mapping[str, float]) -> float | None:
        """Return what most pairs of the space's own tasks reach; None where these are few."""
        return self._index.derived(("level", *weights.items()), lambda: self._usual_among(weights))

    def _usual_among(self, weights: Mapping[str, float]) -> float | None:
        ids = self._catalog.embeddings.ids(self._space.id, Filter(kinds=(EntryKind.TASK,)), most=MOST_TASKS)
        if len(ids) < LEAST_TASKS:
            return None  # else all ids of the index would be sorted for nothing
        ids = ids[np.isin(ids, self._index.index.ids)]
        facets, index = self._index.centring.facets, self._index.index
        return usual_among(facets, index.rows(ids), weights, count=len(index.ids))


def _contradicts(match: Match, maps: Mapping[str, float]) -> bool:
    """Say whether a task has the same texts with other answers, by the cosines of the maps."""
    return (match.shared or 0) >= NEAR_DUPLICATE and maps.get(match.name, 1.0) < SAME_ANSWERS


def _are_equal(first: Match, other: Match) -> bool:
    """Whether two similarities differ by less than their standard errors tell; those without one are as they are."""
    if first.deviation is None or other.deviation is None:
        return other.similarity == first.similarity
    return first.similarity - other.similarity <= NORMAL * math.hypot(first.deviation, other.deviation)


def _measure(level: Level) -> str:
    return "a similarity of" if level.facet is None else f"a {level.facet} alike by"


def _listed(names: Sequence[str], most: int = 3) -> str:
    shown = names if len(names) <= most else [*names[:most], f"{len(names) - most} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
