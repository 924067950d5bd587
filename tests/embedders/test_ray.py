"""`fute embed --ray`: two nodes on this machine, one of them killed in the midst of work."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from nursery import INTERRUPTED
from running import started
from test_many_workers import jobs, vectors
from tiny import opinions, sentences, tiny_encoder
from tiny_cli import FUTE, fute, told
from waiting import LIMIT, until

from embedders import create_space, embed, function_model
from embedders.errors import ClusterError, SettingError
from embedders.jobs.ray_actors import SHARED, Hand, Terms, opened
from embedders.jobs.ray_launcher import slots
from embedders.jobs.runs import EmbedReport
from embedders.jobs.worker import HandedWorker
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

CRASH = """
import os
from pathlib import Path

CRASHED = Path(__file__).with_suffix(".crashed")


def answer(texts):
    if not CRASHED.exists():
        CRASHED.touch()
        os._exit(3)
    return ["good" if "fine" in text else "bad" for text in texts]
"""

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'fute-registry[cluster]'")


class Nodes:
    """A cluster of two nodes, one of which can be killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._tell, self._hear = process.stdin, process.stdout
        self.address = self._hear.readline().strip()
        assert self.address, "no cluster stands"

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


def embedding(registry: Path, output: Path, *more: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Start `fute embed --all`, which finds the boxes beside its output, and writes to it; whatever comes, it ends."""
    command = [FUTE, "--registry", registry, "embed", "--all", "--device", "cpu", *more]
    return started(command, output, RAY_AUTH_MODE="disabled")


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


def are_both_begun(place: Path) -> bool:
    return all((place / f"box_of_{word}.begun").exists() for word in ("fine", "dull"))


@needs_ray
@pytest.mark.usefixtures("own_precision")
def test_what_a_crash_and_a_killed_node_had_in_hand_is_done_by_others_and_all_as_one_process_does(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both boxes wait at once, so that one is on either node, and that a worker came for the one that crashed."""
    monkeypatch.syspath_prepend(str(place))
    (place / "box_that_crashes.py").write_text(CRASH, encoding="utf-8")
    with Registry.open(place / "shared") as shared:
        function_model(shared, "crash", "box_that_crashes:answer")
    shutil.copytree(place / "shared", place / "alone")
    output = place / "said.txt"
    with nodes(place / "nodes.txt") as cluster, embedding(place / "shared", output, "--ray", cluster.address) as run:
        until(lambda: are_both_begun(place) or run.poll() is not None)
        assert are_both_begun(place), output.read_text()
        cluster.kill_one()
        (place / "go").touch()
        assert run.wait(LIMIT) == 0, output.read_text()

    said = output.read_text()
    lost = said.count(" was lost (")
    assert lost >= 2  # one more where a worker came to the node before its end was noticed
    assert "7 embedded, 0 known already, 0 failed in space tiny" in said
    assert len(said.splitlines()) == lost + 7 + 1, said  # nothing of Ray's
    done = jobs(place / "shared", [*TASKS, "crash", "fine", "dull"])
    assert done[:5] == [("done", 1, None)] * 4 + [("done", 2, None)]
    assert sorted(done[5:]) == [("done", 1, None), ("done", 2, None)]
    with Registry.open(place / "shared") as shared, Registry.open(place / "alone") as alone:
        assert embed(alone, device="cpu").failed == {}
        assert vectors(shared) == vectors(alone)
        assert len(vectors(shared)) == 7


@needs_ray
def test_a_ray_of_its_own_ends_with_the_run_and_a_ctrl_c_puts_back_what_is_in_hand(place: Path) -> None:
    output = place / "said.txt"
    with embedding(place / "shared", output, "--ray", "local", "--workers", "2") as run:
        until(lambda: are_both_begun(place) or run.poll() is not None)
        assert are_both_begun(place), output.read_text()
        run.send_signal(signal.SIGINT)
        assert run.wait(LIMIT) == 130, output.read_text()

    assert output.read_text().endswith(INTERRUPTED)
    assert jobs(place / "shared", ["fine", "dull"]) == [("running", 1, None)] * 2
    assert list((place / "shared" / "workers").iterdir()) == []


def test_a_worker_that_finds_no_registry_or_another_one_says_so(place: Path) -> None:
    with Registry.open(place / "shared") as shared, shared.catalog.jobs.working() as shift:
        shutil.copytree(place / "shared", place / "copy", ignore=shutil.ignore_patterns("workers"))
        here = shared.catalog.database.location
        terms = Terms(here, shift.worker, "tiny", "cpu", again=False, skip=True, take_over=False)
        copied = opened(replace(terms, location=replace(here, folder=place / "copy")))
        missing = opened(replace(terms, location=replace(here, folder=place / "nowhere")))
        older = opened(replace(terms, release="0.0.1"))
        gone = opened(replace(terms, starter=Worker.here()))
        here_it_is = opened(terms)

    assert copied == f"finds another registry at {place / 'copy'}: {SHARED}"
    assert str(missing).startswith(f"cannot open the registry: No registry at {place / 'nowhere'}: ")
    assert str(missing).endswith(f"A{SHARED[1:]}")
    assert str(older).endswith("and this is 0.0.1")
    assert str(gone).startswith("finds another registry at ")
    assert not isinstance(here_it_is, str)


def test_an_entry_that_was_removed_meanwhile_fails_and_its_worker_goes_on(place: Path) -> None:
    with Registry.open(place / "shared") as shared, shared.catalog.jobs.working() as shift:
        terms = Terms(
            shared.catalog.database.location, shift.worker, "tiny", "cpu", again=False, skip=True, take_over=False
        )
        hand = Hand()
        hand._terms, worker = terms, opened(terms)
        assert isinstance(worker, HandedWorker)
        hand._worker = worker
        gone, there = shared.entry(TASKS[0]), shared.entry(TASKS[1])
        shared.remove(gone.name, gone.kind)
        first, second = hand.embed(gone, is_first=True), hand.embed(there, is_first=True)

    assert isinstance(first, EmbedReport)
    assert first.failed == {gone.name: "What this belongs to has been removed meanwhile: nothing is kept."}
    assert isinstance(second, EmbedReport)
    assert list(second.embedded) == [there.name]


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


def node(name: str, *, cpus: int, gpus: int = 0, is_alive: bool = True) -> dict[str, Any]:
    resources = {"CPU": float(cpus), "GPU": float(gpus), "memory": 1e9}
    given = {key: value for key, value in resources.items() if value}
    return {"NodeID": name, "NodeManagerHostname": name, "Alive": is_alive, "Resources": given}


@pytest.mark.parametrize(
    ("nodes_there", "workers", "device", "expected"),
    [
        ([node("a", cpus=8), node("b", cpus=4)], None, None, [("a", 0, 8), ("b", 0, 4)]),
        ([node("a", cpus=8), node("b", cpus=4)], 1, None, [("a", 0, 8)]),
        ([node("a", cpus=8), node("b", cpus=4)], 3, None, [("a", 0, 4), ("b", 0, 4), ("a", 0, 4)]),
        ([node("head", cpus=0), node("b", cpus=4)], None, None, [("b", 0, 4)]),
        ([node("a", cpus=8, is_alive=False), node("b", cpus=4)], None, None, [("b", 0, 4)]),
        ([node("a", cpus=8, gpus=2), node("b", cpus=4)], None, None, [("a", 1, 4), ("a", 1, 4)]),
        ([node("a", cpus=8, gpus=2), node("b", cpus=4)], None, "cpu", [("a", 0, 8), ("b", 0, 4)]),
        ([node("a", cpus=1)], 3, None, [("a", 0, 1)] * 3),
    ],
)
def test_there_is_a_worker_for_each_gpu_or_one_for_each_node(
    nodes_there: list[dict[str, Any]],
    workers: int | None,
    device: str | None,
    expected: list[tuple[str, int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    found = slots(nodes_there, workers, device)

    assert [(slot.node, slot.gpus, slot.threads) for slot in found] == expected
    for one in nodes_there:
        assert sum(slot.cpus for slot in found if slot.node == one["NodeID"]) <= one["Resources"].get("CPU", 0)


def test_more_workers_than_gpus_and_a_cluster_without_processors_are_refused() -> None:
    with pytest.raises(SettingError, match=r"3 workers, and 2 GPUs: "):
        slots([node("a", cpus=8, gpus=2)], 3, None)
    with pytest.raises(ClusterError, match="no node with a processor"):
        slots([node("head", cpus=0)], None, None)
