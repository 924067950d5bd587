"""What is found when an index is held against the catalog."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from registry.catalog.records import StreamedVectors
from registry.index.building import queries_of
from registry.index.contract import DamagedIndexError, Ids, Rows, VectorIndex
from registry.index.faiss_compressed import FaissCompressed

LEAST_RECALL = 0.9  # below, what is found is not what was asked for


@dataclass(frozen=True)
class Verification:
    """What `index verify` found in one space; `faults` is empty where all is well."""

    space: str
    vectors: int
    snapshot: str  # sound, stale, missing or damaged
    faults: tuple[str, ...]
    kind: str | None = None  # of the index, where there is a snapshot to look at
    recall: float | None = None  # the share of the ten truly nearest that it finds; None where it finds all

    def __str__(self) -> str:
        kind = "" if self.recall is None else f" ({self.kind}, finds {self.recall:.1%} of the nearest)"
        what = "collection" if self.kind == "milvus" else "snapshot"
        return f"{self.space}: {self.vectors} vectors, {what} {self.snapshot}{kind}; {'; '.join(self.faults) or 'ok'}"


def verified(index: VectorIndex, held: StreamedVectors, rows: Iterable[Rows]) -> tuple[list[str], float | None]:
    """Hold an index against the vectors of a space, as they are compared.

    Returns:
        a line for each fault, and the share of the ten nearest that the index finds, if it need not find all.
    """
    if not isinstance(index, FaissCompressed):
        faults = index.verify(held.ids, np.concatenate([np.empty((0, held.centring.facets.dimension)), *rows]))
        return faults, None
    if not np.array_equal(index.ids, held.ids):
        return ["the index and the catalog hold different ids"], 0.0
    try:
        faults = index.differences(_with_ids(held.ids, rows))
        recall = index.measured_recall(queries_of(index, held))
    except DamagedIndexError as error:
        return [f"the snapshot does not match its checksum: {error}"], 0.0
    if recall < LEAST_RECALL:
        faults.append(f"only {recall:.0%} of the nearest are found")
    return faults, recall


def _with_ids(ids: Ids, parts: Iterable[Rows]) -> Iterator[tuple[Ids, Rows]]:
    start = 0
    for rows in parts:
        yield ids[start : start + len(rows)], rows
        start += len(rows)
