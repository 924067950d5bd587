"""A registry with some of everything that pages show, made without a model, and a client that asks its pages."""

from pathlib import Path

import numpy as np
from starlette.testclient import TestClient
from tiny_cli import fill_by_hand, shift_of, tiny_rows, write_rows
from tiny_history import records_of

from registry import Registry
from registry.catalog import EntryRecord
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.recordings import RecordedPrompt, Recording
from registry.data.tasks import TaskData
from registry.formats.tasks import read_task
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit
from web.app import app_of
from web.guard import hosts_of
from web.opening import open_to_read
from web.questions import Desk

PORT = 8765
BASE = f"http://127.0.0.1:{PORT}"
HOSTS = hosts_of("127.0.0.1", PORT)
HTML = "<script>alert('x')</script><img src=x onerror=\"alert(1)\"> & {{ 7*7 }}"  # as a text, wherever one may stand
CHOICES = ("negative", "positive")
FACETS = (Facet("inputs", 4), Facet("answers", 4), Facet("map", 4))
PROMPTS = {"good/one": 0.97, "good/two": 0.6, "bad": 0.55}  # how often each is right
NAMES = tuple(f"t{number:02}" for number in range(60))


def fill(folder: Path) -> Path:
    """Make the registry in a folder, and return where it is."""
    with Registry.create(folder / "store") as registry:
        fill_by_hand(registry, folder, NAMES, dimension=16, tags=("many", "two words"))
        rows = write_rows(folder / "again.jsonl", tiny_rows(99))
        registry.add_task("t01", read_task(str(rows)), replace=True)
        registry.set_alias("t01:1", "first")
        _hostile(registry)
        _llm(registry)
        registry.add_transfers(records_of(NAMES[:6], NAMES[:9]))
        registry.packs.add("taskweb")
        _jobs(registry)
    return folder / "store"


def fill_recorded(folder: Path) -> Path:
    """Make a registry with an LLM that answered the texts of space `its`, where the current space has others."""
    texts = tuple(Input(f"text {number}") for number in range(40))
    answers = Predictions(CHOICES, np.eye(2, dtype=np.float32)[np.arange(40) % 2])
    with Registry.create(folder / "recorded") as registry:
        for name, some in (("few", texts[:5]), ("its", texts), ("others", (Input("another"),))):
            corpus = registry.add_corpus(name, some, source="here")
            spec = SpaceSpec("5" * 64, "here", "mapemb", {"answers": name}, FACETS, corpus.content_hash)
            registry.add_space(name, spec, corpus=corpus)
        registry.use_space("others")
        registry.add_recorded_llm("llm", [RecordedPrompt("p", "", CHOICES, Recording(texts, answers))], source="x")
    return folder / "recorded"


def client_of(store: Path, *, base: str = BASE) -> tuple[TestClient, Registry]:
    """Return a client that asks the pages of a registry, and the registry, to be closed."""
    registry = open_to_read(store)
    return TestClient(app_of(Desk(registry), hosts=HOSTS), base_url=base, follow_redirects=False), registry


def _hostile(registry: Registry) -> None:
    """Register a task whose every text is HTML."""
    task = TaskData(
        "classification",
        (HTML, "no"),
        (Example(HTML, HTML, text_pair=HTML), Example("b", "no", text_pair="c")),
        description=HTML,
        source=HTML,
    )
    registry.add_task("hostile", task)


def _llm(registry: Registry) -> None:
    """Register an LLM under three prompts, as embedding them would leave the registry."""
    random = np.random.default_rng(0)
    texts = tuple(Input(f"text {number} {HTML if number == 0 else ''}".strip()) for number in range(80))
    truth = random.integers(0, 2, len(texts))
    corpus = registry.add_corpus("texts", texts, source="here")
    spec = SpaceSpec("5" * 64, "here", "mapemb", {"answers": "hard"}, FACETS, corpus.content_hash)
    space = registry.add_space("prompts", spec, corpus=corpus)
    task = TaskData("classification", CHOICES, (Example("a", "positive"), Example("b", "negative")), language="en")
    films = registry.add_task("films", task)
    registry.catalog.embeddings.put(films.version_id, space, _vector(random), {"device": "cpu", "seconds": 0.25})
    said = {name: np.where(random.random(len(texts)) < right, truth, 1 - truth) for name, right in PROMPTS.items()}
    tables = {name: np.where(its[:, None] == np.arange(2), 0.9, 0.1).astype(np.float32) for name, its in said.items()}
    recorded = [
        RecordedPrompt(name, f"{name}: {{{{ text }}}}", CHOICES, Recording(texts, Predictions(CHOICES, table)))
        for name, table in tables.items()
    ]
    made = registry.add_recorded_llm("opt", recorded, source="x")
    pairs: dict[str, EntryRecord] = {entry.name: entry for entry in made if "@" in entry.name}
    for name, table in tables.items():
        version = pairs[f"opt@{name}"].version_id
        replies = tuple(HTML if row == 0 else CHOICES[int(table[row].argmax())] for row in range(len(texts)))
        answered = Predictions(CHOICES, table, replies=replies)
        registry.catalog.predictions.put(version, corpus.version_id, start=0, predictions=answered)
        registry.catalog.embeddings.put(version, space, _vector(random), {})
    read = Predictions(CHOICES, np.where(truth[:, None] == np.arange(2), 0.7, 0.3).astype(np.float32))
    registry.catalog.predictions.put_reading(films.version_id, space, read)


def _vector(random: np.random.Generator) -> np.ndarray:
    return unit(np.concatenate([unit(random.normal(size=4).astype(np.float32)) for _ in FACETS]))


def _jobs(registry: Registry) -> None:
    """Leave a job that failed, and one that runs."""
    space = registry.catalog.spaces.get("by-hand")
    shift = shift_of(registry)
    for name in ("films", "hostile"):
        shift.claim(registry.entry(name).version_id, space.id)
    shift.fail(registry.entry("hostile").version_id, space.id, f"cannot be read: {HTML}")
