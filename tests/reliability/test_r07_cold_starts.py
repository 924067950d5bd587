"""R7: a new registry that many processes make at once is one registry, and all of them can use it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from goals import Goal
from together import PATIENCE, at_once

from registry import Registry
from registry.catalog.database import SCHEMA

PROCESSES = 8


@pytest.mark.goal("R7", "50 new registries, each made by 8 processes at once: 400 of 400 open it, one schema")
def test_eight_processes_make_one_registry(goal: Goal, tmp_path: Path) -> None:
    rounds = goal.tries(quick=5, full=50)

    found = at_once(_create, *[(tmp_path, rounds)] * PROCESSES)

    assert found == [[(SCHEMA, 0)] * rounds] * PROCESSES
    places = list(tmp_path.iterdir())
    assert len(places) == rounds
    for place in places:
        connection = sqlite3.connect(place / "catalog.db")
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(SCHEMA,)]
        assert connection.execute("SELECT count(*), max(generation) FROM state").fetchall() == [(1, 0)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    goal.reached(f"{rounds * PROCESSES} of {rounds * PROCESSES} opened {rounds} registries: one schema each")


def _create(barrier: Any, place: Path, rounds: int) -> list[tuple[str | None, int]]:  # noqa: ANN401 - of processes
    seen = []
    for number in range(rounds):
        barrier.wait(PATIENCE)
        with Registry.create(place / str(number)) as registry:
            seen.append((registry.catalog.database.schema(), registry.status().entries["task"]))
    return seen
