"""What is asked of a registry of a million entries reads no table from its beginning to its end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import event, select
from sqlalchemy.engine import Engine
from tiny_cli import tiny_rows, write_rows

import cli
from registry import Registry
from registry.catalog.queries import FEW, names_near
from registry.catalog.tables import Entry
from registry.data.transfers import TransferRecord
from registry.formats.tasks import read_task
from registry.formats.transfers import write_transfers
from registry.kinds import EntryKind
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

SMALL = {"alembic_version", "state", "spaces"}  # tables that never have many rows
COUNT = 2 * FEW  # of entries: more than are read to find a name that is near
SCANNED = re.compile(
    r"SCAN (\w+)( USING COVERING INDEX)?|SEARCH (\w+) USING (COVERING )?INDEX ix_\w+ \((space_id|number)=\?\)"
)  # all vectors may be of one space, and all versions the first


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with many tasks, and with some of everything else."""
    place = tmp_path_factory.mktemp("plans")
    random = np.random.default_rng(0)
    with Registry.create(place / "store") as registry:
        registry.add_space("brought", SpaceSpec.imported("tests", 4), corpus=None)
        rows = unit(random.normal(size=(COUNT, 4)).astype(np.float32))
        kinds = ["model" if number % 10 == 9 else "task" for number in range(COUNT)]
        registry.add_vectors([f"e{number}" for number in range(COUNT)], rows, kind=kinds, tags=("all",))
        for number in range(4):
            task = read_task(str(write_rows(place / f"t{number}.jsonl", tiny_rows(number))))
            registry.add_task(f"t{number}", task, tags=("few",))
        registry.set_alias("t0", "best")
        records = [TransferRecord("bert", "full", f"e{n}", f"e{n + 1}", 0.5) for n in range(0, 40, 2)]
        registry.add_transfers(records)
        write_transfers(place / "more.csv", [TransferRecord("bert", "full", "e0", "E8", 0.25)])
        np.savez(place / "more.npz", names=np.array(["more", "e1"]), vectors=np.stack([rows[0], rows[1]]))
        registry.nearest("e0")
    return place


@contextmanager
def scans() -> Iterator[list[str]]:
    """Collect the tables that statements read from beginning to end meanwhile, each with its statement.

    A count may read an index, which is a hundredth of what the table is; and what a filter lets through of a space is
    looked up once.
    """
    found: list[str] = []
    asking = False

    def explain(connection: Any, _cursor: object, statement: str, parameters: Any, *_: object) -> None:  # noqa: ANN401
        nonlocal asking
        if asking or not statement.startswith(("SELECT", "UPDATE", "DELETE")):
            return
        asking = True
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        asking = False
        for *_, told in rows:
            scanned = SCANNED.match(told)
            is_count = "COVERING INDEX" in told and "count(*)" in statement
            is_kept = statement.startswith("SELECT embeddings.id \nFROM")  # until a vector changes
            if scanned and scanned[1] not in SMALL | {"CONSTANT"} and not is_count and not is_kept:
                found.append(f"{told}: {statement}")

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", explain)


@pytest.mark.parametrize(
    "words",
    [
        *("status", "task list", "model list", "task list --limit 5 --after e5 --json", "task list --tag few"),
        *("task show e77", "task show E77", "task show t0:best", "space list", "space show brought"),
        *("compare e0 e1", "task tag e4 fresh", "task rename e5 Fifth", "task remove e6", "task remove t1"),
        *("nearest e0", "nearest e0 --kind model", "nearest e0 --tag few"),
        *("model remove e9", "transfer list --target E2", "transfer import {}/more.csv"),
        *("transfer remove --target e4 --yes", "vectors import {}/more.npz", "vectors export {}/one.npz --entry e1"),
        "transfer record --model bert --adaptation full --target e8 --source e10 --score 0.5",
    ],
)
def test_no_table_is_read_from_its_beginning_to_its_end(store: Path, words: str) -> None:
    with scans() as found:
        result = CliRunner().invoke(
            cli.main, ["--registry", str(store / "store"), *words.replace("{}", str(store)).split()]
        )

    assert result.exit_code == 0, result.output
    assert found == []


def test_the_vectors_of_some_entries_are_found_by_their_names(store: Path) -> None:
    with Registry.open(store / "store") as registry, scans() as found:
        space = registry.catalog.spaces.get("brought")
        held = registry.catalog.embeddings.having(space.id, ["e1", "e2", "nobody"])
        prompted = registry.catalog.embeddings.prompted(space.id, "e19")
        prompts = registry.catalog.entries.prompts_of("e19")

    assert (set(held), prompted, prompts, found) == ({"e1", "e2"}, {}, [], [])


def test_a_scan_would_be_seen(store: Path) -> None:
    with Registry.open(store / "store") as registry, scans() as found, registry.catalog.database.read() as session:
        session.scalars(select(Entry)).all()

    assert len(found) == 1


@pytest.mark.parametrize(("typed", "meant"), [("e7777", "e777"), ("e77x", "e77"), ("t0x", "t0")])
def test_a_misspelt_name_is_answered_without_reading_all_names(store: Path, typed: str, meant: str) -> None:
    with scans() as found:
        result = CliRunner().invoke(cli.main, ["--registry", str(store / "store"), "task", "show", typed])

    assert (result.exit_code, found) == (2, [])
    assert f"Did you mean '{meant}" in result.stderr


def test_of_a_kind_that_is_rare_all_names_are_looked_at(store: Path) -> None:
    with Registry.open(store / "store") as registry, registry.catalog.database.read() as session:
        models = names_near(session, "zzz", EntryKind.MODEL)

    assert len(models) == len([n for n in range(COUNT) if n % 10 == 9]) - 1  # but for the one that was removed


def test_what_has_changed_in_a_space_is_read_from_the_last_change_on(store: Path) -> None:
    told: list[str] = []

    def explain(connection: Any, _cursor: object, statement: str, parameters: Any, *_: object) -> None:  # noqa: ANN401
        if statement.startswith("SELECT") and "vector_changes.id > ?" in statement:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            told.extend(row[-1] for row in rows if "vector_changes" in row[-1])

    with Registry.open(store / "store") as registry:
        space = registry.catalog.spaces.get("brought")
        event.listen(Engine, "before_cursor_execute", explain)
        try:
            changes = registry.catalog.embeddings.changes(space.id, since=space.mark)
        finally:
            event.remove(Engine, "before_cursor_execute", explain)

    assert changes is not None
    assert told == ["SEARCH vector_changes USING INTEGER PRIMARY KEY (rowid>?)"] * 2
