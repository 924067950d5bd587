"""Registering black boxes. Nothing of them is loaded or run."""

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path

from embedders.errors import ModelNotUsableError, SettingError
from embedders.predictors.endpoint.addresses import checked_key_name, checked_url
from embedders.predictors.endpoint.client import Limits
from embedders.predictors.functions import check_named, function_hash
from embedders.predictors.gguf_files import SMOLLM2, check_decoder, checkpoint_path
from embedders.predictors.heads import head_of, settled_labels
from embedders.surrogate.weights import MINILM, identity
from registry import Registry
from registry.catalog import EntryRecord
from registry.data.models import HeadKind, ModelSpec
from registry.names import in_order
from registry.shown import holds_secret

log = logging.getLogger("registry")
MOST_MODEL_ID = 300  # characters
_PACKAGED = (MINILM, SMOLLM2)
_HUB_ID = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def hf_model(
    registry: Registry,
    name: str,
    source: str,
    *,
    revision: str | None = None,
    labels: Sequence[str] | None = None,
    range: tuple[float, float] | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> EntryRecord:
    """Register a checkpoint: a folder, `minilm`, `smollm2`, or a hub id pinned to a commit, looked into when asked.

    Its config says what it answers with: sequence classifiers (encoders and decoders) with their labels,
    regressions with a number, text-to-text models with the likeliest of `labels`, readers with spans of a passage.
    Language models, text-to-text models without `labels` and sentence encoders answer under a prompt, MODEL@PROMPT.

    Args:
        labels: the texts of the answers. A classifier may name them itself; a text-to-text model chooses from them;
            of a regression, what a low and a high number mean.
        range: of a regression, the numbers that its two labels stand for.

    Raises:
        ModelNotUsableError: it is not there, has no head that answers, is not pinned, or its labels have no names.
        SettingError: labels or range do not fit it.
    """
    head, labels = None, None if labels is None else in_order(labels, "labels")
    if Path(source).exists() or source in _PACKAGED:
        path = checkpoint_path(source)
        head = HeadKind.CAUSAL_LM if path.is_file() else head_of(path, labels)
        labels = settled_labels(path, head, labels, range, source=source)
        content = weights = identity(path)
        source = source if source in _PACKAGED else str(Path(source).resolve())
    else:
        _check_pinned(source, revision)
        content, weights = f"{source}@{revision}", None
    settled = tuple(labels or ())
    spec = ModelSpec.checkpoint(
        source, head=head, revision=revision, labels=settled, identity=weights, range=range or None
    )
    parts = [content, *settled, *map(repr, map(float, range or ()))]
    content_hash = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return registry.add_model(name, spec.as_document(), content_hash=content_hash, tags=tags, replace=replace)


def gguf_model(
    registry: Registry,
    name: str,
    source: str,
    file: str,
    *,
    revision: str | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> EntryRecord:
    """Register a language model in one GGUF file, weights and tokenizer. It answers under a prompt, MODEL@PROMPT.

    Args:
        source: the folder that the file lies in, or a hub id pinned to a commit, looked into when it is asked.
        file: the file's name, without a path. Nothing else of the folder is read.

    Raises:
        ModelNotUsableError: it is not there, is not pinned, is damaged, or is no decoder.
        MissingExtraError: the package gguf, which reads such files, is missing.
    """
    if Path(source).exists() or source in _PACKAGED:
        path = checkpoint_path(source, gguf=file)
        check_decoder(path)
        content = weights = identity(path)
        source = str(Path(source).resolve())
    else:
        _check_pinned(source, revision)
        content, weights = f"{source}@{revision}/{file}", None
    spec = ModelSpec.checkpoint(source, head=HeadKind.CAUSAL_LM, revision=revision, identity=weights, gguf=file)
    content_hash = hashlib.sha256(content.encode()).hexdigest()
    return registry.add_model(name, spec.as_document(), content_hash=content_hash, tags=tags, replace=replace)


def _check_pinned(source: str, revision: str | None) -> None:
    if not _HUB_ID.fullmatch(source):
        raise ModelNotUsableError(f"{source[:200]} is not a folder, nor the id of a model of the hub, org/name.")
    if revision is None or not _COMMIT.fullmatch(revision):
        raise ModelNotUsableError(
            f"{source} is not a folder; a model of the hub needs --revision with its full commit hash."
        )


def endpoint_model(
    registry: Registry,
    name: str,
    url: str,
    *,
    model: str | None,
    key_env: str | None = None,
    limits: Limits | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> EntryRecord:
    """Register a language model behind an OpenAI-compatible endpoint. It is not asked before its prompts are embedded.

    Args:
        url: what `/completions` and `/chat/completions` follow, such as http://localhost:8000/v1; it may end in
            Azure's `?api-version=...`.
        model: what the endpoint calls the model.
        key_env: the name of the environment variable that holds the key. The key itself is never stored.

    Raises:
        SettingError: the URL, the model or the name of the variable is not usable.
    """
    if model is None or not model.strip() or not model.isprintable() or len(model) > MOST_MODEL_ID:
        raise SettingError("An endpoint needs what it calls its model: --model-id ID.")
    if holds_secret(model):
        raise SettingError("--model-id seems to be a key, which would be stored: give what the server calls the model.")
    spec = ModelSpec.endpoint(
        checked_url(url).whole, model=model, key_env=checked_key_name(key_env), limits=(limits or Limits()).spec()
    ).as_document()
    content_hash = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    return registry.add_model(name, spec, content_hash=content_hash, tags=tags, replace=replace)


def function_model(
    registry: Registry, name: str, target: str, *, tags: Sequence[str] = (), replace: bool = False
) -> EntryRecord:
    """Register a Python function, `module:callable`: texts in, for each a label or {label: probability} out.

    A pair of texts reaches the function as one text, with a line break between.
    """
    spec = ModelSpec.function(target).as_document()
    content_hash = function_hash(target)
    check_named(target)
    return registry.add_model(name, spec, content_hash=content_hash, tags=tags, replace=replace)
