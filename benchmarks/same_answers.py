"""Does the code answer as another checkout of it did? Every vector bit by bit, every answer by its JSON.

    python -m benchmarks.same_answers OLD_CHECKOUT [--models FOLDER]

Each checkout, in a process of its own, registers the twelve example tasks, the three models that the demo fine-tunes
(taken from FOLDER, where an earlier demo left them, else made by one now) and MiniLM under four prompts. It embeds
all, and asks every `nearest`, by similarity, memory, gain and size, every `compare` and every `best-prompt`. Fields
that only the newer code has are named and left out of the comparison; anything else that differs is a failure.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parents[1]
MODELS = ("news_topic", "question_type", "support_intent")
PROMPTS = {
    "films/words": ("{{ text }}", "negative", "positive"),
    "films/praise": ("{{ text }}", "a complaint", "praise"),
    "films/feeling": ("A customer wrote: {{ text }}", "I hated it.", "I loved it."),
    "films/question": ("Is this praise or complaint? {{ text }}", "bad", "good"),
}
BY = ("fute", "mi", "globale", "locale", "zps-vote")
TRANSFERS = (  # made up: what is compared is what is made of them
    "model,adaptation,target,source,score_mean,score_std,seeds\n"
    "t5,full,film_reviews,product_reviews,0.91,0.01,3\n"
    "t5,full,film_reviews,news_topic,0.84,0.02,3\n"
    "t5,full,film_reviews,emotion,0.88,,\n"
    "t5,full,entailment,claim_check,0.71,0.01,3\n"
    "t5,full,entailment,paraphrase,0.69,0.01,3\n"
    "t5,full,entailment,news_topic,0.55,0.03,3\n"
    "t5,lora,emotion,film_reviews,0.62,0.02,2\n"
    "t5,lora,emotion,product_reviews,0.60,0.02,2\n"
    "t5,lora,emotion,message_spam,0.51,0.02,2\n"
)
Answers = dict[str, Any]


def answers(models: Path) -> tuple[Answers, dict[str, bytes]]:
    """Return what the code that is imported answers, by question, and the exported vectors by space."""
    from click.testing import CliRunner

    import cli

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli.main, list(arguments), catch_exceptions=False)
        if result.exit_code:
            raise SystemExit(f"{' '.join(arguments)}: {result.output}")
        return result.stdout

    with tempfile.TemporaryDirectory() as place:
        os.environ["FUTE_REGISTRY"] = f"{place}/registry"
        run("init")
        examples = sorted(path.parent.name for path in (HERE / "examples").glob("*/task.json"))
        for name in examples:
            run("task", "add", name, "--data", str(HERE / "examples" / name))
        for name in MODELS:
            run("model", "add", f"{name}-minilm", "--hf", str(models / name))
        rows = [json.loads(line) for line in (HERE / "examples/film_reviews/train.jsonl").read_text().splitlines()]
        Path(place, "films.txt").write_text("".join(f"{row['text']}\n" for row in rows))
        run("corpus", "create", "films", "--data", f"{place}/films.txt")
        run("space", "create", "main")
        run("space", "create", "prompts", "--corpus", "films")
        run("embed", "--all", "--space", "main")
        run("model", "add", "minilm", "--hf", "minilm")
        for name, (template, negative, positive) in PROMPTS.items():
            choices = ("--choice", f"negative={negative}", "--choice", f"positive={positive}")
            run("prompt", "add", name, "--template", template, *choices)
        run("embed", "product_reviews", "film_reviews", "minilm@films/*", "--space", "prompts")
        Path(place, "transfers.csv").write_text(TRANSFERS)
        run("transfer", "import", f"{place}/transfers.csv")
        entries = [*examples, *(f"{name}-minilm" for name in MODELS)]
        asked: list[tuple[str, ...]] = [("nearest", name, "-k", "20", "--duplicates") for name in entries]
        asked += [("nearest", name, "--by", by) for name in examples for by in ("memory", "gain", "size")]
        asked += [("nearest", "emotion", "--by", "memory", "--setting", "t5/full")]
        asked += [("compare", *pair) for pair in combinations(entries, 2)]
        best = ("best-prompt", "film_reviews", "--model", "minilm", "--space", "prompts", "-k", "9")
        asked += [(*best, "--by", by, *like) for by in BY for like in ((), ("--like", "product_reviews"))]
        told = {" ".join(question): json.loads(run(*question, "--json")) for question in asked}
        vectors: dict[str, bytes] = {}
        for space in ("main", "prompts"):
            run("space", "export", space, f"{place}/{space}.npz")
            with np.load(f"{place}/{space}.npz") as held:
                vectors |= {f"{space} {n}": v.tobytes() for n, v in zip(held["names"], held["vectors"], strict=True)}
    return told, vectors


def differences(old: Any, new: Any, place: str, added: set[str]) -> list[str]:  # noqa: ANN401 - JSON values
    """Return where two answers differ; what only the new one has is collected in `added`."""
    if isinstance(old, dict) and isinstance(new, dict):
        added |= set(new) - set(old)
        gone = [f"{place}: {key!r} is gone" for key in set(old) - set(new)]
        both = sorted(set(old) & set(new))
        return gone + [d for key in both for d in differences(old[key], new[key], f"{place}.{key}", added)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{place}[{i}]", added)]
    return [] if old == new else [f"{place}: {old!r} became {new!r}"]


def of_checkout(checkout: Path, models: Path, place: Path) -> tuple[Answers, dict[str, bytes]]:
    """Return the answers of a checkout's code."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    arguments = [sys.executable, __file__, "--models", str(models), "--to", str(place)]
    subprocess.run(arguments, env=environment, check=True, cwd=place.parent)  # noqa: S603
    with np.load(place) as held:
        vectors = {name: held[name].tobytes() for name in held.files if name != "answers"}
        return json.loads(str(held["answers"])), vectors


def main() -> None:
    """Compare, print what differs, and fail where something does."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("old", nargs="?", type=Path)
    options.add_argument("--models", type=Path)
    options.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.to is not None:
        told, vectors = answers(given.models)
        arrays = {name: np.frombuffer(body, np.uint8) for name, body in vectors.items()}
        np.savez(given.to, allow_pickle=False, answers=np.array(json.dumps(told)), **arrays)
        return
    with tempfile.TemporaryDirectory() as folder:
        models = given.models
        if models is None:
            models = Path(folder, "demo", "models")
            demo = [sys.executable, "-c", "import cli; cli.run()", "demo", "--folder", f"{folder}/demo"]
            subprocess.run(demo, check=True, env={**os.environ, "PYTHONPATH": str(HERE)}, stdout=sys.stderr)  # noqa: S603
        old, old_vectors = of_checkout(given.old.resolve(), models.resolve(), Path(folder, "old.npz"))
        new, new_vectors = of_checkout(HERE, models.resolve(), Path(folder, "new.npz"))
    added: set[str] = set()
    found = differences(old, new, "", added)
    found += [f"vector {name}: other bits" for name in old_vectors if new_vectors.get(name) != old_vectors[name]]
    print(f"{len(old_vectors)} vectors and {len(old)} answers compared; {len(found)} differ")
    print(f"only the newer code has the fields: {', '.join(sorted(added)) or 'none'}")
    for line in found[:20]:
        print(line)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
