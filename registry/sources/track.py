"""How often was memory's advice right so far? Every recorded target left out in turn."""

from collections.abc import Collection
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from registry.metrics import average_ranks, regret
from registry.sources.memory import Memory

BEST = 3  # a first source among the truly best three counts as good advice


@dataclass(frozen=True)
class TrackRecord:
    """What memory's first source was worth, where it is known; a case is a target in a setting."""

    targets: int
    cases: int
    regret: float | None  # regret@1 in percent, mean over the cases with shares; None where there is none
    best_three: float  # share of the cases in which the first source was among the truly best three
    borrowed: bool = False  # whether the targets are those of packs
    without_shares: int = 0  # cases with a score below 0, or none above: there the best has no share

    def as_json(self) -> dict[str, float | None]:
        """Return the record as JSON values."""
        return {
            "targets": self.targets,
            "cases": self.cases,
            "regret@1": self.regret,
            "first_among_best_three": self.best_three,
        }

    def __str__(self) -> str:
        below = "" if self.regret is None else f", and {self.regret:.1f} % below the best on average"
        if self.without_shares:
            told = "no score is above 0, or one is below it"
            cases = f"{self.without_shares} of these cases" if self.without_shares > 1 else "one of these cases"
            below += f" ({'left out' if below else 'how far below the best is not told'}: in {cases} {told})"
        return (
            f"Advice by memory {'on the targets of packs' if self.borrowed else 'so far'}, each of {self.targets} "
            f"{'' if self.borrowed else 'targets '}left out in turn: the first source was among "
            f"the best three in {100 * self.best_three:.0f} % of {self.cases} cases{below}."
        )


def track_record(
    memory: Memory, *, setting: str | None = None, targets: Collection[str] | None = None
) -> TrackRecord | None:
    """Hold what memory would have said of each measured target, had it not been measured, against what came of it.

    Args:
        setting: the one that is asked for, whose outcomes alone count; None for advice without a setting, and all.

    Returns:
        None where no target has more than three measured sources.
    """
    truth: dict[str, dict[str, dict[str, float]]] = {}  # target -> setting -> source -> outcome
    for m in memory.history:
        if (setting is None or m.setting == setting) and (targets is None or m.target in targets):
            truth.setdefault(m.target, {}).setdefault(m.setting, {})[m.source] = m.outcome
    regrets, hits, judged = [], [], 0
    for target, measured in sorted(truth.items()):
        cases = [outcomes for outcomes in measured.values() if len(outcomes) > BEST]
        if not cases:
            continue
        sources = sorted({source for outcomes in cases for source in outcomes})
        expected = dict(zip(sources, memory.expected(target, sources, setting=setting).tolist(), strict=True))
        judged += 1
        for outcomes in cases:
            scores, real = [expected[source] for source in outcomes], list(outcomes.values())
            first = int(np.argmax(scores))
            if min(real) >= 0 and max(real) > 0:
                regrets.append(regret(scores, real, 1))
            hits.append(bool(average_ranks(real)[first] <= BEST))
    if not hits:
        return None
    below = fmean(regrets) if regrets else None
    return TrackRecord(judged, len(hits), below, fmean(hits), without_shares=len(hits) - len(regrets))
