"""R3: what is acknowledged is on the disk: the draft is synced, put in place, and the folder synced, in this order."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from goals import Goal
from sqlalchemy import event
from tiny_cli import fill_by_hand, run
from waiting import LIMIT

from registry import Registry
from registry.catalog.engines import sqlite
from registry.data.transfers import TransferRecord

EXTRA = 3
NAMES = ("film", "shop", "bank")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Registry.create(tmp_path / "store") as registry:
        fill_by_hand(registry, tmp_path, NAMES)
        registry.add_transfers([TransferRecord("bert", "full", "film", "shop", 0.75, 0.01, 3)])
    return tmp_path / "store"


WRITERS = {  # what is put in place, by the command that does it
    "out": ("task", "export", "film", "out"),
    "v.npz": ("space", "export", "by-hand", "v.npz"),
    "v.parquet": ("space", "export", "by-hand", "v.parquet"),
    "t.csv": ("transfer", "export", "t.csv"),
    "map.svg": ("map", "map.svg"),
    "b.db": ("backup", "b.db"),
    "pack": ("pack", "make", "pack", "--name", "mine", "--title", "mine", "--source", "me"),
    ".idx": ("index", "rebuild"),
}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """What is asked of the system, in order: a sync of a file or folder, a rename to a place."""
    taken: list[tuple[str, Path]] = []
    sync, replace = os.fsync, os.replace

    def noted_sync(descriptor: int) -> None:
        taken.append(("sync", Path(os.readlink(f"/proc/self/fd/{descriptor}"))))
        sync(descriptor)

    def noted_replace(source: str | Path, target: str | Path) -> None:
        taken.append(("from", Path(source).absolute()))
        taken.append(("to", Path(target).absolute()))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    return taken


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.goal("R3", "each file that is written: its draft synced, put in place, its folder synced, in this order")
def test_what_is_written_is_synced_before_and_after_it_is_put_in_place(
    goal: Goal, store: Path, steps: list[tuple[str, Path]]
) -> None:
    for ending, command in WRITERS.items():
        steps.clear()
        result = run("--registry", store, *command)
        assert result.exit_code == 0, result.output
        (put,) = (n for n, (what, path) in enumerate(steps) if what == "to" and path.name.endswith(ending))
        draft, place = steps[put - 1][1], steps[put][1]
        synced = [path for what, path in steps[:put] if what == "sync"]
        assert draft in synced, (command, steps)
        if place.is_dir():
            assert {draft / path.name for path in place.iterdir()} <= set(synced), command
        assert ("sync", place.parent) in steps[put:], (command, steps)
    goal.reached(f"{len(WRITERS)} writers: all in order")


@pytest.mark.goal("R3", "each connection to the database syncs its folder too (synchronous=EXTRA)")
def test_every_connection_syncs_all_it_can(goal: Goal, store: Path) -> None:
    found = []
    for writes in (True, False):
        engine = sqlite.engine(store / "catalog.db", writes=writes)
        event.listen(engine, "begin", lambda c: found.append(c.exec_driver_sql("PRAGMA synchronous").scalar()))
        with engine.begin():
            pass
        engine.dispose()
    assert found == [EXTRA, EXTRA]
    goal.reached("2 kinds of connections: EXTRA")


@pytest.fixture
def traced(tmp_path: Path) -> Callable[..., list[str]]:
    """Run a program under strace, and return its calls, one a line."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")

    def run_it(*words: str | Path) -> list[str]:
        out = tmp_path / "trace"
        calls = "trace=fsync,fdatasync,unlink,write,openat"
        command = ["strace", "-f", "-y", "-e", calls, "-o", out, *words]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode:
            pytest.skip(f"strace may not look here: {done.stderr[-200:]}")
        return out.read_text().splitlines()

    return run_it


TAG = """
import sys
from registry import Registry
with Registry.open(sys.argv[1]) as registry:
    registry.tag("film", add=["new"])
print("acknowledged", flush=True)
"""


@pytest.mark.goal("R3", "a commit: database synced, journal removed, folder synced, and only then acknowledged")
def test_a_commit_is_on_the_disk_before_it_is_acknowledged(
    goal: Goal, store: Path, traced: Callable[..., list[str]]
) -> None:
    lines = traced(sys.executable, "-c", TAG, store)
    last = {
        "synced": max(n for n, line in enumerate(lines) if "sync(" in line and "catalog.db>" in line),
        "removed": max(n for n, line in enumerate(lines) if "unlink(" in line and "catalog.db-journal" in line),
        "folder": max(n for n, line in enumerate(lines) if "sync(" in line and f"{store}>" in line),
        "acknowledged": max(n for n, line in enumerate(lines) if "write(" in line and "acknowledged" in line),
    }
    assert list(last) == sorted(last, key=last.__getitem__)
    goal.reached("1 commit traced: in order")
