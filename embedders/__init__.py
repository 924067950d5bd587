"""Everything that turns a task or a black box into a vector. Loads torch only when it embeds."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedders.engine import EmbedReport, embed
    from embedders.predictors import endpoint_model, function_model, hf_model, recorded_model
    from embedders.spaces import create_space

__all__ = ["EmbedReport", "create_space", "embed", "endpoint_model", "function_model", "hf_model", "recorded_model"]

_HOMES = {
    "EmbedReport": "embedders.engine",
    "create_space": "embedders.spaces",
    "embed": "embedders.engine",
    "endpoint_model": "embedders.predictors",
    "function_model": "embedders.predictors",
    "hf_model": "embedders.predictors",
    "recorded_model": "embedders.predictors",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute can be anything
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'embedders' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
