"""How sure is a similarity? Its standard error, from how vectors differ between the halves of their data.

A vector stands for the data that it was read from; other data of the same task would have moved it. Balanced halves
show by how much (McCarthy 1969, balanced half-samples): half the difference of two complementary halves varies like the
whole about its expectation, so that a similarity's squared error is the mean of its squared changes, added up over both
vectors. How the space's mean, and a surrogate that was tuned on all the data, would have moved is left out.
"""

from collections.abc import Mapping

import numpy as np

from registry.catalog.records import EmbeddingRecord
from registry.spaces.centring import Centring

NORMAL = 1.645  # standard deviations to either side hold 90 of 100
STUDENT = 1.86  # the same of an error that is told by 8 degrees of freedom, four splits of each of two vectors


def standard_error(
    one: EmbeddingRecord,
    other: EmbeddingRecord,
    centring: Centring,
    weights: Mapping[str, float],
) -> float | None:
    """Return the standard error of the similarity of two vectors; None where one was not read from halves."""
    if one.deviations is None or other.deviations is None:
        return None
    scale = centring.facets.scale(weights)
    variance = 0.0
    for moved, deviations, fixed in ((one, one.deviations, other), (other, other.deviations, one)):
        ends = centring.centred(np.concatenate([moved.vector + deviations, moved.vector - deviations]))
        similarities = ends @ (centring.centred(fixed.vector[None])[0] * scale)
        up, down = np.split(similarities.astype(np.float64), 2)
        variance += float(np.mean(((up - down) / 2) ** 2))
    return float(np.sqrt(variance))


def interval(value: float, error: float | None, *, errors: float = STUDENT) -> tuple[float, float] | None:
    """Return the interval that holds what a value estimates in 90 of 100 cases, so many errors to either side."""
    return None if error is None else (value - errors * error, value + errors * error)
