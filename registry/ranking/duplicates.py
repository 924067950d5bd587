"""Which tasks are nearly the target itself? They would come first in every answer, and teach nothing."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from registry.catalog import Catalog
from registry.data.signatures import NEAR_DUPLICATE, ROLE, Shared, Signature
from registry.kinds import EntryKind
from registry.ranking.matches import Match
from registry.spaces.centring import Centring

ALMOST_EQUAL = 0.995  # the cosine of each facet
LEAST_DIMENSION = 64  # below which tasks that have nothing in common may be as alike

M = TypeVar("M", bound=Match)


def tells_doubles(centring: Centring) -> bool:
    """Say whether tasks with almost the same vector are one: not in a space that is not centred yet, or is short."""
    return centring.is_centred and centring.facets.dimension >= LEAST_DIMENSION


class Duplicates:
    """What is known of a task's doubles: by the examples they share, and by their vectors."""

    def __init__(self, catalog: Catalog, embedding_id: int, *, by_vector: bool = True) -> None:
        """`by_vector`: whether cosines near 1 mean anything, see `tells_doubles`."""
        self._catalog = catalog
        self._by_vector = by_vector
        own = catalog.embeddings.content_of(embedding_id, ROLE)
        self._signature = None if own is None else Signature.from_bytes(own)
        self._known: dict[str, Shared | None] = {}

    def annotated(self, matches: Sequence[M], with_shared: Callable[[M, float | None], M]) -> list[M]:
        """Return matches with the share of examples that each has in common with the task."""
        if self._signature is None:
            return list(matches)
        new = {match.name for match in matches if match.kind is EntryKind.TASK} - self._known.keys()
        bodies = self._catalog.entries.contents_of(new, ROLE)
        for name in new:
            self._known[name] = Signature.from_bytes(bodies[name]).shared(self._signature) if name in bodies else None
        shares = [(match, self._known.get(match.name)) for match in matches]
        return [with_shared(match, None if shared is None else shared.share) for match, shared in shares]

    def include(self, match: Match) -> bool:
        """Whether a match is nearly the task itself: the same question to the same examples, or the same vector."""
        if match.kind is not EntryKind.TASK:
            return False
        shared = self._known.get(match.name)
        if shared is not None and shared.share >= NEAR_DUPLICATE and shared.same_question:
            return True
        return self._by_vector and bool(match.facets) and min(match.facets.values()) >= ALMOST_EQUAL
