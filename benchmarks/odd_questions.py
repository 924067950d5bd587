"""Are the ten nearest found of questions that are unlike the rows, and of rows without clusters?

    python -m benchmarks.odd_questions [--count N]

Rows of five kinds are indexed by codes (`pq`). Of each are asked: rows themselves, directions between two of them, rows
of which three of ten numbers have weight, and directions at random. Printed is the share of the ten truly nearest that
are found and the median time in milliseconds: by as many candidates as are enough for the rows themselves, the least
of 128, 256, ... 4,096 with 99 of 100, and by `nearest`, which looks at as many as the question needs; then what all
rows in full take.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from registry.index.faiss_compressed import FaissCompressed
from registry.spaces.vectors import unit

Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]

WIDE, ASKED, TRIED = 384, 40, (128, 256, 512, 1024, 2048, 4096)


def clustered(count: int, centres: int, noise: float) -> Vectors:
    """Return unit vectors around centres, (count, WIDE)."""
    random = np.random.default_rng(0)
    near = random.normal(size=(centres, WIDE))[random.integers(centres, size=count)]
    return unit((near + noise * random.normal(size=(count, WIDE))).astype(np.float32))


def thinning(count: int, power: float) -> Vectors:
    """Return unit vectors whose directions have less and less spread, as those of embeddings have, (count, WIDE)."""
    random = np.random.default_rng(0)
    turned = np.linalg.qr(random.normal(size=(WIDE, WIDE)))[0]
    return unit((random.normal(size=(count, WIDE)) / np.arange(1, WIDE + 1) ** power @ turned).astype(np.float32))


ROWS: dict[str, Callable[[int], Vectors]] = {
    "clusters of 50": lambda count: clustered(count, count // 50, 1.0),
    "clusters of 200": lambda count: clustered(count, count // 200, 1.0),
    "tight clusters": lambda count: clustered(count, count // 200, 0.3),
    "few directions": lambda count: thinning(count, 1.0),
    "no structure": lambda count: thinning(count, 0.0),
}


def questions(rows: Vectors) -> dict[str, Vectors]:
    """Return what is asked, each (ASKED, WIDE)."""
    random, some = np.random.default_rng(1), rows[:ASKED]
    return {
        "rows": some,
        "between two": unit(some + rows[ASKED : 2 * ASKED]),
        "three of ten numbers": some * (random.random(some.shape) < 0.3),
        "at random": unit(random.normal(size=some.shape).astype(np.float32)),
    }


class Searched:
    """One kind of rows, and three ways to find the ten nearest to a question among them."""

    def __init__(self, rows: Vectors, folder: str) -> None:
        self.rows = rows
        self._index = FaissCompressed.built(Path(folder, "some.rows"), WIDE, np.arange(len(rows)), [rows])
        self.candidates = TRIED[-1]

    def tune(self, asked: Vectors) -> None:
        """Take the fewest candidates with which `by_a_number` finds 99 of 100."""
        for self.candidates in TRIED:
            if self.measured(asked, self.by_a_number)[0] >= 0.99:
                return

    def by_a_number(self, question: Vectors) -> Ids:
        """Rank the best candidates by their codes, always as many."""
        assert self._index._scan is not None
        places = self._index._scan.search(question, self.candidates)[0]
        return places[np.argsort(-self._index._similarities(places, question))[:10]]

    def by_need(self, question: Vectors) -> Ids:
        """Ask the index, which looks at as many candidates as the question needs."""
        return np.array([n.id for n in self._index.nearest(question, limit=10)])

    def in_memory(self, question: Vectors) -> Ids:
        """Compare all rows."""
        return np.argpartition(-(self.rows @ question), 10)[:10]

    def measured(self, asked: Vectors, found: Callable[[Vectors], Ids]) -> tuple[float, float]:
        """Return the share of the ten nearest that are found, and the median of the milliseconds."""
        shares, took = [], []
        for question in asked:
            similarities = self.rows @ question
            began = time.perf_counter()
            ids = found(question)
            took.append(1000 * (time.perf_counter() - began))
            shares.append(float(np.mean(similarities[ids] >= np.sort(similarities)[-10] - 1e-5)))
        return float(np.mean(shares)), median(took)


def main() -> None:
    """Print a line for each kind of rows and of questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40_000, help="rows of each kind")
    count = parser.parse_args().count
    print(f"{count:,} rows of {WIDE} numbers: share of the ten nearest, milliseconds")
    for name, make in ROWS.items():
        with tempfile.TemporaryDirectory() as folder:
            searched = Searched(make(count), folder)
            asked = questions(searched.rows)
            searched.tune(asked["rows"])
            for kind, some in asked.items():
                few, took_few = searched.measured(some, searched.by_a_number)
                found, took = searched.measured(some, searched.by_need)
                _, took_all = searched.measured(some, searched.in_memory)
                print(
                    f"{name:16}{kind:22}{searched.candidates:5} candidates {few:.3f} {took_few:5.1f}   "
                    f"nearest {found:.3f} {took:5.1f}   all in memory {took_all:5.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
