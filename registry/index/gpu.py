"""Searching on a GPU, where FAISS's build for it and a device are there; elsewhere on the CPU, as ever."""

import logging
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from registry.errors import first_line

MOST_NEIGHBOURS = 2048  # that FAISS finds on a GPU at once
SCRATCH = 2**28  # bytes that FAISS keeps there to work in; it would take more, which a surrogate may need

_log = logging.getLogger("registry")  # whose notes the command line shows


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
