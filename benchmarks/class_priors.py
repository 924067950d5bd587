"""What is it worth to know how often each answer is true?

    python -m benchmarks.class_priors

Of the tables of `benchmarks.prompt_selection`, as they are and thinned out until one answer is true of 80 or of 92
texts in a hundred (each of the two most frequent in turn; not of mmlu_pro and banking77, whose answers are letters or
too many): how far the pick is from the best, in points (loss), the mean error of the estimated accuracies (error) and
the share of true ones inside the 95 % intervals (cover). Nothing is told of the answers, or how often each is true,
or that roughly: with log odds that are off by 0.3, a standard deviation, drawn for each answer. No label is read.
Needs FUTE_DATA.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.prompt_selection import Case, different_models, recorded
from embedders.surrogate.recalling import RecallingSurrogate
from embedders.surrogate.weights import MINILM, model_folder
from registry.estimates.committee import heard
from registry.estimates.estimate import estimated
from registry.estimates.votes import Votes

WHOLE = ("mmlu_pro", "banking77")  # kinds or names of tables that are not thinned
OFTEN = (0.8, 0.92)  # of the texts
LEAST = 4  # texts of the other answers
ROUGHLY = 0.3
WAYS = {"nothing told": None, "priors told": 0.0, "told roughly": ROUGHLY}


def thinned(case: Case, often: float) -> Iterator[Case]:
    """Yield a table with each of its two most frequent answers true of a share of its texts."""
    known = case.truth >= 0
    counts = np.bincount(case.truth[known], minlength=case.votes.answers)
    for answer in np.argsort(-counts, kind="stable")[:2]:
        is_it = case.truth == answer
        others = np.flatnonzero(~is_it & known)
        count = min(len(others), max(LEAST, int((1 - often) / often * is_it.sum())))
        kept = np.random.default_rng(0).choice(others, count, replace=False)
        rows = np.sort(np.concatenate([np.flatnonzero(is_it), kept]))
        votes = Votes(case.votes.said[:, rows], case.votes.answers)
        yield case._replace(votes=votes, truth=case.truth[rows], texts=None, kind=f"{case.kind}, {often:.0%}")


def priors(case: Case, off: float, number: int) -> NDArray[np.float64]:
    """Return how often each answer is true, (answers,), with log odds that are off by a standard deviation."""
    counts = np.bincount(case.truth[case.truth >= 0], minlength=case.votes.answers) + 0.5
    log_odds = np.log(counts) + off * np.random.default_rng(number).standard_normal(len(counts))
    shares = np.exp(log_odds)
    return np.asarray(shares / shares.sum())


def figures(case: Case, told: NDArray[np.float64] | None) -> list[float]:
    """Return loss, error and cover."""
    estimate = estimated(case.votes, opinions=heard(case.votes.distinct[0], None, told))
    inside = (case.accuracy >= estimate.low) & (case.accuracy <= estimate.high)
    loss = 100 * (case.accuracy.max() - case.accuracy[estimate.pick])
    return [float(loss), float(np.abs(estimate.accuracy - case.accuracy).mean()), float(inside.mean())]


def main() -> None:
    """Print a line for each kind of table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    surrogate = RecallingSurrogate(model_folder(MINILM), device="cpu", max_length=128)
    whole = [*recorded(), *different_models(surrogate)]
    to_thin = [case for case in whole if not {case.kind, case.name} & {*WHOLE}]
    cases = [*whole, *(made for often in OFTEN for case in to_thin for made in thinned(case, often))]
    found: dict[str, list[list[list[float]]]] = {}
    for number, case in enumerate(cases):
        told = [None if off is None else priors(case, off, number) for off in WAYS.values()]
        found.setdefault(case.kind, []).append([figures(case, one) for one in told])
    print(f"{'loss / error / cover':<34}" + "".join(f"{way:>24}" for way in WAYS))
    for kind, rows in found.items():
        means = np.mean(rows, axis=0)
        shown = (f"{loss:.1f} / {error:.3f} / {cover:.2f}" for loss, error, cover in means)
        print(f"{f'{kind} ({len(rows)})':<34}" + "".join(f"{text:>24}" for text in shown))


if __name__ == "__main__":
    main()
