"""Renaming, tagging and removing, all or none; what is listed, exported and told of the state of things."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
from behind import tamper
from tiny_cli import run, shift_of, told, write_task
from tiny_history import records_of

import commands.nouns
from registry import Registry
from registry.catalog.browsing.parts import models_under
from registry.catalog.records import EntryRecord, NewEntry
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.models import ModelSpec
from registry.data.predictions import Predictions
from registry.data.recordings import RecordedPrompt, Recording
from registry.data.tasks import TaskData
from registry.data.transfers import TransferRecord
from registry.errors import AlreadyExistsError, InputError, InUseError, NameFormError, NotFoundError
from registry.formats.tasks import read_task
from registry.kinds import EntryKind
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

TASK = TaskData("classification", ("yes", "no"), (Example("one", "yes"), Example("two", "no")))
VECTOR = unit(np.array([1.0, 2.0, 3.0], np.float32))
SPEC = SpaceSpec("5" * 64, "here", "ours", {}, (Facet("inputs", 3),), None)


@pytest.fixture
def store(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Three tasks, an LLM under two prompts, and transfers among tasks."""
    monkeypatch.setenv("FUTE_REGISTRY", str(registry.folder))
    for name in ("film", "rain", "song"):
        registry.add_task(name, TASK)
    with registry.catalog.entries.adding() as add:
        add(NewEntry(EntryKind.MODEL, "opt", "m", ModelSpec.recorded_llm("there").as_document()))
        for prompt in ("p1", "p2"):
            add(NewEntry(EntryKind.PROMPT, prompt, prompt, {"template": "t", "choices": ["a", "b"]}))
            pair = ModelSpec.prompted(model="opt:1", prompt=f"{prompt}:1").as_document()
            add(NewEntry(EntryKind.PROMPTED_MODEL, f"opt@{prompt}", prompt, pair))
    registry.add_transfers(records_of(("film",), ("film", "rain", "song", "stranger")))
    return registry


def names(registry: Registry) -> list[str]:
    return [entry.name for entry in registry.catalog.entries.all()]


# -- another name ------------------------------------------------------------------------------------


def test_a_task_keeps_its_vectors_and_transfers_under_another_name(store: Registry) -> None:
    space = store.add_space("s", SPEC, corpus=None)
    store.catalog.embeddings.put(store.entry("film").version_id, space, VECTOR, {})
    before = len(store.transfers("film"))

    renamed = store.rename("film", "org/films", "task")

    assert renamed.name == "org/films"
    assert store.vectors(space="s").names == ("org/films",)
    assert len(store.transfers("org/films")) == before
    assert store.transfers("film") == []
    with pytest.raises(NotFoundError):
        store.entry("film")


def test_prompted_models_follow_their_model_and_their_prompt(store: Registry) -> None:
    store.rename("opt", "llm", "model")
    store.rename("p1", "short", "prompt")

    assert names(store) == ["film", "llm", "llm@p2", "llm@short", "p2", "rain", "short", "song"]
    assert store.entry("llm@short").spec["model"] == "llm:1"
    assert store.entry("llm@short").spec["prompt"] == "short:1"
    assert store.catalog.entries.prompts_of("llm") == ["p2", "short"]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("film", "rain", AlreadyExistsError),
        ("film", "opt", AlreadyExistsError),
        ("film", "a b", NameFormError),
        ("film", "stranger", InputError),  # transfers of both are recorded
        ("film:1", "films", InputError),
        ("nothing", "films", NotFoundError),
        ("opt", "models", NotFoundError),  # it is no task
    ],
)
def test_a_name_that_cannot_be_given_changes_nothing(
    store: Registry, old: str, new: str, error: type[Exception]
) -> None:
    before = (names(store), store.transfers())

    with pytest.raises(error):
        store.rename(old, new, "task")

    assert (names(store), store.transfers()) == before


def test_a_task_takes_the_name_by_which_its_transfers_were_recorded(store: Registry) -> None:
    store.add_task("other", TASK)

    store.rename("other", "stranger", "task")

    assert any(record.source == store.entry("stranger").name for record in store.transfers())


# -- several at once ---------------------------------------------------------------------------------


def test_several_are_removed_or_none(store: Registry) -> None:
    with pytest.raises(NotFoundError):
        store.remove(["film", "nothing", "rain"], "task")
    with pytest.raises(InUseError):
        store.remove(["p1", "p2"], "prompt")
    assert len(names(store)) == 8

    store.remove(["opt@p1", "opt"], "model")
    store.remove(["p1", "p2"], "prompt")
    store.remove(["film", "rain", "film"], "task")

    assert names(store) == ["song"]


def refused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sit at a terminal and say no to every question; return what is asked."""
    asked: list[str] = []

    def refuse(question: str, *, abort: bool) -> None:
        asked.append(question)
        raise click.Abort

    monkeypatch.setattr(commands.nouns.click, "confirm", refuse)
    monkeypatch.setattr(commands.nouns, "is_asked", lambda: True)
    return asked


def test_on_a_terminal_removal_is_asked_for(store: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = told("task", "remove", "film", "rain")
    assert (code, text.splitlines()[:2]) == (0, ["removed film", "removed rain"]), "a script is not asked"

    asked = refused(monkeypatch)
    assert run("task", "remove", "song").exit_code == 1
    assert run("model", "remove", "opt", "opt@p1").exit_code == 1
    assert asked == ["Remove song?", "Remove 2 models: opt, opt@p1?"]
    assert "song" in names(store)
    assert run("task", "remove", "song", "--yes").exit_code == 0
    assert "song" not in names(store)


def test_on_a_terminal_the_removal_of_a_space_is_asked_for_with_what_goes(
    store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = store.add_space("s", SPEC, corpus=None)
    store.catalog.embeddings.put(store.entry("film").version_id, space, VECTOR, {})
    asked = refused(monkeypatch)

    assert run("space", "remove", "s").exit_code == 1
    assert asked == ["Remove space s with its vectors (1)?"]
    assert [one.name for one in store.catalog.spaces.all()] == ["s"]
    assert told("space", "remove", "s", "--yes") == (0, "removed s\n")
    assert store.catalog.spaces.all() == []


@pytest.mark.parametrize(("kind", "name"), [("task", "film"), ("model", "opt"), ("model", "opt@p1"), ("prompt", "p1")])
def test_entries_of_every_kind_are_tagged(store: Registry, kind: str, name: str) -> None:
    assert told(kind, "tag", name, "mine", "new") == (0, f"{name}: mine, new\n")
    assert told(kind, "tag", name, "--remove", "mine") == (0, f"{name}: new\n")


def test_renaming_is_a_command(store: Registry) -> None:
    assert told("task", "rename", "film", "films") == (0, "film is called films now\n")
    assert told("prompt", "rename", "p1", "short") == (0, "p1 is called short now\n")
    assert "opt@short" in names(store)
    assert run("task", "rename", "film", "x").exit_code == 2


# -- transfers ---------------------------------------------------------------------------------------


def test_transfers_are_listed_with_unknown_names_marked_and_removed_by_what_they_say(store: Registry) -> None:
    code, text = told("transfer", "list")
    assert code == 0
    assert "stranger ?" in text
    assert "film ?" not in text
    assert "Not registered: stranger\n" in text

    assert run("transfer", "remove").exit_code == 2, "not all of them by mistake"
    left = [record for record in store.transfers() if record.source != "stranger"]
    gone = len(store.transfers()) - len(left)
    assert told("transfer", "remove", "--source", "stranger") == (0, f"{gone} transfers removed\n")
    assert store.transfers() == left
    assert told("transfer", "remove", "--target", "nothing") == (0, "0 transfers removed\n")


def test_transfers_are_removed_whatever_the_case_of_a_name(store: Registry) -> None:
    count = len([record for record in store.transfers() if record.source == "rain"])

    assert told("transfer", "remove", "--source", "RAIN", "--target", "Film") == (0, f"{count} transfers removed\n")
    assert told("transfer", "list", "--target", "nope") == (0, "No transfers to 'nope'.\n")
    assert "?" not in run("transfer", "list", "--csv").stdout


# -- out, and how things stand -----------------------------------------------------------------------


def test_all_tasks_are_exported_at_once(store: Registry, tmp_path: Path) -> None:
    store.rename("film", "org/film", "task")

    assert told("task", "export", "--all", tmp_path / "out") == (0, f"3 tasks written to {tmp_path / 'out'}\n")

    assert read_task(str(tmp_path / "out" / "org" / "film")).train == TASK.train
    assert told("task", "export", "rain", tmp_path / "one") == (0, f"rain written to {tmp_path / 'one'}\n")
    assert run("task", "export", "rain").exit_code == 2
    assert run("task", "export", "--all", "rain", tmp_path / "x").exit_code == 2


def test_what_came_of_starting_from_a_model_follows_its_new_name(store: Registry) -> None:
    model = store.models()[0].name
    store.add_transfers([TransferRecord("bert", "full", "film", model, 0.5)])

    store.rename(model, "another-name", "model")

    assert {record.source for record in store.transfers("film")} >= {"another-name"}
    assert model not in {record.source for record in store.transfers()}


def test_the_status_is_told_in_lines_and_a_mended_failure_is_none(store: Registry, tmp_path: Path) -> None:
    space = store.add_space("s", SPEC, corpus=None)
    version = store.entry("film").version_id
    shift = shift_of(store)
    shift.claim(version, space.id)
    shift.fail(version, space.id, "out of memory")

    code, text = told("status")
    assert code == 0
    assert "3 tasks, 1 models, 2 prompts, 2 prompted models, 0 corpora" in text
    assert "space     s (current): 0 vectors" in text
    assert "failed    film: out of memory" in text
    assert "{" not in text

    store.catalog.embeddings.put(version, space, VECTOR, {})
    assert "failed" not in told("status")[1]
    shift.fail(version, space.id, "again")
    store.add_task("film", read_task(str(write_task(tmp_path / "film", 1))), replace=True)
    found = json.loads(run("status", "--json").stdout)
    assert (found["failures"], found["jobs"].get("failed")) == ({}, None), "a failure of an older version is past"


def test_no_two_names_differ_in_case_alone_but_an_entrys_own_case_may_change(store: Registry) -> None:
    with pytest.raises(AlreadyExistsError, match="'rain' is already the name of a task"):
        store.rename("film", "RAIN", "task")

    before = len(store.transfers("film"))
    assert store.rename("film", "FILM", "task").name == "FILM"
    assert len(store.transfers("FILM")) == before
    assert "film" not in names(store)


def test_an_entry_that_is_renamed_meanwhile_is_still_the_one_that_is_removed(
    store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = store.catalog.entries.get

    def meanwhile(name: str, kind: EntryKind | None = None) -> EntryRecord:
        found = looked_up(name, kind)
        monkeypatch.undo()
        with Registry.open(store.folder) as other:
            other.rename("rain", "snow", "task")
        return found

    monkeypatch.setattr(store.catalog.entries, "get", meanwhile)
    store.remove("rain", "task")

    assert not {"rain", "snow"} & set(names(store))


def test_an_entry_that_is_removed_meanwhile_cannot_be_renamed(store: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = store.catalog.entries.get

    def meanwhile(name: str, kind: EntryKind | None = None) -> EntryRecord:
        found = looked_up(name, kind)
        monkeypatch.undo()
        with Registry.open(store.folder) as other:
            other.remove("rain", "task")
        return found

    monkeypatch.setattr(store.catalog.entries, "get", meanwhile)
    with pytest.raises(NotFoundError):
        store.rename("rain", "snow", "task")


def test_what_is_made_with_a_prompt_is_found_whatever_the_case_in_which_an_older_release_kept_it(
    registry: Registry,
) -> None:
    answered = Recording((Input("one"), Input("two")), Predictions.from_texts(["good", "bad"], ("good", "bad")))
    registry.add_recorded_llm("llm", [RecordedPrompt("été", "Good?", ("good", "bad"), answered)], source="here")
    tamper(registry, "UPDATE entries SET name = ? WHERE name = ?", "llm@ÉTÉ", "llm@été")

    assert models_under(registry.catalog.database, "été", limit=5) == ["llm@ÉTÉ"]
