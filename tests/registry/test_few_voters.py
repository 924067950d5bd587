"""Of two or three prompts, whose answers are all that is known, which one errs: it is not said with a certainty."""

from collections.abc import Iterator

import numpy as np
import pytest

from registry.estimates.estimate import Estimate, estimated
from registry.estimates.verdict import Kind, verdict
from registry.estimates.votes import NONE, Votes

RIGHT = {2: ((0.9, 0.6), (0.8, 0.5)), 3: ((0.9, 0.6, 0.1), (0.85, 0.7, 0.2), (0.8, 0.75, 0.7), (0.9, 0.3, 0.2))}


def tables(voters: int) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Yield true answers, what voters said, and how many answers there are; hard texts have an answer that lures."""
    for answers in (3, 5):
        for count in (118, 500):
            for number, right in enumerate(RIGHT[voters]):
                random = np.random.default_rng([voters, answers, count, number])
                truth, lure = random.integers(answers, size=(2, count))
                is_hard = random.random(count) < 0.1 * (number % 2)
                said = [
                    np.where(
                        random.random(count) < share,
                        truth,
                        np.where(is_hard, lure, random.integers(answers, size=count)),
                    )
                    for share in right
                ]
                yield truth, np.array(said), answers


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
