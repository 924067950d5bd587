"""Which likeness of tasks ranks sources best, and which would be chosen without the targets that it is judged by?

On both given truths, TaskWeb's targets and the matrix measured here, the sources of every target are ranked by many
likenesses: MapEmb's facets as they are and centred, alone and together, TextEmb, retrieval of experts, random orders.
The row `nested` is a choice that is judged by targets which it never saw: for each target the weights are chosen on all
others of both truths (a task of the same name left out of both), the simplest weights that fall behind the best by no
more than a standard error. Intervals hold 90 of 100 draws of the targets with replacement.

    python -m benchmarks.likeness --halves 5 --keep FOLDER
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import DATA, data_folder
from benchmarks.paper_tables import TASKS
from embedders import create_space, embed
from embedders.evaluation.transfer.taskweb import ExampleSet, SourceScoreTable, read_examples, read_scores
from embedders.evaluation.transfer.truth import read_truth, sources_of
from embedders.observed import from_task
from embedders.surrogate.loading import SurrogateCache
from registry import Registry
from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.formats.tasks import read_task
from registry.metrics import ndcg_rank, regret
from registry.results import Cell, Table
from registry.spaces.centring import mean_of
from registry.spaces.facets import AS_THEY_ARE, BETWEEN_TASKS
from registry.spaces.spec import SpaceSpec

Weights = Mapping[str, float]
MEASURED = Path(__file__).parent / "measured" / "minilm_finetune_1000.csv"  # each cell measured three times
SEEN = 100  # examples of a task, for retrieval of experts
ORDERS = 200  # random ones
DRAWS = 4000  # of the targets
MAPEMB, TEXTEMB, EXPERTS, PUBLISHED = "mapemb", "textemb", "retrieval of experts", "experts, as published"
NESTED, RANDOM = "nested", "random orders"
FACETS = ("inputs", "answers", "joint", "map")
CENTRED = "-"  # how a facet is marked that is compared less the centre: inputs-
WEIGHTS = (1, 2)
FORMER: Mapping[str, Weights] = {  # the defaults that were
    "until 0.4": {"answers-": 1, "joint-": 4, "map-": 1},
    "before": {"inputs": 2, "answers-": 1, "joint": 4},
}
DEFAULT = {name + ("" if name in AS_THEY_ARE else CENTRED): w for name, w in BETWEEN_TASKS.items() if w}
Matrix = NDArray[np.float64]
TRIED: tuple[Weights, ...] = (
    *({name + mark: 1} for mark in ("", CENTRED) for name in FACETS),
    *({"inputs" + mark: 1, "joint" + mark: 1} for mark in ("", CENTRED)),
    *({"inputs": 1, "joint": 1, name + CENTRED: 1} for name in ("answers", "map")),
    {"inputs": 1, "joint": 2},
    {"joint": 2, "answers-": 1},
    {"joint": 2, "answers": 1},
    {"answers": 2, "joint": 1},
    *({"answers-": weight, "joint": 1} for weight in (1, 4)),
    {"inputs": 1, "answers": 1, "joint": 1},
)


@dataclass(frozen=True)
class Figure:
    """What a likeness is worth on one truth: a metric of each target."""

    name: str
    ndcg_rank: Matrix  # (targets,)
    regret: Matrix  # (targets,), regret@1
    default: Matrix | None = None  # (targets,), ndcg_rank of today's default, which it is compared with

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table, with intervals over the targets."""
        behind = "" if self.default is None else between(drawn(self.default - self.ndcg_rank))
        return {
            "likeness": self.name,
            "ndcg_rank": f"{self.ndcg_rank.mean():.1f}",
            "interval": between(drawn(self.ndcg_rank)),
            "default above it by": behind,
            "regret@1": f"{self.regret.mean():.1f}",
            "its interval": between(drawn(self.regret)),
        }


class Truth:
    """Measured transfers of one table, and what the likenesses of its tasks are worth."""

    def __init__(self, name: str, path: Path, samples: Sequence[Mapping[str, SourceScoreTable]]) -> None:
        """`samples`: for each sample of the examples, the scores of sources by facet (marked) or rival."""
        self.name = name
        self._samples = samples
        self._measured = read_truth(path)
        self._sources = {target: sorted(names) for target, names in sorted(sources_of(self._measured).items())}
        self.targets = list(self._sources)

    @property
    def rivals(self) -> list[str]:
        """The names of what is no facet of ours."""
        return [name for name in (TEXTEMB, EXPERTS, PUBLISHED) if name in self._samples[0]]

    def of(self, name: str) -> Figure:
        """Return what a facet or rival is worth."""
        return self._figure(name, [sample[name] for sample in self._samples])

    def of_weights(self, weights: Weights) -> Figure:
        """Return what a weighted mean of facets is worth."""
        return self._figure(spelt(weights), [self._weighed(sample, weights) for sample in self._samples])

    def random(self) -> tuple[Figure, float]:
        """Return what random orders are worth on average, and how far one's mean ndcg_rank strays from that."""
        random = np.random.default_rng(0)
        orders = [{t: {s: random.random() for s in names} for t, names in self._sources.items()} for _ in range(ORDERS)]
        strays = np.std([self._metric(order, ndcg_rank).mean() for order in orders])
        return self._figure(RANDOM, orders), float(strays)

    def _weighed(self, sample: Mapping[str, SourceScoreTable], weights: Weights) -> SourceScoreTable:
        return {
            t: {s: sum(weight * sample[name][t][s] for name, weight in weights.items()) for s in names}
            for t, names in self._sources.items()
        }

    def _figure(self, name: str, tables: Sequence[SourceScoreTable]) -> Figure:
        ranks = np.mean([self._metric(table, ndcg_rank) for table in tables], axis=0)
        regrets = np.mean([self._metric(table, lambda one, other: regret(one, other, 1)) for table in tables], axis=0)
        return Figure(name, ranks, regrets)

    def _metric(self, scores: SourceScoreTable, metric: Callable[[list[float], list[float]], float]) -> Matrix:
        """Return a metric of each target, (targets,), the mean over the settings that it was measured in."""
        found = []
        for target in self.targets:
            measured = [targets[target] for targets in self._measured.values() if target in targets]
            found.append(np.mean([metric([scores[target][s] for s in real], [*real.values()]) for real in measured]))
        return np.array(found)


def spelt(weights: Weights) -> str:
    """Return weights as a row is named: `inputs + 2 joint`."""
    return " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in weights.items())


def candidates() -> list[Weights]:
    """Return the weights that may be chosen, the simplest first: few facets, then small weights."""
    choices = [(None, *product((name, name + CENTRED), WEIGHTS)) for name in FACETS]
    found = [{pair[0]: pair[1] for pair in picked if pair} for picked in product(*choices)]
    kept = [weights for weights in found if 1 in weights.values()]  # twice as much of everything is the same
    return sorted(kept, key=lambda weights: (len(weights), sum(weights.values()), spelt(weights)))


def chosen(figures: Matrix) -> int:
    """Return the first of candidates that falls behind the best by no more than a standard error.

    Args:
        figures: (candidates, targets), the simplest first.
    """
    best = figures[figures.mean(axis=1).argmax()]
    behind = best - figures
    error = behind.std(axis=1, ddof=1) / np.sqrt(figures.shape[1])
    return int(np.argmax(behind.mean(axis=1) <= error))


def nested(truths: Sequence[Truth]) -> tuple[dict[str, Figure], Counter[str], str]:
    """Return the figures of the nested choice by truth, how often each was chosen, and the choice on everything."""
    tried = candidates()
    tables = {truth.name: [truth.of_weights(weights) for weights in tried] for truth in truths}
    ranks = {name: np.stack([figure.ndcg_rank for figure in figures]) for name, figures in tables.items()}
    times: Counter[str] = Counter()
    found = {}
    for truth in truths:
        values = []
        for number, target in enumerate(truth.targets):
            others = [ranks[t.name][:, [name != target for name in t.targets]] for t in truths]
            pick = chosen(np.concatenate(others, axis=1))
            times[spelt(tried[pick])] += 1
            figure = tables[truth.name][pick]
            values.append((figure.ndcg_rank[number], figure.regret[number]))
        columns = np.array(values).T
        found[truth.name] = Figure(NESTED, columns[0], columns[1])
    return found, times, spelt(tried[chosen(np.concatenate([ranks[truth.name] for truth in truths], axis=1))])


def samples_of(
    tasks: Mapping[str, ExampleSet], sources: Mapping[str, set[str]], folder: Path, halves: int
) -> Iterator[dict[str, SourceScoreTable]]:
    """Yield the scores of sources by each facet, centred or not, by TextEmb and by retrieval of experts.

    Args:
        folder: where the vectors are kept.
        halves: how many random halves of the examples beside the whole.
    """
    surrogates = SurrogateCache(device=None)
    drawn = [{name: each.task for name, each in tasks.items()}]
    drawn += [{name: each.half(seed) for name, each in tasks.items()} for seed in range(halves)]
    for number, sample in enumerate(drawn):
        with Registry.create(folder / str(number)) as registry:
            for name, task in sample.items():
                registry.add_task(name, task)
            for method in (MAPEMB, TEXTEMB):
                create_space(registry, method, method=method, corpus=None)
                embed(registry, space=method, surrogates=surrogates)
            cosines = {**_cosines(registry, MAPEMB), TEXTEMB: _cosines(registry, TEXTEMB)["inputs" + CENTRED]}
            spec = SpaceSpec.from_document(registry.space(MAPEMB).record.spec)
            names = registry.vectors(space=MAPEMB).names
        features = {name: surrogates.for_space(spec).features(_inputs(sample[name])) for name in names}
        cosines[EXPERTS] = np.array([[(features[t] @ features[s].T).max(axis=1).mean() for s in names] for t in names])
        row = {name: place for place, name in enumerate(names)}
        yield {
            which: {t: {s: float(matrix[row[t], row[s]]) for s in sorted(of)} for t, of in sources.items()}
            for which, matrix in cosines.items()
        }


def _cosines(registry: Registry, space: str) -> dict[str, Matrix]:
    """Return the cosines of each facet, as it is and centred, (tasks, tasks)."""
    facets = SpaceSpec.from_document(registry.space(space).record.spec).facets
    matrix = registry.vectors(space=space).matrix
    found = {}
    for mark, rows in (("", matrix), (CENTRED, matrix - mean_of(matrix))):
        for facet, part in zip(facets, facets.split(facets.unit(rows).astype(np.float64)), strict=True):
            found[facet.name + mark] = part @ part.T
    return found


def _inputs(task: TaskData) -> tuple[Input, ...]:
    return from_task(task, examples=SEEN, seed=0).inputs


@cache
def _draws(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(2).integers(0, count, (DRAWS, count))


def drawn(values: Matrix) -> Matrix:
    """Return the means over draws of the targets, (draws,)."""
    return np.asarray(values[_draws(len(values))].mean(axis=1))


def between(values: Matrix) -> str:
    """Return the interval that holds 90 of 100 draws, as text."""
    low, high = np.quantile(values, (0.05, 0.95))
    return f"{low:.1f} to {high:.1f}"


def main() -> None:
    """Embed what is not embedded yet, and print a table for each truth."""
    options = _options()
    with tempfile.TemporaryDirectory() as temporary:
        truths = list(_truths(options.keep or Path(temporary), options.halves, options.measured))
    picked, times, on_all = nested(truths)
    for truth in truths:
        default = replace(truth.of_weights(DEFAULT), name=f"{spelt(DEFAULT)} (default)")
        rows = [default, *(replace(truth.of_weights(w), name=f"{spelt(w)} ({when})") for when, w in FORMER.items())]
        rows += [*map(truth.of_weights, TRIED), *map(truth.of, truth.rivals), picked[truth.name]]
        orders, strays = truth.random()
        rows = [*sorted(rows, key=lambda row: -row.ndcg_rank.mean()), orders]
        print(f"{truth.name}: {len(truth.targets)} targets; the examples, and {options.halves} halves of them")
        print(Table([replace(row, default=default.ndcg_rank) for row in rows]))
        print(f"One random order of the sources strays from their mean by {strays:.1f} in ndcg_rank.\n")
    print("Chosen for a target by the others:", ", ".join(f"{name} ({n})" for name, n in times.most_common()))
    print("Chosen by all:", on_all)


def _truths(folder: Path, halves: int, measured: Path) -> Iterator[Truth]:
    web = data_folder() / "taskweb"
    own = {name: read_task(str(DATA / name)) for name in TASKS}
    sets = {name: ExampleSet(t, tuple(range(len(t.train))), count=len(t.train), kind=t.kind) for name, t in own.items()}
    for name, tasks, path in (
        ("taskweb", read_examples(web / "examples"), web / "transfer.csv"),
        ("twelve", sets, measured),
    ):
        found = list(samples_of(tasks, sources_of(read_truth(path)), folder / name, halves))
        if name == "taskweb":
            published = read_scores(web / "peer_scores.csv")["retrieval_of_experts"]
            found = [{**sample, PUBLISHED: published} for sample in found]
        yield Truth(name, path, found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="a folder where the vectors stay, so that another run finds them")
    parser.add_argument("--measured", type=Path, default=MEASURED, help="the matrix of the twelve tasks")
    parser.add_argument("--halves", type=int, default=0, help="random halves of the examples that count as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
