"""What does a question cost beside FAISS alone, by the number of vectors? And what is found of the nearest?

    python -m benchmarks.index [--sizes 1000 20000 100000] [--most-raw N] [--folder DIR]

A registry is filled with clustered unit vectors of 2,048 numbers. The same questions are put by turns to
`Registry.nearest`, which returns names, facets and a verdict, and to FAISS's index of the same kind, held in memory,
which returns row numbers. A third of the entries have the tag that the filtered questions ask for. Of each the median
is printed in milliseconds, with the share of the ten nearest that are found, by brute force; then what one more vector
costs, what opening in a fresh process costs until the first answer, and the memory of that process, with what of it is
its own and no page of a file; last, the same where the system holds nothing of the registry's files.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from registry import Registry
from registry.catalog import Filter
from registry.catalog.incoming.matrices import add_vectors
from registry.index.kinds import MANY
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

DIMENSION = 2048
CLUSTERS, QUESTIONS, AT_ONCE = 1_000, 60, 10_000
FRESH = """
import json, sys, time
began = time.perf_counter()
from registry import Registry
with Registry.open(sys.argv[1]) as registry:
    registry.nearest("v0", space="s")
    first = time.perf_counter() - began
    took = []
    for number in range(1, 41):
        began = time.perf_counter()
        registry.nearest(f"v{number}", space="s")
        took.append(time.perf_counter() - began)
said = dict(line.split(":") for line in open("/proc/self/status"))
peak, own = (int(said[name].split()[0]) / 1e6 for name in ("VmHWM", "RssAnon"))
print(json.dumps({"first": first, "median": sorted(took)[20], "peak": peak, "own": own}))
"""


def vectors(count: int, seed: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Return unit vectors around centres, (count, dimension); which seed draws them does not move the centres."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(CLUSTERS, dimension)).astype(np.float32)
    near = centres[random.integers(CLUSTERS, size=count)]
    return unit(near + random.normal(size=(count, dimension)).astype(np.float32))


def filled(folder: Path, count: int) -> tuple[Registry, float]:
    """Return a registry of so many vectors and the seconds that it took to bring them in, the index apart."""
    registry = Registry.create(folder)
    registry.add_space("s", SpaceSpec.imported("benchmark", DIMENSION), corpus=None)
    seconds = 0.0
    for start in range(0, count, AT_ONCE):
        size = min(AT_ONCE, count - start)
        rows = vectors(size, 1 + start)
        for third in range(3):
            names = [f"v{start + i}" for i in range(third, size, 3)]
            tags = ("wanted",) if third == 0 else ()
            began = time.perf_counter()
            add_vectors(registry.catalog, names, rows[third::3], space="s", kind="model", tags=tags)
            seconds += time.perf_counter() - began
    return registry, seconds


def chunks(count: int, dimension: int = DIMENSION) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors of a registry again, in the order of their names."""
    for start in range(0, count, AT_ONCE):
        yield vectors(min(AT_ONCE, count - start), 1 + start, dimension)


def truly_nearest(count: int, queries: NDArray[np.float32]) -> list[set[str]]:
    """Return the names of the ten vectors that are nearest to each query, itself left out, by brute force."""
    best = np.full((len(queries), 11), -2.0, np.float32)
    rows = np.zeros((len(queries), 11), np.int64)
    for number, chunk in enumerate(chunks(count)):
        both = np.concatenate([best, queries @ chunk.T], axis=1)
        those = np.concatenate(
            [rows, np.broadcast_to(number * AT_ONCE + np.arange(len(chunk)), (len(queries), len(chunk)))], axis=1
        )
        order = np.argsort(-both, axis=1)[:, :11]
        best, rows = np.take_along_axis(both, order, 1), np.take_along_axis(those, order, 1)
    return [{f"v{row}" for row in its[1:]} for its in rows.tolist()]


def raw_index(count: int) -> Any:  # noqa: ANN401 - FAISS has no types
    """Return FAISS's index of the kind that a registry of so many vectors has, in memory."""
    if count < MANY:
        flat = faiss.IndexFlatIP(DIMENSION)
        for chunk in chunks(count):
            flat.add(chunk)
        return flat
    scan = faiss.IndexPQFastScan(DIMENSION, DIMENSION // 16, 4, faiss.METRIC_INNER_PRODUCT)
    index: Any = faiss.IndexRefineFlat(scan)
    index.train(vectors(20_000, 1))
    for chunk in chunks(count):
        index.add(chunk)
    index.k_factor = 128 / 11
    return index


def milliseconds(*asked: Callable[[int], object]) -> list[float]:
    """Return the median of each of several questions, which are put by turns."""
    took: list[list[float]] = [[] for _ in asked]
    for number in range(QUESTIONS):
        for its, ask in zip(took, asked, strict=True):
            began = time.perf_counter()
            ask(number)
            its.append(1000 * (time.perf_counter() - began))
    return [median(its) for its in took]


def measured(place: Path, count: int, *, beside_raw: bool) -> None:
    """Print what one size costs."""
    registry, seconds = filled(place, count)
    began = time.perf_counter()
    registry.refresh_index("s")
    made = time.perf_counter() - began
    queries = vectors(min(AT_ONCE, count), 1)[:QUESTIONS]
    wanted = Filter(tags=("wanted",))
    found = [{match.name for match in registry.nearest(f"v{i}", space="s")} for i in range(QUESTIONS)]
    registry.nearest("v0", space="s", where=wanted)
    truth = truly_nearest(count, queries)
    recall = np.mean([len(one & other) / 10 for one, other in zip(found, truth, strict=True)])
    ask: list[Callable[[int], object]] = [
        lambda i: registry.nearest(f"v{100 + i}", space="s"),
        lambda i: registry.nearest(f"v{200 + i}", space="s", where=wanted),
    ]
    if beside_raw:
        index, rows = raw_index(count), vectors(min(AT_ONCE, count), 1)
        ask.append(lambda i: index.search(rows[100 + i][None], 11))
    times = milliseconds(*ask)
    (kind,) = [check.kind for check in registry.verify_index()]
    print(
        f"{count:,} vectors ({kind}): brought in {count / seconds:,.0f} a second, index made in {made:.1f} s; "
        f"nearest {times[0]:.2f} ms, filtered {times[1]:.2f} ms, recall@10 {recall:.3f}"
        + (f"; FAISS alone {times[2]:.2f} ms, {times[0] - times[2]:.2f} ms less" if beside_raw else "")
    )
    more = vectors(20, 99_999_999)
    added = []
    for number, row in enumerate(more):
        began = time.perf_counter()
        registry.add_vectors([f"new{number}"], row[None], space="s", kind="model")
        registry.nearest(f"new{number}", space="s")
        added.append(1000 * (time.perf_counter() - began))
    registry.close()
    print(f"    one vector more, kept and found: {median(added):.0f} ms")


def opened(place: Path) -> None:
    """Print what opening costs, where the system holds the registry's files and where not."""
    gc.collect()  # an index keeps its file mapped, and a page that is mapped is held
    print(f"    a fresh process {answers_after(place)}")
    let_go(place)
    print(f"    where the system holds no file of it, it {answers_after(place)}")


def answers_after(place: Path) -> str:
    """Say how long a fresh process takes, and its memory."""
    fresh = subprocess.run([sys.executable, "-c", FRESH, str(place)], capture_output=True, check=True, text=True)  # noqa: S603 - ourselves
    said = json.loads(fresh.stdout)
    return (
        f"answers after {said['first']:.2f} s, then in {1000 * said['median']:.2f} ms, with {said['peak']:.2f} GB, "
        f"{said['own']:.2f} of them its own"
    )


def let_go(place: Path) -> None:
    """Have the system forget the pages of a registry's files."""
    for file in place.rglob("*"):
        if file.is_file():
            with file.open("rb+") as held:
                os.fsync(held.fileno())
                os.posix_fadvise(held.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Measure each size."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=[1_000, 20_000, 100_000])
    options.add_argument("--folder", type=Path, help="Where registries are made; else a temporary place.")
    options.add_argument("--most-raw", type=int, default=200_000, help="Vectors, at most, that FAISS alone holds too.")
    given = options.parse_args()
    for size in given.sizes:
        with tempfile.TemporaryDirectory(dir=given.folder) as place:
            measured(Path(place, "registry"), size, beside_raw=size <= given.most_raw)
            opened(Path(place, "registry"))


if __name__ == "__main__":
    main()
