"""How long does each command take with 1,000, 10,000 and 100,000 entries? Each in a fresh process.

    python -m benchmarks.growth [--sizes 1000 10000 100000] [--dimension 256] [--only status]

A registry of each size is filled with clustered vectors by `Registry.add_vectors`: nine tasks to one model, five tags,
a transfer for each twentieth task. Every command runs three times, those that cannot be done again or are long once;
the median stands in a table in Markdown. Times hold the start of the program.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from registry import Registry
from registry.data.transfers import TransferRecord
from registry.spaces.spec import SpaceSpec

HERE = Path(__file__).resolve().parents[1]
GROUPS = 50  # of vectors that are alike
TIMES, LONG = 3, 5.0  # runs of a command, of one that takes more than so many seconds a single one
COMMANDS = (
    "--help",
    "status",
    "task list",
    "task list --limit 50 --after e5",
    "task list --json",
    "task list --tag tag3",
    "model list",
    "task show e77",
    "task show missspelt",
    "space list",
    "task tag e77 fresh",
    "task rename e76 renamed",
    "task remove e78 --yes",
    "compare e7 e77",
    "nearest e77",
    "nearest e77 --tag tag3",
    "transfer list --target e40",
    "transfer record --model bert --adaptation full --target e20 --source e40 --score 0.5",
    "transfer import {}/transfers.csv",
    "vectors import {}/more.npz",
    "vectors export {}/all.npz",
    "map {}/map.svg",
    "bundle export {}/bundle",
    "index verify",
    "verify",
    "backup {}/copy.db",
)


def vectors(count: int, dimension: int, seed: int) -> NDArray[np.float32]:
    """Return unit vectors in groups, (count, dimension)."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(GROUPS, dimension)).astype(np.float32)
    rows = centres[random.integers(GROUPS, size=count)]
    rows += random.standard_normal((count, dimension), np.float32) * np.float32(0.7)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fill(folder: Path, count: int, dimension: int) -> None:
    """Fill a registry, and write files of ten vectors and ten transfers more."""
    with Registry.create(folder / "store") as registry:
        space = registry.add_space("brought", SpaceSpec.imported("benchmarks/growth", dimension), corpus=None)
        matrix = vectors(count, dimension, 1)
        for tag in range(5):
            places = range(tag, count, 5)
            kinds = ["model" if place % 10 == 9 else "task" for place in places]
            names = [f"e{place}" for place in places]
            registry.add_vectors(names, matrix[tag::5], kind=kinds, tags=(f"tag{tag}",))
        tasks = range(0, count, 20)
        registry.add_transfers(
            TransferRecord("bert", "full", f"e{place}", f"e{(place + 20) % count}", 0.5 + place / count / 4)
            for place in tasks
        )
    more = vectors(10, dimension, 2)
    new = np.array([f"more{place}" for place in range(10)])
    np.savez(folder / "more.npz", names=new, vectors=more, fingerprint=np.array(space.fingerprint))
    lines = [f"bert,lora,e{20 * place},e{20 * place + 20},0.{50 + place},," for place in range(10)]
    header = "model,adaptation,target,source,score_mean,score_std,seeds"
    (folder / "transfers.csv").write_text("\n".join([header, *lines, ""]))


def run(folder: Path, words: str) -> float:
    """Run a command in a fresh process; return its seconds."""
    program = [sys.executable, "-c", "import cli; cli.run()", "--registry", str(folder / "store")]
    began = time.perf_counter()
    ended = subprocess.run(  # noqa: S603 - the program itself
        [*program, *words.replace("{}", str(folder)).split()],
        capture_output=True,
        text=True,
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(HERE)},
        check=False,
    )
    took = time.perf_counter() - began
    if ended.returncode != (2 if "missspelt" in words else 0):
        raise SystemExit(f"{words}: {ended.stderr}")
    return took


def measured(folder: Path, words: str) -> float:
    """Return the median seconds of a command."""
    runs = [run(folder, words)]
    is_once = any(words.startswith(once) for once in ("task remove", "task rename", "bundle", "backup"))
    if is_once or runs[0] > LONG:
        return runs[0]
    return median([*runs, *(run(folder, words) for _ in range(TIMES - 1))])


def table(sizes: Sequence[int], results: dict[str, dict[int, float]]) -> str:
    """Return the table in Markdown."""
    lines = ["| command | " + " | ".join(f"{size:,}" for size in sizes) + " |", "| --- |" + " ---: |" * len(sizes)]
    for words, its in results.items():
        cells = " | ".join(f"{its[size]:.2f} s" for size in sizes)
        lines.append(f"| `{words.replace('{}/', '')}` | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Fill, run and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options.add_argument("--dimension", type=int, default=256)
    options.add_argument("--only", default="", help="commands that begin so")
    given = options.parse_args()
    results: dict[str, dict[int, float]] = {}
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as place:
            fill(Path(place), size, given.dimension)
            run(Path(place), "nearest e7")  # the index is there from here on
            for words in (command for command in COMMANDS if command.startswith(given.only)):
                results.setdefault(words, {})[size] = measured(Path(place), words)
                print(f"{size:>9,} {words:40} {results[words][size]:.2f} s", file=sys.stderr)
    print(table(given.sizes, results))


if __name__ == "__main__":
    main()
