"""An exact index by FAISS: every row is looked at, on a GPU where FAISS's build for it and a device are there."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from registry.errors import MissingExtraError, first_line
from registry.index.contract import FileIndex, Ids, Neighbor, Rows, Selection

SPARE = 16  # neighbours more than asked for, to see whether the last one has equals
MOST_NEIGHBOURS = 2048  # that FAISS finds on a GPU at once
SCRATCH = 2**28  # bytes that FAISS keeps there to work in; it would take more, which a surrogate may need

_log = logging.getLogger("registry")  # whose notes the command line shows


def load_faiss() -> ModuleType:
    """Import FAISS, or say which of its two wheels is missing or one too many."""
    builds = [name for name in ("faiss-cpu", "faiss-gpu") if _is_installed(name)]
    if len(builds) == 2:
        raise MissingExtraError(
            "faiss-cpu and faiss-gpu are both installed and overwrite each other: uninstall both, then", "cpu"
        )
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("The index needs FAISS ('cpu', or 'gpu' with CUDA)", "cpu") from error
    module: ModuleType = faiss
    return module


@contextmanager
def one_thread() -> Iterator[None]:
    """Let FAISS answer a single question by one thread: more have nothing to do, and it waits for each of them."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


class FindsNearest(Protocol):
    """What can be asked for neighbours, as an index of FAISS is."""

    def search(
        self,
        rows: NDArray[np.float32],
        count: int,
        *,
        params: Any = None,  # noqa: ANN401 - FAISS has no types
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the similarities and ids of each row's nearest, (rows, count) each, padded with id -1."""
        ...


class OnDevice:
    """An index as it is when it is copied to a GPU, and searched there; what a GPU cannot do, the index itself does.

    That is to look among chosen ids, or for more neighbours than a GPU finds at once.
    """

    def __init__(self, index: Any, copy: Any) -> None:  # noqa: ANN401 - FAISS has no types
        self._index = index
        self._copy = copy

    def search(
        self,
        rows: NDArray[np.float32],
        count: int,
        *,
        params: Any = None,  # noqa: ANN401 - FAISS has no types
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the similarities and ids of each row's nearest, (rows, count) each, padded with id -1."""
        is_chosen = getattr(params, "sel", None) is not None
        where = self._index if is_chosen or count > MOST_NEIGHBOURS else self._copy
        similarities, ids = where.search(rows, count, params=params)
        return similarities, ids


def on_device(faiss: ModuleType, index: Any, *, device: int = 0) -> FindsNearest:  # noqa: ANN401
    """Return what searches an index: a copy on a GPU where there can be one, else the index, with a line of log.

    Flat indices and IVF can be searched there, with and without ids of their own. The copy does not follow the index:
    after a change it is to be made anew. It takes as long as moving all rows, so it is worth it for many questions.

    Args:
        faiss: the library, of whichever build.
        index: of FAISS.
        device: the number of the GPU.
    """
    if not hasattr(faiss, "StandardGpuResources"):  # the build for CPUs
        return _same(index)
    problem = _no_device(faiss)
    if problem is not None:
        return _same(index)
    try:
        copy = faiss.index_cpu_to_gpu(_resources(faiss), device, index)
    except RuntimeError as error:  # a kind that has no form there, or too little memory
        _log.warning("The index is searched on the CPU: %s", first_line(error)[:200])
        return _same(index)
    return OnDevice(index, copy)


@lru_cache(maxsize=1)
def _no_device(faiss: ModuleType) -> str | None:
    """Return why there is no GPU to search on, said once; None where there is one."""
    try:
        problem = None if faiss.get_num_gpus() > 0 else "no GPU is there"
    except RuntimeError as error:  # its driver, say
        problem = first_line(error)[:200]
    if problem is not None:
        _log.warning("FAISS's build for GPUs is installed, but the index is searched on the CPU: %s", problem)
    return problem


@lru_cache(maxsize=1)
def _resources(faiss: ModuleType) -> Any:  # noqa: ANN401 - FAISS has no types
    """Return what FAISS keeps on a GPU for all indices; it must live as long as they do."""
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(SCRATCH)
    return resources


def _same(index: Any) -> FindsNearest:  # noqa: ANN401 - FAISS has no types
    searcher: FindsNearest = index
    return searcher


class FaissFlat(FileIndex):
    """`IndexIDMap2` over `IndexFlatIP`."""

    kind = "flat"

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - FAISS has no types
        self._index = index
        self._searched: FindsNearest | None = None  # it, or a copy of it on a GPU, made when it is asked

    @classmethod
    def empty(cls, dimension: int) -> Self:
        """Return an index without rows."""
        faiss = load_faiss()
        return cls(faiss.IndexIDMap2(faiss.IndexFlatIP(dimension)))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def ids(self) -> Ids:
        """The ids that are indexed, rising, (n,)."""
        return np.sort(np.array(load_faiss().vector_to_array(self._index.id_map), np.int64))

    def rows(self, ids: Ids) -> Rows:
        """Return the rows of some ids, in their order; raise KeyError for an unknown one."""
        if not len(ids):
            return np.empty((0, self._index.d), np.float32)
        try:
            return np.array(self._index.reconstruct_batch(np.ascontiguousarray(ids, np.int64)), np.float32)
        except RuntimeError as error:
            raise KeyError("an id that is not indexed") from error

    def add(self, ids: Ids, rows: Rows) -> None:
        """Add rows; one whose id is known takes the place of the former."""
        if len(ids):
            self.remove(ids)  # FAISS would keep both
            self._searched = None
            self._index.add_with_ids(np.ascontiguousarray(rows, np.float32), np.ascontiguousarray(ids, np.int64))

    def remove(self, ids: Ids) -> None:
        """Forget the rows of some ids; those that are not known change nothing."""
        known = [row_id for row_id in ids.tolist() if self._holds(row_id)] if len(self) else []
        if known:  # else FAISS would go through all rows for nothing
            self._searched = None
            self._index.remove_ids(np.array(known, np.int64))

    def nearest(self, query: NDArray[np.floating], *, limit: int, where: Selection | None = None) -> list[Neighbor]:
        """Return at most `limit` rows with the greatest inner products, greatest first, equals by id."""
        most = len(self) if where is None else min(len(self), len(where.ids))
        if limit < 1 or most == 0:  # FAISS pads with id -1 when asked for more, and refuses 0
            return []
        chosen = None if where is None else _selector(where)
        row = np.ascontiguousarray(query[None], np.float32)  # (1, dimension)
        # FAISS leaves to chance which equals come last, so it is asked for more until none is left behind the end.
        count = limit
        self._searched = self._searched or on_device(load_faiss(), self._index)
        while True:
            count = min(most, 2 * count + SPARE)
            with one_thread():
                similarities, found = self._searched.search(row, count, params=chosen)
            pairs = zip(similarities[0].tolist(), found[0].tolist(), strict=True)
            neighbors = sorted((Neighbor(i, s) for s, i in pairs if i >= 0), key=lambda n: (-n.similarity, n.id))
            is_all = count == most or len(neighbors) < count
            if is_all or neighbors[-1].similarity < neighbors[limit - 1].similarity:
                return neighbors[:limit]

    def as_bytes(self) -> bytes:
        """Return FAISS's own format, which has no checksum."""
        return bytes(load_faiss().serialize_index(self._index).tobytes())

    @classmethod
    def from_bytes(cls, body: bytes, folder: Path | None = None) -> Self:
        """Read FAISS's own format. It loads damaged bytes in silence: the caller has checked them."""
        return cls(load_faiss().deserialize_index(np.frombuffer(body, np.uint8)))

    def _holds(self, row_id: int) -> bool:
        try:
            self._index.reconstruct(row_id)
        except RuntimeError:  # its way to say no
            return False
        return True


def _selector(where: Selection) -> Any:  # noqa: ANN401 - FAISS has no types
    faiss = load_faiss()
    bits = where.bits
    chosen = faiss.IDSelectorBatch(where.ids) if bits is None else faiss.IDSelectorBitmap(bits)
    return faiss.SearchParameters(sel=chosen)


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
