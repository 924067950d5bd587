"""Tiny checkpoints that answer: the families of tiny_families.py, and BART, with a head of random weights."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from tiny import HIDDEN, LAYERS
from tiny_families import tiny_family

from embedders.hardware.devices import quiet_transformers


def tiny_box(
    folder: Path,
    family: str,
    architecture: str,
    *,
    labels: Sequence[str] | None = None,
    outputs: int | None = None,
    seed: int = 0,
) -> Path:
    """Save a checkpoint of a family with a head, and return the folder.

    Args:
        family: one of `FAMILIES`, or `bart`.
        architecture: the class of transformers that it is saved by, such as `GPT2ForSequenceClassification`.
        labels: of a classifier, the names of its outputs.
        outputs: of a classifier, how many there are where they have no names.
    """
    tiny_family(folder, "t5" if family == "bart" else family, seed=seed)
    config = _bart() if family == "bart" else transformers.AutoConfig.from_pretrained(folder)
    if labels is not None:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
    elif outputs is not None:
        config.num_labels = outputs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, architecture)(config)
    with quiet_transformers():
        model.eval().save_pretrained(folder)
    return folder


def _bart() -> transformers.BartConfig:
    """Return a BART of two layers for T5's tokenizer, which ends each text."""
    size = {"d_model": HIDDEN, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    layers = {"encoder_layers": LAYERS, "decoder_layers": LAYERS}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
    ends = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 3}
    return transformers.BartConfig(
        vocab_size=256, max_position_embeddings=256, init_std=0.2, **size, **layers, **heads, **ends
    )


def edit_config(folder: Path, **changes: Any) -> None:  # noqa: ANN401 - JSON
    """Change what a checkpoint says of itself."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def loaded(folder: Path, auto: str) -> tuple[Any, Any]:
    """Return a checkpoint's tokenizer and model, as transformers loads them by the name of an auto class."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return tokenizer, getattr(transformers, auto).from_pretrained(folder).eval()
