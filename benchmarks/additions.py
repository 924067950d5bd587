"""What does one more vector cost, at 200 vectors and at 20,000? And is what is nearest after it right?

    python -m benchmarks.additions [--small 200] [--large 20000] [--more 100]

Two registries are filled with tasks that have random vectors. Then tasks are added one at a time, to one and the other
by turns: the vector is committed and the index brought up to date, as `fute embed` does. After each addition `nearest`
is asked in the same process and held against brute force. The command prints the median and mean milliseconds of an
addition, and their ratios.
"""

import argparse
import hashlib
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray

from registry import Registry
from registry.catalog.changes import begin_epoch, log_change
from registry.catalog.tables import Embedding, Entry, Space, Version
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.kinds import EntryKind
from registry.spaces.facets import Facet, Facets
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

DIMENSION = 2048
SPEC = SpaceSpec("5" * 64, "by-hand", "textemb", {}, Facets([Facet("inputs", DIMENSION)]), None)


def vectors(count: int, seed: int) -> NDArray[np.float32]:
    """Return random vectors that have something in common, (count, dimension)."""
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32) + np.float32(0.5)
    return unit(rows)


class Store:
    """A registry with many vectors, to which more are added."""

    def __init__(self, folder: Path, count: int) -> None:
        self.registry = Registry.create(folder)
        self.registry.add_space("s", SPEC, corpus=None)
        self.space = self.registry.catalog.spaces.get("s")
        self.matrix = vectors(count, 0)
        self._fill(self.matrix)
        self.registry.refresh_index("s")
        self.registry.nearest("t0", limit=1)  # the index is in memory from here on

    def _fill(self, matrix: NDArray[np.float32]) -> None:
        """Enter tasks and vectors in one transaction: a bulk import is not what is measured."""
        now = datetime.now(UTC)
        with self.registry.catalog.database.write() as session:
            entries = [Entry(name=f"t{i}", kind=EntryKind.TASK, created_at=now) for i in range(len(matrix))]
            session.add_all(entries)
            session.flush()
            hashes = {"content_hash": "0" * 64, "spec": {}}
            versions = [Version(entry_id=entry.id, number=1, created_at=now, **hashes) for entry in entries]
            session.add_all(versions)
            session.flush()
            for version, row in zip(versions, matrix, strict=True):
                body = row.astype("<f4").tobytes()
                sha256 = hashlib.sha256(body).hexdigest()
                kept = {"vector": body, "sha256": sha256, "provenance": {}, "created_at": now}
                session.add(Embedding(version_id=version.id, space_id=self.space.id, **kept))
            session.flush()
            log_change(session, self.space.id, ())
            begin_epoch(session, session.get_one(Space, self.space.id))

    def add(self, vector: NDArray[np.float32]) -> float:
        """Add one task and return the seconds that its vector took."""
        name = f"t{len(self.matrix)}"
        examples = (Example(name, "x"), Example(f"other {name}", "y"))
        version = self.registry.add_task(name, TaskData("classification", ("x", "y"), examples)).version_id
        began = time.perf_counter()
        self.registry.catalog.embeddings.put(version, self.space, vector, {})
        self.registry.refresh_index("s")
        took = time.perf_counter() - began
        self.matrix = np.concatenate([self.matrix, vector[None]])
        return took

    def is_right(self) -> bool:
        """Hold the nearest to the newest task against brute force."""
        centre = self.registry.catalog.embeddings.centring(self.space.id).centre
        rows = unit(self.matrix - centre)
        similarities = rows[:-1] @ rows[-1]
        best = np.argsort(-similarities, kind="stable")[:10]
        found = self.registry.nearest(f"t{len(rows) - 1}", limit=10, duplicates=True)
        names = [match.name for match in found]
        values = np.array([match.similarity for match in found])
        return names == [f"t{i}" for i in best] and bool(np.abs(values - similarities[best]).max() < 1e-5)


def main() -> None:
    """Fill, add by turns, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--small", type=int, default=200)
    options.add_argument("--large", type=int, default=20_000)
    options.add_argument("--more", type=int, default=100)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = {size: Store(Path(folder, str(size)), size) for size in (given.small, given.large)}
        seconds: dict[int, list[float]] = {size: [] for size in stores}
        wrong = dict.fromkeys(stores, 0)
        for vector in vectors(given.more, 1):
            for size, store in stores.items():
                seconds[size].append(store.add(vector))
                wrong[size] += not store.is_right()
        epochs = {size: store.registry.space("s").record.epoch for size, store in stores.items()}
    for size, its in seconds.items():
        print(
            f"{size:>7,} vectors: {1000 * median(its):6.1f} ms median, {1000 * mean(its):6.1f} ms mean of an addition; "
            f"nearest wrong after {wrong[size]} of {len(its)}; epoch {epochs[size]}"
        )
    small, large = seconds[given.small], seconds[given.large]
    print(f"ratio {median(large) / median(small):.2f} (median), {mean(large) / mean(small):.2f} (mean)")


if __name__ == "__main__":
    main()
