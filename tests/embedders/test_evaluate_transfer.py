"""`fute evaluate transfer`: rankings against measured transfers, worked by hand, from real files, and as typed."""

import csv
import json
import math
import sqlite3
from collections import defaultdict
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest
from click.testing import CliRunner
from tiny_cli import LABELS, tiny_bert, tiny_rows, write_rows, write_task

import cli
from embedders.evaluation.transfer.evaluate import ALL, TransferEvaluation, evaluate_transfer, score_rankings
from embedders.evaluation.transfer.taskweb import read_examples, read_scores
from embedders.evaluation.transfer.truth import read_truth
from registry import Registry
from registry.data.examples import FREE_TEXT, MULTIPLE_CHOICE
from registry.errors import DataError
from registry.metrics import source_metrics

HEADER = "model,adaptation,target,source,score_mean,score_std,seeds\n"
TASKS = ("film", "shop", "bank", "game")
OUTCOMES = (
    ("film", "shop", 0.9),
    ("film", "bank", 0.6),
    ("film", "game", 0.7),
    ("shop", "film", 0.8),
    ("shop", "bank", 0.5),
    ("shop", "game", 0.4),
)


def write_truth(path: Path, *settings: str) -> Path:
    rows = (f"{setting},{target},{source},{score},,\n" for setting in settings for target, source, score in OUTCOMES)
    path.write_text(HEADER + "".join(rows))
    return path


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("surrogate") / "bert")


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder with examples of four tasks, one of them as a task folder."""
    folder = tmp_path / "examples"
    for number, name in enumerate(TASKS[:3]):
        folder.mkdir(exist_ok=True)
        rows = tiny_rows(number)
        choices = list(LABELS[number])
        write_rows(
            folder / f"{name}.jsonl",
            [{"input": row["text"], "output": row["label"], "choices": choices} for row in rows],
        )
    write_task(folder / "game", 3)
    return folder


# -- the figures -------------------------------------------------------------------------------------


def test_figures_are_averaged_over_targets_and_settings_over_each_other() -> None:
    truth = {
        "a/full": {"x": {"p": 0.9, "q": 0.6}, "y": {"p": 0.4, "q": 0.8}},
        "b/lora": {"x": {"p": 0.5, "q": 1.0}},
    }
    scores = {"x": {"p": 2.0, "q": 1.0}, "y": {"p": 2.0, "q": 1.0}}

    rows = score_rankings("mine", scores, truth)

    assert {setting: row.figures["rho"] for setting, row in rows.items()} == {"a/full": 1.5, "b/lora": 2, ALL: 1.75}
    assert rows["a/full"].figures["regret@1"] == pytest.approx((0 + 50) / 2)
    assert rows[ALL].figures["regret@1"] == pytest.approx((25 + 50) / 2)
    assert {setting: row.targets for setting, row in rows.items()} == {"a/full": 2, "b/lora": 1, ALL: 2}


def test_a_target_counts_where_all_of_its_sources_are_scored() -> None:
    truth = {"a/full": {"x": {"p": 0.9, "q": 0.6}, "y": {"p": 0.4, "q": 0.8}}}

    assert score_rankings("peer", {"x": {"p": 1.0, "q": 2.0}, "y": {"p": 1.0}}, truth)["a/full"].targets == 1
    assert score_rankings("peer", {"y": {"p": 1.0}}, truth) == {}


def by_hand(scores: dict[str, float], truth: dict[str, float]) -> list[float]:
    """Return rho, ndcg, ndcg_rank and regret@1, 3, 5 as the definitions read; truly equal sources share a rank."""
    order, best = sorted(truth, key=lambda s: -scores[s]), sorted(truth, key=lambda s: -truth[s])

    def dcg(relevance: dict[str, float], names: list[str]) -> float:
        return sum((2 ** relevance[name] - 1) / math.log2(i + 1) for i, name in enumerate(names, start=1))

    points = {name: 100 * score for name, score in truth.items()}
    equals = {name: [rank for rank, other in enumerate(best) if truth[other] == truth[name]] for name in best}
    ranks = {name: len(best) - sum(them) / len(them) for name, them in equals.items()}
    means = [[sum(truth[s] for s in names[:k]) / k for names in (order, best)] for k in (1, 3, 5)]
    return [
        order.index(best[0]) + 1,
        *(100 * dcg(relevance, order) / dcg(relevance, best) for relevance in (points, ranks)),
        *(100 * (first - mine) / first for mine, first in means),
    ]


def test_the_peers_figures_are_those_of_an_independent_computation(data: Path) -> None:
    folder = data / "taskweb"
    truth: Any = defaultdict(lambda: defaultdict(dict))
    peers: Any = defaultdict(lambda: defaultdict(dict))
    with (folder / "transfer.csv").open() as file:
        for row in csv.DictReader(file):
            truth[f"{row['model']}/{row['adaptation']}"][row["target"]][row["source"]] = float(row["score_mean"])
    with (folder / "peer_scores.csv").open() as file:
        for row in csv.DictReader(file):
            for peer in ("retrieval_of_experts", "taskshop", "llm_similarity"):
                peers[peer][row["target"]][row["source"]] = float(row[peer])

    scored = {
        name: score_rankings(name, scores, read_truth(folder / "transfer.csv"))
        for name, scores in read_scores(folder / "peer_scores.csv").items()
    }

    assert set(scored) == set(peers)
    for name, rows in scored.items():
        for setting, targets in truth.items():
            figures = [by_hand(peers[name][target], sources) for target, sources in targets.items()]
            expected = [sum(column) / len(column) for column in zip(*figures, strict=True)]
            assert list(rows[setting].figures.values()) == pytest.approx(expected)


def test_taskshop_has_its_published_figures(data: Path) -> None:
    scores = read_scores(data / "taskweb" / "peer_scores.csv")["taskshop"]

    rows = score_rankings("taskshop", scores, read_truth(data / "taskweb" / "transfer.csv"))

    of_all, of_one = rows[ALL], rows["t5l/finetune"]
    assert [round(row.figures["ndcg_rank"], 1) for row in (of_all, of_one)] == [59.2, 68.7]
    assert [round(row.figures["regret@1"], 1) for row in (of_all, of_one)] == [4.8, 4.5]
    assert (of_all.targets, len(rows)) == (11, 10)


# -- the files ---------------------------------------------------------------------------------------


def test_repeated_measurements_are_averaged_and_a_task_is_no_source_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(HEADER + "m,full,x,p,0.4,,\nm,full,x,p,0.6,,\nm,full,x,q,0.7,,\nm,full,x,x,0.9,,\n")

    assert read_truth(path) == {"m/full": {"x": {"p": 0.5, "q": 0.7}}}


def test_case_tells_no_two_names_apart(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(HEADER + "m,full,Film,p,0.4,,\nm,full,film,P,0.6,,\nm,full,FILM,q,0.7,,\nm,full,film,Film,1,,\n")

    assert read_truth(path) == {"m/full": {"Film": {"p": 0.5, "q": 0.7}}}


def test_names_are_spelt_as_those_that_are_known(tmp_path: Path) -> None:
    path = tmp_path / "peers.csv"
    path.write_text("target,source,peer\nFILM,Shop,1\nfilm,bank,2\n")

    assert read_scores(path, ["Film", "Bank"]) == {"peer": {"Film": {"Shop": 1.0, "Bank": 2.0}}}


def test_two_files_of_one_task_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "Film.jsonl", [{"input": "a text", "output": "yes"}])
    write_task(tmp_path / "film", 0)

    with pytest.raises(DataError, match=r"film: is there as Film\.jsonl too: remove one"):
        read_examples(tmp_path)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("m,full,x,p,85.5,,\nm,full,x,q,70,,\n", "a score of 85.5 is not a fraction: divide percents by 100"),
        ("m,full,x,p,0.5,,\n", "x has one source in m/full: there is nothing to rank"),
        ("m,full,x,p,0.0,,\nm,full,x,q,-0.1,,\n", "nothing helps x in m/full"),
    ],
)
def test_a_truth_that_no_metric_can_take_is_refused(tmp_path: Path, body: str, problem: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(HEADER + body)

    with pytest.raises(DataError, match=problem):
        read_truth(path)


def test_examples_know_their_choices_and_blank_templates_are_passed_over(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"input": "good or bad?", "output": "good", "choices": ["bad", "good"]},
        {"input": "  ", "output": "", "choices": ["bad", "good"]},
        {"input": "This is a", "output": "good review.", "choices": ["bad", "good"]},
        {"input": "What is it?", "output": "a film", "choices": None},
    ]
    write_rows(tmp_path / "free.jsonl", rows)
    write_rows(tmp_path / "closed.jsonl", rows[:2])

    found = read_examples(tmp_path)

    assert list(found) == ["closed", "free"]
    assert (found["closed"].task.kind, found["free"].task.kind) == (MULTIPLE_CHOICE, FREE_TEXT)
    assert [(e.text, e.label, e.choices) for e in found["free"].task.train] == [
        ("good or bad?", "good", ("bad", "good")),
        ("This is a", "good review.", None),
        ("What is it?", "a film", None),
    ]


def test_a_half_holds_half_of_the_examples_under_all_their_templates(tmp_path: Path) -> None:
    rows = [{"input": f"text {n} template {t}", "output": str(n), "choices": None} for n in range(32) for t in range(3)]
    rows[4]["input"] = ""  # example 1 has one template less
    write_rows(tmp_path / "task.jsonl", rows)
    whole = read_examples(tmp_path)["task"]

    halves = [whole.half(seed) for seed in (0, 0, 1)]

    numbers = [{example.label for example in half.train} for half in halves]
    assert [len(them) for them in numbers] == [16, 16, 16]
    assert halves[0] == halves[1] != halves[2]
    assert all(
        half.train == tuple(e for e in whole.task.train if e.label in them)
        for half, them in zip(halves, numbers, strict=True)
    )
    assert len(set(whole.shown)) == 32


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"input": "a text"}, r"task\.jsonl line 1: 'input' and 'output' are not both texts"),
        ({"input": "a text", "output": "yes", "choices": "yes"}, "'choices' is not a list of texts"),
        ({"input": " ", "output": "yes"}, "holds no example with a text and an answer"),
    ],
)
def test_faulty_examples_are_told_with_their_place(tmp_path: Path, row: dict[str, Any], problem: str) -> None:
    write_rows(tmp_path / "task.jsonl", [row])

    with pytest.raises(DataError, match=problem):
        read_examples(tmp_path)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("target,source\nx,p\n", "needs the columns target, source, and one for each method"),
        ("target,source,peer\nx,p,high\n", "line 2: 'high' is not a score"),
        ("target,source,peer\nx,p,nan\n", "line 2: a score is not a finite number"),
        ("target,source,peer\nx,no name!,1\n", "line 2: 'no name!' is not a name"),
    ],
)
def test_faulty_scores_are_told_with_their_place(tmp_path: Path, body: str, problem: str) -> None:
    path = tmp_path / "peers.csv"
    path.write_text(body)

    with pytest.raises(DataError, match=problem):
        read_scores(path)


# -- the whole way -----------------------------------------------------------------------------------


def test_the_rankings_are_enough_to_recompute_the_figures(tmp_path: Path, examples: Path, surrogate: Path) -> None:
    truth = write_truth(tmp_path / "truth.csv", "m,full", "m,lora")

    found = evaluate_transfer(examples, truth, methods=["mapemb", "textemb"], surrogate=str(surrogate)).as_json()

    assert [(row["name"], row["setting"], row["targets"]) for row in found["methods"] if row["setting"] == ALL] == [
        (name, ALL, 2) for name in sorted(found["rankings"], key=lambda name: -ndcg_of(found, name))
    ]
    assert set(found["rankings"]) == {"mapemb", "textemb", "memory", "gain"}
    assert set(found["rankings_by_setting"]) == {"memory", "gain"}
    for name, without_setting in found["rankings"].items():
        assert set(without_setting) == {"film", "shop"}
        for setting in ("m/full", "m/lora"):  # of equal outcomes
            ranking = found["rankings_by_setting"].get(name, {setting: without_setting})[setting]
            check_recomputed(found, name, setting, ranking)


def check_recomputed(found: dict[str, Any], name: str, setting: str, ranking: dict[str, Any]) -> None:
    figures = []
    for target, pairs in ranking.items():
        measured = {source: score for its, source, score in OUTCOMES if its == target}
        assert [score for _, score in pairs] == sorted((score for _, score in pairs), reverse=True)
        assert {source for source, _ in pairs} == set(measured)
        figures.append(source_metrics([score for _, score in pairs], [measured[source] for source, _ in pairs]))
    (row,) = (row for row in found["methods"] if (row["name"], row["setting"]) == (name, setting))
    assert row["rho"] == pytest.approx(sum(one["rho"] for one in figures) / 2)
    assert row["ndcg"] == pytest.approx(sum(one["ndcg"] for one in figures) / 2)


def ndcg_of(found: dict[str, Any], name: str) -> float:
    rows = (row for row in found["methods"] if row["name"] == name and row["setting"] == ALL)
    return float(next(rows)["ndcg_rank"])


def test_the_case_of_names_changes_nothing_and_no_target_is_learnt_from(
    tmp_path: Path, examples: Path, surrogate: Path
) -> None:
    settings: dict[str, Any] = {"methods": ["textemb"], "surrogate": str(surrogate), "keep": tmp_path / "kept"}
    plain, odd, loud = (tmp_path / f"{name}.csv" for name in ("plain", "odd", "loud"))
    rows = [f"m,full,{target},{source},{score},,\n" for target, source, score in OUTCOMES]
    plain.write_text(HEADER + "".join(rows))
    odd.write_text(
        HEADER + "".join(row.upper().replace("M,FULL", "m,full") if i % 2 else row for i, row in enumerate(rows))
    )
    loud.write_text(HEADER + "".join(row.upper().replace("M,FULL", "m,full") for row in rows))

    known = evaluate_transfer(examples, plain, **settings)

    for truth, history in ((odd, None), (loud, None), (plain, loud), (odd, plain)):
        found = evaluate_transfer(examples, truth, history=history, **settings)
        assert (found.rankings, found.by_setting, found.notes) == (known.rankings, known.by_setting, known.notes)
        assert [row.figures for row in found.rows] == [row.figures for row in known.rows]


def test_seeds_add_the_spread_over_halves_and_leave_the_figures(
    tmp_path: Path, examples: Path, surrogate: Path
) -> None:
    truth = write_truth(tmp_path / "truth.csv", "m,full")

    plain = evaluate_transfer(examples, truth, methods=["mapemb"], surrogate=str(surrogate))
    seeded = evaluate_transfer(examples, truth, methods=["mapemb"], seeds=[0, 1, 2], surrogate=str(surrogate))

    row, known = (
        next(row for row in them.as_json()["methods"] if (row["name"], row["setting"]) == ("mapemb", ALL))
        for them in (seeded, plain)
    )
    over_seeds = row.pop("over_seeds")
    assert row == known
    assert seeded.rankings == plain.rankings
    assert over_seeds["seeds"] == [0, 1, 2]
    of_all = next(row for row in seeded.rows if (row.name, row.setting) == ("mapemb", ALL))
    values = [figures["ndcg_rank"] for figures in of_all.over_seeds.values()]
    mean = sum(values) / 3
    assert over_seeds["mean"]["ndcg_rank"] == pytest.approx(mean)
    assert over_seeds["std"]["ndcg_rank"] == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / 2))
    assert of_all.cells()["ndcg_rank ±"] == pytest.approx(over_seeds["std"]["ndcg_rank"])
    assert "ndcg_rank ±" not in plain.rows[-1].cells()


def embedded(folder: Path) -> list[Any]:
    """Return what the catalog of a registry knows of its vectors, with the seconds and the moment of each."""
    connection = sqlite3.connect(f"file:{folder / 'catalog.db'}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT * FROM embeddings").fetchall()
    finally:
        connection.close()


def test_kept_vectors_are_found_again(tmp_path: Path, examples: Path, surrogate: Path) -> None:
    truth, keep = write_truth(tmp_path / "truth.csv", "m,full"), tmp_path / "kept"

    first = evaluate_transfer(examples, truth, methods=["textemb"], surrogate=str(surrogate), keep=keep)
    (folder,) = keep.iterdir()
    before = embedded(folder)
    second = evaluate_transfer(examples, truth, methods=["textemb"], surrogate=str(surrogate), keep=keep)

    assert embedded(folder) == before
    assert len(before) == len(TASKS)
    assert second.as_json() == first.as_json()


def test_methods_that_tune_the_surrogate_are_given_few_examples_and_it_is_said(
    tmp_path: Path, examples: Path, surrogate: Path
) -> None:
    truth, keep = write_truth(tmp_path / "truth.csv", "m,full"), tmp_path / "kept"
    usual = ("--examples", examples, "--truth", truth, "--surrogate", surrogate, "--keep", keep)
    methods = ("--method", "mapemb", "--method", "curvegrad")

    code, text = run(*usual, *methods, "--tuned-on", "4")

    assert code == 0
    assert "curvegrad: the surrogate was tuned on 4 examples of each task (--tuned-on)." in text.splitlines()
    (folder,) = keep.iterdir()
    with Registry.open(folder) as registry:
        spaces = {space.name: space.spec["parameters"]["examples"] for space in registry.catalog.spaces.all()}
        assert spaces == {"mapemb": 512, "curvegrad-4": 4}
        film = registry.catalog.entries.get("film").version_id
        found = [registry.catalog.embeddings.get(film, space.id) for space in registry.catalog.spaces.all()]
    assert sorted(one.provenance["examples"] for one in found if one) == [4, len(tiny_rows(0))]
    assert "tuned on" not in run(*usual, *methods, "--tuned-on", "400")[1]


def test_a_task_that_a_method_cannot_embed_is_named(tmp_path: Path, examples: Path, surrogate: Path) -> None:
    answers = ["yes"] * 60 + ["no"]
    rows = [{"input": f"a film {number}", "output": answer, "choices": None} for number, answer in enumerate(answers)]
    write_rows(examples / "film.jsonl", rows)
    truth = write_truth(tmp_path / "truth.csv", "m,full")

    code, text = run(
        "--examples", examples, "--truth", truth, "--surrogate", surrogate, "--method", "taskemb", "--tuned-on", "4"
    )

    assert code == 1
    assert text.startswith("Error: taskemb cannot embed film: ")
    assert text.endswith("Of more than 4 examples (--tuned-on) it may.\n")
    assert text.count("\n") == 1


# -- what is learnt ----------------------------------------------------------------------------------


def learned(found: TransferEvaluation) -> Any:  # noqa: ANN401
    return {name: (found.rankings[name], found.by_setting[name]) for name in ("memory", "gain")}


def write_history(path: Path, *rows: tuple[str, str, float], setting: str = "m,full") -> Path:
    path.write_text(HEADER + "".join(f"{setting},{target},{source},{score},,\n" for target, source, score in rows))
    return path


ELSEWHERE = (("bank", "game", 0.9), ("bank", "shop", 0.5), ("bank", "film", 0.6))


def test_of_a_target_itself_nothing_is_learnt(tmp_path: Path, examples: Path, surrogate: Path) -> None:
    truth = write_truth(tmp_path / "truth.csv", "m,full")
    own = tuple((target, source, 1 - score) for target, source, score in OUTCOMES if target == "film")
    histories = [write_history(tmp_path / f"{n}.csv", *ELSEWHERE, *more) for n, more in enumerate(((), own))]

    plain, with_own = (
        evaluate_transfer(examples, truth, history=path, methods=["textemb"], surrogate=str(surrogate))
        for path in histories
    )

    for name in ("memory", "gain"):
        of_film = [[score for _, score in found.rankings[name]["film"]] for found in (plain, with_own)]
        assert of_film[1] == pytest.approx(of_film[0], abs=1e-8)
    assert with_own.rankings["gain"]["shop"] != plain.rankings["gain"]["shop"]


def test_without_a_history_the_other_targets_of_the_truth_teach(
    tmp_path: Path, examples: Path, surrogate: Path
) -> None:
    truth = write_truth(tmp_path / "truth.csv", "m,full")

    without, named = (
        evaluate_transfer(examples, truth, history=path, methods=["textemb"], surrogate=str(surrogate))
        for path in (None, truth)
    )

    assert learned(without) == learned(named)
    scores = {source: score for target, source, score in OUTCOMES if target == "shop"}
    middle, spread = fmean(scores.values()), pstdev(scores.values())
    assert dict(without.rankings["gain"]["film"]) == pytest.approx(
        {"shop": 0.0, "bank": (0.5 - middle) / spread, "game": (0.4 - middle) / spread}
    )


def test_a_history_may_name_strangers_and_says_which_it_leaves_out(
    tmp_path: Path, examples: Path, surrogate: Path
) -> None:
    truth = write_truth(tmp_path / "truth.csv", "m,full", "m,lora")
    path = write_history(
        tmp_path / "history.csv", ("far", "game", 0.9), ("far", "shop", 0.5), ("far", "away", 0.7), setting="m,lora"
    )
    usual = ("--examples", examples, "--truth", truth, "--surrogate", surrogate, "--method", "textemb")

    code, text = run(*usual, "--history", path, "--json")

    found = json.JSONDecoder().raw_decode(text)[0]
    assert code == 0
    assert found["notes"][-1] == "history: without examples, so left out as sources: away."
    assert text.endswith("history: without examples, so left out as sources: away.\n")
    assert list(found["rankings_by_setting"]["memory"]) == ["m/lora"]
    assert dict(found["rankings_by_setting"]["gain"]["m/lora"]["film"])["game"] == pytest.approx(3**0.5 / 2**0.5)


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, ["evaluate", "transfer", *map(str, arguments)])
    return result.exit_code, result.stdout + result.stderr


def test_the_table_has_a_row_for_every_method_peer_and_setting(tmp_path: Path, examples: Path, surrogate: Path) -> None:
    truth, peers = write_truth(tmp_path / "truth.csv", "m,full", "m,lora"), tmp_path / "peers.csv"
    peers.write_text("target,source,oracle,flat\n" + "".join(f"{t},{s},{score},1\n" for t, s, score in OUTCOMES))

    code, text = run(
        "--examples", examples, "--truth", truth, "--peers", peers, "--method", "textemb", "--surrogate", surrogate
    )

    assert code == 0
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    assert [line[1] for line in lines] == ["m/full"] * 5 + ["m/lora"] * 5 + ["all"] * 5
    assert sorted(line[0] for line in lines[:5]) == ["flat", "gain", "memory", "oracle", "textemb"]
    assert ["oracle", "all", "1.000", "100.000", "100.000", "0.000", "0.000", "0.000", "2"] in lines
    flat = next(line for line in lines if line[:2] == ["flat", "all"])
    assert flat[2] == "2.000"  # of three sources, as a random order would have it


def test_bad_input_is_one_line_with_exit_code_2(tmp_path: Path, examples: Path, surrogate: Path) -> None:
    truth, peers = write_truth(tmp_path / "truth.csv", "m,full"), tmp_path / "peers.csv"
    peers.write_text("target,source,textemb\nfilm,shop,1\n")
    usual = ("--examples", examples, "--truth", truth, "--surrogate", surrogate, "--method")
    (tmp_path / "empty").mkdir()

    told = [
        run(*usual, "guessing"),
        run(*usual, "textemb", "--peers", peers),
        run("--examples", tmp_path / "empty", "--truth", truth),
    ]
    (examples / "bank.jsonl").unlink()
    told.append(run(*usual, "textemb"))
    peers.write_text("target,source,memory\nfilm,shop,1\n")
    told.append(run(*usual, "textemb", "--peers", peers))
    told.append(run(*usual, "textemb", "--history", peers))

    assert [code for code, _ in told] == [2] * 6
    assert all(text.count("\n") == 1 for _, text in told)
    assert "No method 'guessing'" in told[0][1]
    assert "has scores of 'textemb', which is evaluated here" in told[1][1]
    assert "holds neither TASK.jsonl files nor task folders" in told[2][1]
    assert "has no examples of bank, which the truth names" in told[3][1]
    assert "has scores of 'memory', which is evaluated here" in told[4][1]
    assert "has no column 'model'" in told[5][1]
