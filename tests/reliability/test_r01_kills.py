"""R1: SIGKILL and SIGINT at random steps: what was acknowledged is there, and the next run goes on."""

import fcntl
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from goals import Goal
from nursery import EMBEDDING, INTERRUPTED, Nursery, interruptible
from tiny_cli import FUTE, fute, tiny_bert, write_task
from waiting import LIMIT, until

import cli
from embedders import create_space
from registry import Registry
from registry.importing import import_tasks

TASKS = 30
ATTEMPTS = 20  # for each kill: some come when all is done, and do not count


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery(*EMBEDDING)
    yield made
    made.close()


@pytest.fixture(scope="module")
def seed() -> int:
    seed = int(os.environ.get("FUTE_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed: FUTE_TEST_SEED={seed}")  # noqa: T201 - pytest shows it where a test fails
    return seed


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    for number in range(TASKS):
        write_task(folder / f"task{number:02}", number, examples=8)
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tasks: Path) -> Path:
    """A registry with all tasks and a space, nothing embedded."""
    place = tmp_path_factory.mktemp("prepared")
    surrogate = tiny_bert(place / "bert")
    with Registry.create(place / "store") as registry:
        import_tasks(registry, tasks)
        create_space(registry, "tiny", surrogate=str(surrogate), corpus=None, dimension=64)
    return place / "store"


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory, prepared: Path, nursery: Nursery) -> int:
    """How many statements and commits an embedding of all tasks takes."""
    store, output = anew(prepared, tmp_path_factory.mktemp("measured"), "whole")
    count = nursery.steps(output, "--registry", store, "embed", "--all")
    assert_embedded_once(store, acknowledged(output.read_text(), "embedded"))
    return count


def names() -> list[str]:
    return [f"task{number:02}" for number in range(TASKS)]


def acknowledged(output: str, word: str) -> list[str]:
    """Return the names in whole lines that begin with a word."""
    return re.findall(rf"^{word} (\S+)(?: in .*)?\n", output, flags=re.MULTILINE)


def assert_whole(folder: Path, acknowledged_tasks: list[str], acknowledged_vectors: list[str]) -> None:
    """Hold a registry that was killed against what it had said was done."""
    connection = sqlite3.connect(folder / "catalog.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with Registry.open(folder) as registry:
        assert set(acknowledged_tasks) <= {task.name for task in registry.tasks()}
        if acknowledged_vectors:
            vectors = registry.vectors(space="tiny")
            assert set(acknowledged_vectors) <= set(vectors.names)
            assert vectors.matrix.shape == (len(vectors.names), 64)
    verified = CliRunner().invoke(cli.main, ["--registry", str(folder), "index", "verify"])
    assert verified.exit_code == 0, verified.output


# -- SIGKILL -----------------------------------------------------------------------------------------


@pytest.mark.goal("R1", "an import killed 120 times at random: 0 acknowledged tasks lost")
def test_a_killed_import_keeps_what_it_told_of(
    goal: Goal, tmp_path: Path, tasks: Path, seed: int, nursery: Nursery
) -> None:
    kills = goal.tries(quick=12, full=120)
    chance = random.Random(seed)  # noqa: S311
    Registry.create(tmp_path / "empty").close()
    store, output = anew(tmp_path / "empty", tmp_path, "measured")
    steps = nursery.steps(output, "--registry", store, "task", "import", tasks)
    struck, in_the_midst = 0, 0

    store, output = anew(tmp_path / "empty", tmp_path, "0")
    for number in range(ATTEMPTS * kills):
        code = nursery.killed(chance.randrange(1, steps), output, "--registry", store, "task", "import", tasks)
        told = acknowledged(output.read_text(), "registered")
        assert_whole(store, told, [])
        struck += code == -signal.SIGKILL
        in_the_midst += code == -signal.SIGKILL and 0 < len(told) < TASKS
        if struck >= kills and in_the_midst >= kills // 2:
            break
        if len(told) > TASKS // 2:  # begin anew, so that kills meet tasks that are not known yet
            store, output = anew(tmp_path / "empty", tmp_path, str(number + 1))
        else:
            output.unlink()  # a task that is known is told of again

    assert struck >= kills
    assert in_the_midst >= kills // 2
    finished = fute("--registry", store, "task", "import", tasks)
    assert (finished.returncode, acknowledged(finished.stdout, "registered")) == (0, names())
    with Registry.open(store) as registry:
        assert [(task.name, task.record.version) for task in registry.tasks()] == [(name, 1) for name in names()]
    goal.reached(f"{struck} kills: 0 lost")


@pytest.mark.goal("R1", "an embedding killed 40 times at random: 0 vectors lost, 0 done twice, index as the catalog")
def test_a_killed_embedding_keeps_what_it_told_of(
    goal: Goal, tmp_path: Path, prepared: Path, seed: int, nursery: Nursery, steps: int
) -> None:
    kills = goal.tries(quick=8, full=40)  # each takes three times as long as one of an import
    chance = random.Random(seed + 1)  # noqa: S311
    struck, in_the_midst, finished = 0, 0, 0

    store, output = anew(prepared, tmp_path, "0")
    for number in range(ATTEMPTS * kills):
        before = len(acknowledged(output.read_text(), "embedded"))
        code = nursery.killed(chance.randrange(1, steps * 2 // 3), output, "--registry", store, "embed", "--all")
        told = acknowledged(output.read_text(), "embedded")
        assert len(told) == len(set(told))  # nothing is done twice
        assert_whole(store, names(), told)
        struck += code == -signal.SIGKILL
        in_the_midst += code == -signal.SIGKILL and before < len(told) < TASKS
        enough = struck >= kills and in_the_midst >= kills // 2
        if len(told) > TASKS // 2 or enough:  # let it finish, and begin anew
            assert nursery.run(output, "--registry", store, "embed", "--all") == 0
            assert_embedded_once(store, acknowledged(output.read_text(), "embedded"))
            finished += 1
            store, output = anew(prepared, tmp_path, str(number + 1))
        if enough:
            break

    assert struck >= kills
    assert in_the_midst >= kills // 2
    assert finished > 0
    goal.reached(f"{struck} kills: 0 lost, 0 twice")


def anew(prepared: Path, place: Path, name: str) -> tuple[Path, Path]:
    """Return a copy of a registry, and an empty file for what is said of it."""
    shutil.copytree(prepared, place / f"store-{name}")
    (place / f"output-{name}.txt").touch()
    return place / f"store-{name}", place / f"output-{name}.txt"


def assert_embedded_once(store: Path, told: list[str]) -> None:
    """Hold a finished registry against its tasks: each has one vector, and is found."""
    with Registry.open(store) as registry:
        assert len(told) == len(set(told))
        assert sorted(registry.vectors(space="tiny").names) == names()
        assert registry.status().jobs == {"done": TASKS}
        assert len(registry.nearest("task00", limit=TASKS)) == TASKS - 1
        assert [one.snapshot for one in registry.verify_index()] == ["sound"]


# -- SIGINT ------------------------------------------------------------------------------------------


class Narrow:
    """A pipe that takes a few lines and no more until it is read: who writes into it waits, and cannot end."""

    ROOM = 120  # bytes

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        size = fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self._filled = os.write(self.writer, b"\n" * (size - self.ROOM))

    def wait_for_a_line(self) -> None:
        """Wait until something was written; it is left there."""
        until(
            lambda: int.from_bytes(fcntl.ioctl(self.reader, termios.FIONREAD, bytes(4)), sys.byteorder) > self._filled
        )

    def read(self) -> str:
        """Return all that is written until the writer ends."""
        os.close(self.writer)
        with open(self.reader, encoding="utf-8") as file:
            return file.read()


def start(
    *arguments: str | Path, stdout: int = subprocess.PIPE, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [FUTE, *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
        preexec_fn=interruptible,  # noqa: PLW1509 - no threads here that could hold a lock
    )


def test_an_interrupted_import_says_so_and_goes_on(tmp_path: Path, tasks: Path) -> None:
    Registry.create(tmp_path / "store").close()
    pipe = Narrow()
    process = start("--registry", tmp_path / "store", "task", "import", tasks, stdout=pipe.writer)

    pipe.wait_for_a_line()
    process.send_signal(signal.SIGINT)
    output = pipe.read()
    _, errors = process.communicate(timeout=LIMIT)

    assert (process.returncode, errors) == (130, INTERRUPTED)
    told = acknowledged(output, "registered")
    assert 0 < len(told) < TASKS
    assert_whole(tmp_path / "store", told, [])
    finished = fute("--registry", tmp_path / "store", "task", "import", tasks)
    assert (finished.returncode, acknowledged(finished.stdout, "registered")) == (0, names())


def test_an_interrupted_embedding_says_so_and_goes_on(
    tmp_path: Path, prepared: Path, nursery: Nursery, steps: int
) -> None:
    store, output = anew(prepared, tmp_path, "0")

    code = nursery.interrupted(steps // 2, output, "--registry", store, "embed", "--all")

    said = output.read_text()
    told = acknowledged(said, "embedded")
    assert (code, said.splitlines(keepends=True)[-1]) == (130, INTERRUPTED)
    assert said.count("\n") == len(told) + 1
    assert 0 < len(told) < TASKS
    assert_whole(store, names(), told)
    assert nursery.run(output, "--registry", store, "embed", "--all") == 0
    assert_embedded_once(store, acknowledged(output.read_text(), "embedded"))


HOLD = """
import sys, time

class Hold:
    def find_spec(self, name, *_):
        if name == "torch.nn":  # its library is loaded, the rest of torch is not: wait here for the signal
            while True:
                time.sleep(0.1)

sys.meta_path.insert(0, Hold())
"""


def test_an_interruption_while_torch_is_loaded_is_one_line(tmp_path: Path, prepared: Path) -> None:
    shutil.copytree(prepared, tmp_path / "store")
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "sitecustomize.py").write_text(HOLD)
    path = os.pathsep.join(filter(None, [str(tmp_path / "held"), os.environ.get("PYTHONPATH")]))
    process = start("--registry", tmp_path / "store", "embed", "--all", environment={"PYTHONPATH": path})

    wait_until_mapped(process, "libtorch_cpu")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=LIMIT)

    assert (process.returncode, output, errors) == (130, "", INTERRUPTED)


def wait_until_mapped(process: subprocess.Popen[str], library: str) -> None:
    """Wait until a process has begun to load a library."""
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    until(lambda: library in maps.read_text())
