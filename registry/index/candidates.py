"""How many candidates are enough: what codes tell of rows is held against those of the rows that were read."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from registry.index.contract import Rows

Precise = NDArray[np.float64]

MISSED = 0.001  # of the nearest rows, which may be missed
BEHIND = 3.09  # standard deviations that leave as many of a normal distribution behind them
LEAST_OFF, MOST_POWER = 1e-7, 50.0  # of a similarity, as a float32 is; of e
LEAST_SLOPE = 0.05  # of similarities by estimates, which a few rows may tell wrongly
WIDEST, STEPS = 8.0, 200  # of the table of a normal distribution: deviations, and how many values there are to one


def enough(estimates: Rows, similarities: Rows, limit: int) -> float:
    """Return how many candidates have to be read until hardly one of the nearest rows is expected behind them.

    The farther half of those that were read tells what to expect of the others: by a line through it, similarities
    follow the estimates, and are off by so much, normally. That gives each candidate that is known a chance to be
    nearer than the last of the nearest so far. Rows behind all that are known are taken to thin out as the farther half
    of these does, exponentially, and to be off of their estimates in the mean as those that were read: their chances
    are an integral in closed form. The nearest, of which codes are off by more, tell the rest: how far down the spread
    of their estimates reaches.

    Args:
        estimates: (candidates,), falling: of all that are known, by their codes.
        similarities: (read,), of the first of them, in full; some at least.
        limit: the neighbours that are asked for.

    Returns:
        at most the number that was read where that is enough; more than there are candidates where these are not, by as
        many as are expected to be missed, `math.inf` where no end is seen.
    """
    read = len(similarities)
    if read < limit:
        return math.inf
    nearest = np.argpartition(-similarities, limit - 1)[:limit]
    least = float(similarities[nearest].min())
    known, found = estimates[read // 2 : read].astype(np.float64), similarities[read // 2 :].astype(np.float64)
    behind = _missed_behind(estimates, least, found - known)
    if behind > MISSED * limit:
        return len(estimates) + max(behind, 1.0)
    chances = _chances(estimates[read:], least, known, found)
    by_chance = read + int(np.count_nonzero(np.cumsum(chances[::-1]) + behind > MISSED * limit))
    return max(by_chance, _down_to(estimates, estimates[nearest]))


def _missed_behind(estimates: Rows, least: float, errors: Precise) -> float:
    """Return how many rows behind all candidates are expected to be nearer than one of a similarity."""
    (mean, off), last = _spread(errors), float(estimates[-1])
    gap = (least - mean - last) / off
    steep = off * math.log(2) / max(float(estimates[len(estimates) // 2]) - last, LEAST_OFF)
    if steep * (steep / 2 - gap) > MOST_POWER:
        return math.inf
    return len(estimates) * (math.exp(steep * (steep / 2 - gap)) * _share_above(gap - steep) - _share_above(gap))


def _chances(estimates: Rows, least: float, known: Precise, found: Precise) -> Rows:
    """Return the chance of each row to be nearer than one of a similarity, by a line through what was found."""
    middle = float(np.add.reduce(known)) / len(known)
    away = known - middle
    slope = min(max(float(away @ found) / max(float(away @ away), LEAST_OFF**2), LEAST_SLOPE), 1.0)
    height, off = _spread(found - slope * away)
    table = _shares_above()
    places = ((least - height + slope * middle + WIDEST * off) - slope * estimates) * np.float32(STEPS / off)
    chances: Rows = table[np.minimum(np.maximum(places, 0), len(table) - 1).astype(np.int64)]
    return chances


def _down_to(estimates: Rows, nearest: Rows) -> int:
    """Return how many candidates there are until hardly an estimate of the nearest is expected below."""
    in_order = np.sort(nearest).tolist()
    middle = (in_order[(len(in_order) - 1) // 2] + in_order[len(in_order) // 2]) / 2
    below = [(middle - one) ** 2 for one in in_order if one <= middle]
    level = middle - BEHIND * max(math.sqrt(sum(below) / len(below)), LEAST_OFF)
    return int(np.count_nonzero(estimates >= level)) + int(estimates[-1] >= level)


def _spread(values: Precise) -> tuple[float, float]:
    """Return the mean of some values, and how far they are off of it."""
    mean = float(np.add.reduce(values)) / len(values)
    away = values - mean
    return mean, max(math.sqrt(float(away @ away) / len(values)), LEAST_OFF)


def _share_above(deviations: float) -> float:
    """Return the share of a normal distribution that is above so many standard deviations."""
    return math.erfc(deviations / math.sqrt(2)) / 2


@lru_cache(maxsize=1)
def _shares_above() -> Rows:
    """Return the shares of a normal distribution above deviations from the least to the widest, `STEPS` to one."""
    deviations = np.arange(-WIDEST, WIDEST, 1 / STEPS)
    return np.array([_share_above(each) for each in deviations.tolist()], np.float32)
