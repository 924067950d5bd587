"""R14: what is moved to another registry arrives to the last bit, or not at all."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from goals import Goal
from tiny_bundles import RECORDS, edited, fill, tampered
from tiny_cli import dump

from registry import Registry
from registry.bundles.manifest import NAME
from registry.catalog.whole.pieces import Section
from registry.errors import RegistryError

JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**70,
    0.5,
    "",
    "x",
    "\0",
    "x:1",
    "task0:99",
    [],
    [1],
    {},
    {"a": None},
    "0" * 64,
)


@pytest.mark.goal("R14", "export, import, export: byte-identical for 10,000 mixed records")
def test_all_that_is_known_comes_back_byte_for_byte(tmp_path: Path, goal: Goal) -> None:
    rounds = 1 + goal.tries(quick=500, full=10_000) // RECORDS
    with Registry.create(tmp_path / "mine") as mine:
        fill(mine, rounds)
        mine.packs.add("taskweb")
        mine.export_bundle(tmp_path / "one.zip")
    with Registry.create(tmp_path / "theirs") as theirs:
        report = theirs.import_bundle(tmp_path / "one.zip")
        theirs.export_bundle(tmp_path / "two.zip")
        answers = [theirs.nearest(f"task{number}", limit=5) for number in (0, rounds // 2, rounds - 1)]
    with Registry.open(tmp_path / "mine") as mine:
        assert answers == [mine.nearest(f"task{number}", limit=5) for number in (0, rounds // 2, rounds - 1)]

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert report.added[Section.VECTORS] == 3 * rounds
    goal.reached(f"{RECORDS * rounds:,} records: byte-identical")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle as a folder, with its archive beside it."""
    place = tmp_path_factory.mktemp("bundle")
    with Registry.create(place / "registry") as registry:
        fill(registry, 3)
        registry.packs.add("taskweb")
        registry.export_bundle(place / "bundle")
        registry.export_bundle(place / "bundle.zip")
    return place / "bundle"


@pytest.mark.goal("R14", "200 bundles cut or altered anywhere: nothing is imported")
def test_what_was_cut_or_altered_is_not_imported(tmp_path: Path, bundle: Path, goal: Goal) -> None:
    tries, refused = goal.tries(quick=20, full=200), 0
    chance = random.Random(17)  # noqa: S311
    with Registry.create(tmp_path / "theirs") as theirs:
        theirs.add_task("own", [{"text": "a", "label": "yes"}, {"text": "b", "label": "no"}])
        before = dump(theirs.folder)
        for number in range(tries):
            damaged = (damaged_archive if number % 2 else damaged_folder)(bundle, tmp_path / f"{number}", chance)
            with pytest.raises(RegistryError) as told:
                theirs.import_bundle(damaged)
            assert "\n" not in str(told.value)
            assert told.value.exit_code == 2
            refused += dump(theirs.folder) == before and theirs.packs.names() == []

    assert refused == tries
    goal.reached(f"{tries} cuts and alterations: {tries - refused} imported")


def damaged_archive(bundle: Path, target: Path, chance: random.Random) -> Path:
    """Cut an archive, or flip a bit of it."""
    body = bytearray(bundle.with_suffix(".zip").read_bytes())
    at = chance.randrange(len(body))
    if chance.random() < 0.5:
        body = body[:at]
    else:
        body[at] ^= 1 << chance.randrange(8)
    target.write_bytes(body)
    return target


def damaged_folder(bundle: Path, target: Path, chance: random.Random) -> Path:
    """Cut a file of a folder, flip a bit of it, take it away, or put another in its place."""
    shutil.copytree(bundle, target)
    files = sorted(path for path in target.rglob("*") if path.is_file() and path.stat().st_size)
    path, other = chance.sample(files, 2)
    body = bytearray(path.read_bytes())
    match chance.randrange(5):
        case 0:
            path.write_bytes(body[: chance.randrange(len(body))])
        case 1:
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
            path.write_bytes(body)
        case 2:
            path.unlink()
        case 3:
            shutil.copyfile(path, target / f"{other.name}.more")
        case _:
            shutil.copyfile(other, path)
    return target


@pytest.mark.goal("R14", "300 bundles altered and summed anew: refused in one line, or whole")
def test_what_a_stranger_made_up_is_refused_in_one_line_or_whole(tmp_path: Path, bundle: Path, goal: Goal) -> None:
    tries, taken = goal.tries(quick=30, full=300), 0
    chance = random.Random(5)  # noqa: S311
    Registry.create(tmp_path / "empty").close()
    for number in range(tries):
        section = chance.choice(list(Section))
        change = edited(f"{section}.jsonl", chance.randrange(3), lambda document: spoil(document, chance))
        made_up = tampered(bundle, tmp_path / "bundle", change)
        shutil.copytree(tmp_path / "empty", tmp_path / "theirs")
        with Registry.open(tmp_path / "theirs") as theirs:
            before = dump(theirs.folder)
            try:
                theirs.import_bundle(made_up)
                taken += 1
                is_whole = whole(theirs)
            except RegistryError as error:
                is_whole = dump(theirs.folder) == before and "\n" not in str(error) and error.exit_code == 2
            assert is_whole, f"{number}: {(made_up / f'{section}.jsonl').read_text()[:2000]}"
        shutil.rmtree(made_up)
        shutil.rmtree(tmp_path / "theirs")

    goal.reached(f"{tries} made up: {tries - taken} refused, {taken} whole, 0 tracebacks")


def spoil(document: dict[str, Any], chance: random.Random) -> None:
    """Put junk in the place of one value, however deep it lies."""
    inner: Any = document
    while True:
        key = chance.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        if isinstance(inner[key], dict | list) and inner[key] and chance.random() < 0.8:
            inner = inner[key]
        else:
            inner[key] = chance.choice(JUNK)
            return


def whole(registry: Registry) -> bool:
    """Say whether all that was imported can be read, asked and exported."""
    registry.export_bundle(registry.folder / "again.zip")
    for task in registry.tasks():
        registry.task_data(task.name)
    for space in registry.spaces():
        registry.similarities(space=space.name)
        registry.nearest("task0", space=space.name)
    return not any(check.faults for check in registry.verify_index())


def test_the_manifest_counts_what_is_there(bundle: Path) -> None:
    said = json.loads((bundle / NAME).read_text(encoding="utf-8"))

    assert said["counts"] == {
        "entries": 18,
        "spaces": 1,
        "vectors": 9,
        "predictions": 9,
        "transfers": 15,
        "contents": len(list((bundle / "contents").iterdir())),
        "packs": 1,
    }
    assert list(said["files"]) == sorted(said["files"])
