"""What to do, by an estimate: use this one, take any of these, or find out more first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from registry.estimates.estimate import EQUAL, Estimate
from registry.estimates.votes import Votes
from registry.names import listed

SURE = 0.02  # the most that a sure pick may be worse by more than `EQUAL` with, so that in truth one of twenty is
NEAR = 0.01  # an expected loss that is as good as none
POSSIBLE = 0.5  # who is not worse with at least this probability is one of the equals
LEAST_SPREAD = 0.2  # of a voter's answers; below, it nearly always says the same
LEAST_DIFFERENT = 0.01  # the share of inputs on which voters differ; below, they copy each other
LEAST_INPUTS = 20
MORE_TEXTS = f"Ask on a space of {LEAST_INPUTS} texts or more."
MISSING = "'fute model answers NAME' tells why the others have none."
ANOTHER = "Embed another on these texts."
LEAST_VOTERS = 4  # of more than two answers: to tell who errs without labels
LEAST_LABELS = 20  # of more than two answers: to be sure
LEAST_TRUST = 0.15  # in a like task's labels; below, they count for nothing


class Doubt(NamedTuple):
    """Why nothing is to be said for sure, and what to do."""

    why: str
    mend: str


class Kind(StrEnum):
    """What follows."""

    USE = "use"
    EQUAL = "equal"
    OPEN = "open"  # not enough evidence


@dataclass(frozen=True)
class Verdict:
    """What to do, in one sentence; and why there is not enough evidence, where there is not."""

    kind: Kind
    sentence: str
    doubt: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"kind": self.kind.value, "sentence": self.sentence, "doubt": self.doubt}


def verdict(
    names: Sequence[str],
    votes: Votes,
    estimate: Estimate,
    *,
    mend: str,
    labels: int = 0,
    doubt: Doubt | None = None,
) -> Verdict:
    """Return what to do.

    Args:
        names: of the voters.
        votes: what they said.
        estimate: what follows from it.
        mend: how to find out more.
        labels: how many right answers are known.
        doubt: why the answers or the labels may not be what they seem.
    """
    pick = estimate.pick
    different, whose = votes.distinct
    doubt = next(_doubts(votes, len(different), labels, mend), doubt)
    if doubt is not None:
        return Verdict(Kind.OPEN, f"Not enough evidence: {doubt.why}. {doubt.mend}", doubt.why)
    shown = f"{names[pick]} (right in {_percent(estimate, pick)}{_rather(names, estimate)})"
    others = np.flatnonzero(whose != whose[pick])  # copies of the pick are it
    as_sure = [i for i in others.tolist() if estimate.worse[i] <= SURE]
    is_first = estimate.worse[pick] <= SURE and not as_sure
    equals = [i for i in np.argsort(estimate.loss, kind="stable").tolist() if 1 - estimate.worse[i] >= POSSIBLE]
    is_tied = not is_first and bool(np.isin(equals, others).any()) and (estimate.loss[pick] <= NEAR or bool(as_sure))
    is_many = votes.answers > 2 and labels < LEAST_LABELS
    why = _too_thin(estimate, is_settled=bool(is_first or is_tied)) if is_many else None
    if why is not None:
        return Verdict(Kind.OPEN, f"Not enough evidence: {why}. Until then {shown}. {mend}", why)
    if is_first:
        sure = min(1 - float(estimate.worse[pick]), 0.99)
        how = "by the labels of all texts" if labels == votes.inputs else f"with {sure:.0%} probability"
        copies = [names[i] for i in np.flatnonzero(whose == whose[pick]).tolist() if i != pick]
        shown += f" or, which answers the same, {listed(copies)}" if copies else ""
        return Verdict(Kind.USE, f"Use {shown}: {how} none is better by more than 2 points.")
    if is_tied:
        alike = listed([names[i] for i in equals if i != pick])
        return Verdict(
            Kind.EQUAL,
            f"Use {shown} or whichever is cheapest: {alike} and it are equal as far as these answers tell.",
        )
    first = np.argsort(-estimate.best, kind="stable")[:3].tolist()
    chances = ", ".join(f"{names[i]} {estimate.best[i]:.0%}" for i in first)
    why = f"which is best is open ({chances})"
    return Verdict(Kind.OPEN, f"Not enough evidence: {why}. Until then {shown}. {mend}", why)


def _doubts(votes: Votes, different: int, labels: int, mend: str) -> Iterator[Doubt]:
    """Yield why nothing can be told, whatever the estimate."""
    is_open = labels < votes.inputs  # all labels tell whatever the answers are
    if len(votes) < 2:
        yield Doubt("there is only one to choose from", ANOTHER)
    elif different < 2 and is_open:
        yield Doubt("all answer the same throughout, so that no label tells them apart", ANOTHER)
    thin = why_thin(votes) if is_open else None
    if thin is not None:
        yield Doubt(thin, mend)
    asked = int(votes.given.any(axis=0).sum())
    if votes.inputs < LEAST_INPUTS:
        yield Doubt(f"only {asked} texts have an answer", MORE_TEXTS)
    elif asked < LEAST_INPUTS:
        yield Doubt(f"only {asked} of {votes.inputs} texts have an answer", MISSING)


def _too_thin(estimate: Estimate, *, is_settled: bool) -> str | None:
    """Say why answers of which few labels are known do not tell who errs; None where they may.

    A fifth of the picks that seemed sure were wrong, in simulated tables of four to six voters and after ten labels of
    real ones: who falls for what many fall for seems to know it (docs/accuracy.md).
    """
    voters = estimate.opinions.voters
    if voters < LEAST_VOTERS:
        return f"so few ({voters}) do not tell which of them errs, with less than {LEAST_LABELS} labels"
    if is_settled:
        return f"many may fall for the same wrong answer, which less than {LEAST_LABELS} labels do not tell"
    return None


def why_thin(votes: Votes) -> str | None:
    """Say why nothing can be learnt from the answers but by labels; None where something can."""
    share = votes.chosen.sum(axis=1) / np.maximum(votes.given.sum(axis=1, keepdims=True), 1)
    widest = float(np.sqrt((1 - (share**2).sum(axis=1)) / (1 - 1 / votes.answers)).max())
    if widest < LEAST_SPREAD:
        return "each gives nearly always one answer"
    both = votes.given.all(axis=0)
    if both.any():
        different = float((votes.said[:, both] != votes.said[:1, both]).any(axis=0).mean())
        if different < LEAST_DIFFERENT:
            return f"they answer alike, and differ on {different:.1%} of the texts"
    return None


def _rather(names: Sequence[str], estimate: Estimate) -> str:
    """Say why the pick is not the one that is taken to be right most often; nothing where it is."""
    first, pick = int(np.argmax(np.round(estimate.accuracy, 9))), estimate.pick
    if round(float(estimate.accuracy[first] - estimate.accuracy[pick]), 9) <= 0:
        return ""
    return f"; {names[first]} in {estimate.accuracy[first]:.1%}, but is expected to lose more where it is not the best"


def _percent(estimate: Estimate, voter: int) -> str:
    low, high = estimate.low[voter], estimate.high[voter]
    ends = "" if high == low else f", {low:.0%} to {high:.0%}"
    return f"{estimate.accuracy[voter]:.0%} of the texts{ends}"


__all__ = ["EQUAL", "Doubt", "Kind", "Verdict", "verdict"]
