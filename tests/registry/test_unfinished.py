"""What a killed import or copy leaves: nothing that looks finished, and the same command again ends it."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nursery import Nursery
from tiny_bundles import some_task
from tiny_cli import told

from registry import Registry
from registry.bundles.differences import differences
from registry.faults import VARIABLE
from registry.location import located
from registry.upkeep.verifying import verify

pytestmark = pytest.mark.file


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery("registry.registry", "registry.bundles.importing", "registry.upkeep.copying", "filelock")
    yield made
    made.close()


def killed_everywhere(nursery: Nursery, place: Path, words: list[str], begin: Callable[[], object]) -> Iterator[str]:
    """Kill a command at each place, the last time that it is passed; yield the place after each kill."""
    begin()
    assert nursery.run(place / "said", *words, environment={VARIABLE: f"record={place / 'passed'}"}) == 0
    passed = (place / "passed").read_text().split()
    for name in dict.fromkeys(passed):
        strike = f"{name}:{passed.count(name)}"
        begin()
        assert nursery.run(place / "said", *words, environment={VARIABLE: f"{strike}=kill"}) == -signal.SIGKILL, strike
        yield strike


def left_over(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


def test_the_packs_of_a_killed_import_are_there_only_with_its_entries(
    mine: Registry, tmp_path: Path, nursery: Nursery
) -> None:
    mine.packs.add("taskweb")
    mine.export_bundle(tmp_path / "bundle")
    theirs = tmp_path / "theirs"
    words = ["--registry", str(theirs), "bundle", "import", str(tmp_path / "bundle")]

    def begin() -> None:
        shutil.rmtree(theirs, ignore_errors=True)
        Registry.create(theirs).close()

    found = set()
    for strike in killed_everywhere(nursery, tmp_path, words, begin):
        with Registry.open(theirs) as opened:
            found.add((opened.status().entries["task"] > 0, *opened.packs.names()))
        assert verify(located(theirs)) == [], strike
        assert told(*words)[0] == 0, strike
        assert not differences(mine.folder, theirs), strike
        assert left_over(theirs) == [], strike

    assert found == {(False,), (True,), (True, "taskweb")}


def test_a_pack_that_finds_no_place_is_told_when_all_else_is_kept(
    mine: Registry, tmp_path: Path, nursery: Nursery
) -> None:
    mine.packs.add("taskweb")
    mine.export_bundle(tmp_path / "bundle")
    Registry.create(tmp_path / "theirs").close()
    words = ["--registry", str(tmp_path / "theirs"), "bundle", "import", str(tmp_path / "bundle")]

    code = nursery.run(tmp_path / "said", *words, environment={VARIABLE: "pack.taken:1=raise"})

    assert code == 1
    said = (tmp_path / "said").read_text()
    assert said == (
        "Error: Cannot keep pack 'taskweb': No space left on device. All else was imported: import the bundle again.\n"
    )
    assert told(*words)[0] == 0
    assert not differences(mine.folder, tmp_path / "theirs")


@pytest.mark.parametrize("is_begun", [False, True], ids=["into a new folder", "into what an earlier release left"])
def test_a_copy_is_a_registry_when_it_is_finished_and_not_before(
    mine: Registry, tmp_path: Path, nursery: Nursery, is_begun: bool
) -> None:
    mine.packs.add("taskweb")
    target = tmp_path / "copied"
    words = ["copy", str(mine.folder), str(target)]

    def begin() -> None:
        shutil.rmtree(target, ignore_errors=True)
        if is_begun:
            target.mkdir()
            (target / "catalog.db").touch()

    found = set()
    for strike in killed_everywhere(nursery, tmp_path, words, begin):
        code, text = told("--registry", target, "verify")
        found.add(text.partition(f" at {target}")[0].strip())
        if code == 0:
            assert not differences(mine.folder, target), strike
            assert "is not empty" in told(*words)[1], strike
            continue
        assert told(*words)[0] == 0, strike
        assert not differences(mine.folder, target), strike
        assert left_over(target) == [], strike

    assert found == {
        "All is well",
        "Error: This registry was begun and not finished: run 'fute init', or 'fute copy', again."
        if is_begun
        else "Error: No registry",
    }


def test_a_copy_into_what_is_not_empty_leaves_it_as_it_is(mine: Registry, theirs: Registry) -> None:
    mine.packs.add("taskweb")
    theirs.add_task("own", some_task(0))

    code, text = told("copy", mine.folder, theirs.folder)

    assert (code, text) == (2, f"Error: {theirs.folder} is not empty: copy into a new place.\n")
    assert [task.name for task in theirs.tasks()] == ["own"]
    assert theirs.packs.names() == []
