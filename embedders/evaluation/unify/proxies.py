"""Models to evaluate with, trained on tasks whose data we have: what a user would register as a black box.

Three architectures, because an embedding of what a model answers must not depend on what the model is made of:

    finetuned      a pretrained encoder with a classification head
    scratch        a BERT of 2 layers and 128 units, from random weights, with the encoder's tokenizer
    bag-of-words   logistic regression on hashed words and pairs of neighbouring words

Trained models are kept in a folder, and used again while task, settings and files are the same.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from embedders.errors import SettingError
from embedders.evaluation.unify.words import BagOfWords
from embedders.foreign.door import opened
from embedders.hardware.devices import attention, best_device, quiet_transformers
from embedders.surrogate.weights import identity
from embedders.tuning.training import (
    MAX_LENGTH,
    accuracy_of,
    finetune_classifier,
    fit_classifier,
    inputs_of,
    named_outputs,
    probabilities_of,
    sampled,
    save_classifier,
)
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.errors import DataError, StorageError
from registry.files.arrays import as_numbers, read_arrays
from registry.files.lines import read_json
from registry.files.writing import written

NOTE, WORDS = "trained.json", "words.safetensors"

ARCHITECTURES: dict[str, dict[str, Any]] = {  # with the settings that a kept model must share
    "finetuned": {"epochs": 3, "learning_rate": 1e-4},
    "scratch": {"epochs": 10, "learning_rate": 1e-3, "layers": 2, "hidden": 128},
    "bag-of-words": {"buckets": 2**14, "penalty": 1e-4},
}


@dataclass(frozen=True)
class TrainedModel:
    """A model that was trained on a task, in the folder where it is kept."""

    task: str
    architecture: str
    answers: tuple[str, ...]  # the texts of what it can answer
    accuracy: float | None  # on the task's test examples; None where there are none
    folder: Path

    def ask(self, inputs: Sequence[Input], *, device: str | None = None) -> NDArray[np.float32]:
        """Return the probability of each answer, (inputs, answers); what was asked before is read back."""
        asked = hashlib.sha256(json.dumps(list(inputs)).encode()).hexdigest()
        path = self.folder / f"outputs-{asked[:16]}.npz"
        with contextlib.suppress(DataError):  # never asked, or damaged
            known = read_arrays(path, ["probabilities"], "outputs").get("probabilities")
            if known is not None and known.shape == (len(inputs), len(self.answers)):
                return as_numbers(known, "probabilities", path).astype(np.float32)
        table = _ask(self.folder, inputs, device)
        with written(path) as draft:
            np.savez(draft, probabilities=table)
        return table


def trained_model(
    name: str,
    task: TaskData,
    architecture: str,
    folder: Path,
    *,
    base: Path,
    examples: int = 1000,
    seed: int = 0,
    device: str | None = None,
) -> TrainedModel:
    """Return a model of an architecture that was trained on a task; train it unless `folder` holds it.

    A model is put in place whole or not at all: an interrupted training leaves nothing that would be used.

    Args:
        name: of the task.
        base: the pretrained encoder's folder; a model from scratch takes its tokenizer.
        examples: of the training split at most, a seeded sample.
    """
    if architecture not in ARCHITECTURES:
        raise SettingError(f"No architecture {architecture!r}: there are {', '.join(ARCHITECTURES)}.")
    recipe = {
        "task": task.content_hash(),
        "architecture": architecture,
        "settings": ARCHITECTURES[architecture],
        "base": None if architecture == "bag-of-words" else identity(base),
        "examples": examples,
        "seed": seed,
    }
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    place = folder / f"{name}-{architecture}-{key[:12]}"
    note = _note(place, recipe)
    if note is None:
        shutil.rmtree(place, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with written(place) as draft:
                draft.mkdir()
                accuracy = _train(task, architecture, draft, base=base, examples=examples, seed=seed, device=device)
                files = {path.name: _sha256(path) for path in sorted(draft.iterdir())}
                note = {"recipe": recipe, "accuracy": accuracy, "files": files}
                (draft / NOTE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
        except StorageError:
            note = _note(place, recipe)  # of another process, which trained the same model and was first
            if note is None:
                raise
    return TrainedModel(name, architecture, task.answer_texts, note["accuracy"], place)


def _train(
    task: TaskData, architecture: str, target: Path, *, base: Path, examples: int, seed: int, device: str | None
) -> float | None:
    """Train a model, save it in `target`, and return its accuracy."""
    settings = ARCHITECTURES[architecture]
    rows = sampled(task, examples, seed=seed)
    match architecture:
        case "finetuned":
            finetune_classifier(base, task, target, examples=examples, seed=seed, device=device, **settings)
        case "scratch":
            _train_from_scratch(task, rows, base, target, seed=seed, device=device)
        case _:
            labels = list(task.labels or ())
            wanted = np.array([labels.index(row.label) for row in rows], np.int64)
            BagOfWords.fit(inputs_of(rows), wanted, len(labels), **settings).save(target / WORDS)
    return accuracy_of(task, _ask(target, inputs_of(task.test), device)) if task.test else None


def _train_from_scratch(
    task: TaskData, rows: Sequence[Example], base: Path, target: Path, *, seed: int, device: str | None
) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    settings = ARCHITECTURES["scratch"]
    place, width = best_device(device), settings["hidden"]
    torch.manual_seed(seed)
    with opened(base) as shown:  # until it is saved: a tokenizer may copy its vocabulary from there
        tokenizer = AutoTokenizer.from_pretrained(shown, trust_remote_code=False)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            num_hidden_layers=settings["layers"],
            num_attention_heads=width // 32,
            intermediate_size=4 * width,
            max_position_embeddings=MAX_LENGTH,
            pad_token_id=tokenizer.pad_token_id,
            attn_implementation=attention(place, learns=True),
            **named_outputs(task),
        )
        model = BertForSequenceClassification(config).to(place)
        fit_classifier(
            model,
            tokenizer,
            task,
            rows,
            epochs=settings["epochs"],
            learning_rate=settings["learning_rate"],
            seed=seed,
        )
        save_classifier(model, tokenizer, target)


def _ask(folder: Path, inputs: Sequence[Input], device: str | None) -> NDArray[np.float32]:
    """Return the answers of the model in a folder, (inputs, labels)."""
    if (folder / WORDS).exists():
        return BagOfWords.load(folder / WORDS).probabilities(inputs)
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    place = best_device(device)
    with opened(folder) as shown, quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(shown, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            shown, trust_remote_code=False, use_safetensors=True, attn_implementation=attention(place)
        )
    return probabilities_of(model.to(place).eval(), tokenizer, inputs)


def _note(place: Path, recipe: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is noted of a kept model; None where there is none, or it is not what was asked for, or damaged."""
    try:
        note = read_json(place / NOTE)
        if note.get("recipe") == recipe and all(_sha256(place / n) == found for n, found in note["files"].items()):
            return note
    except (DataError, OSError, KeyError, AttributeError):
        pass
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
