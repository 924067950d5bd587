"""TextEmb (Vu et al. 2020): the mean of the input texts' features. The baseline: it sees no answers."""

from typing import TYPE_CHECKING, Any

import numpy as np

from embedders.methods.contract import Method, Reading
from embedders.observed import Observed
from registry.spaces import DIMENSION, Facet

if TYPE_CHECKING:
    from embedders.surrogate import Surrogate


class TextEmb(Method):
    """Embeds what a task's inputs are about."""

    name = "textemb"
    sees_answers = False

    def parameters(self) -> dict[str, Any]:
        """None of its own."""
        return {}

    def facets(self, dimension: int) -> tuple[Facet, ...]:
        """One facet, the inputs."""
        return (Facet("inputs", dimension),)

    def read(
        self,
        surrogate: "Surrogate",
        observed: Observed,
        parameters: dict[str, Any],
        *,
        seed: int,
        dimension: int = DIMENSION,
    ) -> Reading:
        """Return the mean feature of the inputs."""
        mean = surrogate.features(observed.inputs).mean(axis=0, dtype=np.float64)
        return Reading({"inputs": mean.astype(np.float32)})
