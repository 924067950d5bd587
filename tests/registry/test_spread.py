"""Standard errors of similarities, from halves of the data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedders.methods.halves import deviations_of, halves, halves_with_copies
from registry.catalog import EmbeddingRecord
from registry.kinds import EntryKind
from registry.ranking.uncertainty import interval, standard_error
from registry.spaces.centring import Centring
from registry.spaces.facets import Facet, Facets
from registry.spaces.vectors import unit

FACETS = Facets([Facet("all", 40)])
SPLITS = 4


@given(st.integers(2, 200), st.integers(1, 6), st.integers(0, 5))
def test_halves_take_one_of_each_two_rows_that_follow(count: int, splits: int, seed: int) -> None:
    made = halves(count, splits, seed)

    assert made.shape == (splits, count)
    pairs = made[:, : count // 2 * 2].reshape(splits, -1, 2)
    assert (pairs.sum(axis=2) == 1).all()
    assert np.array_equal(made, halves(count, splits, seed))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(0, 5))
def test_copies_stand_in_the_same_half(drawn: list[int], seed: int) -> None:
    numbers: dict[int, int] = {}
    which = np.array([numbers.setdefault(one, len(numbers)) for one in drawn])

    made = halves_with_copies(which, SPLITS, seed)

    of_examples = halves(len(numbers), SPLITS, seed)
    assert np.array_equal(made, of_examples[:, which])
    assert np.array_equal(halves_with_copies(np.arange(len(drawn)), SPLITS, seed), halves(len(drawn), SPLITS, seed))


def sampled(mean: np.ndarray, rng: np.random.Generator, number: int, examples: int = 64) -> EmbeddingRecord:
    """A vector that is the mean of noisy examples, with what its halves say."""
    rows = (mean + rng.normal(0, 1.5, (examples, len(mean)))).astype(np.float32)
    chosen = halves(examples, SPLITS, number)
    sides = [np.stack([unit(rows[half].mean(axis=0)) for half in some]) for some in (chosen, ~chosen)]
    return EmbeddingRecord(number, str(number), EntryKind.TASK, unit(rows.mean(axis=0)), {}, deviations_of(*sides))


def test_the_error_is_that_of_similarities_between_other_samples_of_the_same() -> None:
    rng = np.random.default_rng(0)
    one, other = unit(rng.normal(size=40)), unit(rng.normal(size=40))
    centring = Centring(FACETS, np.zeros(40, np.float32))
    similarities, errors = [], []
    for number in range(300):
        a, b = sampled(one, rng, 2 * number), sampled(other, rng, 2 * number + 1)
        similarities.append(float(a.vector @ b.vector))
        errors.append(standard_error(a, b, centring, {"all": 1.0}))

    told = float(np.sqrt(np.mean(np.square(np.array(errors, float)))))
    assert told == pytest.approx(float(np.std(similarities)), rel=0.15)
    ends = [interval(s, e) for s, e in zip(similarities, errors, strict=True)]
    centre = float(np.mean(similarities))
    held = np.mean([low <= centre <= high for low, high in ends if low is not None])
    assert 0.84 <= held <= 0.96  # of 90 in 100


def test_without_halves_there_is_no_error_and_no_interval() -> None:
    vector = unit(np.ones(40, np.float32))
    record = EmbeddingRecord(1, "a", EntryKind.TASK, vector, {})
    centring = Centring(FACETS, np.zeros(40, np.float32))

    assert standard_error(record, record, centring, {"all": 1.0}) is None
    assert interval(0.5, None) is None
