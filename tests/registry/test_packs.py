"""Packs: transfers that others measured, beside the catalog and never mixed up with one's own."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_bundles import tampered
from tiny_cli import run, told
from tiny_history import records_of

from registry import Registry
from registry.catalog import Filter
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError, NotFoundError
from registry.packs.making import pack_of
from registry.packs.pack import Pack, PackTask, read_pack, write_pack
from registry.packs.shelf import STARTER, supplied
from registry.resources import resource
from registry.sources.answer import SourceRanking
from registry.sources.history import standardised
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

SPEC = SpaceSpec("5" * 64, "here", "ours", {}, (Facet("inputs", 3), Facet("answers", 3)), None)
NAMES = ("bank", "book", "film", "game", "meal", "news", "shop")
TASK = TaskData("classification", ("yes", "no"), (Example("one", "yes"), Example("two", "no")))
TEXTS = ("one", "two", "yes")


def vectors(count: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    parts = np.random.default_rng(seed).normal(size=(count, 2, 3)).astype(np.float32)
    return unit(np.concatenate([unit(parts[:, 0]), unit(parts[:, 1])], axis=1))


@pytest.fixture
def pack() -> Pack:
    tasks = tuple(PackTask(name, "classification", f"hub: them/{name}") for name in NAMES)
    transfers = tuple(records_of(NAMES[:4], NAMES))
    return Pack("theirs", "What they measured", "They, 2025", SPEC, tasks, vectors(len(NAMES), 1), transfers)


@pytest.fixture
def folder(pack: Pack, tmp_path: Path) -> Path:
    write_pack(tmp_path / "packed", pack)
    return tmp_path / "packed"


@pytest.fixture
def own(registry: Registry) -> Registry:
    """Four tasks of one's own, one of which is called as one of the pack is; nothing measured."""
    space = registry.add_space("s", SPEC, corpus=None)
    for name, vector in zip(("film", "rain", "song", "team"), vectors(4, 2), strict=True):
        registry.catalog.embeddings.put(registry.add_task(name, TASK).version_id, space, vector, {})
    registry.refresh_index("s")
    return registry


def asked(registry: Registry, **options: object) -> SourceRanking:
    ranking = registry.nearest("song", **{"by": "memory", **options})  # type: ignore[arg-type]
    assert isinstance(ranking, SourceRanking)
    return ranking


def test_what_is_written_is_read_again(pack: Pack, folder: Path) -> None:
    read = read_pack(folder)

    assert (read.name, read.title, read.source, read.tasks) == (pack.name, pack.title, pack.source, pack.tasks)
    assert np.array_equal(read.matrix, pack.matrix)
    assert sorted(map(str, read.transfers)) == sorted(map(str, pack.transfers))


def test_who_has_measured_nothing_is_advised_by_a_pack(own: Registry, folder: Path) -> None:
    assert asked(own).by == "similarity"
    own.packs.add(str(folder))

    ranking = asked(own)

    assert ranking.by == "memory"
    assert {m.name for m in ranking} == {"film", "rain", "team", *(f"theirs:{name}" for name in NAMES)}
    borrowed = next(m for m in ranking if m.name == "theirs:film")
    assert (borrowed.pack, borrowed.home) == ("theirs", "hub: them/film")
    assert borrowed.deviation is not None
    assert "mean source" in borrowed.because
    assert next(m for m in ranking if m.name == "film").pack is None
    assert any("transfers that others measured (pack theirs" in note for note in ranking.notes)


def test_a_pack_is_filtered_and_left_out_where_asked(own: Registry, folder: Path) -> None:
    own.packs.add(str(folder))

    assert {m.pack for m in asked(own, packs=True)} == {"theirs"}
    assert {m.pack for m in asked(own, packs=True, by="similarity")} == {"theirs"}
    assert asked(own, packs=False).by == "similarity"
    assert {m.pack for m in asked(own, packs=False)} == {None}
    assert {m.pack for m in asked(own, where=Filter(tags=("mine",)))} == set()
    assert len(asked(own, where=Filter(task_kind="regression"))) == 0
    assert {m.name for m in own.nearest("song")} == {"film", "rain", "team"}, "by likeness one's own are ranked"


def test_a_task_of_a_pack_is_no_query(own: Registry, folder: Path) -> None:
    own.packs.add(str(folder))

    with pytest.raises(InputError, match="is a task of the pack 'theirs'"):
        own.nearest("theirs:film")


def test_a_version_of_an_entry_is_a_query_whatever_packs_are_called(own: Registry, pack: Pack, tmp_path: Path) -> None:
    before = own.nearest("film:1")
    write_pack(tmp_path / "film", replace(pack, name="film"))
    own.packs.add(str(tmp_path / "film"))

    assert own.nearest("film:1") == before
    with pytest.raises(InputError, match="'film:rain' is a task of the pack 'film'"):
        own.nearest("film:rain")


def test_nothing_of_a_pack_is_listed_counted_or_exported(own: Registry, folder: Path) -> None:
    before = (own.status().entries, [t.name for t in own.tasks()], own.transfers(), own.vectors().names)
    own.packs.add(str(folder))

    assert (own.status().entries, [t.name for t in own.tasks()], own.transfers(), own.vectors().names) == before
    assert own.status().packs == ("theirs",)
    with pytest.raises(NotFoundError):
        own.entry("theirs:film")


def test_ones_own_measurements_are_judged_apart_from_those_of_packs(own: Registry, folder: Path) -> None:
    own.packs.add(str(folder))
    assert str(asked(own).record).startswith("Advice by memory on the targets of packs, each of 4 left out")
    own.add_transfers(records_of(("film", "rain"), ("a", "b", "c", "film", "rain", "song", "team"), seed=3))

    assert str(asked(own).record).startswith("Advice by memory so far, each of 2 targets left out")


def test_a_pack_of_another_kind_of_space_is_not_used(own: Registry, pack: Pack, tmp_path: Path) -> None:
    write_pack(tmp_path / "other", replace(pack, spec=replace(SPEC, seed=7)))
    own.packs.add(str(tmp_path / "other"))

    ranking = asked(own)

    assert ranking.by == "similarity"
    assert "Pack theirs has vectors of another kind of space: not used here." in ranking.notes


def test_a_corpus_makes_no_difference_to_tasks(own: Registry, pack: Pack, tmp_path: Path) -> None:
    assert replace(SPEC, corpus="c" * 64).is_same_for_tasks(pack.spec)
    assert not replace(SPEC, method="other").is_same_for_tasks(pack.spec)


def test_a_pack_is_made_of_ones_own_registry(own: Registry, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No transfers among these tasks"):
        pack_of(own.catalog, own.catalog.spaces.get("s"), "mine", title="t", source="we")
    own.add_transfers(records_of(("film",), ("film", "rain", "song")))

    made = pack_of(own.catalog, own.catalog.spaces.get("s"), "mine", title="What we measured", source="We")
    write_pack(tmp_path / "mine", made)

    assert [task.name for task in made.tasks] == ["film", "rain", "song"]
    assert len(made.transfers) == len(own.transfers())
    written = b"".join(path.read_bytes() for path in (tmp_path / "mine").iterdir())
    assert not any(f'"{text}"'.encode() in written for text in TEXTS), "no text goes into a pack"
    with pytest.raises(InputError, match="there already"):
        write_pack(tmp_path / "mine", made)


@pytest.mark.parametrize("file", ["vectors.npz", "transfers.csv"])
def test_a_file_that_is_not_the_one_that_was_packed_is_refused(own: Registry, folder: Path, file: str) -> None:
    body = bytearray((folder / file).read_bytes())
    body[len(body) // 2] ^= 1
    (folder / file).write_bytes(body)

    with pytest.raises(DataError, match="is not the file that was packed"):
        own.packs.add(str(folder))
    assert own.packs.names() == []


@pytest.mark.file
@pytest.mark.parametrize(
    "words",
    [
        *("diff R other", "diff other R", "diff damaged other", "copy R new", "--registry R bundle export new"),
        *("--registry R push new", "--registry R bundle import other", "--registry R pack show theirs"),
    ],
)
def test_a_pack_that_was_damaged_is_named_by_whatever_compares_or_copies_it(
    own: Registry, folder: Path, tmp_path: Path, words: str
) -> None:
    own.packs.add(str(folder))
    own.export_bundle(tmp_path / "other")

    def damage(packs: Path) -> None:
        table = packs / "theirs" / "transfers.csv"
        table.write_text(table.read_text().replace("0.", "1.", 1))

    damage(own.folder / "packs")
    tampered(tmp_path / "other", tmp_path / "damaged", lambda bundle: damage(bundle / "packs"))

    def place_of(word: str) -> str | Path:
        return own.folder if word == "R" else tmp_path / word if word in ("other", "damaged", "new") else word

    code, text = told(*map(place_of, words.split()))

    assert code == 2
    assert re.fullmatch(r"Error: .*theirs/transfers\.csv: is not the file that was packed: get the pack anew\.\n", text)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 2}, "format 2 of packs is not known"),
        ({"title": ""}, "has no 'title'"),
        ({"title": "two\nlines"}, "has no 'title'"),
        ({"name": "../up"}, "is not a name"),
        ({"tasks": []}, "has no list of 1 to 1000 'tasks'"),
        ({"tasks": [{"name": "film"}] * 2}, "names a task twice"),
        ({"tasks": [{"name": "film"}]}, "does not hold one vector for each task"),
        ({"tasks": [7]}, "has no list"),
        ({"space": None}, "does not say which space"),
        ({"sha256": None}, "is not the file that was packed"),
    ],
)
def test_a_faulty_description_is_refused_in_a_line(folder: Path, change: dict[str, object], why: str) -> None:
    said = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps({**said, **change}))

    with pytest.raises(InputError, match=why):
        read_pack(folder)


@pytest.mark.parametrize("size", [None, 1.5, "4", True, 0, -4])
def test_a_pack_whose_vectors_cannot_be_divided_as_it_says_is_refused_in_a_line(folder: Path, size: object) -> None:
    said = json.loads((folder / "pack.json").read_text())
    said["space"]["facets"][0]["size"] = size
    (folder / "pack.json").write_text(json.dumps(said))

    with pytest.raises(InputError, match="does not say which space"):
        read_pack(folder)


def test_the_supplied_packs_can_be_read_and_hold_what_they_say() -> None:
    assert STARTER in supplied()
    pack = read_pack(resource("packs") / STARTER)

    assert (len(pack.tasks), len(pack.transfers)) == (22, 2079)
    assert all(task.home and task.kind for task in pack.tasks)
    assert np.isfinite(pack.matrix).all()


def test_a_new_registry_begins_with_the_starter_pack_unless_told(tmp_path: Path) -> None:
    for name, options, packs in (("a", (), [STARTER]), ("b", ("--no-pack",), [])):
        assert run("--registry", tmp_path / name, "init", *options).exit_code == 0
        assert json.loads(run("--registry", tmp_path / name, "status", "--json").stdout)["packs"] == packs

    assert run("--registry", tmp_path / "a", "pack", "remove", STARTER).exit_code == 0
    assert run("--registry", tmp_path / "a", "init").exit_code == 0
    listed = run("--registry", tmp_path / "a", "pack", "list", "--json")
    assert json.loads(listed.stdout) == {"packs": [], "supplied": supplied()}, "what was removed stays removed"


def test_packs_are_added_shown_and_removed_by_commands(own: Registry, folder: Path, tmp_path: Path) -> None:
    at = ("--registry", own.folder)

    assert "7 tasks" in run(*at, "pack", "add", folder).stdout
    assert "hub: them/film" in run(*at, "pack", "show", "theirs").stdout
    assert run(*at, "pack", "add", tmp_path / "nowhere").exit_code == 2
    assert run(*at, "pack", "show", "nothing").exit_code == 2
    answer = json.loads(run(*at, "nearest", "song", "--by", "memory", "--pack", "--json").stdout)
    assert {match["pack"] for match in answer["matches"]} == {"theirs"}
    assert run(*at, "pack", "remove", "theirs").exit_code == 0
    assert run(*at, "pack", "remove", "theirs").exit_code == 2


def test_the_setting_is_asked_for_where_several_were_measured(own: Registry, folder: Path) -> None:
    own.packs.add(str(folder))
    settings = {f"{r.model}/{r.adaptation}" for r in read_pack(folder).transfers}
    assert len(settings) > 1

    assert any("In which setting will you train?" in note for note in asked(own).notes)
    assert not any("In which setting" in note for note in asked(own, setting=min(settings)).notes)


def test_a_pack_of_ones_own_tasks_does_not_tell_the_targets_own_outcomes(own: Registry, tmp_path: Path) -> None:
    own.add_transfers(records_of(("song",), ("film", "rain", "song", "team")))
    made = pack_of(own.catalog, own.catalog.spaces.get("s"), "mine", title="Ours", source="We")
    write_pack(tmp_path / "mine", made)
    own.packs.add(str(tmp_path / "mine"))

    assert asked(own).by == "similarity", "nothing else was measured"
    assert asked(own, own=True).by == "memory"


def test_a_pack_of_what_is_recorded_here_itself_is_not_counted_twice(own: Registry, tmp_path: Path) -> None:
    own.add_transfers(records_of(("film", "rain"), ("film", "rain", "song", "team")))
    alone = asked(own)
    write_pack(
        tmp_path / "mine",
        pack_of(own.catalog, own.catalog.spaces.get("s"), "mine", title="What we measured", source="We"),
    )
    own.packs.add(str(tmp_path / "mine"))

    both = asked(own)

    assert [vars(row) for row in both] == [vars(row) for row in alone]
    assert both.notes == ("Pack mine tells what is recorded here itself: not used here.", *alone.notes)


def made_here(own: Registry, folder: Path, name: str = "mine") -> None:
    """Make a pack of what is recorded, and add it."""
    made = pack_of(own.catalog, own.catalog.spaces.get("s"), name, title="What we measured", source="We")
    write_pack(folder / name, made)
    own.packs.add(str(folder / name))


def test_a_pack_of_ones_own_is_known_again_after_some_of_it_has_changed(own: Registry, tmp_path: Path) -> None:
    """A score that was measured anew, or another name: it was counted twice, as somebody else's."""
    measured = records_of(("film", "rain"), ("film", "rain", "song", "team"))
    own.add_transfers(measured)
    made_here(own, tmp_path)

    own.add_transfers([replace(measured[0], score_mean=measured[0].score_mean + 0.01)])
    own.rename("team", "crew", "task")

    told = asked(own).notes
    assert "Pack mine tells what is recorded here itself: not used here." in told
    assert not any("that others measured" in note for note in told)
    assert any("that others measured" in note for note in asked(own, packs=True).notes), "who wants it gets it"


def test_two_packs_of_the_same_outcomes_count_once(own: Registry, pack: Pack, folder: Path, tmp_path: Path) -> None:
    own.packs.add(str(folder))
    alone = asked(own)
    names = {task.name: f"{task.name}-2025" for task in pack.tasks}
    tasks = tuple(replace(task, name=names[task.name]) for task in pack.tasks)
    moved = [replace(one, target=names[one.target], source=names[one.source]) for one in pack.transfers]
    write_pack(tmp_path / "again", replace(pack, name="twice", tasks=tasks, transfers=tuple(moved)))
    own.packs.add(str(tmp_path / "again"))

    both = asked(own)

    assert [vars(row) for row in both] == [vars(row) for row in alone]
    assert both.notes == ("Pack twice tells what pack theirs tells: not used here.", *alone.notes)


def test_a_pack_with_other_outcomes_of_the_same_tasks_counts(
    own: Registry, pack: Pack, folder: Path, tmp_path: Path
) -> None:
    own.packs.add(str(folder))
    others = tuple(replace(one, adaptation="adapters") for one in pack.transfers)
    write_pack(tmp_path / "more", replace(pack, name="more", transfers=others))
    own.packs.add(str(tmp_path / "more"))

    notes = asked(own, setting=f"{others[0].model}/adapters").notes
    assert any(f"With {2 * len(others)} transfers that others measured" in note for note in notes)


def test_a_pack_counts_where_its_outcomes_were_imported_and_its_tasks_have_no_vectors_here(
    own: Registry, pack: Pack, folder: Path
) -> None:
    own.packs.add(str(folder))
    own.add_transfers(pack.transfers)

    ranking = asked(own)

    assert any(match.pack for match in ranking)
    assert not any("recorded here itself" in note for note in ranking.notes)


def test_a_pack_in_use_may_be_added_from_its_own_place_and_a_link_is_removed_alone(own: Registry, folder: Path) -> None:
    own.packs.add(str(folder))
    own.packs.add(str(own.folder / "packs" / "theirs"))
    assert own.packs.names() == ["theirs"]
    own.packs.add(str(folder))  # in the place of the one that is there
    assert own.packs.names() == ["theirs"]

    (own.folder / "packs" / "linked").symlink_to(folder)
    own.packs.remove("linked")
    assert own.packs.names() == ["theirs"]
    assert (folder / "pack.json").exists()


def test_a_pack_takes_no_place_of_one_that_differs_in_case_alone(own: Registry, pack: Pack, tmp_path: Path) -> None:
    """On a memory stick, as on macOS and Windows, both are one folder, and the former would be gone without a word."""
    write_pack(tmp_path / "packed", pack)
    write_pack(tmp_path / "shouted", replace(pack, name="THEIRS"))
    own.packs.add(str(tmp_path / "packed"))

    with pytest.raises(InputError, match=r"^Pack 'theirs' is in use, and case tells no names apart: 'fute pack remove"):
        own.packs.add(str(tmp_path / "shouted"))

    with Registry.create(tmp_path / "other") as other:
        other.packs.add(str(tmp_path / "shouted"))
        other.export_bundle(tmp_path / "all.zip")
    with pytest.raises(InputError, match=r"pack 'THEIRS' is called 'theirs' here, and case tells no names apart"):
        own.import_bundle(tmp_path / "all.zip")
    assert own.import_bundle(tmp_path / "all.zip", keep_mine=True).left_out["packs"] == 1
    assert own.packs.names() == ["theirs"]


def test_reasons_are_told_of_the_setting_that_was_named(own: Registry, folder: Path) -> None:
    own.packs.add(str(folder))
    measured = {
        (f"theirs:{m.target}", f"theirs:{m.source}"): m.gain
        for m in standardised(read_pack(folder).transfers)
        if m.setting == "large/lora"
    }

    for match in asked(own, setting="large/lora"):
        for reason in match.reasons:  # type: ignore[attr-defined]
            pair = (reason.target, reason.source)
            assert pair not in measured or reason.gain == pytest.approx(measured[pair])


@pytest.mark.parametrize(("name", "title"), [("org/x", "a title"), ("x", "two\nlines"), ("x", "")])
def test_no_pack_is_made_that_could_not_be_added(own: Registry, name: str, title: str) -> None:
    own.add_transfers(records_of(("film",), ("film", "rain", "song")))

    with pytest.raises(InputError):
        pack_of(own.catalog, own.catalog.spaces.get("s"), name, title=title, source="We")


def test_a_registry_that_wanted_no_pack_is_given_none_later(tmp_path: Path) -> None:
    at = ("--registry", tmp_path / "r")
    assert run(*at, "init", "--no-pack").exit_code == 0
    assert run(*at, "init").exit_code == 0
    assert json.loads(run(*at, "pack", "list", "--json").stdout)["packs"] == []


def test_a_pack_that_would_fill_the_memory_is_refused_before_it_is_unpacked(folder: Path) -> None:
    huge = np.zeros((7, 1_000_000), np.float32)
    np.savez_compressed(folder / "vectors.npz", fingerprint=SPEC.fingerprint(), names=NAMES, kinds=NAMES, vectors=huge)
    said = json.loads((folder / "pack.json").read_text())
    said["sha256"]["vectors.npz"] = hashlib.sha256((folder / "vectors.npz").read_bytes()).hexdigest()
    (folder / "pack.json").write_text(json.dumps(said))

    with pytest.raises(DataError, match="would unpack to 28,"):
        read_pack(folder)


def test_tasks_of_a_pack_and_their_homes_are_found_in_whichever_way_their_letters_are_joined(own: Registry) -> None:
    joined, apart = "caf\u00e9", "cafe\u0301"  # the second as some file systems write it
    space = own.catalog.spaces.get("s")
    own.catalog.embeddings.put(own.add_task(joined, TASK).version_id, space, vectors(5, 3)[4], {})
    own.add_transfers(records_of((joined,), (joined, "film", "rain")))

    pack = pack_of(
        own.catalog, space, "mine", title="Places", source="We", tasks=[apart, "FILM"], homes={apart: "hub: us/places"}
    )

    assert [(task.name, task.home) for task in pack.tasks][:1] == [(joined, "hub: us/places")]


def test_a_pack_that_could_not_be_read_is_not_made(own: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    own.add_transfers(records_of(("film",), ("film", "rain", "song")))
    space = own.catalog.spaces.get("s")
    options: dict[str, Any] = {"title": "What we measured", "source": "We"}
    names = [task.name for task in pack_of(own.catalog, space, "mine", **options).tasks]

    whole = pack_of(own.catalog, space, "mine", tasks=[name.upper() for name in names], **options)
    assert [task.name for task in whole.tasks] == names
    with pytest.raises(InputError, match="home of a task of a pack is a line"):
        pack_of(own.catalog, space, "mine", homes={names[0]: "two\nlines"}, **options)
    monkeypatch.setattr("registry.packs.making.MOST_TASKS", len(names) - 1)
    with pytest.raises(InputError, match=f"at most {len(names) - 1} tasks, and these are {len(names)}"):
        pack_of(own.catalog, space, "mine", **options)
