"""Holds an index against the catalog, and its answers against brute force."""

from dataclasses import dataclass

import numpy as np

from registry.index.faiss_flat import VectorIndex


@dataclass(frozen=True)
class Verification:
    """What `index verify` found in one space; `faults` is empty where all is well."""

    space: str
    vectors: int
    snapshot: str  # sound, stale, missing or damaged
    faults: tuple[str, ...]


def _differences(found: VectorIndex, expected: VectorIndex) -> list[str]:
    if not np.array_equal(found.ids, expected.ids):
        return ["the index and the catalog hold different ids"]
    if not np.allclose(found.centre, expected.centre, atol=1e-5):
        return ["the centre of the index is not that of the catalog's vectors"]
    wrong = int((np.abs(found.rows() - expected.rows()).max(axis=1, initial=0.0) > 1e-5).sum())
    return [f"{wrong} vectors of the index differ from the catalog's"] if wrong else []


def _search_faults(index: VectorIndex, truth: VectorIndex, *, queries: int = 50, limit: int = 10) -> list[str]:
    """Compare FAISS's own search with numpy's over the truth: ids in order, and values."""
    rows, ids = truth.rows(), truth.ids
    wrong = 0
    for row in rows[:queries]:
        expected = rows @ row
        best = np.lexsort((ids, -expected))[:limit]
        similarities, found = index.faiss_index.search(row[None], min(limit, len(ids)))
        gap = np.abs(np.sort(similarities[0])[::-1] - expected[best]).max(initial=0.0)
        strangers = set(found[0].tolist()) - set(ids[expected >= expected[best[-1]] - 1e-5].tolist())
        wrong += bool(gap > 1e-5 or strangers)
    return [f"{wrong} of {min(queries, len(rows))} queries answered otherwise than brute force"] if wrong else []
