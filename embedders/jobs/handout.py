"""Which entry is handed to which worker next, and what came of all: the part of a run that knows no cluster."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from embedders.jobs.runs import EmbedReport
from registry.catalog import EntryRecord

LOSSES = 2  # workers that were lost while they were at one entry, after which nobody tries it any more


@dataclass(frozen=True)
class Portion:
    """One entry that is handed to a worker."""

    entry: EntryRecord
    is_first: bool = True  # whether it was never handed out before

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.entry.name


class Handout:
    """The entries that are left, and the report of what came of the others.

    Each entry is handed to one worker at a time. One that another run is at comes back until it can be had.
    """

    def __init__(self, todo: Sequence[EntryRecord], report: EmbedReport) -> None:
        self.report = report
        self._next = deque(Portion(entry) for entry in todo)
        self._later: list[Portion] = []
        self._losses: Counter[int] = Counter()
        self.busy: dict[str, str] = {}  # name -> who is at it, of those that are tried again later

    @property
    def has_more(self) -> bool:
        """Whether an entry waits for a worker, now or later."""
        return bool(self._next or self._later)

    def take(self) -> Portion | None:
        """Return the next entry; None where there is none now."""
        return self._next.popleft() if self._next else None

    def took(self, portion: Portion, part: EmbedReport) -> bool:
        """Enter what came of an entry; say whether it is settled."""
        name, report = portion.name, self.report
        if name in part.busy:
            self.busy[name] = part.busy[name]
            self._later.append(Portion(portion.entry, is_first=False))
            return False
        self.busy.pop(name, None)
        report.embedded.update(part.embedded)
        report.known.extend(part.known)
        report.skipped.update(part.skipped)
        report.failed.update(part.failed)
        report.unanswered.update(part.unanswered)
        report.not_read.update(part.not_read)
        return True

    def lose(self, portion: Portion, why: str) -> None:
        """Let another worker have an entry whose worker is gone; where that was the last try, it has failed."""
        self._losses[portion.entry.version_id] += 1
        if self._losses[portion.entry.version_id] < LOSSES:
            self._next.appendleft(portion)
        else:
            self.busy.pop(portion.name, None)
            self.report.failed[portion.name] = f"{LOSSES} workers were lost while they were at it ({why})."

    def try_again(self) -> None:
        """Hand out again what others were at."""
        self._next.extend(self._later)
        self._later.clear()

    def give_up(self, why: str) -> None:
        """Report all that is left as failed."""
        self.try_again()
        self.report.failed.update({portion.name: why for portion in self._next})
        self._next.clear()
        self.busy.clear()
