"""Lists of many entries: a page for people, all for programs."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_cli import run

from commands.nouns import PAGE
from registry import Registry
from registry.spaces.spec import SpaceSpec

COUNT = PAGE + 20
NAMES = sorted(f"e{number}" for number in range(COUNT))


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages") / "store"
    with Registry.create(place) as registry:
        registry.add_space("brought", SpaceSpec.imported("tests", 3), corpus=None)
        rows = np.random.default_rng(0).normal(size=(COUNT, 3))
        registry.add_vectors(NAMES, rows, tags=("all",))
        registry.add_vectors(["one", "two"], rows[:2] + 1, kind="model")
    return place


def names_in(stdout: str) -> list[str]:
    return [word for line in stdout.splitlines() for word in line.split() if word in set(NAMES)]


def test_people_see_a_page_and_how_many_more_there_are(store: Path) -> None:
    result = run("--registry", store, "task", "list", "--tag", "all")

    assert names_in(result.stdout) == NAMES[:PAGE]
    assert result.stderr == f"20 more: --after {NAMES[PAGE - 1]} goes on, --limit 0 lists all\n"


def test_the_next_page_begins_behind_a_name(store: Path) -> None:
    result = run("--registry", store, "task", "list", "--after", NAMES[PAGE - 1])

    assert (names_in(result.stdout), result.stderr) == (NAMES[PAGE:], "")


def test_a_page_is_as_long_as_one_wants(store: Path) -> None:
    result = run("--registry", store, "task", "list", "--limit", "3", "--after", NAMES[4])
    everything = run("--registry", store, "task", "list", "--limit", "0")

    assert names_in(result.stdout) == NAMES[5:8]
    assert result.stderr.startswith(f"{COUNT - 8} more: --after {NAMES[7]} goes on")
    assert (names_in(everything.stdout), everything.stderr) == (NAMES, "")


@pytest.mark.parametrize("form", ["--json", "--csv", "--tsv"])
def test_programs_get_all_unless_they_say_how_many(store: Path, form: str) -> None:
    everything, some = (run("--registry", store, "task", "list", form, *more) for more in ((), ("--limit", "2")))
    if form == "--json":
        assert [task["name"] for task in json.loads(everything.stdout)["tasks"]] == NAMES
        assert [task["name"] for task in json.loads(some.stdout)["tasks"]] == NAMES[:2]
    else:
        assert len(everything.stdout.splitlines()) == 1 + COUNT
        assert len(some.stdout.splitlines()) == 1 + 2


def test_a_list_that_fits_says_nothing_more(store: Path) -> None:
    result = run("--registry", store, "model", "list")

    assert ("one" in result.stdout, result.stderr) == (True, "")


def test_a_limit_is_a_number(store: Path) -> None:
    assert run("--registry", store, "task", "list", "--limit", "-1").exit_code == 2
