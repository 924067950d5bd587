"""R13: a disk that is full, read-only or in the way: one line, exit code 1, and everything as it was."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from goals import Goal
from nursery import Nursery
from tiny_cli import dump, fill_by_hand, run, tiny_rows, write_rows
from waiting import LIMIT

from registry import Registry

NAMES = ("film", "shop", "bank", "song")
Answer = tuple[int, str, str]  # exit code, stdout, stderr


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("prepared")
    with Registry.create(place / "store") as registry:
        fill_by_hand(registry, place, NAMES, dimension=256, examples=300)
        registry.refresh_index("by-hand")
    return place / "store"


@pytest.fixture
def store(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery("registry.index", "registry.ranking.nearest", "sqlalchemy.dialects.sqlite", "alembic.command")
    yield made
    made.close()


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what lies in a registry's folder, but for notes and locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("catalog.checked", "lock")
    }


def is_one_line(answer: Answer) -> bool:
    code, _, stderr = answer
    return code == 1 and stderr.startswith("Error: ") and stderr.count("\n") == 1


def damage(folder: Path) -> None:
    """Flip a bit in the name of a task."""
    path = folder / "catalog.db"
    body = bytearray(path.read_bytes())
    body[body.index(b"shop")] ^= 1
    path.write_bytes(body)


@pytest.mark.goal("R13", "a disk that is full at 100 places: exit code 1, one line, the registry as it was, and read")
def test_a_full_disk_changes_nothing(goal: Goal, store: Path, tmp_path: Path, nursery: Nursery) -> None:
    data = write_rows(tmp_path / "new.jsonl", tiny_rows(9, 3000))
    damaged = tmp_path / "damaged"
    shutil.copytree(store, damaged)
    damage(damaged)
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(Path(__file__).parents[1] / "data" / "schemas" / "0005" / "catalog.db", old)
    commands = [
        (store, ("task", "add", "new", "--data", data)),
        (store, ("task", "export", "film", tmp_path / "out")),
        (store, ("space", "export", "by-hand", tmp_path / "v.npz")),
        (store, ("backup",)),
        (damaged, ("repair",)),
        (old, ("db", "upgrade")),
    ]
    places = goal.tries(quick=3, full=17)
    tries, wrong = 0, []
    for folder, command in commands:
        size = (folder / "catalog.db").stat().st_size if command[0] != "space" and command[0] != "task" else 5000
        before = files_of(folder)
        for number in range(places):
            room = number * size // places
            pipes = tmp_path / f"stdout-{tries}", tmp_path / f"stderr-{tries}"
            answer = nursery.piped(pipes, "--registry", folder, *command, room=room)
            tries += 1
            after = files_of(folder)
            if not is_one_line(answer) or after != before:
                wrong.append((command, room, answer, sorted(after.keys() ^ before.keys())))
    assert wrong == []
    assert run("--registry", store, "task", "list").exit_code == 0
    assert run("--registry", damaged, "repair").exit_code == 0
    assert run("--registry", old, "db", "upgrade").exit_code == 0
    goal.reached(f"{tries} full disks: {len(wrong)} changes or tracebacks")


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "lock is a folder": lambda store: ((store / "lock").unlink(missing_ok=True), (store / "lock").mkdir()),
    "backups is a file": lambda store: (store / "backups").write_text("mine"),
    "the note is a folder": lambda store: ((store / "catalog.checked").unlink(), (store / "catalog.checked").mkdir()),
    "the index is a file": lambda store: (shutil.rmtree(store / "index"), (store / "index").write_text("mine")),
}


@pytest.mark.parametrize(
    ("what", "command", "code"),
    [
        ("lock is a folder", ("repair",), 1),
        ("backups is a file", ("backup",), 1),
        ("the note is a folder", ("task", "list"), 0),
        ("the index is a file", ("nearest", "film"), 0),
    ],
)
def test_what_is_in_the_way_is_told_or_does_not_matter(
    store: Path, what: str, command: tuple[str, ...], code: int
) -> None:
    if what == "lock is a folder":
        damage(store)
    IN_THE_WAY[what](store)
    before = dump(store)

    result = run("--registry", store, *command)

    assert result.exit_code == code, result.output
    assert code == 0 or is_one_line((result.exit_code, result.stdout, result.stderr)), result.stderr
    assert dump(store) == before


AS_NOBODY = """
import json, os, sys
from click.testing import CliRunner
import cli

folder, spare, commands = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def run(place):
    told = [[word.replace("{store}", place) for word in command] for command in commands]
    results = [CliRunner().invoke(cli.main, ["--registry", place, *command]) for command in told]
    return [[r.exit_code, r.stdout, r.stderr] for r in results]

run(spare)  # loads all that is loaded late, while it can be read
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print(json.dumps(run(folder)))
"""


@pytest.mark.goal("R13", "a registry that cannot be written: reads work, all else is exit code 1 in one line")
def test_a_read_only_place_is_told(goal: Goal, prepared: Path) -> None:
    writing = [
        ["backup"],
        ["task", "remove", "film"],
        ["restore", "{store}/catalog.db"],
        ["task", "export", "film", "{store}/x"],
    ]
    reading = [["verify"], ["task", "list", "--json"], ["status", "--json"]]
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        for name in ("store", "spare"):
            shutil.copytree(prepared, Path(place) / name)
        store = Path(place) / "store"
        for path in store.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        store.chmod(0o555)
        commands = [*writing, *reading]
        before = dump(store)
        child = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, store, Path(place) / "spare", json.dumps(commands)],
            cwd=Path(place) / "spare",
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        after = dump(store)
        store.chmod(0o755)
        for path in store.rglob("*"):
            path.chmod(0o755)
    assert child.returncode == 0, child.stderr
    answers = json.loads(child.stdout)
    assert [answer for answer in answers[: len(writing)] if not is_one_line(answer)] == []
    assert [code for code, _, _ in answers[len(writing) :]] == [0] * len(reading), answers
    assert after == before
    goal.reached(f"{len(writing)} writers told, {len(reading)} readers answered")


PROGRAM = "import cli; cli.run()"


def streamed(store: Path, output: str, *command: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run the program with a stdout of this kind."""
    with Path(output).open("wb") as stdout:
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, "--registry", store, *command],
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=LIMIT,
            check=False,
            **options,  # type: ignore[call-overload] # of the environment and the folder
        )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_output_without_room_is_told(store: Path) -> None:
    done = streamed(store, "/dev/full", "task", "list", "--json")

    assert (done.returncode, done.stderr.decode()) == (
        1,
        "Error: Cannot write the output: No space left on device.\n",
    )


def test_a_pipe_that_nobody_reads_ends_the_command_without_a_word(store: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "--registry", store, "task", "list", "--json"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=LIMIT,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode_gets_other_signs(store: Path, tmp_path: Path, encoding: str) -> None:
    with Registry.open(store) as registry:
        registry.rename("film", "фильм", "task")

    done = streamed(
        store,
        str(tmp_path / "out"),
        "task",
        "list",
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?????" in (tmp_path / "out").read_bytes()


def test_a_working_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    code = f"import os; os.mkdir({str(gone)!r}); os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); {PROGRAM}"

    for command in (("task", "list"), ("init",)):
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *command], capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert (done.returncode, done.stderr) == (1, "Error: The working folder is gone.\n")
