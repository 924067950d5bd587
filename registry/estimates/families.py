"""Voters that err together because they are nearly one: prompts that differ by a comma, a model of two epochs.

Who errs independently of others agrees with them no more than all agree with the truth. So the correlations of such
voters have rank one: r_ij = r_ik r_jl / r_kl for any other two (Spearman 1904; Parisi et al. 2014). A family has more
in common than what its members share with the others explains. With x the mean correlation within it, r_k its mean
correlation with another voter k, and e the median of r_k r_l / r_kl over all pairs of the others, it shares

    c = (x - e) / (1 - e)

of what it could: 0 is independence, 1 are copies. A family of m counts for m / (1 + (m - 1) c) voters.

Correlations alone do not tell a family from excellent voters among others that share a bias. So what follows if a
family is none, or if one that is less close is one, enters the intervals (`registry.estimates.committee`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.estimates.votes import Floats, Votes

NEARLY_ONE = 0.8  # of c: from here on a family is heard as one
PERHAPS_ONE = 0.5  # of c: from here on it may be so; below, the committee's models tell what voters share
LEAST_OTHERS = 2
CERTAIN = 3.0  # standard errors of a correlation that is none


@dataclass(frozen=True)
class Family:
    """Voters that are nearly one."""

    members: tuple[int, ...]
    shared: float  # c

    @property
    def weight(self) -> float:
        """What each of them counts for."""
        return 1 / (1 + (len(self.members) - 1) * self.shared)


def families(votes: Votes, least: float) -> list[Family]:
    """Return the largest families of voters that share at least so much; no voter is in two."""
    alike = _correlations(votes)
    noise = CERTAIN / np.sqrt(votes.inputs)
    found: list[Family] = []
    taken: set[int] = set()
    for members in reversed(_joined(alike)):
        if taken.isdisjoint(members):
            shared = _shared(alike, np.array(members), noise, least)
            if shared is not None:
                found.append(Family(tuple(sorted(members)), shared))
                taken.update(members)
    return found


def heed(votes: Votes, found: Sequence[Family]) -> Floats:
    """Return what each voter's evidence counts for, (voters,): 1, or less for members of a family."""
    counts = np.ones(len(votes))
    for family in found:
        counts[list(family.members)] = family.weight
    return counts


def heed_if_wider(votes: Votes, close: Sequence[Family]) -> Floats:
    """Return what each voter's evidence counts for if less close families are families too, (voters,).

    Of each close family one member is looked at: many that are nearly one would make all others seem to be near.
    """
    whose = np.arange(len(votes))
    for family in close:
        whose[list(family.members)] = family.members[0]
    heads, head_of = np.unique(whose, return_inverse=True)
    few = Votes(votes.said[heads], votes.answers)
    return heed(votes, close) * heed(few, families(few, PERHAPS_ONE))[head_of]


def _shared(alike: Floats, members: NDArray[np.int64], noise: float, least: float) -> float | None:
    """Return how much voters share beyond what the others explain, c; None if less than least, or nobody can tell."""
    others = np.setdiff1d(np.arange(len(alike)), members)
    within = float(alike[np.ix_(members, members)][np.triu_indices(len(members), 1)].mean())
    if len(others) < LEAST_OTHERS or within < least:  # c is no more than that
        return None
    one, other = np.triu_indices(len(others), 1)
    between = alike[others[one], others[other]]
    with_others = alike[members][:, others].mean(axis=0)
    told = np.abs(between) > noise
    if not told.any():
        return None
    explained = float(np.median((with_others[one] * with_others[other])[told] / between[told]))
    explained = min(max(explained, 0.0), within)
    shared = (within - explained) / max(1 - explained, noise)
    return shared if shared >= least and within - explained > noise else None


def _correlations(votes: Votes) -> Floats:
    """Return how far voters vary together, over all answers, (voters, voters); 0 of one that always says the same."""
    varied = (votes.chosen - votes.chosen.mean(axis=1, keepdims=True)).reshape(len(votes), -1)
    length = np.sqrt((varied**2).sum(axis=1, keepdims=True))
    units = np.divide(varied, length, out=np.zeros_like(varied), where=length > 0)
    return np.asarray(units @ units.T)


def _joined(alike: Floats) -> list[list[int]]:
    """Return the groups that arise as the two most alike are joined, on and on, by their mean correlation."""
    groups = {voter: [voter] for voter in range(len(alike))}
    near = alike.copy()
    np.fill_diagonal(near, -np.inf)
    made = []
    while len(groups) > 1:
        one, other = sorted(int(place) for place in np.unravel_index(near.argmax(), near.shape))
        sizes = len(groups[one]), len(groups[other])
        mean = (sizes[0] * near[one] + sizes[1] * near[other]) / sum(sizes)
        near[one], near[:, one] = mean, mean
        near[other], near[:, other] = -np.inf, -np.inf
        near[one, one] = -np.inf
        groups[one] = groups[one] + groups.pop(other)
        made.append(groups[one])
    return made
