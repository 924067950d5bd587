"""Several opinions on what is true, each under another assumption of how voters err together; none is known to hold."""

from dataclasses import dataclass

import numpy as np

from registry.estimates import ability, perception
from registry.estimates.votes import Posterior, Votes
from registry.estimates.witness import Witness

# Two answers: from errors that are independent to perceptions that are half lure, with voters that know more than they
# share, and with evidence that counts a quarter because voters repeat one another.
OF_TWO = (
    perception.Perception(lure=0.01, own=0.01),
    perception.Perception(lure=0.7, own=0.3, weight=0.25),
    perception.Perception(lure=1.0, own=0.15, weight=0.5),
    perception.Perception(lure=1.0, own=0.01),
    perception.Perception(lure=1.4, own=0.01),
    perception.Perception(lure=1.4, own=0.01, weight=0.25),
)
OF_HABITS = (ability.Skill(0.0), ability.Skill(1.0), ability.Skill(0.0, weight=0.25))
OF_LURES = (
    ability.Skill(1.0, lures=True),
    ability.Skill(1.5, lures=True),
    ability.Skill(2.0, lures=True),
)
LURED = (
    0.12  # of more than two answers: how often the crowd is taken to have fallen for another answer than the true one
)


@dataclass(frozen=True, eq=False)
class Opinions:
    """What the members of a committee think."""

    truths: list[Posterior]
    kind: str  # perception, habits or lures: which models they used


def heard(votes: Votes, witness: Witness | None = None) -> Opinions:
    """Return the opinions of a committee.

    With more than two answers, the table itself says whether its answers mean the same for all inputs: habits of voters
    explain it better then, by the likelihood less a unit for each habit. Letters of a test are explained better by the
    lures of its questions; a witness says nothing of letters. Voters that say the same throughout are one.
    """
    votes, _ = votes.distinct
    if votes.answers == 2:
        return Opinions([perception.perceived(votes, assumed, witness) for assumed in OF_TWO], "perception")
    fits = [ability.abilities(votes, OF_HABITS[1], witness), ability.abilities(votes, OF_LURES[1])]
    cost = len(votes) * (votes.answers - 1)
    if witness is None and fits[1].log_likelihood > fits[0].log_likelihood - cost:
        first, others, kind = fits[1], OF_LURES, "lures"
    else:
        first, others, kind = fits[0], OF_HABITS, "habits"
    truths = [
        first.truth if number == 1 else ability.abilities(votes, assumed, witness).truth
        for number, assumed in enumerate(others)
    ]
    return Opinions([_with_lures(votes, truth) for truth in truths], kind)


def _with_lures(votes: Votes, truth: Posterior) -> Posterior:
    """Return an opinion that leaves room for the other answers, each by how many voters gave it."""
    is_first = votes.counts == votes.counts.max(axis=1, keepdims=True)
    others = np.where(is_first, 0, votes.counts) + 0.05 / votes.answers
    others /= others.sum(axis=1, keepdims=True)
    return np.asarray((1 - LURED) * truth + LURED * others)
