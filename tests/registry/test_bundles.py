"""Bundles: all that a registry knows, moved to another, merged with what is there, or refused."""

import hashlib
import io
import json
import re
import shutil
import sqlite3
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sqlalchemy import delete, inspect
from tiny_bundles import edited, fill, some_task, tampered
from tiny_cli import dump, hand_made_space, put_vector, told
from tiny_disk import full_beyond

import registry.bundles.archive
import registry.bundles.arrays
from registry import Registry
from registry.bundles.archive import DIGITS, pack
from registry.catalog import tables
from registry.catalog.records import NewEntry
from registry.data.inputs import Input
from registry.data.models import ModelSpec
from registry.data.predictions import Predictions
from registry.data.recordings import RecordedPrompt, Recording
from registry.data.transfers import TransferRecord
from registry.errors import AlreadyExistsError, DataError, InputError, IntegrityError, StorageError
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "mine") as opened:
        yield opened


@pytest.fixture
def moved(mine: Registry, tmp_path: Path) -> Callable[[], Path]:
    """Writes a bundle of `mine`, a new one each time."""

    def export() -> Path:
        place = tmp_path / f"bundle{len(list(tmp_path.iterdir()))}"
        mine.export_bundle(place)
        return place

    return export


# -- what arrives ------------------------------------------------------------------------------------


def test_everything_arrives(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    fill(mine, 4)
    mine.packs.add("taskweb")
    mine.tag("task1", add=["green"])

    theirs.import_bundle(moved())

    assert theirs.show("task1", "task") == mine.show("task1", "task")
    assert theirs.entry("task0:first").version == 1
    assert theirs.contents(theirs.entry("task0:1")) == mine.contents(mine.entry("task0:1"))
    assert theirs.transfers() == mine.transfers()
    assert [one.recorded_at for one in theirs.transfers()] == [one.recorded_at for one in mine.transfers()]
    assert theirs.space().as_json() == mine.space().as_json()
    assert np.array_equal(theirs.vectors().matrix, mine.vectors().matrix)
    assert theirs.nearest("task2") == mine.nearest("task2")
    assert theirs.packs.names() == ["taskweb"]


@pytest.mark.parametrize("name", ["empty", "empty.zip"])
def test_nothing_arrives_as_nothing(mine: Registry, theirs: Registry, tmp_path: Path, name: str) -> None:
    mine.export_bundle(tmp_path / name)

    assert theirs.import_bundle(tmp_path / name).added.total() == 0


def test_answers_arrive_with_their_replies(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    fill(mine, 1)
    theirs.import_bundle(moved())

    held = [
        one.catalog.predictions.chunks(one.entry("model0@prompt0").version_id, one.entry("texts0").version_id)
        for one in (mine, theirs)
    ]

    assert list(held[1]) == [-1, 0]
    for start in (-1, 0):
        assert held[0][start].answers == held[1][start].answers
        assert held[0][start].replies == held[1][start].replies
        assert np.array_equal(held[0][start].probabilities, held[1][start].probabilities)
        assert np.array_equal(held[0][start].reasons, held[1][start].reasons)


def test_what_a_task_reads_of_the_texts_arrives_and_clashes_with_no_other_reading(
    mine: Registry, theirs: Registry, moved: Callable[[], Path]
) -> None:
    fill(mine, 1)
    first = moved()
    version, corpus = (mine.entry(name).version_id for name in ("task0", "texts0"))
    read = mine.catalog.predictions.chunks(version, corpus)

    theirs.import_bundle(first)
    with mine.catalog.database.write() as session:  # another machine, whose last bits are others
        session.execute(delete(tables.PredictionChunk).where(tables.PredictionChunk.version_id == version))
    for start, one in read.items():
        other = Predictions(one.answers, one.probabilities[:, ::-1].copy())
        mine.catalog.predictions.put(version, corpus, start=start, predictions=other)
    report = theirs.import_bundle(moved())

    assert (report.clashes, report.added.total()) == ([], 0)
    version, corpus = (theirs.entry(name).version_id for name in ("task0", "texts0"))
    kept = theirs.catalog.predictions.chunks(version, corpus)
    assert kept.keys() == read.keys()
    assert all(np.array_equal(kept[start].probabilities, read[start].probabilities) for start in read)


def test_a_long_reply_is_not_shortened_again(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    fill(mine, 1)
    told_ = Predictions.from_texts(["good"], ("good", "bad"))
    long = Predictions(told_.answers, told_.probabilities, replies=("no " * 5000,))
    version, corpus = (mine.entry(name).version_id for name in ("model0", "texts0"))
    mine.catalog.predictions.put(version, corpus, start=0, predictions=long)
    kept = mine.catalog.predictions.chunks(version, corpus)[0].replies

    theirs.import_bundle(moved())

    version, corpus = (theirs.entry(name).version_id for name in ("model0", "texts0"))
    assert theirs.catalog.predictions.chunks(version, corpus)[0].replies == kept


def test_a_centre_that_moves_is_the_same_to_the_bit(
    mine: Registry, theirs: Registry, moved: Callable[[], Path]
) -> None:
    space = hand_made_space(mine, "s", 64)
    for number in (5, 3, 9, 1, 7):  # not in the order of their names
        mine.add_task(f"task{number}", some_task(number))
        put_vector(mine, f"task{number}", space, number)

    theirs.import_bundle(moved())

    ours, other = (one.catalog.embeddings.all(one.space("s").record.id) for one in (mine, theirs))
    assert ours.centring.centre.tobytes() == other.centring.centre.tobytes()
    assert ours.names == other.names


def test_a_frozen_centre_and_its_epoch_arrive(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    space = hand_made_space(mine, "s", 4)
    for number in range(70):
        mine.add_task(f"task{number}", some_task(number))
        put_vector(mine, f"task{number}", space, number)
    assert mine.space("s").record.epoch == 1

    theirs.import_bundle(moved())

    assert theirs.space("s").as_json() == mine.space("s").as_json()
    assert theirs.nearest("task3", space="s") == mine.nearest("task3", space="s")


def test_an_index_that_was_there_follows(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    for one in (mine, theirs):
        space = hand_made_space(one, "s")
        for number in range(4):
            one.add_task(f"task{number}", some_task(number))
            put_vector(one, f"task{number}", space, number)
    theirs.nearest("task0")
    mine.add_task("new", some_task(9))
    put_vector(mine, "new", mine.space("s").record, 9)

    theirs.import_bundle(moved())

    assert "new" in [match.name for match in theirs.nearest("task0")]
    assert theirs.nearest("task0") == mine.nearest("task0")


def test_every_column_is_carried_or_known_to_be_left_out() -> None:
    carried = {
        "Entry": "name kind task_kind language description created_at",
        "Tag": "tag",
        "Version": "number content_hash spec created_at",
        "Alias": "alias",
        "Content": "sha256 body",
        "VersionContent": "role sha256",
        "Space": "name fingerprint dimension spec created_at epoch centre centred_on tasks_at_most",
        "Embedding": "vector provenance created_at deviations",
        "PredictionChunk": "start answers probabilities prompt_prob unanswered replies",
        "Transfer": "model adaptation target source run score_mean score_std seeds recorded_at",
        "State": "current_space",
    }
    derived = {  # of what is carried, or of this registry alone
        "Entry": {"folded"},
        "Transfer": {"folded_target", "folded_source"},
        "Content": {"size"},
        "Space": {"generation", "mark"},
        "Embedding": {"sha256"},
        "PredictionChunk": {"count", "sha256"},
        "State": {"uuid", "generation", "last_ids", "layout"},
    }
    left_out = {"Job", "VectorChange"}

    for mapper in tables.Base.registry.mappers:
        name = mapper.class_.__name__
        columns = {c.key for c in inspect(mapper.class_).column_attrs}
        columns -= {key for key in columns if key in ("id", "checksum") or key.endswith("_id")}
        assert name in left_out or columns == set(carried[name].split()) | derived.get(name, set()), name


# -- what meets --------------------------------------------------------------------------------------


def test_the_same_again_is_one(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    fill(mine, 2)
    bundle = moved()
    theirs.import_bundle(bundle)

    report = theirs.import_bundle(bundle)

    assert report.added.total() == 0
    assert report.known == {"entries": 12, "spaces": 1, "vectors": 6, "predictions": 6, "transfers": 10}
    assert len(theirs.tasks()) == 4


def test_two_registries_become_one(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    mine.add_task("shared", some_task(0), tags=["a"])
    mine.add_task("film", some_task(1))
    theirs.add_task("Shared", some_task(0), tags=["b"])
    theirs.add_task("rain", some_task(2))

    theirs.import_bundle(moved())

    assert [entry.name for entry in theirs.tasks()] == ["Shared", "film", "rain"]
    assert theirs.entry("shared").tags == ("a", "b")


def test_a_later_version_is_added_and_the_old_vector_becomes_an_old_one(
    mine: Registry, theirs: Registry, moved: Callable[[], Path]
) -> None:
    for one in (mine, theirs):
        one.add_task("film", some_task(0))
        put_vector(one, "film", hand_made_space(one, "s"), 0)
    mine.add_task("film", some_task(0, version=2), replace=True, tags=["new"])

    theirs.import_bundle(moved())

    assert theirs.entry("film").version == 2
    assert theirs.task_data("film") == some_task(0, version=2)
    assert theirs.vectors(space="s").names == ()
    assert theirs.verify_index()[0].faults == ()


def test_an_older_history_changes_nothing(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    mine.add_task("film", some_task(0))
    theirs.add_task("film", some_task(0))
    theirs.add_task("film", some_task(0, version=2), replace=True)

    report = theirs.import_bundle(moved())

    assert (report.known.total(), report.added.total()) == (1, 0)
    assert theirs.entry("film").version == 2


def clashing(mine: Registry, theirs: Registry) -> None:
    """Give both the task `film` with other examples, and the first one all that can be made with it."""
    mine.add_task("film", some_task(0))
    mine.add_task("rain", some_task(1))
    theirs.add_task("film", some_task(7))
    space = hand_made_space(mine, "s")
    put_vector(mine, "film", space, 0)
    put_vector(mine, "rain", space, 1)
    mine.add_transfers([TransferRecord("m", "a", "film", "rain", 0.5), TransferRecord("m", "a", "rain", "other", 0.5)])


def test_a_clash_imports_nothing_and_is_told(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    clashing(mine, theirs)
    before = dump(theirs.folder)

    with pytest.raises(InputError) as error:
        theirs.import_bundle(moved())

    assert str(error.value) == (
        "Nothing was imported, for 1 clash: task 'film' is here with other content. "
        "--keep-mine leaves out what clashes."
    )
    assert dump(theirs.folder) == before


def test_keeping_mine_leaves_out_what_is_made_with_theirs(
    mine: Registry, theirs: Registry, moved: Callable[[], Path]
) -> None:
    clashing(mine, theirs)

    report = theirs.import_bundle(moved(), keep_mine=True)

    assert theirs.task_data("film") == some_task(7)
    assert theirs.vectors(space="s").names == ("rain",)
    assert [(one.target, one.source) for one in theirs.transfers()] == [("rain", "other")]
    assert report.left_out == {"entries": 1, "vectors": 1, "transfers": 1}


def test_all_clashes_are_counted_and_three_of_them_told(
    mine: Registry, theirs: Registry, moved: Callable[[], Path]
) -> None:
    for number in range(5):
        mine.add_task(f"task{number}", some_task(number))
        theirs.add_task(f"task{number}", some_task(number + 10))

    with pytest.raises(InputError, match=r"for 5 clashes: .*'task0'.*'task1'.*'task2'.*; and 2 more\."):
        theirs.import_bundle(moved())


def change_score(one: Registry) -> None:
    one.add_transfers([TransferRecord("small", "full", "task0", "org/Täsk0", 0.9, 0.01, 3)])


def change_vector(one: Registry) -> None:
    put_vector(one, "task1", one.space("made").record, 77)


def change_alias(one: Registry) -> None:
    one.set_alias("task0:2", "first")


def change_space(one: Registry) -> None:
    one.remove_space("made")
    hand_made_space(one, "made")


def change_pack(one: Registry) -> None:
    place = one.packs.place("taskweb") / "pack.json"
    place.write_text(place.read_text().replace('"title": "', '"title": "My '))


def change_kind(one: Registry) -> None:
    one.remove(["org/Täsk1"], "task")
    one.add_corpus("org/Täsk1", ["a"], source="here")


def percents(one: Registry) -> None:
    one.catalog.transfers.remove(target="task1")
    one.add_transfers([TransferRecord("small", "full", "task1", "stranger", 55.0)])


@pytest.mark.parametrize(
    ("change", "told_"),
    [
        (change_score, "the transfer from 'org/Täsk0' to 'task0' in small/full has other scores here"),
        (change_vector, "the vector of 'task1:2' in space 'made' is another here"),
        (change_alias, "alias 'task0:first' means another version here"),
        (change_space, "space 'made' is here with other settings"),
        (change_pack, "pack 'taskweb' is another here"),
        (change_kind, "task 'org/Täsk1' is here of another kind, corpus"),
        (percents, "write all scores as fractions, or all in percent"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_whatever_clashes_is_told(
    mine: Registry, theirs: Registry, moved: Callable[[], Path], change: Callable[[Registry], None], told_: str
) -> None:
    fill(mine, 2)
    mine.packs.add("taskweb")
    bundle = moved()
    theirs.import_bundle(bundle)
    change(theirs)
    before = dump(theirs.folder)

    with pytest.raises(InputError) as error:
        theirs.import_bundle(bundle)
    assert told_ in str(error.value)
    assert dump(theirs.folder) == before

    assert theirs.import_bundle(bundle, keep_mine=True).clashes
    assert all(not check.faults for check in theirs.verify_index())


def test_a_space_is_known_by_its_settings_whatever_it_is_called(
    mine: Registry, theirs: Registry, moved: Callable[[], Path]
) -> None:
    mine.add_task("film", some_task(0))
    put_vector(mine, "film", hand_made_space(mine, "mine"), 0)
    hand_made_space(theirs, "theirs")

    theirs.import_bundle(moved())

    assert [space.name for space in theirs.spaces()] == ["theirs"]
    assert theirs.vectors(space="theirs").names == ("film",)


def test_many_vectors_begin_a_new_epoch_as_they_would_one_by_one(
    mine: Registry, theirs: Registry, moved: Callable[[], Path]
) -> None:
    hand_made_space(theirs, "s", 4)
    space = hand_made_space(mine, "s", 4)
    for number in range(66):
        mine.add_task(f"task{number}", some_task(number))
        put_vector(mine, f"task{number}", space, number)

    theirs.import_bundle(moved())

    assert theirs.space("s").record.epoch == 1
    assert theirs.verify_index()[0].faults == ()


def test_answers_to_overlapping_rows_clash(mine: Registry, theirs: Registry, moved: Callable[[], Path]) -> None:
    fill(mine, 1)
    bundle = moved()
    version, corpus = (mine.entry(name).version_id for name in ("model0", "texts0"))
    mine.catalog.predictions.put(
        version, corpus, start=0, predictions=Predictions.from_texts(["good", "bad"], ("good", "bad"))
    )
    theirs.import_bundle(bundle)
    version, corpus = (theirs.entry(name).version_id for name in ("model0", "texts0"))
    theirs.catalog.predictions.put(
        version, corpus, start=1, predictions=Predictions.from_texts(["bad"], ("good", "bad"))
    )

    with pytest.raises(InputError, match="answers of 'model0:1' on 'texts0' from row 0 are others here"):
        theirs.import_bundle(moved())


# -- what is not let in ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec.function("os:system").as_document(),
        ModelSpec.endpoint("https://evil.example", model="m", key_env="OPENAI_API_KEY", limits={}).as_document(),
    ],
    ids=lambda spec: spec["type"],
)
def test_a_model_that_would_run_code_or_be_sent_a_key_needs_trust(
    mine: Registry, theirs: Registry, moved: Callable[[], Path], spec: dict[str, Any]
) -> None:
    mine.add_model("trap", spec, content_hash="1" * 64)
    bundle = moved()
    before = dump(theirs.folder)

    with pytest.raises(InputError, match=r"trap: models that run a function, or ask a server .* --trust"):
        theirs.import_bundle(bundle)
    assert dump(theirs.folder) == before

    theirs.import_bundle(bundle, trust=True)
    assert theirs.entry("trap").spec == spec
    theirs.import_bundle(bundle)  # it is here already


@pytest.mark.parametrize(
    ("file", "change", "problem"),
    [
        ("entries.jsonl", lambda d: d.update(name="../up"), "is not a name"),
        ("entries.jsonl", lambda d: d.update(kind="thing"), "line 1"),
        ("entries.jsonl", lambda d: d["versions"].pop(), "not numbered from 1"),
        ("entries.jsonl", lambda d: d["versions"][0].update(number=2), "not numbered from 1"),
        ("entries.jsonl", lambda d: d["versions"][0]["contents"].update(more="0" * 64), "missing"),
        ("entries.jsonl", lambda d: d.update(aliases={"a": 9}), "means no version"),
        ("entries.jsonl", lambda d: d.update(created_at="2026-01-01"), "not a time with its zone"),
        ("spaces.jsonl", lambda d: d["spec"].update(seed=1), "not of these settings"),
        ("spaces.jsonl", lambda d: d.update(corpus="nothing:1"), "nothing:1 is missing"),
        ("vectors.jsonl", lambda d: d.update(entry="task0:7"), "task0:7 is missing"),
        ("vectors.jsonl", lambda d: d.update(space="other"), "the space 'other' is missing"),
        ("vectors.jsonl", lambda d: d.pop("arrays"), "has no vector"),
        ("vectors.jsonl", lambda d: d.update(arrays="vectors-00009.safetensors"), "arrays that are missing"),
        ("vectors.jsonl", lambda d: d.update(arrays="../../etc/passwd"), "arrays that are missing"),
        ("predictions.jsonl", lambda d: d.update(answers=["good"]), "not a column for each answer"),
        ("predictions.jsonl", lambda d: d.update(start=-2), "start is not a row"),
        ("transfers.jsonl", lambda d: d.update(score_mean=float("nan")), "a number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_together_imports_nothing(
    mine: Registry,
    theirs: Registry,
    moved: Callable[[], Path],
    tmp_path: Path,
    file: str,
    change: Callable[[dict[str, Any]], object],
    problem: str,
) -> None:
    fill(mine, 2)
    before = dump(theirs.folder)
    made_up = tampered(moved(), tmp_path / "made-up", edited(file, 0, change))

    with pytest.raises(DataError, match=problem) as error:
        theirs.import_bundle(made_up)

    assert str(error.value).startswith((f"{file} line 1: ", "contents/0000"))
    assert dump(theirs.folder) == before


def of_entry(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Return a change of an entry's document."""

    def edit(folder: Path) -> None:
        lines = (folder / "entries.jsonl").read_text(encoding="utf-8").splitlines()
        number = next(number for number, line in enumerate(lines) if json.loads(line)["name"] == name)
        edited("entries.jsonl", number, change)(folder)

    return edit


def of_version(name: str, **values: object) -> Callable[[Path], None]:
    return of_entry(name, lambda document: document["versions"][-1].update(values))


def of_spec(name: str, **values: object) -> Callable[[Path], None]:
    return of_entry(name, lambda document: document["versions"][-1]["spec"].update(values))


def of_lines(file: str, **values: object) -> Callable[[Path], None]:
    return edited(file, 0, lambda document: document.update(values))


def of_array(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return a change of an array of the answers."""

    def edit(folder: Path) -> None:
        file = folder / "predictions-00001.safetensors"
        arrays = load_file(file)
        save_file({**arrays, name: change(arrays[name])}, file)

    return edit


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (of_array("1.probabilities", lambda table: table * 2), "probabilities are negative, or do not add up to 1"),
        (of_array("1.probabilities", lambda table: -table), "probabilities are negative, or do not add up to 1"),
        (
            of_array("1.probabilities", lambda table: table[:1, 0].reshape(())),
            "probabilities are not a column for each",
        ),
        (of_array("2.prompt_prob", lambda own: own + 3), "prompt_prob is not between 0 and 1"),
        (of_lines("predictions.jsonl", answers=["good", "good"]), "answers has a text twice"),
        (of_lines("predictions.jsonl", answers=["", "good"]), "answers has an empty text"),
        (of_lines("predictions.jsonl", entry="prompt0:1"), "prompt0:1 is a prompt, and no model or prompted-model"),
        (of_lines("predictions.jsonl", corpus="task0:1"), "task0:1 is a task, and no corpus"),
        (of_lines("vectors.jsonl", entry="prompt0:1"), "prompt0:1 is a prompt, and no task or model or prompted-model"),
        (of_lines("vectors.jsonl", entry="texts0:1"), "texts0:1 is a corpus, and no task or model or prompted-model"),
        (of_lines("spaces.jsonl", corpus="task0:1"), "task0:1 is a task, and no corpus"),
        (of_version("task0", content_hash="0" * 64), "content_hash is not of its contents"),
        (of_version("texts0", content_hash="0" * 64), "content_hash is not of its contents"),
        (of_version("prompt0", content_hash="0" * 64), "content_hash is not of its contents"),
        (of_entry("task0", lambda it: it.update(task_kind="regression")), "task_kind is not the kind of its newest"),
        (of_entry("texts0", lambda it: it.update(task_kind="regression")), "task_kind is not the kind of its newest"),
        (of_entry("task0", lambda it: it.update(description="a\0b")), "description holds a NUL character"),
        (of_spec("task0", source="a\0b"), "source holds a NUL character"),
        (of_spec("model0", answers=["no", "no"]), "answers has a text twice"),
        (of_spec("model0@prompt0", model="nobody:1"), "the version nobody:1 is missing"),
        (of_spec("model0@prompt0", prompt="model0:1"), "model0:1 is a model, and no prompt"),
        (of_spec("prompt0", template="{% if"), "The template is not Jinja"),
    ],
)
def test_what_says_what_cannot_be_imports_nothing(
    mine: Registry,
    theirs: Registry,
    moved: Callable[[], Path],
    tmp_path: Path,
    change: Callable[[Path], None],
    problem: str,
) -> None:
    fill(mine, 1)
    made_up = tampered(moved(), tmp_path / "made-up", change)
    before = dump(theirs.folder)

    code, text = told("--registry", theirs.folder, "bundle", "import", made_up)

    assert (code, text.count("\n")) == (2, 1)
    assert re.match(rf"Error: \w+\.jsonl line \d: {problem}", text)
    assert dump(theirs.folder) == before


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2", "BF16", "U8", "C64"])
def test_numbers_of_another_kind_import_nothing(
    mine: Registry, theirs: Registry, moved: Callable[[], Path], tmp_path: Path, kind: str
) -> None:
    """Some kinds of safetensors are none of numpy's, which is then at a loss in a way of its own."""
    fill(mine, 1)
    width = {"BF16": 2, "C64": 8}.get(kind, 1)

    def retype(folder: Path) -> None:
        file = folder / "vectors-00001.safetensors"
        body = file.read_bytes()
        size = int.from_bytes(body[:8], "little")
        header = json.loads(body[8 : 8 + size])
        for name in [name for name in header if name.endswith(".vector")]:
            begin, end = header[name]["data_offsets"]
            header[name] |= {"dtype": kind, "shape": [(end - begin) // width]}
        head = json.dumps(header).encode()
        file.write_bytes(len(head).to_bytes(8, "little") + head + body[8 + size :])

    code, text = told("--registry", theirs.folder, "bundle", "import", tampered(moved(), tmp_path / "made-up", retype))

    assert (code, text.count("\n"), list(theirs.tasks())) == (2, 1, [])
    assert re.search(r"is no safetensors file of numbers|has no vector", text)


def saved(table: Any) -> bytes:  # noqa: ANN401 - an array of any shape
    held = io.BytesIO()
    np.save(held, table)
    return held.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda table: saved(table * 2),
        lambda table: saved(table[:1]),
        lambda table: saved(table[:, :1]),
        lambda table: saved(table).replace(b"}", b"("),
        lambda table: b"PK\3\4" + saved(table),
    ],
)
def test_recorded_tables_that_nothing_can_have_answered_import_nothing(
    mine: Registry, theirs: Registry, moved: Callable[[], Path], tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    answered = Predictions.from_texts(["good", "bad"], ("good", "bad"))
    prompt = RecordedPrompt("asked", "Good?", ("good", "bad"), Recording((Input("one"), Input("two")), answered))
    mine.add_recorded_llm("llm", [prompt], source="here")

    def spoil(folder: Path) -> None:
        (entry,) = (line for line in (folder / "entries.jsonl").read_text().splitlines() if '"llm@asked"' in line)
        sha256 = json.loads(entry)["versions"][0]["contents"]["outputs"]
        made = change(np.load(folder / "contents" / sha256))
        forged = hashlib.sha256(made).hexdigest()
        (folder / "contents" / sha256).unlink()
        (folder / "contents" / forged).write_bytes(made)
        (folder / "entries.jsonl").write_text((folder / "entries.jsonl").read_text().replace(sha256, forged))

    theirs.import_bundle(moved(), dry_run=True)
    with pytest.raises(DataError, match=r"entries.jsonl line \d: "):
        theirs.import_bundle(tampered(moved(), tmp_path / "made-up", spoil))
    assert list(theirs.models()) == []


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("facets", [{"name": "inputs", "size": 4.0}, {"name": "map", "size": 4}], "form of a space's settings"),
        ("facets", [{"name": "inputs", "size": -4}, {"name": "map", "size": 12}], "form of a space's settings"),
        ("facets", [{"name": "inputs", "size": 0}, {"name": "map", "size": 8}], "form of a space's settings"),
        ("facets", [{"name": "map", "size": 4}, {"name": "map", "size": 4}], "form of a space's settings"),
        ("facets", [{"name": None, "size": 8}], "form of a space's settings"),
        ("method", 5, "form of a space's settings"),
        ("parameters", None, "form of a space's settings"),
        ("surrogate_source", 5, "form of a space's settings"),
        ("seed", "0", "form of a space's settings"),
        ("corpus", 5, "form of a space's settings"),
        ("corpus", "0" * 64, "texts0:1 is not the corpus of these settings"),
    ],
)
def test_settings_that_no_space_has_import_nothing(
    mine: Registry,
    theirs: Registry,
    moved: Callable[[], Path],
    tmp_path: Path,
    setting: str,
    value: object,
    problem: str,
) -> None:
    """Whoever makes them up makes up the fingerprint too: no question would be answered in such a space."""
    fill(mine, 1)

    def change(document: dict[str, Any]) -> None:
        spec = document["spec"]
        spec[setting] = value
        identity = {key: its for key, its in spec.items() if key != "surrogate_source"}
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        document["fingerprint"] = hashlib.sha256(text.encode()).hexdigest()

    faulty = tampered(moved(), tmp_path / "faulty", edited("spaces.jsonl", 0, change))

    with pytest.raises(DataError, match=problem):
        theirs.import_bundle(faulty, trust=True)

    assert not theirs.tasks()


def test_a_link_in_a_bundle_is_not_followed(
    mine: Registry, theirs: Registry, moved: Callable[[], Path], tmp_path: Path
) -> None:
    fill(mine, 1)
    bundle = moved()
    (tmp_path / "secret").write_bytes((bundle / "transfers.jsonl").read_bytes())
    (bundle / "transfers.jsonl").unlink()
    (bundle / "transfers.jsonl").symlink_to(tmp_path / "secret")

    with pytest.raises(DataError, match="is no plain file"):
        theirs.import_bundle(bundle)


def test_an_archive_with_names_that_lead_elsewhere_is_not_unpacked(theirs: Registry, tmp_path: Path) -> None:
    place = tmp_path / "made" / "contents"
    place.mkdir(parents=True)
    (place / "x").write_text("x")
    pack(tmp_path / "made", tmp_path / "made.zip")

    with pytest.raises(DataError, match="'contents/x', which is no file of a bundle"):
        theirs.import_bundle(tmp_path / "made.zip")


def damage_the_stream(body: bytearray, entry: zipfile.ZipInfo) -> None:
    body[data_of(body, entry)] = 0b111  # a kind of block that deflate does not have


def encrypt(body: bytearray, entry: zipfile.ZipInfo) -> None:
    body[entry.header_offset + 6] |= 1
    body[directory_of(body, entry) + 8] |= 1


def pack_as_lzma(body: bytearray, entry: zipfile.ZipInfo) -> None:
    body[entry.header_offset + 8] = body[directory_of(body, entry) + 10] = zipfile.ZIP_LZMA


def tell_a_smaller_size(body: bytearray, entry: zipfile.ZipInfo) -> None:
    at = directory_of(body, entry) + 24
    body[at : at + 4] = (entry.file_size - 1).to_bytes(4, "little")


def data_of(body: bytearray, entry: zipfile.ZipInfo) -> int:
    name, extra = (int.from_bytes(body[entry.header_offset + at :][:2], "little") for at in (26, 28))
    return entry.header_offset + 30 + name + extra


def directory_of(body: bytearray, entry: zipfile.ZipInfo) -> int:
    return body.rindex(entry.filename.encode()) - 46


def made_up_archive(folder: Path, change: Callable[[bytearray, zipfile.ZipInfo], None]) -> Path:
    """Change an archive, and renew the hash at its end, as somebody would who means harm."""
    archive = folder.with_suffix(".zip")
    pack(folder, archive)
    body = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as source:
        change(body, source.getinfo("entries.jsonl"))
    body[-DIGITS:] = hashlib.sha256(body[:-DIGITS]).hexdigest().encode()
    archive.write_bytes(body)
    return archive


@pytest.mark.parametrize("change", [damage_the_stream, encrypt, pack_as_lzma, tell_a_smaller_size])
def test_an_archive_that_was_made_up_is_refused_in_one_line(
    mine: Registry, theirs: Registry, moved: Callable[[], Path], change: Callable[[bytearray, zipfile.ZipInfo], None]
) -> None:
    fill(mine, 1)
    archive = made_up_archive(moved(), change)

    code, text = told("--registry", theirs.folder, "bundle", "import", archive)

    assert (code, text.count("\n")) == (2, 1)
    assert text.startswith(f"Error: {archive}: ")
    assert list(theirs.tasks()) == []


def test_an_archive_that_would_fill_the_disk_is_refused_before_it_is_unpacked(
    theirs: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "entries.jsonl").write_bytes(bytes(3_000_000))
    pack(tmp_path / "made", tmp_path / "made.zip")
    monkeypatch.setattr(registry.bundles.archive, "MOST_BYTES", 2_000_000)

    with pytest.raises(DataError, match=r"unpacks to 3,000,000 bytes, more than 100 times its own [\d,]+: unpack it"):
        theirs.import_bundle(tmp_path / "made.zip")


def test_an_archive_that_somebody_packed_anew_is_refused_and_its_folder_is_not(
    mine: Registry, theirs: Registry, moved: Callable[[], Path], tmp_path: Path
) -> None:
    fill(mine, 1)
    bundle = moved()
    shutil.make_archive(str(tmp_path / "again"), "zip", bundle)

    with pytest.raises(DataError, match="is not the file that was written"):
        theirs.import_bundle(tmp_path / "again.zip")

    assert theirs.import_bundle(bundle).added["entries"] == 6


@pytest.mark.file
def test_a_damaged_vector_is_told_and_not_exported(mine: Registry, tmp_path: Path) -> None:
    fill(mine, 1)
    with sqlite3.connect(mine.folder / "catalog.db") as database:
        database.execute("UPDATE embeddings SET vector = zeroblob(32) WHERE id = 1")
    database.close()

    with pytest.raises(IntegrityError, match="'task0'"):
        mine.export_bundle(tmp_path / "out.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


# -- the files ---------------------------------------------------------------------------------------


def test_a_folder_and_a_file_hold_the_same(mine: Registry, tmp_path: Path) -> None:
    fill(mine, 2)
    mine.export_bundle(tmp_path / "folder")
    mine.export_bundle(tmp_path / "file.zip")

    with zipfile.ZipFile(tmp_path / "file.zip") as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in (tmp_path / "folder").rglob("*") if path.is_file()]
    assert packed == {path.relative_to(tmp_path / "folder").as_posix(): path.read_bytes() for path in files}


def test_a_folder_that_is_there_is_left_alone(mine: Registry, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(InputError, match="is there already"):
        mine.export_bundle(tmp_path / "out")


def test_a_disk_that_is_full_is_told_and_nothing_is_left(mine: Registry, tmp_path: Path) -> None:
    space = hand_made_space(mine, "wide", 60_000)
    for number in range(2):
        mine.add_task(f"task{number}", some_task(number))
        put_vector(mine, f"task{number}", space, number)

    with full_beyond(100_000), pytest.raises(StorageError, match=r"^Cannot write .*out: File too large\.$"):
        mine.export_bundle(tmp_path / "out")

    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_arrays_are_written_and_read_a_part_at_a_time(
    mine: Registry, theirs: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = hand_made_space(mine, "wide", 60_000)
    for number in range(60):
        mine.add_task(f"task{number}", some_task(number))
        put_vector(mine, f"task{number}", space, number)
    monkeypatch.setattr(registry.bundles.arrays, "MOST_BYTES", 1_000_000)

    tracemalloc.start()
    mine.export_bundle(tmp_path / "out")
    theirs.import_bundle(tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(list((tmp_path / "out").glob("vectors-*.safetensors"))) == 12
    assert peak < 8_000_000  # of 60 vectors with 14,400,000 bytes


# -- the commands ------------------------------------------------------------------------------------


def test_the_commands_export_and_import(
    mine: Registry, theirs: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(mine, 1)
    file = tmp_path / "all.zip"
    counts = "6 entries, 1 spaces, 3 vectors, 3 predictions, 5 transfers"

    monkeypatch.setenv("FUTE_REGISTRY", str(mine.folder))
    code, text = told("bundle", "export", file)
    assert (code, text) == (0, f"{counts}, 8 contents written to {file}\n")

    monkeypatch.setenv("FUTE_REGISTRY", str(theirs.folder))
    assert told("bundle", "import", file, "--dry-run") == (0, f"{counts} would be added; 0 were here\n")
    assert list(theirs.tasks()) == []
    assert told("bundle", "import", file) == (0, f"{counts} added; 0 were here\n")
    code, text = told("bundle", "import", file, "--json")
    assert code == 0
    assert json.loads(text)["known"]["transfers"] == 5


@pytest.mark.parametrize("name", ["nothing.zip", "nothing", "notes.txt", "empty"])
def test_what_is_no_bundle_is_told_in_one_line(mine: Registry, tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("just text")
    (tmp_path / "empty").mkdir()

    code, text = told("--registry", mine.folder, "bundle", "import", tmp_path / name)

    assert code == 2
    assert text.startswith(f"Error: {tmp_path / name}: ")
    assert text.count("\n") == 1


# -- in another case ---------------------------------------------------------------------------------


def add_llm(registry: Registry, model: str, prompt: str, *, with_pair: bool) -> None:
    pair = ModelSpec.prompted(model=f"{model}:1", prompt=f"{prompt}:1").as_document()
    asks = Prompt("{{ text }} Good or bad?", ("good", "bad"), (("good",), ("bad",)))
    recorded = ModelSpec.recorded("here", answers=("good", "bad")).as_document()
    entries = [
        NewEntry(EntryKind.MODEL, model, "0" * 64, recorded, {"table": b"1"}),
        NewEntry(EntryKind.PROMPT, prompt, asks.content_hash(), asks.spec()),
        NewEntry(EntryKind.PROMPTED_MODEL, f"{model}@{prompt}", "1" * 64, pair),
    ]
    for entry in entries[: 3 if with_pair else 2]:
        registry.catalog.entries.add(entry)


def test_a_prompted_model_comes_under_the_names_that_its_model_and_prompt_have_here(
    mine: Registry, theirs: Registry, moved: Callable[[], Path]
) -> None:
    add_llm(mine, "Llama", "Zs", with_pair=True)
    add_llm(theirs, "llama", "zs", with_pair=False)

    theirs.import_bundle(moved())
    theirs.import_bundle(moved())

    pair = theirs.entry("llama@zs")
    assert (pair.name, pair.spec["model"], pair.spec["prompt"]) == ("llama@zs", "llama:1", "zs:1")
    assert theirs.catalog.entries.prompts_of("llama") == ["zs"]
    theirs.remove("llama", "model")
    assert [entry.name for entry in theirs.entries("prompted-model")] == []


def test_a_prompted_model_that_an_older_release_took_in_another_case_is_its_models(registry: Registry) -> None:
    add_llm(registry, "llama", "zs", with_pair=False)
    pair = ModelSpec.prompted(model="llama:1", prompt="zs:1").as_document()
    registry.catalog.entries.add(NewEntry(EntryKind.PROMPTED_MODEL, "Llama@Zs", "1" * 64, pair))

    assert registry.catalog.entries.prompts_of("llama") == ["Zs"]
    registry.rename("zs", "short", "prompt")
    registry.rename("llama", "lm", "model")
    assert registry.catalog.entries.prompts_of("lm") == ["short"]


def test_a_model_is_not_renamed_where_its_pair_would_take_the_name_of_another(registry: Registry) -> None:
    add_llm(registry, "llama", "zs", with_pair=True)
    pair = ModelSpec.prompted(model="other:1", prompt="zs:1").as_document()
    registry.catalog.entries.add(NewEntry(EntryKind.PROMPTED_MODEL, "other@zs", "1" * 64, pair))

    with pytest.raises(AlreadyExistsError, match=r"'other@zs' .* llama@zs would be called so: choose another name"):
        registry.rename("llama", "other", "model")
    assert registry.entry("llama@zs").name == "llama@zs"


def test_one_tag_may_be_taken_away_as_it_is_given(registry: Registry) -> None:
    add_llm(registry, "llama", "zs", with_pair=False)
    registry.tag("llama", add=["o", "l", "d", "old"])

    assert registry.tag("llama", remove="old").tags == ("d", "l", "o")
