"""The index by codes passes the contract, finds nearly all of what is nearest, and keeps its rows in a file."""

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from operator import mul
from pathlib import Path

import faiss
import numpy as np
import pytest
from index_contract import DIMENSION, FileIndexContract
from numpy.typing import NDArray

from commands.upkeep import INDEX_KINDS
from registry import Registry
from registry.index.contract import DamagedIndexError, FileIndex, Selection
from registry.index.faiss_compressed import EXACT, FaissCompressed
from registry.index.faiss_flat import FaissFlat
from registry.index.kinds import NAMES
from registry.index.stored import StoredRows, checksums_of, write_rows
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

WIDE, MANY = 64, 6_000
ROW = 4 * WIDE  # bytes


class TestFaissCompressed(FileIndexContract):
    def empty(self) -> FileIndex:
        return FaissCompressed.empty(DIMENSION)


def clustered(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Return unit vectors around a few centres, (count, WIDE)."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(40, WIDE))
    rows = centres[random.integers(40, size=count)] + random.normal(size=(count, WIDE))
    return unit(rows.astype(np.float32))


IDS = 3 * np.arange(MANY) + 5
ROWS = clustered(MANY)
QUERIES = clustered(50, seed=1)


@pytest.fixture
def three_threads() -> Iterator[None]:
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    yield
    faiss.omp_set_num_threads(threads)


def made_at(path: Path) -> FaissCompressed:
    """Return an index of all rows, whose file is at a place."""
    made = FaissCompressed.built(path, WIDE, IDS, (ROWS[start : start + 1000] for start in range(0, MANY, 1000)))
    made.tune(QUERIES)
    return made


@pytest.fixture(params=[1, 3], ids=["one-thread", "three-threads"])
def index(
    request: pytest.FixtureRequest, tmp_path: Path, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> FaissCompressed:
    """An index whose codes are scanned by one thread, or in parts."""
    monkeypatch.setattr("registry.index.faiss_compressed.LEAST_PART", MANY // request.param)
    return made_at(tmp_path / "some.rows")


@pytest.fixture
def stored(tmp_path: Path) -> StoredRows:
    """The first 64 rows in a file."""
    return StoredRows(tmp_path / "some.rows", WIDE, write_rows(tmp_path / "some.rows", [ROWS[:40], ROWS[40:64]]))


def exact(ids: NDArray[np.int64] = IDS, rows: NDArray[np.float32] = ROWS) -> FaissFlat:
    flat = FaissFlat.empty(WIDE)
    flat.add(ids, rows)
    return flat


def share_found(index: FileIndex, truth: FileIndex, where: Selection | None = None, *, limit: int = 10) -> float:
    """Return how many of the nearest are found, whose similarities must be exact."""
    shares = []
    for query in QUERIES:
        best = {n.id: n.similarity for n in truth.nearest(query, limit=limit, where=where)}
        found = index.nearest(query, limit=limit, where=where)
        assert [n.similarity for n in found] == sorted((n.similarity for n in found), reverse=True)
        right = [n for n in found if n.id in best]
        np.testing.assert_allclose([n.similarity for n in right], [best[n.id] for n in right], rtol=0, atol=1e-5)
        shares.append(len({n.id for n in found} & best.keys()) / len(best))
    return float(np.mean(shares))


def test_nearly_all_of_the_nearest_are_found_and_their_similarities_are_exact(index: FaissCompressed) -> None:
    assert share_found(index, exact()) >= 0.99
    assert index.recall is not None
    assert index.recall >= 0.99


ODD = np.random.default_rng(11).normal(size=(40, WIDE)).astype(np.float32)
QUESTIONS = {
    "rows": lambda rows: rows[:40],
    "between two": lambda rows: unit(rows[:40] + rows[40:80]),
    "a part of the numbers": lambda rows: rows[:40] * (ODD < -0.25),
    "unlike any": lambda _: unit(ODD),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "rows",
    [clustered(20_000), unit(np.random.default_rng(3).normal(size=(20_000, WIDE)).astype(np.float32))],
    ids=["clusters", "no structure"],
)
def test_the_nearest_are_found_whatever_is_asked_and_among_whatever(
    tmp_path: Path, rows: NDArray[np.float32], question: str
) -> None:
    """As many candidates as are enough for rows themselves found a tenth to nine tenths of them for other questions."""
    ids, asked = np.arange(len(rows)), QUESTIONS[question](rows)
    index, truth = FaissCompressed.built(tmp_path / "some.rows", WIDE, ids, [rows]), exact(ids, rows)

    shares = []
    for query in asked:
        least = truth.nearest(query, limit=10)[-1].similarity - 1e-6
        shares.append(np.mean([n.similarity >= least for n in index.nearest(query, limit=10)]))

    assert np.mean(shares) >= 0.98


def test_where_a_cluster_ends_hardly_a_row_more_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes tell which rows are of a cluster, not which of them are near: what lies behind it is known to be far."""
    random, wide, size = np.random.default_rng(0), 384, 1_000
    centres = np.repeat(random.normal(size=(20, wide)), size, axis=0)
    rows = unit((centres + random.normal(size=centres.shape)).astype(np.float32))
    index = FaissCompressed.built(tmp_path / "some.rows", wide, np.arange(len(rows)), [rows])
    read: list[int] = []
    take = StoredRows.take

    def counted(stored: StoredRows, places: NDArray[np.int64]) -> NDArray[np.float32]:
        read[-1] += len(places)
        return take(stored, places)

    monkeypatch.setattr(StoredRows, "take", counted)
    for query in rows[:: size // 2]:
        read.append(0)
        least = np.sort(rows @ query)[-10] - 1e-6
        assert sum(n.similarity >= least for n in index.nearest(query, limit=10)) >= 9
    assert 0.8 * size < np.median(read) < 1.1 * size


def test_rows_that_are_all_equal_are_ranked_by_id(tmp_path: Path) -> None:
    rows = np.repeat(ROWS[:2], 5_000, axis=0)
    index = FaissCompressed.built(tmp_path / "some.rows", WIDE, np.arange(10_000), [rows])

    assert [n.id for n in index.nearest(ROWS[1], limit=5)] == [5_000, 5_001, 5_002, 5_003, 5_004]


@pytest.mark.parametrize("rows", [ROWS, unit(np.random.default_rng(3).normal(size=(MANY, WIDE)).astype(np.float32))])
def test_many_neighbours_are_found_as_surely_as_few(tmp_path: Path, rows: NDArray[np.float32]) -> None:
    """Four candidates for each, as many as do for ten, found half of five hundred; of rows without clusters fewer."""
    index, truth = FaissCompressed.built(tmp_path / "some.rows", WIDE, IDS, [rows]), exact(IDS, rows)
    index.tune(QUERIES)

    def found(where: Selection | None = None) -> dict[int, float]:
        return {limit: share_found(index, truth, where, limit=limit) for limit in (21, 60, 250, 700, 2500)}

    assert {limit: share for limit, share in found().items() if share < 0.985} == {}
    assert {limit: share for limit, share in found(Selection(IDS[::2])).items() if share < 0.985} == {}
    for each in (index, truth):
        each.remove(IDS[::7])
    assert {limit: share for limit, share in found().items() if share < 0.985} == {}


def test_codes_that_are_scanned_in_parts_are_found_as_in_one(
    tmp_path: Path, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made_at(tmp_path / "some.rows")
    monkeypatch.setattr("registry.index.faiss_compressed.LEAST_PART", 1_500)
    parted = FaissCompressed.from_bytes(whole.as_bytes(), tmp_path)

    for where in (None, Selection(IDS[::2])):
        found = [parted.nearest(query, limit=10, where=where) for query in QUERIES]
        assert found == [whole.nearest(query, limit=10, where=where) for query in QUERIES]


def test_a_forked_process_scans_with_threads_of_its_own(index: FaissCompressed) -> None:
    before = index.nearest(QUERIES[0], limit=10)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads, of which this is about
        child = os.fork()
    if child == 0:
        signal.alarm(60)  # else it would wait for ever for threads that it has not
        os._exit(0 if index.nearest(QUERIES[0], limit=10) == before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_question_that_gives_most_numbers_no_weight_is_answered_as_well(index: FaissCompressed) -> None:
    asked = QUERIES * np.where(np.arange(WIDE) < WIDE // 2, 1.0, 0.0)

    index.tune(asked[:25])

    assert index.measured_recall(asked[25:]) >= 0.98


@pytest.mark.parametrize("every", [2, 3, 100])  # many that are scanned, and few that are all ranked
def test_only_what_may_be_returned_is(index: FaissCompressed, every: int) -> None:
    where = Selection(IDS[::every])

    assert share_found(index, exact(), where) >= 0.99
    assert {n.id for q in QUERIES for n in index.nearest(q, limit=10, where=where)} <= set(IDS[::every].tolist())


def test_a_filter_that_leaves_few_near_a_question_loses_none_of_the_others(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    groups = np.repeat(random.normal(size=(MANY // 12, 512)), 12, axis=0)
    rows = unit((groups + random.normal(size=groups.shape)).astype(np.float32))
    index = FaissCompressed.built(tmp_path / "some.rows", 512, IDS, [rows])
    index.tune(rows[:50])
    flat = FaissFlat.empty(512)
    flat.add(IDS, rows)
    where = Selection(IDS[::3])  # four of each dozen: six of the ten nearest are far away, among many that are as far

    found = [{n.id for n in index.nearest(row, limit=10, where=where)} for row in rows[:60]]
    truth = [{n.id for n in flat.nearest(row, limit=10, where=where)} for row in rows[:60]]

    assert np.mean([len(one & other) / 10 for one, other in zip(found, truth, strict=True)]) >= 0.99


def test_what_came_and_went_since_is_in_every_answer(index: FaissCompressed) -> None:
    gone, new, moved = IDS[::7], IDS[:900] + 1, IDS[1::50]
    where = Selection(IDS[::2])
    index.nearest(QUERIES[0], limit=10, where=where)  # makes ready what must be made anew

    index.remove(gone)
    index.add(new, clustered(900, seed=2))
    index.add(moved, clustered(len(moved), seed=3))

    truth = exact()
    truth.remove(gone)
    truth.add(new, clustered(900, seed=2))
    truth.add(moved, clustered(len(moved), seed=3))
    assert index.ids.tolist() == truth.ids.tolist()
    assert np.array_equal(index.rows(truth.ids), truth.rows(truth.ids))
    assert share_found(index, truth) >= 0.99
    assert share_found(index, truth, where) >= 0.99


def test_it_is_read_with_what_came_and_went(index: FaissCompressed, tmp_path: Path) -> None:
    index.remove(IDS[::7])
    index.add(IDS[:30] + 1, clustered(30, seed=2))
    index.add(IDS[7:8], clustered(1, seed=3))

    read = FaissCompressed.from_bytes(index.as_bytes(), tmp_path)

    assert read.ids.tolist() == index.ids.tolist()
    assert np.array_equal(read.rows(read.ids), index.rows(index.ids))
    assert [read.nearest(q, limit=10) for q in QUERIES] == [index.nearest(q, limit=10) for q in QUERIES]
    assert (read.recall, read.files) == (index.recall, ("some.rows",))


def test_it_is_worn_when_much_has_changed(index: FaissCompressed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.index.faiss_compressed.MOST_BEHIND", 50)
    index.remove(IDS[:600])
    assert not index.is_worn
    index.add(IDS[:1], ROWS[:1])
    assert index.is_worn


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system cannot be asked for what is read later")
@pytest.mark.parametrize("held", [0, 2, 4])
def test_rows_that_the_system_does_not_hold_are_asked_for_all_at_once(
    stored: StoredRows, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    places = np.array([5, 60, 7, 9])
    asked: list[int] = []
    read = os.preadv

    def told(file: int, into: list[object], start: int, flags: int = 0) -> int:
        assert flags or asked == places[held:].tolist()  # nothing is waited for before all are asked for
        if flags and start // ROW not in places[:held]:
            raise BlockingIOError
        return read(file, into, start)

    monkeypatch.setattr(os, "RWF_NOWAIT", 8, raising=False)
    monkeypatch.setattr(os, "preadv", told)
    monkeypatch.setattr(os, "posix_fadvise", lambda _, start, size, how: asked.append(start // size))

    for _ in range(2):  # what was seen before may have been forgotten by the system
        asked.clear()
        assert np.array_equal(stored.take(places), ROWS[places])
        assert asked == places[held:].tolist()


@pytest.mark.parametrize("missing", [(), ("RWF_NOWAIT",), ("RWF_NOWAIT", "posix_fadvise"), ("preadv",)])
def test_what_the_system_has_forgotten_is_read_again_by_what_the_system_has(
    stored: StoredRows, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    for name in missing:
        monkeypatch.delattr(os, name, raising=False)
    for places in (np.arange(64), np.arange(64)[::-3]):
        assert np.array_equal(stored.take(places), ROWS[places])
        if hasattr(os, "posix_fadvise"):
            with stored.path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        assert np.array_equal(stored.take(places), ROWS[places])


@pytest.mark.parametrize("places", [np.arange(64), np.arange(64)[::-1]])
def test_a_file_that_is_cut_while_it_is_open_is_damage(stored: StoredRows, places: NDArray[np.int64]) -> None:
    os.truncate(stored.path, 40 * ROW + 8)

    assert np.array_equal(stored.take(places[places < 40]), ROWS[:64][places[places < 40]])
    with pytest.raises(DamagedIndexError, match="cut off"):
        stored.take(places)


def test_a_checksum_is_the_multilinear_hash_of_a_row_and_tells_all_that_differ() -> None:
    keys = [int(key) for key in np.random.PCG64(2014).random_raw(WIDE)]
    words = np.array(ROWS[3], "<f4").view("<u4").tolist()
    assert checksums_of(ROWS[3:4]).tolist() == [sum(map(mul, keys, words)) % 2**64 >> 32]

    flipped = np.repeat(ROWS[3:4], 32 * WIDE, axis=0).view("<u4")
    flipped[np.arange(32 * WIDE), np.arange(32 * WIDE) // 32] ^= (
        np.uint32(1) << np.arange(32 * WIDE, dtype=np.uint32) % 32
    )
    others = [ROWS, -ROWS, ROWS[:, ::-1], np.roll(ROWS, 1, axis=1), flipped.view("<f4"), np.zeros((1, WIDE))]
    sums = checksums_of(np.concatenate(others))
    assert len(set(sums.tolist())) == len(sums)  # of which two share one with a chance of 1 in 10


def test_a_row_that_was_changed_on_the_disk_is_never_ranked(index: FaissCompressed, tmp_path: Path) -> None:
    path = tmp_path / "some.rows"
    body = bytearray(path.read_bytes())
    body[4 * WIDE * 100 + 3] ^= 0x40
    path.write_bytes(body)

    read = FaissCompressed.from_bytes(index.as_bytes(), tmp_path)

    with pytest.raises(DamagedIndexError):
        read.nearest(ROWS[100], limit=10)
    far = Selection(IDS[MANY - EXACT :])  # rows that are not damaged are ranked as before
    assert read.nearest(ROWS[0], limit=5, where=far) == index.nearest(ROWS[0], limit=5, where=far)


@pytest.mark.parametrize("size", [0, 100, 4 * WIDE * MANY + 4])
def test_a_file_of_rows_that_was_cut_or_goes_on_is_noticed(index: FaissCompressed, tmp_path: Path, size: int) -> None:
    body = index.as_bytes()
    path = tmp_path / "some.rows"
    path.write_bytes(path.read_bytes()[:size].ljust(size, b"\0"))

    with pytest.raises(DamagedIndexError):
        FaissCompressed.from_bytes(body, tmp_path)


def test_vectors_whose_length_is_no_multiple_of_a_part_are_found_as_well(tmp_path: Path) -> None:
    rows = unit(clustered(3000)[:, :37].copy())
    made = FaissCompressed.built(tmp_path / "odd.rows", 37, np.arange(3000), [rows])
    made.tune(rows[:30])
    assert made.measured_recall(rows[30:60]) >= 0.98


# -- of a registry ---------------------------------------------------------------------------------------


def test_the_command_offers_the_kinds_that_there_are() -> None:
    assert NAMES == INDEX_KINDS


@pytest.fixture
def store(tmp_path: Path) -> Registry:
    registry = Registry.create(tmp_path / "store")
    registry.add_space("s", SpaceSpec.imported("by hand", WIDE), corpus=None)
    registry.add_vectors([f"m{i}" for i in range(MANY)], ROWS, space="s", kind="model")
    return registry


def names(registry: Registry, query: str, **asked: object) -> list[str]:
    return [match.name for match in registry.nearest(query, space="s", **asked)]


def test_a_registry_answers_by_each_kind_alike_and_says_what_is_found(store: Registry) -> None:
    by_flat = [names(store, f"m{i}") for i in range(0, MANY, 300)]

    store.use_index("pq")

    by_pq = [names(store, f"m{i}") for i in range(0, MANY, 300)]
    same = [len(set(a) & set(b)) / 10 for a, b in zip(by_flat, by_pq, strict=True)]
    (check,) = store.verify_index()
    assert np.mean(same) >= 0.98
    assert (check.kind, check.snapshot, check.faults) == ("pq", "sound", ())
    assert check.recall >= 0.98
    assert "of the ten nearest are found" in str(store.status())
    with Registry.open(store.folder) as again:  # from the snapshot
        assert [names(again, f"m{i}") for i in range(0, MANY, 300)] == by_pq
    store.use_index("flat")
    assert [names(store, f"m{i}") for i in range(0, MANY, 300)] == by_flat
    assert not list((store.folder / "index").glob("*.rows"))


def test_many_vectors_are_indexed_by_codes_unless_one_chooses_otherwise(
    store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.index.kinds.MANY", MANY)
    store.rebuild_index()
    assert store.verify_index()[0].kind == "pq"
    store.use_index("flat")
    assert store.verify_index()[0].kind == "flat"


def test_a_damaged_row_is_found_by_verify_and_never_answered_with(store: Registry) -> None:
    store.use_index("pq")
    right = names(store, "m100")
    (path,) = (store.folder / "index").glob("*.rows")
    body = bytearray(path.read_bytes())
    for i in range(0, len(body), 4 * WIDE):
        body[i + 3] ^= 0x01
    path.write_bytes(body)

    with Registry.open(store.folder) as again:
        (check,) = again.verify_index()
        assert any("checksum" in fault for fault in check.faults)
        assert names(again, "m100") == right
        assert again.verify_index()[0].faults == ()  # it was made anew


def test_where_no_file_can_be_made_all_are_held_in_memory(store: Registry, caplog: pytest.LogCaptureFixture) -> None:
    right = names(store, "m5")
    store.use_index("pq")
    folder = store.folder / "index"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("no folder")

    with Registry.open(store.folder) as again:
        again._indexes.choice.of = lambda _count: FaissCompressed  # what was chosen went with the folder
        assert names(again, "m5") == right

    assert "held in memory" in caplog.text


@pytest.mark.parametrize(
    "spoil",
    [Path.unlink, lambda path: os.truncate(path, 100), lambda path: path.write_bytes(bytes(path.stat().st_size))],
    ids=["removed", "cut", "overwritten"],
)
def test_an_index_whose_file_is_lost_while_it_is_made_is_held_in_memory(
    store: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object]
) -> None:
    """The folder of indices may be deleted at any time, so also in the midst of this."""
    right = names(store, "m5")
    store.use_index("pq")

    def strike(place: str) -> None:
        if place == "index.rows.synced":
            for path in (store.folder / "index").glob("*.rows"):
                spoil(path)

    monkeypatch.setattr("registry.index.stored.point", strike)
    for path in (store.folder / "index").glob("*.idx"):
        path.unlink()

    with Registry.open(store.folder) as again:
        assert names(again, "m5") == right

    assert "held in memory" in caplog.text
