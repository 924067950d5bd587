"""Snapshots of the index: whole or not at all, followed by what came after, and never the cause of another answer."""

import logging
import operator
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.errors import NotFoundError
from registry.index import current
from registry.index.contract import Selection
from registry.index.faiss_flat import FaissFlat
from registry.index.kinds import KINDS as BACK_ENDS
from registry.index.snapshot import (
    Change,
    Snapshot,
    SnapshotDamagedError,
    SnapshotFiles,
    SnapshotHeader,
    SnapshotOutdatedError,
    hash_of,
)
from registry.ranking.matches import Match
from registry.spaces.centring import Centring, centre_of
from registry.spaces.facets import Facet, Facets
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

FACETS = Facets((Facet("inputs", 3), Facet("answers", 5)))
SPEC = SpaceSpec("5" * 64, "here", "textemb", {}, FACETS, None)
NAMES = ("a", "b", "c", "d", "e", "f")
FINGERPRINT = "f" * 64
MARKS = [digit * 32 for digit in "0123456789"]


def vectors() -> NDArray[np.float32]:
    return unit(np.random.default_rng(0).normal(size=(len(NAMES), 8)).astype(np.float32))


def centring_of(matrix: NDArray[np.float32]) -> Centring:
    return Centring(FACETS, centre_of(matrix, np.ones(len(matrix), bool)))


def rows() -> NDArray[np.float32]:
    return centring_of(vectors()).centred(vectors())


def built(matrix: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> FaissFlat:
    index = FaissFlat.empty(8)
    if len(matrix):
        index.add(np.arange(1, len(matrix) + 1) if ids is None else ids, centring_of(matrix).centred(matrix))
    return index


CENTRE = centring_of(vectors()).centre
HEADER = SnapshotHeader(FINGERPRINT, 8, "flat", 0, hash_of(CENTRE), 7, MARKS[0])


def task(name: str) -> TaskData:
    return TaskData("classification", ("x", "y"), (Example(name, "x"), Example("other", "y")))


# -- the base ----------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> SnapshotFiles:
    made = SnapshotFiles(tmp_path / "index", FINGERPRINT)
    made.write(built(vectors()), CENTRE, HEADER)
    return made


def content(snapshot: Snapshot) -> tuple[list[int], list[list[float]]]:
    ids = snapshot.index.ids
    return ids.tolist(), snapshot.index.rows(ids).tolist()


def is_refused(files: SnapshotFiles, body: bytes) -> bool:
    files.base.write_bytes(body)
    try:
        files.read(BACK_ENDS)
    except SnapshotDamagedError:
        return True
    return False


def test_a_snapshot_is_read_back_as_it_was_written(files: SnapshotFiles) -> None:
    snapshot = files.read(BACK_ENDS)

    assert snapshot.header == HEADER
    assert snapshot.is_whole
    assert snapshot.centre.tolist() == CENTRE.tolist()
    assert content(snapshot) == ([1, 2, 3, 4, 5, 6], rows().tolist())


def test_an_index_that_was_read_back_answers_as_before(files: SnapshotFiles) -> None:
    index, where = files.read(BACK_ENDS).index, Selection(np.array([2, 3, 5]))

    assert index.nearest(rows()[0], limit=3, where=where) == built(vectors()).nearest(rows()[0], limit=3, where=where)


def test_a_snapshot_of_nothing_is_read_back(files: SnapshotFiles) -> None:
    files.write(FaissFlat.empty(8), CENTRE, HEADER)

    assert content(files.read(BACK_ENDS)) == ([], [])


def test_a_snapshot_replaces_the_one_before_and_leaves_nothing_else(files: SnapshotFiles) -> None:
    files.append(change(MARKS[1], removed=[1]), HEADER)
    files.write(built(-vectors()), -CENTRE, replace(HEADER, generation=8, centre=hash_of(-CENTRE)))

    snapshot = files.read(BACK_ENDS)

    assert snapshot.header.generation == 8
    assert content(snapshot)[1] == (-rows()).tolist()
    assert list(files.base.parent.iterdir()) == [files.base]


def test_drafts_that_a_killed_process_left_are_swept(files: SnapshotFiles) -> None:
    folder = files.base.parent
    (folder / f"{FINGERPRINT}.idx.0123.tmp").write_bytes(b"half")
    (folder / "other.idx.0123.tmp").write_bytes(b"of another space, perhaps at work")

    files.write(built(vectors()), CENTRE, HEADER)

    assert sorted(path.name for path in folder.iterdir()) == [files.base.name, "other.idx.0123.tmp"]


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_flipped_bit_in_any_byte_of_the_header_is_noticed(files: SnapshotFiles, bit: int) -> None:
    body = files.base.read_bytes()
    area = 44 + int.from_bytes(body[8:12], "little")
    assert area < len(body)

    flipped = (body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :] for place in range(area))

    assert [place for place, damaged in enumerate(flipped) if not is_refused(files, damaged)] == []


def test_a_flipped_bit_anywhere_else_is_noticed(files: SnapshotFiles) -> None:
    body, rng = files.base.read_bytes(), np.random.default_rng(0)
    header = 44 + int.from_bytes(body[8:12], "little")
    places = [(int(rng.integers(header, len(body))), 1 << int(rng.integers(8))) for _ in range(200)]

    unnoticed = [
        (place, bit)
        for place, bit in places
        if not is_refused(files, body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :])
    ]

    assert unnoticed == []


def test_a_snapshot_that_is_cut_or_goes_on_is_noticed(files: SnapshotFiles) -> None:
    body, rng = files.base.read_bytes(), np.random.default_rng(0)
    lengths = [*range(60), len(body) - 1, *map(int, rng.integers(0, len(body), 200))]

    assert [length for length in lengths if not is_refused(files, body[:length])] == []
    assert is_refused(files, body + b"\0")


def test_a_centre_that_is_not_the_headers_is_noticed(files: SnapshotFiles) -> None:
    files.write(built(vectors()), CENTRE + np.float32(0.5), HEADER)

    with pytest.raises(SnapshotDamagedError, match="another centre than its header says"):
        files.read(BACK_ENDS)


def test_a_snapshot_that_is_not_there_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"s\.idx"):
        SnapshotFiles(tmp_path, "s").read(BACK_ENDS)


@pytest.mark.parametrize("magic", [b"FUTEIDX1", b"FUTEIDX2", b"FUTEIDX4"])
def test_a_snapshot_of_a_former_release_is_outdated_and_not_damaged(files: SnapshotFiles, magic: bytes) -> None:
    files.base.write_bytes(magic + b"whatever it held")

    with pytest.raises(SnapshotOutdatedError):
        files.read(BACK_ENDS)
    assert files.head() is None


# -- the log behind it -------------------------------------------------------------------------------


def change(mark: str, *, removed: list[int] = [], added: dict[int, int] = {}, generation: int = 8) -> Change:  # noqa: B006
    """Return a change that removes ids, and gives others the row of this number, turned round."""
    ids = np.array(list(added), np.int64)
    return Change(generation, mark, np.array(removed, np.int64), ids, -rows()[list(added.values())])


@pytest.fixture
def followed(files: SnapshotFiles) -> SnapshotFiles:
    """A snapshot with three records behind its base."""
    header = HEADER
    for number, its in enumerate(
        (change(MARKS[1], added={9: 0}), change(MARKS[2], removed=[2, 9]), change(MARKS[3], added={2: 1, 3: 2})),
        start=8,
    ):
        files.append(replace(its, generation=number), header)
        header = replace(header, generation=number, mark=its.mark)
    return files


def states() -> dict[str, tuple[list[int], list[list[float]]]]:
    """Return what the snapshot `followed` holds at each of its marks."""
    first = dict(enumerate(rows().tolist(), start=1))
    second = {**first, 9: (-rows()[0]).tolist()}
    third = {i: row for i, row in second.items() if i not in (2, 9)}
    fourth = {**third, 2: (-rows()[1]).tolist(), 3: (-rows()[2]).tolist()}
    made = zip(MARKS, (first, second, third, fourth), strict=False)
    return {mark: (sorted(its), [its[i] for i in sorted(its)]) for mark, its in made}


def test_what_was_appended_is_read_with_the_base(followed: SnapshotFiles) -> None:
    snapshot = followed.read(BACK_ENDS)

    assert (snapshot.header.mark, snapshot.header.generation, snapshot.is_whole) == (MARKS[3], 10, True)
    assert content(snapshot) == states()[MARKS[3]]


def test_an_addition_leaves_the_base_as_it_is(files: SnapshotFiles) -> None:
    before = files.base.read_bytes()

    files.append(change(MARKS[1], added={9: 0}), HEADER)

    assert files.base.read_bytes() == before


def test_the_head_tells_where_the_files_stand(followed: SnapshotFiles) -> None:
    assert followed.head() == followed.read(BACK_ENDS).header


def test_the_head_of_a_base_alone_is_its_header(files: SnapshotFiles) -> None:
    assert files.head() == HEADER


def test_a_log_of_a_former_base_is_not_followed(followed: SnapshotFiles) -> None:
    log = followed.log.read_bytes()
    followed.write(built(vectors()), CENTRE, replace(HEADER, mark=MARKS[7]))
    followed.log.write_bytes(log)  # as if the process had been killed before it dropped it

    snapshot = followed.read(BACK_ENDS)

    assert (snapshot.header.mark, snapshot.is_whole) == (MARKS[7], True)
    assert content(snapshot)[0] == [1, 2, 3, 4, 5, 6]
    assert followed.head() is None


def test_a_record_that_follows_something_else_ends_the_log(followed: SnapshotFiles) -> None:
    followed.append(change(MARKS[5], removed=[1]), replace(HEADER, mark=MARKS[4]))

    assert followed.read(BACK_ENDS).header.mark == MARKS[3]


def test_a_log_that_is_cut_anywhere_holds_what_is_whole(followed: SnapshotFiles) -> None:
    body, wrong, marks = followed.log.read_bytes(), [], set()
    for length in range(0, len(body), 5):
        followed.log.write_bytes(body[:length])
        snapshot = followed.read(BACK_ENDS)
        marks.add(snapshot.header.mark)
        if content(snapshot) != states()[str(snapshot.header.mark)]:
            wrong.append(length)

    assert wrong == []
    assert marks == set(MARKS[:3])


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_flipped_bit_in_the_log_gives_no_wrong_row(followed: SnapshotFiles, bit: int) -> None:
    body, wrong = followed.log.read_bytes(), []
    for place in range(bit % 7, len(body), 7):
        followed.log.write_bytes(body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :])
        snapshot = followed.read(BACK_ENDS)
        if snapshot.is_whole or content(snapshot) != states()[str(snapshot.header.mark)]:
            wrong.append(place)

    assert wrong == []


def test_nothing_is_appended_behind_a_record_that_is_cut_off(followed: SnapshotFiles) -> None:
    followed.log.write_bytes(followed.log.read_bytes()[:-3])

    assert followed.head() is None


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
    centre = registry.catalog.embeddings.centring(space.id).centre
    return SnapshotHeader(
        space.fingerprint, space.dimension, "flat", space.epoch, hash_of(centre), space.generation, space.mark
    )


def put_an_older_generation(registry: Registry) -> None:
    header = header_of(registry)
    put(registry, replace(header, generation=header.generation - 1))


def put_one_of_another_history(registry: Registry) -> None:
    put(registry, replace(header_of(registry), mark="0" * 32))


def put_one_without_a_mark(registry: Registry) -> None:
    put(registry, replace(header_of(registry), mark=None))


def put_another_spaces(registry: Registry) -> None:
    put(registry, replace(header_of(registry), fingerprint="0" * 64))


def put_one_of_a_former_release(registry: Registry) -> None:
    file_of(registry).write_bytes(b"FUTEIDX1" + b"whatever it held")


def put(registry: Registry, header: SnapshotHeader) -> None:
    """Put a snapshot in place that holds the right centre and wrong rows."""
    files = SnapshotFiles(registry.folder / "index", SPEC.fingerprint())
    files.write(built(vectors()[::-1].copy()), registry.catalog.embeddings.centring(1).centre, header)


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
        (put_one_without_a_mark, "stale"),
        (put_another_spaces, "stale"),
        (put_one_of_a_former_release, "stale"),
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


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_the_snapshot_of_a_space_goes_with_it_and_others_stay(registry: Registry, kind: str) -> None:
    registry.use_index(kind)
    for name, seed in (("gone", 1), ("kept", 2)):
        registry.add_space(name, replace(SPEC, method="imported", seed=seed), corpus=None)
        registry.add_vectors(NAMES, vectors(), space=name, kind="model")
    before = list(registry.nearest("a", space="kept"))
    kept = registry.catalog.spaces.get("kept").fingerprint
    folder = registry.folder / "index"
    (folder / f"{registry.catalog.spaces.get('gone').fingerprint}.idx.1.tmp").touch()  # left by one that was killed

    registry.remove_space("gone")

    assert {file.name.split(".")[0] for file in folder.iterdir()} == {kept, "kind"}
    assert list(registry.nearest("a", space="kept")) == before
    with Registry.open(registry.folder) as again:
        assert list(again.nearest("a", space="kept")) == before


@pytest.mark.parametrize("step", ["built", "Indexes._built"])
@pytest.mark.parametrize("kind", BACK_ENDS)
def test_a_space_that_is_removed_while_its_index_is_made_leaves_none(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, kind: str, step: str
) -> None:
    registry.add_space("gone", replace(SPEC, method="imported"), corpus=None)
    registry.use_index(kind)
    before = operator.attrgetter(step)(current)

    def too_late(*given: Any) -> Any:  # noqa: ANN401
        made = before(*given)
        with Registry.open(registry.folder) as other:
            other.remove_space("gone")
        return made

    monkeypatch.setattr(f"registry.index.current.{step}", too_late)
    with pytest.raises(NotFoundError, match="No space named 'gone'"):
        registry.add_vectors(NAMES, vectors(), space="gone", kind="model")

    assert [file.name for file in (registry.folder / "index").iterdir()] == ["kind"]


def test_a_snapshot_whose_rows_were_made_when_other_facets_were_centred_is_rebuilt(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    spec = replace(SPEC, method="mapemb", facets=Facets((Facet("inputs", 3), Facet("joint", 5))))
    made = registry.add_space("joint", spec, corpus=None)
    for name, vector in zip(NAMES, vectors(), strict=True):
        registry.catalog.embeddings.put(registry.add_task(name, task(name)).version_id, made, vector, {})
    before = list(registry.nearest("a", space="joint"))
    space = registry.catalog.spaces.get("joint")
    centre = centre_of(vectors(), np.ones(len(NAMES), bool))
    header = SnapshotHeader(space.fingerprint, 8, "flat", 0, hash_of(centre), space.generation, space.mark)
    SnapshotFiles(registry.folder / "index", space.fingerprint).write(built(vectors()[::-1].copy()), centre, header)
    caplog.clear()

    with Registry.open(registry.folder) as fresh:
        assert list(fresh.nearest("a", space="joint")) == before
    assert [record.getMessage() for record in caplog.records] == [
        "Index of space 'joint' was stale: rebuilt from the catalog."
    ]


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


def test_a_lock_that_somebody_holds_on_to_does_not_keep_answers_back(
    embedded: Registry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is stopped as it writes an index held up all questions for two minutes each."""
    before = answers(embedded.folder)
    file_of(embedded).unlink()
    monkeypatch.setattr("registry.index.current.SAVING_SECONDS", 0.0)

    with FileLock(embedded.folder / "lock"):
        assert answers(embedded.folder) == before

    assert "could not be saved (Another process has held " in caplog.text
    assert not file_of(embedded).exists()
    assert answers(embedded.folder) == before
    assert file_of(embedded).exists()


def test_a_vector_that_another_process_adds_is_found_by_whoever_has_the_index_open(embedded: Registry) -> None:
    with Registry.open(embedded.folder) as other:
        assert "g" not in [match.name for match in other.nearest("a")]

        added = embedded.add_task("g", task("g"))
        space = embedded.catalog.spaces.get("s")
        embedded.catalog.embeddings.put(added.version_id, space, vectors()[0], {})

        best = other.nearest("a", duplicates=True)[0]
        assert (best.name, best.similarity) == ("g", pytest.approx(1.0, abs=1e-6))


def add(registry: Registry, name: str, vector: NDArray[np.float32], kind: str = "model") -> None:
    """Register an entry with a vector; of a model the centre does not move."""
    if kind == "model":
        version = registry.add_model(name, {"type": "function"}, content_hash=name.ljust(64, "0")).version_id
    else:
        version = registry.add_task(name, task(name)).version_id
    registry.catalog.embeddings.put(version, registry.catalog.spaces.get("s"), vector, {})


def log_of(registry: Registry) -> Path:
    return file_of(registry).with_suffix(".log")


def test_a_vector_that_does_not_move_the_centre_is_appended(
    embedded: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    before = file_of(embedded).read_bytes()

    add(embedded, "m", vectors()[0])
    embedded.refresh_index("s")

    assert file_of(embedded).read_bytes() == before
    assert log_of(embedded).stat().st_size > 0
    assert answers(embedded.folder)[0].name == "m"
    assert faults(embedded) == ("s", 7, "sound", ())
    assert caplog.record_tuples == []


def test_a_task_that_moves_the_centre_of_few_has_the_index_rebuilt(embedded: Registry) -> None:
    before = file_of(embedded).read_bytes()

    add(embedded, "g", vectors()[0], "task")
    embedded.refresh_index("s")

    assert file_of(embedded).read_bytes() != before
    assert not log_of(embedded).exists()
    assert faults(embedded) == ("s", 7, "sound", ())


def test_a_reader_follows_what_came_after_the_snapshot_without_a_word(
    embedded: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    add(embedded, "m", vectors()[0])  # by a process that was killed before it refreshed the index

    assert answers(embedded.folder)[0].name == "m"
    assert caplog.record_tuples == []
    assert faults(embedded) == ("s", 7, "sound", ())


def test_what_is_removed_or_replaced_is_followed_too(embedded: Registry) -> None:
    for number in range(3):
        add(embedded, f"m{number}", vectors()[number])
    embedded.refresh_index("s")

    embedded.remove("m1", "model")
    space = embedded.catalog.spaces.get("s")
    embedded.catalog.embeddings.put(embedded.entry("m2").version_id, space, vectors()[0], {})
    embedded.refresh_index("s")

    assert [match.name for match in answers(embedded.folder)][:2] == ["m0", "m2"]
    assert "m1" not in [match.name for match in answers(embedded.folder)]
    assert faults(embedded) == ("s", 8, "sound", ())


def test_a_log_that_outgrows_its_base_is_folded_into_it(embedded: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.index.current.LEAST_LOG", 0)
    sizes = []
    for number in range(12):
        add(embedded, f"m{number}", vectors()[number % 6])
        embedded.refresh_index("s")
        sizes.append(log_of(embedded).stat().st_size if log_of(embedded).exists() else 0)

    assert 0 in sizes[1:]
    assert max(sizes) < 2 * file_of(embedded).stat().st_size
    assert faults(embedded) == ("s", 18, "sound", ())


def test_a_log_that_was_cut_off_is_replaced(embedded: Registry) -> None:
    add(embedded, "m", vectors()[0])
    embedded.refresh_index("s")
    log_of(embedded).write_bytes(log_of(embedded).read_bytes()[:-5])

    assert answers(embedded.folder)[0].name == "m"
    assert answers(embedded.folder)[0].name == "m"
    embedded.rebuild_index()
    assert faults(embedded) == ("s", 7, "sound", ())


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


def put_well_formed(registry: Registry, index: FaissFlat) -> None:
    """Put an index in place that says all the right things about itself."""
    header = header_of(registry)
    SnapshotFiles(registry.folder / "index", SPEC.fingerprint()).write(
        index, registry.catalog.embeddings.centring(1).centre, header
    )


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


def test_damage_within_the_log_is_told_and_mended_by_the_first_question(
    embedded: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(2):
        add(embedded, f"m{number}", vectors()[number])
        embedded.refresh_index("s")
    body = bytearray(log_of(embedded).read_bytes())
    body[60] ^= 1
    log_of(embedded).write_bytes(body)
    before = list(embedded.nearest("a"))
    assert faults(embedded)[2:] == ("damaged", ("the snapshot does not match its checksum",))

    assert answers(embedded.folder) == before

    assert "Index of space 's' was damaged: rebuilt from the catalog." in caplog.text
    assert faults(embedded) == ("s", 8, "sound", ())
