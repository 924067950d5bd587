"""Snapshots of the index: whole or not at all, and never the cause of another answer."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.index.faiss_flat import VectorIndex
from registry.index.snapshot import SnapshotDamagedError, SnapshotHeader, read_snapshot, write_snapshot
from registry.ranking.matches import Match
from registry.spaces.spec import Facet, SpaceSpec
from registry.spaces.vectors import unit

FACETS = (Facet("inputs", 3), Facet("answers", 5))
SPEC = SpaceSpec("5" * 64, "here", "textemb", {}, FACETS, None)
NAMES = ("a", "b", "c", "d", "e", "f")
HEADER = SnapshotHeader("f" * 64, 7, len(NAMES), 8)


def vectors() -> NDArray[np.float32]:
    return unit(np.random.default_rng(0).normal(size=(len(NAMES), 8)).astype(np.float32))


def built(matrix: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> VectorIndex:
    ids = np.arange(1, len(matrix) + 1) if ids is None else ids
    return VectorIndex.build(ids, matrix, np.ones(len(matrix), bool), FACETS)


def task(name: str) -> TaskData:
    return TaskData("classification", ("x", "y"), (Example(name, "x"), Example("other", "y")))


# -- the file ----------------------------------------------------------------------------------------


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "index" / "s.idx"
    write_snapshot(path, built(vectors()), HEADER)
    return path


def is_refused(path: Path, body: bytes) -> bool:
    path.write_bytes(body)
    try:
        read_snapshot(path, FACETS)
    except SnapshotDamagedError:
        return True
    return False


def test_a_snapshot_is_read_back_as_it_was_written(snapshot: Path) -> None:
    header, index = read_snapshot(snapshot, FACETS)

    expected = built(vectors())
    assert header == HEADER
    assert index.ids.tolist() == expected.ids.tolist()
    assert index.rows().tolist() == expected.rows().tolist()
    assert index.centre.tolist() == expected.centre.tolist()


def test_an_index_that_was_read_back_answers_as_before(snapshot: Path) -> None:
    _, index = read_snapshot(snapshot, FACETS)
    weights, among = {"inputs": 0.25, "answers": 0.75}, np.array([2, 3, 5])

    found = index.nearest(vectors()[0], limit=3, weights=weights, among=among)

    assert found == built(vectors()).nearest(vectors()[0], limit=3, weights=weights, among=among)


def test_a_snapshot_of_nothing_is_read_back(tmp_path: Path) -> None:
    header = replace(HEADER, count=0)
    write_snapshot(tmp_path / "s.idx", built(np.zeros((0, 8), np.float32)), header)

    found, index = read_snapshot(tmp_path / "s.idx", FACETS)

    assert (found, len(index)) == (header, 0)


def test_a_snapshot_replaces_the_one_before_and_leaves_nothing_else(snapshot: Path) -> None:
    write_snapshot(snapshot, built(-vectors()), replace(HEADER, generation=8))

    header, index = read_snapshot(snapshot, FACETS)

    assert header.generation == 8
    assert index.rows().tolist() == built(-vectors()).rows().tolist()
    assert [path.name for path in snapshot.parent.iterdir()] == ["s.idx"]


def test_drafts_that_a_killed_process_left_are_swept(snapshot: Path) -> None:
    (snapshot.parent / "s.idx.0123.tmp").write_bytes(b"half")
    (snapshot.parent / "other.idx.0123.tmp").write_bytes(b"of another space, perhaps at work")

    write_snapshot(snapshot, built(vectors()), HEADER)

    assert sorted(path.name for path in snapshot.parent.iterdir()) == ["other.idx.0123.tmp", "s.idx"]


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_flipped_bit_in_any_byte_of_the_header_is_noticed(snapshot: Path, bit: int) -> None:
    body = snapshot.read_bytes()
    area = 44 + int.from_bytes(body[8:12], "little")
    assert area < len(body)

    flipped = (body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :] for place in range(area))

    assert [place for place, damaged in enumerate(flipped) if not is_refused(snapshot, damaged)] == []


def test_a_flipped_bit_anywhere_else_is_noticed(snapshot: Path) -> None:
    body, rng = snapshot.read_bytes(), np.random.default_rng(0)
    header = 44 + int.from_bytes(body[8:12], "little")
    places = [(int(rng.integers(header, len(body))), 1 << int(rng.integers(8))) for _ in range(200)]

    unnoticed = [
        (place, bit)
        for place, bit in places
        if not is_refused(snapshot, body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :])
    ]

    assert unnoticed == []


def test_a_snapshot_that_is_cut_or_goes_on_is_noticed(snapshot: Path) -> None:
    body, rng = snapshot.read_bytes(), np.random.default_rng(0)
    lengths = [*range(60), len(body) - 1, *map(int, rng.integers(0, len(body), 200))]

    assert [length for length in lengths if not is_refused(snapshot, body[:length])] == []
    assert is_refused(snapshot, body + b"\0")


def test_a_snapshot_that_is_not_there_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"s\.idx"):
        read_snapshot(tmp_path / "s.idx", FACETS)


# -- through the registry ----------------------------------------------------------------------------


@pytest.fixture
def embedded(registry: Registry) -> Registry:
    space = registry.add_space("s", SPEC, corpus=None)
    versions = [registry.add_task(name, task(name)).version_id for name in NAMES]
    kept = [
        registry.catalog.embeddings.put(version, space, vector, {})
        for version, vector in zip(versions, vectors(), strict=True)
    ]
    assert len(kept) == len(NAMES)
    registry.rebuild_index()
    return registry


def file_of(registry: Registry) -> Path:
    return registry.folder / "index" / f"{SPEC.fingerprint()}.idx"


def answers(folder: Path) -> list[Match]:
    """Ask as a process would that has just started."""
    with Registry.open(folder) as fresh:
        return list(fresh.nearest("a"))


def delete_folder(registry: Registry) -> None:
    shutil.rmtree(registry.folder / "index")


def cut(registry: Registry) -> None:
    file_of(registry).write_bytes(file_of(registry).read_bytes()[:-10])


def flip(registry: Registry) -> None:
    body = bytearray(file_of(registry).read_bytes())
    body[-40] ^= 1
    file_of(registry).write_bytes(body)


def fill_with_garbage(registry: Registry) -> None:
    file_of(registry).write_bytes(b"\x80garbage" * 500)


def make_empty(registry: Registry) -> None:
    file_of(registry).write_bytes(b"")


def header_of(registry: Registry) -> SnapshotHeader:
    """Return what a snapshot must say of itself to be used."""
    space = registry.catalog.spaces.get("s")
    return SnapshotHeader(space.fingerprint, space.generation, space.vectors, space.dimension, space.mark)


def put_an_older_generation(registry: Registry) -> None:
    header = header_of(registry)
    put(registry, replace(header, generation=header.generation - 1))


def put_one_of_another_history(registry: Registry) -> None:
    put(registry, replace(header_of(registry), mark="0" * 32))


def put_one_of_an_older_release(registry: Registry) -> None:
    put(registry, replace(header_of(registry), mark=None))


def put_another_spaces(registry: Registry) -> None:
    put(registry, replace(header_of(registry), fingerprint="0" * 64))


def put_one_of_fewer(registry: Registry) -> None:
    write_snapshot(file_of(registry), built(vectors()[:2]), replace(header_of(registry), count=2))


def put(registry: Registry, header: SnapshotHeader) -> None:
    write_snapshot(file_of(registry), built(vectors()[::-1].copy()), header)


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        (delete_folder, "missing"),
        (cut, "damaged"),
        (flip, "damaged"),
        (fill_with_garbage, "damaged"),
        (make_empty, "damaged"),
        (put_an_older_generation, "stale"),
        (put_one_of_another_history, "stale"),
        (put_one_of_an_older_release, "stale"),
        (put_another_spaces, "stale"),
        (put_one_of_fewer, "stale"),
    ],
)
def test_whatever_happens_to_the_snapshot_the_answers_stay_the_same(
    embedded: Registry, caplog: pytest.LogCaptureFixture, damage: Callable[[Registry], None], state: str
) -> None:
    before = answers(embedded.folder)
    damage(embedded)
    caplog.clear()

    assert answers(embedded.folder) == before
    assert caplog.record_tuples == [
        ("registry", logging.WARNING, f"Index of space 's' was {state}: rebuilt from the catalog.")
    ]

    caplog.clear()
    assert answers(embedded.folder) == before
    assert caplog.record_tuples == []


def test_a_sound_snapshot_is_used_and_not_written_again(embedded: Registry, caplog: pytest.LogCaptureFixture) -> None:
    before = file_of(embedded).stat()

    answers(embedded.folder)

    assert file_of(embedded).stat().st_mtime_ns == before.st_mtime_ns
    assert caplog.record_tuples == []


def test_a_rebuild_sweeps_the_drafts_of_killed_processes(embedded: Registry) -> None:
    draft = file_of(embedded).with_name(f"{file_of(embedded).name}.0123.tmp")
    draft.write_bytes(b"half")
    file_of(embedded).unlink()

    answers(embedded.folder)

    assert list((embedded.folder / "index").iterdir()) == [file_of(embedded)]


def test_an_index_folder_that_cannot_be_written_does_not_keep_answers_back(
    embedded: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    before = answers(embedded.folder)
    delete_folder(embedded)
    (embedded.folder / "index").write_text("a file in the folder's place")

    assert answers(embedded.folder) == before
    assert "The index of space 's' could not be saved" in caplog.text
    assert "answers are not affected" in caplog.text


def test_a_snapshot_that_cannot_be_replaced_does_not_keep_answers_back(
    embedded: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    before = answers(embedded.folder)
    file_of(embedded).unlink()
    file_of(embedded).mkdir()

    assert answers(embedded.folder) == before
    assert "could not be saved" in caplog.text
    assert [path.name for path in (embedded.folder / "index").iterdir()] == [file_of(embedded).name]


def test_a_vector_that_another_process_adds_is_found_by_whoever_has_the_index_open(embedded: Registry) -> None:
    with Registry.open(embedded.folder) as other:
        assert "g" not in [match.name for match in other.nearest("a")]

        added = embedded.add_task("g", task("g"))
        space = embedded.catalog.spaces.get("s")
        embedded.catalog.embeddings.put(added.version_id, space, vectors()[0], {})

        best = other.nearest("a", duplicates=True)[0]
        assert (best.name, best.similarity) == ("g", pytest.approx(1.0, abs=1e-6))


def test_an_entry_that_another_process_removes_is_found_no_more(embedded: Registry) -> None:
    with Registry.open(embedded.folder) as other:
        nearest = other.nearest("a")[0].name

        embedded.remove(nearest, "task")

        assert nearest not in [match.name for match in other.nearest("a")]


def test_after_a_backup_is_restored_the_snapshot_of_what_was_lost_is_not_taken_for_what_follows(
    embedded: Registry,
) -> None:
    space = embedded.catalog.spaces.get("s")
    versions = {name: embedded.add_task(name, task(name)).version_id for name in ("lost", "twin")}
    folder = embedded.folder
    embedded.close()

    def embed(name: str, vector: NDArray[np.float32]) -> list[str]:
        with Registry.open(folder) as registry:
            registry.catalog.embeddings.put(versions[name], space, vector, {})
            registry.refresh_index("s")
            return [match.name for match in registry.nearest("a", limit=20, duplicates=True)]

    backup = (folder / "catalog.db").read_bytes()
    assert "lost" in embed("lost", -vectors()[0])
    (folder / "catalog.db").write_bytes(backup)

    assert embed("twin", vectors()[0])[0] == "twin"


# -- verification ------------------------------------------------------------------------------------


def put_well_formed(registry: Registry, index: VectorIndex) -> None:
    """Put an index in place that says all the right things about itself."""
    write_snapshot(file_of(registry), index, header_of(registry))


def faults(registry: Registry) -> tuple[str, int, str, tuple[str, ...]]:
    (found,) = registry.verify_index()
    return found.space, found.vectors, found.snapshot, found.faults


def test_verification_finds_a_sound_index_sound(embedded: Registry) -> None:
    assert faults(embedded) == ("s", 6, "sound", ())


def test_verification_finds_vectors_that_are_not_the_catalogs(embedded: Registry) -> None:
    wrong = vectors()
    wrong[[1, 4]] = wrong[[4, 1]]
    put_well_formed(embedded, built(wrong))

    space, count, state, found = faults(embedded)

    assert (space, count, state) == ("s", 6, "sound")
    assert found[0] == "2 vectors of the index differ from the catalog's"


def test_verification_finds_ids_that_are_not_the_catalogs(embedded: Registry) -> None:
    put_well_formed(embedded, built(vectors(), np.array([1, 2, 3, 4, 5, 66])))

    assert faults(embedded)[3][0] == "the index and the catalog hold different ids"


def test_verification_finds_a_centre_that_is_not_the_catalogs(embedded: Registry) -> None:
    index = built(vectors())
    put_well_formed(embedded, VectorIndex(index.faiss_index, index.centre + np.float32(0.5), FACETS))

    assert len(faults(embedded)[3]) == 1


def test_verification_finds_a_damaged_snapshot(embedded: Registry) -> None:
    flip(embedded)

    assert faults(embedded) == ("s", 6, "damaged", ("the snapshot does not match its checksum",))


@pytest.mark.parametrize(("change", "state"), [(delete_folder, "missing"), (put_an_older_generation, "stale")])
def test_a_snapshot_that_is_missing_or_stale_is_no_fault(
    embedded: Registry, change: Callable[[Registry], None], state: str
) -> None:
    change(embedded)

    assert faults(embedded) == ("s", 6, state, ())


def test_a_rebuild_mends_what_verification_found(embedded: Registry) -> None:
    put_well_formed(embedded, built(-vectors()))
    assert faults(embedded)[3] != ()

    assert embedded.rebuild_index() == 6

    assert faults(embedded) == ("s", 6, "sound", ())


def test_verification_of_an_empty_space_finds_nothing(registry: Registry) -> None:
    registry.add_space("s", SPEC, corpus=None)

    assert faults(registry) == ("s", 0, "missing", ())
