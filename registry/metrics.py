"""How good is a ranking? The field's metrics as pure functions of scores and truth.

Equal scores leave an order open, and whoever fills it in by name or by position hands out luck. So every metric here
is its expected value over all orders of the tied, in closed form: no method gains by tying or by how the sources are
listed. A constant score is no ranking and gets what a random order gets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

REGRETS = (1, 3, 5)


class Retrieval(NamedTuple):
    """How well queries find the one right answer each, as fractions."""

    top1: float
    mrr: float


def source_metrics(scores: ArrayLike, truth: ArrayLike) -> dict[str, float]:
    """Return rho, ndcg, ndcg_rank and the regrets of one target's sources; see the functions of these names."""
    return {
        "rho": rank_of_best(scores, truth),
        "ndcg": ndcg(scores, truth),
        "ndcg_rank": ndcg_rank(scores, truth),
        **{f"regret@{k}": regret(scores, truth, k) for k in REGRETS},
    }


def prompt_metrics(scores: ArrayLike, accuracy: ArrayLike) -> dict[str, float]:
    """Return performance, rate and ndcg of one model's prompts, in percent.

    `performance` is the true accuracy of the prompt that the scores put first, `rate` that over the best prompt's.

    Args:
        scores: (prompts,), higher is better.
        accuracy: (prompts,), as a fraction; the best is above 0.
    """
    given, true = _checked(scores, accuracy)
    if true.max() <= 0:
        raise ValueError("no prompt is ever right, so there is no rate")
    picked = float(true[given == given.max()].mean())
    return {"performance": 100 * picked, "rate": 100 * picked / float(true.max()), "ndcg": ndcg(given, true)}


def rank_of_best(scores: ArrayLike, truth: ArrayLike) -> float:
    """Return rho: the rank that the scores give the truly best source, 1 is best.

    Where several sources are truly best, the rank of the first of them.

    Args:
        scores: (sources,), higher is better.
        truth: (sources,), what came of starting from each.
    """
    given, true = _checked(scores, truth)
    best = true == true.max()
    its_score = given[best].max()
    tied = given == its_score
    ahead = int((given > its_score).sum())
    # The first of b marked among m in random order stands at (m + 1) / (b + 1) on average.
    return ahead + (int(tied.sum()) + 1) / (int((tied & best).sum()) + 1)


def ndcg(scores: ArrayLike, truth: ArrayLike) -> float:
    """Return the NDCG in percent, with the truth in percentage points as relevance (Vu et al. 2020).

    DCG = sum over ranks i of (2^rel_i - 1) / log2(i + 1). A truth below 0 is worth as little as 0; where all are
    worth nothing, every order is perfect.

    Args:
        scores: (sources,), higher is better.
        truth: (sources,), as a fraction.
    """
    given, true = _checked(scores, truth)
    return _ndcg(given, 100 * np.maximum(true, 0))


def ndcg_rank(scores: ArrayLike, truth: ArrayLike) -> float:
    """Return the NDCG in percent with ranks as relevance (TaskWeb, Kim et al. 2023).

    The truly best of n sources has relevance n, the worst 1; equals share their mean. Arguments as in `ndcg`.
    """
    given, true = _checked(scores, truth)
    return _ndcg(given, len(true) + 1 - average_ranks(true))


def regret(scores: ArrayLike, truth: ArrayLike, k: int) -> float:
    """Return how much lower the mean truth of the first k is than that of the truly first k, in percent of the latter.

    With fewer than k sources, all of them are compared, and there is nothing to regret.

    Args:
        scores: (sources,), higher is better.
        truth: (sources,); the truly first k have a mean above 0.
        k: at least 1.
    """
    given, true = _checked(scores, truth)
    if k < 1:
        raise ValueError(f"the first {k} sources are none")
    best = float(np.sort(true)[::-1][:k].mean())
    if best <= 0:
        raise ValueError("a regret is a share of the best outcome, which has to be above 0")
    return 100 * (best - float(_in_order(given, true)[:k].mean())) / best


def spearman(one: ArrayLike, other: ArrayLike) -> float:
    """Return Spearman's rank correlation, equals sharing their mean rank; 0 where either is constant."""
    a, b = (average_ranks(values) for values in _checked(one, other))
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(a @ b / length, -1.0, 1.0)) if length > 0 else 0.0


def average_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Return the rank of each value, 1 for the highest; equals share their mean rank. (n,)"""
    _, group, counts = np.unique(-np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return ranks


def retrieval(similarities: ArrayLike, right: Sequence[int] | NDArray[np.int64]) -> Retrieval:
    """Return how often the right column comes first, and the mean of 1 / its rank.

    Args:
        similarities: (queries, candidates), higher is nearer.
        right: (queries,), the right candidate of each.
    """
    table, columns = np.asarray(similarities, np.float64), np.asarray(right)
    if table.ndim != 2 or columns.shape != table.shape[:1] or not len(table):
        raise ValueError(f"{columns.shape} right answers do not fit similarities of shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("similarities are finite numbers")
    mine = table[np.arange(len(table)), columns][:, None]
    ahead, tied = (table > mine).sum(axis=1), (table == mine).sum(axis=1)
    harmonic = np.cumsum([0.0, *(1 / np.arange(1, table.shape[1] + 1))])
    reciprocal = (harmonic[ahead + tied] - harmonic[ahead]) / tied  # the mean over the ranks that the tied share
    return Retrieval(float(np.where(ahead == 0, 1 / tied, 0.0).mean()), float(reciprocal.mean()))


def _ndcg(scores: NDArray[np.float64], relevance: NDArray[np.float64]) -> float:
    highest = relevance.max()
    gains = np.exp2(relevance - highest) - np.exp2(-highest)  # (2^rel - 1) / 2^highest: no relevance overflows
    discounts = 1 / np.log2(np.arange(len(gains)) + 2)
    ideal = float(np.sort(gains)[::-1] @ discounts)
    return 100 * float(_in_order(scores, gains) @ discounts) / ideal if ideal > 0 else 100.0


def _in_order(scores: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values in the order of falling scores; the tied share their mean, which is what is expected of each."""
    _, group, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    ordered: NDArray[np.float64] = np.repeat(np.bincount(group, weights=values) / counts, counts)
    return ordered


def _checked(scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    given, true = np.asarray(scores, np.float64), np.asarray(truth, np.float64)
    if given.ndim != 1 or given.shape != true.shape or not len(given):
        raise ValueError(f"scores of shape {given.shape} do not rank a truth of shape {true.shape}")
    if not (np.isfinite(given).all() and np.isfinite(true).all()):
        raise ValueError("scores and truth are finite numbers")
    return given, true
