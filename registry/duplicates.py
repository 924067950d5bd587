"""Which tasks are nearly the target itself? They would come first in every answer, and teach nothing."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from registry.catalog import Catalog
from registry.overlap import NEAR_DUPLICATE, ROLE, Signature
from registry.ranking import Match
from registry.tables import EntryKind

ALMOST_EQUAL = 0.995  # a similarity

M = TypeVar("M", bound=Match)


@dataclass(frozen=True)
class SetAside:
    """A task that was left out of an answer, and why."""

    name: str
    similarity: float
    shared: float | None  # the share of the smaller task that is in both; None where it is not known

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        if self.shared is not None and self.shared >= NEAR_DUPLICATE:
            return f"{self.name} (shares {self.shared:.0%} of the examples)"
        return f"{self.name} (has almost the same vector)"


class Duplicates:
    """What is known of a task's doubles: by the examples they share, and by their vectors."""

    def __init__(self, catalog: Catalog, task: str, *, by_vector: bool = True) -> None:
        """`by_vector`: whether similarities near 1 mean anything; they do not among vectors that are not centred."""
        self._catalog = catalog
        self._task = task
        self._by_vector = by_vector
        own = catalog.entries.contents_of([task], ROLE).get(task)
        self._signature = None if own is None else Signature.from_bytes(own)

    def told(self, matches: Sequence[M], with_shared: Callable[[M, float | None], M]) -> list[M]:
        """Return matches with the share of examples that each has in common with the task."""
        if self._signature is None:
            return list(matches)
        names = [match.name for match in matches if match.kind is EntryKind.TASK]
        known = self._catalog.entries.contents_of(names, ROLE)
        shares = {name: Signature.from_bytes(body).shared(self._signature) for name, body in known.items()}
        return [with_shared(match, shares.get(match.name)) for match in matches]

    def include(self, match: Match) -> bool:
        """Whether a match is a near-duplicate of the task."""
        if match.kind is not EntryKind.TASK:
            return False
        is_shared = match.shared is not None and match.shared >= NEAR_DUPLICATE
        return is_shared or (self._by_vector and match.similarity >= ALMOST_EQUAL)
