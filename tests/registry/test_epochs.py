"""The centre of a space: it moves while tasks are few, and is then frozen for an epoch."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from behind import count, tamper, value
from click.testing import CliRunner
from numpy.typing import NDArray

import cli
from registry import Registry
from registry.catalog import SpaceRecord
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.errors import IntegrityError
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

FEW = 8  # in place of 64, so that the tests stay small
DIMENSION = 6
SPEC = SpaceSpec("5" * 64, "here", "textemb", {}, (Facet("one", 2), Facet("other", 4)), None)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.catalog.changes.FEW", FEW)


def vector(number: int) -> NDArray[np.float32]:
    """Return a seeded vector; all have something in common, which centring takes away."""
    row = np.random.default_rng(number).normal(size=(1, DIMENSION)) + 1.0
    return unit(row.astype(np.float32))[0]


def name_of(number: int) -> str:
    return f"t{number:03}"


def fill(registry: Registry, numbers: Sequence[int], *, kind: str = "task") -> None:
    """Register entries and their vectors, one by one, in this order."""
    space = registry.catalog.spaces.get("s")
    for number in numbers:
        name = name_of(number)
        if kind == "task":
            examples = (Example(name, "x"), Example(f"other {name}", "y"))
            version = registry.add_task(name, TaskData("classification", ("x", "y"), examples)).version_id
        else:
            version = registry.add_model(name, {"type": "function"}, content_hash=name.ljust(64, "0")).version_id
        registry.catalog.embeddings.put(version, space, vector(number), {})


def made(folder: Path, numbers: Sequence[int]) -> Registry:
    registry = Registry.create(folder)
    registry.add_space("s", SPEC, corpus=None)
    fill(registry, numbers)
    return registry


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Registry]:
    """A registry whose centre has just been frozen."""
    with made(tmp_path / "registry", range(FEW)) as registry:
        yield registry


def space_of(registry: Registry) -> SpaceRecord:
    return registry.catalog.spaces.get("s")


def mean_of(numbers: Sequence[int]) -> NDArray[np.float32]:
    return np.mean([vector(number) for number in numbers], axis=0, dtype=np.float64).astype(np.float32)


def centre_of(registry: Registry) -> NDArray[np.float32]:
    return registry.catalog.embeddings.centring(space_of(registry).id).centre


def brute_force(registry: Registry, query: int, centre: NDArray[np.float32]) -> list[tuple[str, float]]:
    """Return all other entries by similarity: the mean of the facets' cosines, after subtracting the centre."""
    held = registry.vectors(space="s")
    parts = [slice(0, 2), slice(2, 6)]
    rows, mine = held.matrix.astype(float) - centre, vector(query).astype(float) - centre

    def cosine(row: NDArray[np.float64]) -> float:
        return float(np.mean([row[p] @ mine[p] / np.linalg.norm(row[p]) / np.linalg.norm(mine[p]) for p in parts]))

    pairs = zip(held.names, map(cosine, rows), strict=True)
    return sorted(((n, s) for n, s in pairs if n != name_of(query)), key=lambda pair: -pair[1])


def answers(registry: Registry, query: int, limit: int = 50) -> dict[str, float]:
    return {match.name: match.similarity for match in registry.nearest(name_of(query), limit=limit)}


def test_with_few_tasks_the_centre_moves_with_each_of_them(registry: Registry) -> None:
    registry.add_space("s", SPEC, corpus=None)
    for tasks in range(3, FEW):
        fill(registry, [tasks - 1] if tasks > 3 else range(3))
        assert centre_of(registry).tolist() == mean_of(range(tasks)).tolist()
        assert (space_of(registry).epoch, space_of(registry).centred_on) == (0, None)


def test_a_model_never_moves_it(filled: Registry) -> None:
    before = centre_of(filled)

    fill(filled, range(100, 120), kind="model")

    assert centre_of(filled).tolist() == before.tolist()
    assert space_of(filled).epoch == 1


def test_with_enough_tasks_it_is_frozen(filled: Registry) -> None:
    space = space_of(filled)

    fill(filled, range(FEW, 2 * FEW - 1))

    assert (space.epoch, space.centred_on) == (1, FEW)
    assert space_of(filled).epoch == 1
    assert centre_of(filled) == pytest.approx(mean_of(range(FEW)), abs=1e-7)


def test_within_an_epoch_a_new_task_changes_no_answer_about_the_others(filled: Registry) -> None:
    before = answers(filled, 0)

    fill(filled, [FEW, FEW + 1])

    after = answers(filled, 0)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2


def test_a_new_epoch_begins_when_the_tasks_have_doubled(filled: Registry) -> None:
    fill(filled, range(FEW, 2 * FEW))

    assert (space_of(filled).epoch, space_of(filled).centred_on) == (2, 2 * FEW)
    assert centre_of(filled) == pytest.approx(mean_of(range(2 * FEW)), abs=1e-7)


def test_tasks_that_are_gone_do_not_count(filled: Registry) -> None:
    for number in range(4):
        filled.remove(name_of(number), "task")

    fill(filled, range(100, 100 + FEW))  # twelve tasks in the end, of sixteen that a new epoch needs
    assert space_of(filled).epoch == 1

    fill(filled, range(200, 204))
    assert (space_of(filled).epoch, space_of(filled).centred_on) == (2, 2 * FEW)


def test_the_answers_are_those_of_brute_force_in_each_epoch(registry: Registry) -> None:
    registry.add_space("s", SPEC, corpus=None)
    fill(registry, range(3))
    for number in range(3, 40):
        fill(registry, [number], kind="task" if number % 3 else "model")
        expected = brute_force(registry, 1, centre_of(registry))
        found = registry.nearest(name_of(1), limit=50, duplicates=True)
        assert [match.similarity for match in found] == pytest.approx([s for _, s in expected], abs=1e-5)
        assert {match.name for match in found} == {name for name, _ in expected}
    assert space_of(registry).epoch == 2


def test_within_an_epoch_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    one = made(tmp_path / "one", [*range(FEW), 20, 21, 22])
    other = made(tmp_path / "other", [*reversed(range(FEW)), 22, 20, 21])

    with one, other:
        assert centre_of(one).tolist() == centre_of(other).tolist()
        for query in (0, 3, 21):
            assert answers(one, query) == answers(other, query)
        assert one.compare("t001", "t021") == other.compare("t001", "t021")


def test_what_was_added_to_the_index_answers_as_an_index_that_is_built_at_once(filled: Registry) -> None:
    filled.refresh_index("s")
    fill(filled, [20, 21, 22])
    filled.refresh_index("s")
    added = answers(filled, 2)

    filled.rebuild_index()

    with Registry.open(filled.folder) as fresh:
        assert answers(fresh, 2) == added


def test_only_what_is_new_is_written_within_an_epoch(filled: Registry) -> None:
    filled.refresh_index("s")
    base = filled.folder / "index" / f"{SPEC.fingerprint()}.idx"
    before = base.read_bytes()

    fill(filled, [20])
    filled.refresh_index("s")

    assert base.read_bytes() == before
    (verified,) = filled.verify_index()
    assert (verified.vectors, verified.snapshot, verified.faults) == (FEW + 1, "sound", ())


def test_a_new_epoch_is_a_new_index(filled: Registry) -> None:
    filled.refresh_index("s")
    with Registry.open(filled.folder) as other:
        answers(other, 0)  # it holds the index of the first epoch

        fill(filled, range(FEW, 2 * FEW))

        expected = brute_force(filled, 0, centre_of(filled))
        assert list(answers(other, 0).values()) == pytest.approx([s for _, s in expected], abs=1e-5)


def test_a_new_epoch_can_be_asked_for(filled: Registry) -> None:
    fill(filled, range(FEW, FEW + 3))

    assert filled.rebuild_index(recentre=True) == FEW + 3

    assert (space_of(filled).epoch, space_of(filled).centred_on) == (2, FEW + 3)
    assert centre_of(filled) == pytest.approx(mean_of(range(FEW + 3)), abs=1e-7)
    with Registry.open(filled.folder) as fresh:
        expected = brute_force(fresh, 0, centre_of(fresh))
        assert list(answers(fresh, 0).values()) == pytest.approx([s for _, s in expected], abs=1e-5)


def test_a_new_epoch_of_few_tasks_moves_with_them_again(filled: Registry) -> None:
    for number in range(5):
        filled.remove(name_of(number), "task")

    filled.rebuild_index(recentre=True)
    fill(filled, [30])

    assert (space_of(filled).epoch, space_of(filled).centred_on) == (2, None)
    assert centre_of(filled) == pytest.approx(mean_of([5, 6, 7, 30]), abs=1e-7)


def test_answers_say_which_epoch_they_are_of(filled: Registry) -> None:
    def told(*arguments: str) -> str:
        result = CliRunner().invoke(cli.main, ["--registry", str(filled.folder), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert '"epoch": 1' in told("nearest", "t000", "--json")
    assert '"epoch": 1' in told("nearest", "t000", "--by", "size", "--json")
    assert '"epoch": 1' in told("compare", "t000", "t001", "--json")
    assert "epoch" in told("compare", "t000", "t001")
    assert '"centred_on": 8' in told("space", "show", "s", "--json")

    assert told("index", "rebuild", "--recentre") == "Index rebuilt: 8 vectors\n"
    assert '"epoch": 2' in told("nearest", "t000", "--json")


def test_a_damaged_centre_is_told_and_a_new_epoch_mends_it(filled: Registry) -> None:
    body = value(filled, "SELECT centre FROM spaces")
    tamper(filled, "UPDATE spaces SET centre = ?", body[:5] + bytes([body[5] ^ 1]) + body[6:])

    with pytest.raises(IntegrityError, match="The centre of space 's' is damaged: run 'fute index rebuild --recentre'"):
        filled.compare("t000", "t001")

    filled.rebuild_index(recentre=True)
    assert centre_of(filled) == pytest.approx(mean_of(range(FEW)), abs=1e-7)


def test_a_damaged_vector_keeps_no_new_one_out(filled: Registry) -> None:
    tamper(filled, "UPDATE embeddings SET vector = ? WHERE id = (SELECT min(id) FROM embeddings)", bytes(24))

    fill(filled, range(FEW, 2 * FEW + 1))  # a new epoch would begin at the last but one

    assert space_of(filled).epoch == 1
    assert filled.catalog.spaces.counts() == {"s": 2 * FEW + 1}
    filled.catalog.embeddings.put(filled.entry("t000").version_id, space_of(filled), vector(0), {})  # it is mended
    fill(filled, [90])
    assert (space_of(filled).epoch, space_of(filled).centred_on) == (2, 2 * FEW + 2)


def test_the_log_of_changes_does_not_grow_for_ever(filled: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.catalog.changes.KEPT", 20)
    filled.refresh_index("s")
    version = filled.entry("t003").version_id

    for number in range(60):
        filled.catalog.embeddings.put(version, space_of(filled), vector(100 + number), {})

    assert count(filled, "vector_changes") == 20
    with Registry.open(filled.folder) as fresh:  # its snapshot is too old to be followed
        expected = brute_force(fresh, 0, centre_of(fresh))
        assert list(answers(fresh, 0).values()) == pytest.approx([s for _, s in expected], abs=1e-5)
