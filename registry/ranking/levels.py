"""What similarity do entries reach that have nothing to do with one another? What has more is alike.

For the default method with the packaged surrogate that was measured (benchmarks/unrelated.py, docs/methods.md);
elsewhere it is told by the tasks of the space itself.
"""

from collections.abc import Callable, Mapping
from itertools import product
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, Filter, SpaceRecord
from registry.data.vectors import Similarities
from registry.kinds import EntryKind
from registry.ranking.finding import Level
from registry.ranking.reasons import answered
from registry.spaces.centring import Centring
from registry.spaces.facets import Facets, Rows, weights_between
from registry.spaces.spec import DIMENSION, SpaceSpec

MEASURED_ON = ("mapemb", "minilm", DIMENSION)  # method, surrogate and dimension whose levels were measured
BETWEEN_TASKS = 0.31  # in similarity: the best of thirty unrelated tasks reaches more in 6 of 100 cases
TO_A_TASK, BETWEEN_MODELS = 0.15, 0.30  # in the map facet, where a model is involved
MAP = "map"
LEAST_TASKS, MOST_TASKS = 12, 300  # whose similarities to one another tell a level: fewer cannot, more take long
USUAL = 0.9  # of the pairs of a space's tasks are unrelated
ONE_DEVIATION_BELOW = 0.159  # the quantile of a normal law
SELDOM = 0.05  # how often the best of all strangers may have more
LEAST, MOST = 0.1, 0.99  # a similarity below is none, even if all others have less; one above is some in any space


class Strangers:
    """Entries of a space that have nothing to do with one another, of any kinds."""

    def __init__(
        self,
        spec: SpaceSpec,
        of_tasks: Callable[[Mapping[str, float]], float | None],
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """Make them.

        Args:
            of_tasks: what most pairs of the space's tasks reach under weights of the facets; see `usual_among`.
            weights: the user's own, of the facets; None for the usual ones.
        """
        self._spec = spec
        self._of_tasks = of_tasks
        self._weights = weights
        self._known: dict[tuple[EntryKind, ...], Level | None] = {}

    def reach(self, *kinds: EntryKind) -> Level | None:
        """Return what those of two kinds reach; None where it cannot be told."""
        if kinds not in self._known:
            self._known[kinds] = self._found(*kinds)
        return self._known[kinds]

    def _found(self, *kinds: EntryKind) -> Level | None:
        tasks = sum(kind is EntryKind.TASK for kind in kinds)
        spec = self._spec
        is_measured = (spec.method, spec.surrogate_source, spec.dimension) == MEASURED_ON and MAP in spec.facets.names
        if self._weights is None and is_measured:
            if tasks == len(kinds):
                return Level(BETWEEN_TASKS, None)
            return Level(TO_A_TASK if tasks else BETWEEN_MODELS, MAP)
        reached = self._of_tasks(weights_between(spec.facets, *kinds, chosen=self._weights))
        return None if reached is None else Level(reached, None)


def usual_among(facets: Facets, rows: Rows, weights: Mapping[str, float], *, count: int) -> float | None:
    """Return what most pairs of tasks reach, and the best of many strangers; None where tasks are few.

    The nearest is the best of all: strangers are taken to be spread as the lower half of the pairs is, in which there
    are no others, and the best of them to have more than this in one of twenty cases.

    Args:
        facets: of the space.
        rows: (tasks, dimension), as they are compared.
        weights: of the facets.
        count: how many entries there are to be nearest.
    """
    if len(rows) < LEAST_TASKS:
        return None
    alike = ((rows * facets.scale(weights)) @ rows.T)[np.triu_indices(len(rows), 1)]
    low, middle, usual = (float(value) for value in np.quantile(alike, [ONE_DEVIATION_BELOW, 0.5, USUAL]))
    best = middle + NormalDist().inv_cdf(1 - SELDOM / max(count, len(rows))) * (middle - low)
    return min(max(usual, best, LEAST), MOST)


def alike_of(catalog: Catalog, space: SpaceRecord, compared: Similarities) -> NDArray[np.int8]:
    """Return which entries are more alike than unrelated ones get, (n, n): 1 yes, 0 no, -1 where it cannot be told.

    Nothing is alike to a black box that gives nearly always one answer.
    """
    vectors, similarity = compared
    centring, spec = catalog.embeddings.centring(space.id), SpaceSpec.from_document(space.spec)
    of_kind = {
        kind: np.array([name == kind for name in vectors.kinds], bool) for kind in map(EntryKind, set(vectors.kinds))
    }
    rows = centring.centred(vectors.matrix)
    strangers = Strangers(
        spec,
        lambda weights: usual_among(
            centring.facets, _tasks(catalog, space, centring), weights, count=catalog.spaces.counts()[space.name]
        ),
    )
    made = np.full(similarity.shape, -1, np.int8)
    for (one, first), (other, second) in product(of_kind.items(), repeat=2):
        level = strangers.reach(one, other)
        if level is not None:
            pairs = np.ix_(first, second)
            part = None if level.facet is None else centring.facets.segment(level.facet)
            values = similarity[pairs] if part is None else rows[first, part] @ rows[second, part].T
            made[pairs] = values >= level.value
    said = answered(catalog, space, vectors.names)
    silent = np.array([name in said and said[name].is_near_constant for name in vectors.names], bool)
    made[silent] = made[:, silent] = 0
    return made


def _tasks(catalog: Catalog, space: SpaceRecord, centring: Centring) -> Rows:
    """Return the tasks of a space that tell a level, as they are compared, (tasks, dimension); of many the first."""
    ids = catalog.embeddings.ids(space.id, Filter(kinds=(EntryKind.TASK,)), most=MOST_TASKS)
    held = catalog.embeddings.some(ids.tolist())
    rows = [held[number].vector for number in ids.tolist() if number in held]
    return centring.centred(np.stack(rows)) if rows else np.empty((0, space.dimension), np.float32)


def as_told(alike: int) -> bool | None:
    """Return one of `alike_of` as it is told."""
    return None if alike < 0 else bool(alike)
