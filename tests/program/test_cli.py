"""The program as it is typed: what it prints where, with which exit code, and what it refuses."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import Result
from sealing import seal
from tiny_cli import dump, fute, run, tiny_bert, tiny_rows, told, write_rows, write_task

import cli
from embedders import create_space, embed, recorded_model
from registry import Registry, __version__
from registry.formats.tasks import read_task
from registry.formats.transfers import read_transfers
from registry.spaces.spec import SpaceSpec

TEN_MB = 10_000_000
TRANSFERS = (
    "model,adaptation,target,source,score_mean,score_std,seeds\n"
    "minilm,full,film,shop,0.75,0.01,3\n"
    "minilm,full,film,bank,0.5,,\n"
)


def json_of(*arguments: str | Path) -> Any:  # noqa: ANN401 - any JSON value
    """Return the one JSON object that is all of stdout; NaN and infinities are no JSON."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    value = json.loads(result.stdout, parse_constant=refuse)
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("surrogate") / "bert")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, surrogate: Path) -> Path:
    """A registry with tasks, a model, a corpus, two spaces and transfers; `alone` is embedded in one space only."""
    place = tmp_path_factory.mktemp("prepared")
    with Registry.create(place / "store") as registry:
        for number, name in enumerate(("film", "shop", "bank", "alone")):
            task = read_task(str(write_task(place / name, number)))
            registry.add_task(name, task, tags=("english",) if name == "film" else ())
        corpus = registry.sample_corpus("texts")
        inputs = registry.corpus_inputs(corpus)
        answers = [{"text": one.text, "answer": ("yes", "no")[n % 2]} for n, one in enumerate(inputs)]
        recorded_model(registry, "oracle", str(write_rows(place / "oracle.jsonl", answers)))
        create_space(registry, "tiny", surrogate=str(surrogate), corpus="texts", dimension=64)
        create_space(registry, "words", surrogate=str(surrogate), method="textemb", dimension=16)
        made = [
            embed(registry, ["film", "shop", "bank", "oracle"], space="tiny"),
            embed(registry, ["film", "shop", "bank", "alone"], space="words"),
        ]
        assert [report.failed for report in made] == [{}, {}]
        (place / "transfers.csv").write_text(TRANSFERS)
        registry.add_transfers(read_transfers(place / "transfers.csv"))
    return place / "store"


@pytest.fixture
def store(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the prepared registry, named by FUTE_REGISTRY."""
    shutil.copytree(prepared, tmp_path / "store")
    monkeypatch.setenv("FUTE_REGISTRY", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh registry, named by FUTE_REGISTRY."""
    Registry.create(tmp_path / "empty").close()
    monkeypatch.setenv("FUTE_REGISTRY", str(tmp_path / "empty"))
    return tmp_path / "empty"


# -- help --------------------------------------------------------------------------------------------


def commands(of: click.Command = cli.main, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found = {path: of}
    for name, command in of.commands.items() if isinstance(of, click.Group) else ():
        found |= commands(command, (*path, name))
    return found


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")

    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.startswith(f"Usage: {' '.join(('main', *path))} ")
    assert (commands()[path].help or "").split("\n")[0] in " ".join(result.stdout.split())


def test_the_version_is_told() -> None:
    assert told("--version") == (0, f"fute, version {__version__}\n")


# -- a registry --------------------------------------------------------------------------------------


def test_init_makes_a_registry_and_a_second_one_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "mine"

    first = told("--registry", folder, "init")
    before = dump(folder)
    second = told("--registry", folder, "init")

    assert first == second == (0, f"Registry ready in {folder}\n")
    assert dump(folder) == before


def test_init_makes_the_default_registry_here(tmp_path: Path) -> None:
    assert told("init") == (0, "Registry ready in fute-registry\n")
    assert (tmp_path / "fute-registry" / "catalog.db").is_file()


def test_an_empty_registry_has_nothing_to_list(empty: Path) -> None:
    assert told("task", "list") == (0, "No tasks yet.\n")
    assert told("task", "list", "--tag", "new") == (0, "No tasks with these tags.\n")
    assert told("model", "list") == (0, "No models yet.\n")
    assert told("corpus", "list") == (0, "No corpora yet.\n")
    assert told("space", "list") == (0, "No spaces yet.\n")
    assert told("transfer", "list") == (0, "No transfers yet.\n")
    assert told("index", "verify") == (0, "")


def test_the_status_counts_what_is_there(store: Path) -> None:
    found = json_of("status")

    assert found == {
        "location": str(store),
        "entries": {"task": 4, "model": 1, "prompt": 0, "prompted-model": 0, "corpus": 1},
        "spaces": {"tiny": 4, "words": 4},
        "current_space": "tiny",
        "jobs": {"done": 8},
        "failures": {},
        "packs": [],
        "recalls": {},
    }


def test_an_up_to_date_database_is_left_alone(store: Path) -> None:
    before = dump(store)

    assert told("db", "upgrade") == (0, "The database is up to date\n")
    assert dump(store) == before


def test_the_index_is_verified_and_rebuilt(store: Path) -> None:
    shutil.rmtree(store / "index")

    missing = told("index", "verify")
    rebuilt = told("index", "rebuild")
    sound = told("index", "verify")

    assert missing == (0, "tiny: 4 vectors, snapshot missing; ok\nwords: 4 vectors, snapshot missing; ok\n")
    assert rebuilt == (0, "Index rebuilt: 8 vectors\n")
    assert sound == (0, "tiny: 4 vectors, snapshot sound; ok\nwords: 4 vectors, snapshot sound; ok\n")


def test_a_damaged_snapshot_is_an_integrity_fault_and_answers_stay_right(store: Path) -> None:
    right = json_of("nearest", "film")
    for snapshot in (store / "index").glob("*.idx"):
        snapshot.write_bytes(snapshot.read_bytes()[:-4] + b"\0\1\2\3")

    code, text = told("index", "verify")
    again = json_of("nearest", "film")

    assert code == 3
    assert text.count("snapshot damaged; the snapshot does not match its checksum\n") == 2
    assert again == right


# -- tasks -------------------------------------------------------------------------------------------


def test_a_task_is_added_once_and_replaced_on_demand(empty: Path, tmp_path: Path) -> None:
    one, other = write_rows(tmp_path / "one.jsonl", tiny_rows(1)), write_rows(tmp_path / "other.jsonl", tiny_rows(2, 8))

    first = (
        0,
        "film version 1: 12 training examples\n"
        "  classification with 2 labels\n"
        "    no   6  the meal not yes loan rain\n"
        "    yes  6  the fine dull lost yes the\n",
    )
    assert told("task", "add", "film", "--data", one) == first
    assert told("task", "add", "film", "--data", one) == first
    assert told("task", "add", "film", "--data", other) == (
        2,
        "Error: 'film' is already the name of a task with other content: choose another name, or pass --replace.\n",
    )
    code, text = told("task", "add", "film", "--data", other, "--replace")
    assert (code, text.splitlines()[0]) == (0, "film version 2: 8 training examples")


def test_a_table_is_read_by_the_columns_that_are_named(empty: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("review,stars\na good film,1\na bad film,0\n")

    code, text = told(
        *("task", "add", "film", "--data", tmp_path / "t.csv", "--text", "review", "--label", "stars"),
        *("--answers", "0=bad,1=good", "--tag", "english"),
    )

    assert (code, text) == (
        0,
        "film version 1: 2 training examples\n"
        "  classification with 2 labels\n"
        "    bad  (0)  1  a bad film\n"
        "    good (1)  1  a good film\n",
    )
    shown = json_of("task", "show", "film")
    assert (shown["spec"]["labels"], shown["spec"]["answers"]) == (["0", "1"], {"0": "bad", "1": "good"})
    assert shown["tags"] == ["english"]


def test_a_folder_of_tasks_is_imported_once(empty: Path, tmp_path: Path) -> None:
    write_task(tmp_path / "tasks" / "film", 1)
    write_task(tmp_path / "tasks" / "shop", 2)

    first = run("task", "import", tmp_path / "tasks", "--prefix", "org/", "--tag", "small")
    second = run("task", "import", tmp_path / "tasks", "--prefix", "org/")

    assert (first.exit_code, first.stdout) == (0, "registered org/film\nregistered org/shop\n")
    assert first.stderr == "2 tasks added, 0 known already\n"
    assert (second.exit_code, second.stderr) == (0, "0 tasks added, 2 known already\n")
    assert [task["tags"] for task in json_of("task", "list")["tasks"]] == [["small"], ["small"]]


def test_a_faulty_task_does_not_keep_the_others_out(empty: Path, tmp_path: Path) -> None:
    write_task(tmp_path / "tasks" / "film", 1)
    (write_task(tmp_path / "tasks" / "broken", 2) / "train.jsonl").write_text("{")
    (write_task(tmp_path / "tasks" / "scores", 3) / "task.json").write_text('{"kind": "ranking"}')

    result = run("task", "import", tmp_path / "tasks")

    assert (result.exit_code, result.stdout) == (2, "registered film\n")
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        "skipped scores",
        "failed broken",
        "1 tasks added, 0 known already",
    ]


def test_tasks_are_listed_as_a_table(empty: Path, tmp_path: Path) -> None:
    run("task", "add", "film", "--data", write_rows(tmp_path / "one.jsonl", tiny_rows(1)), "--tag", "english")

    code, text = told("task", "list")

    assert code == 0
    header, row = (line for line in text.splitlines() if any(c.isalpha() for c in line))
    assert [cell.strip() for cell in header.strip("┃").split("┃")] == [
        *("name", "kind", "train", "test", "labels", "tags"),
    ]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        *("film", "classification", "12", "0", "no, yes", "english"),
    ]


def test_tasks_are_listed_by_tag(store: Path) -> None:
    assert [task["name"] for task in json_of("task", "list")["tasks"]] == ["alone", "bank", "film", "shop"]
    assert [task["name"] for task in json_of("task", "list", "--tag", "english")["tasks"]] == ["film"]
    assert json_of("task", "list", "--tag", "french") == {"tasks": []}


def test_a_task_is_shown_with_the_spaces_it_is_in(store: Path) -> None:
    assert json_of("task", "show", "film")["embedded_in"] == ["tiny", "words"]
    code, text = told("task", "show", "alone")
    assert code == 0
    assert 'embedded_in    ["words"]\n' in text
    assert text.startswith("name           alone\nkind           task\nversion        1\n")


def test_tags_come_and_go(store: Path) -> None:
    assert told("task", "tag", "shop", "new", "old") == (0, "shop: new, old\n")
    assert told("task", "tag", "shop", "--remove", "old") == (0, "shop: new\n")
    assert told("task", "tag", "shop", "--remove", "new") == (0, "shop: no tags\n")


def test_an_exported_task_is_the_same_when_it_comes_back(store: Path, tmp_path: Path) -> None:
    assert told("task", "export", "film", tmp_path / "out") == (0, f"film written to {tmp_path / 'out'}\n")
    code, text = told("task", "add", "copy", "--data", tmp_path / "out")
    assert (code, text.splitlines()[0]) == (0, "copy version 1: 12 training examples")

    film, copy = json_of("task", "show", "film"), json_of("task", "show", "copy")
    assert copy["content_hash"] == film["content_hash"]
    assert copy["spec"] == film["spec"]


def test_a_removed_task_is_gone_from_every_answer(store: Path) -> None:
    code, text = told("task", "remove", "shop")
    assert (code, text.splitlines()[0]) == (0, "removed shop")

    assert run("task", "show", "shop").exit_code == 2
    assert "shop" not in run("nearest", "film").output
    assert json_of("status")["spaces"] == {"tiny": 3, "words": 3}
    assert run("index", "verify").exit_code == 0


# -- models and corpora ------------------------------------------------------------------------------


def test_a_function_is_registered_without_being_run(empty: Path, tmp_path: Path) -> None:
    (tmp_path / "my_boxes.py").write_text("raise SystemExit('was run')\n\n\ndef says(texts):\n    return texts\n")

    assert told("model", "add", "box", "--function", "my_boxes:says") == (0, "box version 1\n")
    assert json_of("model", "show", "box")["spec"] == {"type": "function", "source": "my_boxes:says"}


def test_recorded_answers_are_a_model(empty: Path, tmp_path: Path) -> None:
    rows = [{"text": "a good film", "answer": "yes"}, {"text": "a bad film", "answer": "no"}]

    code, text = told("model", "add", "box", "--recorded", write_rows(tmp_path / "a.jsonl", rows), "--tag", "old")

    assert (code, text) == (0, "box version 1\n")
    assert json_of("model", "list", "--tag", "old")["models"][0]["spec"]["answers"] == ["no", "yes"]


def write_llm(folder: Path, names: tuple[str, ...]) -> Path:
    folder.mkdir()
    write_rows(folder / "inputs.jsonl", [{"text": "a good film"}, {"text": "a bad film"}])
    rows = [{"name": name, "template": f"{name}: {{{{text}}}}", "choices": ["yes", "no"]} for name in names]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.savez(folder / "outputs.npz", log_prob=np.zeros((len(names), 2, 2)))
    return folder


def test_a_recorded_llm_comes_with_its_prompts(empty: Path, tmp_path: Path) -> None:
    folder = write_llm(tmp_path / "llm", ("plain", "polite"))

    assert told("model", "add", "llm", "--recorded", folder) == (0, "llm version 1, with 2 prompts\n")
    assert json_of("status")["entries"] == {"task": 0, "model": 1, "prompt": 2, "prompted-model": 2, "corpus": 0}


def test_a_model_is_replaced_aliased_and_removed(empty: Path, tmp_path: Path) -> None:
    (tmp_path / "my_boxes.py").write_text("def one(texts): ...\ndef two(texts): ...\n")
    run("model", "add", "box", "--function", "my_boxes:one")

    assert told("model", "add", "box", "--function", "my_boxes:two", "--replace") == (0, "box version 2\n")
    assert told("model", "alias", "box:1", "production") == (0, "box:production is version 1\n")
    assert json_of("model", "show", "box:production")["spec"]["source"] == "my_boxes:one"
    assert told("model", "alias", "box", "production") == (0, "box:production is version 2\n")
    assert told("model", "remove", "box") == (0, "removed box\n")
    assert json_of("model", "list") == {"models": []}


def test_a_corpus_is_made_of_a_file(empty: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("one\ntwo\n\none\n")

    code, text = told("corpus", "create", "mine", "--data", tmp_path / "texts.txt")

    shown = json_of("corpus", "show", "mine")
    assert (code, text) == (0, f"mine: 2 texts, {shown['content_hash'][:12]}\n")
    assert shown["spec"] == {"texts": 2, "source": "texts.txt"}


def test_a_corpus_is_drawn_from_tasks_less_the_excluded(store: Path) -> None:
    code, _ = told("corpus", "create", "few", "--per-task", "3", "--exclude", "film", "--exclude", "shop")

    assert code == 0
    found = {corpus["name"]: corpus["spec"] for corpus in json_of("corpus", "list")["corpora"]}
    assert found["few"] == {"texts": 6, "source": "3 texts of each of 2 tasks, without film, shop"}


def test_a_corpus_that_a_space_uses_is_kept(store: Path) -> None:
    told("corpus", "create", "few", "--per-task", "3")

    assert told("corpus", "remove", "few") == (0, "removed few\n")
    assert told("corpus", "remove", "texts") == (
        2,
        "Error: 'texts' is used by space tiny: remove those first.\n",
    )


# -- spaces ------------------------------------------------------------------------------------------


def test_a_space_is_made_listed_used_and_removed(store: Path, surrogate: Path) -> None:
    code, text = told("space", "create", "more", "--surrogate", surrogate, "--corpus", "texts", "--set", "examples=4")

    shown = json_of("space", "show", "more")
    assert (code, text) == (0, f"more: fingerprint {shown['fingerprint'][:12]}\n")
    assert (shown["current"], shown["vectors"], shown["dimension"]) == (False, 0, 2048)
    assert shown["spec"]["parameters"]["examples"] == 4
    assert told("space", "use", "more") == (0, "current space: more\n")
    assert [(s["name"], s["current"]) for s in json_of("space", "list")["spaces"]] == [
        ("more", True),
        ("tiny", False),
        ("words", False),
    ]
    assert told("space", "remove", "more") == (0, "removed more\n")
    assert json_of("status")["current_space"] is None


def test_the_first_space_becomes_the_current_one(empty: Path, surrogate: Path) -> None:
    code, text = told("space", "create", "first", "--surrogate", surrogate, "--corpus", "none", "--dimension", "32")

    assert code == 0
    assert text.endswith(", current\n")


def test_exported_vectors_are_those_of_the_catalog(store: Path, tmp_path: Path) -> None:
    result = run("space", "export", "words", tmp_path / "v.npz")

    assert (result.exit_code, result.stdout) == (0, f"4 vectors written to {tmp_path / 'v.npz'}\n")
    assert "plain cosines are no similarities" in result.stderr

    with np.load(tmp_path / "v.npz", allow_pickle=False) as arrays:
        assert arrays["names"].tolist() == ["film", "shop", "bank", "alone"]
        assert arrays["kinds"].tolist() == ["task"] * 4
        assert str(arrays["fingerprint"]) == json_of("space", "show", "words")["fingerprint"]
        assert np.linalg.norm(arrays["vectors"], axis=1) == pytest.approx([1.0] * 4, abs=1e-5)


# -- embedding and asking ----------------------------------------------------------------------------


def test_what_is_embedded_is_not_embedded_again(store: Path) -> None:
    first, second = run("embed", "--all"), run("embed", "--all")

    assert first.exit_code == second.exit_code == 0
    assert first.stdout.startswith("embedded alone in ")
    assert first.stderr.endswith("1 embedded, 4 known already, 0 failed in space tiny\n")
    assert (second.stdout, second.stderr) == ("", "0 embedded, 5 known already, 0 failed in space tiny\n")


def test_one_failure_does_not_stop_the_others(store: Path, tmp_path: Path) -> None:
    (tmp_path / "my_failing_boxes.py").write_text("def says(texts): raise ValueError('no mood')\n")
    run("model", "add", "box", "--function", "my_failing_boxes:says")

    result = run("embed", "box", "alone")

    assert result.exit_code == 1
    assert result.stdout.startswith("embedded alone in ")
    assert "failed box: my_failing_boxes:says raised ValueError: no mood\n" in result.stderr
    assert json_of("status")["failures"] == {"box": "my_failing_boxes:says raised ValueError: no mood"}


def test_nearest_ranks_by_similarity_as_compare_gives_it(store: Path) -> None:
    matches = json_of("nearest", "film")["matches"]

    assert [match["rank"] for match in matches] == [1, 2, 3]
    assert {match["name"] for match in matches} == {"shop", "bank", "oracle"}
    similarities = [match["similarity"] for match in matches]
    assert similarities == sorted(similarities, reverse=True)
    again = [json_of("compare", "film", match["name"])["similarity"] for match in matches]
    assert again == pytest.approx(similarities, abs=1e-5)


def test_nearest_is_shown_as_a_table(store: Path) -> None:
    code, text = told("nearest", "film", "-k", "1")

    assert code == 0
    assert text.startswith("nearest to film in space tiny")
    assert "┃ rank ┃ name " in text
    assert re.search("┃ similarity ┃ +± ┃ inputs ┃ answers ┃", text)
    assert text.count("\n│") == 1


def test_nearest_says_what_it_sets_aside_on_stderr_and_lists_it_on_demand(store: Path, tmp_path: Path) -> None:
    copy = write_rows(tmp_path / "copy.jsonl", tiny_rows(9))
    assert run("task", "add", "film", "--data", copy, "--replace").exit_code == 0
    assert run("task", "add", "copy", "--data", copy).exit_code == 0
    assert run("embed", "film", "copy").exit_code == 0

    plain, listed = run("nearest", "film", "--kind", "task"), run("nearest", "film", "--kind", "task", "--duplicates")

    assert "copy" not in plain.stdout
    assert "Set aside as nearly film itself: copy (shares 100% of the texts)" in plain.stderr
    assert "copy" in listed.stdout
    assert json_of("nearest", "film")["set_aside"][0]["name"] == "copy"


def test_a_blank_is_no_place_of_a_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUTE_REGISTRY", " ")

    assert told("status") == (2, "Error: ' ' is not the path of a folder.\n")


def test_nearest_keeps_to_limit_kind_tag_and_space(store: Path) -> None:
    assert len(json_of("nearest", "film", "-k", "2")["matches"]) == 2
    assert [m["name"] for m in json_of("nearest", "film", "--kind", "model")["matches"]] == ["oracle"]
    assert [m["name"] for m in json_of("nearest", "shop", "--tag", "english")["matches"]] == ["film"]
    assert {m["name"] for m in json_of("nearest", "film", "--space", "words")["matches"]} == {"shop", "bank", "alone"}
    with Registry.open(store) as registry:  # what no embedding can give a vector is not said to lack one
        registry.add_space("ours", SpaceSpec.imported("ours", 4), corpus=None)
        registry.add_vectors(["brought"], np.eye(1, 4, dtype=np.float32), space="ours")
    assert told("nearest", "film", "--language", "fr") == (
        0,
        "Nothing else is embedded in this space that passes the filter.\n"
        "1 task has no vector in space tiny and cannot be found: alone; 'fute embed --all' makes it.\n",
    )


def test_the_facets_may_be_weighed(store: Path) -> None:
    by_map = json_of("nearest", "film", "--weigh", "map=1")["matches"]
    mixed = json_of("compare", "film", "shop", "--weigh", "inputs=1, answers=3")

    assert [m["similarity"] for m in by_map] == pytest.approx([m["facets"]["map"] for m in by_map], abs=1e-5)
    facets = mixed["facets"]
    assert mixed["similarity"] == pytest.approx((facets["inputs"] + 3 * facets["answers"]) / 4, abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("map", "Invalid value for '--weigh': expected FACET=NUMBER,FACET=NUMBER (see 'main nearest --help')"),
        ("words=1", "No facet 'words' in this space: there are inputs, answers, joint, map."),
        ("map=-1", "Weights are numbers from 0 to 1e+06, and one of them is more than 0."),
    ],
)
def test_weights_that_make_no_sense_are_told_in_one_line(store: Path, weights: str, message: str) -> None:
    assert assert_one_line(run("nearest", "film", "--weigh", weights)) == message


def test_a_vector_of_this_space_finds_its_own_task_first(store: Path, tmp_path: Path) -> None:
    run("space", "export", "tiny", tmp_path / "v.npz", "--entry", "film")

    first = json_of("nearest", "--vector", tmp_path / "v.npz")["matches"][0]

    assert (first["name"], first["similarity"]) == ("film", pytest.approx(1.0, abs=1e-5))


def test_a_task_is_wholly_like_itself(store: Path) -> None:
    found = json_of("compare", "film", "film")

    assert (found["a"], found["b"], found["space"]) == ("film", "film", "tiny")
    assert found["similarity"] == pytest.approx(1.0, abs=1e-5)
    assert found["facets"] == pytest.approx(dict.fromkeys(("inputs", "answers", "joint", "map"), 1.0), abs=1e-5)


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_a_map_is_a_picture(store: Path, tmp_path: Path, ending: str, start: bytes) -> None:
    picture = tmp_path / f"map.{ending}"

    assert told("map", picture) == (0, f"Map written to {picture}\n")
    assert picture.read_bytes().startswith(start)


def test_transfers_are_kept_and_replaced_by_newer_ones(empty: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TRANSFERS)

    assert told("transfer", "import", tmp_path / "t.csv") == (0, "2 transfers kept\n")
    (tmp_path / "t.csv").write_text(TRANSFERS.replace("0.5", "0.9"))
    assert told("transfer", "import", tmp_path / "t.csv") == (0, "2 transfers kept\n")
    found = json_of("transfer", "list", "--target", "film")["transfers"]
    assert [(t["source"], t["score_mean"], t["seeds"]) for t in found] == [("bank", 0.9, None), ("shop", 0.75, 3)]


# -- JSON --------------------------------------------------------------------------------------------

WITH_JSON = (
    ("status",),
    ("doctor",),
    ("config", "show"),
    ("index", "verify"),
    ("verify",),
    ("repair",),
    ("task", "import", "tasks"),
    ("task", "list"),
    ("task", "show", "film"),
    ("model", "list"),
    ("model", "answers", "oracle"),
    ("model", "show", "oracle"),
    ("corpus", "list"),
    ("corpus", "show", "texts"),
    ("space", "list"),
    ("space", "show", "tiny"),
    ("embed", "alone"),
    ("nearest", "film"),
    ("compare", "film", "shop"),
    ("transfer", "list"),
    ("transfer", "show", "film"),
    ("worker",),
    ("vectors", "import", "more.npz", "--space", "mine"),
)


@pytest.mark.parametrize("arguments", WITH_JSON, ids=" ".join)
def test_json_is_one_object_and_nothing_else_on_stdout(store: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_task(tmp_path / "tasks" / "seen", 9)
    run("space", "create", "mine", "--method", "imported", "--surrogate", "ours", "--dimension", "2")
    np.savez(tmp_path / "more.npz", names=np.array(["one"]), vectors=np.ones((1, 2)))

    found = json_of(*arguments)

    assert found


def test_every_command_with_json_is_among_the_tested() -> None:
    having = {path for path, command in commands().items() if any(p.name == "as_json" for p in command.params)}

    tested = {next(a[:n] for n in (2, 1) if a[:n] in commands()) for a in WITH_JSON}
    of_their_own = {
        "bundle",
        "diff",
        "best-prompt",
        "best-model",
        "evaluate",
        "label",
        "pack",
        "prompt",
        "pull",
        "push",
        "test",
    }  # test files
    assert tested == {path for path in having if not of_their_own & {path[0], path[-1]}}


# -- errors ------------------------------------------------------------------------------------------


def assert_one_line(result: Result, *, code: int = 2) -> str:
    crash = None if isinstance(result.exception, SystemExit) else result.exception
    assert crash is None, f"a traceback: {crash!r}"
    assert result.exit_code == code
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    assert len(lines[0]) < 1000
    return lines[0].removeprefix("Error: ")


NAMES = {
    "climbing": "../film",
    "climbing inside": "a/../b",
    "empty part": "a//b",
    "NUL": "a\0b",
    "line break": "a\nb",
    "nothing": "",
    "space": "a b",
    "absolute": "/etc/passwd",
    "a sign": "film!",
    "ten megabytes": "x" * TEN_MB,
    "half a character": "a\udcff",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "arguments",
    [
        ("task", "add", "NAME", "--data", "good.jsonl"),
        ("task", "show", "NAME"),
        ("task", "export", "NAME", "out"),
        ("corpus", "create", "NAME", "--per-task", "2"),
        ("nearest", "NAME"),
    ],
    ids=" ".join,
)
def test_a_bad_name_is_told_and_changes_nothing(
    store: Path, tmp_path: Path, arguments: tuple[str, ...], name: str
) -> None:
    write_rows(tmp_path / "good.jsonl", tiny_rows(1))
    before = dump(store)

    result = run(*(name if argument == "NAME" else argument for argument in arguments))

    assert "is not a name: use 1 to 128 letters, digits or" in assert_one_line(result)
    assert dump(store) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("task", "show", "flim"), "No task named 'flim' in this registry. Did you mean 'film'?"),
        (("task", "remove", "flim"), "No task named 'flim' in this registry. Did you mean 'film'?"),
        (("task", "tag", "flim", "new"), "No task named 'flim' in this registry. Did you mean 'film'?"),
        (("task", "show", "oracle"), "No task named 'oracle' in this registry."),
        (("task", "show", "film:7"), "No version named 'film:7' in this registry."),
        (("task", "show", "film:gold"), "No version named 'film:gold' in this registry."),
        (("model", "show", "orakle"), "No model named 'orakle' in this registry. Did you mean 'oracle'?"),
        (("model", "alias", "orakle", "x"), "No model named 'orakle' in this registry. Did you mean 'oracle'?"),
        (("corpus", "show", "text"), "No corpus named 'text' in this registry. Did you mean 'texts'?"),
        (("corpus", "create", "c", "--exclude", "flim"), "No task named 'flim' in this registry. Did you mean 'film'?"),
        (("space", "show", "tini"), "No space named 'tini' in this registry. Did you mean 'tiny'?"),
        (("space", "use", "tini"), "No space named 'tini' in this registry. Did you mean 'tiny'?"),
        (("space", "export", "tini", "v.npz"), "No space named 'tini' in this registry. Did you mean 'tiny'?"),
        (("nearest", "flim"), "No entry named 'flim' in this registry. Did you mean 'film'?"),
        (("nearest", "film", "--space", "tini"), "No space named 'tini' in this registry. Did you mean 'tiny'?"),
        (("compare", "film", "shoop"), "No entry named 'shoop' in this registry. Did you mean 'shop'?"),
        (("map", "m.png", "--space", "tini"), "No space named 'tini' in this registry. Did you mean 'tiny'?"),
        (("embed", "flim"), "No entry named 'flim' in this registry. Did you mean 'film'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_unknown_name_is_told_with_the_nearest_known(store: Path, arguments: tuple[str, ...], message: str) -> None:
    before = dump(store)

    assert assert_one_line(run(*arguments)) == message
    assert dump(store) == before


def files(place: Path) -> Path:
    """Write files with every fault into a folder."""
    place.mkdir()
    good = "".join(json.dumps(row) + "\n" for row in tiny_rows(1))
    texts: dict[str, str | bytes] = {
        "empty.jsonl": "",
        "blank.jsonl": "\n \n",
        "not-utf8.jsonl": good.encode() + b'{"text": "\xff", "label": "yes"}\n',
        "deep.jsonl": "[" * 200_000 + "\n",
        "nul.jsonl": good + '{"text": "a\0b", "label": "yes"}\n',
        "half.jsonl": good + '{"text": "\\ud800", "label": "yes"}\n',
        "array.jsonl": good + "[1]\n",
        "huge.jsonl": '{"text": "a", "label": ' + "9" * 5000 + "}\n",
        "one-label.jsonl": '{"text": "a", "label": "x"}\n',
        "no-text.jsonl": '{"label": "x"}\n',
        "fraction.jsonl": '{"text": "a", "label": 0.5}\n',
        "choice.jsonl": '{"text": "a", "label": "x", "choices": ["y", "z"]}\n',
        "empty.csv": "",
        "header.csv": "text,label\n",
        "nul.csv": "text,label\na\0b,x\nc,y\n",
        "not-utf8.csv": b"text,label\n\xff,x\nb,y\n",
        "quote.csv": 'text,label\n"a,x\n',
        "broken.parquet": "PAR1",
        "photo.jpg": "x",
        "good.jsonl": good,
        "one-answer.jsonl": '{"text": "a", "answer": "x"}\n',
        "no-answer.jsonl": '{"text": "a"}\n',
        "empty.txt": "",
        "not-utf8.txt": b"\xff\n",
        "columns.csv": "model,target\na,b\n",
        "infinite.csv": TRANSFERS.replace("0.75", "inf"),
        "infinite-std.csv": TRANSFERS.replace("0.01", "inf"),
        "huge-seeds.csv": TRANSFERS.replace(",3\n", ",99999999999999999999\n"),
        "climbing.csv": TRANSFERS.replace("shop", "../shop"),
        "second-line.csv": TRANSFERS + "minilm,full,film,alone,much,,\n",
        "junk.npz": "junk",
    }
    for name, text in texts.items():
        (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (place / "no-task").mkdir()
    (write_task(place / "label", 1) / "train.jsonl").write_text('{"text": "a", "label": "neutral"}\n')
    (write_task(place / "test-label", 1) / "test.jsonl").write_text('{"text": "a", "label": "neutral"}\n')
    (write_task(place / "kind", 1) / "task.json").write_text('{"kind": ["classification"]}')
    (write_task(place / "labels", 1) / "task.json").write_text('{"kind": "classification", "labels": {"a": 1}}')
    (write_task(place / "deep", 1) / "task.json").write_text("[" * 200_000)
    (place / "deep-model").mkdir()
    (place / "deep-model" / "config.json").write_text("[" * 200_000)
    (place / "pickled-model").mkdir()
    (place / "pickled-model" / "config.json").write_text("{}")
    (place / "pickled-model" / "pytorch_model.bin").write_text("")
    write_llm(place / "llm", ("plain", "Not A Name"))
    return place


FAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    # data of tasks
    **{
        f"task of {name}": (("task", "add", "new", "--data", f"files/{name}"), message)
        for name, message in {
            "missing.jsonl": "files/missing.jsonl: no such file.",
            "empty.jsonl": "files/empty.jsonl: holds no examples.",
            "blank.jsonl": "files/blank.jsonl: holds no examples.",
            "not-utf8.jsonl": "files/not-utf8.jsonl: not UTF-8 at byte",
            "deep.jsonl": "files/deep.jsonl line 1: not JSON (",
            "nul.jsonl": "files/nul.jsonl: holds a NUL character",
            "half.jsonl": "files/half.jsonl",
            "array.jsonl": "files/array.jsonl line 13: not a JSON object.",
            "huge.jsonl": "files/huge.jsonl line 1: not JSON (",
            "one-label.jsonl": "at least two different, non-empty labels",
            "no-text.jsonl": "has no text in 'text'; it has label.",
            "fraction.jsonl": "has the label 0.5 throughout: give the range of the scale. Noted before: its labels are",
            "choice.jsonl": "label 'x' is not one of y, z.",
            "empty.csv": "files/empty.csv: holds no examples.",
            "header.csv": "files/header.csv: holds no examples.",
            "nul.csv": "files/nul.csv",
            "not-utf8.csv": "files/not-utf8.csv: not UTF-8 at byte",
            "quote.csv": "files/quote.csv line 2: not a readable table",
            "broken.parquet": "files/broken.parquet: not a parquet file",
            "photo.jpg": "files/photo.jpg: not a task folder and not a",
            "no-task": "files/no-task: holds neither task.json nor a file of training examples",
            "label": "label 'neutral' is not one of yes, no.",
            "test-label": "label 'neutral' is not one of yes, no.",
            "kind": "files/kind/task.json: kind ['classification'] is not one of",
            "labels": "files/labels: labels is not a list of names.",
            "deep": "files/deep/task.json: not JSON (",
            "a\0b": "",
            "x" * 5000: "",
        }.items()
    },
    "wrong answers": (("task", "add", "new", "--data", "files/good.jsonl", "--answers", "up=good"), "Answers are for"),
    "wrong column": (("task", "add", "new", "--data", "files/good.jsonl", "--text", "review"), "has no text in"),
    "bad tag": (("task", "add", "new", "--data", "files/good.jsonl", "--tag", "\n"), "is not a tag"),
    "name of a model": (("task", "add", "oracle", "--data", "files/good.jsonl"), "is already the name of a model"),
    "no tasks there": (("task", "import", "files/no-task"), "holds no task folders"),
    "a task there": (
        ("task", "import", "files/labels"),
        "It is one itself: 'fute task add labels --data files/labels'.",
    ),
    "no kind of task": (
        ("nearest", "film", "--task-kind", "dragon"),
        "No kind of task 'dragon': there are classification, ",
    ),
    "folder in use": (("task", "export", "film", "files"), "files is there already: name a new folder."),
    "no folder named": (("task", "export", "film", "."), ". is there already: name a new folder."),
    "no file named": (("transfer", "export", "."), "'.' is a folder that is there already: name a new file or folder."),
    "root named": (("transfer", "export", "/"), "'/' is a folder that is there already: name a new file or folder."),
    "tag of a corpus": (("task", "tag", "texts", "new"), "No task named 'texts' in this registry."),
    "alias of a task": (("model", "alias", "film", "prod"), "No model named 'film' in this registry."),
    "texts of tasks, from a file": (
        ("corpus", "create", "c", "--data", "files/good.jsonl", "--exclude", "film"),
        "--exclude is for texts of registered tasks, not for --data.",
    ),
    # models and corpora
    "answers missing": (
        ("model", "add", "m", "--recorded", "files/no-answer.jsonl"),
        "has no column of answers beside text",
    ),
    "one answer": (("model", "add", "m", "--recorded", "files/one-answer.jsonl"), "one and the same answer"),
    "no recording": (("model", "add", "m", "--recorded", "files/missing"), "files/missing: no such file."),
    "prompt with a bad name": (("model", "add", "m", "--recorded", "files/llm"), "'Not A Name' is not a name"),
    "no module": (("model", "add", "m", "--function", "nowhere_to_be_found:f"), "No module 'nowhere_to_be_found'"),
    "no function": (("model", "add", "m", "--function", "json"), "'json' is not of the form module:function."),
    "no model": (("model", "add", "m", "--hf", "files"), "files has no readable config.json: it is not a model."),
    "not pinned": (("model", "add", "m", "--hf", "org/name"), "needs --revision with its full commit hash"),
    "numeric alias": (("model", "alias", "oracle", "7"), "a number means a version"),
    "empty corpus": (
        ("corpus", "create", "c", "--data", "files/empty.txt"),
        "files/empty.txt: holds no texts: a corpus has one on each",
    ),
    "corpus not UTF-8": (("corpus", "create", "c", "--data", "files/not-utf8.txt"), "not UTF-8 at byte 0."),
    "no corpus file": (("corpus", "create", "c", "--data", "files/missing.txt"), "files/missing.txt: no such file."),
    "other corpus": (("corpus", "create", "texts", "--per-task", "1"), "is already the name of a corpus"),
    # spaces
    "no setting": (("space", "create", "s", "--surrogate", "BERT", "--set", "depth=3"), "No setting 'depth'"),
    "setting no number": (
        ("space", "create", "s", "--surrogate", "BERT", "--set", "examples=many"),
        "examples is a int, not 'many'.",
    ),
    "setting negative": (("space", "create", "s", "--surrogate", "BERT", "--set", "ridge=-1"), "a positive number"),
    "setting NaN": (("space", "create", "s", "--surrogate", "BERT", "--set", "ridge=nan"), "a positive number"),
    "no method": (("space", "create", "s", "--surrogate", "BERT", "--method", "magic"), "No method 'magic': there are"),
    "no corpus": (
        ("space", "create", "s", "--surrogate", "BERT", "--corpus", "text"),
        "No corpus named 'text' in this registry. Did you mean 'texts'?",
    ),
    "too small": (("space", "create", "s", "--surrogate", "BERT", "--dimension", "7"), "8 to 65536 dimensions"),
    "negative seed": (
        ("space", "create", "s", "--surrogate", "BERT", "--seed", "-1"),
        "A seed is a whole number from 0",
    ),
    "endless seed": (("space", "create", "s", "--surrogate", "BERT", "--seed", "9" * 30), "A seed is a whole number"),
    "no tokens": (("space", "create", "s", "--surrogate", "BERT", "--set", "max_length=1"), "max_length is 8 to 64"),
    "too many tokens": (
        ("space", "create", "s", "--surrogate", "BERT", "--set", "max_length=65"),
        "max_length is 8 to 64",
    ),
    "no surrogate": (("space", "create", "s", "--surrogate", "files/missing"), "neither a folder nor"),
    "no surrogate at a path": (("space", "create", "s", "--surrogate", "./files/missing"), "is not a folder with a"),
    "surrogate without weights": (("space", "create", "s", "--surrogate", "files/pickled-model"), "no .safetensors"),
    "surrogate of deep JSON": (("space", "create", "s", "--surrogate", "files/deep-model"), "files/deep-model"),
    "space with a bad name": (("space", "create", "No Name", "--surrogate", "BERT"), "is not a name"),
    "space known otherwise": (("space", "create", "tiny", "--surrogate", "BERT"), "is already the name of a space"),
    "twin": (
        ("space", "create", "twin", "--surrogate", "BERT", "--method", "textemb", "--dimension", "16"),
        "This is the space 'words'",
    ),
    "huge space name": (("space", "show", "x" * TEN_MB), "No space named"),
    "huge version": (("task", "show", f"film:{10**30}"), "No version named"),
    "vectors of unknown ending": (("space", "export", "tiny", "v.txt"), "written as .npz or .parquet"),
    # questions
    "not embedded here": (
        ("nearest", "alone"),
        "'alone' has no vector in space 'tiny': it has one in words, so ask there, '--space words', or "
        "run 'fute embed alone --space tiny'.",
    ),
    "what cannot be embedded": (("nearest", "texts"), "'texts' is a corpus: only tasks and models have vectors."),
    "not embedded at all": (("compare", "film", "oracle", "--space", "words"), "'oracle' has no vector in space"),
    "no vector file": (("nearest", "--vector", "files/missing.npz"), "files/missing.npz: no such file."),
    "junk vectors": (("nearest", "--vector", "files/junk.npz"), "not a .npz file of vectors"),
    "half a character": (("nearest", "film", "--language", "\udcff"), ""),
    "half a target": (("transfer", "list", "--target", "\udcff"), ""),
    "map of unknown ending": (("map", "m.gif"), "m.gif: a map is written as .png, .svg, .pdf, .html, .csv"),
    "map of unknown layout": (("map", "m.png", "--layout", "ring"), "'ring' is not one of 'distances', 'pca', 'tsne'"),
    "heatmap of unknown ending": (("heatmap", "h.csv"), "h.csv: a picture is written as .png, .svg, .pdf, .html."),
    "plot of unknown ending": (("nearest", "film", "--plot", "n.html"), "a picture is written as .png, .svg, .pdf."),
    "nothing to embed": (("embed", "texts"), "'texts' is a corpus: only tasks and models are embedded."),
    "model without answers": (("embed", "oracle", "--space", "words"), "textemb sees no answers"),
    "no device": (("embed", "alone", "--device", "abacus"), "No device 'abacus' here"),
    # transfers
    "no transfers": (("transfer", "import", "files/missing.csv"), "files/missing.csv: no such file."),
    "columns missing": (("transfer", "import", "files/columns.csv"), "has no column 'adaptation'."),
    "score infinite": (("transfer", "import", "files/infinite.csv"), "files/infinite.csv line 2: has no finite number"),
    "deviation infinite": (("transfer", "import", "files/infinite-std.csv"), "files/infinite-std.csv line 2"),
    "seeds huge": (("transfer", "import", "files/huge-seeds.csv"), "files/huge-seeds.csv line 2"),
    "climbing source": (("transfer", "import", "files/climbing.csv"), "'../shop' is not a name"),
    "second measurement bad": (("transfer", "import", "files/second-line.csv"), "files/second-line.csv line 4"),
}


@pytest.mark.parametrize(("arguments", "message"), FAULTS.values(), ids=[name[:40] for name in FAULTS])
def test_bad_input_is_told_in_one_line_and_changes_nothing(
    store: Path, surrogate: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    files(tmp_path / "files")
    before = dump(store)

    result = run(*(str(surrogate) if argument == "BERT" else argument for argument in arguments))

    assert message in assert_one_line(result)
    assert dump(store) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nearest", "film", "-k", "0"), "0 is not in the range x>=1"),
        (("nearest", "film", "-k", "many"), "'many' is not a valid integer"),
        (("nearest",), "Give a name, or --vector FILE."),
        (("nearest", "film", "--vector", "v.npz"), "Give a name, or --vector FILE."),
        (("nearest", "film", "--kind", "corpus"), "'corpus' is not one of 'task', 'model', 'prompted-model'"),
        (("embed",), "Give names, or --all."),
        (("embed", "film", "--all"), "Give names, or --all."),
        (("model", "add", "m"), "Give one of --hf, --endpoint, --function and --recorded."),
        (
            ("model", "add", "m", "--hf", "x", "--recorded", "y"),
            "Give one of --hf, --endpoint, --function and --recorded.",
        ),
        (("task", "add", "film"), "Missing option '--data'"),
        (("task", "add", "film", "--data", "x.csv", "--answers", "0"), "expected LABEL=TEXT,LABEL=TEXT"),
        (("task", "import", "nowhere"), "'nowhere' does not exist"),
        (("space", "create", "s", "--set", "examples"), "expected KEY=VALUE"),
        (("corpus", "create", "c", "--per-task", "0"), "0 is not in the range x>=1"),
        (("compare", "film"), "Missing argument 'B'"),
        (("tusk",), "No such command 'tusk'"),
        (("task", "lst"), "No such command 'lst'"),
        (("--bogus",), "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_use_is_told_in_one_line_and_changes_nothing(store: Path, arguments: tuple[str, ...], message: str) -> None:
    before = dump(store)

    assert message in assert_one_line(run(*arguments))
    assert dump(store) == before


def test_the_program_itself_is_no_module_with_functions(store: Path) -> None:
    result = fute("model", "add", "box", "--function", "__main__:main")

    assert result.returncode == 2
    assert result.stderr.startswith("Error: No module '__main__' to be found from this folder: what lives in a session")


def test_a_vector_of_another_space_is_refused(store: Path, tmp_path: Path) -> None:
    run("space", "export", "words", tmp_path / "v.npz", "--entry", "film")

    message = assert_one_line(run("nearest", "--vector", tmp_path / "v.npz"))

    words = json_of("space", "show", "words")["fingerprint"][:12]
    assert message.startswith(f"The vector is of space {words}, not of 'tiny' (")
    assert run("nearest", "--vector", tmp_path / "v.npz", "--space", "words").exit_code == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vectors", np.full((1, 16), np.nan, np.float32)),
        ("vectors", np.zeros((1, 16), np.float32)),
        ("vectors", np.full((1, 16), 1e30, np.float32)),
        ("vectors", np.full((1, 17), 17**-0.5, np.float32)),
        ("vectors", np.zeros((0, 16), np.float32)),
        ("kinds", np.array(["corpse"])),
        ("names", np.array(["film", "shop"])),
        ("names", np.array([{"film": 1}], dtype=object)),
    ],
    ids=["nan", "zero", "huge", "dimension", "none", "kind", "names", "pickled"],
)
def test_a_vector_that_is_none_is_refused(store: Path, tmp_path: Path, name: str, value: np.ndarray) -> None:
    run("space", "export", "words", tmp_path / "v.npz", "--entry", "film")
    with np.load(tmp_path / "v.npz") as arrays:
        changed = {**arrays, name: value}
    np.savez(tmp_path / "v.npz", **changed)

    assert_one_line(run("nearest", "--vector", tmp_path / "v.npz", "--space", "words"))


@pytest.mark.parametrize(
    "arguments",
    [("task", "list"), ("status",), ("nearest", "film"), ("embed", "--all"), ("index", "verify"), ("db", "upgrade")],
    ids=" ".join,
)
def test_without_a_registry_the_way_to_one_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    message = assert_one_line(run(*arguments))

    assert message == "No registry at fute-registry: make one with 'fute init', or name one with --registry."
    assert list(tmp_path.iterdir()) == []


def test_a_user_without_a_home_is_told_what_a_servers_registry_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_242_424)  # as in a container, whose user has no name

    code, text = told("--registry", "postgresql://db.example/team", "status")

    assert (code, text) == (2, "Error: This user has no home for what is kept here: set XDG_DATA_HOME, or HOME.\n")


@pytest.mark.parametrize("command", [("init",), ("task", "list"), ("db", "upgrade")], ids=" ".join)
@pytest.mark.parametrize(
    "location",
    ["postgresql://user:secret@host/db", "sqlite:///x.db", "file", "file/below", "x" * 5000, "a\0b", "~nobody-here/x"],
    ids=lambda value: value[:20],
)
def test_what_is_no_folder_is_no_registry(tmp_path: Path, location: str, command: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("mine")

    result = run("--registry", location, *command)

    assert result.exit_code in (1, 2)
    assert "secret" not in assert_one_line(result, code=result.exit_code)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("location", ["https://example.org/registry", "file"])
def test_the_environment_must_name_a_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("FUTE_REGISTRY", location)

    assert assert_one_line(run("task", "list")) in (
        "A registry is a folder or postgresql://HOST/DATABASE, not https://...",
        "No registry at file: make one with 'fute init', or name one with --registry.",
    )


def test_a_registry_of_a_later_release_is_refused_and_kept(store: Path) -> None:
    connection = sqlite3.connect(store / "catalog.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    seal(store)
    before = dump(store)

    messages = {assert_one_line(run(*arguments)) for arguments in (("task", "list"), ("init",), ("db", "upgrade"))}

    assert messages == {"This registry was written by a newer release (schema 9999): upgrade fute-registry."}
    assert dump(store) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("task", "export", "film", "/proc/nowhere/out"),
        ("task", "export", "film", "store/catalog.db/out"),
        ("space", "export", "tiny", "nowhere/v.npz"),
        ("space", "export", "tiny", "nowhere/v.parquet"),
        ("map", "nowhere/map.png"),
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_written_is_told_in_one_line(store: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code in (1, 2)
    assert_one_line(result, code=result.exit_code)


def test_ctrl_c_while_the_program_is_loaded_ends_it_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n", encoding="utf-8")
    starts = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cli import run; run()"
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])}

    ended = subprocess.run([sys.executable, "-c", starts], check=False, capture_output=True, text=True, env=here)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
