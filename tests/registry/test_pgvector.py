"""An index by pgvector in the registry's own database: the contract, and answers that are right whatever others do."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from behind import count, value
from index_contract import DIMENSION, IndexContract, assert_same, brute_force, rows_of
from served import server, url_of
from tiny_cli import told

from registry import Registry
from registry.catalog.database import Database, alembic_config
from registry.catalog.tables import Base
from registry.errors import InputError, StorageError
from registry.index.contract import DamagedIndexError, Selection
from registry.index.kinds import MANY
from registry.index.pgvector import PgVector, PgVectorIndex
from registry.index.pgvector import _with_checksums as with_checksums
from registry.location import located
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit
from registry.upkeep.copying import copy

COUNT, WIDE = 90, 12
RANDOM = np.random.default_rng(0)
ROWS = unit(RANDOM.normal(size=(COUNT + 20, WIDE)).astype(np.float32))
NAMES = [f"m{i}" for i in range(COUNT + 20)]
FOLLOW = """
import sys
import numpy as np
from registry import Registry
with Registry.open(sys.argv[1]) as registry:
    registry.add_vectors(["new"], np.ones((1, 12), "f4"), space="s", kind="model")
"""


@pytest.fixture
def store(served: str) -> Iterator[Registry]:
    """A registry of models and tasks, whose index lies in its database."""
    with Registry.create(served) as registry:
        registry.add_space("s", SpaceSpec.imported("by hand", WIDE), corpus=None)
        registry.add_vectors(NAMES[:40], ROWS[:40], space="s", kind="task")
        registry.add_vectors(NAMES[40:COUNT], ROWS[40:COUNT], space="s", kind="model")
        registry.use_index("pgvector")
        yield registry


def nearest(registry: Registry, query: str, **asked: Any) -> list[str]:  # noqa: ANN401
    return [match.name for match in registry.nearest(query, space="s", **asked)]


def assert_right(registry: Registry, names: Sequence[str] = NAMES[:COUNT]) -> None:
    """Hold ten nearest of some names, with their similarities, against numpy's."""
    for query in names[::11]:
        products = {name: float(ROWS[NAMES.index(name)] @ ROWS[NAMES.index(query)]) for name in names if name != query}
        expected = {name: products[name] for name in sorted(products, key=lambda n: -products[n])[:10]}
        found = {match.name: match.similarity for match in registry.nearest(query, space="s")}
        assert list(found) == list(expected)
        assert found == pytest.approx(expected, abs=1e-5)


def collections(registry: Registry) -> list[str]:
    return PgVector(registry.catalog.database).collections("fute_index_")


def graph_is_asked(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the statements of questions be kept, which are returned as they come."""
    said: list[str] = []
    tables = "registry.catalog.engines.vector_tables.VectorTables"
    ordered = PgVector(registry.catalog.database).tables._ordered

    def kept(*given: Any) -> Any:  # noqa: ANN401
        self, connection, name, near, query, most, where = given
        text = f"EXPLAIN SELECT id FROM {self._table(name)} ORDER BY {near} LIMIT {most}"  # noqa: S608
        row = "[" + ",".join(map(str, query.tolist())) + "]"
        said.append("\n".join(connection.exec_driver_sql(text, (row,)).scalars()))
        return ordered.__func__(self, connection, name, near, query, most, where)

    monkeypatch.setattr(f"{tables}._ordered", kept)
    return said


# -- the contract ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = url_of(str(tmp_path_factory.mktemp("contract")))
    database = Database(located(url))
    yield database
    database.close()


class TestPgVectorIndex(IndexContract):
    @pytest.fixture(autouse=True)
    def _place(self, database: Database) -> None:
        self.server = PgVector(database)

    def empty(self) -> PgVectorIndex:
        index = self.server.create(f"fute_index_{uuid.uuid4().hex}", DIMENSION, {})
        with index.change():
            index.end({})
        return index

    def test_what_another_changes_is_not_answered_with(self) -> None:
        index, ids, rows = self.filled()
        assert isinstance(index, PgVectorIndex)
        with index.change():
            index.end({"a": "it's 100% \\ new"})
        other = self.server.opened(index.name, DIMENSION, self.server.head(index.name))
        assert other.ids.tolist() == ids.tolist()

        with index.change():
            index.remove(ids[:3])
            assert other.nearest(rows[0], limit=1)[0].id == ids[0]  # not kept yet
            index.end({})

        for ask in (lambda: other.nearest(rows[0], limit=3), lambda: other.rows(ids[:2])):
            with pytest.raises(DamagedIndexError):
                ask()
        with pytest.raises(DamagedIndexError), other.change():
            pytest.fail("it is not known what would be changed")

    def test_a_change_that_fails_is_undone_here_and_there(self) -> None:
        index, ids, rows = self.filled()
        assert isinstance(index, PgVectorIndex)
        before = index.nearest(rows[0], limit=7)

        def change_and_fail() -> None:
            with index.change():
                index.remove(ids[:10])
                index.add(ids[10:12], -rows[10:12])
                index.end({"new": 1})
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            change_and_fail()

        assert index.nearest(rows[0], limit=7) == before
        assert index.ids.tolist() == ids.tolist()

    def test_numbers_at_their_ends_are_kept_as_they_are(self) -> None:
        index = self.empty()
        row = np.array([[1e-45, -0.0, np.finfo("f4").max / 2, np.finfo("f4").tiny, 1 / 3, -1e30]], np.float32)
        index.add(np.array([5]), row)

        assert index.rows(np.array([5])).tobytes() == row.tobytes()


class TestPgVectorGraph:
    """Of many rows: candidates by a graph, ranked by the rows themselves."""

    @pytest.fixture
    def graph(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[PgVectorIndex, Any, Any]:
        monkeypatch.setattr("registry.index.pgvector.MANY", 500)
        monkeypatch.setattr("registry.index.pgvector.FEW", 20)
        ids, rows = rows_of(600)
        index = PgVector(database).create(f"fute_index_{uuid.uuid4().hex}", DIMENSION, {})
        with index.change():
            index.add(ids, rows)
            index.settle(lambda: rows[:30])
            index.end({})
        return index, ids, rows

    def test_it_answers_as_brute_force_does(self, graph: tuple[PgVectorIndex, Any, Any]) -> None:
        index, ids, rows = graph
        assert index.has_graph
        assert index.recall == 1.0
        for query in rows[:20]:
            assert_same(index.nearest(query, limit=7), brute_force(ids, rows, query, 7))
            for few in (slice(None, None, 3), slice(None, -3), slice(-30, None), slice(0, 5)):
                found = index.nearest(query, limit=5, where=Selection(ids[few]))
                assert_same(found, brute_force(ids[few], rows[few], query, 5))

    def test_what_comes_and_goes_is_followed(self, graph: tuple[PgVectorIndex, Any, Any]) -> None:
        index, ids, rows = graph
        with index.change():
            index.remove(ids[::2])
            index.add(ids[1:2], -rows[1:2])
            index.end({})

        other = PgVectorIndex.opened(index._server, index.name, DIMENSION, index._head)

        assert (other.has_graph, other.recall) == (True, index.recall)
        rows = rows.copy()
        rows[1] = -rows[1]
        assert_same(other.nearest(rows[1], limit=9), brute_force(ids[1::2], rows[1::2], rows[1], 9))

    @pytest.mark.parametrize("limit", [21, 150, 600])
    def test_more_than_a_graph_is_asked_for_is_ranked_in_full(
        self, graph: tuple[PgVectorIndex, Any, Any], limit: int
    ) -> None:
        index, ids, rows = graph
        assert_same(index.nearest(rows[0], limit=limit), brute_force(ids, rows, rows[0], limit))

    def test_a_filter_far_from_the_question_loses_none(self, graph: tuple[PgVectorIndex, Any, Any]) -> None:
        index, ids, rows = graph
        far = np.sort(np.argsort(rows @ rows[0])[:100])

        found = index.nearest(rows[0], limit=10, where=Selection(ids[far]))

        assert_same(found, brute_force(ids[far], rows[far], rows[0], 10))

    def test_what_is_like_no_row_is_ranked_in_full(self, database: Database) -> None:
        """A graph that found all neighbours of its rows found two thirds of those of a direction between them."""
        random, wide = np.random.default_rng(0), 128
        centres = random.normal(size=(400, wide))
        rows = unit((centres[random.integers(400, size=MANY)] + random.normal(size=(MANY, wide))).astype(np.float32))
        index, ids = PgVector(database).create(f"fute_index_{uuid.uuid4().hex}", wide, {}), np.arange(MANY)
        with index.change():
            index.add(ids, rows)
            index.settle(lambda: rows[:30])
            index.end({})

        assert index.has_graph
        assert index.recall == 1.0
        for odd in unit(random.normal(size=(20, wide)).astype(np.float32)):
            assert_same(index.nearest(odd, limit=10), brute_force(ids, rows, odd, 10))

    def test_a_graph_of_a_release_that_did_not_tell_what_it_is_tuned_for_answers_in_full(
        self, graph: tuple[PgVectorIndex, Any, Any]
    ) -> None:
        index, ids, rows = graph
        head = json.dumps({name: value for name, value in json.loads(index._head).items() if name != "usual"})
        with index._server.writing() as connection:
            index._tables.set_comment(connection, index.name, head)

        old = PgVectorIndex.opened(index._server, index.name, DIMENSION, head)

        assert old.has_graph
        assert_same(old.nearest(rows[3], limit=7), brute_force(ids, rows, rows[3], 7))


def test_many_rows_get_a_graph_that_is_asked_measured_and_told(
    store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = graph_is_asked(store, monkeypatch)
    assert_right(store)
    assert not any("hnsw" in plan for plan in said)
    monkeypatch.setattr("registry.index.pgvector.MANY", 100)
    monkeypatch.setattr("registry.index.pgvector.FEW", 0)
    store.add_vectors(NAMES[COUNT:], ROWS[COUNT:], space="s", kind="model")  # now they are many
    store.add_vectors(["one"], ROWS[:1], space="s", kind="model")
    store.remove("one", "model")
    said.clear()

    assert_right(store, NAMES)

    assert said
    assert all("Index Scan" in plan and "halfvec" in plan for plan in said)
    (check,) = store.verify_index()
    assert (check.faults, check.recall) == ((), 1.0)
    assert "collection sound (pgvector, finds 100.0% of the ten nearest); ok" in str(check)
    assert store.status().recalls == {"s": 1.0}


# -- the same neighbours as any other index ----------------------------------------------------------


def test_it_gives_the_neighbours_of_the_other_kinds_before_and_after_deletions_and_restarts(store: Registry) -> None:
    asked: tuple[dict[str, Any], ...] = ({}, {"kind": "task"}, {"kind": "model"}, {"limit": 60})

    def answers(registry: Registry) -> list[list[str]]:
        return [nearest(registry, NAMES[i], **how) for i in range(1, COUNT, 20) for how in asked]

    by_pgvector = answers(store)
    assert_right(store)
    (name,) = collections(store)
    store.use_index("flat")
    assert answers(store) == by_pgvector

    store.use_index("pgvector")
    for gone in NAMES[2:COUNT:9]:
        store.remove(gone, "task" if gone in NAMES[:40] else "model")
    store.add_vectors(NAMES[COUNT:], ROWS[COUNT:], space="s", kind="model")
    kept = [name for name in NAMES if name not in NAMES[2:COUNT:9]]
    assert_right(store, kept)
    assert collections(store) == [name]  # it was brought up to date
    after = answers(store)
    with Registry.open(store.catalog.database.location.url) as again:
        assert answers(again) == after
        again.use_index("auto")
        assert answers(again) == after


def test_the_neighbours_of_published_vectors_are_those_of_a_flat_index(data: Path, served: str) -> None:
    files = sorted((data / "tupate").glob("*.npy"))
    names, rows = (
        [file.stem for file in files],
        unit(np.stack([np.load(file).ravel() for file in files], dtype=np.float32)),
    )
    with Registry.create(served) as registry:
        registry.add_space(
            "s", SpaceSpec("1" * 64, "theirs", "tupate", {}, (Facet("map", rows.shape[1]),), None), corpus=None
        )
        registry.add_vectors(names, rows, space="s", kind="model")
        flat = [nearest(registry, name) for name in names]

        registry.use_index("pgvector")

        assert [nearest(registry, name) for name in names] == flat
        assert registry.verify_index()[0].faults == ()


def test_where_the_centre_moves_it_is_made_anew(served: str) -> None:
    with Registry.create(served) as registry:
        registry.add_space("s", SpaceSpec("1" * 64, "x", "textemb", {}, (Facet("inputs", WIDE),), None), corpus=None)
        registry.add_vectors(NAMES[:20], ROWS[:20], space="s", kind="task")
        registry.use_index("pgvector")
        (first,) = collections(registry)
        registry.add_vectors(NAMES[20:40], ROWS[20:40], space="s", kind="task")
        by_pgvector = [nearest(registry, name) for name in NAMES[:40]]
        (second,) = collections(registry)

        registry.use_index("flat")

        assert [nearest(registry, name) for name in NAMES[:40]] == by_pgvector
        assert first != second


# -- what others do ----------------------------------------------------------------------------------


def test_two_users_of_one_registry_share_the_collection(
    store: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "of-another-user"))
    with Registry.open(store.catalog.database.location.url) as other:
        other.use_index("pgvector")
        assert other.folder != store.folder
        assert_right(other)
        store.add_vectors(NAMES[COUNT:], ROWS[COUNT:], space="s", kind="model")
        assert_right(other, NAMES)
        other.remove("m3", "task")
        assert_right(store, [name for name in NAMES if name != "m3"])
        assert_right(other, [name for name in NAMES if name != "m3"])
    assert len(collections(store)) == 1


@pytest.mark.parametrize(
    "deed",
    [
        "DROP TABLE {it}",
        "DELETE FROM {it} WHERE id > 20",
        "TRUNCATE {it}",
        "ALTER TABLE {it} DROP COLUMN row",
        "COMMENT ON TABLE {it} IS 'mine'",
        "COMMENT ON TABLE {it} IS NULL",
        "UPDATE {it} SET row = (SELECT row FROM {it} WHERE id = 51) WHERE id = 12",
        "UPDATE {it} SET crc = -7 WHERE id = 12",
    ],
)
@pytest.mark.parametrize("is_open", [True, False])
def test_what_a_stranger_does_is_noticed_and_made_good(store: Registry, deed: str, *, is_open: bool) -> None:
    (name,) = collections(store)
    with psycopg.connect(store.catalog.database.location.url, autocommit=True) as connection:
        connection.execute(deed.format(it=name))

    if is_open:
        every = nearest(store, "m50", limit=COUNT)
        assert len(every) == COUNT - 1
        assert_right(store)
    else:
        with Registry.open(store.catalog.database.location.url) as again:
            (check,) = again.verify_index()
            assert (check.snapshot, check.faults) != ("sound", ())
            assert len(nearest(again, "m50", limit=COUNT)) == COUNT - 1
            assert_right(again)
    assert store.verify_index()[0].faults == ()


def test_who_is_killed_between_the_rows_and_the_head_has_changed_nothing(store: Registry) -> None:
    (name,) = collections(store)
    head = PgVector(store.catalog.database).head(name)
    its = [sys.executable, "-c", FOLLOW, store.catalog.database.location.url]
    killed = subprocess.run(
        its, env={**os.environ, "FUTE_FAULT": "index.served.rows:1=kill"}, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    assert PgVector(store.catalog.database).head(name) == head
    assert count(store, name) == COUNT
    assert "new" in nearest(store, "m1", limit=COUNT + 1)  # the vector was kept before, and the index follows
    assert count(store, name) == COUNT + 1
    assert store.verify_index()[0].faults == ()


def test_a_connection_that_is_cut_within_a_copy_is_told_in_one_line_and_made_good(
    store: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (name,) = collections(store)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %s"

    def cut_off(rows: np.ndarray) -> Any:  # noqa: ANN401
        with psycopg.connect(store.catalog.database.location.url, autocommit=True) as other:
            assert other.execute(cut, [f"COPY %{name}%"]).fetchall() == [(True,)]
        return with_checksums(rows)

    monkeypatch.setattr("registry.index.pgvector._with_checksums", cut_off)
    store.add_vectors(NAMES[COUNT:], ROWS[COUNT:], space="s", kind="model")
    assert "will follow when it is asked: postgresql://" in caplog.text
    with pytest.raises(StorageError, match=r"^postgresql://[^\n]*cannot be reached any more[^\n]*$"):
        nearest(store, "m1")

    monkeypatch.undo()
    assert_right(store, NAMES)
    assert collections(store) == [name]


# -- beside the catalog ------------------------------------------------------------------------------


def test_the_catalog_knows_nothing_of_it(store: Registry, tmp_path: Path) -> None:
    before = value(store, "SELECT generation FROM state")
    store.rebuild_index()
    store.verify_index()
    assert value(store, "SELECT generation FROM state") == before

    url = store.catalog.database.location.url
    assert told("--registry", url, "db", "upgrade") == (0, "The database is up to date\n")
    assert told("--registry", url, "verify")[0] == 0
    assert told("--registry", url, "doctor")[0] == 0
    with store.catalog.database.read() as session:
        ours = {"include_name": lambda name, kind, _: kind != "table" or not name.startswith("fute_index_")}
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True, **ours})
        assert compare_metadata(context, Base.metadata) == []
    copy(located(url), located(tmp_path / "folder"))
    with Registry.open(tmp_path / "folder") as folder:
        assert_right(folder)
        assert told("--registry", str(tmp_path / "folder"), "verify")[0] == 0


def test_a_registry_of_an_older_schema_is_upgraded_beside_it(store: Registry) -> None:
    (name,) = collections(store)
    url = store.catalog.database.location.url
    with store.catalog.database.beside() as connection:
        command.downgrade(alembic_config(connection), "0007")

    code, said = told("--registry", url, "db", "upgrade")

    assert (code, said.count("\n")) == (0, 1), said
    assert collections(store) == [name]
    with Registry.open(url) as again:
        assert_right(again)


@pytest.mark.parametrize("is_chosen", [True, False])
def test_a_space_that_is_removed_leaves_no_table(store: Registry, *, is_chosen: bool) -> None:
    store.add_space("kept", SpaceSpec.imported("others", WIDE), corpus=None)
    store.add_vectors(NAMES[COUNT : COUNT + 3], ROWS[COUNT : COUNT + 3], space="kept", kind="model")
    assert len(collections(store)) == 2

    if not is_chosen:
        store.use_index("auto")  # another client's tables, as far as this one knows

    store.remove_space("s")

    (name,) = collections(store)
    assert store.catalog.spaces.get("kept").fingerprint[:32] in name
    assert len(store.nearest(NAMES[COUNT], space="kept")) == 2


# -- how it is chosen --------------------------------------------------------------------------------


@pytest.mark.file
def test_a_folder_has_none(registry: Registry) -> None:
    with pytest.raises(InputError, match=r"own PostgreSQL database; this registry is a folder\.$"):
        registry.use_index("pgvector")

    assert not (registry.folder / "index" / "kind").exists()


def test_it_is_chosen_by_a_command_and_left_again(store: Registry) -> None:
    url = store.catalog.database.location.url

    assert told("--registry", url, "index", "use", "pgvector") == (0, "Index in use: pgvector\n")
    assert told("--registry", url, "index", "verify") == (0, f"s: {COUNT} vectors, collection sound; ok\n")
    assert told("--registry", url, "index", "rebuild") == (0, f"Index rebuilt: {COUNT} vectors\n")
    code, said = told("--registry", url, "index", "use", "pgvector", "--address", "http://host:1")
    assert (code, said) == (
        2,
        "Error: An index of the kind 'pgvector' has no address: it lies in the registry's own database.\n",
    )
    assert told("--registry", url, "index", "use", "auto") == (0, "Index in use: auto\n")
    with Registry.open(url) as registry:
        assert_right(registry)


def test_rows_that_are_too_wide_are_refused_before_it_is_chosen(served: str) -> None:
    with Registry.create(served) as registry:
        registry.add_space("wide", SpaceSpec.imported("by hand", 16_001), corpus=None)

        with pytest.raises(InputError, match=r"'wide' has vectors of 16,001 numbers.*at most 16,000"):
            registry.use_index("pgvector")

        assert not (registry.folder / "index" / "kind").exists()


@contextmanager
def _own_database(owner: str = "") -> Iterator[tuple[str, str]]:
    """Make a database of its own; yield the URL for its owner, and the one for who may do everything."""
    name, main = f"t_{uuid.uuid4().hex[:12]}", server()
    if main is None or "/postgres?" not in main:
        pytest.skip("needs a PostgreSQL server of the tests' own")
    url = main.replace("/postgres?", f"/{name}?")
    with psycopg.connect(main, autocommit=True) as connection:
        if owner:
            connection.execute(f"CREATE ROLE {owner} LOGIN")
        connection.execute(f"CREATE DATABASE {name} {f'OWNER {owner}' if owner else ''}")
        try:
            yield url.replace("postgres@", f"{owner or 'postgres'}@"), url
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            if owner:
                connection.execute(f"DROP ROLE {owner}")


def test_without_the_right_to_create_the_extension_it_is_told_who_has_it() -> None:
    with _own_database(owner=f"r_{uuid.uuid4().hex[:12]}") as (url, of_all):
        with Registry.create(url):
            pass

        code, said = told("--registry", url, "index", "use", "pgvector")

        assert (code, said.count("\n")) == (2, 1), said
        assert "has no extension 'vector', of pgvector (permission denied" in said
        with psycopg.connect(of_all, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
        assert told("--registry", url, "index", "use", "pgvector")[0] == 0


def test_an_old_pgvector_is_refused() -> None:
    with _own_database() as (url, _):
        with Registry.create(url) as registry:
            registry.use_index("pgvector")
            registry.use_index("auto")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")

        code, said = told("--registry", url, "index", "use", "pgvector")

        assert (code, said.count("\n")) == (2, 1), said
        assert "has pgvector 0.7.4, and 0.8 is needed" in said
