"""What does a model more on a known corpus cost MapEmb, with and without the factors of its inputs at hand?

    python -m benchmarks.shared_factors [--models 50] [--texts 1390] [--hidden 384]

Random unit features stand for the surrogate's: the forward passes are the same both ways and are left out. Each model
gives hard answers from a few, and is solved on all texts and on its halves in three ways by turns: plainly, each set of
rows as a ridge regression of its own with as many right-hand sides as a feature has numbers (as before the factors were
shared); with factors made anew for each model; and with factors made once. The command prints the processor time of
each, the ratios, and the largest difference of any number of the facets.
"""

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from embedders.methods.contract import SPLITS
from embedders.methods.halves import halves
from embedders.methods.regression import RidgeRegression

RIDGE = 0.01
Array = NDArray[np.float64]
Facets = list[tuple[Array, Array]]  # joint and map, (hidden, hidden) each, for each set of rows


def plainly(asked: Array, answered: Array, splits: NDArray[np.bool_]) -> Facets:
    """Solve each set of rows by itself, for all numbers of the expected answer's feature."""
    every = np.ones(len(asked), bool)
    found = []
    for rows in (every, *(side for half in splits for side in (half, ~half))):
        own, said = asked[rows], answered[rows]
        x, y = own - own.mean(axis=0), said - said.mean(axis=0)
        gram = x.T @ x + len(x) * RIDGE * np.eye(x.shape[1])
        found.append((own.T @ said / len(own), np.linalg.solve(gram, x.T @ y)))
    return found


def by_factors(regression: RidgeRegression, table: Array, meanings: Array) -> Facets:
    """Solve for the columns of the answers, and give them their meanings."""
    return [(solved.joint @ meanings, solved.weights @ meanings) for solved in regression.solved(table)]


def largest_difference(some: Facets, others: Facets) -> float:
    """Return the largest difference between any two numbers."""
    pairs = zip(some, others, strict=True)
    return max(float(np.abs(a - b).max()) for one, other in pairs for a, b in zip(one, other, strict=True))


def main() -> None:
    """Solve by turns, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--models", type=int, default=50)
    options.add_argument("--texts", type=int, default=1390)
    options.add_argument("--hidden", type=int, default=384)
    given = options.parse_args()
    random = np.random.default_rng(0)
    asked = random.standard_normal((given.texts, given.hidden)) + 0.5
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    splits = halves(given.texts, SPLITS, 0)
    seconds = dict.fromkeys(("plainly", "own factors", "shared factors"), 0.0)
    largest = 0.0

    def timed(way: str, began: float) -> None:
        seconds[way] += time.process_time() - began

    began = time.process_time()
    shared = RidgeRegression(asked, RIDGE, splits)
    timed("shared factors", began)
    for number in range(given.models):
        kinds = 2 + number % 5
        table = np.eye(kinds)[random.integers(0, kinds, given.texts)]
        meanings = random.standard_normal((kinds, given.hidden)) / np.sqrt(given.hidden)
        began = time.process_time()
        plain = plainly(asked, table @ meanings, splits)
        timed("plainly", began)
        began = time.process_time()
        by_factors(RidgeRegression(asked, RIDGE, splits), table, meanings)
        timed("own factors", began)
        began = time.process_time()
        found = by_factors(shared, table, meanings)
        timed("shared factors", began)
        largest = max(largest, largest_difference(plain, found))
    for way, took in seconds.items():
        print(f"{way:15} {took:7.2f} s for {given.models} models, {seconds['plainly'] / took:5.1f} times as quick")
    print(f"largest difference {largest:.1e}")


if __name__ == "__main__":
    main()
