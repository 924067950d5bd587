"""Facets of vectors: how a vector is divided, and how its parts are weighed and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.errors import InputError
from registry.kinds import EntryKind
from registry.spaces.vectors import unit

# How much a facet weighs, as measured (docs/results.md); one that is not named weighs 1. All black boxes see the same
# corpus, so its inputs say nothing about them; and answers alone do not show how they depend on the inputs.
BETWEEN_TASKS: dict[str, float] = {"inputs": 0.0, "answers": 2.0, "joint": 1.0, "map": 0.0}
WITHOUT_JOINT: dict[str, float] = {"inputs": 2.0, "answers": 2.0, "map": 1.0}  # between tasks, in spaces of 0.1
WITH_A_MODEL: dict[str, float] = {"inputs": 0.0, "answers": 1.0, "joint": 0.0, "map": 4.0}

# Where tasks have a joint facet, these two are compared as they are: how near a task is to the mean of all is how
# general it is as a source, and transfer rewards that. No model is compared by them.
JOINT = "joint"
AS_THEY_ARE = ("inputs", JOINT)

# By what two tasks are kin, so that what helped one helps the other: what they are about, and how answers hang on it.
KINSHIP = ("inputs", JOINT)

VECTOR = "vector"  # the one facet of vectors that people bring, of which nothing more is known: compared as they are

LARGEST = 1e6  # of a weight; beyond, sums and shares of weights lose what the others weigh

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Facet:
    """One aspect of a task: a segment of the vector, of unit length in itself."""

    name: str
    size: int


class Facets(tuple[Facet, ...]):
    """The facets of a space's vectors, in the vector's order."""

    __slots__ = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(facet.name for facet in self)

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return sum(facet.size for facet in self)

    @property
    def uncentred(self) -> tuple[str, ...]:
        """The names of the facets that are compared as they are, not less the centre."""
        if self.names == (VECTOR,):
            return self.names
        return AS_THEY_ARE if JOINT in self.names else ()

    @property
    def are_centred(self) -> bool:
        """Whether any of them is compared less the centre."""
        return self.names != self.uncentred

    def segment(self, name: str) -> slice | None:
        """Return where a facet lies in a vector; None where the space has no such facet."""
        start = 0
        for facet in self:
            if facet.name == name:
                return slice(start, start + facet.size)
            start += facet.size
        return None

    def split(self, rows: NDArray[np.floating]) -> list[NDArray[np.floating]]:
        """Return the segments of vectors (..., dimension), one array (..., size) for each facet."""
        return np.split(rows, np.cumsum([facet.size for facet in self])[:-1], axis=-1)

    def unit(self, rows: Rows) -> Rows:
        """Return vectors (n, dimension), each facet scaled to unit length; one of (nearly) zeros becomes zeros."""
        return np.ascontiguousarray(np.concatenate([unit(part) for part in self.split(rows)], axis=-1))

    def scale(self, weights: Mapping[str, float]) -> NDArray[np.float64]:
        """Return each facet's weight at each of its numbers, (dimension,)."""
        return np.repeat([weights[facet.name] for facet in self], [facet.size for facet in self])

    def cosines(self, row: Rows, others: Rows) -> list[dict[str, float]]:
        """Return the cosine of each facet of a vector with each of others, whose facets have unit length.

        Args:
            row: (dimension,).
            others: (n, dimension).
        """
        starts = np.cumsum([0, *(facet.size for facet in self[:-1])])
        sums = np.add.reduceat(others * row, starts, axis=1, dtype=np.float64)  # (n, facets)
        return [dict(zip(self.names, values, strict=True)) for values in sums.tolist()]

    def similarities(self, rows: Rows, kinds: Sequence[EntryKind], weights: Mapping[str, float] | None = None) -> Rows:
        """Return the similarities of vectors to one another, (n, n), as `nearest` would give them.

        Args:
            rows: (n, dimension), as they are compared, each facet of unit length.
            kinds: of the n entries: two tasks are compared by all facets, others by those that say something.
            weights: of the facets, see `weights_between`.
        """
        tasks = np.array([kind is EntryKind.TASK for kind in kinds], bool)
        both_tasks = tasks[:, None] & tasks[None, :]
        between_tasks = weights_between(self, EntryKind.TASK, chosen=weights)
        otherwise = weights_between(self, EntryKind.MODEL, chosen=weights)
        total = np.zeros((len(rows), len(rows)), np.float32)
        for facet, part in zip(self, self.split(rows), strict=True):
            total += np.where(both_tasks, between_tasks[facet.name], otherwise[facet.name]) * (part @ part.T)
        np.fill_diagonal(total, 1.0)
        return total


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
        if not isinstance(chosen, Mapping):
            raise InputError(f"weights: a mapping of facets to numbers is needed, not {type(chosen).__name__}.")
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise InputError(f"No facet {unknown[0]!r} in this space: there are {', '.join(names)}.")
        are_weights = all(map(_is_weight, chosen.values()))
        if not are_weights or not any(chosen.values()):
            raise InputError(f"Weights are numbers from 0 to {LARGEST:g}, and one of them is more than 0.")
        weights = {name: float(chosen.get(name, 0.0)) for name in names}
    else:
        between_tasks = BETWEEN_TASKS if JOINT in names else WITHOUT_JOINT
        usual = between_tasks if all(kind is EntryKind.TASK for kind in kinds) else WITH_A_MODEL
        weights = {name: usual.get(name, 1.0) for name in names}
    total = sum(weights.values())
    return {name: weight / total if total else 1.0 / len(names) for name, weight in weights.items()}


def _is_weight(weight: object) -> bool:
    return isinstance(weight, int | float | np.integer | np.floating) and bool(0 <= weight <= LARGEST)
