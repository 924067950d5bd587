"""What makes two vectors comparable: the settings of a space, and their fingerprint."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from registry.errors import DataError
from registry.spaces.facets import Facet, Facets

DIMENSION = 2048


@dataclass(frozen=True)
class SpaceSpec:
    """Everything that two vectors must share. Only `surrogate_source`, a place, is no part of the identity."""

    surrogate: str  # sha256 over all of it that is loaded: the same model from anywhere is the same
    surrogate_source: str
    method: str
    parameters: dict[str, Any]
    facets: Facets  # in the vector's order; any sequence of them is taken
    corpus: str | None  # content hash; None: the space embeds tasks only
    seed: int = 0
    format: int = field(default=1)  # raised when the same settings would give another vector

    def __post_init__(self) -> None:
        """Take the facets in whatever sequence they came."""
        object.__setattr__(self, "facets", Facets(self.facets))

    @property
    def dimension(self) -> int:
        """How many numbers a vector of this space has."""
        return self.facets.dimension

    def fingerprint(self) -> str:
        """Return the sha256 of the identity."""
        identity = {key: value for key, value in self.as_document().items() if key != "surrogate_source"}
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def without_corpus(self) -> "SpaceSpec":
        """Return the settings that make a task's vector: models alone are observed on a corpus."""
        return replace(self, corpus=None)

    def is_same_for_tasks(self, other: "SpaceSpec") -> bool:
        """Say whether a task has the same vector under both: whether they differ in the corpus alone."""
        return self.without_corpus().fingerprint() == other.without_corpus().fingerprint()

    def as_document(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {**asdict(self), "facets": [asdict(facet) for facet in self.facets]}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "SpaceSpec":
        """Read what `as_document` wrote; raise `DataError` where it is of a later release."""
        if document.get("format") != 1:
            raise DataError("space", f"format {document.get('format')} is not known: upgrade fute-registry.")
        facets = Facets(Facet(**facet) for facet in document["facets"])
        return cls(**{**document, "facets": facets})
