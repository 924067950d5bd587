"""A registry with some of everything, and bundles of it that were tampered with."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from registry import Registry
from registry.bundles.manifest import NAME, write_manifest
from registry.catalog import SpaceRecord
from registry.catalog.incoming.new_entries import new_corpus, new_task
from registry.catalog.records import NewEntry
from registry.data.examples import Example
from registry.data.models import ModelSpec
from registry.data.predictions import Missing, Predictions
from registry.data.tasks import TaskData
from registry.data.transfers import TransferRecord
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

# That `fill` makes in a round: 7 versions of 6 entries, 3 vectors, 2 runs of answers, what a task reads, 5 transfers:
RECORDS = 18


def some_task(number: int, *, version: int = 1) -> TaskData:
    """Return a task of two examples that no other number or version has."""
    examples = (Example(f"film {number} is fine, {version}", "good"), Example(f"rain {number} is dull", "bad"))
    return TaskData("classification", ("good", "bad"), examples, language="en", source=f"place {number}")


def fill(registry: Registry, rounds: int) -> SpaceRecord:
    """Put some of everything into a registry, `RECORDS` for each round, and return its one space."""
    with registry.catalog.entries.adding(replace=True) as add:
        for number in range(rounds):
            for entry in _entries(number):
                add(entry)
    spec = SpaceSpec("0" * 64, "by-hand", "textemb", {"layer": 3}, (Facet("inputs", 4), Facet("map", 4)), None)
    space = registry.add_space("made", spec, corpus=registry.entry("texts0"))
    for number in range(rounds):
        _measure(registry, space, number)
    registry.add_transfers(record for number in range(rounds) for record in _transfers(number))
    for number in range(0, rounds, 5):
        registry.set_alias(f"task{number}:1", "first")
    return space


def _entries(number: int) -> list[NewEntry]:
    prompt = Prompt(f"{number}: {{{{ text }}}} Good or bad?", ("good", "bad"), (("good",), ("bad", "awful")))
    pair = ModelSpec.prompted(model=f"model{number}:1", prompt=f"prompt{number}:1").as_document()
    model = ModelSpec.recorded("here", answers=("good", "bad")).as_document()
    return [
        new_task(f"task{number}", some_task(number), tags=("blue", f"tag{number % 7}")),
        new_task(f"task{number}", some_task(number, version=2)),
        new_task(f"org/Täsk{number}", some_task(-number - 1)),
        NewEntry(
            EntryKind.MODEL, f"model{number}", _hash(f"model {number}"), model, {"table": bytes([number % 256, 0])}
        ),
        _prompt(f"prompt{number}", prompt),
        NewEntry(EntryKind.PROMPTED_MODEL, f"model{number}@prompt{number}", _hash(f"pair {number}"), pair),
        new_corpus(f"texts{number}", [(f"a text, {number}", None), ("another", "pair"), ("third", None)], source="us"),
    ]


def _prompt(name: str, prompt: Prompt) -> NewEntry:
    return NewEntry(EntryKind.PROMPT, name, prompt.content_hash(), prompt.spec())


def _measure(registry: Registry, space: SpaceRecord, number: int) -> None:
    random = np.random.default_rng(number)
    embeddings, predictions = registry.catalog.embeddings, registry.catalog.predictions
    corpus = registry.entry("texts0").version_id
    for name in (f"task{number}", f"org/Täsk{number}", f"model{number}@prompt{number}"):
        vector = unit(random.normal(size=space.dimension).astype(np.float32))
        deviations = random.normal(size=(2, space.dimension)).astype(np.float32) if number % 2 else None
        embeddings.put(registry.entry(name).version_id, space, vector, {"seconds": 0.1 * number}, deviations)
    told = Predictions.from_texts(["good", Missing.REFUSED, "bad"], ("good", "bad"))
    replies = ("good", None, "half of a pair \ud83d, or \n two lines")
    own = random.random(3).astype(np.float32)
    answered = Predictions(told.answers, told.probabilities, own, told.missing, replies)
    version = registry.entry(f"model{number}@prompt{number}").version_id
    predictions.put(version, corpus, start=0, predictions=answered)
    predictions.put(version, corpus, start=-1, predictions=Predictions.from_texts(["bad"], ("good", "bad")))
    sure = random.random(3)
    read = Predictions(told.answers, np.stack([sure, 1 - sure], axis=1).astype(np.float32))
    predictions.put_reading(registry.entry(f"task{number}").version_id, space, read)


def _transfers(number: int) -> list[TransferRecord]:
    return [
        TransferRecord("small", "full", f"task{number}", f"org/Täsk{other}", 0.1 + number / 7 % 0.8, 0.01, 3, run)
        for other, run in ((number, ""), (number, "2"), (0, "old"), (1, "old"), (2, "old"))
    ]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def tampered(folder: Path, target: Path, change: Callable[[Path], None]) -> Path:
    """Copy a bundle, change it, and sum it up anew, as somebody would who means harm."""
    shutil.copytree(folder, target)
    change(target)
    counts = json.loads((target / NAME).read_text(encoding="utf-8"))["counts"]
    write_manifest(target, counts)
    return target


def edited(file: str, line: int, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Return a change of one line of a bundle: of its document, in its place."""

    def edit(folder: Path) -> None:
        lines = (folder / file).read_text(encoding="utf-8").splitlines()
        document = json.loads(lines[line % len(lines)])
        change(document)
        lines[line % len(lines)] = json.dumps(document)
        (folder / file).write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")

    return edit
