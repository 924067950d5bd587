"""The catalog, the vector spaces, the index and the ranking. Never imports torch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.catalog.records import Filter
    from registry.choosing.best import PromptQuery
    from registry.ranking.matches import Comparison, Match, Ranking
    from registry.registry import Registry

__all__ = ["Comparison", "Filter", "Match", "PromptQuery", "Ranking", "Registry"]
__version__ = "0.4.0"

_HOMES = {
    "Filter": "registry.catalog.records",
    "Registry": "registry.registry",
    "PromptQuery": "registry.choosing.best",
    "Comparison": "registry.ranking.matches",
    "Match": "registry.ranking.matches",
    "Ranking": "registry.ranking.matches",
}


if not TYPE_CHECKING:  # else a name that is not there would pass for one that can be anything

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used, so that `fute --help` loads none of them."""
        if name not in _HOMES:
            raise AttributeError(f"module 'registry' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
