"""What a black box is, as the catalog describes it."""

from collections.abc import Mapping
from typing import Any

RECORDED = "recorded-llm"  # an LLM of which only the answers under its own prompts are known
LANGUAGE_MODELS = ("causal-lm", "seq2seq-lm", "sentence-encoder")  # heads that answer under a prompt alone


def is_language_model(spec: Mapping[str, Any]) -> bool:
    """Say whether a model answers under a prompt alone, by its description."""
    return spec.get("type") in (RECORDED, "endpoint") or spec.get("head") in LANGUAGE_MODELS
