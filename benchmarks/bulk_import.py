"""How fast do vectors come in, beside raw FAISS and raw SQLite that write the same bytes?

    python -m benchmarks.bulk_import [--count 100000] [--dimension 2048] [--rounds 3]

By turns, in one process: `add_vectors` enters tasks with unit vectors in a fresh registry, its index left for the next
question; and a plain loop adds them to a flat FAISS index with ids and writes names and vectors into one SQLite table,
a thousand in a transaction, synced as ours are. The command prints the seconds of both and the ratio, and what the
index takes that a first question builds.
"""

import argparse
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from registry import Registry
from registry.catalog.incoming.bringing import AT_ONCE
from registry.catalog.incoming.matrices import add_vectors
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

TABLE = "CREATE TABLE vectors (id INTEGER PRIMARY KEY, name TEXT UNIQUE, vector BLOB)"


def ours(folder: Path, names: list[str], matrix: NDArray[np.float32]) -> tuple[float, float]:
    """Return the seconds of an import, and of the index after it."""
    with Registry.create(folder) as registry:
        registry.add_space("brought", SpaceSpec.imported("benchmarks/bulk_import", matrix.shape[1]), corpus=None)
        began = time.perf_counter()
        add_vectors(registry.catalog, names, matrix)
        imported = time.perf_counter()
        registry.refresh_index("brought")
        return imported - began, time.perf_counter() - imported


def raw(folder: Path, names: list[str], matrix: NDArray[np.float32]) -> float:
    """Return the seconds of the plain loop."""
    folder.mkdir()
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(matrix.shape[1]))
    with closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute(TABLE)
        began = time.perf_counter()
        for start in range(0, len(names), AT_ONCE):
            rows = matrix[start : start + AT_ONCE]
            ids = np.arange(start, start + len(rows))
            index.add_with_ids(rows, ids)
            held = zip(ids.tolist(), names[start : start + AT_ONCE], (row.tobytes() for row in rows), strict=True)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO vectors VALUES (?, ?, ?)", held)
            connection.execute("COMMIT")
        return time.perf_counter() - began


def main() -> None:
    """Write by turns, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--dimension", type=int, default=2048)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    matrix = unit(np.random.default_rng(0).standard_normal((given.count, given.dimension), np.float32))
    names = [f"e{number}" for number in range(given.count)]
    imports, plain = [], []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as place:
            imported, indexed = ours(Path(place, "ours"), names, matrix)
        with tempfile.TemporaryDirectory() as place:
            plain.append(raw(Path(place, "raw"), names, matrix))
        imports.append(imported)
        speed = plain[-1] / imported
        print(
            f"import {imported:.1f} s, raw {plain[-1]:.1f} s: {speed:.2f} of its speed; index after it {indexed:.1f} s"
        )
    speeds = sorted(one / other for one, other in zip(plain, imports, strict=True))
    print(f"median {speeds[len(speeds) // 2]:.2f} of the speed of raw FAISS and SQLite")


if __name__ == "__main__":
    main()
