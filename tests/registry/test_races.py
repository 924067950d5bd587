"""Several processes at once: all are served, in some order, and none is told that something is locked."""

import errno
import fcntl
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import filelock
import pytest
from click.testing import CliRunner
from sqlalchemy import event, select
from tiny_cli import dump, hand_made_space, put_vector, tiny_rows, write_rows
from together import PATIENCE, at_once

import cli
from registry import Registry
from registry.catalog.engines import locks, sqlite
from registry.catalog.tables import State
from registry.errors import RegistryError
from registry.formats.tasks import read_task


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


def test_a_connection_is_opened_however_often_others_write_meanwhile(store: Path) -> None:
    engine = sqlite.engine(store / "catalog.db", writes=False)

    def write(*_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        with closing(sqlite3.connect(store / "catalog.db")) as other, other:
            other.execute("UPDATE state SET generation = generation + 1")

    event.listen(engine, "connect", write)
    with engine.connect() as connection:
        before = connection.scalar(select(State.__table__.c.generation))
    write()
    with engine.connect() as connection:
        assert connection.scalar(select(State.__table__.c.generation)) == before + 2


def test_a_catalog_that_is_put_in_the_place_while_a_connection_is_opened_is_read_by_the_next(store: Path) -> None:
    engine, theirs = sqlite.engine(store / "catalog.db", writes=False), store / "theirs.db"
    shutil.copy(store / "catalog.db", theirs)
    with closing(sqlite3.connect(theirs)) as other, other:
        other.execute("UPDATE state SET generation = 77")

    event.listen(engine, "connect", lambda *_: theirs.exists() and theirs.replace(store / "catalog.db"))
    with engine.connect():
        assert not theirs.exists()
    with engine.connect() as connection:
        assert connection.scalar(select(State.__table__.c.generation)) == 77


def _aliased(barrier: Any, folder: Path, alias: str) -> None:  # noqa: ANN401 - a barrier of processes
    with Registry.open(folder) as registry:
        barrier.wait(PATIENCE)
        registry.catalog.entries.set_alias("film", alias)


def test_an_alias_that_two_set_in_two_cases_is_one(store: Path) -> None:
    at_once(_aliased, (store, "prod"), (store, "Prod"), (store, "PROD"))

    with Registry.open(store) as registry:
        (alias,) = registry.catalog.entries.get("film").aliases
    assert alias.casefold() == "prod"


# -- a lock that is held elsewhere -------------------------------------------------------------------


def test_a_lock_held_elsewhere_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.2)

    with filelock.FileLock(folder / "lock"):
        result = CliRunner().invoke(cli.main, ["--registry", str(folder), "init"])

    assert (result.exit_code, result.stdout) == (1, "")
    held = folder / "lock"
    mend = f"where it hangs, or is stopped, end it ('fuser {held}' names it)"
    assert result.stderr == f"Error: Another process has held {held} for 0.2 s: {mend}.\n"
    assert CliRunner().invoke(cli.main, ["--registry", str(folder), "init"]).exit_code == 0


@pytest.mark.parametrize("why", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_at_once_by_all_who_write(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: int
) -> None:
    """As Lustre without its option flock, or a share without a server of locks; questions are answered there."""

    def no_lock(*_: object) -> None:
        raise OSError(why, os.strerror(why))

    monkeypatch.setattr(fcntl, "flock", no_lock)
    before = dump(store)

    told_by = {
        command[0]: CliRunner().invoke(cli.main, ["--registry", str(store), *command])
        for command in (["task", "rename", "film", "cinema"], ["push", str(tmp_path / "shared")], ["nearest", "film"])
    }

    told = f"its file system has no locks ({os.strerror(why)}).\n"
    outcomes = [(one.exit_code, one.stderr.endswith(told)) for one in told_by.values()]
    assert outcomes == [(1, True), (1, True), (0, False)]
    assert dump(store) == before


def test_a_question_is_answered_while_the_lock_is_held(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry.open(store) as registry:
        right = [match.name for match in registry.nearest("film")]
        shutil.rmtree(store / "index")
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.2)

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
        with pytest.raises(RegistryError, match=r"catalog\.db was locked for 0\.2 s: ") as told:
            registry.catalog.entries.tag("film", add=["new"])
    other.execute("ROLLBACK")
    other.close()

    assert names == ["bank", "film", "shop", "song"]
    assert told.value.exit_code == 1
    assert dump(store) == before


def test_who_may_write_the_catalog_may_take_a_turn(store: Path) -> None:
    (store / "turn").unlink()
    (store / "catalog.db").chmod(0o660)

    with Registry.open(store) as registry:
        registry.catalog.entries.tag("film", add=["new"])

    assert stat.S_IMODE((store / "turn").stat().st_mode) == 0o660
