"""Counting is left to the database: how many statements a question takes does not grow with what there is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from sealing import seal
from sqlalchemy import event
from sqlalchemy.engine import Engine
from tiny_cli import hand_made_space, put_vector

import cli
from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData

MOST = 12


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements that are sent to any database meanwhile, but for those that begin a transaction."""
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def fill(folder: Path, count: int) -> None:
    """Enter a task as it should be, and copies of its rows: thousands one by one would take minutes."""
    examples = (Example("a fine film", "x"), Example("a dull one", "y"))
    with Registry.create(folder) as registry:
        space = hand_made_space(registry, "by-hand")
        registry.add_task("t0", TaskData("classification", ("x", "y"), examples), tags=("films", "short"))
        put_vector(registry, "t0", space, 0)
        registry.set_alias("t0", "best")
    connection = sqlite3.connect(folder / "catalog.db")
    with connection:
        for number in range(2, count + 1):
            connection.execute(
                "INSERT INTO entries (id, name, kind, task_kind, created_at)"
                " SELECT ?, 't' || ?, kind, task_kind, created_at FROM entries WHERE id = 1",
                (number, number),
            )
        connection.execute(
            "INSERT INTO versions (id, entry_id, number, content_hash, spec, created_at) SELECT e.id, e.id, 1,"
            " v.content_hash, v.spec, v.created_at FROM entries e, versions v WHERE v.id = 1 AND e.id > 1"
        )
        connection.execute(
            "INSERT INTO version_contents (version_id, role, sha256) SELECT v.id, c.role, c.sha256"
            " FROM versions v, version_contents c WHERE c.version_id = 1 AND v.id > 1"
        )
        connection.execute("INSERT INTO tags (entry_id, tag) SELECT e.id, t.tag FROM entries e, tags t WHERE e.id > 1")
        connection.execute(
            "INSERT INTO embeddings (version_id, space_id, vector, sha256, provenance, created_at) SELECT v.id, 1,"
            " e.vector, e.sha256, e.provenance, e.created_at FROM versions v, embeddings e WHERE v.id > 1 AND e.id = 1"
        )
    connection.close()
    seal(folder)


@pytest.fixture(scope="module", params=[3, 5000])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp(f"of{request.param}") / "store"
    fill(place, request.param)
    return place


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("status", "--json"),
        ("task", "list"),
        ("task", "list", "--json"),
        ("task", "list", "--tag", "films"),
        ("task", "show", "t0"),
        ("space", "list"),
        ("space", "show", "by-hand"),
    ],
    ids=" ".join,
)
def test_a_command_sends_few_statements(folder: Path, command: tuple[str, ...]) -> None:
    with counted() as statements:
        result = CliRunner().invoke(cli.main, ["--registry", str(folder), *command])

    assert result.exit_code == 0, result.output
    assert 0 < len(statements) <= MOST, "\n".join(statements)


def test_the_numbers_are_right(folder: Path) -> None:
    with Registry.open(folder) as registry:
        count = len(registry.tasks())
        status = registry.status()

        assert count in (3, 5000)
        assert status.entries == {"task": count, "model": 0, "prompt": 0, "prompted-model": 0, "corpus": 0}
        assert status.spaces == {"by-hand": count}
        assert registry.spaces()[0].vectors == count
        assert registry.tasks(tags=["films"])[-1].record.tags == ("films", "short")
        assert [row.record.aliases for row in registry.tasks() if row.record.aliases] == [{"best": 1}]


def test_an_older_versions_vector_does_not_count(tmp_path: Path) -> None:
    fill(tmp_path / "store", 3)
    with Registry.open(tmp_path / "store") as registry:
        other = TaskData("classification", ("x", "y"), (Example("new", "x"), Example("newer", "y")))
        registry.add_task("t2", other, replace=True)

        assert registry.status().spaces == {"by-hand": 2}
        assert registry.space("by-hand").vectors == 2
