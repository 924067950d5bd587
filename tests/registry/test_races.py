"""Several processes at once: all are served, in some order, and none is told that something is locked."""

import hashlib
import multiprocessing
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest
from click.testing import CliRunner
from tiny_cli import dump, hand_made_space, put_vector, tiny_rows, write_rows
from waiting import LIMIT

import cli
from registry import Registry
from registry.catalog import database
from registry.catalog.engines import sqlite
from registry.errors import RegistryError
from registry.formats.tasks import read_task

CREATORS, ROUNDS = 8, 5
WRITERS, OWN_WRITES, SHARED_WRITES, READERS = 6, 20, 10, 2
READS = 40
PATIENCE = LIMIT  # a barrier that waits longer has lost a process

# Each process is split off one that has loaded what all need, and nothing else of this one.
_clean = multiprocessing.get_context("forkserver")
_clean.set_forkserver_preload(["registry", "registry.index", "alembic.command", "sqlalchemy", "numpy", __name__])


def at_once(work: Callable[..., Any], *arguments: tuple[Any, ...]) -> list[Any]:
    """Call `work(barrier, *arguments)` in one process for each tuple; return what they returned or raised."""
    barrier, answers = _clean.Barrier(len(arguments)), _clean.SimpleQueue()
    processes = [_clean.Process(target=_answer, args=(answers, work, barrier, *given)) for given in arguments]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return found


def _answer(answers: Any, work: Callable[..., Any], *arguments: Any) -> None:  # noqa: ANN401 - any process's
    try:
        answers.put(work(*arguments))
    except Exception as error:  # told to the test, which compares it
        answers.put(f"{type(error).__name__}: {error}")


def _create(barrier: Any, place: Path) -> list[str]:  # noqa: ANN401 - a barrier of processes
    identities = []
    for number in range(ROUNDS):
        barrier.wait(PATIENCE)
        with Registry.create(place / str(number)) as registry:
            identities.append(f"{registry.catalog.database.schema()} {registry.status().entries['task']}")
    return identities


def test_eight_processes_make_one_registry(tmp_path: Path) -> None:
    found = at_once(_create, *[(tmp_path,)] * CREATORS)

    assert found == [[f"{database.SCHEMA} 0"] * ROUNDS] * CREATORS
    for folder in tmp_path.iterdir():
        connection = sqlite3.connect(folder / "catalog.db")
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(database.SCHEMA,)]
        assert connection.execute("SELECT count(*), max(generation) FROM state").fetchall() == [(1, 0)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def _write(barrier: Any, folder: Path, writer: int) -> int:  # noqa: ANN401 - a barrier of processes
    with Registry.open(folder) as registry:
        barrier.wait(PATIENCE)
        for number in range(OWN_WRITES + SHARED_WRITES):
            is_shared = number >= OWN_WRITES
            content = hashlib.sha256(f"{writer} {number}".encode()).hexdigest()
            name = "shared" if is_shared else f"writer{writer}/model{number}"
            registry.add_model(name, {"type": "nothing"}, content_hash=content, replace=is_shared)
    return OWN_WRITES + SHARED_WRITES


def _read(barrier: Any, folder: Path, _: int) -> list[int]:  # noqa: ANN401 - a barrier of processes
    with Registry.open(folder) as registry:
        barrier.wait(PATIENCE)
        return [len(registry.models()) for _ in range(READS)]


def _write_or_read(barrier: Any, folder: Path, number: int) -> int | list[int]:  # noqa: ANN401 - as above
    return (_write if number < WRITERS else _read)(barrier, folder, number)


def test_every_write_of_six_processes_is_kept_while_others_read(tmp_path: Path) -> None:
    Registry.create(tmp_path / "store").close()

    found = at_once(_write_or_read, *[(tmp_path / "store", number) for number in range(WRITERS + READERS)])

    each = OWN_WRITES + SHARED_WRITES
    counts = [answer for answer in found if isinstance(answer, int)]
    readings = [answer for answer in found if isinstance(answer, list)]
    assert counts == [each] * WRITERS, found
    assert len(readings) == READERS
    assert all(reading == sorted(reading) for reading in readings)  # what was there stays there
    with Registry.open(tmp_path / "store") as registry:
        own = {f"writer{writer}/model{number}" for writer in range(WRITERS) for number in range(OWN_WRITES)}
        assert {row.name for row in registry.models()} == own | {"shared"}
        assert registry.catalog.spaces.generation() == WRITERS * each
    connection = sqlite3.connect(tmp_path / "store" / "catalog.db")
    numbers = connection.execute(
        "SELECT number FROM versions JOIN entries ON entries.id = entry_id WHERE name = 'shared' ORDER BY number"
    ).fetchall()
    connection.close()
    assert numbers == [(number,) for number in range(1, WRITERS * SHARED_WRITES + 1)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Registry.create(tmp_path / "store") as registry:
        space = hand_made_space(registry, "by-hand")
        for number, name in enumerate(("film", "shop", "bank", "song")):
            registry.add_task(name, read_task(str(write_rows(tmp_path / f"{name}.jsonl", tiny_rows(number)))))
            put_vector(registry, name, space, number)
        registry.refresh_index("by-hand")
    return tmp_path / "store"


def _nearest(barrier: Any, folder: Path) -> list[tuple[str, float]]:  # noqa: ANN401 - a barrier of processes
    with Registry.open(folder) as registry:
        barrier.wait(PATIENCE)
        return [(match.name, match.similarity) for match in registry.nearest("film")]


def test_two_processes_that_miss_the_index_both_answer(store: Path) -> None:
    with Registry.open(store) as registry:
        right = [(match.name, match.similarity) for match in registry.nearest("film")]
    shutil.rmtree(store / "index")

    found = at_once(_nearest, (store,), (store,))

    assert len(right) == 3
    assert found == [right, right]
    with Registry.open(store) as registry:
        assert [one.snapshot for one in registry.verify_index()] == ["sound"]
    assert [path.suffix for path in (store / "index").iterdir()] == [".idx"]


# -- a lock that is held elsewhere -------------------------------------------------------------------


def test_a_lock_held_elsewhere_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.2)

    with filelock.FileLock(folder / "lock"):
        result = CliRunner().invoke(cli.main, ["--registry", str(folder), "init"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: Another process has held {folder / 'lock'} for 0.2 s.\n"
    assert CliRunner().invoke(cli.main, ["--registry", str(folder), "init"]).exit_code == 0


def test_a_question_is_answered_while_the_lock_is_held(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry.open(store) as registry:
        right = [match.name for match in registry.nearest("film")]
        shutil.rmtree(store / "index")
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.2)

    with filelock.FileLock(store / "lock"), Registry.open(store) as registry:
        found = [match.name for match in registry.nearest("film")]

    assert found == right
    assert not (store / "index").exists()


def test_a_writer_that_holds_the_database_is_waited_for_and_then_told(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    other = sqlite3.connect(store / "catalog.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    before = dump(store)

    with Registry.open(store) as registry:
        names = [task.name for task in registry.tasks()]
        with pytest.raises(RegistryError, match=r"catalog\.db: database is locked\.") as told:
            registry.catalog.entries.tag("film", add=["new"])
    other.execute("ROLLBACK")
    other.close()

    assert names == ["bank", "film", "shop", "song"]
    assert told.value.exit_code == 1
    assert dump(store) == before
