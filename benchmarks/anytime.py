"""After how many steps of tuning do tasks find their neighbours?

Tunes MiniLM on eight or more real tasks for 96 steps, and compares early checkpoints of the embedding with the last:
the nearest task, the three nearest, and the order of all pairs by their cosine, after centring. Below, the same for
runs that stop by themselves when the direction has settled: its cosine with that of some steps before.

    python -m benchmarks.anytime        or        python -m benchmarks.anytime --tuning lora --tasks sst2 snli cb
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import DATA
from embedders.hardware.threads import sleep_while_waiting
from embedders.methods.tupate import LEARNING_RATES, LOOK, TuPaTE
from embedders.observed import from_task
from embedders.surrogate.model import Surrogate
from embedders.surrogate.weights import model_folder
from embedders.tuning.few_parameters import Start, with_tuning
from embedders.tuning.objectives import objective_for
from embedders.tuning.training import tuning
from registry.formats.tasks import read_task

TASKS = (
    *("sst2", "movie_review", "customer_review", "snli", "scitail", "mrpc"),
    *("tweet_stance_abortion", "tweet_stance_atheism"),
)
STEPS = (6, 12, 24, 48, 96)
Checkpoints = dict[int, NDArray[np.float32]]  # steps -> direction, (parameters,)


def main() -> None:
    """Run the benchmark and print its table."""
    options = _options()
    sleep_while_waiting()
    began = time.perf_counter()
    surrogate = Surrogate(model_folder("minilm"), device=options.device, max_length=options.max_length)
    paths = {name: _tuned(surrogate, options.data / name, options) for name in options.tasks}
    print(f"{options.tuning} tuning, {len(paths)} tasks, {options.examples} examples each, constant rate")
    show(paths)
    print(f"{time.perf_counter() - began:.0f} s in all")


def show(paths: dict[str, Checkpoints]) -> None:
    """Print how much of the last checkpoints' neighbours the earlier ones have."""
    last = np.stack([path[max(path)] for path in paths.values()])
    print(f"{'':<28}{'steps':>7}{'nearest':>9}{'of three':>10}{'order':>7}")
    for steps in STEPS:
        _line("after", steps, np.stack([path[steps] for path in paths.values()]), last)
    for name, before in CRITERIA.items():
        for settled in (0.9, 0.92, 0.95, 0.97, 0.98, 0.99):
            stops = [_stop(path, before, settled) for path in paths.values()]
            early = np.stack([path[stop] for path, stop in zip(paths.values(), stops, strict=True)])
            _line(f"{name} {settled}", float(np.mean(stops)), early, last)


CRITERIA: dict[str, Callable[[int], int]] = {
    f"{LOOK} steps before >=": lambda steps: steps - LOOK,
    "half the steps before >=": lambda steps: steps // 2,
}


def _stop(path: Checkpoints, before: Callable[[int], int], settled: float) -> int:
    """Return after how many steps a path's direction agrees with the earlier one, or its last step."""
    for steps in sorted(path):
        if before(steps) in path and _cosine(path[steps], path[before(steps)]) >= settled:
            return steps
    return max(path)


def _line(name: str, steps: float, early: NDArray[np.float32], last: NDArray[np.float32]) -> None:
    kept = [_kept(_pairs(early), _pairs(last), count) for count in (1, 3)]
    corner = np.triu_indices(len(last), 1)
    order = np.corrcoef(_ranks(_pairs(early)[corner]), _ranks(_pairs(last)[corner]))[0, 1]
    print(f"{name:<28}{steps:>7.0f}{kept[0]:>9.2f}{kept[1]:>10.2f}{order:>7.2f}")


def _pairs(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of all pairs after centring, (tasks, tasks), nothing on the diagonal."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    units = units - units.mean(axis=0)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    made: NDArray[np.float32] = units @ units.T
    np.fill_diagonal(made, -np.inf)
    return made


def _kept(early: NDArray[np.float32], last: NDArray[np.float32], count: int) -> float:
    """Return the share of the last checkpoint's `count` nearest tasks among those of the early one."""
    one, two = (np.argsort(-cosines, axis=1)[:, :count] for cosines in (early, last))
    return float(np.mean([len(set(a) & set(b)) / count for a, b in zip(one.tolist(), two.tolist(), strict=True)]))


def _ranks(values: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.argsort(np.argsort(values))


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def _tuned(surrogate: Surrogate, folder: Path, options: argparse.Namespace) -> Checkpoints:
    """Tune on a task for all the steps; return the direction at every third of them."""
    observed = from_task(read_task(str(folder)), examples=options.examples, seed=0)
    objective = objective_for("verbaliser", surrogate, observed, seed=0)
    model = with_tuning(objective.fresh_model(), options.tuning, task_type=objective.peft_type, seed=0)
    start = Start(model)
    path: Checkpoints = {}
    rate = LEARNING_RATES[options.tuning]
    losses = tuning(model, objective, steps=max(STEPS), batch_size=32, learning_rate=rate, seed=0, decay=False)
    for step, _ in enumerate(losses, 1):
        if step % 3 == 0:
            path[step] = start.direction().cpu().numpy()
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--tuning", choices=TuPaTE.choices["tuning"], default="bias")
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--device")
    return parser.parse_args()


if __name__ == "__main__":
    main()
