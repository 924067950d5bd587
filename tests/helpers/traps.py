"""Folders with models that are set as traps: each edit would run code, fetch something, hang or read another file."""

import json
import os
import pickle
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

Trap = Callable[[Path, Path], None]  # given a model's folder, and a canary that nothing may write


class Canary:
    """Unpickled, it opens a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self._path), "w")


def put(folder: Path, name: str, body: bytes) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_bytes(body)


def with_fields(name: str, **fields: Any) -> Trap:  # noqa: ANN401 - JSON
    """Return a trap that sets fields of a JSON file; code that they name lies beside."""

    def spring(folder: Path, canary: Path) -> None:
        put(folder, "evil.py", f"open({str(canary)!r}, 'w').close()\nclass Evil: ...\n".encode())
        path = folder / name
        known = json.loads(path.read_text()) if path.exists() else {}
        put(folder, name, json.dumps({**known, **fields}).encode())

    return spring


def with_pattern(part: str, made: Any) -> Trap:  # noqa: ANN401 - JSON
    def spring(folder: Path, _: Path) -> None:
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        put(folder, "tokenizer.json", json.dumps({**tokenizer, part: made}).encode())

    return spring


def split_at(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def pickled(name: str, folder: Path, canary: Path) -> None:
    put(folder, name, pickle.dumps(Canary(canary)))


def pipe(name: str, folder: Path, _: Path) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)


def a_folder(name: str, folder: Path, _: Path) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()


def linked(name: str, target: str, folder: Path, canary: Path) -> None:
    """Put the file elsewhere, or something else in its place, and a link to that."""
    outside = canary.with_name(name)
    if not target:
        outside.write_bytes((folder / name).read_bytes())
    (folder / name).unlink()
    (folder / name).symlink_to(target or outside)


def text(name: str, body: bytes, folder: Path, _: Path) -> None:
    put(folder, name, body)


def indexed(named: str, folder: Path, canary: Path) -> None:
    """Let an index name other weights than those that there are."""
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    pickled("pytorch_model.bin", folder, canary)
    put(folder, "model.safetensors.index.json", json.dumps({"weight_map": {"a": named}, "metadata": {}}).encode())


def unsafe_alone(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").unlink()
    pickled("pytorch_model.bin", folder, canary)


def adapter_alone(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    with_fields("adapter_config.json", **ADAPTER)(folder, canary)


def lying(shape: list[int], end: int, folder: Path, _: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}).encode()
    put(folder, "model.safetensors", struct.pack("<Q", len(header)) + header + b"\0" * 16)


def template_pipe(folder: Path, canary: Path) -> None:
    (folder / "additional_chat_templates").mkdir()
    pipe("evil.jinja", folder / "additional_chat_templates", canary)


CODE = {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil", "AutoModelForSequenceClassification": "evil.Evil"}
ADAPTER = {
    **{"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 2, "base_model_name_or_path": "org/other"},
    **{"megatron_core": "evil", "megatron_config": {}, "auto_mapping": {"parent_library": "evil"}, "auto_map": CODE},
    **{"tokenizer_kwargs": {"trust_remote_code": True}, "loftq_config": {"a": "evil"}, "corda_config": {"a": "evil"}},
}
_CONFIG = {  # by what is set
    **{"code": {"auto_map": CODE}, "code inside": {"text_config": {"auto_map": CODE}}},
    **{"pipelines": {"custom_pipelines": {"a": {"impl": "evil.Evil"}}}, "packed": {"quantization_config": {"a": 1}}},
    **{"a kernel": {"_attn_implementation": "org/kernel"}, "its name": {"attn_implementation": "org/kernel"}},
    **{"inside": {"_attn_implementation_internal": "org/kernel"}, "experts": {"_experts_implementation": "org/x"}},
    **{
        "kernels": {"use_kernels": True},
        "which": {"kernel_config": {"a": "org/x"}},
        "trust": {"trust_remote_code": True},
    },
    **{
        "revision": {"code_revision": "main"},
        "a base": {"base_model_name_or_path": "org/x"},
        "mapping": {"auto_mapping": {"parent_library": "evil"}},
    },
    **{
        "megatron": {"megatron_core": "evil"},
        "kwargs": {"tokenizer_kwargs": {"a": 1}},
        "loftq": {"loftq_config": {"a": 1}},
    },
    **{
        "a loader as a type": {"torch_dtype": "load"},
        "its own field": {"__class__": "evil"},
        "gguf": {"gguf_file": "x"},
    },
    **{"layers": {"num_hidden_layers": 10_000_000}, "width": {"hidden_size": 10**9}, "words": {"vocab_size": 10**12}},
    **{
        "positions": {"max_position_embeddings": 10**12},
        "heads": {"num_attention_heads": 10**7},
        "inner": {"intermediate_size": 10**9},
    },
    **{
        "unknown": {"mystery": 10**11},
        "inside it": {"text_config": {"num_layers": 10**7}},
        "a text": {"num_hidden_layers": "12"},
    },
    **{"negative": {"hidden_size": -32}, "a backbone": {"backbone": "org/x"}, "model type": {"model_type": ["bert"]}},
}
REFUSED: dict[str, Trap] = {
    **{f"config: {name}": with_fields("config.json", **fields) for name, fields in _CONFIG.items()},
    "config: deep": partial(text, "config.json", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "config: nested": partial(text, "config.json", b'{"a":' * 50 + b"1" + b"}" * 50),
    "config: large": partial(text, "config.json", b'{"a": "' + b"x" * 17 * 2**20 + b'"}'),
    "config: a pipe": partial(pipe, "config.json"),
    "config: a folder": partial(a_folder, "config.json"),
    "config: a device": partial(linked, "config.json", "/dev/zero"),
    "config: elsewhere": partial(linked, "config.json", ""),
    "weights: a pipe": partial(pipe, "model.safetensors"),
    "weights: elsewhere": partial(linked, "model.safetensors", ""),
    "weights: a pipe beside": partial(pipe, "more.safetensors"),
    "weights: long header": partial(text, "model.safetensors", struct.pack("<Q", 2**60) + b"{}"),
    "weights: a lying shape": partial(lying, [10**9, 10**9], 16),
    "weights: a lying end": partial(lying, [2, 2], 10**15),
    "weights: pickled": unsafe_alone,
    "index: pickled": partial(indexed, "pytorch_model.bin"),
    "index: upwards": partial(indexed, "../model.safetensors"),
    "index: absolute": partial(indexed, "/etc/model.safetensors"),
    "index: missing": partial(indexed, "model-2.safetensors"),
    "tokenizer: code": with_fields("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]}),
    "tokenizer: a class": with_fields("tokenizer_config.json", tokenizer_class="evil.Evil"),
    "tokenizer: files": with_fields("tokenizer_config.json", fast_tokenizer_files=["/etc/passwd"]),
    "tokenizer: inputs": with_fields("tokenizer_config.json", init_inputs=["/etc/passwd"]),
    "tokenizer: a base": with_fields("tokenizer_config.json", base_model_name_or_path="org/other"),
    "tokenizer: a pipe": partial(pipe, "tokenizer.json"),
    "tokenizer: deep": partial(text, "tokenizer.json", b"[" * 100_000),
    "tokenizer: a doubling": with_pattern("pre_tokenizer", split_at("(a+)+$")),
    "tokenizer: a choice": with_pattern("pre_tokenizer", {"type": "Sequence", "pretokenizers": [split_at("(a|a)*$")]}),
    "tokenizer: what was found": with_pattern("pre_tokenizer", split_at(r"(.+)\1\1")),
    "tokenizer: many": with_pattern("pre_tokenizer", split_at(r"\w*\w*\w*\w*\w*$")),
    "tokenizer: replaced": with_pattern(
        "normalizer", {"type": "Replace", "pattern": {"Regex": r"([a-z]+\s?)+x"}, "content": ""}
    ),
    "added tokens: no numbers": partial(text, "added_tokens.json", b'{"<a>": "x"}'),
    "generation: no token": with_fields("generation_config.json", **{"eos_token_id": "evil"}),
    "an adapter alone": adapter_alone,
}
HARMLESS: dict[str, Trap] = {  # what is no part of a model is not seen by those that load it
    "an adapter beside": with_fields("adapter_config.json", **ADAPTER),
    "pickled weights beside": partial(pickled, "pytorch_model.bin"),
    "pickled arguments": partial(pickled, "training_args.bin"),
    "a processor's code": with_fields("processor_config.json", auto_map={"AutoProcessor": "evil.Evil"}),
    "a feature extractor's code": with_fields("preprocessor_config.json", auto_map={"AutoImageProcessor": "evil.Evil"}),
    "another way to generate": with_fields("generation_config.json", custom_generate="org/evil", do_sample=True),
    "another model's name": with_fields("config.json", _name_or_path="org/other"),
    "the usual attention": with_fields("config.json", _attn_implementation="flash_attention_2"),
    "a tokenizer's file": with_fields(
        "tokenizer_config.json", vocab_file="/dev/zero", special_tokens_map_file="/dev/zero"
    ),
    "a file of a kind inside": with_fields("tokenizer_config.json", sp_model_kwargs={"model_file": "/dev/zero"}),
    "an index beside the whole": with_fields("model.safetensors.index.json", weight_map={"a": "../pytorch_model.bin"}),
    "a template that is a pipe": template_pipe,
    "a pipe beside": partial(pipe, "tekken.json"),
}
