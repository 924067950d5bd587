"""The field's metrics: worked by hand, with ties, without a ranking, and as properties."""

import math
from collections.abc import Callable
from itertools import pairwise, permutations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from registry.metrics import (
    average_ranks,
    ndcg,
    ndcg_rank,
    prompt_metrics,
    rank_of_best,
    regret,
    retrieval,
    source_metrics,
    spearman,
)

METRICS = ("rho", "ndcg", "ndcg_rank", "regret@1", "regret@3", "regret@5")


# -- worked by hand ----------------------------------------------------------------------------------


def test_rho_is_the_rank_of_the_truly_best_source() -> None:
    assert rank_of_best([0.9, 0.5, 0.7, 0.1], [0.60, 0.62, 0.61, 0.50]) == 3


def test_ndcg_takes_percentage_points_as_relevance() -> None:
    # Truth 3, 2 and 0 points: gains 7, 3 and 0. The method's order is 2, 3, 0.
    dcg = 3 / math.log2(2) + 7 / math.log2(3) + 0 / math.log2(4)
    ideal = 7 / math.log2(2) + 3 / math.log2(3)

    assert ndcg([0.5, 0.9, 0.1], [0.03, 0.02, 0.0]) == pytest.approx(100 * dcg / ideal)
    assert ndcg([0.5, 0.9, 0.1], [0.03, 0.02, 0.0]) == pytest.approx(83.399, abs=5e-4)


def test_ndcg_rank_takes_the_number_of_sources_less_the_true_rank() -> None:
    # Three sources: relevance 3, 2, 1 from best to worst, gains 7, 3, 1. The method's order is worst, best, second.
    dcg = 1 / math.log2(2) + 7 / math.log2(3) + 3 / math.log2(4)
    ideal = 7 / math.log2(2) + 3 / math.log2(3) + 1 / math.log2(4)

    assert ndcg_rank([0.2, 0.1, 0.3], [0.9, 0.8, 0.7]) == pytest.approx(100 * dcg / ideal)


def test_regret_compares_means_of_the_first_k() -> None:
    scores, truth = [4, 3, 2, 1], [0.5, 0.8, 0.6, 0.4]

    assert regret(scores, truth, 1) == pytest.approx(100 * (0.8 - 0.5) / 0.8)
    assert regret(scores, truth, 2) == pytest.approx(100 * (1.4 - 1.3) / 1.4)
    assert regret(scores, truth, 3) == pytest.approx(0)
    assert regret(scores, truth, 9) == pytest.approx(0)


def test_a_truth_below_zero_is_worth_nothing_and_can_be_regretted_fully() -> None:
    assert ndcg([1, 0], [-0.5, 0.1]) == pytest.approx(100 / math.log2(3))
    assert regret([1, 0], [-0.5, 0.1], 1) == pytest.approx(600)


def test_spearman_is_worked_by_the_textbook() -> None:
    # Ranks 1 2 3 4 5 against 2 1 4 3 5: the squared differences add up to 4, so 1 - 6 * 4 / (5 * 24).
    assert spearman([5, 4, 3, 2, 1], [4, 5, 2, 3, 1]) == pytest.approx(0.8)


def test_equals_share_their_mean_rank() -> None:
    assert average_ranks([0.5, 0.9, 0.5, 0.1]).tolist() == [2.5, 1, 2.5, 4]
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5.
    assert spearman([9, 5, 5, 1], [4, 3, 2, 1]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_retrieval_counts_first_places_and_inverse_ranks() -> None:
    similarities = [[0.9, 0.1, 0.2], [0.8, 0.7, 0.6], [0.3, 0.2, 0.1]]

    found = retrieval(similarities, [0, 1, 2])

    assert found.top1 == pytest.approx(1 / 3)
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_prompts_are_judged_by_the_one_that_is_picked() -> None:
    found = prompt_metrics([0.1, 0.9, 0.4], [0.8, 0.6, 0.5])

    assert found["performance"] == pytest.approx(60)
    assert found["rate"] == pytest.approx(75)
    assert found["ndcg"] == ndcg([0.1, 0.9, 0.4], [0.8, 0.6, 0.5])


def test_relevance_of_a_hundred_points_and_far_more_does_not_overflow() -> None:
    # 2^100 against 2^99: the order that swaps them has (1/2 + 1/log2(3)) / (1 + 1/2 / log2(3)) of the ideal.
    expected = 100 * (0.5 + 1 / math.log2(3)) / (1 + 0.5 / math.log2(3))

    assert ndcg([0, 1], [1.0, 0.99]) == pytest.approx(expected)
    assert ndcg_rank(np.arange(5000), np.arange(5000)) == pytest.approx(100)


# -- ties and no ranking -----------------------------------------------------------------------------


def over_all_orders(scores: list[float], truth: list[float]) -> dict[str, float]:
    """Return the mean of every metric over all orders that respect the scores, each order as strict scores."""
    found = []
    for order in permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            strict = np.empty(len(scores))
            strict[list(order)] = np.arange(len(scores), 0, -1)
            found.append(source_metrics(strict, truth))
    return {metric: float(np.mean([one[metric] for one in found])) for metric in METRICS}


@pytest.mark.parametrize(
    ("scores", "truth"),
    [
        ([1.0, 1.0, 0.5, 0.5, 0.5, 0.1], [0.3, 0.4, 0.6, 0.2, 0.6, 0.1]),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.3, 0.4, 0.6, 0.2, 0.5, 0.1]),
        ([2.0, 2.0, 2.0, 1.0, 3.0, 3.0], [0.5, 0.5, 0.5, 0.5, 0.1, 0.1]),
    ],
)
def test_ties_get_the_mean_over_all_orders_of_the_tied(scores: list[float], truth: list[float]) -> None:
    assert source_metrics(scores, truth) == pytest.approx(over_all_orders(scores, truth))


def test_a_constant_score_is_worth_a_random_order() -> None:
    truth = [0.9, 0.7, 0.6, 0.2, 0.1]

    found = source_metrics([0.5] * 5, truth)

    assert found["rho"] == 3
    assert found["regret@1"] == pytest.approx(100 * (0.9 - 0.5) / 0.9)
    assert found["ndcg_rank"] < 100
    assert spearman([0.5] * 5, truth) == 0
    assert retrieval([[0.5] * 4], [2]) == pytest.approx((1 / 4, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4))
    assert prompt_metrics([1, 1], [0.4, 0.8])["performance"] == pytest.approx(60)


def test_where_nothing_differs_every_order_is_perfect() -> None:
    assert ndcg([3, 2, 1], [0.0, 0.0, 0.0]) == 100
    assert ndcg_rank([3, 2, 1], [0.4, 0.4, 0.4]) == pytest.approx(100)
    assert rank_of_best([3, 2, 1], [0.4, 0.4, 0.4]) == 1


# -- what is no score --------------------------------------------------------------------------------


@pytest.mark.parametrize("scores", [[], [1.0], [[1.0, 2.0]], [1.0, math.nan], [1.0, math.inf]])
def test_what_does_not_score_every_source_is_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="scores"):
        source_metrics(scores, [0.5, 0.6])


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        regret([1, 2], [0.0, -0.1], 1)
    with pytest.raises(ValueError, match="no prompt is ever right"):
        prompt_metrics([1, 2], [0.0, 0.0])
    with pytest.raises(ValueError, match="first 0 sources"):
        regret([1, 2], [0.5, 0.6], 0)
    with pytest.raises(ValueError, match="do not fit"):
        retrieval([[0.1, 0.2]], [0, 1])


# -- properties --------------------------------------------------------------------------------------

points = st.integers(1, 100).map(lambda percent: percent / 100)
cases = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-50, 50).map(float), min_size=n, max_size=n), st.lists(points, min_size=n, max_size=n)
    )
)


@given(st.lists(points, min_size=1, max_size=20))
def test_the_true_order_is_perfect(truth: list[float]) -> None:
    found = source_metrics(truth, truth)

    assert found == pytest.approx(
        {"rho": 1, "ndcg": 100, "ndcg_rank": 100, "regret@1": 0, "regret@3": 0, "regret@5": 0}, abs=1e-9
    )


@given(cases)
def test_all_metrics_keep_their_bounds(case: tuple[list[float], list[float]]) -> None:
    scores, truth = case

    found = source_metrics(scores, truth)

    assert 1 <= found["rho"] <= len(truth)
    assert all(0 <= found[metric] <= 100 + 1e-9 for metric in ("ndcg", "ndcg_rank"))
    assert all(-1e-9 <= found[f"regret@{k}"] <= 100 for k in (1, 3, 5))
    assert -1 <= spearman(scores, truth) <= 1
    assert 0 < prompt_metrics(scores, truth)["rate"] <= 100 + 1e-9


@given(cases, st.sampled_from([lambda x: x / 7 + 3, np.arctan, lambda x: x**3]))
def test_only_the_order_of_the_scores_counts(
    case: tuple[list[float], list[float]], stretch: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> None:
    scores, truth = case

    assert source_metrics(stretch(np.array(scores)), truth) == pytest.approx(source_metrics(scores, truth))


@given(cases, st.randoms())
def test_it_does_not_matter_how_the_sources_are_listed(case: tuple[list[float], list[float]], random: Random) -> None:
    scores, truth = case
    order = list(range(len(scores)))
    random.shuffle(order)

    shuffled = source_metrics([scores[i] for i in order], [truth[i] for i in order])

    assert shuffled == pytest.approx(source_metrics(scores, truth), abs=1e-9)
    assert spearman(np.take(scores, order), np.take(truth, order)) == pytest.approx(spearman(scores, truth), abs=1e-9)


@given(cases)
@settings(max_examples=50)
def test_adding_a_better_first_choice_never_hurts(case: tuple[list[float], list[float]]) -> None:
    scores, truth = np.array(case[0]), np.array(case[1])
    best = int(truth.argmax())

    moved: NDArray[np.float64] = scores.copy()
    moved[best] = scores.max() + 1

    assert rank_of_best(moved, truth) == 1
    assert regret(moved, truth, 1) == pytest.approx(0)
    assert ndcg_rank(moved, truth) >= ndcg_rank(scores, truth) - 1e-9
