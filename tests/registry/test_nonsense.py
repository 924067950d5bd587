"""What makes no sense is told, and not kept: twins in Unicode, choices that are one, weights beyond all measure."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_cli import dump, hand_made_space, put_vector, write_rows, write_task

from embedders import recorded_model
from registry import Filter, Registry
from registry.errors import DataError, InputError, RegistryError
from registry.formats.answer_tables import answer_table
from registry.formats.recorded import read_answers, read_llm
from registry.formats.tasks import as_task, read_task
from registry.prompts.prompt import Prompt

COMPOSED = "caf\u00e9"
APART = unicodedata.normalize("NFD", COMPOSED)
NO_TEXTS = (None, 3, 1.5, b"t0", [], {}, object(), np.ones(3), Path("t0"), ("t0",), np.nan)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "store") as made:
        space = hand_made_space(made, "space")
        for number in range(3):
            made.add_task(f"t{number}", str(write_task(tmp_path / f"t{number}", number)))
            put_vector(made, f"t{number}", space, number)
        yield made


def test_labels_that_look_the_same_are_one(tmp_path: Path) -> None:
    rows = [{"text": f"a {n}", "label": (COMPOSED, APART, "bar")[n % 3]} for n in range(30)]

    assert read_task(str(write_rows(tmp_path / "t.jsonl", rows))).labels == ("bar", COMPOSED)
    assert read_task(rows).labels == ("bar", COMPOSED)


def test_a_description_with_two_labels_that_look_the_same_is_refused(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "t", 0)
    (folder / "task.json").write_text(json.dumps({"kind": "classification", "labels": [COMPOSED, APART]}))
    write_rows(folder / "train.jsonl", [{"text": f"a {n}", "label": (COMPOSED, APART)[n % 2]} for n in range(4)])

    with pytest.raises(DataError, match="needs at least two different, non-empty labels"):
        read_task(str(folder))


def test_a_description_may_spell_its_labels_apart(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "t", 0)
    (folder / "task.json").write_text(json.dumps({"kind": "classification", "labels": [APART, "bar"]}))
    write_rows(folder / "train.jsonl", [{"text": f"a {n}", "label": (COMPOSED, "bar")[n % 2]} for n in range(4)])

    assert {example.label for example in read_task(str(folder)).train} == {APART, "bar"}


def test_answers_that_look_the_same_are_one(tmp_path: Path) -> None:
    lines = [{"text": f"a {n}", "answer": (COMPOSED, APART, "bar")[n % 3]} for n in range(6)]
    table = answer_table([{"text": f"a {n}", "p": (COMPOSED, APART, "bar")[n % 3]} for n in range(6)], "rows")

    assert read_answers(write_rows(tmp_path / "a.jsonl", lines)).predictions.answers == ("bar", COMPOSED)
    assert len(table.answers) == 2
    assert "written in several ways and taken as one" in table.notes[0]


@pytest.mark.parametrize("choices", [["x", "x"], [COMPOSED, APART]])
def test_a_choice_that_stands_twice_is_refused(tmp_path: Path, choices: list[str]) -> None:
    folder = tmp_path / "llm"
    folder.mkdir()
    write_rows(folder / "inputs.jsonl", [{"text": "a"}])
    write_rows(folder / "prompts.jsonl", [{"name": "p", "template": "{{ text }}", "choices": choices}])
    np.savez(folder / "outputs.npz", log_prob=-np.ones((1, 1, 2)))

    with pytest.raises(DataError, match=r"prompts\.jsonl line 1: has a choice twice"):
        read_llm(folder)
    with pytest.raises(InputError, match="twice among its answers"):
        Prompt("{{ text }}", tuple(choices), tuple((f"word {n}",) for n in range(2)))


def test_probabilities_in_the_place_of_their_logarithms_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "llm"
    folder.mkdir()
    write_rows(folder / "inputs.jsonl", [{"text": "a"}])
    write_rows(folder / "prompts.jsonl", [{"name": "p", "template": "{{ text }}", "choices": ["x", "y"]}])
    np.savez(folder / "outputs.npz", log_prob=np.array([[[0.3, 0.7]]]))

    with pytest.raises(DataError, match="log_prob holds values above 0: record probabilities as their logarithms"):
        read_llm(folder)


def test_a_question_whose_choices_are_one_is_refused() -> None:
    rows = [{"text": f"which {n}?", "choices": ["x", "x"], "label": "x"} for n in range(4)]

    with pytest.raises(DataError, match="has fewer than two different choices"):
        read_task(rows, kind="multiple-choice")


@pytest.mark.parametrize("weight", [1e308, float("inf"), float("nan"), -1, "1", None, 1j])
def test_a_weight_beyond_measure_is_refused(registry: Registry, weight: Any) -> None:  # noqa: ANN401
    with pytest.raises(InputError, match="Weights are numbers from 0 to 1e"):
        registry.nearest("t0", weights={"inputs": weight})


def calls(registry: Registry) -> dict[str, Callable[[Any], object]]:
    """Return what takes a name, each as a function of it."""
    return {
        "add_task": lambda name: registry.add_task(name, [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]),
        "entry": registry.entry,
        "nearest": registry.nearest,
        "compare": lambda name: registry.compare("t0", name),
        "rename": lambda name: registry.rename("t0", name, "task"),
        "rename from": lambda name: registry.rename(name, "t9", "task"),
        "alias": lambda name: registry.set_alias("t0", name),
        "tag": lambda name: registry.tag("t0", add=[name]),
    }


@pytest.mark.parametrize("call", ["add_task", "entry", "nearest", "compare", "rename", "rename from", "alias", "tag"])
def test_what_is_no_text_is_no_name(registry: Registry, call: str) -> None:
    before = dump(registry.folder)
    for value in NO_TEXTS:
        with pytest.raises(RegistryError) as told:
            calls(registry)[call](value)
        assert "\n" not in str(told.value)
        assert told.value.exit_code == 2

    assert dump(registry.folder) == before


ROWS = [{"text": f"a {n}", "label": ("good", "bad")[n % 2]} for n in range(6)]
NUMBERS = [{"text": f"a {n}", "label": n} for n in range(6)]
OF_ANOTHER_TYPE: list[tuple[Callable[[Registry], object], str]] = [
    (lambda r: r.add_task("n", NUMBERS, range="0-5"), "range: two numbers are needed, the smaller and the larger"),
    (lambda r: r.add_task("n", NUMBERS, range={0, 5}), "range: two numbers are needed"),
    (lambda r: r.add_task("n", NUMBERS, range=("0", "5")), "range: two numbers are needed"),
    (lambda r: r.add_task("n", ROWS, answers=np.array(["x"])), "Answers are a dict of a text for each label"),
    (lambda r: r.add_task("n", ROWS, answers_as_they_are="no"), "answers_as_they_are: True or False is needed"),
    (lambda r: r.add_task("n", ROWS, skip_bad="no"), "skip_bad: True or False is needed, not 'no'"),
    (lambda r: r.add_task("t0", ROWS, replace="no"), "replace: True or False is needed, not 'no'"),
    (lambda r: r.nearest("t0", where={}), "where: a Filter is needed, and no dict"),
    (lambda r: r.nearest("t0", where={"tags": "x"}, kind="task"), "where: a Filter is needed, and no dict"),
    (lambda r: r.nearest("t0", by=["memory"]), "A ranking is a text, and no list"),
    (lambda r: r.nearest("t0", by="memory", setting=["small/full"]), "A setting is a text, and no list"),
    (lambda r: r.nearest("t0", weights=["text"]), "weights: a mapping of facets to numbers is needed, not list"),
    (lambda r: r.compare("t0", "t1", weights=3), "weights: a mapping of facets to numbers is needed, not int"),
    (lambda _: Filter(language=["en"]), "A language is a text, and no list"),
    (lambda _: Filter(text=3), "A text to look for is a text, and no int"),
    (
        lambda r: r.add_prompt("p", "{{ text }} good or bad?"),
        r"registry\.prompts\.prompt\.Prompt is needed, and no str",
    ),
    (lambda r: recorded_model(r, "m", ["answers.csv"]), "A list of str is no table"),
    (
        lambda r: recorded_model(r, "m", [{"text": "a", "p": "0"}], names=["no"]),
        "names of answers are a dict of a text",
    ),
    (lambda _: Registry.open(["store"]), "A registry is a folder or postgresql://HOST/DATABASE, and no list"),
    (lambda _: Registry.create(b"store"), "A registry is a folder or .*, and no bytes"),
]


@pytest.mark.parametrize(("call", "told"), OF_ANOTHER_TYPE)
def test_what_is_of_another_type_is_told_in_one_line(
    registry: Registry, call: Callable[[Registry], object], told: str
) -> None:
    """Of some Python's own error came; `where={}` was no filter, a setting that is no text none, and "no" was yes."""
    with pytest.raises(InputError, match=told):
        call(registry)

    assert [task.name for task in registry.tasks()] == ["t0", "t1", "t2"]
    assert registry.entry("t0").version == 1


@pytest.mark.parametrize("ends", [(0, 5), [0, 5], np.array([0, 5]), (np.float32(0), np.int64(5))])
def test_the_ends_of_a_scale_are_two_numbers_of_any_library(ends: Any) -> None:  # noqa: ANN401
    assert as_task(NUMBERS, range=ends, answers={"low": "bad", "high": "good"}).range == (0.0, 5.0)
