"""Facets of vectors: how they are weighed and compared."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from registry.errors import InputError
from registry.kinds import EntryKind
from registry.spaces.spec import Facet

if TYPE_CHECKING:
    pass

# How much a facet weighs, as measured (docs/results.md); one that is not named weighs 1. All black boxes see the same
# corpus, so its inputs say nothing about them; and answers alone do not show how they hang on the inputs.
BETWEEN_TASKS: dict[str, float] = {"inputs": 0.0, "answers": 1.0, "joint": 4.0, "map": 1.0}
WITHOUT_JOINT: dict[str, float] = {"inputs": 2.0, "answers": 2.0, "map": 1.0}  # between tasks, in spaces of 0.1
WITH_A_MODEL: dict[str, float] = {"inputs": 0.0, "answers": 1.0, "joint": 0.0, "map": 4.0}


def weights_between(
    facets: Sequence[Facet], *kinds: EntryKind, chosen: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Return the weights of the facets when entries of these kinds are compared; they add up to 1.

    Args:
        chosen: the user's own weights, in any unit; facets that are left out weigh nothing.

    Raises:
        InputError: the space has no such facet, or the weights are negative or all zero.
    """
    names = [facet.name for facet in facets]
    if chosen is not None:
        unknown = sorted(set(chosen) - set(names))
        if unknown:
            raise InputError(f"No facet {unknown[0]!r} in this space: there are {', '.join(names)}.")
        if not all(0 <= weight < float("inf") for weight in chosen.values()) or not any(chosen.values()):
            raise InputError("Weights are numbers from 0 on, and one of them is more than 0.")
        weights = {name: float(chosen.get(name, 0.0)) for name in names}
    else:
        between_tasks = BETWEEN_TASKS if "joint" in names else WITHOUT_JOINT
        usual = between_tasks if all(kind is EntryKind.TASK for kind in kinds) else WITH_A_MODEL
        weights = {name: usual.get(name, 1.0) for name in names}
    total = sum(weights.values())
    return {name: weight / total if total else 1.0 / len(names) for name, weight in weights.items()}


def facet_cosines(a: NDArray[np.float32], b: NDArray[np.float32], facets: Sequence[Facet]) -> dict[str, float]:
    """Return the cosine of each facet of two centred vectors, whose facets have unit length, (dimension,)."""
    edges = np.cumsum([0, *(facet.size for facet in facets)])
    return {
        facet.name: float(a[start:stop] @ b[start:stop])
        for facet, start, stop in zip(facets, edges, edges[1:], strict=False)
    }


def similarity_matrix(
    rows: NDArray[np.float32],
    kinds: Sequence[EntryKind],
    facets: Sequence[Facet],
    weights: Mapping[str, float] | None = None,
) -> NDArray[np.float32]:
    """Return the similarities of centred vectors to one another, (n, n), as `nearest` would give them.

    Args:
        rows: (n, dimension), each facet of unit length.
        kinds: of the n entries: two tasks are compared by all facets, others by those that say something.
        weights: of the facets, see `weights_between`.
    """
    tasks = np.array([kind is EntryKind.TASK for kind in kinds], bool)
    both_tasks = tasks[:, None] & tasks[None, :]
    between_tasks = weights_between(facets, EntryKind.TASK, chosen=weights)
    otherwise = weights_between(facets, EntryKind.MODEL, chosen=weights)
    total = np.zeros((len(rows), len(rows)), np.float32)
    start = 0
    for facet in facets:
        part = rows[:, start : start + facet.size]
        total += np.where(both_tasks, between_tasks[facet.name], otherwise[facet.name]) * (part @ part.T)
        start += facet.size
    np.fill_diagonal(total, 1.0)
    return total
