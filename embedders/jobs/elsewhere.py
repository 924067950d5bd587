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
        """Return the names of the spaces whose texts a black box can answer, the one of most such texts first."""
        spaces = self._registry.catalog.spaces.all()
        counts = {s.name: _answered(predictor, self._texts(s.corpus_version_id)) for s in spaces if s.corpus_version_id}
        return sorted((name for name, count in counts.items() if count), key=lambda name: (-counts[name], name))

    def _read(self, corpus_version_id: int) -> list[Input]:
        return self._registry.corpus_inputs(self._registry.catalog.entries.by_version_id(corpus_version_id))


def _answered(predictor: Predictor, texts: Sequence[Input]) -> int:
    """Return how many texts a black box can answer; 0 where these are too few."""
    try:
        return len(predictor.answerable(texts))
    except NotCoveredError:
        return 0
