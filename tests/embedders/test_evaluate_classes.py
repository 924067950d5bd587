"""`fute evaluate transfer`: sources ranked by their number of examples, and figures among the sources of one class."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from test_evaluate_transfer import by_hand
from tiny_cli import LABELS, tiny_bert, tiny_rows, write_rows, write_task

import cli
from embedders.evaluation.transfer.evaluate import ALL, TransferEvaluation, evaluate_transfer
from embedders.evaluation.transfer.taskweb import read_examples
from embedders.evaluation.transfer.truth import in_class

HEADER = "model,adaptation,target,source,score_mean,score_std,seeds\n"
SINGLE, CHOICE, SPAN = "classification", "multiple-choice", "question-answering"
SCORES = {  # target -> source -> measured
    "film": {"shop": 0.5, "bank": 0.7, "copa": 0.9, "piqa": 0.8},
    "copa": {"film": 0.6, "piqa": 0.4, "quiz": 0.3, "shop": 0.2},
    "bank": {"shop": 0.6, "copa": 0.5, "quiz": 0.4},
}
SIZES = {"film": 12, "shop": 20, "bank": 16, "copa": 14, "piqa": 8, "quiz": 10}
IN_CLASS = {"film": {"shop": 0.5, "bank": 0.7}, "copa": {"piqa": 0.4, "quiz": 0.3}}  # bank has one such source
PEER = {  # wrong among the sources of a class, right about those of the other
    "film": {"shop": 3.0, "bank": 2.0, "copa": 4.0, "piqa": 1.0},
    "copa": {"film": 9.0, "piqa": 1.0, "quiz": 2.0, "shop": 0.0},
    "bank": {"shop": 1.0, "copa": 2.0, "quiz": 3.0},
}


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("surrogate") / "bert")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    lines = [f"m,full,{t},{s},{score},,\n" for t, sources in SCORES.items() for s, score in sources.items()]
    path.write_text(HEADER + "".join(lines))
    return path


@pytest.fixture
def peers(tmp_path: Path) -> Path:
    return write_peers(tmp_path / "peers.csv", "peer")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder for each task: film, shop and bank classify; copa, piqa and quiz choose."""
    place = tmp_path / "folders"
    for number, name in enumerate(("film", "shop", "bank")):
        write_task(place / name, number, SIZES[name])
    for number, name in enumerate(("copa", "piqa", "quiz")):
        write_choices(place / name, number, SIZES[name])
    return place


def write_peers(path: Path, name: str) -> Path:
    lines = [f"{t},{s},{score}\n" for t, sources in PEER.items() for s, score in sources.items()]
    path.write_text(f"target,source,{name}\n" + "".join(lines))
    return path


def write_choices(folder: Path, number: int, examples: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "task.json").write_text(json.dumps({"name": folder.name, "kind": CHOICE}))
    rows: Any = [{**row, "choices": [*LABELS[number]]} for row in tiny_rows(number, examples)]
    write_rows(folder / "train.jsonl", rows)
    return folder


def write_file(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    """Write a TASK.jsonl file whose rows have choices, as templates have for any kind of task."""
    lines = [{"input": row["text"], "output": row["label"], "choices": ["yes", "no", row["label"]]} for row in rows]
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def evaluated(examples: Path, truth: Path, surrogate: Path, **chosen: Any) -> TransferEvaluation:  # noqa: ANN401
    return evaluate_transfer(examples, truth, methods=["textemb"], surrogate=str(surrogate), device="cpu", **chosen)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.main, ["evaluate", "transfer", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def figures_of(rows: Sequence[Any], name: str, setting: str = ALL) -> dict[str, float]:
    (row,) = (row for row in rows if (row.name, row.setting) == (name, setting))
    return dict(row.figures)


def expected(scores: dict[str, dict[str, float]], truth: dict[str, dict[str, float]]) -> list[float]:
    figures = [by_hand(scores[target], sources) for target, sources in truth.items()]
    return [sum(column) / len(column) for column in zip(*figures, strict=True)]


# -- size --------------------------------------------------------------------------------------------


def test_where_the_numbers_of_examples_differ_they_rank_the_sources(
    folders: Path, truth: Path, peers: Path, surrogate: Path
) -> None:
    found = evaluated(folders, truth, surrogate, peers=peers, seeds=[0, 1])

    assert found.rankings["size"]["film"] == [("shop", 20.0), ("bank", 16.0), ("copa", 14.0), ("piqa", 8.0)]
    sizes = {target: {source: float(SIZES[source]) for source in sources} for target, sources in SCORES.items()}
    figures = expected(sizes, SCORES)
    assert [list(figures_of(found.rows, "size", setting).values()) for setting in ("m/full", ALL)] == [
        pytest.approx(figures),
        pytest.approx(figures),
    ]
    assert found.notes == ()
    assert {row.name for row in found.rows if row.over_seeds} == {"textemb", "memory", "gain"}


def test_samples_of_one_size_rank_nothing_and_a_note_says_why(tmp_path: Path, truth: Path, surrogate: Path) -> None:
    """32 examples under two or three templates are 32 examples."""
    examples = tmp_path / "files"
    for number, name in enumerate(SIZES):
        write_file(examples / f"{name}.jsonl", tiny_rows(number, 32 * (2 + number % 2)))
    peers = write_peers(tmp_path / "peers.csv", "size")

    found = evaluated(examples, truth, surrogate, peers=peers)

    assert found.notes == ("size: there are 32 examples of every task, so their number ranks nothing.",)
    assert {len(one.task.train) for one in read_examples(examples).values()} == {64, 96}
    assert list(figures_of(found.rows, "size").values()) == pytest.approx(expected(PEER, SCORES))  # the peer's column
    assert set(evaluated(examples, truth, surrogate).rankings) == {"textemb", "memory", "gain"}


def test_a_peer_is_not_called_size_where_sizes_rank(
    tmp_path: Path, folders: Path, truth: Path, surrogate: Path
) -> None:
    peers = write_peers(tmp_path / "peers.csv", "size")

    code, out, told = run("--examples", folders, "--truth", truth, "--peers", peers, "--surrogate", surrogate)

    assert (code, out) == (2, "")
    assert told.endswith("has scores of 'size', which is evaluated here: give the column another name.\n")


# -- in-class ----------------------------------------------------------------------------------------


def test_only_sources_of_the_targets_class_are_kept_and_targets_with_two_of_them() -> None:
    kinds = {**dict.fromkeys(("film", "shop"), SINGLE), "bank": "regression"}
    kinds |= {"copa": CHOICE, "piqa": SPAN, "quiz": "free-text"}
    of_none = {"t": {"a": 0.0, "b": -0.1, "x": 0.5}}
    classed: dict[str, str | None] = {"t": SINGLE, "a": SINGLE, "b": SINGLE, "x": CHOICE}

    assert in_class({"m/full": SCORES}, kinds) == {"m/full": IN_CLASS}
    assert in_class({"m/full": of_none}, classed) == {}
    assert in_class({"m/full": SCORES, "m/lora": {"bank": SCORES["bank"]}}, kinds) == {"m/full": IN_CLASS}


@pytest.mark.parametrize("kind", [None, "a kind of another release"])
def test_where_one_kind_is_not_known_or_all_are_of_one_class_nothing_is_in_class(kind: str | None) -> None:
    kinds: dict[str, str | None] = dict.fromkeys(SIZES, CHOICE)

    assert in_class({"m/full": SCORES}, kinds) == {}
    assert in_class({"m/full": SCORES}, {**kinds, "film": SINGLE, "quiz": kind}) == {}
    assert in_class({"m/full": SCORES}, {**kinds, "film": SINGLE, "shop": SINGLE, "bank": SINGLE}) != {}


def test_every_method_has_its_figures_in_class_beside_those_of_all(
    folders: Path, truth: Path, peers: Path, surrogate: Path
) -> None:
    found = evaluated(folders, truth, surrogate, peers=peers, seeds=[0, 1])

    names = {"textemb", "memory", "gain", "size", "peer"}
    assert {(row.name, row.setting, row.targets) for row in found.in_class} == {
        (name, setting, 2) for name in names for setting in ("m/full", ALL)
    }
    assert list(figures_of(found.rows, "peer").values()) == pytest.approx(expected(PEER, SCORES))
    assert list(figures_of(found.in_class, "peer").values()) == pytest.approx(expected(PEER, IN_CLASS))
    assert figures_of(found.in_class, "peer")["rho"] == 2.0  # of two
    textemb = {target: dict(pairs) for target, pairs in found.rankings["textemb"].items()}
    assert list(figures_of(found.in_class, "textemb").values()) == pytest.approx(expected(textemb, IN_CLASS))
    written = found.as_json()
    assert [row.as_json() for row in found.in_class] == written["in_class"]
    shapes = [
        {name: set(row) for row in rows for name in (row["name"],)}
        for rows in (written["methods"], written["in_class"])
    ]
    assert shapes[0] == shapes[1]
    assert "over_seeds" in shapes[1]["textemb"]


def test_a_second_table_says_what_it_is(folders: Path, truth: Path, peers: Path, surrogate: Path) -> None:
    code, out, told = run(
        *("--examples", folders, "--truth", truth, "--peers", peers, "--method", "textemb", "--surrogate", surrogate)
    )

    assert (code, told) == (0, "")
    first, second = out.split("in-class (sources of the target's class alone): 2 targets, truth truth.csv")
    assert "3 targets, truth truth.csv" in first
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in second.splitlines() if line.startswith("│")]
    assert ["peer", "all", "2.000"] in [line[:3] for line in lines]
    assert len(lines) == 10


def test_files_of_templates_do_not_tell_the_kind_of_a_task(
    tmp_path: Path, folders: Path, truth: Path, surrogate: Path
) -> None:
    files = tmp_path / "files"
    for number, name in enumerate(SIZES):
        write_file(files / f"{name}.jsonl", tiny_rows(number, SIZES[name]))
    usual = ("--truth", truth, "--method", "textemb", "--surrogate", surrogate)

    of_files, as_json = run("--examples", files, *usual), run("--examples", files, *usual, "--json")
    for path in (folders / "quiz").iterdir():
        path.unlink()
    (folders / "quiz").rmdir()
    write_file(folders / "quiz.jsonl", tiny_rows(2, SIZES["quiz"]))
    mixed = evaluated(folders, truth, surrogate)

    assert (of_files[0], as_json[0]) == (0, 0)
    assert of_files[1].count("truth.csv") == 1
    assert json.loads(as_json[1])["in_class"] == []
    assert json.loads(as_json[1])["notes"] == []
    assert list(mixed.in_class) == []
    assert mixed.notes == ("in-class: no figures, as files do not say the kind of a task: quiz.",)
