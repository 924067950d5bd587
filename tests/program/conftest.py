"""What the documents' commands are typed in: the files that they name, and a server that answers."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_cli import LABELS, tiny_bert, tiny_rows, write_rows
from tiny_families import tiny_family
from tiny_server import TinyServer, running
from typed_commands import ROOT


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README names, and a tiny surrogate in the place of MiniLM."""
    folder = tmp_path_factory.mktemp("walk")
    shutil.copytree(ROOT / "examples", folder / "examples")
    tiny_bert(folder / "tiny")
    reviews = [f"{row['text']},{1 + number % 5}" for number, row in enumerate(tiny_rows(0))]
    (folder / "reviews.csv").write_text("\n".join(("body,stars", *reviews)) + "\n")
    for seed, name in ((5, "tickets"), (6, "few")):
        (folder / f"{name}.txt").write_text("".join(f"{row['text']}\n" for row in tiny_rows(seed, 33)))
    answers = ("negative", "positive")
    write_rows(
        folder / "prompts.jsonl",
        [
            {"name": name, "template": template, "choices": answers, "words": [["bad"], ["good"]]}
            for name, template in (("plain", "{{ text }} is"), ("asked", "The film {{ text }} was"))
        ],
    )
    rows = [f"{row['text']},{answers[n % 2]},{answers[n % 3 == 0]}" for n, row in enumerate(tiny_rows(7, 33))]
    (folder / "answers.csv").write_text("\n".join(("review,short,long", *rows, "something else,positive,")) + "\n")
    (folder / "measured.csv").write_text(
        "model,adaptation,target,source,score_mean\n"
        "minilm,full,film_reviews,product_reviews,0.8\n"
        "minilm,full,film_reviews,restaurant_reviews,0.7\n"
        "minilm,full,restaurant_reviews,film_reviews,0.75\n"
        "minilm,full,restaurant_reviews,emotion,0.6\n"
    )
    (folder / "mycode.py").write_text(
        f"LABELS = {LABELS[0]}\n\ndef triage(texts):\n    return [LABELS[len(text) % 2] for text in texts]\n"
    )
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyServer]:
    with running(TinyServer(tiny_family(tmp_path_factory.mktemp("served") / "gpt2", "gpt2"))) as served:
        yield served
