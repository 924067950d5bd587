"""SIGKILL and SIGINT at random times: what was acknowledged is there, and the next run goes on."""

import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_cli import FUTE, fute, tiny_bert, write_task

import cli
from embedders import create_space
from registry import Registry
from registry.importing import import_tasks

TASKS = 30
KILLS = 20  # of the import
KILLS_OF_EMBEDDING = 14  # each takes three times as long
INTERRUPTED = "Interrupted; what was done is kept, run the command again to go on.\n"

# One process that has loaded torch, and splits off a `fute` for every line it reads: 4 s less for each kill.
NURSERY = """
import os, sys
import torch, transformers.models.bert.modeling_bert
import embedders.surrogate.model, embedders.jobs.runs, embedders.methods, tqdm.auto, peft
import cli

torch.set_num_threads(1)
print("ready", flush=True)
for line in sys.stdin:
    registry, output = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if child == 0:
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
        cli.main(["--registry", registry, "embed", "--all"])
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # tiny matrices; the other core is for the test


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


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [FUTE, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        preexec_fn=_interruptible,  # noqa: PLW1509 - no threads here that could hold a lock
    )


def _interruptible() -> None:
    """A shell's background job, as a test run may be, ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def length_of(run: Callable[[], object]) -> float:
    began = time.monotonic()
    run()
    return time.monotonic() - began


# -- SIGKILL -----------------------------------------------------------------------------------------


def test_a_killed_import_keeps_what_it_told_of(tmp_path: Path, tasks: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    Registry.create(tmp_path / "empty").close()
    shutil.copytree(tmp_path / "empty", tmp_path / "measured")
    length = length_of(lambda: fute("--registry", tmp_path / "measured", "task", "import", tasks))
    shutil.copytree(tmp_path / "empty", tmp_path / "store")
    codes, counts = [], []

    for number in range(KILLS):
        process = start("--registry", tmp_path / "store", "task", "import", tasks)
        time.sleep(length * (0.3 + 0.6 * (number + chance.random()) / KILLS))
        process.kill()
        output, _ = process.communicate(timeout=60)
        told = acknowledged(output, "registered")
        assert_whole(tmp_path / "store", told, [])
        codes.append(process.returncode)
        counts.append(len(told))
        if len(told) > TASKS // 2:  # begin anew, so that kills meet tasks that are not known yet
            shutil.rmtree(tmp_path / "store")
            shutil.copytree(tmp_path / "empty", tmp_path / "store")

    assert codes.count(-signal.SIGKILL) > KILLS // 2, codes
    assert any(0 < count < TASKS for count in counts), counts
    finished = fute("--registry", tmp_path / "store", "task", "import", tasks)
    assert (finished.returncode, acknowledged(finished.stdout, "registered")) == (0, names())
    with Registry.open(tmp_path / "store") as registry:
        assert [(task.name, task.record.version) for task in registry.tasks()] == [(name, 1) for name in names()]


@contextlib.contextmanager
def nursery() -> Iterator[Callable[[Path, Path], "Newborn"]]:
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    tell, hear = process.stdin, process.stdout

    def embed(registry: Path, output: Path) -> Newborn:
        output.touch()
        tell.write(f"{registry}\t{output}\n")
        return Newborn(int(hear.readline()), lambda: int(hear.readline()))

    try:
        yield embed
    finally:
        tell.close()
        process.wait(timeout=60)
        hear.close()


class Newborn:
    """A `fute embed --all` that runs."""

    def __init__(self, process: int, wait: Callable[[], int]) -> None:
        self._process = process
        self.wait = wait

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            os.kill(self._process, signal.SIGKILL)


def test_a_killed_embedding_keeps_what_it_told_of(tmp_path: Path, prepared: Path, seed: int) -> None:
    chance = random.Random(seed + 1)  # noqa: S311
    codes, counts = [], []
    with nursery() as embed:
        shutil.copytree(prepared, tmp_path / "measured")
        length = length_of(lambda: embed(tmp_path / "measured", tmp_path / "measured.txt").wait())
        assert len(acknowledged((tmp_path / "measured.txt").read_text(), "embedded")) == TASKS

        store, output = anew(prepared, tmp_path, 0)
        for number in range(KILLS_OF_EMBEDDING):
            process = embed(store, output)
            time.sleep(length * chance.uniform(0.02, 0.7))
            process.kill()
            codes.append(process.wait())
            told = acknowledged(output.read_text(), "embedded")
            counts.append(len(told))
            assert len(told) == len(set(told))  # nothing is done twice
            assert_whole(store, names(), told)
            if len(told) > TASKS // 2 or number == KILLS_OF_EMBEDDING - 1:  # let it finish, and begin anew
                assert embed(store, output).wait() == 0
                assert_embedded_once(store, acknowledged(output.read_text(), "embedded"))
                store, output = anew(prepared, tmp_path, number + 1)

    assert codes.count(-signal.SIGKILL) > KILLS_OF_EMBEDDING // 2, codes
    assert any(0 < count < TASKS for count in counts), counts


def anew(prepared: Path, place: Path, number: int) -> tuple[Path, Path]:
    shutil.copytree(prepared, place / f"store{number}")
    return place / f"store{number}", place / f"output{number}.txt"


def assert_embedded_once(store: Path, told: list[str]) -> None:
    """Hold a finished registry against its tasks: each has one vector, and is found."""
    with Registry.open(store) as registry:
        assert len(told) == len(set(told))
        assert sorted(registry.vectors(space="tiny").names) == names()
        assert registry.status().jobs == {"done": TASKS}
        assert len(registry.nearest("task00", limit=TASKS)) == TASKS - 1
        assert [one.snapshot for one in registry.verify_index()] == ["sound"]


# -- SIGINT ------------------------------------------------------------------------------------------


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_an_interrupted_import_says_so_and_goes_on(tmp_path: Path, tasks: Path) -> None:
    Registry.create(tmp_path / "store").close()
    process = start("--registry", tmp_path / "store", "task", "import", tasks)

    begun = first_line(process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (130, INTERRUPTED)
    told = acknowledged(begun + output, "registered")
    assert 0 < len(told) < TASKS
    assert_whole(tmp_path / "store", told, [])
    finished = fute("--registry", tmp_path / "store", "task", "import", tasks)
    assert (finished.returncode, acknowledged(finished.stdout, "registered")) == (0, names())


def test_an_interrupted_embedding_says_so_and_goes_on(tmp_path: Path, prepared: Path) -> None:
    shutil.copytree(prepared, tmp_path / "store")
    process = start("--registry", tmp_path / "store", "embed", "--all")

    begun = first_line(process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (130, INTERRUPTED)
    told = acknowledged(begun + output, "embedded")
    assert 0 < len(told) < TASKS
    assert_whole(tmp_path / "store", names(), told)
    finished = fute("--registry", tmp_path / "store", "embed", "--all")
    assert finished.returncode == 0, finished.stderr
    assert_embedded_once(tmp_path / "store", told + acknowledged(finished.stdout, "embedded"))


def test_an_interruption_while_torch_is_loaded_is_one_line(tmp_path: Path, prepared: Path) -> None:
    shutil.copytree(prepared, tmp_path / "store")
    process = start("--registry", tmp_path / "store", "embed", "--all")

    wait_until_mapped(process, "libtorch_cpu")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert (process.returncode, output, errors) == (130, "", INTERRUPTED)


def wait_until_mapped(process: subprocess.Popen[str], library: str) -> None:
    """Wait until a process has begun to load a library."""
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    deadline = time.monotonic() + 60
    while library not in maps.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
