"""Makes a small registry with the code of an earlier release, and writes down what that code answers about it.

    git worktree add --detach OLD COMMIT
    PYTHONPATH=OLD python tests/data/schemas/make.py SCHEMA tests/data/schemas/SCHEMA

README.md beside this file names the commits. Everything is made by the checkout on PYTHONPATH; what its modules were
called then is looked up by `ours`. Nothing here may depend on the code of today.
"""

import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

import cli
from registry import Registry

TASKS = ("film", "shop", "bank", "rain", "goal")
WORDS = ("good", "bad", "fine", "dull", "late", "early", "warm", "cold", "cheap", "dear", "won", "lost")
CHOICES = ("negative", "positive")
PROMPTS = {"plain": 0.9, "asked": 0.8, "blunt": 0.6}
TEXTS = tuple(f"text number {number}" for number in range(8))
TRANSFERS = (
    "model,adaptation,target,source,score_mean,score_std,seeds\n"
    "minilm,full,film,shop,0.75,0.01,3\n"
    "minilm,full,film,bank,0.5,,\n"
    "minilm,full,shop,film,0.7,0.02,2\n"
    "minilm,full,shop,bank,0.55,,\n"
    "minilm,lora,film,rain,0.6,,1\n"
)
ASKED = {  # what is asked then and now; weights are named, for those of today are others
    "nearest": "nearest film --weigh answers=1,map=2 --space by-hand --json",
    "nearest-tasks": "nearest film -k 3 --kind task --weigh inputs=1,answers=1,map=1 --space by-hand --json",
    "nearest-tagged": "nearest film --tag english --weigh map=1 --space by-hand --json",
    "compare": "compare film shop --weigh inputs=1,answers=2,map=4 --space by-hand --json",
    "compare-model": "compare film oracle --weigh answers=1,map=4 --space by-hand --json",
    "transfers": "transfer list --json",
    "tasks": "task list --json",
    "best-prompt": "best-prompt film --model opt --space by-hand --json",
}


def ours(name: str, *modules: str) -> Any:  # noqa: ANN401 - a class or function of the checkout
    """Return what a module of the checkout has by this name, wherever that module was in its time."""
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise LookupError(name)


def fute(folder: Path, words: str, *more: str) -> str:
    result = CliRunner().invoke(cli.main, ["--registry", str(folder), *words.split(), *more])
    assert result.exit_code == 0, (words, result.output)
    return result.stdout


def fill_by_command(folder: Path, place: Path) -> None:
    """Register tasks, with two versions of one and tags, and transfers."""
    for number, task in enumerate(TASKS):
        random = np.random.default_rng(number)
        for version in range(2 if task == "film" else 1):
            rows = [
                {"text": f"the {' '.join(random.choice(WORDS, 4))}", "label": CHOICES[row % 2]}
                for row in range(10 + version)
            ]
            data = place / f"{task}.jsonl"
            data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            tags = ("--tag", "english") if number % 2 == 0 else ()
            fute(folder, f"task add {task} --data", str(data), *tags, *(("--replace",) if version else ()))
    (place / "measured.csv").write_text(TRANSFERS, encoding="utf-8")
    fute(folder, "transfer import", str(place / "measured.csv"))


def put_answers(registry: Registry, version: int, corpus: int, answers: np.ndarray) -> None:
    """Keep what a black box answered, as the release did."""
    put = registry.catalog.predictions.put
    if "predictions" in signature(put).parameters:
        table = ours("Predictions", "registry.data.predictions")
        put(version, corpus, start=0, predictions=table(CHOICES, answers, np.full(len(answers), 0.25, np.float32)))
    elif "answered" in signature(put).parameters:
        answered = ours("Answered", "registry.catalog.predictions")
        own = np.full(len(answers), 0.25, np.float32)
        put(version, corpus, start=0, answered=answered(CHOICES, answers, own))
    else:
        put(version, corpus, start=0, answers=list(CHOICES), probabilities=answers)


def recording(inputs: tuple[Any, ...], answers: np.ndarray) -> Any:  # noqa: ANN401 - the release's type
    """Return what a model answered elsewhere, as the release holds it."""
    try:
        table = ours("Predictions", "registry.data.predictions")
    except LookupError:
        return ours("RecordedOutputs", "registry.data.recordings", "registry.formats.recorded")(
            inputs, CHOICES, answers
        )
    return ours("Recording", "registry.data.recordings")(inputs, table(CHOICES, answers))


def fill_by_hand(registry: Registry) -> dict[str, list[list[float]]]:
    """Add models, a recorded LLM, a corpus, a space with vectors, answers, an alias and a job that failed."""
    entries, embeddings = registry.catalog.entries, registry.catalog.embeddings
    input_ = ours("Input", "registry.data.inputs", "registry.formats.corpora", "registry.corpora")
    facet = ours("Facet", "registry.spaces.facets", "registry.spaces")
    spec = ours("SpaceSpec", "registry.spaces.spec", "registry.spaces")
    prompt = ours("RecordedPrompt", "registry.data.recordings", "registry.formats.recorded")
    inputs = tuple(input_(text) for text in TEXTS)
    corpus = registry.add_corpus("texts", inputs, source="by hand")
    facets = (facet("inputs", 4), facet("answers", 4), facet("map", 4))
    made = spec("0" * 64, "by-hand", "mapemb", {"answers": "hard"}, facets, corpus.content_hash)
    space = registry.add_space("by-hand", made, corpus=corpus)
    truth = np.arange(len(TEXTS)) % 2

    def table(sure: float) -> np.ndarray:
        return np.where(truth[:, None] == np.arange(2), sure, 1 - sure).astype(np.float32)

    model = registry.add_model("oracle", {"type": "recorded", "answers": list(CHOICES)}, content_hash="1" * 64)
    asked = [prompt(name, f"{name} {{{{text}}}}", CHOICES, recording(inputs, table(sure)))
             for name, sure in PROMPTS.items()]  # fmt: skip
    pairs = [one for one in registry.add_recorded_llm("opt", asked, source="by hand") if "@" in one.name]
    said = {"oracle": table(0.7)} | {f"opt@{name}": table(sure) for name, sure in PROMPTS.items()}
    random = np.random.default_rng(7)
    for record in (*(entries.get(task) for task in TASKS[:4]), model, *pairs):
        numbers = random.normal(size=(3, 4))
        vector = (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).reshape(-1) / np.sqrt(3)  # of length 1
        more = {}
        if "deviations" in signature(embeddings.put).parameters:
            more = {"deviations": random.normal(0, 0.01, (4, 12)).astype(np.float32)}
        embeddings.put(record.version_id, space, vector.astype(np.float32), {"seconds": 1}, **more)
        if record.name in said:
            put_answers(registry, record.version_id, corpus.version_id, said[record.name])
    entries.set_alias("film:1", "first")
    failed = entries.get("goal").version_id
    jobs = registry.catalog.jobs
    if hasattr(jobs, "working"):
        with jobs.working() as shift:
            shift.claim(failed, space.id)
            shift.fail(failed, space.id, "it was too large")
    else:
        jobs.claim(failed, space.id)
        jobs.fail(failed, space.id, "it was too large")
    registry.refresh_index("by-hand")
    return {name: answers.tolist() for name, answers in said.items()}


def main(schema: str, target: Path) -> None:
    """Write catalog.db and answers.json into a folder."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "registry"
        with Registry.create(folder) as registry:
            assert registry.catalog.database.schema() == schema, registry.catalog.database.schema()
            fill_by_command(folder, Path(made))
            said = fill_by_hand(registry)
        asked = {name: words for name, words in ASKED.items() if words.split()[0] in cli.main.commands}
        answers = {name: {"asked": words, "answer": json.loads(fute(folder, words))} for name, words in asked.items()}
        fute(folder, "index verify")
        target.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(folder / "catalog.db")) as database, database:
            database.execute("UPDATE jobs SET owner = 'host:1'")  # no name of a real machine
        (target / "catalog.db").write_bytes((folder / "catalog.db").read_bytes())
        kept = {"schema": schema, "answers": answers, "predictions": said}
        (target / "answers.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


main(sys.argv[1], Path(sys.argv[2]))
