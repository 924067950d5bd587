"""What a ranking by similarity comes to, in words and in numbers; `verdict` finds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

NEAR_CONSTANT = 0.95  # of a model's answers: if so many are one and the same, they tell nothing of what it does


@dataclass(frozen=True)
class Level:
    """What unrelated entries reach."""

    value: float
    facet: str | None  # in which it counts; None for the similarity

    def of(self, similarity: float, facets: Mapping[str, float]) -> float:
        """Return what of two entries is held against the level."""
        return similarity if self.facet is None else facets[self.facet]


@dataclass(frozen=True)
class UsualAnswer:
    """What a black box answered on the corpus of a space."""

    name: str
    answers: tuple[str, ...]
    usual: str  # the answer that it gives most
    share: float  # of all answers

    @property
    def is_near_constant(self) -> bool:
        """Whether it gives nearly always the same answer."""
        return self.share >= NEAR_CONSTANT

    def __str__(self) -> str:
        return f"{self.name} answers {self.usual!r} to {100 * self.share:.0f} of 100 texts"


class Outcome(StrEnum):
    """What a ranking comes to."""

    USE = "use"
    EQUAL = "equal"
    NOTHING = "nothing"  # here is alike
    UNKNOWN = "unknown"  # whether anything is


@dataclass(frozen=True)
class Finding:
    """What a ranking comes to. Its text is one sentence."""

    kind: Outcome
    names: tuple[str, ...]  # the one to use, the equal ones, or the nearest of those that are not alike
    because: str | None
    level: Level | None
    constant: UsualAnswer | None  # the black box, asked for or found, that gives nearly always one answer
    sentence: str

    def __str__(self) -> str:
        return self.sentence

    def as_json(self) -> dict[str, object]:
        """Return the verdict as JSON values."""
        said = self.constant
        return {
            "kind": self.kind.value,
            "names": list(self.names),
            "because": self.because,
            "unrelated_reach": None if self.level is None else self.level.value,
            "measured_in": None if self.level is None else self.level.facet or "similarity",
            "near_constant": None if said is None else {"name": said.name, "answer": said.usual, "share": said.share},
            "sentence": self.sentence,
        }
