"""What is near, how near, and why: matches with the facets that make them."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from registry.data.signatures import NEAR_DUPLICATE, WORTH_SAYING
from registry.kinds import EntryKind
from registry.ranking.finding import Finding
from registry.ranking.uncertainty import STUDENT, interval
from registry.results import Cell, Table
from registry.views.charts.bars import Measures, drawn
from registry.views.charts.picture import Picture

SHARED = "shared"

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Match:
    """One answer to a query. `similarity` is the weighted mean of the facets' cosines; higher is nearer."""

    rank: int
    name: str
    kind: EntryKind
    similarity: float
    facets: dict[str, float]
    deviation: float | None = field(default=None, kw_only=True)  # of what it is ranked by, where that is known
    shared: float | None = field(default=None, kw_only=True)  # of the smaller task's examples: the share in both
    alike: bool | None = field(default=None, kw_only=True)  # more than unrelated entries are; None where not known

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        return {
            "rank": self.rank,
            "name": self.name,
            "kind": self.kind.value,
            "similarity": self.similarity,
            **({} if self.deviation is None else {"±": self.deviation}),
            **({} if self.alike is None else {"alike": "yes" if self.alike else "no"}),
            **(self.facets if len(self.facets) > 1 else {}),
            **self._shared_cell(),
        }

    def exact(self) -> dict[str, Cell]:
        """Return the row with the share of examples as a number, and what is alike as true or false."""
        cells = {name: value for name, value in self.cells().items() if name != SHARED}
        if self.alike is not None:
            cells["alike"] = self.alike
        return cells if self.shared is None else {**cells, "shared": self.shared}

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values; the interval holds what the score estimates in 90 of 100 cases."""
        return {
            "rank": self.rank,
            "name": self.name,
            "kind": self.kind,
            "similarity": self.similarity,
            "deviation": self.deviation,
            "interval": interval(self.similarity, self.deviation),
            "facets": self.facets,
            "shared": self.shared,
            "alike": self.alike,
        }

    def _shared_cell(self) -> dict[str, Cell]:
        worth_saying = self.shared is not None and self.shared >= WORTH_SAYING
        return {SHARED: f"{self.shared:.0%}"} if worth_saying else {}


@dataclass(frozen=True)
class SetAside:
    """A task that was left out of an answer, and why."""

    name: str
    similarity: float | None
    shared: float | None  # the share of the smaller task that is in both; None where it is not known

    @classmethod
    def from_match(cls, match: Match) -> "SetAside":
        """Return a match as one that was left out."""
        similarity = None if math.isnan(match.similarity) else match.similarity
        return cls(match.name, similarity, match.shared)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return dict(vars(self))

    def __str__(self) -> str:
        if self.shared is not None and self.shared >= NEAR_DUPLICATE:
            return f"{self.name} (shares {self.shared:.0%} of the texts)"
        return f"{self.name} (has almost the same vector)"


class Ranking(Table[Match]):
    """The nearest entries, nearest first."""

    gives_way: tuple[str, ...] = ("map", "joint", "answers", "inputs", "kind", "±")

    def __init__(
        self,
        matches: Sequence[Match],
        *,
        query: str,
        space: str,
        epoch: int = 0,
        set_aside: Sequence[SetAside] = (),
        verdict: Finding | None = None,
    ) -> None:
        super().__init__(matches, title=f"nearest to {query} in space {space}")
        self.bars = ("similarity", *(matches[0].facets if matches else ()))
        self.query = query
        self.space = space
        self.epoch = epoch  # of the space's centre, see registry/spaces/centring.py
        self.set_aside = tuple(set_aside)  # near-duplicates of the query
        self.verdict = verdict  # of a ranking by similarity that has matches
        self.notes: tuple[str, ...] = ()  # what is to be said with it
        if set_aside:
            names = ", ".join(map(str, set_aside))
            self.notes = (f"Set aside as nearly {query} itself: {names}; '--duplicates' lists them too.",)

    def comes_to(self) -> tuple[object | None, Sequence[object]]:
        """Return the verdict and the notes."""
        return self.verdict, self.notes

    def plot(self) -> Picture:
        """Draw how near each is, with the interval that holds it in 90 of 100 cases, where that is known."""
        return drawn(self._plotted("similarity", [match.similarity for match in self]))

    def _plotted(self, axis: str, values: Sequence[float], *, errors: float = STUDENT) -> Measures:
        ends = [interval(value, match.deviation, errors=errors) for value, match in zip(values, self, strict=True)]
        return Measures(
            str(self.title),
            axis,
            [match.name for match in self],
            values,
            [None if end is None else end[0] for end in ends],
            [None if end is None else end[1] for end in ends],
            marked=frozenset(place for place, match in enumerate(self) if match.alike),
            meaning="more than unrelated entries are" if any(match.alike for match in self) else None,
            verdict=None if self.verdict is None else str(self.verdict),
            from_zero=True,
        )

    def as_json(self) -> dict[str, object]:
        """Return the ranking as JSON values."""
        return {
            "query": self.query,
            "space": self.space,
            "epoch": self.epoch,
            "matches": [match.as_json() for match in self],
            "set_aside": [task.as_json() for task in self.set_aside],
            "verdict": None if self.verdict is None else self.verdict.as_json(),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Comparison:
    """How near two entries are."""

    a: str
    b: str
    space: str
    similarity: float
    facets: dict[str, float]
    deviation: float | None = None  # the standard error of the similarity, where halves of the data tell it
    epoch: int = 0  # of the space's centre, see registry/spaces/centring.py

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        facets: dict[str, Cell] = dict(self.facets) if len(self.facets) > 1 else {}
        error: dict[str, Cell] = {} if self.deviation is None else {"±": self.deviation}
        return {"a": self.a, "b": self.b, "similarity": self.similarity, **error, **facets, "epoch": self.epoch}

    def table(self) -> Table["Comparison"]:
        """Return it as a table of one row."""
        return _Compared([self])

    def to_pandas(self) -> "pandas.DataFrame":
        """Return it as a DataFrame of one row."""
        return self.table().to_pandas()

    def plot(self) -> Picture:
        """Draw the similarity, and the facets that make it."""
        names = ["similarity", *(self.facets if len(self.facets) > 1 else ())]
        values = [self.similarity, *(self.facets[name] for name in names[1:])]
        low, high = interval(self.similarity, self.deviation) or (None, None)
        unknown = [None] * (len(names) - 1)
        title, marked = f"{self.a} and {self.b} in space {self.space}", frozenset([0])
        return drawn(
            Measures(title, "cosine", names, values, [low, *unknown], [high, *unknown], marked=marked, from_zero=True)
        )

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values; the interval holds what the similarity estimates in 90 of 100 cases."""
        return {**asdict(self), "interval": interval(self.similarity, self.deviation)}


class _Compared(Table[Comparison]):
    """A comparison as a table, with bars."""

    def __init__(self, rows: Sequence[Comparison]) -> None:
        super().__init__(rows)
        self.bars = ("similarity", *rows[0].facets)
