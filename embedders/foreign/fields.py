"""Which fields of a model's documents may reach the libraries that load it, and with what values."""

import re
from pathlib import Path
from typing import Any

from embedders.errors import ModelNotUsableError
from embedders.foreign.parts import ADDED_TOKENS, CONFIG, GENERATION, INDEX, SPECIAL_TOKENS, TOKENIZER_CONFIG

Document = dict[str, Any]

_OWN_CODE = ("auto_map", "custom_pipelines", "custom_generate")
_REFUSED = {  # what a field would do, if it were obeyed
    **dict.fromkeys(_OWN_CODE, "brings code of its own ({}), which is never run"),
    **dict.fromkeys(("quantization_config", "compression_config"), "has packed weights ({}): save them unpacked"),
    **dict.fromkeys(
        (
            *("attn_implementation", "experts_implementation", "use_kernels", "kernel_config", "kernels"),
            *("trust_remote_code", "code_revision", "revision", "auto_mapping", "parent_library"),
            *("megatron_config", "megatron_core", "tokenizer_kwargs", "loftq_config", "corda_config", "eva_config"),
            *("base_model_name_or_path", "pretrained_model_name_or_path", "gguf_file", "cache_dir", "subfolder"),
            *("use_auth_token", "proxies", "force_download", "fast_tokenizer_files", "init_inputs"),
            *("use_timm_backbone", "use_pretrained_backbone", "backbone", "mistral_format"),
        ),
        "has the field {}, which would have other files or code loaded: take it out",
    ),
}
_TRACES = (  # of the program that saved the model: they change nothing, and nobody sees them
    *("_name_or_path", "name_or_path", "transformers_version", "_attn_implementation_autoset", "processor_class"),
    *("is_local", "local_files_only", "task_specific_params", "_commit_hash", "_from_auto"),
    *("_diffusers_version", "gradient_checkpointing"),
)
_ATTENTION = ("_attn_implementation", "_attn_implementation_internal")
_USUAL_ATTENTION = (None, "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")
_VERSION_MATTERS = ("mistral", "voxtral", "pixtral")  # whose tokenizers are mended by it
_PATHS = re.compile(r".*_(file|files|path|dir)")  # on the machine that saved a model
_PRECISIONS = (None, "auto", "float16", "bfloat16", "float32", "float64")
_FREE_NAMES = ("id2label", "label2id", "added_tokens_decoder")  # whose keys are the model's own words
_NO_NUMBERS = [{"__float__": name} for name in ("Infinity", "-Infinity", "NaN")]  # as transformers 5 writes them
_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_ENDS = ("eos_token_id", "pad_token_id", "bos_token_id", "decoder_start_token_id", "forced_bos_token_id")
MOST_DEPTH = 16


def settled(documents: dict[str, Document], folder: Path) -> dict[str, Document]:
    """Return a model's documents as transformers is to see them: without what changes nothing.

    Raises:
        ModelNotUsableError: a field would run code, fetch something or read another file, or has no sensible value.
    """
    readers = {
        CONFIG: _config,
        GENERATION: _generation,
        TOKENIZER_CONFIG: _tokenizer,
        SPECIAL_TOKENS: _tokenizer,
        ADDED_TOKENS: _added_tokens,
        INDEX: _index,
    }
    return {name: readers[name](document, str(folder / name)) for name, document in documents.items()}


def _config(document: Document, place: str) -> Document:
    kept = _walked(document, place, MOST_DEPTH)
    kind = kept.get("model_type", "")
    if not isinstance(kind, str):
        raise ModelNotUsableError(f"{place}: model_type is not a text.")
    version = document.get("transformers_version")
    if isinstance(version, str) and any(name in kind for name in _VERSION_MATTERS):
        kept["transformers_version"] = version
    return kept


def _tokenizer(document: Document, place: str) -> Document:
    kept: Document = _walked(document, place, MOST_DEPTH)
    kind = kept.get("tokenizer_class")
    if kind is not None and (not isinstance(kind, str) or not _CLASS.fullmatch(kind)):
        raise ModelNotUsableError(f"{place}: tokenizer_class is not the name of one.")
    return kept


def _generation(document: Document, place: str) -> Document:
    """Return where a model begins and ends a text; all else that it recommends is of no account here."""
    kept = {name: document[name] for name in _ENDS if document.get(name) is not None}
    for name, value in kept.items():
        numbers = value if isinstance(value, list) else [value]
        if not all(type(number) is int for number in numbers):
            raise ModelNotUsableError(f"{place}: {name} is not the number of a token.")
    return kept


def _added_tokens(document: Document, place: str) -> Document:
    if not all(type(number) is int for number in document.values()):
        raise ModelNotUsableError(f"{place} does not give a number to each token.")
    return document


def _index(document: Document, place: str) -> Document:
    del place
    return {"metadata": {}, "weight_map": document["weight_map"]}


def _walked(value: Any, place: str, depth: int, field: str = "") -> Any:  # noqa: ANN401 - a value of a JSON document
    """Return a value without the traces of the program that saved it; raise where a field in it is refused."""
    if depth == 0:
        raise ModelNotUsableError(f"{place}: {field} is nested more than {MOST_DEPTH} deep.")
    if isinstance(value, list):
        return [_walked(one, place, depth - 1, field) for one in value]
    if not isinstance(value, dict) or value in _NO_NUMBERS:
        return value
    if field in _FREE_NAMES:
        return {name: _walked(inner, place, depth - 1) for name, inner in value.items()}
    kept = {}
    for name, inner in value.items():
        _check_field(name, inner, place)
        is_path = _PATHS.fullmatch(name) and isinstance(inner, str | list)
        if not is_path and name not in (*_TRACES, *_ATTENTION):
            kept["dtype" if name == "torch_dtype" else name] = _walked(inner, place, depth - 1, name)
    return kept


def _check_field(name: str, value: object, place: str) -> None:
    if name in _REFUSED and value:
        raise ModelNotUsableError(f"{place} {_REFUSED[name].format(name)}.")
    if name in _ATTENTION and value not in _USUAL_ATTENTION:
        raise ModelNotUsableError(f"{place} has {name} {str(value)[:80]!r}, which would have code fetched and run.")
    is_hidden = name.startswith("__") or (name.startswith("_") and not isinstance(value, bool | int | float | None))
    if is_hidden and name not in (*_TRACES, *_ATTENTION, "__type"):
        raise ModelNotUsableError(f"{place} has the field {name[:80]!r}, which is the library's own: take it out.")
    if name in ("torch_dtype", "dtype") and value not in _PRECISIONS:
        raise ModelNotUsableError(f"{place}: {name} {str(value)[:80]!r} is not one of float16, bfloat16 and float32.")
