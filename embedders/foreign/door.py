"""The one door for models that others made: what transformers is shown of a folder, and which model that is.

What is shown is what was looked at, and what was looked at is the model's identity: nothing else is loaded.
"""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedders.foreign.fields import settled
from embedders.foreign.parts import CONFIG, TOKENIZER, ModelParts, parts_of
from embedders.foreign.patterns import check_patterns
from embedders.foreign.sizes import check_sizes

WHOLE = "whole-"  # begins an identity of all that is loaded; those of earlier releases are of weights and vocabulary


def looked_at(folder: Path) -> ModelParts:
    """Return what of a folder is loaded, its documents as transformers is to see them.

    Raises:
        ModelNotUsableError: something in it would run code, fetch something, take for ever, or is not what it seems.
    """
    parts = parts_of(folder)
    documents = settled(parts.documents, folder)
    check_sizes(documents.get(CONFIG, {}), parts.weights.values(), folder)
    if TOKENIZER in parts.vocabularies:
        check_patterns(parts.vocabularies[TOKENIZER])
    return ModelParts(documents, parts.vocabularies, parts.weights)


def whole_identity(folder: Path) -> str:
    """Return the sha256 of all that is loaded of a folder: the same wherever it lies, and whoever saved it."""
    parts = looked_at(folder)
    hashes = {name: hashlib.sha256(_body(document)).hexdigest() for name, document in parts.documents.items()}
    hashes |= {name: sha256_of(path) for name, path in {**parts.vocabularies, **parts.weights}.items()}
    return WHOLE + hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Path]:
    """Show a model in a folder of its own, for as long as it is loaded: what else lies beside it has no say.

    Raises:
        ModelNotUsableError: see `looked_at`.
    """
    parts = looked_at(folder)
    with tempfile.TemporaryDirectory(prefix="fute-") as place:
        for name, document in parts.documents.items():
            Path(place, name).write_bytes(_body(document))
        for name, path in {**parts.vocabularies, **parts.weights}.items():
            Path(place, name).symlink_to(path)
        yield Path(place)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _body(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
