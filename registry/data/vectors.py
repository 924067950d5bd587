"""Vectors with the names and the space that they belong to, and how similar they are to one another."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas


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


class Similarities(NamedTuple):
    """How similar the entries of a space are to one another, as `nearest` says it."""

    vectors: VectorFile  # as stored
    matrix: NDArray[np.float32]  # (names, names), 1 on the diagonal

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a DataFrame with the names as rows and columns."""
        names = self.vectors.names
        return _pandas().DataFrame(self.matrix, index=_pandas().Index(names, name="name"), columns=names)


def _pandas() -> Any:  # noqa: ANN401 - the module
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("A DataFrame needs pandas", "analysis") from error
    return pandas
