"""Everything that turns a task or a black box into a vector. Loads torch only when it embeds."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedders.black_boxes.live import live_model
    from embedders.black_boxes.recorded import recorded_model, space_of_texts
    from embedders.black_boxes.registering import endpoint_model, function_model, gguf_model, hf_model
    from embedders.black_boxes.witnesses import read_texts
    from embedders.jobs.runs import EmbedReport, embed
    from embedders.spaces import create_space

__all__ = [
    "EmbedReport",
    "create_space",
    "embed",
    "endpoint_model",
    "function_model",
    "gguf_model",
    "hf_model",
    "live_model",
    "read_texts",
    "recorded_model",
    "space_of_texts",
]

_HOMES = {
    "EmbedReport": "embedders.jobs.runs",
    "create_space": "embedders.spaces",
    "embed": "embedders.jobs.runs",
    "endpoint_model": "embedders.black_boxes.registering",
    "function_model": "embedders.black_boxes.registering",
    "gguf_model": "embedders.black_boxes.registering",
    "hf_model": "embedders.black_boxes.registering",
    "live_model": "embedders.black_boxes.live",
    "read_texts": "embedders.black_boxes.witnesses",
    "recorded_model": "embedders.black_boxes.recorded",
    "space_of_texts": "embedders.black_boxes.recorded",
}


if not TYPE_CHECKING:  # else a name that is not there would pass for one that can be anything

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used."""
        if name not in _HOMES:
            raise AttributeError(f"module 'embedders' has no attribute {name!r}")
        from importlib import import_module

        from embedders.hardware.threads import sleep_while_waiting

        sleep_while_waiting()  # before anything of ours can load torch
        return getattr(import_module(_HOMES[name]), name)
