"""The tables: made by migrations alone, up and down, and never touched when a newer release wrote them."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from loading import ROOT
from made_once import MIGRATE, upgrade
from sealing import seal
from sqlalchemy import Engine, inspect

from registry import Registry
from registry.catalog.database import SCHEMA, alembic_config
from registry.catalog.engines import sqlite
from registry.catalog.tables import Base
from registry.data.tasks import TaskData
from registry.errors import InputError, IntegrityError, NotARegistryError, SchemaError
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec

Migrate = Callable[[str], None]


@pytest.fixture(autouse=True)
def _always_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the migrations for each catalog, where the other tests have the tables as they were left once."""
    monkeypatch.setattr(command, "upgrade", MIGRATE)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    (tmp_path / "migrated.db").touch()
    return sqlite.engine(tmp_path / "migrated.db", writes=True)


@pytest.fixture
def migrate(engine: Engine) -> Migrate:
    def to(revision: str) -> None:
        with engine.begin() as connection:
            config = alembic_config(connection)
            here = MigrationContext.configure(connection).get_current_revision() or ""
            down = revision == "base" or revision < here  # "head" is greater than any number
            (command.downgrade if down else command.upgrade)(config, revision)

    return to


def dump_of(path: Path) -> list[str]:
    """Return all that a database holds, but for who it is."""
    with closing(sqlite3.connect(path)) as connection:
        return sorted(line for line in connection.iterdump() if not line.startswith('INSERT INTO "state"'))


def schema_of(path: Path) -> list[tuple[str, str, str]]:
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE name != 'alembic_version' AND sql NOT NULL ORDER BY name"
    ).fetchall()
    connection.close()
    return found


def checks_of(engine: Engine) -> dict[str, list[tuple[str, str]]]:
    look = inspect(engine)
    return {
        table: sorted((str(check["name"]), str(check["sqltext"])) for check in look.get_check_constraints(table))
        for table in Base.metadata.tables.keys() & look.get_table_names()
    }


def keys_of(engine: Engine) -> dict[str, list[str]]:
    look = inspect(engine)
    return {
        table: sorted(f"{k['name']}: {k['referred_table']} {k['options']}" for k in look.get_foreign_keys(table))
        for table in Base.metadata.tables.keys() & look.get_table_names()
    }


def shape_of(engine: Engine) -> dict[str, tuple[list[tuple[object, ...]], ...]]:
    """Return columns, unique constraints and indexes of each table."""
    look = inspect(engine)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in look.get_columns(table)],
            sorted((u["name"], *u["column_names"]) for u in look.get_unique_constraints(table)),
            sorted((i["name"], *i["column_names"]) for i in look.get_indexes(table)),
        )
        for table in Base.metadata.tables.keys() & look.get_table_names()
    }


def keep_transfer(path: Path, **said: str | float) -> None:
    """Write a row of measured transfers as a program would that knows these columns alone."""
    row = {"model": "t5", "adaptation": "lora", "target": "cb", "source": "mnli", **said}
    connection = sqlite3.connect(path)
    try:
        with connection:
            places = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO transfers ({', '.join(row)}) VALUES ({places})", [*row.values()])  # noqa: S608
    finally:
        connection.close()


def transfers_of(path: Path, columns: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    found = connection.execute(f"SELECT {columns} FROM transfers ORDER BY id").fetchall()  # noqa: S608
    connection.close()
    return found


def contents_of(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.is_file()}


def written_by(registry: Registry, revision: str) -> Path:
    """Make a registry look as another release would have left it."""
    registry.close()
    connection = sqlite3.connect(registry.folder / "catalog.db")
    with connection:
        assert connection.execute("UPDATE alembic_version SET version_num = ?", (revision,)).rowcount == 1
    connection.close()
    seal(registry.folder)
    return registry.folder


def test_the_schema_that_the_program_expects_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [SCHEMA]


def test_the_tables_that_the_other_tests_have_are_those_that_the_migrations_make(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "upgrade", upgrade)
    for name in ("first", "second"):
        Registry.create(tmp_path / name).close()

    migrated = dump_of(registry.folder / "catalog.db")
    assert [dump_of(tmp_path / name / "catalog.db") for name in ("first", "second")] == [migrated, migrated]


def test_the_way_down_and_up_again_leads_to_the_same_tables(tmp_path: Path, migrate: Migrate) -> None:
    migrate("head")
    first = schema_of(tmp_path / "migrated.db")

    migrate("base")
    assert schema_of(tmp_path / "migrated.db") == []

    migrate("head")
    assert schema_of(tmp_path / "migrated.db") == first
    assert {name for kind, name, _ in first if kind == "table"} == set(Base.metadata.tables)


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005", "0006"])
def test_a_way_down_leads_to_the_tables_that_were_there(engine: Engine, migrate: Migrate, revision: str) -> None:
    migrate(revision)
    first = shape_of(engine), checks_of(engine), keys_of(engine)

    migrate("head")
    assert shape_of(engine) != first[0]

    migrate(revision)
    assert (shape_of(engine), checks_of(engine), keys_of(engine)) == first


def test_transfers_of_an_older_release_become_first_runs_that_others_may_follow(
    tmp_path: Path, migrate: Migrate
) -> None:
    path = tmp_path / "migrated.db"
    migrate("0002")
    keep_transfer(path, score_mean=0.85, score_std=0.01, seeds=3)

    migrate("0003")
    keep_transfer(path, score_mean=0.8, run="2")

    assert transfers_of(path, "source, score_mean, score_std, seeds, run, recorded_at") == [
        ("mnli", 0.85, 0.01, 3, "", None),
        ("mnli", 0.8, None, None, "2", None),
    ]
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
        keep_transfer(path, score_mean=0.9)  # as an older release would write it: a first run


def test_on_the_way_down_the_newest_run_of_a_transfer_stays(tmp_path: Path, migrate: Migrate) -> None:
    path = tmp_path / "migrated.db"
    migrate("0003")
    for run, score in (("", 0.85), ("august", 0.8), ("2", 0.75)):
        keep_transfer(path, score_mean=score, run=run)
    keep_transfer(path, source="rte", score_mean=0.5, run="9")

    migrate("0002")

    assert transfers_of(path, "id, source, score_mean") == [(3, "mnli", 0.75), (4, "rte", 0.5)]


def test_the_migrated_tables_are_those_that_the_program_declares(engine: Engine, migrate: Migrate) -> None:
    migrate("head")

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_developer_runs_alembic_in_the_checkout(tmp_path: Path) -> None:
    for action in (["upgrade", "head"], ["check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "alembic", *action],
            cwd=ROOT,
            env={**os.environ, "FUTE_REGISTRY": str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr

    assert "No new upgrade operations detected." in ran.stdout + ran.stderr
    assert (tmp_path / "catalog.db").is_file()


def test_the_migrated_tables_check_what_the_program_declares(tmp_path: Path, engine: Engine, migrate: Migrate) -> None:
    migrate("head")
    (tmp_path / "declared.db").touch()
    declared = sqlite.engine(tmp_path / "declared.db", writes=True)
    Base.metadata.create_all(declared)

    assert checks_of(engine) == checks_of(declared)
    assert checks_of(engine)["embeddings"] == [
        ("ck_embeddings_vector_is_float32", "length(vector) > 0 AND length(vector) % 4 = 0")
    ]


def test_the_migrated_keys_delete_what_the_program_declares(tmp_path: Path, engine: Engine, migrate: Migrate) -> None:
    migrate("head")
    (tmp_path / "declared.db").touch()
    declared = sqlite.engine(tmp_path / "declared.db", writes=True)
    Base.metadata.create_all(declared)

    assert keys_of(engine) == keys_of(declared)
    assert keys_of(engine)["tags"] == ["fk_tags_entry_id_entries: entries {'ondelete': 'CASCADE'}"]


def test_a_migration_that_is_cut_off_leaves_the_old_tables(tmp_path: Path, engine: Engine) -> None:
    def cut_off() -> None:
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "head")
            raise InterruptedError("killed")

    with pytest.raises(InterruptedError, match="killed"):
        cut_off()

    assert schema_of(tmp_path / "migrated.db") == []


def test_a_new_registry_is_at_the_newest_revision_and_has_one_row_of_state(registry: Registry) -> None:
    assert registry.catalog.database.schema() == SCHEMA
    assert registry.catalog.spaces.generation() == 0


def test_creating_a_registry_where_there_is_one_opens_it(registry: Registry, sentiment: TaskData) -> None:
    registry.add_task("films", sentiment)
    before = registry.catalog.spaces.generation()

    with Registry.create(registry.folder) as again:
        assert again.task_data("films") == sentiment
        assert again.catalog.spaces.generation() == before


def test_a_populated_registry_survives_an_upgrade(registry: Registry, sentiment: TaskData) -> None:
    vector = np.array([0.6, 0.8], np.float32)
    films = registry.add_task("films", sentiment, tags=["x"])
    spec = SpaceSpec("5" * 64, "here", "textemb", {}, (Facet("text", 2),), None)
    space = registry.add_space("s", spec, corpus=None)
    registry.catalog.embeddings.put(films.version_id, space, vector, {"seconds": 1})
    registry.close()

    assert Registry.upgrade(registry.folder) is None

    with Registry.open(registry.folder) as again:
        assert again.task_data("films") == sentiment
        assert again.catalog.entries.get("films").tags == ("x",)
        assert again.vectors(entry="films").matrix.tolist() == [vector.tolist()]


@pytest.mark.parametrize("use", [Registry.open, Registry.create, Registry.upgrade])
def test_a_newer_releases_registry_is_refused_and_left_as_it_is(
    registry: Registry, use: Callable[[Path], object]
) -> None:
    folder = written_by(registry, "9999")
    before = contents_of(folder)

    with pytest.raises(SchemaError, match=r"by a newer release \(schema 9999\): upgrade fute-registry") as error:
        use(folder)

    assert error.value.exit_code == 2
    assert contents_of(folder) == before


def test_an_older_releases_registry_is_refused_until_it_is_upgraded(registry: Registry) -> None:
    folder = written_by(registry, "0000")
    before = contents_of(folder)

    with pytest.raises(SchemaError, match=r"older release .schema 0000.: run 'fute db upgrade' \(of a folder") as error:
        Registry.open(folder)

    assert error.value.exit_code == 2
    assert contents_of(folder) == before


def test_a_database_without_tables_is_completed_by_what_began_it(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").touch()
    with pytest.raises(SchemaError, match="begun and not finished: run 'fute init', or 'fute copy', again"):
        Registry.open(tmp_path)

    Registry.create(tmp_path).close()

    with Registry.open(tmp_path) as opened:
        assert opened.catalog.spaces.generation() == 0


@pytest.mark.parametrize("use", [Registry.open, Registry.upgrade])
def test_a_folder_without_a_registry_is_refused_and_stays_empty(tmp_path: Path, use: Callable[[Path], object]) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(NotARegistryError, match=r"No registry at .*empty: make one with 'fute init'") as error:
        use(tmp_path / "empty")

    assert error.value.exit_code == 2
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_file_that_is_no_database_is_an_integrity_fault(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"not a database, " * 100)

    with pytest.raises(IntegrityError, match=r"catalog\.db is damaged .*: run 'fute repair'") as error:
        Registry.open(tmp_path)

    assert error.value.exit_code == 3


def test_a_registry_cannot_be_made_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(InputError, match="file is a file: a registry is a folder"):
        Registry.create(tmp_path / "file")

    assert (tmp_path / "file").read_text() == "mine"


def test_a_backup_is_a_whole_registry(registry: Registry, tmp_path: Path, sentiment: TaskData) -> None:
    registry.add_task("films", sentiment)
    (registry.folder / "copy").mkdir()

    sqlite.SqliteEngine(registry.folder).backup(registry.folder / "copy" / "catalog.db")

    with Registry.open(registry.folder / "copy") as copy:
        assert copy.task_data("films") == sentiment
