"""R4: whatever happens to the snapshot of an index, the answers are those of brute force."""

import random
from pathlib import Path

import numpy as np
import pytest
from goals import Goal
from tiny_cli import hand_made_space, put_vector

from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData

TASKS, QUERIES, DIMENSION = 20, 2, 16


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with a snapshot, and a log behind it."""
    monkeypatch.setattr("registry.catalog.changes.FEW", TASKS)  # the centre stands still, so that a log can follow
    with Registry.create(tmp_path / "store") as registry:
        space = hand_made_space(registry, "by-hand", DIMENSION)
        for number in range(TASKS):
            name = f"t{number:02}"
            task = TaskData("classification", ("x", "y"), (Example(f"one {name}", "x"), Example(f"two {name}", "y")))
            registry.add_task(name, task)
            put_vector(registry, name, space, number)
            if number == TASKS // 2:
                registry.refresh_index("by-hand")
        registry.rebuild_index(recentre=True)
        put_vector(registry, "t03", space, 1003)
        registry.refresh_index("by-hand")
    return tmp_path / "store"


def by_brute_force(registry: Registry, query: int) -> list[str]:
    """Return all names, the nearest to a row first, from the vectors alone."""
    vectors = registry.vectors(centred=True)
    similarity = vectors.matrix @ vectors.matrix[query]
    return [vectors.names[n] for n in np.argsort(-similarity, kind="stable") if n != query]


def answered(registry: Registry, query: int) -> list[str]:
    return [match.name for match in registry.nearest(f"t{query:02}", limit=TASKS, duplicates=True)]


def damaged(body: bytes, chance: random.Random) -> bytes:
    """Return a file with a bit flipped, a hole of zeros, an end of zeros, cut off, or with something behind it."""
    place = chance.randrange(len(body))
    match chance.randrange(5):
        case 0:
            return body[:place] + bytes([body[place] ^ 1 << chance.randrange(8)]) + body[place + 1 :]
        case 1:
            length = chance.choice((1, 16, 512))
            return body[:place] + bytes(len(body[place : place + length])) + body[place + length :]
        case 2:
            return body[:place] + bytes(len(body) - place)
        case 3:
            return body[:place]
        case _:
            return body + chance.randbytes(chance.choice((1, 100)))


@pytest.mark.goal("R4", "2,000 damaged snapshots: 0 crashes, 0 wrong answers against brute force")
def test_a_damaged_snapshot_gives_no_wrong_answer(goal: Goal, store: Path) -> None:
    chance = random.Random(4)  # noqa: S311 - damage, not secrets
    sound = {path: path.read_bytes() for path in sorted((store / "index").iterdir())}
    assert {path.suffix for path in sound} == {".idx", ".log"}
    with Registry.open(store) as registry:
        right = [by_brute_force(registry, query) for query in range(QUERIES)]
    tries = goal.tries(quick=50, full=2000)
    wrong = 0
    for _ in range(tries):
        for path, body in sound.items():
            path.write_bytes(body)
        path = chance.choice(list(sound))
        path.write_bytes(damaged(sound[path], chance))
        with Registry.open(store) as registry:
            wrong += [answered(registry, query) for query in range(QUERIES)] != right
    goal.reached(f"{tries:,} damaged: {wrong} wrong answers")
    assert wrong == 0
