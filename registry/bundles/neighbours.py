"""Which entries are nearest to each other in the spaces of a registry or bundle."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.catalog.whole.pieces import Section, Whole
from registry.kinds import EntryKind
from registry.spaces.centring import Centring, centre_of
from registry.spaces.facets import Facets, weights_between
from registry.spaces.spec import SpaceSpec

MOST = 5  # neighbours that are compared
AT_ONCE = 500  # rows whose similarities to all others are held


@dataclass(frozen=True)
class Neighbours:
    """The nearest entries of each entry in a space."""

    space: str
    nearest: dict[str, list[str]]  # by name, the nearest first


@dataclass
class _LatestVectors:
    """A space, and the latest vectors in it."""

    document: dict[str, Any]
    centre: NDArray[np.float32] | None
    names: list[str] = field(default_factory=list)
    rows: list[NDArray[np.float32]] = field(default_factory=list)


def neighbours_of(whole: Whole) -> dict[str, Neighbours]:
    """Return the nearest entries in every space, by its fingerprint."""
    kinds, newest = {}, set()
    for piece in whole.pieces(Section.ENTRIES):
        name = piece.document["name"]
        kinds[name] = EntryKind(piece.document["kind"])
        newest.add(f"{name}:{len(piece.document['versions'])}")
    spaces = {
        piece.document["name"]: _LatestVectors(piece.document, piece.arrays.get("centre"))
        for piece in whole.pieces(Section.SPACES)
    }
    for piece in whole.pieces(Section.VECTORS):
        if piece.document["entry"] in newest:
            held = spaces[piece.document["space"]]
            held.names.append(piece.document["entry"].rpartition(":")[0])
            held.rows.append(np.array(piece.arrays["vector"], np.float32))
    return {
        held.document["fingerprint"]: Neighbours(name, dict(_nearest(held, kinds)))
        for name, held in spaces.items()
        if held.names
    }


def _nearest(held: _LatestVectors, kinds: dict[str, EntryKind]) -> Iterator[tuple[str, list[str]]]:
    """Yield the names of each entry's nearest, by brute force; of equals the first that came."""
    facets, matrix = SpaceSpec.from_document(held.document["spec"]).facets, np.stack(held.rows)
    is_task = np.array([kinds[name] is EntryKind.TASK for name in held.names])
    centre = centre_of(matrix, is_task) if held.centre is None else held.centre
    rows = Centring(facets, centre).centred(matrix)
    for start in range(0, len(rows), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        similar = _similarities(facets, rows[some], rows, is_task[some], is_task)
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = -np.inf  # itself
        order = np.argsort(-similar, axis=1, kind="stable")[:, : min(MOST, len(rows) - 1)]
        for name, best in zip(held.names[some], order, strict=True):
            yield name, [held.names[other] for other in best]


def _similarities(
    facets: Facets,
    some: NDArray[np.float32],
    rows: NDArray[np.float32],
    some_are_tasks: NDArray[np.bool_],
    are_tasks: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the similarities of some rows to all, (some, rows), as `nearest` would give them."""
    between, otherwise = (
        (some * facets.scale(weights_between(facets, kind))) @ rows.T for kind in (EntryKind.TASK, EntryKind.MODEL)
    )
    return np.where(some_are_tasks[:, None] & are_tasks[None, :], between, otherwise)
