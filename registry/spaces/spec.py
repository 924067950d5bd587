"""What makes two vectors comparable: the settings of a space, and their fingerprint."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from registry.errors import DataError, InputError
from registry.names import normal
from registry.spaces.facets import VECTOR, Facet, Facets

DIMENSION = 2048
IMPORTED = "imported"  # the method of a space whose vectors people bring: nothing is embedded in it
MOST_NUMBERS = 65536  # in a vector

# What the settings are, as a document holds them; of the facets more is asked.
_KINDS: dict[str, tuple[type, ...]] = {
    "surrogate": (str,),
    "surrogate_source": (str,),
    "method": (str,),
    "parameters": (dict,),
    "corpus": (str, type(None)),
    "seed": (int,),
}


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

    @classmethod
    def imported(cls, source: str, dimension: int) -> "SpaceSpec":
        """Describe a space of vectors that people bring; those of one source and dimension share a space.

        Args:
            source: what made the vectors, by the name that those who share them agree on.
        """
        if not 1 <= dimension <= MOST_NUMBERS:
            raise InputError(f"A space of imported vectors has 1 to {MOST_NUMBERS} dimensions, not {dimension}.")
        named = normal(source).strip()
        if not named or not named.isprintable():
            raise InputError("Say in printable words what made the vectors, such as openai/clip-vit-base-patch32.")
        sha256 = hashlib.sha256(named.encode()).hexdigest()
        return cls(sha256, named, IMPORTED, {}, Facets([Facet(VECTOR, dimension)]), None)

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
        """Read what `as_document` wrote, or a stranger.

        Raises:
            DataError: it is of a later release.
            KeyError, TypeError, AttributeError, ValueError: it is no space's.
        """
        if document.get("format") != 1:
            raise DataError("space", f"format {document.get('format')} is not known: upgrade fute-registry.")
        facets = Facets(Facet(**facet) for facet in document["facets"])
        made = cls(**{**document, "facets": facets})
        for name, kind in _KINDS.items():
            if type(getattr(made, name)) not in kind:
                raise TypeError(name)
        _check_facets(facets)
        return made


def _check_facets(facets: Facets) -> None:
    """Raise `ValueError` where a vector cannot be divided so."""
    are_parts = all(type(facet.name) is str and type(facet.size) is int and facet.size > 0 for facet in facets)
    if not are_parts or not 0 < len(facets) == len(set(facets.names)):
        raise ValueError("facets")
