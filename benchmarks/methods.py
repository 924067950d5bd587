"""Every method side by side: what it costs, whether it knows a task again, and whether it finds models' tasks.

One row per method, over real tasks of the public data:

    s/task, ex/s   one task of 512 examples: seconds, and examples in a second
    peak MiB       memory of a process that embeds by this method alone
    x passes       its time over that of one forward and backward pass over the same examples
    own, other     cosine of two embeddings of a task from disjoint halves of its data, and the mean cosine of halves
                   of different tasks, centred on the tasks' mean
    knows          the share of halves whose nearest half is the same task's
    top-1, MRR     of the own task of models of three architectures (see `fute evaluate unify`); a second table has them
                   among the tasks that share their answers

    python -m benchmarks.methods
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import DATA
from registry.formats.tasks import read_task
from registry.results import Cell, Table

if TYPE_CHECKING:
    from embedders.evaluation.unify.ranked import RetrievalScore

TASKS = (
    *("sst2", "movie_review", "customer_review", "subjectivity", "trec", "tweet_emotion"),
    *("snli", "scitail", "mrpc", "tweet_stance_abortion", "tweet_stance_atheism", "tweet_stance_hillary"),
)
ARCHITECTURES = ("finetuned", "scratch", "bag-of-words")


@dataclass
class Measured:
    """What one method costs, and whether it knows a task again."""

    seconds: float
    per_second: float
    peak: float
    passes: float
    own: float
    other: float
    knows: float

    def cells(self) -> dict[str, Cell]:
        """Return its part of the row of a table."""
        return {
            "s/task": f"{self.seconds:.1f}",
            "ex/s": f"{self.per_second:.0f}",
            "peak MiB": f"{self.peak:.0f}",
            "x passes": f"{self.passes:.2f}",
            "own": f"{self.own:.2f}",
            "other": f"{self.other:.2f}",
            "knows": f"{self.knows:.2f}",
        }


@dataclass
class Row:
    """A method, or the baseline beside them, of which nothing is measured."""

    method: str
    measured: Measured | None
    found: dict[str, tuple[float, float]]  # architecture -> top-1, MRR

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        found: dict[str, Cell] = {f"top-1 {name}": f"{top:.2f} ({mrr:.2f})" for name, (top, mrr) in self.found.items()}
        return {"method": self.method, **(self.measured.cells() if self.measured else {}), **found}


def main() -> None:
    """Run the benchmark and print its table."""
    options = _options()
    if options.measure is not None:
        print(json.dumps(asdict(_measured(options.measure, options))))
        return
    print(f"{len(options.tasks)} tasks, {options.examples} examples each at most", file=sys.stderr)
    measured: dict[str, Measured] = {}
    for method in options.methods:  # each in a process of its own, so that memory is its own too
        again = [sys.executable, "-m", "benchmarks.methods", *sys.argv[1:], "--measure", method]
        told = subprocess.run(again, stdout=subprocess.PIPE, check=True, text=True).stdout  # noqa: S603 - this module
        measured[method] = Measured(**json.loads(told))
        print(method, measured[method].cells(), file=sys.stderr)
    from rich.console import Console

    from embedders.evaluation.unify.evaluate import ALL

    scores = _found(options)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for one in scores:
        if one.group == ALL:
            found.setdefault(one.method, {})[one.architecture] = (one.top1, one.mrr)
    rows = [Row(name, measured.get(name), found.get(name, {})) for name in dict.fromkeys([*measured, *found])]
    console = Console(width=200)
    console.print(Table(rows))
    console.print(Table([one for one in scores if one.group != ALL], title="among tasks with the same answers"))


def _measured(method: str, options: argparse.Namespace) -> Measured:
    """Embed the tasks by one method, whole and by halves."""
    from embedders.evaluation.placing import MethodSpace
    from embedders.observed import from_task
    from embedders.surrogate.model import Surrogate
    from embedders.surrogate.weights import MINILM, model_folder

    surrogate = Surrogate(model_folder(MINILM), device=options.device)
    space = MethodSpace(method, surrogate, MINILM, seed=0)
    observed = [from_task(read_task(str(options.data / n)), examples=options.examples, seed=0) for n in options.tasks]
    space.of_model(observed[0].take(range(32)))  # what is done once only is not counted
    began = time.perf_counter()
    whole = []
    for one in observed:
        surrogate.forget()
        whole.append(space.of_model(one))
    seconds = (time.perf_counter() - began) / len(observed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    for one in observed:
        _forward_and_backward(surrogate, one)
    passes = (time.perf_counter() - began) / len(observed)
    halves = [space.of_model(one.take(range(start, len(one.inputs), 2))) for start in (0, 1) for one in observed]
    own, other, knows = _consistency(np.stack(whole), np.stack(halves), [facet.size for facet in space.facets])
    count = sum(len(one.inputs) for one in observed) / len(observed)
    return Measured(seconds, count / seconds, peak, seconds / passes, own, other, knows)


def _forward_and_backward(surrogate: Any, observed: Any) -> None:  # noqa: ANN401 - Surrogate and Observed
    """Make one forward and backward pass over all weights, in batches of 32 of like length."""
    from embedders.hardware.batching import ROWS, BatchSize, by_length
    from embedders.surrogate.model import pooled

    rows = surrogate.rows(observed.inputs)
    for chosen in by_length(rows, BatchSize(ROWS)):
        states = pooled(surrogate.model, surrogate.batch([rows[i] for i in chosen]))
        states.sum().backward()
        surrogate.model.zero_grad(set_to_none=True)


def _consistency(
    whole: NDArray[np.float32], halves: NDArray[np.float32], sizes: Sequence[int]
) -> tuple[float, float, float]:
    """Return the cosine of a task's two halves, that of different tasks' halves, and how often a half finds its other.

    Args:
        whole: (tasks, dimension), whose mean is the centre.
        halves: (2 tasks, dimension), all first halves before all second ones.
        sizes: of the facets.
    """
    from registry.spaces.vectors import unit

    edges = np.cumsum([0, *sizes])
    centred = halves - whole.mean(axis=0)
    parts = [unit(centred[:, a:b]) for a, b in pairwise(edges)]
    rows = np.concatenate(parts, axis=1) / np.sqrt(len(parts))
    count = len(whole)
    cosines = rows[:count] @ rows[count:].T  # (first halves, second halves)
    mine = np.eye(count, dtype=bool)
    both = np.concatenate([cosines.argmax(axis=0), cosines.argmax(axis=1)])
    knows = float((both == np.tile(np.arange(count), 2)).mean())
    return float(cosines[mine].mean()), float(cosines[~mine].mean()), knows


def _found(options: argparse.Namespace) -> "list[RetrievalScore]":
    """Return how well the methods that see answers find the tasks of models, among all and in each group."""
    from embedders.evaluation.unify.evaluate import UnifySettings, unify
    from embedders.methods import METHODS

    methods = tuple(name for name in options.methods if METHODS[name].sees_answers)
    return unify(
        options.data,
        UnifySettings(
            tasks=tuple(options.tasks),
            methods=methods,
            architectures=ARCHITECTURES,
            models=options.models,
            device=options.device,
        ),
    ).scores


def _options() -> argparse.Namespace:
    from embedders.methods import METHODS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--models", type=Path, help="where trained models are kept")
    parser.add_argument("--device")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
