"""What goes wrong outside the program: a kill in a migration, a full disk, no permission, a damaged database."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from goals import Goal
from nursery import Nursery
from sealing import seal
from tiny_cli import dump, fill_by_hand, fute, tiny_rows, write_rows
from waiting import LIMIT

import cli
from registry import Registry

NAMES = ("film", "shop", "bank", "song")
NOBODY = 65534


def run(folder: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["--registry", str(folder), *map(str, arguments)])


def assert_one_line(code: int, stdout: str, stderr: str, *, codes: tuple[int, ...]) -> None:
    assert code in codes, stderr
    assert stdout == ""
    assert len(stderr.splitlines()) == 1, stderr
    assert stderr.startswith("Error: ")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of four tasks with vectors made by hand, and its index."""
    place = tmp_path_factory.mktemp("prepared")
    with Registry.create(place / "store") as registry:
        fill_by_hand(registry, place, NAMES, dimension=512, examples=400, tags=("english",))
        registry.refresh_index("by-hand")
    return place / "store"


@pytest.fixture
def store(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "store")
    return tmp_path / "store"


# -- a kill in the migration -------------------------------------------------------------------------

CREATING = """
import json, os, signal, sys
from alembic import command
from sqlalchemy import Engine, event
from registry import Registry

def create(folder, beginning, number):
    seen = 0

    def strike(statement):
        nonlocal seen
        seen += statement.lstrip().upper().startswith(beginning)
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", lambda connection, cursor, statement, *_: strike(statement))
    event.listen(Engine, "commit", lambda connection: strike("COMMIT"))
    Registry.create(folder).close()

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        signal.alarm(%d)
        create(*json.loads(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def creating() -> Iterator[Callable[[Path, str, int], int]]:
    """Make a registry in a process of its own, which dies at a statement; return its exit code."""
    command = [sys.executable, "-c", CREATING % LIMIT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        tell, hear = process.stdin, process.stdout

        def create(folder: Path, beginning: str, number: int) -> int:
            tell.write(json.dumps([str(folder), beginning, number]) + "\n")
            return int(hear.readline())

        yield create


@pytest.mark.parametrize(
    ("beginning", "number"),
    [
        ("BEGIN IMMEDIATE", 1),
        ("CREATE TABLE", 1),
        ("CREATE TABLE", 2),
        ("CREATE TABLE", 7),
        ("CREATE TABLE", 12),
        ("CREATE INDEX", 5),
        ("INSERT INTO ALEMBIC_VERSION", 1),
        ("INSERT INTO STATE", 1),
        ("COMMIT", 1),
    ],
)
@pytest.mark.goal(
    "R12", "a migration that is killed leaves the old schema or the new one, and is completed by `fute init`"
)
def test_a_killed_migration_is_completed_by_init(
    goal: Goal, tmp_path: Path, creating: Callable[[Path, str, int], int], beginning: str, number: int
) -> None:
    folder = tmp_path / "store"

    killed = creating(folder, beginning, number)
    before = run(folder, "task", "list")
    completed = run(folder, "init")

    assert killed == -signal.SIGKILL
    assert_one_line(before.exit_code, before.stdout, before.stderr, codes=(2,))
    assert (completed.exit_code, completed.output) == (0, f"Registry ready in {folder}\n")
    assert tables(folder) == tables(fresh(tmp_path / "fresh"))
    added = run(folder, "task", "add", "film", "--data", write_rows(tmp_path / "film.jsonl", tiny_rows(1)))
    assert (added.exit_code, added.output.splitlines()[0]) == (0, "film version 1: 12 training examples")
    goal.reached(f"killed at {beginning.lower()} {number}")


def fresh(folder: Path) -> Path:
    Registry.create(folder).close()
    return folder


def tables(folder: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(folder / "catalog.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return found


# -- a full disk -------------------------------------------------------------------------------------


@dataclass
class Said:
    """What came of a run."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery("registry.index", "registry.ranking.nearest", "sqlalchemy.dialects.sqlite", "alembic.command")
    yield made
    made.close()


@pytest.fixture
def fute_with_room(nursery: Nursery, tmp_path: Path) -> Callable[..., Said]:
    """Run the program where no file can grow beyond `size` bytes: writing fails as on a full disk."""

    def run_it(size: int, *arguments: str | Path) -> Said:
        pipes = tmp_path / "stdout", tmp_path / "stderr"
        code, stdout, stderr = nursery.piped(pipes, *arguments, room=size)
        return Said(code, stdout, stderr)

    return run_it


@pytest.mark.parametrize("room", [0, 100, 513, 5000, "database", "two pages more"])
def test_a_full_disk_fails_in_one_line_and_changes_nothing(
    store: Path, tmp_path: Path, room: int | str, fute_with_room: Callable[..., Said]
) -> None:
    held = (store / "catalog.db").stat().st_size
    size = {"database": held, "two pages more": held + 8192}[room] if isinstance(room, str) else room
    data = write_rows(tmp_path / "new.jsonl", tiny_rows(9, 3000))
    before = dump(store)

    full = fute_with_room(size, "--registry", store, "task", "add", "new", "--data", data)
    reading = fute_with_room(size, "--registry", store, "task", "list", "--json")

    assert_one_line(full.returncode, full.stdout, full.stderr, codes=(1,))
    assert dump(store) == before
    assert (reading.returncode, reading.stderr) == (0, "")
    assert [task["name"] for task in json.loads(reading.stdout)["tasks"]] == sorted(NAMES)
    assert run(store, "task", "add", "new", "--data", data).exit_code == 0


def test_an_index_that_cannot_be_saved_does_not_change_the_answer(
    store: Path, fute_with_room: Callable[..., Said]
) -> None:
    right = json.loads(run(store, "nearest", "film", "--json").stdout)
    shutil.rmtree(store / "index")

    found = fute_with_room(100, "--registry", store, "nearest", "film", "--json")

    assert found.returncode == 0
    assert json.loads(found.stdout) == right
    assert "answers are not affected" in found.stderr
    assert list((store / "index").iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("task", "export", "film"), ("space", "export", "by-hand")],
    ids=" ".join,
)
def test_an_export_to_a_full_disk_fails_in_one_line_and_leaves_no_half(
    store: Path, tmp_path: Path, arguments: tuple[str, ...], fute_with_room: Callable[..., Said]
) -> None:
    target = tmp_path / ("out.npz" if arguments[0] == "space" else "out")

    full = fute_with_room(1000, "--registry", store, *arguments, target)

    assert_one_line(full.returncode, full.stdout, full.stderr, codes=(1,))
    assert not target.exists()


def test_a_registry_cannot_be_made_on_a_full_disk(tmp_path: Path, fute_with_room: Callable[..., Said]) -> None:
    full = fute_with_room(5000, "--registry", tmp_path / "new", "init")

    assert_one_line(full.returncode, full.stdout, full.stderr, codes=(1,))
    assert fute("--registry", tmp_path / "new", "init").returncode == 0


# -- no permission -----------------------------------------------------------------------------------

AS_NOBODY = """
import json, os, sys
from click.testing import CliRunner
import cli

folder, spare, nobody = sys.argv[1:4]
commands = json.loads(sys.argv[4])

def run(place):
    results = [CliRunner().invoke(cli.main, ["--registry", place, *command]) for command in commands]
    return [[r.exit_code, r.stdout, r.stderr, repr(r.exception) if r.exception else ""] for r in results]

run(spare)  # loads all that is loaded late, while it can be read
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(int(nobody))
    os.setuid(int(nobody))
print(json.dumps(run(folder)))
"""


@pytest.fixture
def read_only(prepared: Path) -> Iterator[Path]:
    """A registry that nobody can write, in a folder that everybody can read; pytest's own folders are private."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        store = Path(place) / "store"
        shutil.copytree(prepared, store)
        shutil.rmtree(store / "index")
        shutil.copytree(store, Path(place) / "spare")
        write_rows(Path(place) / "new.jsonl", tiny_rows(9)).chmod(0o644)
        for path in store.iterdir():
            path.chmod(0o444)
        store.chmod(0o555)
        yield store
        store.chmod(0o755)


def test_a_registry_that_cannot_be_written_still_answers(read_only: Path) -> None:
    spare, data = read_only.parent / "spare", str(read_only.parent / "new.jsonl")
    commands = [
        ["task", "list", "--json"],
        ["nearest", "film", "--json"],
        ["index", "verify"],
        ["task", "add", "new", "--data", data],
        ["task", "remove", "film"],
        ["init"],
    ]
    right = json.loads(run(spare, *commands[1]).stdout)
    before = dump(read_only)

    child = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, read_only, spare, str(NOBODY), json.dumps(commands)],
        cwd=spare,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )

    assert child.returncode == 0, child.stderr
    listed, nearest, verified, *refused, ready = json.loads(child.stdout)
    assert [task["name"] for task in json.loads(listed[1])["tasks"]] == sorted(NAMES)
    assert (nearest[0], json.loads(nearest[1])) == (0, right)
    assert "could not be saved (Cannot write in " in nearest[2]
    assert verified[:3] == [0, "by-hand: 4 vectors, snapshot missing; ok\n", ""]
    assert [(code, out, error) for code, out, _, error in refused] == [(1, "", "SystemExit(1)")] * 2
    assert {message for _, _, message, _ in refused} == {f"Error: Cannot write in {read_only}: Permission denied.\n"}
    assert_one_line(*ready[:3], codes=(1,))
    assert dump(read_only) == before


def test_a_change_that_was_broken_off_is_told_to_who_may_not_undo_it(read_only: Path, prepared: Path) -> None:
    catalog, spare = read_only / "catalog.db", read_only.parent / "spare"
    read_only.chmod(0o755)
    with closing(sqlite3.connect(spare / "catalog.db")) as writer:
        writer.execute("PRAGMA cache_size=1")  # so that the change is in the file before it is whole
        writer.execute("UPDATE contents SET body = zeroblob(100000)")
        for name in ("catalog.db", "catalog.db-journal"):
            shutil.copyfile(spare / name, read_only / name)
            (read_only / name).chmod(0o444)
        writer.rollback()
    read_only.chmod(0o555)

    child = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, read_only, spare, str(NOBODY), json.dumps([["task", "list"]])],
        cwd=spare,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )

    ((code, _, stderr, _),) = json.loads(child.stdout)
    undone = "'fute status' of somebody who may write here undoes it"
    assert (code, stderr) == (1, f"Error: {catalog}: a change was broken off, and {undone}.\n")
    if os.getuid() == 0:  # who may
        assert run(read_only, "status").exit_code == 0
        assert dump(read_only) == dump(prepared)


# -- a damaged database ------------------------------------------------------------------------------

QUESTIONS = (
    ("task", "list", "--json"),
    ("task", "show", "film", "--json"),
    ("space", "list", "--json"),
    ("nearest", "film", "--json"),
    ("compare", "film", "shop", "--json"),
    ("index", "verify"),
    ("corpus", "create", "some", "--per-task", "50"),
)


@pytest.fixture(scope="module")
def right(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a sound registry answers."""
    copy = tmp_path_factory.mktemp("sound") / "store"
    shutil.copytree(prepared, copy)
    return [run(copy, *question).stdout for question in QUESTIONS]


def damaged(store: Path, start: float, length: int | None) -> None:
    """Cut the database at a fraction of its size, or fill `length` bytes there with zeros."""
    path = store / "catalog.db"
    body = path.read_bytes()
    begin = int(len(body) * start)
    path.write_bytes(body[:begin] if length is None else body[:begin] + bytes(length) + body[begin + length :])


@pytest.mark.parametrize("length", [None, 512, 4096, 20_000], ids=["cut", "sector", "page", "pages"])
@pytest.mark.parametrize("start", [number / 20 for number in range(1, 20)])
def test_a_damaged_database_is_told_or_does_not_matter(
    store: Path, right: list[str], start: float, length: int | None
) -> None:
    damaged(store, start, length)

    results = [run(store, *question) for question in QUESTIONS]

    wrong = [
        (question, result.exit_code, result.stderr[-300:], repr(result.exception))
        for question, result, sound in zip(QUESTIONS, results, right, strict=True)
        if not (is_told(result) or (result.exit_code == 0 and result.stdout == sound))
    ]
    assert wrong == []


def is_told(result: Result) -> bool:
    """Say whether a result is an integrity fault, told in one line."""
    told = result.stderr if result.stderr else result.stdout  # `index verify` tells of faults on stdout
    return result.exit_code == 3 and isinstance(result.exception, SystemExit) and len(told.splitlines()) == 1


def test_a_database_that_is_none_is_an_integrity_fault(store: Path) -> None:
    (store / "catalog.db").write_bytes(b"not a database" * 1000)

    results = [run(store, *question) for question in QUESTIONS]

    assert [result.exit_code for result in results] == [3] * len(QUESTIONS)
    (message,) = {result.stderr for result in results}
    assert message.startswith(f"Error: {store / 'catalog.db'} is damaged")
    assert message.endswith(": run 'fute repair'.\n")


def test_a_changed_vector_is_an_integrity_fault(store: Path) -> None:
    connection = sqlite3.connect(store / "catalog.db")
    connection.execute("UPDATE embeddings SET vector = zeroblob(2048) WHERE id = 2")
    connection.commit()
    connection.close()
    seal(store)
    shutil.rmtree(store / "index")

    results = [run(store, *question) for question in (("nearest", "film"), ("index", "verify"), ("nearest", "shop"))]

    assert [(result.exit_code, result.stdout, result.stderr) for result in results] == [
        (3, "", "Error: The vector of 'shop' is damaged: run 'fute embed shop --again --space by-hand'.\n")
    ] * 3


def test_changed_examples_are_an_integrity_fault(store: Path, tmp_path: Path) -> None:
    connection = sqlite3.connect(store / "catalog.db")
    connection.execute("UPDATE contents SET body = zeroblob(100)")
    connection.commit()
    connection.close()
    seal(store)

    result = run(store, "task", "export", "film", tmp_path / "out")

    assert_one_line(result.exit_code, result.stdout, result.stderr, codes=(3,))
    assert not (tmp_path / "out").exists()
