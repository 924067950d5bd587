"""Vectors with the names and the space that they belong to, and how similar they are to one another."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.errors import InputError, MissingExtraError
from registry.views.charts.heat import heat
from registry.views.charts.order import clustered
from registry.views.charts.picture import Picture

if TYPE_CHECKING:
    import pandas

MOST_SHOWN = 12  # entries, each with each, in a notebook
VECTOR_ALONE = {"type": "imported"}  # the description of a task or model of which nothing but its vector is known
NO_CONTENT = hashlib.sha256(b"imported").hexdigest()  # the hash of what such an entry consists of


def has_data(description: Mapping[str, Any]) -> bool:
    """Say whether a task or model with this description is more than a vector that was brought in."""
    return description != VECTOR_ALONE


def check_data(description: Mapping[str, Any], name: str) -> None:
    """Raise `InputError` where a task or model is no more than a vector that was brought in."""
    if not has_data(description):
        raise InputError(f"{name!r} has no examples and no answers: only its vector was brought in.")


@dataclass(frozen=True)
class VectorFile:
    """Named vectors of one space."""

    fingerprint: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    matrix: NDArray[np.float32]  # (names, dimension)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a DataFrame with a row for each name: its kind, then its numbers, called 0, 1, ..."""
        frame = _pandas().DataFrame(self.matrix, index=_pandas().Index(self.names, name="name"))
        frame.insert(0, "kind", self.kinds)
        return frame


@dataclass(frozen=True)
class VectorStream:
    """Named vectors of one space, of which some are held at a time."""

    fingerprint: str
    names: Sequence[str]
    kinds: Sequence[str]
    dimension: int
    parts: Iterator[NDArray[np.float32]]  # (some, dimension), in the order of the names
    are_compared_so: bool = False  # whether their plain dot products are the similarities of the registry

    @classmethod
    def of(cls, vectors: VectorFile) -> "VectorStream":
        """Return vectors that are held together."""
        _, dimension = vectors.matrix.shape
        return cls(vectors.fingerprint, vectors.names, vectors.kinds, dimension, iter([vectors.matrix]))


class Similarities(NamedTuple):
    """How similar the entries of a space are to one another, as `nearest` says it."""

    vectors: VectorFile  # as stored
    matrix: NDArray[np.float32]  # (names, names), 1 on the diagonal

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a DataFrame with the names as rows and columns."""
        names = self.vectors.names
        return _pandas().DataFrame(self.matrix, index=_pandas().Index(names, name="name"), columns=names)

    def plot(self) -> Picture:
        """Draw them in clusters; raise `MissingExtraError` without matplotlib."""
        title = f"How alike are {len(self.vectors.names):,} entries?"
        return heat(title, self.vectors.names, self.matrix, clustered(self.matrix))

    def _repr_html_(self) -> str:
        from registry.markup import Drawn, framed, sentences

        count, names = len(self.vectors.names), self.vectors.names[:MOST_SHOWN]
        shown = self.matrix[: len(names), : len(names)]
        lines = [[name, *(f"{value:.2f}" for value in own)] for name, own in zip(names, shown.tolist(), strict=True)]
        shades = {(row, column + 1): float(value) for (row, column), value in np.ndenumerate(shown)}
        more = [f"{count - len(names):,} more are not shown: plot(), to_pandas()"] if count > len(names) else []
        table = Drawn(["", *names], lines, "similarities", range(1, len(names) + 1), shades=shades)
        return framed(table.html(), sentences(None, more))


def _pandas() -> Any:  # noqa: ANN401 - the module
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("A DataFrame needs pandas", "analysis") from error
    return pandas
