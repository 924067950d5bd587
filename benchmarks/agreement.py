"""How well can sources be ranked at all, on our own matrix? One measurement of it, judged by the others.

A cell of the matrix is one fine-tuned model, scored on a sample of the target's examples; with another seed it has
another sample to learn from, and another score. So whoever knew one whole seed would still rank the sources of another
seed wrongly. That is what a ranking can be expected to reach, and this prints it: for each target the sources in the
order of one seed, or of some, are judged by the mean of the other seeds, and of another matrix of the same tasks.
ndcg_rank, regret@1 and Spearman's rho are means over the targets; intervals hold 90 of 100 draws of the targets.

    python -m benchmarks.agreement [MATRIX] [--beside MATRIX]
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.likeness import MEASURED, ORDERS, between, drawn
from registry.formats.transfers import read_transfers
from registry.metrics import ndcg_rank, regret, spearman
from registry.results import Cell, Table

FORMER = MEASURED.with_name("minilm_finetune.csv")
Scores = Mapping[str, NDArray[np.float64]]  # target -> (sources,), the sources in the order of their names


@dataclass(frozen=True)
class Judged:
    """An order of the sources of each target, judged by another measurement of the same."""

    ranked: str
    judge: str
    ndcg_rank: NDArray[np.float64]  # (targets,)
    regret: NDArray[np.float64]
    rho: NDArray[np.float64]

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        columns = {"ndcg_rank": self.ndcg_rank, "regret@1": self.regret, "rho": 100 * self.rho}
        told = {name: f"{values.mean():.1f} ({between(drawn(values))})" for name, values in columns.items()}
        return {"ranked by": self.ranked, "judged by": self.judge, **told}


def seeds_of(path: Path) -> dict[str, Scores]:
    """Return the scores of each seed that has measured every cell."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for record in read_transfers(path):
        if record.source != record.target:
            found.setdefault(record.run, {}).setdefault(record.target, {})[record.source] = record.score_mean
    most = max(sum(map(len, targets.values())) for targets in found.values())
    whole = {run: targets for run, targets in sorted(found.items()) if sum(map(len, targets.values())) == most}
    return {
        run: {target: np.array([score for _, score in sorted(sources.items())]) for target, sources in targets.items()}
        for run, targets in whole.items()
    }


def mean_of_seeds(seeds: Sequence[Scores]) -> Scores:
    """Return the mean scores of some seeds."""
    return {target: np.mean([seed[target] for seed in seeds], axis=0) for target in sorted(seeds[0])}


def judged(ranked: str, judge: str, pairs: Sequence[tuple[Scores, Scores]]) -> Judged:
    """Judge orders by other measurements; the figures of a target are means over the pairs."""
    figures = np.array(
        [
            [
                (ndcg_rank(order[t], truth[t]), regret(order[t], truth[t], 1), spearman(order[t], truth[t]))
                for t in sorted(truth)
            ]
            for order, truth in pairs
        ]
    ).mean(axis=0)
    return Judged(ranked, judge, *figures.T)


def rows(seeds: Mapping[str, Scores], beside: Scores | None) -> Iterator[Judged]:
    """Yield so many seeds, judged by the others; all of them, judged by another matrix; and random orders."""
    names = sorted(seeds)
    for count in range(1, len(names)):
        pairs = []
        for some in combinations(names, count):
            others = [seeds[name] for name in names if name not in some]
            pairs.append((mean_of_seeds([seeds[name] for name in some]), mean_of_seeds(others)))
        rest = len(names) - count
        yield judged(_counted(count), f"the mean of {rest} others" if rest > 1 else "the other", pairs)
    whole = mean_of_seeds(list(seeds.values()))
    if beside is not None:
        yield judged("the other matrix", "all seeds", [(beside, whole)])
    random = np.random.default_rng(0)
    orders = [{target: random.random(len(scores)) for target, scores in whole.items()} for _ in range(ORDERS)]
    yield judged("random orders", "all seeds", [(order, whole) for order in orders])


def _counted(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"the mean of {seeds} seeds"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "matrix", nargs="?", type=Path, default=MEASURED, help="measured transfers, a run for each seed"
    )
    parser.add_argument("--beside", type=Path, default=FORMER, help="another matrix of the same tasks")
    options = parser.parse_args()
    seeds = seeds_of(options.matrix)
    beside = mean_of_seeds(list(seeds_of(options.beside).values()))
    print(Table(list(rows(seeds, beside)), title=f"{options.matrix.name}: {len(seeds)} whole seeds"))


if __name__ == "__main__":
    main()
