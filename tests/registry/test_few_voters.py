"""Of two or three prompts, whose answers are all that is known, which one errs: it is not said with a certainty."""

import numpy as np
import pytest

from benchmarks.few_voters import tables
from registry.estimates.estimate import Estimate, estimated
from registry.estimates.verdict import Kind, verdict
from registry.estimates.votes import NONE, Votes


def asked(truth: np.ndarray, said: np.ndarray, answers: int, labels: int = 0) -> tuple[Kind, Estimate, np.ndarray]:
    votes = Votes(said, answers)
    known = np.where(np.arange(len(truth)) < labels, truth, NONE)
    estimate = estimated(votes, labels=known)
    names = [f"p{number}" for number in range(len(said))]
    kind = verdict(names, votes, estimate, mend="Label some.", labels=labels).kind
    return kind, estimate, (said == truth).mean(axis=1)


@pytest.mark.parametrize("voters", [2, 3])
def test_their_intervals_hold_what_is_true(voters: int) -> None:
    held = []
    for table in tables(voters):
        _, estimate, true = asked(*table)
        held += [low <= share <= high for low, share, high in zip(estimate.low, true, estimate.high, strict=True)]

    assert np.mean(held) >= 0.9


@pytest.mark.parametrize("voters", [2, 3])
def test_the_verdict_is_open_until_there_are_labels(voters: int) -> None:
    losses = []
    for table in tables(voters):
        assert asked(*table)[0] is Kind.OPEN
        kind, estimate, true = asked(*table, labels=60)
        if kind is Kind.USE:
            losses.append(true.max() - true[estimate.pick])

    assert losses
    assert np.mean(np.array(losses) > 0.02) <= 0.1


def test_with_two_answers_nothing_is_added() -> None:
    said = np.random.default_rng(0).integers(2, size=(3, 200))

    assert "so few" not in verdict(["a", "b", "c"], Votes(said, 2), estimated(Votes(said, 2)), mend="").sentence
