"""Several opinions on what is true, each under another assumption of how voters err together; none is known to hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from registry.estimates.ability import LETTERS, Ability, Skill, abilities
from registry.estimates.families import NEARLY_ONE, Family, families, heed, heed_if_wider
from registry.estimates.perception import Perception, perceived
from registry.estimates.votes import Floats, Posterior, Votes
from registry.estimates.witness import Expectation, Witness

# Two answers: from errors that are independent to perceptions that are half lure, with voters that know more than they
# share, and with evidence that counts a quarter because voters repeat one another.
OF_TWO = (
    Perception(lure=0.01, own=0.01),
    Perception(lure=0.7, own=0.3, weight=0.25),
    Perception(lure=1.0, own=0.15, weight=0.5),
    Perception(lure=1.0, own=0.01),
    Perception(lure=1.4, own=0.01),
    Perception(lure=1.4, own=0.01, weight=0.25),
)
OF_HABITS = (Skill(0.0), Skill(1.0), Skill(0.0, weight=0.25))
OF_LURES = (
    Skill(1.0, lures=True, evenness=LETTERS),
    Skill(1.5, lures=True, evenness=LETTERS),
    Skill(2.0, lures=True, evenness=LETTERS),
)
MEMBERS: dict[str, Sequence[Skill | Perception]] = {"perception": OF_TWO, "habits": OF_HABITS, "lures": OF_LURES}
UNEVEN = 0.02  # pseudo-inputs for each input, where answers may be as uneven as voters make them
MOSTLY_ALONE = 0.75  # of the voters: if less close families leave fewer, most are of such
PLAIN = 1  # of more than two answers: the member that is asked first
LURED = (
    0.12  # of more than two answers: how often the crowd is taken to have fallen for another answer than the true one
)


@dataclass(frozen=True, eq=False)
class Opinions:
    """What the members of a committee think."""

    truths: list[Posterior]
    kind: str  # perception, habits or lures: which models they used
    families: tuple[Family, ...]  # of the different voters, those that are heard as one
    voters: int  # how many there are then
    doubts: list[Posterior]  # what would be thought more, or less, likely under other assumptions


def heard(votes: Votes, witness: Witness | None = None, priors: Floats | None = None) -> Opinions:
    """Return the opinions of a committee. Voters that say the same, or nearly so, are heard as one.

    Args:
        votes: the answers.
        witness: what a like task says of the inputs.
        priors: (answers,), how often each is true, where that is told; they add up to 1.
    """
    votes, _ = votes.distinct
    close = families(votes, NEARLY_ONE)
    counts_for, fewer, kind = heed(votes, close), heed_if_wider(votes, close), "perception"
    hearing = _Hearing(votes, witness, priors)
    if votes.answers > 2:
        kind, counts_for = _of_many(hearing, counts_for, fewer)
    truths = [hearing.opinion(counts_for, assumed) for assumed in MEMBERS[kind]]
    doubts = _doubts(hearing, kind, truths, counts_for, fewer)
    return Opinions(truths, kind, tuple(close), round(counts_for.sum()), doubts)


class _Hearing:
    """Asks members of a committee, each once."""

    def __init__(self, votes: Votes, witness: Witness | None, priors: Floats | None) -> None:
        self.votes = votes
        self.witness = witness
        self.priors = priors
        self._fits: dict[tuple[bytes, Skill], Ability] = {}

    def fit(self, counts_for: Floats, assumed: Skill) -> Ability:
        """Return the fit of a member for more than two answers."""
        key = counts_for.tobytes(), assumed
        if key not in self._fits:
            self._fits[key] = abilities(self.votes, counts_for, assumed, self._expected(assumed))
        return self._fits[key]

    def opinion(self, counts_for: Floats, assumed: Skill | Perception) -> Posterior:
        """Return what a member thinks."""
        if isinstance(assumed, Perception):
            return perceived(self.votes, counts_for, assumed, self._expected(assumed))
        return _with_lures(self.votes, counts_for, self.fit(counts_for, assumed).truth)

    def _expected(self, assumed: Skill | Perception) -> Expectation:
        return Expectation(self.votes.answers, self.witness, assumed.evenness, self.priors)


def _of_many(hearing: _Hearing, counts_for: Floats, fewer: Floats) -> tuple[str, Floats]:
    """Return which models the members use for more than two answers, and what each voter counts for.

    The table itself says whether its answers mean the same for all inputs: habits of voters explain it better then, by
    the likelihood less a unit for each habit. Letters of a test are explained better by the lures of its questions; a
    witness says nothing of letters. But where most voters are of families, even of less close ones, these share their
    errors alone, which lures explain badly: then each family is heard as one.

    Args:
        hearing: of the voters.
        counts_for: what each voter counts for, (voters,).
        fewer: the same if less close families are families too.
    """
    if hearing.witness is not None:
        return "habits", counts_for
    habits, lures = (hearing.fit(counts_for, members[PLAIN]).log_likelihood for members in (OF_HABITS, OF_LURES))
    if lures <= habits - len(hearing.votes) * (hearing.votes.answers - 1):
        return "habits", counts_for
    return ("habits", fewer) if fewer.sum() < MOSTLY_ALONE * counts_for.sum() else ("lures", counts_for)


def _doubts(
    hearing: _Hearing, kind: str, truths: list[Posterior], counts_for: Floats, fewer: Floats
) -> list[Posterior]:
    """Return how one member would think otherwise if other voters were families, or answers uneven.

    Of tests whose letters mean nothing answers are even, and where it is told nothing is open. `truths` are the
    members' opinions, the other arguments those of `_of_many`.
    """
    number = 0 if kind == "perception" else PLAIN
    member = MEMBERS[kind][number]
    alone = np.ones(len(hearing.votes))
    asked = [(counts, member) for counts in (fewer, alone) if not np.array_equal(counts, counts_for)]
    if kind != "lures" and hearing.priors is None:
        asked.append((counts_for, replace(member, evenness=UNEVEN)))
    return [hearing.opinion(counts, assumed) - truths[number] for counts, assumed in asked]


def _with_lures(votes: Votes, counts_for: Floats, truth: Posterior) -> Posterior:
    """Return an opinion that leaves room for the other answers, each by how many voters gave it."""
    counts = votes.counted(counts_for)
    is_first = counts == counts.max(axis=1, keepdims=True)
    others = np.where(is_first, 0, counts) + 0.05 / votes.answers
    others /= others.sum(axis=1, keepdims=True)
    return np.asarray((1 - LURED) * truth + LURED * others)
