"""What every method promises."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedders.observed import Observed
from registry.spaces import Facet

if TYPE_CHECKING:
    from embedders.surrogate import Surrogate


@dataclass(frozen=True)
class Reading:
    """What a method read: one vector in parameter space per facet, and what is worth remembering."""

    parts: dict[str, NDArray[np.float32]]  # facet -> (parameters,)
    provenance: dict[str, Any] = field(default_factory=dict)


class Method(Protocol):
    """A way to embed. The same surrogate, observations, parameters and seed give the same reading, bit by bit."""

    @property
    def name(self) -> str:
        """How a space refers to it."""
        ...

    @property
    def sees_answers(self) -> bool:
        """Whether the answers change the embedding; if not, it cannot embed a model."""
        ...

    def parameters(self) -> dict[str, Any]:
        """Return every parameter with its default."""
        ...

    def facets(self, dimension: int) -> tuple[Facet, ...]:
        """Return how a vector of `dimension` numbers is divided."""
        ...

    def read(self, surrogate: "Surrogate", observed: Observed, parameters: dict[str, Any], *, seed: int) -> Reading:
        """Return the embedding in parameter space."""
        ...
