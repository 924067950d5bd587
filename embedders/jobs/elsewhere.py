"""Where else can a black box be embedded, whose answers do not cover the texts of a space?"""

from embedders.errors import NotCoveredError
from embedders.predictors.contract import Predictor
from registry import Registry
from registry.catalog import SpaceRecord


def spaces_covered(registry: Registry, predictor: Predictor) -> list[str]:
    """Return the names of the spaces whose texts a black box can answer."""
    return [space.name for space in registry.catalog.spaces.all() if _is_covered(registry, space, predictor)]


def _is_covered(registry: Registry, space: SpaceRecord, predictor: Predictor) -> bool:
    if space.corpus_version_id is None:
        return False
    try:
        predictor.answerable(registry.corpus_inputs(registry.catalog.entries.by_version_id(space.corpus_version_id)))
    except NotCoveredError:
        return False
    return True
