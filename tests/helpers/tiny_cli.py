"""Small things that the tests of the program share: a tiny surrogate, tiny tasks, and a look at the store."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from behind import everything
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from safetensors.numpy import save_file
from waiting import LIMIT

import cli
from registry import Registry
from registry.catalog import SpaceRecord
from registry.catalog.jobs import Shift, Worker
from registry.formats.tasks import read_task
from registry.location import located
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

FUTE = str(Path(sys.executable).parent / "fute")

HIDDEN, LAYERS = 16, 1
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (
    *("a", "the", "film", "book", "meal", "goal", "team", "bank", "loan", "price", "rain", "wind", "song", "very"),
    *("good", "bad", "fine", "dull", "late", "early", "warm", "cold", "cheap", "dear", "won", "lost", "is", "not"),
    *("positive", "negative", "sport", "money", "yes", "no"),
)
LABELS = (("negative", "positive"), ("yes", "no"), ("good", "bad"), ("sport", "money"))


def run(*arguments: str | Path) -> Result:
    """Run a command in this very process."""
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def told(*arguments: str | Path) -> tuple[int, str]:
    """Return the exit code, and stdout followed by stderr."""
    result = run(*arguments)
    return result.exit_code, result.stdout + result.stderr


def tiny_bert(folder: Path) -> Path:
    """Write a BERT of one layer with seeded random weights, whole, without torch."""
    folder.mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(vocabulary),
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "intermediate_size": 2 * HIDDEN,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_file(_weights(len(vocabulary)), folder / "model.safetensors", metadata={"format": "pt"})
    special = [
        {"id": i, "content": word, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for i, word in enumerate(SPECIAL)
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    names = {f"{word.strip('[]').lower()}_token": word for word in SPECIAL}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def _weights(words: int) -> dict[str, NDArray[np.float32]]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (words, HIDDEN),
        "embeddings.position_embeddings.weight": (64, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "pooler.dense.weight": (HIDDEN, HIDDEN),
        "pooler.dense.bias": (HIDDEN,),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= {f"{layer}.{part}.weight": (HIDDEN, HIDDEN), f"{layer}.{part}.bias": (HIDDEN,)}
        shapes |= {f"{layer}.intermediate.dense.weight": (2 * HIDDEN, HIDDEN)}
        shapes |= {f"{layer}.intermediate.dense.bias": (2 * HIDDEN,)}
        shapes |= {f"{layer}.output.dense.weight": (HIDDEN, 2 * HIDDEN), f"{layer}.output.dense.bias": (HIDDEN,)}
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    random = np.random.default_rng(0)
    weights = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= {f"{norm}.weight": np.ones(HIDDEN, np.float32) for norm in norms}
    return weights | {f"{norm}.bias": np.zeros(HIDDEN, np.float32) for norm in norms}


def tiny_rows(number: int, examples: int = 12) -> list[dict[str, str]]:
    """Return labelled examples that differ from task to task."""
    random = np.random.default_rng(number)
    rows = []
    for i in range(examples):
        words = random.choice(WORDS, 5).tolist()
        rows.append({"text": f"the {' '.join(words)}", "label": LABELS[number % len(LABELS)][i % 2]})
    return rows


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_task(folder: Path, number: int, examples: int = 12) -> Path:
    """Write a task folder."""
    folder.mkdir(parents=True)
    (folder / "task.json").write_text(
        json.dumps({"name": folder.name, "kind": "classification", "labels": LABELS[number % len(LABELS)]})
    )
    write_rows(folder / "train.jsonl", tiny_rows(number, examples))
    return folder


def dump(folder: Path) -> str:
    """Return the hash of everything that the catalog of a registry folder holds."""
    location = located(folder)
    if not location.is_folder:  # `--postgresql`: it stands for a server's
        return hashlib.sha256("\n".join(everything(location)).encode()).hexdigest()
    connection = sqlite3.connect(f"file:{folder / 'catalog.db'}?mode=ro", uri=True)
    try:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()
    finally:
        connection.close()


def fute(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run(
        [FUTE, *map(str, arguments)],
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def hand_made_space(registry: Registry, name: str, dimension: int = 8) -> SpaceRecord:
    """Add a space of one facet, as if a surrogate had made it."""
    spec = SpaceSpec("0" * 64, "by-hand", "textemb", {}, (Facet("inputs", dimension),), None)
    return registry.add_space(name, spec, corpus=None)


def put_vector(registry: Registry, task: str, space: SpaceRecord, seed: int) -> NDArray[np.float32]:
    """Give a task a seeded random vector in a space, and return it."""
    vector = unit(np.random.default_rng(seed).normal(size=space.dimension).astype(np.float32))
    registry.catalog.embeddings.put(registry.catalog.entries.get(task).version_id, space, vector, {})
    return vector


def shift_of(registry: Registry) -> Shift:
    """Return a worker's shift that is not renewed, and is seen to have gone by any other."""
    return Shift(registry.catalog.database, Worker.here())


def fill_by_hand(
    registry: Registry,
    place: Path,
    names: Sequence[str],
    *,
    dimension: int = 8,
    examples: int = 12,
    tags: Sequence[str] = (),
) -> None:
    """Register tasks, whose files are written to a folder, with seeded vectors in a space `by-hand`."""
    space = hand_made_space(registry, "by-hand", dimension)
    for number, name in enumerate(names):
        rows = write_rows(place / f"{name}.jsonl", tiny_rows(number, examples))
        registry.add_task(name, read_task(str(rows)), tags=tags)
        put_vector(registry, name, space, number)
