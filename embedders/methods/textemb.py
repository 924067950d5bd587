"""TextEmb (Vu et al. 2020): the mean of the input texts' features. The baseline: it sees no answers."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedders.methods.contract import Method, Parts, Reading, read_halves
from embedders.observed import Observed
from registry.spaces.facets import Facet
from registry.spaces.spec import DIMENSION

if TYPE_CHECKING:
    from embedders.surrogate.model import Surrogate


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
        features = surrogate.features(observed.inputs).astype(np.float64)  # (inputs, hidden)
        halves = read_halves(lambda rows: _mean(features[rows]), observed.distinct, seed)
        return Reading(_mean(features), halves=halves)


def _mean(features: NDArray[np.float64]) -> Parts:
    return {"inputs": features.mean(axis=0).astype(np.float32)}
