"""Ours, and FAISS with a table beside it. Only the store that runs imports its library."""

import os
import sqlite3
from typing import Any

import numpy as np

from benchmarks.peers.contract import ASKED_WITH, AT_ONCE, BUILT_WITH, EDGES, FLAT_BELOW, WANTED, WITHIN, Store


class Ours(Store):
    """`Registry`, with its default kind of index."""

    package = "fute-registry"

    def create(self) -> None:
        """Make a registry with a space."""
        from registry import Registry
        from registry.spaces.spec import SpaceSpec

        self._registry = Registry.create(self.folder / "registry")
        self._registry.add_space("s", SpaceSpec.imported("benchmarks/peers", self.dimension), corpus=None)

    def fill(self) -> None:
        """Bring vectors in as those of models, by tags: a call gives all its entries the same."""
        from registry.catalog.incoming.matrices import add_vectors

        for _, names, _, rows in self.batches(9 * AT_ONCE):
            for tag, some in ((WANTED, np.arange(len(rows)) % 3 == 0), ("other", np.arange(len(rows)) % 3 > 0)):
                chosen = [names[i] for i in np.flatnonzero(some)]
                add_vectors(self._registry.catalog, chosen, rows[some], space="s", kind="model", tags=(tag,))

    def make_index(self) -> str:
        """Make it as a first question would."""
        self._registry.refresh_index("s")
        self._registry.close()
        return "exact" if self.count < FLAT_BELOW else "PQ, re-ranked"

    def open(self) -> None:
        """Open the registry."""
        from registry import Registry
        from registry.catalog import Filter

        self._registry = Registry.open(self.folder / "registry")
        self._among = Filter(), Filter(tags=(WANTED,))

    def nearest(self, row: int, *, is_filtered: bool) -> list[str]:
        """Ask as everybody does: names, facets and a verdict."""
        ranking = self._registry.nearest(f"v{row}", space="s", where=self._among[is_filtered])
        return [match.name for match in ranking]


class Faiss(Store):
    """FAISS's index of the kind that ours has, in memory, and a table of names and vectors; it answers row numbers."""

    package = "faiss-cpu"
    is_graph = False

    def create(self) -> None:
        """Make the table."""
        self._table = sqlite3.connect(self.folder / "raw.db", isolation_level=None)
        self._table.execute("PRAGMA synchronous=FULL")
        self._table.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, name TEXT UNIQUE, tag TEXT, vector BLOB)")

    def fill(self) -> None:
        """Write the table, a transaction for each batch, synced."""
        for numbers, names, tags, rows in self.batches():
            held = zip(numbers, names, tags, (row.tobytes() for row in rows), strict=True)
            self._table.execute("BEGIN IMMEDIATE")
            self._table.executemany("INSERT INTO v VALUES (?, ?, ?, ?)", held)
            self._table.execute("COMMIT")

    def make_index(self) -> str:
        """Make the index and write it, synced."""
        faiss = _faiss()
        index, kind = self._empty()
        if not index.is_trained:
            index.train(self.rows[:20_000])
        for _, _, _, rows in self.batches(10 * AT_ONCE):
            index.add(rows)
        faiss.write_index(index, str(self.folder / "index"))
        with (self.folder / "index").open("rb") as written:
            os.fsync(written.fileno())
        return kind

    def _empty(self) -> tuple[Any, str]:
        faiss = _faiss()
        product = faiss.METRIC_INNER_PRODUCT
        if self.is_graph:
            graph = faiss.IndexHNSWFlat(self.dimension, EDGES, product)
            graph.hnsw.efConstruction = BUILT_WITH
            return graph, "HNSW"
        if self.count < FLAT_BELOW:
            return faiss.IndexFlatIP(self.dimension), "exact"
        return faiss.IndexRefineFlat(
            faiss.IndexPQFastScan(self.dimension, self.dimension // 16, 4, product)
        ), "PQ, re-ranked"

    def open(self) -> None:
        """Read the index; the filter is made ready once."""
        faiss = _faiss()
        self._index = faiss.read_index(str(self.folder / "index"))
        if isinstance(self._index, faiss.IndexRefineFlat):
            self._index.k_factor = 128 / WITHIN
        self._among = faiss.IDSelectorBitmap(np.packbits(np.arange(self.count) % 3 == 0, bitorder="little"))

    def nearest(self, row: int, *, is_filtered: bool) -> list[str] | None:
        """Search; a filter is one of FAISS's selectors, which the scan of codes has not."""
        faiss = _faiss()
        chosen = None
        if self.is_graph:
            chosen = faiss.SearchParametersHNSW(efSearch=ASKED_WITH, sel=self._among if is_filtered else None)
        elif is_filtered:
            if self.count >= FLAT_BELOW:
                return None
            chosen = faiss.SearchParameters(sel=self._among)
        _, found = self._index.search(self.rows[row][None], WITHIN, params=chosen)
        return self._names(found[0].tolist())

    def _names(self, numbers: list[int]) -> list[str]:
        return [f"v{number}" for number in numbers if number >= 0]


class FaissGraph(Faiss):
    """FAISS's graph in memory, with names looked up in the table."""

    is_graph = True

    def open(self) -> None:
        """Read the graph, and open the table."""
        super().open()
        self._table = sqlite3.connect(f"file:{self.folder / 'raw.db'}?mode=ro", uri=True)

    def _names(self, numbers: list[int]) -> list[str]:
        marks = ",".join("?" * len(numbers))
        known = dict(self._table.execute(f"SELECT id, name FROM v WHERE id IN ({marks})", numbers).fetchall())  # noqa: S608 - marks
        return [known[number] for number in numbers if number >= 0]


def _faiss() -> Any:  # noqa: ANN401 - its types lack what Python adds
    import faiss

    return faiss
