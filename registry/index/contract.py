"""What an index must do, whichever library searches."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Neighbor:
    """A row of the index: `similarity` is higher the nearer, 1 for the same direction."""

    id: int
    similarity: float
