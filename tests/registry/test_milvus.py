"""An index in Milvus, by milvus-lite: the contract, and answers that are right or refused whatever becomes of it."""

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from index_contract import DIMENSION, IndexContract
from milvus_server import MilvusServer
from tiny_cli import told

from registry import Registry
from registry.errors import InputError, StorageError
from registry.index.contract import DamagedIndexError
from registry.index.milvus import HEAD_ID, MOST, Milvus, MilvusIndex
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

pytest.importorskip("pymilvus", reason="needs pymilvus, of the extra milvus")
pytest.importorskip("milvus_lite", reason="needs milvus-lite, which stands in for a server")

COUNT, WIDE = 90, 12
RANDOM = np.random.default_rng(0)
ROWS = unit(RANDOM.normal(size=(COUNT + 20, WIDE)).astype(np.float32))
NAMES = [f"m{i}" for i in range(COUNT + 20)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    started = MilvusServer(tmp_path_factory.mktemp("milvus"))
    yield started
    started.kill()


@pytest.fixture
def client(server: MilvusServer) -> Milvus:
    return Milvus(server.address)


@pytest.fixture
def store(tmp_path: Path, server: MilvusServer) -> Iterator[Registry]:
    """A registry of models and tasks, whose index lies in the server."""
    with Registry.create(tmp_path / "store") as registry:
        registry.add_space("s", SpaceSpec.imported("by hand", WIDE), corpus=None)
        registry.add_vectors(NAMES[:40], ROWS[:40], space="s", kind="task")
        registry.add_vectors(NAMES[40:COUNT], ROWS[40:COUNT], space="s", kind="model")
        registry.use_index("milvus", server.address)
        yield registry


def nearest(registry: Registry, query: str, **asked: object) -> list[str]:
    return [match.name for match in registry.nearest(query, space="s", **asked)]


def brute_force(query: str, names: Sequence[str]) -> dict[str, float]:
    """Return the ten nearest of some names with their similarities, by numpy."""
    products = {name: float(ROWS[NAMES.index(name)] @ ROWS[NAMES.index(query)]) for name in names if name != query}
    return {name: products[name] for name in sorted(products, key=lambda n: -products[n])[:10]}


def assert_right(registry: Registry, names: Sequence[str] = NAMES[:COUNT]) -> None:
    for query in names[::11]:
        expected = brute_force(query, names)
        found = {match.name: match.similarity for match in registry.nearest(query, space="s")}
        assert list(found) == list(expected)
        assert found == pytest.approx(expected, abs=1e-5)


def collections(client: Milvus, registry: Registry) -> list[str]:
    return client.collections(f"fute_{registry.catalog.database.uuid()}_")


@pytest.fixture(scope="module")
def spare() -> list[str]:
    """The names of collections that tests have left: to make one takes half a second."""
    return []


class TestMilvusIndex(IndexContract):
    @pytest.fixture(autouse=True)
    def _place(self, client: Milvus, spare: list[str]) -> Iterator[None]:
        self.client, self.spare, self.used = client, spare, []
        yield
        spare += self.used

    def empty(self) -> MilvusIndex:
        name = self.spare.pop() if self.spare else ""
        if name:
            self.client.call("delete", name, filter=f"id >= {HEAD_ID}")
            index = MilvusIndex(self.client, name, DIMENSION, {})
        else:
            index = self.client.create(f"contract_{uuid.uuid4().hex}", DIMENSION, {})
        self.used.append(index.name)
        index.end({})
        return index

    def test_more_than_milvus_returns_at_once_is_in_order_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        index, _, rows = self.filled()
        whole = index.nearest(rows[0], limit=30)
        monkeypatch.setattr("registry.index.milvus.MOST", 8)

        by_hand = index.nearest(rows[0], limit=30)

        assert [n.id for n in by_hand] == [n.id for n in whole]
        assert [n.similarity for n in by_hand] == pytest.approx([n.similarity for n in whole], abs=1e-6)

    def test_short_rows_are_read_in_parts_that_milvus_returns_at_once(self) -> None:
        """A server refuses to give more; milvus-lite does not."""
        index, ids, rows = self.filled(MOST + 100)
        assert isinstance(index, MilvusIndex)

        assert max(part.stop - part.start for part in index._parts(len(ids))) + 1 < MOST  # with the head
        assert np.array_equal(index.rows(ids), rows)

    def test_what_another_changes_is_not_answered_with(self) -> None:
        index, ids, rows = self.filled()
        assert isinstance(index, MilvusIndex)
        index.end({})
        other = MilvusIndex.opened(self.client, index.name, DIMENSION, self.client.head(index.name))
        assert other.ids.tolist() == ids.tolist()

        index.begin()

        for ask in (lambda: other.nearest(rows[0], limit=3), lambda: other.rows(ids[:2]), lambda: other.end({})):
            with pytest.raises(DamagedIndexError):
                ask()
        for ask in (lambda: index.nearest(rows[0], limit=3), lambda: index.rows(ids[:2])):
            with pytest.raises(DamagedIndexError):  # it has not said that it is ready
                ask()


# -- the same neighbours as any other index ----------------------------------------------------------


def test_it_gives_the_neighbours_of_the_other_kinds_before_and_after_deletions_and_restarts(
    store: Registry, server: MilvusServer, client: Milvus
) -> None:
    asked = ({}, {"kind": "task"}, {"kind": "model"}, {"limit": 60})

    def answers(registry: Registry) -> list[list[str]]:
        return [nearest(registry, NAMES[i], **how) for i in range(1, COUNT, 20) for how in asked]

    by_milvus = answers(store)
    assert_right(store)
    (name,) = collections(client, store)
    store.use_index("flat")
    assert answers(store) == by_milvus

    store.use_index("milvus")
    for gone in NAMES[2:COUNT:9]:
        store.remove(gone, "task" if gone in NAMES[:40] else "model")
    store.add_vectors(NAMES[COUNT:], ROWS[COUNT:], space="s", kind="model")
    kept = [name for name in NAMES if name not in NAMES[2:COUNT:9]]
    assert_right(store, kept)
    assert collections(client, store) == [name]  # it was brought up to date
    after = answers(store)
    server.kill()
    server.start()
    assert answers(store) == after
    with Registry.open(store.folder) as again:
        assert answers(again) == after
        again.use_index("flat")
        assert answers(again) == after


def test_the_neighbours_of_published_vectors_are_those_of_a_flat_index(
    data: Path, tmp_path: Path, server: MilvusServer
) -> None:
    files = sorted((data / "tupate").glob("*.npy"))
    names, rows = (
        [file.stem for file in files],
        unit(np.stack([np.load(file).ravel() for file in files], dtype=np.float32)),
    )
    with Registry.create(tmp_path / "store") as registry:
        registry.add_space(
            "s", SpaceSpec("1" * 64, "theirs", "tupate", {}, (Facet("map", rows.shape[1]),), None), corpus=None
        )
        registry.add_vectors(names, rows, space="s", kind="model")
        flat = [nearest(registry, name) for name in names]

        registry.use_index("milvus", server.address)

        assert [nearest(registry, name) for name in names] == flat
        assert registry.verify_index()[0].faults == ()


def test_where_the_centre_moves_it_is_made_anew(tmp_path: Path, server: MilvusServer, client: Milvus) -> None:
    with Registry.create(tmp_path / "store") as registry:
        registry.add_space("s", SpaceSpec("1" * 64, "x", "textemb", {}, (Facet("inputs", WIDE),), None), corpus=None)
        registry.add_vectors(NAMES[:20], ROWS[:20], space="s", kind="task")
        registry.use_index("milvus", server.address)
        (first,) = collections(client, registry)
        registry.add_vectors(NAMES[20:40], ROWS[20:40], space="s", kind="task")
        by_milvus = [nearest(registry, name) for name in NAMES[:40]]
        (second,) = collections(client, registry)

        registry.use_index("flat")

        assert [nearest(registry, name) for name in NAMES[:40]] == by_milvus
        assert first != second


# -- what others do ----------------------------------------------------------------------------------


def test_two_users_of_one_registry_share_the_collection(store: Registry, client: Milvus) -> None:
    with Registry.open(store.folder) as other:
        assert_right(other)
        store.add_vectors(NAMES[COUNT:], ROWS[COUNT:], space="s", kind="model")
        assert_right(other, NAMES)
        other.remove("m3", "task")
        assert_right(store, [name for name in NAMES if name != "m3"])
        assert_right(other, [name for name in NAMES if name != "m3"])
    assert len(collections(client, store)) == 1


def test_two_registries_in_one_server_never_mix(store: Registry, tmp_path: Path, server: MilvusServer) -> None:
    with Registry.create(tmp_path / "other") as other:
        other.add_space("s", SpaceSpec.imported("by hand", WIDE), corpus=None)  # the same space
        other.add_vectors(NAMES[:30], ROWS[:30], space="s", kind="task")
        other.use_index("milvus", server.address)

        assert_right(other, NAMES[:30])
        assert_right(store)


def test_a_collection_that_was_dropped_is_made_anew(store: Registry, client: Milvus) -> None:
    (name,) = collections(client, store)
    client.drop(name)

    assert_right(store)
    assert collections(client, store) not in ([], [name])


@pytest.mark.parametrize("is_open", [True, False])
def test_rows_that_somebody_took_away_are_missed(store: Registry, client: Milvus, *, is_open: bool) -> None:
    (name,) = collections(client, store)
    client.call("delete", name, filter=f"id > {HEAD_ID + 20}")

    if is_open:  # fewer are found than there should be
        assert nearest(store, "m1", limit=COUNT)[:10] == list(brute_force("m1", NAMES[:COUNT]))
    else:
        with Registry.open(store.folder) as again:
            assert again.verify_index()[0].snapshot == "damaged"
            assert_right(again)
            assert again.verify_index()[0].faults == ()


def test_a_row_that_somebody_changed_is_never_answered_with(store: Registry, client: Milvus) -> None:
    (name,) = collections(client, store)
    (row,) = client.call("query", name, filter="id == 5", output_fields=["*"])
    target = ROWS[NAMES.index("m50")]
    client.call("upsert", name, [{**row, "vector": target}])

    assert "not what was written" in str(store.verify_index()[0])
    assert nearest(store, "m50") == list(brute_force("m50", NAMES[:COUNT]))
    assert store.verify_index()[0].faults == ()


def test_a_collection_that_another_registry_wrote_under_our_name_is_not_read(store: Registry, client: Milvus) -> None:
    (name,) = collections(client, store)
    client.drop(name)
    stranger = client.create(name, WIDE, {})
    stranger.add(np.arange(1, 4), -ROWS[:3])
    stranger.end({"format": 1, "registry": "0" * 32})

    assert_right(store)


# -- a server that goes away -------------------------------------------------------------------------


def test_a_change_that_was_not_completed_is_not_read(store: Registry, client: Milvus) -> None:
    index = store._indexes.current(store.catalog.spaces.get("s")).index
    assert isinstance(index, MilvusIndex)
    index.begin()
    index.remove(index.ids[:30])  # and then it was killed

    with Registry.open(store.folder) as again:
        assert again.verify_index()[0].snapshot == "stale"
        assert_right(again)
        assert index.name not in collections(client, again)
    assert_right(store)


def test_a_connection_that_is_lost_while_it_catches_up_is_told_and_made_good(
    store: Registry, server: MilvusServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add = MilvusIndex.add

    def cut_off(index: MilvusIndex, ids: np.ndarray, rows: np.ndarray) -> None:
        add(index, ids[:5], rows[:5])
        server.kill()
        monkeypatch.setattr("registry.index.milvus.SECONDS", 2.0)  # nobody will answer
        add(index, ids[5:], rows[5:])

    monkeypatch.setattr(MilvusIndex, "add", cut_off)
    store.add_vectors(NAMES[COUNT:], ROWS[COUNT:], space="s", kind="model")
    assert "will follow when it is asked: Milvus at" in caplog.text
    with pytest.raises(StorageError, match=r"^Milvus at http://127.0.0.1:\d+ does not answer .*use auto'\.$"):
        nearest(store, "m1")

    monkeypatch.undo()
    server.start()
    assert_right(store, NAMES)


def test_a_server_that_is_away_is_told_in_one_line_and_one_may_go_on_without(
    store: Registry, server: MilvusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.kill()
    monkeypatch.setattr("registry.index.milvus.SECONDS", 2.0)  # nobody will answer
    try:
        code, said = told("--registry", store.folder, "nearest", "m1", "--space", "s")
        assert (code, said.count("\n")) == (1, 1)
        assert said.startswith(f"Error: Milvus at {server.address} does not answer")
        with pytest.raises(StorageError, match="does not answer"):
            store.verify_index()
        store.use_index("auto")
        assert_right(store)
    finally:
        server.start()


def test_a_space_that_is_removed_leaves_no_collection(store: Registry, client: Milvus) -> None:
    store.remove_space("s")

    assert collections(client, store) == []


def test_a_space_is_removed_also_where_its_collection_cannot_be(
    store: Registry,
    client: Milvus,
    server: MilvusServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.kill()
    monkeypatch.setattr("registry.index.milvus.SECONDS", 2.0)  # nobody will answer
    try:
        store.remove_space("s")
        assert "The index of space 's' stays where it is: Milvus at" in caplog.text
        assert list(store.spaces()) == []
    finally:
        server.start()


# -- how it is chosen --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://ann:hidden@host:19530", "holds no secret"),
        ("http://host?token=hidden", "holds no secret"),
        ("ftp://host", "Not an address"),
        ("http://host:x", "Not an address"),
        ("vectors.sqlite", "is no address"),
        ("nowhere/vectors.db", "is no address"),
    ],
)
def test_what_is_no_address_is_refused_and_no_secret_is_kept(
    registry: Registry, address: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=problem) as error:
        registry.use_index("milvus", address)
    monkeypatch.setenv("FUTE_MILVUS", address)
    with pytest.raises(InputError, match=problem):
        registry.use_index("milvus")

    assert "hidden" not in str(error.value)
    assert not (registry.folder / "index" / "kind").exists()


def test_without_an_address_or_for_files_it_is_refused(registry: Registry) -> None:
    with pytest.raises(InputError, match="Where is Milvus"):
        registry.use_index("milvus")
    with pytest.raises(InputError, match="has no address"):
        registry.use_index("flat", "http://localhost:19530")


def test_a_server_that_is_not_there_is_not_chosen(registry: Registry) -> None:
    with pytest.raises(StorageError, match="does not answer"):
        registry.use_index("milvus", "http://127.0.0.1:1")

    assert not (registry.folder / "index" / "kind").exists()


def test_it_is_chosen_by_a_command_and_lies_in_a_file_of_milvus_lite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUTE_MILVUS_TOKEN", "root:never-written-down")
    with Registry.create("store") as registry:
        registry.add_space("s", SpaceSpec.imported("by hand", WIDE), corpus=None)
        registry.add_vectors(NAMES[:30], ROWS[:30], space="s", kind="task")

    assert told("--registry", "store", "index", "use", "milvus", "--address", "here.db") == (
        0,
        "Index in use: milvus\n",
    )
    code, said = told("--registry", "store", "index", "verify")

    assert (code, said) == (0, "s: 30 vectors, collection sound; ok\n")
    assert (tmp_path / "store" / "index" / "milvus").read_text() == str(tmp_path / "here.db")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"never-written" in path.read_bytes()]
    assert told("--registry", "store", "index", "rebuild") == (0, "Index rebuilt: 30 vectors\n")
