"""Sources in their order, as they are shown: the score of each, what speaks for it, and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from registry.ranking.matches import Match, Ranking, SetAside
from registry.ranking.nearest import SIMILARITY, NearestQuery
from registry.ranking.uncertainty import NORMAL, interval
from registry.results import Cell
from registry.sources.evidence import GAIN, MEMORY, SIZE
from registry.sources.memory import Reason
from registry.sources.track import TrackRecord
from registry.views.charts.bars import drawn
from registry.views.charts.picture import Picture

AXES = {  # what a score by each is
    SIMILARITY: "similarity",
    MEMORY: "expected gain, in standard deviations of a target's sources",
    GAIN: "usual gain, in standard deviations of a target's sources",
    SIZE: "examples",
}


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
        }
