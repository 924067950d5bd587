"""From a reading of the surrogate to a vector of the space: sketched, of unit length."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedders.methods.contract import Parts, Reading
from embedders.methods.halves import deviations_of
from embedders.sketch import sketch
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

if TYPE_CHECKING:
    pass


def assemble(reading: Reading, spec: SpaceSpec) -> NDArray[np.float32]:
    """Return a reading as a vector of the space: each facet sketched to its segment, of equal length."""
    return _vector(reading.parts, spec)


def deviations(reading: Reading, spec: SpaceSpec) -> NDArray[np.float32] | None:
    """Return how a vector differs on halves of its data, (splits, dimension); None where it was not halved."""
    if not reading.halves:
        return None
    ones, others = zip(*reading.halves, strict=True)
    return deviations_of(*(np.stack([_vector(parts, spec) for parts in side]) for side in (ones, others)))


def _vector(parts: Parts, spec: SpaceSpec) -> NDArray[np.float32]:
    segments = [
        unit(sketch(parts[facet.name], facet.size, (spec.seed, number))) for number, facet in enumerate(spec.facets)
    ]
    return unit(np.concatenate(segments))
