"""An index by FAISS for many vectors: four bits for sixteen numbers find candidates, and the rows themselves rank them.

Product quantisation (Jégou et al. 2011) with the fast scan of André et al. (2015): every row is looked at, by its code
of 64 bytes for 2,048 numbers. A part of a row that a question gives no weight has no part in the error either, which is
why this is chosen over a graph: facets are weighed by who asks. The candidates are ranked by inner products with rows
in full, from a file that only they are read from, so that a similarity is as exact as that of any other index. How many
are read depends on the question: as many as leave hardly one of the nearest to be expected behind them.
"""

import io
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from registry.index.candidates import enough
from registry.index.contract import TOLERANCE, WITHIN, FileIndex, Ids, Neighbor, Rows, Selection
from registry.index.faiss_flat import load_faiss, one_thread
from registry.index.stored import Growing, Places, StoredRows, write_rows

PART, BITS = 16, 4  # numbers of a row that one code stands for, and its bits
MOST_TRAINED = 20_000  # rows that the codes are made from
AT_ONCE = 2**20  # bytes of rows that are compared together: a cache holds them
EXACT = 512  # rows among which all are ranked
FIRST, SPARE = 128, 4  # candidates that are read at first, and for each neighbour
WIDER, MUCH_WIDER = 2, 16  # times as many later, and where all that are known are but the beginning
SCANNED, AHEAD = 2048, 4  # codes at least, as fewer cost no less; times those that are wanted: of no more, all are
MANY_ADDED = 100  # rows at once, fewer of which one thread encodes
MOST_BEHIND = 10_000  # rows that came or went since the index was made
LEAST_PART = 100_000  # codes that are worth a thread of their own


class FaissCompressed(FileIndex):
    """`IndexPQFastScan` over codes, and the rows that it finds."""

    kind = "pq"

    def __init__(self, dimension: int, ids: Ids, stored: StoredRows | None, quantizer: Any, codes: Any) -> None:  # noqa: ANN401 - FAISS has no types
        """Take an index as it was made; `empty`, `built` and `from_bytes` do.

        Args:
            ids: (n,), rising, of the stored rows.
            quantizer: FAISS's, trained; None where all rows are looked at in full.
            codes: (n, bytes), of the rows.
        """
        self.dimension = dimension
        self.recall: float | None = None
        self._stored = stored
        self._base = ids
        self._added = Growing(np.empty((0, dimension), np.float32))
        self._ids, self._lives = Growing(ids), Growing(np.ones(len(ids), bool))
        self._living: int | None = len(ids)  # None where it has to be counted
        self._later: dict[int, int] = {}  # the place of each id that was added since
        self._quantizer = quantizer
        self._codes = Growing(codes) if quantizer is not None else None
        self._scan = PackedCodes(quantizer, codes) if quantizer is not None else None
        self._changes = 0

    @classmethod
    def empty(cls, dimension: int) -> Self:
        """Return an index without rows, which ranks all that are added until it is built anew."""
        return cls(dimension, np.empty(0, np.int64), None, None, None)

    @classmethod
    def built(cls, place: Path, dimension: int, ids: Ids, parts: Iterable[Rows]) -> Self:
        """Make an index of rows, some at a time, which it keeps in a file.

        Args:
            place: of the file; it is the index's from here on.
            ids: (n,), rising.
            parts: (n, dimension) in all.
        """
        checksums = write_rows(place, parts)
        stored = StoredRows(place, dimension, checksums)
        if len(ids) < EXACT:
            return cls(dimension, ids, stored, None, None)
        faiss = load_faiss()
        width = -(-dimension // PART) * PART
        quantizer = faiss.IndexPQ(width, width // PART, BITS, faiss.METRIC_INNER_PRODUCT)
        some = np.linspace(0, len(ids) - 1, min(len(ids), MOST_TRAINED)).astype(np.int64)
        quantizer.train(_padded(stored.take(some), width))
        codes = np.concatenate([quantizer.sa_encode(_padded(rows, width)) for _, rows in stored.parts()])
        return cls(dimension, ids, stored, quantizer, codes)

    def __len__(self) -> int:
        living = self._living  # which another thread may forget
        if living is None:
            self._living = living = int(np.count_nonzero(self._lives.rows))
        return living

    @property
    def ids(self) -> Ids:
        """The ids that are indexed, rising, (n,)."""
        return np.sort(self._ids.rows[self._lives.rows])

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that it lies in, beside its snapshot."""
        return () if self._stored is None else (self._stored.path.name,)

    @property
    def is_worn(self) -> bool:
        """Whether so much has changed since it was made that it should be made anew."""
        behind = len(self._added.rows) + len(self._base) - int(self._lives.rows[: len(self._base)].sum())
        return behind > max(MOST_BEHIND, len(self._base) // 10)

    def rows(self, ids: Ids) -> Rows:
        """Return the rows of some ids, in their order; raise KeyError for an unknown one."""
        places = self._places(ids)
        if (places < 0).any():
            raise KeyError("an id that is not indexed")
        return self._take(places)

    def add(self, ids: Ids, rows: Rows) -> None:
        """Add rows; one whose id is known takes the place of the former."""
        if not len(ids):
            return
        self.remove(ids)
        start = len(self._ids.rows)
        self._ids.append(np.asarray(ids, np.int64))
        self._lives.append(np.ones(len(ids), bool))
        self._living = None
        self._added.append(np.asarray(rows, np.float32))
        self._later |= {row_id: start + i for i, row_id in enumerate(ids.tolist())}
        if self._codes is not None and self._scan is not None:
            padded = _padded(np.asarray(rows, np.float32), self._quantizer.d)
            with one_thread() if len(ids) < MANY_ADDED else nullcontext():
                self._codes.append(self._quantizer.sa_encode(padded))
                self._scan.add(padded)

    def remove(self, ids: Ids) -> None:
        """Forget the rows of some ids; those that are not known change nothing."""
        self._changes += 1
        places = self._places(ids)
        self._lives.rows[places[places >= 0]] = False
        self._living = None
        for row_id in ids.tolist():
            self._later.pop(row_id, None)

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        """Return rows with the greatest inner products, greatest first, equals by id; see `recall` for how surely.

        Raises:
            DamagedIndexError: a row that matters is not what was written.
        """
        row = np.ascontiguousarray(query, np.float32)
        if limit < 1:
            return []
        places, scan, wanted = None, self._scan, max(FIRST, SPARE * limit)
        if where is not None:
            places, scan = where.prepared((self, self._changes), lambda: self._subset(where))
        many = len(self) if places is None else len(places)
        found, estimates = self._candidates(scan, row, wanted, places)
        similarities = self._similarities(found if estimates is None else found[:wanted], row)
        while estimates is not None and (needed := enough(estimates, similarities, limit)) > wanted:
            is_beginning = wanted == len(found) and needed >= WIDER * wanted
            wanted = int(min(needed, wanted * (MUCH_WIDER if is_beginning else WIDER)))
            if wanted > min(len(found), many // AHEAD):
                read = found[: len(similarities)]
                found, estimates = self._candidates(scan, row, wanted, places)
                if not np.array_equal(found[: len(read)], read):  # equals may come in another order
                    similarities = similarities[:0]
            more = found[len(similarities) : wanted if estimates is not None else None]
            similarities = np.concatenate([similarities, self._similarities(more, row)])
        return self._ranked(found[: len(similarities)], similarities, limit)

    def tune(self, queries: NDArray[np.floating]) -> None:
        """Find out which share of the rows that are truly nearest to some queries, (q, dimension), are found."""
        self.recall = self.measured_recall(queries)

    @property
    def finds_all(self) -> bool:
        """No: rows are found by their codes."""
        return False

    def measured_recall(self, queries: NDArray[np.floating]) -> float:
        """Return the share of the ten rows that are truly nearest to each query which are found."""
        shares = []
        for query, best in zip(queries, self._truly_nearest(queries), strict=True):
            least = best[-1].similarity - TOLERANCE if best else 0.0  # an equal one is as good
            found = self.nearest(query, limit=WITHIN)
            shares.append(sum(n.similarity >= least for n in found) / max(len(best), 1))
        return float(np.mean(shares)) if shares else 1.0

    def as_bytes(self) -> bytes:
        """Return all but the stored rows, whose file has to stay; older releases read the number of candidates."""
        told = {"rows": self.files, "dimension": self.dimension, "candidates": FIRST, "recall": self.recall}
        arrays: dict[str, Any] = {
            "told": np.frombuffer(json.dumps(told).encode(), np.uint8),
            "base": self._base,
            "ids": self._ids.rows,
            "lives": self._lives.rows,
            "added": self._added.rows,
            "checksums": np.empty(0, np.uint32) if self._stored is None else self._stored.checksums,
        }
        if self._codes is not None:
            arrays |= {"quantizer": load_faiss().serialize_index(self._quantizer), "codes": self._codes.rows}
        body = io.BytesIO()
        np.savez(body, **arrays)
        return body.getvalue()

    @classmethod
    def from_bytes(cls, body: bytes, folder: Path | None = None) -> Self:
        """Read what `as_bytes` wrote, with the stored rows in a folder; raise `DamagedIndexError` without these."""
        with np.load(io.BytesIO(body), allow_pickle=False) as read:
            arrays = dict(read)
        told = json.loads(arrays["told"].tobytes())
        dimension, checksums, base = told["dimension"], arrays["checksums"], arrays["base"]
        stored = StoredRows((folder or Path()) / told["rows"][0], dimension, checksums) if told["rows"] else None
        quantizer = load_faiss().deserialize_index(arrays["quantizer"]) if "quantizer" in arrays else None
        codes = arrays.get("codes")
        found = cls(dimension, base, stored, quantizer, None if codes is None else codes[: len(base)])
        found.add(arrays["ids"][len(base) :], arrays["added"])
        found._lives.rows[:], found._living = arrays["lives"], None
        found._later = {i: place for i, place in found._later.items() if found._lives.rows[place]}
        found.recall = told["recall"]
        return found

    # -- within ------------------------------------------------------------------------------------------

    def _places(self, ids: Ids) -> Places:
        """Return where the rows of ids lie; -1 for one that is not known."""
        places = np.searchsorted(self._base, ids)
        places[places == len(self._base)] = 0
        is_known = self._base[places] == ids if len(self._base) else np.zeros(len(ids), bool)
        places = np.where(is_known, places, -1)
        places[is_known] = np.where(self._lives.rows[places[is_known]], places[is_known], -1)
        if self._later:
            places = np.array(
                [self._later.get(i, place) for i, place in zip(ids.tolist(), places.tolist(), strict=True)]
            )
        return places.astype(np.int64)

    def _take(self, places: Places) -> Rows:
        is_added = places >= len(self._base)
        if self._stored is None or is_added.all():
            return self._added.rows[places - len(self._base)]
        if not is_added.any():
            return self._stored.take(places)
        rows = np.empty((len(places), self.dimension), np.float32)
        rows[~is_added] = self._stored.take(places[~is_added])
        rows[is_added] = self._added.rows[places[is_added] - len(self._base)]
        return rows

    def _similarities(self, places: Places, row: Rows) -> Rows:
        """Return the inner products of some rows with one, (places,)."""
        found, order = np.empty(len(places), np.float32), np.argsort(places, kind="stable")  # as they are read soonest
        at_once = max(1, AT_ONCE // (4 * self.dimension))
        for start in range(0, len(places), at_once):
            some = order[start : start + at_once]
            found[some] = self._take(places[some]) @ row
        return found

    def _subset(self, where: Selection) -> tuple[Places, "PackedCodes | None"]:
        """Return where the rows lie that may be returned, and a scan of their codes if they are many."""
        places = self._places(where.ids)
        places = places[places >= 0]
        if self._codes is None or len(places) <= EXACT:
            return places, None
        return places, PackedCodes(self._quantizer, self._codes.rows[places])

    def _candidates(
        self, scan: "PackedCodes | None", row: Rows, wanted: int, places: Places | None
    ) -> tuple[Places, Rows | None]:
        """Return where the rows lie that the codes tell to be nearest, the nearest first, and what is told of each.

        Where there is nothing to scan or many of all are wanted they are all, as they lie, and nothing is told.

        Args:
            wanted: rows, at least where there are as many.
            places: (m,), of what is scanned, none of which was removed; None for all rows.
        """
        if scan is None or AHEAD * wanted >= (len(self) if places is None else len(places)):
            return np.flatnonzero(self._lives.rows) if places is None else places, None
        gone = 0 if places is not None else len(self._lives.rows) - len(self)
        scanned = max(SCANNED, AHEAD * wanted) + gone
        found, estimates = scan.search(_padded(row[None], self._quantizer.d)[0], scanned)
        is_there = (found >= 0) & (self._lives.rows[found] if places is None else True)
        found, estimates = found[is_there], estimates[is_there]
        return found if places is None else places[found], estimates

    def _ranked(self, places: Places, similarities: Rows, limit: int) -> list[Neighbor]:
        ids = self._ids.rows[places]
        best = np.lexsort((ids, -similarities))[:limit]
        return [Neighbor(i, s) for i, s in zip(ids[best].tolist(), similarities[best].tolist(), strict=True)]

    def _truly_nearest(self, queries: NDArray[np.floating]) -> list[list[Neighbor]]:
        """Return the rows that are nearest to each query, by all of them in full, which takes long."""
        best: list[list[Neighbor]] = [[] for _ in queries]
        for places, rows in self._parts():
            lives = self._lives.rows[places]
            products = rows[lives] @ np.asarray(queries, np.float32).T  # (some, q)
            for i, column in enumerate(products.T):
                both = best[i] + self._ranked(places[lives], column, WITHIN)
                best[i] = sorted(both, key=lambda n: (-n.similarity, n.id))[:WITHIN]
        return best

    def _parts(self) -> Iterator[tuple[Places, Rows]]:
        if self._stored is not None:
            yield from self._stored.parts()
        yield len(self._base) + np.arange(len(self._added.rows)), self._added.rows


def _padded(rows: Rows, width: int) -> Rows:
    """Return rows with zeros behind them, (n, width)."""
    if rows.shape[1] == width:
        return np.ascontiguousarray(rows, np.float32)
    return np.pad(np.asarray(rows, np.float32), ((0, 0), (0, width - rows.shape[1])))


class PackedCodes:
    """Codes as they are scanned quickly: many of them in parts, each by a thread of its own.

    One thread scans what its cache does not hold at a quarter of the speed (of 64 MB on two cores: 9 ms, in halves 2 to
    5), and FAISS gives a single question one thread.
    """

    def __init__(self, quantizer: Any, codes: Any) -> None:  # noqa: ANN401 - FAISS has no types
        """Take codes, (n, bytes), which are copied."""
        parts = max(1, min(load_faiss().omp_get_max_threads(), len(codes) // LEAST_PART))
        self._starts = np.linspace(0, len(codes), parts + 1).astype(np.int64)[:-1]
        self._parts = [_packed(quantizer, some) for some in np.split(codes, self._starts[1:])]

    def add(self, rows: Rows) -> None:
        """Add rows, (n, width), behind the others."""
        self._parts[-1].add(rows)

    def search(self, row: Rows, count: int) -> tuple[Places, Rows]:
        """Return where the codes lie that are nearest to a row, (width,), at most so many, and what they tell of it."""

        def found(part: Any) -> tuple[Rows, Places]:  # noqa: ANN401 - FAISS has no types
            with one_thread():
                estimates, places = part.search(row[None], count)
            return estimates[0], places[0]

        others = [_threads().submit(found, part) for part in self._parts[1:]]
        each = [found(self._parts[0]), *(other.result() for other in others)]
        estimates = np.concatenate([of_part for of_part, _ in each])
        places = np.concatenate(
            [np.where(its < 0, its, its + start) for (_, its), start in zip(each, self._starts, strict=True)]
        )
        best = np.argsort(-estimates, kind="stable")[:count] if others else slice(None)
        return places[best], estimates[best]


def _packed(quantizer: Any, codes: Any) -> Any:  # noqa: ANN401 - FAISS has no types
    faiss = load_faiss()
    held = faiss.clone_index(quantizer)
    held.add_sa_codes(np.ascontiguousarray(codes))
    return faiss.IndexPQFastScan(held)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    """Return the threads that scan, which a forked process starts anew."""
    return ThreadPoolExecutor(load_faiss().omp_get_max_threads(), thread_name_prefix="fute-scan")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.cache_clear)
