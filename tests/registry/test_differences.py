"""What differs between two registries or bundles, told line by line."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_bundles import edited, fill, some_task, tampered
from tiny_cli import hand_made_space, put_vector, told

from registry import Registry
from registry.bundles.differences import differences
from registry.bundles.neighbours import neighbours_of
from registry.catalog.whole.reading import whole_of
from registry.data.transfers import TransferRecord


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "before") as opened:
        fill(opened, 2)
        yield opened


def after(before: Registry) -> Registry:
    """Return a copy, to be changed."""
    copy = before.folder.with_name("after")
    shutil.copytree(before.folder, copy)
    return Registry.open(copy)


@pytest.mark.file
def test_a_registry_its_copy_and_its_bundles_are_equal(before: Registry, tmp_path: Path) -> None:
    before.export_bundle(tmp_path / "folder")
    before.export_bundle(tmp_path / "file.zip")
    after(before).close()
    with Registry.create(tmp_path / "moved") as moved:
        moved.import_bundle(tmp_path / "file.zip")

    for other in ("folder", "file.zip", "after", "moved"):
        assert not differences(before.folder, tmp_path / other)
        assert not differences(tmp_path / other, before.folder)


@pytest.mark.file
def test_every_kind_of_difference_is_told(before: Registry) -> None:
    before.packs.add("taskweb")
    with after(before) as changed:
        changed.packs.remove("taskweb")
        changed.add_task("new", some_task(9), tags=["fresh"])
        changed.add_task("task0", some_task(5), replace=True)
        changed.remove("org/Täsk1", "task")
        changed.tag("task1", "task", remove=["blue"])
        changed.set_alias("task0:2", "first")
        put_vector(changed, "task1", changed.space("made").record, 99)
        changed.add_transfers([TransferRecord("small", "full", "task0", "org/Täsk0", 0.7, 0.01, 3)])

        found = list(differences(before.folder, changed.folder).lines())

    assert [line for line in found if not line.startswith("~ nearest")] == [
        "+ tag new: fresh",
        "+ task new",
        "+ version new:1",
        "+ version task0:3",
        "- pack taskweb",
        "- tag task1: blue",
        "- task org/Täsk1",
        "- vector org/Täsk1:1 in made",
        "- version org/Täsk1:1",
        "~ alias task0:first",
        "~ transfer org/Täsk0 to task0 in small/full",
        "~ vector task1:2 in made",
    ]


def test_neighbours_that_changed_are_told_where_both_have_the_space(tmp_path: Path) -> None:
    folders = []
    for number, names in enumerate((["a", "b", "c", "d"], ["a", "b", "c", "d", "e"])):
        with Registry.create(tmp_path / f"{number}") as made:
            space = hand_made_space(made, f"space{number}")
            for name in names:
                made.add_task(name, some_task(ord(name)))
                put_vector(made, name, space, ord(name))
            folders.append(made.folder)
            nearest = {name: [match.name for match in made.nearest(name, duplicates=True, limit=5)] for name in names}
            if number == 0:
                old = nearest

    found = differences(*folders).neighbours

    assert {(one.space, one.name): (one.before, one.after) for one in found} == {
        ("space1", name): (old[name], nearest[name]) for name in "abcd" if old[name] != nearest[name]
    }
    assert found


def test_neighbours_are_those_of_nearest_where_models_stand_among_tasks(before: Registry) -> None:
    space = before.space("made").record
    for number in range(20):
        before.add_task(f"more{number}", some_task(number + 20))
        put_vector(before, f"more{number}", space, number + 100)
    with whole_of(before.catalog) as whole:
        found = neighbours_of(whole)[space.fingerprint]

    for name in ("task0", "more7", "model0@prompt0"):
        expected = before.nearest(name, duplicates=True, limit=5)
        assert found.nearest[name] == [match.name for match in expected]
        assert np.all(np.diff([match.similarity for match in expected]) <= 0)


def test_the_command_tells_and_answers_with_its_exit_code(before: Registry, tmp_path: Path) -> None:
    before.export_bundle(tmp_path / "old.zip")
    before.tag("task0", add=["green"])
    old, new = tmp_path / "old.zip", before.folder

    assert told("diff", old, new) == (0, "+ tag task0: green\n")
    assert told("diff", new, old, "--exit-code") == (1, "- tag task0: green\n")
    assert told("diff", new, new, "--exit-code") == (0, "No differences\n")
    code, text = told("diff", old, new, "--json")
    assert (code, json.loads(text)["added"]) == (0, [{"what": "tag", "name": "task0: green"}])


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_what_is_neither_is_told_in_one_line(before: Registry, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()

    code, text = told("diff", before.folder, tmp_path / name)

    assert code == 2
    assert text.startswith("Error: ")
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        edited("entries.jsonl", 0, lambda one: one.pop("name")),
        edited("entries.jsonl", 0, lambda one: one.update(tags=7)),
        edited("spaces.jsonl", 0, lambda one: one.update(spec=7)),
        edited("vectors.jsonl", 0, lambda one: one.update(space="another")),
    ],
)
def test_a_bundle_that_means_harm_is_told_in_one_line(tmp_path: Path, change: Callable[[Path], None]) -> None:
    with Registry.create(tmp_path / "store") as registry:
        fill(registry, 1)
        registry.export_bundle(tmp_path / "bundle")
    tampered(tmp_path / "bundle", tmp_path / "harm", change)

    code, text = told("diff", tmp_path / "store", tmp_path / "harm")

    assert (code, text.count("\n")) == (2, 1)
    assert "is not what a registry wrote" in text
