"""`fute embed --ray`: two nodes on this machine, one of them killed in the midst of work."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from nursery import INTERRUPTED, interruptible
from test_many_workers import jobs, vectors
from tiny import opinions, sentences, tiny_encoder
from tiny_cli import FUTE, fute, told
from waiting import LIMIT, until

from embedders import create_space, embed, function_model
from embedders.jobs.ray_launcher import _opened, _Terms
from registry import Registry
from registry.catalog.jobs import Worker
from registry.data.inputs import Input

ROOT = Path(__file__).parents[2]
NODES = ROOT / "tests" / "helpers" / "ray_nodes.py"
TASKS = [f"task-{number}" for number in range(4)]
BOX = """
import time
from pathlib import Path

HERE = Path(__file__).parent


def answer(texts):
    (HERE / (Path(__file__).stem + ".begun")).touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
    return ["good" if "{word}" in text else "bad" for text in texts]
"""

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'fute-registry[cluster]'")


class Nodes:
    """A cluster of two nodes, one of which can be killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._tell, self._hear = process.stdin, process.stdout
        self.address = self._hear.readline().strip()

    def kill_one(self) -> None:
        self._tell.write("kill\n")
        self._tell.flush()
        assert self._hear.readline() == "killed\n"


@contextlib.contextmanager
def nodes(log: Path) -> Iterator[Nodes]:
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(NODES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            yield Nodes(process)
        finally:
            process.communicate(timeout=LIMIT)


@contextlib.contextmanager
def embedding(registry: Path, output: Path, *more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start `fute embed --all`, which finds the boxes beside its output, and writes to it; whatever comes, it ends."""
    paths = os.pathsep.join([str(ROOT), str(output.parent)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "RAY_AUTH_MODE": "disabled"}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [FUTE, "--registry", str(registry), "embed", "--all", "--device", "cpu", *more],
            stdout=file,
            stderr=file,
            env=environment,
            preexec_fn=interruptible,  # noqa: PLW1509 - no threads here that could hold a lock
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(LIMIT)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a registry of four tasks and two boxes that wait until they may go on."""
    sys.path.insert(0, str(tmp_path))
    try:
        with Registry.create(tmp_path / "shared") as shared:
            for number, name in enumerate(TASKS):
                shared.add_task(name, opinions(16 + 2 * number))
            shared.add_corpus("texts", [Input(text) for text in sentences(("fine", "dull"), 24)], source="made here")
            encoder = str(tiny_encoder(tmp_path / "encoder"))
            create_space(shared, "tiny", surrogate=encoder, corpus="texts", dimension=64)
            for word in ("fine", "dull"):
                (tmp_path / f"box_of_{word}.py").write_text(BOX.format(word=word), encoding="utf-8")
                function_model(shared, word, f"box_of_{word}:answer")
    finally:
        sys.path.remove(str(tmp_path))
    return tmp_path


@needs_ray
def test_what_a_killed_node_had_in_hand_is_done_by_another_and_all_as_one_process_does(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(place))
    shutil.copytree(place / "shared", place / "alone")
    output = place / "said.txt"
    with nodes(place / "nodes.txt") as cluster, embedding(place / "shared", output, "--ray", cluster.address) as run:
        until(lambda: (place / "box_of_fine.begun").exists() and (place / "box_of_dull.begun").exists())
        cluster.kill_one()
        (place / "go").touch()
        assert run.wait(LIMIT) == 0, output.read_text()

    assert " was lost " in output.read_text()
    assert "6 embedded, 0 known already, 0 failed in space tiny" in output.read_text()
    done = jobs(place / "shared", [*TASKS, "fine", "dull"])
    assert done[:4] == [("done", 1, None)] * 4
    assert sorted(done[4:]) == [("done", 1, None), ("done", 2, None)]
    with Registry.open(place / "shared") as shared, Registry.open(place / "alone") as alone:
        assert embed(alone, device="cpu").failed == {}
        assert vectors(shared) == vectors(alone)
        assert len(vectors(shared)) == 6


@needs_ray
def test_a_ray_of_its_own_ends_with_the_run_and_a_ctrl_c_puts_back_what_is_in_hand(place: Path) -> None:
    output = place / "said.txt"
    with embedding(place / "shared", output, "--ray", "local", "--workers", "2") as run:
        until(lambda: (place / "box_of_fine.begun").exists() and (place / "box_of_dull.begun").exists())
        run.send_signal(signal.SIGINT)
        assert run.wait(LIMIT) == 130, output.read_text()

    assert output.read_text().endswith(INTERRUPTED)
    assert jobs(place / "shared", ["fine", "dull"]) == [("running", 1, None)] * 2
    assert list((place / "shared" / "workers").iterdir()) == []


def test_a_worker_that_finds_no_registry_or_another_one_says_so(place: Path) -> None:
    with Registry.open(place / "shared") as shared, shared.catalog.jobs.working() as shift:
        shutil.copytree(place / "shared", place / "copy", ignore=shutil.ignore_patterns("workers"))
        here = shared.catalog.database.location
        terms = _Terms(here, shift.worker, "tiny", "cpu", again=False, skip=True, take_over=False)
        copied = _opened(replace(terms, location=replace(here, folder=place / "copy")))
        missing = _opened(replace(terms, location=replace(here, folder=place / "nowhere")))
        older = _opened(replace(terms, release="0.0.1"))
        gone = _opened(replace(terms, starter=Worker.here()))
        opened = _opened(terms)

    shared_by_all = "must lie in a folder that all nodes share, at the same path."
    assert copied == f"finds another registry at {place / 'copy'}: it {shared_by_all}"
    assert str(missing).startswith(f"cannot open the registry: No registry at {place / 'nowhere'}: ")
    assert str(missing).endswith(f"It {shared_by_all}")
    assert str(older).endswith("and this is 0.0.1")
    assert str(gone).startswith("finds another registry at ")
    assert not isinstance(opened, str)


@needs_ray
def test_a_cluster_that_nobody_runs_is_told_at_once(place: Path) -> None:
    result = fute("--registry", place / "shared", "embed", "--all", "--ray", "127.0.0.1:1")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: No Ray cluster can be reached at 127.0.0.1:1: ")
    assert len(result.stderr.splitlines()) == 1


def test_where_ray_is_missing_one_line_says_what_to_install(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)

    assert told("--registry", place / "shared", "embed", "--all", "--ray", "local") == (
        1,
        "Error: Workers on a cluster need Ray: pip install 'fute-registry[cluster]'.\n",
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--workers", "2"), "--workers goes with --ray"),
        (("--ray", "ray://here:1"), "Ray's clients are not used"),
        (("--ray", "here"), "'here' is no cluster: give HOST:PORT, auto or local."),
    ],
)
def test_what_names_no_cluster_is_refused(place: Path, options: tuple[str, ...], problem: str) -> None:
    if options == ("--ray", "here"):
        pytest.importorskip("ray")
    code, text = told("--registry", place / "shared", "embed", "--all", *options)

    assert code == 2
    assert problem in text
