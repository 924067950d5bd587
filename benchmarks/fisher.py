"""What the diagonal Fisher costs, and what its sketch and its shortcut keep of it.

cost     time and peak memory over a plain forward and backward pass with the same batches (CPU seconds of one
         thread, which other programs disturb less; medians of alternated repeats), and over a loop of single
         examples
memory   peak memory of a process of its own, and of one after more and more tasks
sketch   mean difference of the pairwise cosines of real tasks before and after the sketch
batch    cosine of the squared batch gradients to the Fisher of the same task

python -m benchmarks.fisher
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.data import DATA
from embedders.fisher import POWERS, Layout, Sink, diagonal_fisher, select
from embedders.observed import from_task
from embedders.sketch import CountSketch, sketch
from embedders.surrogate.model import Surrogate
from embedders.surrogate.weights import MINILM, model_folder
from embedders.tuning.objectives import Objective, objective_for
from registry.formats.tasks import read_task

BATCH, LENGTH, SIZE = 32, 64, 2048
REPEATS = 3
CHILDREN = ("model", "passes", "fisher", "tasks")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """One task on MiniLM, in batches of like length."""

    model: nn.Module
    objective: Objective
    layout: Layout
    batches: list[NDArray[np.int64]]

    def again(self) -> "Case":
        """Return the same with a model of its own, as each task has."""
        model = self.objective.fresh_model()
        return Case(model, self.objective, select(model, "encoder"), self.batches)

    def losses(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return -log p of each row."""
        return self.objective.losses(self.model, rows)

    def pass_through(self) -> None:
        """Make one plain forward and backward pass over each batch, all weights learning."""
        for rows in self.batches:
            self.losses(rows).mean().backward()
            self.model.zero_grad(set_to_none=True)

    def streams(self) -> list[CountSketch]:
        """Return the sketches of a batch's halves, as the method has them."""
        return [CountSketch(self.layout.size, SIZE, (0, 0)) for _ in range(2)]

    def fisher(self, sink: Sink, beside: Sink | None = None, **options: str) -> int:
        """Stream the Fisher into a sink or two, and return what its sums are to be divided by."""
        made = diagonal_fisher(self.model, self.losses, self.batches, self.layout, sink, beside=beside, **options)
        return made.count

    def one_by_one(self) -> None:
        """Add up the squares of single examples' gradients, as one would without this module."""
        chosen = list(self.layout.parameters.values())
        totals = [torch.zeros_like(parameter) for parameter in chosen]
        for row in np.concatenate(self.batches):
            for total, made in zip(totals, torch.autograd.grad(self.losses(row[None])[0], chosen), strict=True):
                total.addcmul_(made, made)


class Whole:
    """A sink that keeps the whole vector, to compare the sketch with."""

    def __init__(self, layout: Layout) -> None:
        self.vector = torch.zeros(layout.size)

    def add(self, start: int, values: torch.Tensor) -> None:
        """Add values to the coordinates from `start` on."""
        self.vector[start : start + values.numel()] += values.flatten()


def main() -> None:
    """Run the benchmark and print its figures."""
    options = _options()
    torch.set_num_threads(1)
    if options.child:
        print(_peak(options.child, options))
        return
    if "memory" in options.parts:  # first: a process is told of its parent's peak as its own
        _memory(options)
    if "cost" in options.parts:
        _cost(options)
    if "sketch" in options.parts:
        _kept(options)


def _cost(options: argparse.Namespace) -> None:
    case = _case(options.data / options.task, options.examples)
    streams = case.streams()
    few = Case(case.model, case.objective, case.layout, case.batches[:: max(1, len(case.batches) // 2)])
    _alternated({"forward and backward": few.pass_through, "Fisher": lambda: few.fisher(*streams)}, repeats=1)
    count, tokens = len(case.objective.lengths), case.objective.lengths.mean()
    print(f"{options.task}, {count} examples of {tokens:.0f} tokens, batches of {BATCH}")
    _print(_alternated({"forward and backward": case.pass_through, "Fisher": lambda: case.fisher(*streams)}))
    print(f"the same for {sum(map(len, few.batches))} of them")
    _print(
        _alternated(
            {
                "forward and backward": few.pass_through,
                "Fisher": lambda: few.fisher(*streams),
                "Fisher, power 0.5": lambda: few.fisher(*streams, power="0.5"),
                "Fisher, power log": lambda: few.fisher(*streams, power="log"),
                "batch gradient": lambda: few.fisher(*streams, variant="batch-gradient"),
                "loop of single examples": few.one_by_one,
            }
        )
    )


def _print(seconds: dict[str, list[float]]) -> None:
    plain = np.array(next(iter(seconds.values())))
    for name, taken in seconds.items():
        print(f"  {name:<24} {np.median(taken):7.1f} s   {np.median(np.array(taken) / plain):.2f} x", flush=True)


def _alternated(ways: dict[str, Callable[[], Any]], *, repeats: int = REPEATS) -> dict[str, list[float]]:
    """Return each way's CPU seconds; every round runs all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            began = time.process_time()
            run()
            seconds[name].append(time.process_time() - began)
    return seconds


def _memory(options: argparse.Namespace) -> None:
    """Print peaks of processes of their own, since a peak never falls."""
    peaks = {kind: _child(kind, options) for kind in CHILDREN}
    bare = peaks["model"][0]
    plain, fisher = peaks["passes"][0], peaks["fisher"][0]
    print(f"peak memory, MiB: model {bare:.0f}, forward and backward {plain:.0f}, Fisher {fisher:.0f}")
    print(f"  {fisher / plain:.2f} x in all, {(fisher - bare) / (plain - bare):.2f} x over the model")
    first, quarter, half, last = peaks["tasks"]
    print(
        f"  of {options.tasks} tasks: the first {first:.0f}, a quarter {quarter:.0f}, half {half:.0f}, all {last:.0f}"
    )


def _child(kind: str, options: argparse.Namespace) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.fisher", "--child", kind, "--data", str(options.data)]
    command += ["--task", options.task, "--tasks", str(options.tasks)]
    made: list[float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - this program
    return made


def _peak(kind: str, options: argparse.Namespace) -> list[float]:
    """Return this process's peak memory in MiB after the first task, a quarter, half and all of them."""
    case = _case(options.data / options.task, (1 if kind == "tasks" else 4) * BATCH)
    streams = case.streams() if kind in ("fisher", "tasks") else []
    if kind == "passes":
        case.pass_through()
    peaks = []
    for _ in range(options.tasks if kind == "tasks" else 1):
        if streams:
            case.again().fisher(*streams)
        for stream in streams:
            stream.values()
            stream.clear()
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return [peaks[0], peaks[len(peaks) // 4], peaks[len(peaks) // 2], peaks[-1]]


def _kept(options: argparse.Namespace) -> None:
    """Print what the sketch and the batch gradient keep of the tasks' cosines."""
    names = sorted(path.parent.name for path in options.data.glob("*/task.json"))
    held: dict[str, list[Array]] = {kind: [] for kind in (*POWERS, "batch gradient")}
    for name in names:
        case = _case(options.data / name, options.few)
        for kind, vectors in held.items():
            whole = Whole(case.layout)
            variant, power = ("per-example", kind) if kind in POWERS else ("batch-gradient", "1")
            vectors.append((whole.vector / case.fisher(whole, variant=variant, power=power)).numpy())
    print(f"{len(names)} tasks, {options.few} examples each, {SIZE} dimensions; cosines raw (centred)")
    for power in POWERS:
        before, after = np.stack(held[power]), np.stack([sketch(v, SIZE, (0, 0)) for v in held[power]])
        raw, centred = (
            np.abs(_pairs(before - before.mean(0) * c) - _pairs(after - after.mean(0) * c)).mean() for c in (0, 1)
        )
        print(f"  power {power:<3}  mean difference {raw:.4f} ({centred:.4f}) after the sketch")
    true, short = np.stack(held["1"]), np.stack(held["batch gradient"])
    same = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in zip(true, short, strict=True)]
    agree = np.mean(_nearest(true) == _nearest(short))
    print(f"  batch gradient: cosine to the Fisher {np.mean(same):.2f}, nearest task agrees in {agree:.0%}")


def _cosines(table: Array) -> Array:
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    made: Array = unit @ unit.T
    return made


def _pairs(table: Array) -> Array:
    return _cosines(table)[np.triu_indices(len(table), 1)]


def _nearest(table: Array) -> NDArray[np.int64]:
    cosines = _cosines(table - table.mean(axis=0))
    np.fill_diagonal(cosines, -2)
    made: NDArray[np.int64] = cosines.argmax(axis=1)
    return made


def _case(path: Path, examples: int) -> Case:
    surrogate = Surrogate(model_folder(MINILM), device="cpu", max_length=LENGTH)
    objective = objective_for(
        "verbaliser", surrogate, from_task(read_task(str(path)), examples=examples, seed=0), seed=0
    )
    model = objective.fresh_model()
    order = np.argsort(-objective.lengths, kind="stable")
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    return Case(model, objective, select(model, "encoder"), batches)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--task", default="anli_r3", help="whose cost is measured; most of its pairs fill 64 tokens")
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--few", type=int, default=64, help="examples of each task whose cosines are compared")
    parser.add_argument("--tasks", type=int, default=64, help="embedded one after the other by one process")
    parser.add_argument("--parts", nargs="+", default=["memory", "cost", "sketch"])
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
