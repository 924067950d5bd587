"""Where else can a black box be embedded, whose answers do not cover the texts of a space?"""

from collections.abc import Sequence
from functools import cache

from embedders.errors import NotCoveredError
from embedders.predictors.contract import Predictor
from registry import Registry
from registry.data.inputs import Input


class Elsewhere:
    """The texts of all spaces, read once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._texts = cache(self._read)

    def spaces(self, predictor: Predictor) -> list[str]:
        """Return the names of the spaces whose texts a black box can answer."""
        return [
            space.name
            for space in self._registry.catalog.spaces.all()
            if space.corpus_version_id is not None and _covers(predictor, self._texts(space.corpus_version_id))
        ]

    def _read(self, corpus_version_id: int) -> list[Input]:
        return self._registry.corpus_inputs(self._registry.catalog.entries.by_version_id(corpus_version_id))


def _covers(predictor: Predictor, texts: Sequence[Input]) -> bool:
    try:
        predictor.answerable(texts)
    except NotCoveredError:
        return False
    return True
