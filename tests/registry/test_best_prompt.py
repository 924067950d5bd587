"""`fute best-prompt`: the prompts of an LLM in an order, from a hand-made space whose figures can be worked out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from loading import loaded_by_program

import cli
from registry import Registry
from registry.catalog import Catalog
from registry.catalog.predictions import CONTENT_FREE
from registry.choosing.best import PromptQuery, best_prompt
from registry.choosing.outputs import outputs_of_prompts
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.recordings import RecordedPrompt, Recording
from registry.data.tasks import TaskData
from registry.errors import InputError, NotEmbeddedError, NotFoundError
from registry.prompts.prompt import Prompt
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit
from tests.helpers.told import surprises

CHOICES = ("negative", "positive")
TEXTS = tuple(Input(f"text {number}") for number in range(8))
TRUTH = np.array([0, 1, 0, 1, 0, 1, 0, 1])
FACETS = (Facet("inputs", 2), Facet("answers", 2), Facet("map", 2))
# What the LLM says under each prompt, how sure it is, and where the map of its embedding points: the task's is (1, 0).
SAID = {
    "right": (TRUTH, 0.9, (1.0, 0.0)),
    "nearly": (np.array([0, 1, 0, 1, 0, 1, 0, 0]), 0.8, (0.8, 0.6)),
    "onesided": (np.array([1, 1, 1, 1, 1, 1, 1, 0]), 0.99, (1.0, 0.0)),
    "wrong": (1 - TRUTH, 0.7, (-1.0, 0.0)),
}


def table_of(said: np.ndarray, sure: float) -> np.ndarray:
    return np.where(said[:, None] == np.arange(2), sure, 1 - sure).astype(np.float32)


def vector(towards: tuple[float, float]) -> np.ndarray:
    return unit(np.array([[1.0, 0.0, 0.6, 0.8, *(np.array(towards) / np.linalg.norm(towards))]], np.float32))[0]


def fill(
    registry: Registry, said: dict[str, tuple[np.ndarray, float, tuple[float, float]]] = SAID, *, embed: bool = True
) -> Registry:
    """A task `films` and an LLM under prompts, as embedding them would leave the registry."""
    corpus = registry.add_corpus("texts", TEXTS, source="here")
    spec = SpaceSpec("5" * 64, "here", "mapemb", {"answers": "hard"}, FACETS, corpus.content_hash)
    space = registry.add_space("s", spec, corpus=corpus)
    for name, towards in (("films", (1.0, 0.0)), ("books", (0.0, 1.0))):
        task = TaskData("classification", CHOICES, (Example(f"a {name}", "positive"), Example("b", "negative")))
        registry.catalog.embeddings.put(registry.add_task(name, task).version_id, space, vector(towards), {})
    prompts = [
        RecordedPrompt(
            name, f"{name} {{{{text}}}}", CHOICES, Recording(TEXTS, Predictions(CHOICES, table_of(its, sure)))
        )
        for name, (its, sure, _) in said.items()
    ]
    _, *pairs = [r for r in registry.add_recorded_llm("opt", prompts, source="x") if r.kind != "prompt"]
    for pair, (name, (its, sure, towards)) in zip(pairs, said.items(), strict=True):
        answered = Predictions(CHOICES, table_of(its, sure), np.full(8, 0.1 if name == "right" else 0.2, np.float32))
        registry.catalog.predictions.put(pair.version_id, corpus.version_id, start=0, predictions=answered)
        if embed:
            registry.catalog.embeddings.put(pair.version_id, space, vector(towards), {})
    return registry


def notes_of(catalog: Catalog) -> tuple[str, ...]:
    """What is noted of an answer, but for the labels of the two examples, which are too few to count."""
    notes = surprises(best_prompt(catalog, PromptQuery("films", "opt", by="fute")).notes)
    return tuple(note for note in notes if "the labels of films count for nothing: there are not 20" not in note)


@pytest.fixture
def opt(registry: Registry) -> Registry:
    return fill(registry)


def test_the_score_is_the_likeness_of_the_maps_times_the_spread_of_the_answers(opt: Registry) -> None:
    ranking = best_prompt(opt.catalog, PromptQuery("films", "opt", by="fute"))

    assert [row.name for row in ranking] == ["right", "nearly", "onesided", "wrong"]
    spreads = [1.0, np.sqrt(1 - 0.25**2), np.sqrt(1 - 0.75**2), 1.0]  # of answers that are 4, 3, 7 and 4 times positive
    assert [row.spread for row in ranking] == pytest.approx(spreads, abs=1e-6)
    assert [row.similarity for row in ranking] == pytest.approx([1.0, 0.8, 1.0, -1.0], abs=1e-6)
    assert [row.score for row in ranking] == pytest.approx([1.0, 0.8 * spreads[1], spreads[2], -1.0], abs=1e-6)
    assert ranking.doubt is None


def test_every_other_method_says_where_it_puts_a_prompt(opt: Registry) -> None:
    ranking = best_prompt(opt.catalog, PromptQuery("films", "opt", by="fute"))

    ranks = {row.name: row.ranks for row in ranking}
    assert {row.name: row.ranks["fute"] for row in ranking} == {"right": 1, "nearly": 2, "onesided": 3, "wrong": 4}
    assert ranks["right"]["mi"] == 1  # sure, and as often one as the other
    assert ranks["onesided"]["mdl"] == 1
    assert ranks["onesided"]["locale"] == 4
    assert ranks["onesided"]["globale"] == 4
    assert [row.ranks["perplexity"] for row in ranking] == [4, 1, 1, 1]  # equals share a rank


def test_by_accuracy_the_first_is_the_one_that_is_expected_to_lose_least(tmp_path: Path) -> None:
    differ = 0
    for seed in (0, 9, 16):
        random = np.random.default_rng(seed)
        drawn = [np.where(random.random(8) < right, TRUTH, 1 - TRUTH) for right in (0.9, 0.8, 0.7, 0.6, 0.3)]
        said = {f"p{i}": (answers, 0.9, (1.0, 0.0)) for i, answers in enumerate(drawn)}
        with fill(Registry.create(tmp_path / str(seed)), said) as registry:
            ranking = best_prompt(registry.catalog, PromptQuery("films", "opt"))

        losses = dict(zip(ranking.judged.answered.names, ranking.judged.estimate.loss, strict=True))
        assert [losses[row.name] for row in ranking] == sorted(losses.values())
        assert ranking[0].ranks["accuracy"] == 1
        differ += ranking[0].accuracy < max(row.accuracy for row in ranking)
    assert differ, "the highest accuracy is not always first"


def test_another_method_may_choose(opt: Registry) -> None:
    ranking = best_prompt(opt.catalog, PromptQuery("films", "opt", by="mdl"), limit=2)

    assert ranking.told == f"By accuracy: {ranking.verdict.sentence}"
    assert best_prompt(opt.catalog, PromptQuery("films", "opt")).told == ranking.verdict.sentence

    assert [row.name for row in ranking] == ["onesided", "right"]
    assert ranking[0].score == pytest.approx(0.99 * np.log(0.99) + 0.01 * np.log(0.01), abs=1e-5)


def test_what_the_llm_itself_would_choose_may_be_given(opt: Registry) -> None:
    itself = {"right": -3.0, "nearly": -2.0, "onesided": -1.0, "wrong": -4.0}

    ranking = best_prompt(opt.catalog, PromptQuery("films", "opt", by="self-select"), more={"self-select": itself})

    assert [(row.name, row.score) for row in ranking] == sorted(itself.items(), key=lambda pair: -pair[1])
    assert [row.ranks["fute"] for row in ranking] == [3, 2, 1, 4]


def test_a_best_prompt_that_is_one_of_several_is_in_doubt(opt: Registry) -> None:
    itself = {"right": -1.0, "nearly": -2.0, "onesided": -1.0, "wrong": -4.0}

    ranking = best_prompt(opt.catalog, PromptQuery("films", "opt", by="self-select"), more={"self-select": itself})

    assert ranking.doubt == "2 prompts are equally good"


def test_a_like_task_may_stand_for_the_task(opt: Registry) -> None:
    ranking = best_prompt(opt.catalog, PromptQuery("films", "opt", by="fute", like="books"))

    assert ranking[0].name == "nearly"
    assert "by the labels of books" in str(ranking.title)
    assert ranking.as_json()["like"] == "books"


def test_a_task_without_a_vector_is_told_how_to_get_one(opt: Registry) -> None:
    opt.add_task("new", TaskData("classification", CHOICES, (Example("z", "positive"), Example("y", "negative"))))

    with pytest.raises(NotEmbeddedError, match="'new' has no vector in space 's': run 'fute embed new --space s'"):
        best_prompt(opt.catalog, PromptQuery("new", "opt", by="fute"))


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (PromptQuery("films", "opt", by="magic"), "No method 'magic': there are accuracy, fute, mi,"),
        (PromptQuery("films", "opt", by="self-select"), "Ask the LLM what it would choose"),
        (PromptQuery("films", "opt", calibration="magic"), "No calibration 'magic': there are none, contextual, batch"),
        (PromptQuery("films", "opt", calibration="contextual"), "Contextual calibration needs answers to content-free"),
    ],
)
def test_what_is_not_there_cannot_be_asked_for(opt: Registry, asked: PromptQuery, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        best_prompt(opt.catalog, asked)


def test_a_model_without_prompts_and_an_unknown_one_are_told_apart(opt: Registry) -> None:
    opt.add_model("plain", {"type": "function"}, content_hash="p")

    with pytest.raises(InputError, match="'plain' has no prompts here: embed it under some"):
        best_prompt(opt.catalog, PromptQuery("films", "plain"))
    with pytest.raises(NotFoundError, match="No model named 'op' in this registry"):
        best_prompt(opt.catalog, PromptQuery("films", "op"))


def test_prompts_of_an_older_version_are_not_compared(opt: Registry) -> None:
    opt.add_model("opt", {"type": "recorded-llm"}, content_hash="new", replace=True)

    with pytest.raises(InputError, match="Prompts are compared of the latest version of 'opt': ask for 'opt' alone"):
        best_prompt(opt.catalog, PromptQuery("films", "opt:1"))


def test_prompts_that_are_not_embedded_are_an_error_or_a_note(registry: Registry) -> None:
    fill(registry, embed=False)
    with pytest.raises(NotEmbeddedError, match="'opt' has no vector in space 's': run 'fute embed opt"):
        best_prompt(registry.catalog, PromptQuery("films", "opt", by="fute"))

    space = registry.catalog.spaces.get("s")
    for name in ("right", "wrong"):
        entry = registry.catalog.entries.get(f"opt@{name}")
        registry.catalog.embeddings.put(entry.version_id, space, vector(SAID[name][2]), {})

    ranking = best_prompt(registry.catalog, PromptQuery("films", "opt", by="fute"))
    assert [row.name for row in ranking] == ["right", "wrong"]
    assert notes_of(registry.catalog) == ("2 prompts are without a vector in space s: run 'fute embed opt --space s'",)


def test_prompts_that_choose_from_other_answers_are_left_out_with_a_note(opt: Registry) -> None:
    three = ("bad", "so", "good")
    outputs = Recording(TEXTS, Predictions(three, np.full((8, 3), 1 / 3, np.float32)))
    other = RecordedPrompt("three", "{{text}}?", three, outputs)
    pair = opt.add_recorded_llm("opt", [other], source="x")[-1]
    corpus, space = opt.catalog.entries.get("texts"), opt.catalog.spaces.get("s")
    answered = Predictions(three, outputs.predictions.probabilities)
    opt.catalog.predictions.put(pair.version_id, corpus.version_id, start=0, predictions=answered)
    opt.catalog.embeddings.put(pair.version_id, space, vector((1.0, 0.0)), {})

    ranking = best_prompt(opt.catalog, PromptQuery("films", "opt", by="fute"), limit=9)

    assert len(ranking) == 4
    assert notes_of(opt.catalog) == ("1 prompt is left out, which choose from other answers: three",)


def test_answers_in_another_order_are_brought_into_one(registry: Registry) -> None:
    fill(registry)
    corpus = registry.catalog.entries.get("texts")
    turned = Recording(TEXTS, Predictions(CHOICES[::-1], table_of(1 - TRUTH, 0.9)))  # the first column is `positive`
    pair = registry.add_recorded_llm("opt", [RecordedPrompt("turned", "{{text}}!", CHOICES[::-1], turned)], source="x")[
        -1
    ]
    answered = Predictions(CHOICES[::-1], turned.predictions.probabilities)
    registry.catalog.predictions.put(pair.version_id, corpus.version_id, start=0, predictions=answered)
    space = registry.catalog.spaces.get("s")
    registry.catalog.embeddings.put(pair.version_id, space, vector((1.0, 0.0)), {})

    outputs = outputs_of_prompts(registry.catalog, "opt", space)

    tables = dict(zip(outputs.prompts, outputs.table, strict=True))
    assert np.array_equal(tables["turned"], tables["right"])


def test_contextual_calibration_reads_what_was_said_to_inputs_that_say_nothing(opt: Registry) -> None:
    corpus = opt.catalog.entries.get("texts")
    for name in SAID:
        leaning = Predictions(CHOICES, np.array([[0.9, 0.1]] * 3 if name == "right" else [[0.5, 0.5]] * 3, np.float32))
        entry = opt.catalog.entries.get(f"opt@{name}")
        opt.catalog.predictions.put(entry.version_id, corpus.version_id, start=CONTENT_FREE, predictions=leaning)

    ranking = best_prompt(opt.catalog, PromptQuery("films", "opt", by="locale", calibration="contextual"), limit=4)

    # where it leans to `negative`, 0.9 of that is even; 0.9 of `positive` is surer than before
    sure = 9 / (9 + 1 / 9)
    entropy = -(sure * np.log(sure) + (1 - sure) * np.log(1 - sure))
    even = (np.log(2) + entropy) / 2
    assert {row.name: row.score for row in ranking}["right"] == pytest.approx(even, abs=1e-5)


# -- not enough evidence -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "doubt"),
    [
        ({"one": (np.ones(8, int), 0.9, (1.0, 0.0)), "two": (np.ones(8, int), 0.8, (1.0, 0.0))}, "nearly always one"),
        ({"one": (TRUTH, 0.9, (1.0, 0.0)), "two": (TRUTH, 0.8, (1.0, 0.0))}, "answer alike: they differ on 0.0%"),
        ({"one": (TRUTH, 0.9, (0.1, 1.0)), "two": (1 - TRUTH, 0.8, (-0.1, 1.0))}, "the nearest has 0.10, chance"),
        ({"one": (TRUTH, 0.9, (1.0, 0.0))}, "only one prompt"),
    ],
)
def test_it_says_when_there_is_not_enough_to_choose_by(
    registry: Registry, said: dict[str, tuple[np.ndarray, float, tuple[float, float]]], doubt: str
) -> None:
    ranking = best_prompt(fill(registry, said).catalog, PromptQuery("films", "opt", by="fute"))

    assert doubt in str(ranking.doubt)
    assert ranking.as_json()["enough_evidence"] is False


# -- as typed ----------------------------------------------------------------------------------------


def test_the_command_prints_the_ranking_and_how_far_the_methods_agree(opt: Registry) -> None:
    opt.close()
    where = ["--registry", str(opt.folder), "best-prompt", "films", "--model", "opt", "-k", "2", "--by", "fute"]

    shown = CliRunner().invoke(cli.main, where)
    told = json.loads(CliRunner().invoke(cli.main, [*where, "--json"]).stdout)

    assert shown.exit_code == 0
    assert "prompts of opt for films, by fute, in space s" in shown.stdout
    assert "Mean rank correlation of fute with the other methods:" in shown.stderr
    assert [row["name"] for row in told["prompts"]] == ["right", "nearly"]
    assert (told["task"], told["model"], told["by"], told["enough_evidence"]) == ("films", "opt", "fute", True)


def test_the_newest_version_may_be_named_by_its_number(opt: Registry) -> None:
    """The table was printed, and then that `1@right` is not a name."""
    opt.close()
    where = ["--registry", str(opt.folder), "best-prompt", "films", "--model"]
    shown, by_number = (CliRunner().invoke(cli.main, [*where, model]) for model in ("opt", "opt:1"))

    assert (by_number.exit_code, by_number.stdout, by_number.stderr) == (0, shown.stdout, shown.stderr)


def test_the_command_says_in_one_line_what_is_missing(opt: Registry) -> None:
    opt.close()

    said = CliRunner().invoke(cli.main, ["--registry", str(opt.folder), "best-prompt", "films", "--model", "nobody"])

    assert said.exit_code == 2
    assert said.stderr.count("\n") == 1


@pytest.mark.file
def test_the_answer_needs_no_torch(opt: Registry) -> None:
    opt.close()

    loaded, shown = loaded_by_program("best-prompt", "films", "--model", "opt", registry=opt.folder)

    assert "nearly" in shown
    assert not {"torch", "transformers", "faiss", "jinja2"} & loaded


def test_answers_of_an_older_version_of_the_model_or_a_prompt_are_said_to_be_that(opt: Registry) -> None:
    assert notes_of(opt.catalog) == ()

    opt.add_prompt("right", Prompt("another {{text}}", CHOICES, (("no",), ("yes",))), replace=True)
    (note,) = notes_of(opt.catalog)
    assert note == "1 prompt is judged by answers of older versions, opt:1@right:1: run 'fute embed opt'"

    opt.add_model("opt", {"type": "recorded-llm", "source": "y"}, content_hash="1" * 64, replace=True)
    (note,) = notes_of(opt.catalog)
    assert note.startswith(f"{len(SAID)} prompts are judged by answers that are not in the newest table of opt: 'fute")


@pytest.mark.parametrize("more", [["mi"], {"mine": 3}, {"mine": {"nobody": 1.0}}, {"mine": {"good": "most"}}])
def test_scores_of_ones_own_are_a_number_for_each_prompt(opt: Registry, more: Any) -> None:  # noqa: ANN401
    with pytest.raises(InputError, match=r"more: a number for each of the prompts is needed, .*; there are "):
        best_prompt(opt.catalog, PromptQuery("films", "opt"), more=more)


def test_scores_of_ones_own_are_finite(opt: Registry) -> None:
    more = {"self-select": {name: float("nan") if name == "nearly" else 1.0 for name in SAID}}

    with pytest.raises(InputError, match="a number for each of the prompts is needed, and none that is not finite"):
        best_prompt(opt.catalog, PromptQuery("films", "opt", by="self-select"), more=more)
