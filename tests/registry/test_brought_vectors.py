"""Vectors that people bring: checked first, entered with their entries, and at home in every command from then on."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_cli import dump, hand_made_space, put_vector, run, told, write_task
from waiting import LIMIT

from registry import Registry
from registry.catalog import Filter
from registry.catalog.incoming import bringing
from registry.data.vectors import VectorFile
from registry.errors import AlreadyExistsError, DataError, InputError, RegistryError, SpaceMismatchError
from registry.faults import VARIABLE
from registry.formats.vectors import write_vectors
from registry.importing import import_vectors
from registry.kinds import EntryKind
from registry.location import located
from registry.ranking.compare import similarities
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit
from registry.upkeep.verifying import verify

DIMENSION = 6


def rows(count: int, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


def named(count: int, prefix: str = "one") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


@pytest.fixture
def store(tmp_path: Path) -> Registry:
    """A registry with a space of vectors that people bring."""
    registry = Registry.create(tmp_path / "store")
    registry.add_space("clip", SpaceSpec.imported("openai/clip", DIMENSION), corpus=None)
    return registry


# -- what comes in -----------------------------------------------------------------------------------


def test_entries_come_with_their_vectors_tags_and_versions(store: Registry) -> None:
    matrix = rows(5)

    report = store.add_vectors(named(5), matrix, space="clip", tags=("b", "a", "b"))

    assert (report.space, report.entries, report.vectors, report.replaced, report.known) == ("clip", 5, 0, 0, 0)
    assert [row.name for row in store.tasks()] == named(5)
    entry = store.entry("one3")
    assert (entry.kind, entry.version, entry.tags, entry.contents) == (EntryKind.TASK, 1, ("a", "b"), {})
    held = store.vectors(space="clip")
    assert held.names == tuple(named(5))
    np.testing.assert_allclose(held.matrix, unit(matrix), atol=1e-7)
    assert verify(located(store.folder)) == []


def test_their_rows_have_the_checksums_that_the_triggers_write(store: Registry) -> None:
    store.add_vectors([*named(3), "Grün"], rows(4), space="clip", kind="model", tags=("täg",))
    store.close()

    def sums() -> list[list[tuple[int, int]]]:
        tables = ("entries", "versions", "tags", "embeddings", "vector_changes")
        return [connection.execute(f"SELECT rowid, checksum FROM {table}").fetchall() for table in tables]  # noqa: S608

    with sqlite3.connect(store.folder / "catalog.db") as connection:
        written = sums()
    connection.close()
    with Registry.open(store.folder) as again, again.catalog.database.write() as session:
        driver = session.connection().connection.driver_connection
        for table, column in (("entries", "name"), ("versions", "number"), ("tags", "tag")):
            driver.execute(f"UPDATE {table} SET {column} = {column}")  # noqa: S608 - the triggers of an update
        driver.execute("UPDATE embeddings SET vector = vector")
        driver.execute("UPDATE vector_changes SET mark = mark")
    connection = sqlite3.connect(store.folder / "catalog.db")
    assert [len(table) for table in written] == [4, 4, 4, 4, 4]
    assert sums() == written
    connection.close()


def test_the_nearest_of_an_imported_space_are_those_of_plain_cosines(store: Registry) -> None:
    matrix = rows(70) + np.float32(0.8)  # centring would change the order
    store.add_vectors(named(70), matrix, space="clip")
    cosines = unit(matrix) @ unit(matrix)[0]
    best = [int(i) for i in np.argsort(-cosines) if i][:5]

    found = store.nearest("one0", limit=5)

    assert [match.name for match in found] == [f"one{i}" for i in best]
    assert [match.similarity for match in found] == pytest.approx(cosines[best].tolist(), abs=1e-6)
    assert store.compare("one0", "one9").similarity == pytest.approx(cosines[9], abs=1e-6)


def test_the_same_again_changes_nothing(store: Registry) -> None:
    store.add_vectors(named(4), rows(4), space="clip")
    before = store.catalog.spaces.get("clip").mark

    report = store.add_vectors([name.upper() for name in named(4)], rows(4), space="clip")

    assert (report.entries, report.known) == (0, 4)
    assert store.catalog.spaces.get("clip").mark == before


def test_another_vector_is_refused_unless_it_is_to_replace(store: Registry) -> None:
    store.add_vectors(named(2), rows(2), space="clip")

    with pytest.raises(InputError, match=r"'one1' has another vector in space 'clip': .* pass --replace"):
        store.add_vectors(["new", "one1"], rows(2, seed=1), space="clip")
    assert store.catalog.entries.count(Filter()) == 2
    report = store.add_vectors(["new", "one1"], rows(2, seed=1), space="clip", replace=True)

    assert (report.entries, report.replaced) == (1, 1)
    np.testing.assert_allclose(store.vectors(entry="one1").matrix, unit(rows(2, seed=1))[1:], atol=1e-7)
    assert store.nearest("one1", limit=3).query == "one1"
    assert verify(located(store.folder)) == []


def test_a_task_that_is_there_gets_the_vector_of_its_name(store: Registry, tmp_path: Path) -> None:
    assert (
        run("--registry", store.folder, "task", "add", "film", "--data", write_task(tmp_path / "film", 0)).exit_code
        == 0
    )

    report = store.add_vectors(["Film", "rain"], rows(2), space="clip", tags=("new",))

    assert (report.entries, report.vectors) == (1, 1)
    assert store.entry("film").tags == ()
    assert len(store.task_data("film").train) == 12
    assert store.show("film", "task")["embedded_in"] == ["clip"]


def test_vectors_enter_a_space_as_they_would_one_by_one(tmp_path: Path) -> None:
    """The centre is frozen when tasks are many, and the log says what came."""
    matrix, names = unit(rows(70)), named(70)
    with Registry.create(tmp_path / "one") as one, Registry.create(tmp_path / "many") as many:
        for registry in (one, many):
            hand_made_space(registry, "s", DIMENSION)
        many.add_vectors(names[:3], matrix[:3], space="s")
        one.add_vectors(names, matrix, space="s")
        many.nearest("one0")
        many.add_vectors(names, matrix, space="s")

        assert [one.space("s").record.epoch, many.space("s").record.epoch] == [1, 1]
        assert one.space("s").record.centred_on == many.space("s").record.centred_on == 70
        assert [(m.name, m.similarity) for m in one.nearest("one5")] == [
            (m.name, m.similarity) for m in many.nearest("one5")
        ]
        assert [check.faults for check in many.verify_index()] == [()]


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told_of"),
    [
        ({"names": ["a", "b", "A"]}, "holds the name 'A' twice"),
        ({"names": ["a", "b", "c@d"]}, "'c@d' is not the name of a task"),
        ({"names": ["a", "b", "../c"]}, "'../c' is not a name"),
        ({"names": ["a", "b"]}, "a name and a kind for each row"),
        ({"names": "abc"}, "a name and a kind for each row"),
        ({"kind": ["task", "task", "corpus"]}, "'c' is of kind 'corpus'"),
        ({"matrix": np.zeros((3, DIMENSION))}, "'a' is .nearly. zero"),
        ({"matrix": np.array([[1.0] * 6, [np.nan] * 6, [1.0] * 6])}, "'b' is not finite"),
        ({"matrix": np.array([[1.0] * 6, [1e39] * 6, [1.0] * 6])}, "'b' is not finite"),
        ({"matrix": rows(3, dimension=5)}, "have shape .3, 5., and this space has 6 dimensions"),
        ({"matrix": rows(3)[0]}, "a name and a kind for each row"),
        ({"tags": ["#"]}, "'#' is not a tag"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_refused_before_anything_is_kept(
    store: Registry, change: dict[str, object], told_of: str
) -> None:
    before = dump(store.folder)
    given = {"names": ["a", "b", "c"], "matrix": rows(3), "space": "clip", **change}

    with pytest.raises(InputError, match=told_of):
        store.add_vectors(given.pop("names"), given.pop("matrix"), **given)  # type: ignore[arg-type]

    assert dump(store.folder) == before


def test_a_fault_in_the_last_thousand_keeps_the_first_out_too(store: Registry) -> None:
    matrix = rows(2500)
    matrix[2400] = 0
    before = dump(store.folder)

    with pytest.raises(DataError, match=r"'one2400' is .nearly. zero"):
        store.add_vectors(named(2500), matrix, space="clip")

    assert dump(store.folder) == before


def test_numbers_whose_squares_float32_cannot_hold_are_scaled(store: Registry) -> None:
    matrix = np.array([[1e25, 1e25, 0, 0, 0, 0], [3e-8, 0, 4e-8, 0, 0, 0]], np.float32)

    store.add_vectors(["large", "small"], matrix, space="clip")

    held = store.vectors().matrix
    np.testing.assert_allclose(held, [[0.5**0.5, 0.5**0.5, 0, 0, 0, 0], [0.6, 0, 0.8, 0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("matrix", [[[1.0, 2.0], [1.0]], "grad", "bfloat16"])
def test_what_numpy_cannot_hold_as_numbers_is_refused_in_one_line(store: Registry, matrix: object) -> None:
    if isinstance(matrix, str):
        torch = pytest.importorskip("torch")
        matrix = torch.ones(2, 6, requires_grad=True) if matrix == "grad" else torch.ones(2, 6, dtype=torch.bfloat16)

    with pytest.raises(InputError, match="The matrix is none of numpy's: "):
        store.add_vectors(named(2), matrix, space="clip")


def test_a_name_of_another_kind_is_refused(store: Registry) -> None:
    store.add_vectors(["one"], rows(1), space="clip", kind="model")

    with pytest.raises(AlreadyExistsError, match="'one' is already the name of a model"):
        store.add_vectors(["one"], rows(1), space="clip")


def test_what_another_wrote_meanwhile_is_seen(store: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was looked at before the first was written; whoever writes after that is not overlooked."""
    looked = bringing._intents

    def meanwhile(*given: object) -> object:
        monkeypatch.undo()
        found = looked(*given)  # type: ignore[arg-type]
        with Registry.open(store.folder) as other:
            other.add_vectors(["one7"], rows(1, seed=9), space="clip")
        return found

    monkeypatch.setattr(bringing, "_intents", meanwhile)
    with pytest.raises(InputError, match="'one7' has another vector"):
        bringing.bring_in(
            store.catalog,
            store.catalog.spaces.get("clip"),
            lambda: iter([VectorFile(store.space("clip").record.fingerprint, tuple(named(9)), ("task",) * 9, rows(9))]),
            bringing.BringOptions(),
        )

    assert [row.name for row in store.tasks()] == ["one7"]


# -- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_what_is_exported_comes_back_the_same(store: Registry, tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow.parquet")
    store.add_vectors(named(1200), rows(1200), space="clip")
    store.add_vectors(["m", "m@p"], rows(2, seed=1), space="clip", kind=["model", "prompted-model"])
    assert told("--registry", store.folder, "vectors", "export", tmp_path / f"v.{ending}")[0] == 0

    with Registry.create(tmp_path / "other") as other:
        other.add_space("ours", SpaceSpec.imported("openai/clip", DIMENSION), corpus=None)
        first = import_vectors(other, tmp_path / f"v.{ending}", space="ours")
        again = import_vectors(other, tmp_path / f"v.{ending}", space="ours")

        assert (first.entries, again.known) == (1202, 1202)
        mine, theirs = store.vectors(), other.vectors()
        assert (mine.fingerprint, mine.names, mine.kinds) == (theirs.fingerprint, theirs.names, theirs.kinds)
        assert mine.matrix.tobytes() == theirs.matrix.tobytes()


def test_vectors_of_a_surrogate_come_from_files_that_name_its_space_alone(tmp_path: Path) -> None:
    with Registry.create(tmp_path / "store") as registry:
        hand_made_space(registry, "by-hand", DIMENSION)
        np.savez(tmp_path / "plain.npz", names=np.array(["a"]), vectors=rows(1))
        other = VectorFile("f" * 64, ("a",), ("task",), unit(rows(1)))
        write_vectors(other, tmp_path / "other.npz")
        fingerprint = registry.space("by-hand").record.fingerprint
        write_vectors(
            VectorFile(f"{fingerprint}, centred in epoch 0", ("a",), ("task",), other.matrix), tmp_path / "centred.npz"
        )

        with pytest.raises(InputError, match=r"plain\.npz does not say of which space .* --method imported"):
            import_vectors(registry, tmp_path / "plain.npz")
        with pytest.raises(SpaceMismatchError, match=r"other\.npz holds vectors of space ffffffffffff"):
            import_vectors(registry, tmp_path / "other.npz")
        with pytest.raises(SpaceMismatchError, match=r"centred\.npz holds centred vectors"):
            import_vectors(registry, tmp_path / "centred.npz")


def test_a_matrix_alone_comes_with_a_file_of_names(store: Registry, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", rows(3).astype(np.float64))
    (tmp_path / "names.txt").write_bytes("a\r\nü/b\r\nc\r\n".encode())

    code, text = told("--registry", store.folder, "vectors", "import", tmp_path / "v.npy", "--kind", "model")
    assert (code, "has no names: give a text file" in text) == (2, True)
    names = ("--names", tmp_path / "names.txt")
    code, text = told("--registry", store.folder, "vectors", "import", tmp_path / "v.npy", "--kind", "model", *names)

    assert (code, text.split(" came")[0]) == (0, "3 entries")
    assert [row.name for row in store.models()] == ["a", "c", "ü/b"]


TEXTS = np.array(["a", "b"])
ARRAYS = {  # that cannot be taken
    "pickled": {"names": np.array(["a", {}], dtype=object), "vectors": rows(2)},
    "objects": {"names": TEXTS, "vectors": np.array([[1, {}], [2, 3]], dtype=object)},
    "texts": {"names": TEXTS, "vectors": np.array([["a"], ["b"]])},
    "columns": {"names": TEXTS, "vectors": np.asfortranarray(rows(2))},
    "fewer names": {"names": TEXTS[:1], "vectors": rows(2)},
    "numbers for names": {"names": np.arange(2), "vectors": rows(2)},
    "nothing": {"names": np.array([], str), "vectors": np.zeros((0, DIMENSION), np.float32)},
    "no vectors": {"names": TEXTS},
}


def broken(place: Path, what: str) -> Path:
    """Write a file that cannot be taken, in one of many ways."""
    is_matrix = what in ("cut matrix", "open head")
    path = place / ("v.npy" if is_matrix else "v.csv" if what == "another ending" else "v.npz")
    if is_matrix:
        np.save(path, rows(2))
    else:
        with path.open("wb") as file:
            np.savez(file, **ARRAYS.get(what, {"names": TEXTS, "vectors": rows(2)}))
    body = bytearray(path.read_bytes())
    if what == "flipped":
        body[body.index(rows(2).tobytes())] ^= 1
    if what == "open head":
        body[body.index(b"}")] = ord("(")
    cut = {"cut": -300, "cut matrix": -4, "no archive": 9}.get(what)
    path.write_bytes(body[:cut])
    return place / "absent.npz" if what == "no file" else path


@pytest.mark.parametrize(
    "what", [*ARRAYS, "cut", "flipped", "another ending", "no file", "no archive", "cut matrix", "open head"]
)
def test_a_file_that_cannot_be_taken_is_told_in_one_line(store: Registry, tmp_path: Path, what: str) -> None:
    before = dump(store.folder)

    code, text = told("--registry", store.folder, "vectors", "import", broken(tmp_path, what))

    assert code == 2
    assert text.startswith("Error: ")
    assert text.count("\n") == 1
    assert dump(store.folder) == before


@pytest.mark.parametrize("columns", [{"name": ["a"], "vector": [[1.0, None]]}, {"name": ["a"], "vector": [1.0]},
                                     {"name": ["a", "b"], "vector": [[1.0], [1.0, 2.0]]}, {"vector": [[1.0]]},
                                     {"name": [1], "vector": [[1.0] * 6]}, {"name": ["a"], "vector": [None]},
                                     {"name": ["a"], "vector": [["x"] * 6]}])  # fmt: skip
def test_a_parquet_file_without_names_or_vectors_is_refused(
    store: Registry, tmp_path: Path, columns: dict[str, list[object]]
) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table(columns), tmp_path / "v.parquet")

    with pytest.raises(DataError):
        import_vectors(store, tmp_path / "v.parquet")
    assert store.tasks()[:] == store.tasks()[:0]


# -- killed ------------------------------------------------------------------------------------------


def test_killed_halfway_whole_transactions_are_there_and_the_next_run_goes_on(store: Registry, tmp_path: Path) -> None:
    count = 2 * bringing.AT_ONCE + 10
    np.save(tmp_path / "v.npy", rows(count))
    (tmp_path / "names.txt").write_text("".join(f"{name}\n" for name in named(count)))
    words = ["--registry", store.folder, "vectors", "import", tmp_path / "v.npy", "--names", tmp_path / "names.txt"]
    ended = subprocess.run(
        [sys.executable, "-c", "import cli; cli.run()", *map(str, words)],
        env={**os.environ, VARIABLE: "catalog.commit.before:2=kill"},
        cwd=Path(__file__).parents[2],
        timeout=LIMIT,
        check=False,
        capture_output=True,
    )

    assert ended.returncode == -signal.SIGKILL
    assert store.catalog.entries.counts() == {EntryKind.TASK: bringing.AT_ONCE}
    assert store.space("clip").vectors == bringing.AT_ONCE
    assert verify(located(store.folder)) == []
    code, text = told(*words)
    assert (code, text.startswith(f"{count - bringing.AT_ONCE:,} entries came")) == (0, True)
    assert f"{bringing.AT_ONCE:,} known already" in text
    assert store.vectors().names == tuple(named(count))


# -- at home -----------------------------------------------------------------------------------------


@pytest.fixture
def bare(store: Registry) -> Registry:
    """Tasks and models of which nothing but their vectors is known."""
    store.add_vectors(named(20, "task"), rows(20), tags=("far",))
    store.add_vectors(named(3, "model"), rows(3, seed=1), kind="model")
    return store


@pytest.mark.parametrize(
    "words",
    [
        *("status", "task list", "model list --json", "task show task1", "model show model1", "nearest task1"),
        *("nearest model1", "nearest task1 --kind task --tag far --by similarity", "compare task1 model2"),
        *("space show clip", "index verify", "verify", "task rename task1 other", "task tag task1 new", "embed --help"),
        *("task remove task1", "model remove model1", "nearest task1 --by size", "task export --all {}/out"),
        *("bundle export {}/out.zip", "vectors export {}/out.npz --entry task1", "index rebuild --recentre"),
        *("model alias model1 best", "vectors export {}/out.npz --centred", "map {}/map.svg"),
    ],
)
def test_a_command_works_on_them(bare: Registry, tmp_path: Path, words: str) -> None:
    if words.startswith("map"):
        pytest.importorskip("matplotlib")
    result = run("--registry", bare.folder, *words.replace("{}", str(tmp_path)).split())

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("words", "told_of"),
    [
        ("task export task1 {}/out", "'task1' has no examples and no answers: only its vector was brought in"),
        ("embed task1", "Vectors of this space are brought in ('fute vectors import')"),
        ("embed --all", "Vectors of this space are brought in ('fute vectors import')"),
        ("embed task1 --dry-run", "'task1' has no examples and no answers"),
        ("embed task1 --space made", "'task1' has no examples and no answers"),
        ("nearest lonely", "'lonely' has no vector in space 'clip': bring it in with 'fute vectors import'"),
        ("best-prompt task1 --model model1", "model1"),
    ],
)
def test_a_command_that_needs_more_says_so_in_one_line(
    bare: Registry, tmp_path: Path, words: str, told_of: str
) -> None:
    hand_made_space(bare, "made", DIMENSION)
    bare.add_vectors(["lonely"], rows(1, seed=4), space="made")

    result = run("--registry", bare.folder, *words.replace("{}", str(tmp_path)).split())

    assert result.exit_code == 2, result.output
    assert told_of in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_corpus_is_drawn_from_tasks_that_have_texts(bare: Registry, tmp_path: Path) -> None:
    run("--registry", bare.folder, "task", "add", "film", "--data", write_task(tmp_path / "film", 0))

    assert len(bare.corpus_inputs(bare.sample_corpus("texts"))) > 3


def test_they_move_in_a_bundle(bare: Registry, tmp_path: Path) -> None:
    bare.export_bundle(tmp_path / "bundle")

    with Registry.create(tmp_path / "other") as other:
        other.import_bundle(tmp_path / "bundle")

        assert other.vectors().matrix.tobytes() == bare.vectors().matrix.tobytes()
        assert other.entry("task3").tags == ("far",)
        assert [m.name for m in other.nearest("task3")] == [m.name for m in bare.nearest("task3")]
        assert verify(located(other.folder)) == []


def test_data_that_comes_later_are_a_new_version_whose_vector_is_not_known(bare: Registry, tmp_path: Path) -> None:
    folder = write_task(tmp_path / "film", 0)
    refused = run("--registry", bare.folder, "task", "add", "task1", "--data", folder)
    taken = run("--registry", bare.folder, "task", "add", "task1", "--data", folder, "--replace")

    assert (refused.exit_code, taken.exit_code) == (2, 0)
    assert bare.space("clip").vectors == 22
    with pytest.raises(RegistryError, match="'task1' has no vector in space 'clip'"):
        bare.nearest("task1")


# -- their space -------------------------------------------------------------------------------------


def test_a_space_of_ones_own_is_made_by_its_source_and_dimension(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    run("--registry", folder, "init", "--no-pack")
    create = ("--registry", folder, "space", "create", "mine", "--method", "imported")

    assert told(*create, "--dimension", "3")[1].startswith("Error: Say with --surrogate what made the vectors")
    assert told(*create, "--surrogate", "a/b", "--dimension", "0")[0] == 2
    assert told(*create, "--surrogate", "a/b", "--dimension", "3", "--set", "examples=2")[0] == 2
    code, text = told(*create, "--surrogate", "a/b", "--dimension", "3")

    assert (code, text.endswith(", current\n")) == (0, True)
    with Registry.open(folder) as registry:
        record = registry.space("mine").record
        assert (record.dimension, record.corpus, record.spec["method"]) == (3, None, "imported")
        assert record.fingerprint == SpaceSpec.imported(" a/b ", 3).fingerprint()
        assert record.fingerprint != SpaceSpec.imported("a/c", 3).fingerprint()


def test_a_vector_that_was_put_by_hand_beside_them_is_compared_as_they_are(store: Registry) -> None:
    store.add_vectors(named(3), rows(3), space="clip")
    store.add_vectors(["other"], rows(1, seed=8), space="clip")
    vector = put_vector(store, "other", store.catalog.spaces.get("clip"), 5)

    assert store.compare("other", "one0").similarity == pytest.approx(float(vector @ unit(rows(3))[0]), abs=1e-6)


# -- many --------------------------------------------------------------------------------------------


def test_of_many_entries_a_sample_is_compared_and_that_is_said(
    store: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    store.add_vectors(named(30), rows(30), space="clip")
    space = store.catalog.spaces.get("clip")
    whole = similarities(store.catalog, space, most=30)
    assert caplog.messages == []

    vectors, matrix = similarities(store.catalog, space, most=10)

    assert caplog.messages == ["A sample of 10 of the 30 entries in space 'clip' is compared."]
    places = [whole.vectors.names.index(name) for name in vectors.names]
    assert len(set(places)) == 10
    assert matrix == pytest.approx(whole.matrix[np.ix_(places, places)], abs=1e-6)
    assert similarities(store.catalog, space, most=10).vectors.names == vectors.names


def test_names_may_be_texts_of_numpy_and_numbers_are_real_ones(store: Registry) -> None:
    rows = np.eye(2, store.catalog.spaces.get(None).dimension, dtype=np.float32)

    store.add_vectors(np.array(["one", "other"]), rows, kind="model")
    assert [entry.name for entry in store.catalog.entries.some(["one", "other"])] == ["one", "other"]

    store.add_vectors((name for name in ["third", "fourth"]), rows, kind="model")
    assert len(store.catalog.entries.some(["third", "fourth"])) == 2

    for strange in (rows * 1j, np.ma.masked_array(rows, mask=rows > 0), rows.astype(str), rows.astype(object)):
        with pytest.raises(InputError, match="masked or complex numbers"):
            store.add_vectors(["strange", "stranger"], strange, kind="model")
