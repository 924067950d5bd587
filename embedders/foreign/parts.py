"""Which files of a folder make a model: each a plain file of its own, of a size that can be borne."""

import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedders.errors import ModelNotUsableError

CONFIG, GENERATION, TOKENIZER_CONFIG = "config.json", "generation_config.json", "tokenizer_config.json"
SPECIAL_TOKENS, ADDED_TOKENS, INDEX = "special_tokens_map.json", "added_tokens.json", "model.safetensors.index.json"
DOCUMENTS = (CONFIG, GENERATION, TOKENIZER_CONFIG, SPECIAL_TOKENS, ADDED_TOKENS, INDEX)
TOKENIZER, CHAT_TEMPLATE, WHOLE_WEIGHTS = "tokenizer.json", "chat_template.jinja", "model.safetensors"
VOCABULARIES = (  # of all tokenizers that transformers has
    *(TOKENIZER, "spiece.model", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt"),
    *("sentencepiece.bpe.model", "sentencepiece.model", "source.spm", "target.spm", "spm.model", "spm_char.model"),
    *("target_vocab.json", "vocab-src.json", "vocab-tgt.json", "bpe.codes", "dict.txt", "byte_maps.json"),
    *("emoji.json", "entity_vocab.json", "prophetnet.tokenizer"),
)
MOST_OF_A_DOCUMENT, MOST_OF_A_VOCABULARY = 16 * 2**20, 256 * 2**20  # bytes
_SHARD = re.compile(r"\w[\w.-]*\.safetensors")


@dataclass(frozen=True)
class ModelParts:
    """What of a folder is loaded, and nothing else."""

    documents: dict[str, dict[str, Any]]  # by name, as they are in the folder
    vocabularies: dict[str, Path]
    weights: dict[str, Path]


def parts_of(folder: Path) -> ModelParts:
    """Return the files of a model.

    Raises:
        ModelNotUsableError: one is no plain file, lies elsewhere, is too large, cannot be read, or is missing.
    """
    for path in folder.glob("*.safetensors"):
        plain_file(folder, path.name)
    documents = {name: document for name in DOCUMENTS if (document := document_of(folder, name)) is not None}
    names = (*VOCABULARIES, CHAT_TEMPLATE)
    found = {name: plain_file(folder, name, MOST_OF_A_VOCABULARY) for name in names}
    return ModelParts(
        documents, {name: path for name, path in found.items() if path is not None}, _weights(folder, documents)
    )


def plain_file(folder: Path, name: str, most: int | None = None) -> Path | None:
    """Return where a file of a folder lies, None where there is none.

    Args:
        most: bytes that it may have.

    Raises:
        ModelNotUsableError: it is a folder, a device or a pipe, a link that leads elsewhere, or too large.
    """
    path = folder / name
    try:
        place = path.resolve(strict=True)
        state = place.stat()
    except (OSError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return None
        raise ModelNotUsableError(f"{path} cannot be read.") from error
    if not stat.S_ISREG(state.st_mode):
        raise ModelNotUsableError(f"{path} is not a plain file.")
    if not place.is_relative_to(_root(folder)):
        raise ModelNotUsableError(f"{path} is a link that leads out of the folder: put the file itself there.")
    if most is not None and state.st_size > most:
        raise ModelNotUsableError(f"{path} has {state.st_size} bytes, and such a file at most {most}.")
    return place


def read_document(path: Path) -> Any:  # noqa: ANN401 - whatever a JSON file holds
    """Return what a JSON file holds; raise `ModelNotUsableError` where it is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelNotUsableError(f"{path} is not a JSON file that can be read.") from error


def _root(folder: Path) -> Path:
    """Return the folder that links may not leave: the hub's client keeps files beside its snapshots of a model."""
    place = folder.resolve()
    return place.parent.parent if place.parent.name == "snapshots" else place


def document_of(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the object in a JSON file of a folder, None where there is none; raise `ModelNotUsableError`."""
    if plain_file(folder, name, MOST_OF_A_DOCUMENT) is None:
        return None
    document = read_document(folder / name)
    if not isinstance(document, dict):
        raise ModelNotUsableError(f"{folder / name} is not an object.")
    return document


def _weights(folder: Path, documents: dict[str, dict[str, Any]]) -> dict[str, Path]:
    """Return the files that transformers takes a folder's weights from: the whole, or the shards that its index names.

    An index that is of no use, because the weights are whole, is taken out of the documents.
    """
    whole = plain_file(folder, WHOLE_WEIGHTS)
    if whole is not None:
        documents.pop(INDEX, None)
        return {WHOLE_WEIGHTS: whole}
    if INDEX not in documents:
        raise ModelNotUsableError(f"{folder} holds neither {WHOLE_WEIGHTS} nor {INDEX}.")
    named = documents[INDEX].get("weight_map")
    if not isinstance(named, dict) or not named:
        raise ModelNotUsableError(f"{folder / INDEX} has no weight_map that names the weights' files.")
    found = {}
    for name in sorted({str(name) for name in named.values()}):
        if not _SHARD.fullmatch(name):
            raise ModelNotUsableError(f"{folder / INDEX} names {name[:80]!r}, which is no .safetensors file beside it.")
        place = plain_file(folder, name)
        if place is None:
            raise ModelNotUsableError(f"{folder} lacks {name}, which its index names.")
        found[name] = place
    return found
