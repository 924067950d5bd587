"""Push and pull by a folder: what arrives, what leaves, what is refused, and what a kill leaves behind."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from nursery import Nursery
from served import NEEDED, server, url_of
from tiny_bundles import edited, some_task, tampered
from tiny_cli import hand_made_space, put_vector, run, told
from together import at_once

import registry.exchange.cards
from registry import Registry
from registry.bundles.archive import pack, unpacked
from registry.bundles.differences import differences
from registry.bundles.part import BundlePart
from registry.data.models import ModelSpec
from registry.errors import DataError, InputError, StorageError
from registry.exchange.addresses import far_end_of
from registry.exchange.cards import MARK
from registry.exchange.pulling import pull
from registry.exchange.pushing import PushOptions, PushPlan, push
from registry.faults import VARIABLE
from registry.location import located
from registry.upkeep.copying import copy
from registry.views.card import card_of


def sent(registry: Registry, where: Path | str, part: BundlePart | None = None, **options: Any) -> PushPlan:  # noqa: ANN401
    return push(registry, str(where), PushOptions(part or BundlePart(), **options))


def files_of(folder: Path) -> dict[str, bytes]:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files.pop("lock", None)
    return files


def front_matter(folder: Path) -> dict[str, Any]:
    found = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert isinstance(found, dict)
    return found


# -- what arrives ------------------------------------------------------------------------------------


def test_what_is_pushed_arrives_whole(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    mine.packs.add("taskweb")
    plan = sent(mine, tmp_path / "team")

    pulled = pull(theirs, str(tmp_path / "team"))

    assert list(differences(mine.folder, theirs.folder).lines()) == []
    assert pulled.report.added["entries"] == plan.inventory.kinds.total() == 12
    assert (plan.is_new, plan.is_changed, plan.is_public, plan.revision) == (True, True, None, None)


def test_a_folder_whose_name_is_no_text_is_pushed_to(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    where = os.fsdecode(os.fsencode(tmp_path) + b"/t\xe9am")
    sent(mine, where)

    pull(theirs, where)

    assert front_matter(Path(where))["pretty_name"] == "t\N{REPLACEMENT CHARACTER}am"
    assert list(differences(mine.folder, theirs.folder).lines()) == []


def test_a_second_push_of_the_same_writes_nothing(mine: Registry, tmp_path: Path) -> None:
    sent(mine, tmp_path / "team")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "team").rglob("*") if path.name != "lock"}

    again = sent(mine, tmp_path / "team")

    assert not again.is_changed
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "team").rglob("*") if path.name != "lock"} == before


def test_what_was_pulled_is_pushed_on(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    sent(mine, tmp_path / "team")
    pull(theirs, str(tmp_path / "team"))
    theirs.add_task("new", some_task(99))

    assert sent(theirs, tmp_path / "team").is_changed

    assert pull(mine, str(tmp_path / "team")).report.added == {"entries": 1}
    assert mine.entry("new").version == 1


def test_a_server_pushes_what_a_folder_does(mine: Registry, tmp_path: Path) -> None:
    if server() is None:
        pytest.skip(NEEDED)
    url = url_of("exchange")
    copy(located(mine.folder), located(url))
    with Registry.open(url) as served:
        sent(served, tmp_path / "from-server")
    sent(mine, tmp_path / "from-folder")

    one, other = (files_of(tmp_path / name) for name in ("from-server", "from-folder"))
    assert {**one, "README.md": b""} == {**other, "README.md": b""}  # but for the heading


# -- a part ------------------------------------------------------------------------------------------


def add_a_secret(registry: Registry) -> None:
    """Add a task that has a vector in another space alone, and a transfer to a task of the first."""
    other = hand_made_space(registry, "elsewhere", 8)
    registry.add_task("secret", some_task(77))
    put_vector(registry, "secret", other, 7)
    put_vector(registry, "task0", other, 8)
    record = registry.transfers()[0]
    registry.add_transfers([type(record)("small", "full", record.target, "secret", 0.5)])


def test_a_space_leaves_without_anything_else(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    add_a_secret(mine)

    sent(mine, tmp_path / "space", BundlePart(space="made"))
    pull(theirs, str(tmp_path / "space"))

    with unpacked(tmp_path / "space" / "bundle.zip") as bundle:
        everything = {**files_of(tmp_path / "space"), **files_of(bundle)}
    assert [name for name, body in everything.items() if b"secret" in body or b"elsewhere" in body] == []
    assert {one.name for one in theirs.tasks()} == {"task0", "task1", "org/Täsk0", "org/Täsk1"}
    assert {one.name for one in theirs.entries("corpus")} == {"texts0"}
    assert {one.name for one in theirs.entries("prompted-model")} == {"model0@prompt0", "model1@prompt1"}
    assert {one.name for one in theirs.entries("prompt")} == {"prompt0", "prompt1"}
    assert theirs.vectors(space="made").matrix.tobytes() == mine.vectors(space="made").matrix.tobytes()
    assert theirs.nearest("task1", space="made") == mine.nearest("task1", space="made")


def test_a_space_that_is_not_there_is_told(mine: Registry, tmp_path: Path) -> None:
    code, text = told("--registry", mine.folder, "push", tmp_path / "x", "--space", "no")

    assert (code, text.count("\n")) == (2, 1)
    assert "No space named 'no'" in text
    assert not (tmp_path / "x").exists()


def test_a_pack_leaves_without_a_text(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    mine.packs.add("taskweb")

    plan = sent(mine, tmp_path / "pack", BundlePart(pack="taskweb"))
    pull(theirs, str(tmp_path / "pack"))

    assert plan.inventory.as_json() == {
        "entries": {},
        **dict.fromkeys(("examples", "texts", "replies", "spaces", "vectors", "predictions", "transfers"), 0),
        "packs": 1,
    }
    assert theirs.packs.names() == ["taskweb"]
    assert list(theirs.tasks()) == []
    assert "Kim, Asai, Ilharco and Hajishirzi" in (tmp_path / "pack" / "README.md").read_text()


def test_a_part_can_be_exported_too(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    mine.packs.add("taskweb")
    add_a_secret(mine)
    for number, part in enumerate((("--space", "elsewhere"), ("--pack", "taskweb"))):
        code, text = told("--registry", mine.folder, "bundle", "export", tmp_path / f"{number}.zip", *part)
        assert code == 0, text
        theirs.import_bundle(tmp_path / f"{number}.zip")

    assert {one.name for one in theirs.tasks()} == {"secret", "task0"}
    assert [(one.source, one.target) for one in theirs.transfers()] == [("secret", mine.transfers()[0].target)]
    assert theirs.packs.names() == ["taskweb"]
    both = ("--pack", "taskweb", "--space", "made")
    code, text = told("--registry", mine.folder, "bundle", "export", tmp_path / "x", *both)
    assert (code, text) == (2, "Error: A bundle holds a space or a pack: name one of them.\n")


# -- the cards ---------------------------------------------------------------------------------------


def test_tasks_models_and_prompts_have_a_card(mine: Registry, tmp_path: Path) -> None:
    plan = sent(mine, tmp_path / "team")

    cards = files_of(tmp_path / "team" / "cards")
    assert sorted(cards) == sorted(
        [f"{kind}/{kind}{number}.md" for kind in ("task", "model", "prompt") for number in (0, 1)]
        + ["task/org--Täsk0.md", "task/org--Täsk1.md"]
    )
    assert cards["task/task1.md"].decode() == card_of(mine.catalog, "task1")
    assert (plan.cards, plan.cards_left_out) == (8, 0)


def test_the_whole_has_a_card_that_a_hub_reads(mine: Registry, tmp_path: Path) -> None:
    sent(mine, tmp_path / "team")

    assert front_matter(tmp_path / "team") == {
        "pretty_name": "team",
        "license": "unknown",
        "language": ["en"],
        "tags": ["fute", "task-embeddings", "fute-registry"],
        "viewer": False,
        "fute": {"format": 1, "holds": "registry"},
    }
    text = (tmp_path / "team" / "README.md").read_text(encoding="utf-8")
    assert "4 tasks with 12 examples, 2 corpora with 6 texts, 2 models, 2 prompts" in text
    assert "| [`org/Täsk0`](<cards/task/org--Täsk0.md>) |  | 2 |" in text
    for link in [part.partition(">")[0] for part in text.split("(<")[1:]]:
        assert (tmp_path / "team" / link).is_file()


def test_a_license_and_words_above_the_mark_stay(mine: Registry, tmp_path: Path) -> None:
    team = tmp_path / "team"
    sent(mine, team, license="cc-by-4.0")
    readme = team / "README.md"
    readme.write_text(readme.read_text().replace("# team\n", "# Ours\n\nAsk *Ann*.\n"))
    mine.add_task("new", some_task(99))

    sent(mine, team)

    text = readme.read_text()
    assert front_matter(team)["license"] == "cc-by-4.0"
    assert f"# Ours\n\nAsk *Ann*.\n\n{MARK}\n" in text
    assert text.count(MARK) == 1
    assert "`new`" in text


def test_nothing_in_the_card_of_the_whole_is_taken_for_markup(mine: Registry, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> | [x](http://evil.example) `---`"
    task = some_task(5)
    mine.add_task("hostile", type(task)(**{**vars(task), "description": hostile}))

    sent(mine, tmp_path / "team")

    text = (tmp_path / "team" / "README.md").read_text()
    markdown = pytest.importorskip("markdown_it")
    html = markdown.MarkdownIt("commonmark").enable("table").render(text.split("---\n", 2)[2])
    assert "<script" not in html
    assert "evil.example" in html
    assert 'href="http' not in html


def test_names_that_would_share_a_file_have_two_cards(mine: Registry, tmp_path: Path) -> None:
    mine.add_task("org--Täsk0", some_task(98))
    mine.add_task("x" * 128, some_task(97))
    mine.add_task("語" * 128, some_task(96))

    plan = sent(mine, tmp_path / "team")

    cards = files_of(tmp_path / "team" / "cards" / "task")
    named = {yaml.safe_load(body.decode().split("---\n")[1])["fute"]["name"]: name for name, body in cards.items()}
    assert {named["org/Täsk0"], named["org--Täsk0"]} == {"org--Täsk0.md", "org--Täsk0-2.md"}
    assert len(named) == 7
    assert plan.cards == 11


def test_cards_beyond_the_most_are_left_out_and_told(
    mine: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.exchange.cards, "MOST", 3)

    code, text = told("--registry", mine.folder, "push", tmp_path / "team")

    assert code == 0
    assert "5 entries have no card: there are too many\n" in text
    assert len(files_of(tmp_path / "team" / "cards")) == 3


def test_a_card_goes_with_its_task(mine: Registry, tmp_path: Path) -> None:
    mine.add_task("old", some_task(99))
    sent(mine, tmp_path / "team")
    mine.remove("old", "task")

    sent(mine, tmp_path / "team", replace=True)

    assert "cards/task/old.md" not in files_of(tmp_path / "team")
    assert b"`old`" not in (tmp_path / "team" / "README.md").read_bytes()


# -- nothing is lost there ---------------------------------------------------------------------------


def test_what_others_have_pushed_is_not_lost(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    team = tmp_path / "team"
    sent(mine, team)
    pull(theirs, str(team))
    theirs.tag("task0", add=["theirs"])
    theirs.add_task("new", some_task(99))
    theirs.set_alias("task1:2", "best")
    sent(theirs, team)
    before = files_of(team)

    with pytest.raises(InputError) as refused:
        sent(mine, team)

    assert str(refused.value) == (
        f"{team} holds what would be lost: the alias task1:best; the tag theirs of task0; 1 entries that are not here. "
        f"'fute pull {team}' first, or say --replace."
    )
    assert files_of(team) == before
    pull(mine, str(team))
    assert not sent(mine, team).is_changed


def test_what_is_another_there_is_not_lost(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    theirs.add_task("task0", some_task(55))
    sent(theirs, tmp_path / "team")

    with pytest.raises(InputError, match=r"task 'task0' is here with other content.*--replace"):
        sent(mine, tmp_path / "team")

    assert sent(mine, tmp_path / "team", replace=True).is_changed
    with Registry.create(tmp_path / "third") as third:
        pull(third, str(tmp_path / "team"))
    assert list(differences(mine.folder, tmp_path / "third").lines()) == []


def test_a_space_does_not_take_the_place_of_a_registry(mine: Registry, tmp_path: Path) -> None:
    team = tmp_path / "team"
    sent(mine, team)
    with pytest.raises(InputError, match="holds a whole registry: name another place, or say --replace"):
        sent(mine, team, BundlePart(space="made"))

    sent(mine, team, BundlePart(space="made"), replace=True)
    with pytest.raises(InputError, match="holds the space 'made'"):
        sent(mine, team)


def test_what_is_damaged_there_is_told_and_can_be_replaced(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    team = tmp_path / "team"
    sent(mine, team)
    damage(team / "bundle.zip")

    with pytest.raises(DataError, match=r"bundle\.zip: is not the file that was written"):
        pull(theirs, str(team))
    assert list(theirs.tasks()) == []
    with pytest.raises(InputError, match=r"cannot be taken in .*--replace puts yours there"):
        sent(mine, team)

    sent(mine, team, replace=True)
    assert pull(theirs, str(team)).report.added["entries"] == 12


def damage(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


OTHER_THINGS: dict[str, Callable[[Path], object]] = {
    "a file": lambda place: (place / "notes.txt").write_text("ours"),
    "somebody's card": lambda place: (place / "README.md").write_text("---\nlicense: mit\n---\n# Films\n"),
    "a card without front matter": lambda place: (place / "README.md").write_text("# Films\n"),
    "a card with another's fute": lambda place: (place / "README.md").write_text("---\nfute: {holds: x}\n---\n"),
    "YAML that is none": lambda place: (place / "README.md").write_text("---\na: [\n---\n"),
    "YAML with a tag": lambda place: (place / "README.md").write_text("---\na: !!python/name:os.system\n---\n"),
    "bytes": lambda place: (place / "README.md").write_bytes(b"---\n\xff\xfe\n---\n"),
    "a card of two megabytes": lambda place: (place / "README.md").write_text("---\nfute: {}\n---\n" + "x" * 2**21),
    "a registry": lambda place: Registry.create(place).close(),
    "a bundle alone": lambda place: (place / "bundle.zip").write_bytes(b"PK"),
}


@pytest.mark.parametrize("kind", OTHER_THINGS)
@pytest.mark.parametrize("replace", [False, True])
def test_what_no_push_has_put_there_stays(mine: Registry, tmp_path: Path, kind: str, *, replace: bool) -> None:
    place = tmp_path / "place"
    place.mkdir()
    OTHER_THINGS[kind](place)
    before = files_of(place)

    with pytest.raises(InputError, match="holds something that no 'fute push' has put there"):
        sent(mine, place, replace=replace)

    assert files_of(place) == before


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("", "is not the path of a folder"),
        ("a\0b", "is not the path of a folder"),
        ("x" * 300, "is not the path of a folder"),
        ("https://huggingface.co/datasets/ann/team", "not to https://"),
        ("postgresql://ann@db.example/team", "'fute copy' moves a registry into a database"),
        ("hf://ann/team", "not to hf://"),
        ("hf://models/ann/team", "not to hf://"),
        ("hf://datasets/team", "is not hf://datasets/OWNER/NAME"),
        ("hf://datasets/ann/team/file", "is not hf://datasets/OWNER/NAME"),
        ("hf://datasets/ann/../team", "is not hf://datasets/OWNER/NAME"),
        ("hf://datasets/ann/te--am", "is not hf://datasets/OWNER/NAME"),
        ("hf://datasets/ann/team@", "is not hf://datasets/OWNER/NAME"),
        ("hf://datasets/ann/team@a b", "is not hf://datasets/OWNER/NAME"),
        ("hf://datasets/ann/tëam", "is not hf://datasets/OWNER/NAME"),
        ("~nobody-here/team", "is not the path of a folder"),
    ],
)
def test_what_is_no_place_is_refused(where: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        far_end_of(where)


@pytest.mark.parametrize("what", ["nothing", "a file", "empty", "a push that began"])
def test_a_pull_of_nothing_is_told(theirs: Registry, tmp_path: Path, what: str) -> None:
    place = tmp_path / "place"
    if what == "a file":
        place.write_text("x")
    elif what != "nothing":
        place.mkdir()
    if what == "a push that began":
        (place / "README.md").write_text("---\nfute: {format: 1, holds: registry}\n---\n")

    code, text = told("--registry", theirs.folder, "pull", place)

    assert (code, text.count("\n")) == (2, 1)
    assert str(place) in text


# -- strangers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        edited("entries.jsonl", 0, lambda one: one.update(name="../../etc")),
        edited("vectors.jsonl", 0, lambda one: one.update(entry="nobody:1")),
        edited("spaces.jsonl", 0, lambda one: one.update(fingerprint="0" * 64)),
    ],
)
def test_a_bundle_that_means_harm_is_refused(
    mine: Registry, theirs: Registry, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    sent(mine, tmp_path / "team")
    mine.export_bundle(tmp_path / "folder")
    pack(tampered(tmp_path / "folder", tmp_path / "harm", change), tmp_path / "team" / "bundle.zip")

    with pytest.raises(DataError):
        pull(theirs, str(tmp_path / "team"))

    assert list(theirs.tasks()) == []


@pytest.mark.parametrize(
    "change",
    [
        edited("entries.jsonl", 0, lambda one: one.pop("name")),
        edited("entries.jsonl", 0, lambda one: one.update(tags=7)),
        edited("spaces.jsonl", 0, lambda one: one.update(fingerprint=[])),
        edited("transfers.jsonl", 0, lambda one: one.pop("run")),
    ],
)
def test_a_push_beside_a_bundle_that_means_harm_says_so(
    mine: Registry, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    team = tmp_path / "team"
    sent(mine, team)
    mine.export_bundle(tmp_path / "folder")
    pack(tampered(tmp_path / "folder", tmp_path / "harm", change), team / "bundle.zip")
    before = files_of(team)

    with pytest.raises(InputError, match=r"holds cannot be taken in .*--replace puts yours there"):
        sent(mine, team)

    assert files_of(team) == before


def test_a_model_that_runs_code_needs_trust(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    spec = ModelSpec.function("os:system").as_document()
    mine.add_model("runs", spec, content_hash=hashlib.sha256(b"runs").hexdigest())
    sent(mine, tmp_path / "team")

    code, text = told("--registry", theirs.folder, "pull", tmp_path / "team")
    assert code == 2
    assert "Pass --trust" in text
    assert list(theirs.models()) == []

    code, text = told("--registry", theirs.folder, "pull", tmp_path / "team", "--dry-run")
    assert code == 0
    assert "would be added" in text
    assert (
        "would be refused: runs: models that run a function, or ask a server with a key of yours. Pass --trust" in text
    )
    assert list(theirs.models()) == []

    assert told("--registry", theirs.folder, "pull", tmp_path / "team", "--trust")[0] == 0


# -- kills, and two at once --------------------------------------------------------------------------


def test_a_killed_push_leaves_a_folder_that_can_be_pulled(mine: Registry, tmp_path: Path) -> None:
    """Kill the second push at every place of the folder that it passes: what is there is the first, or the second."""
    sent(mine, tmp_path / "first")
    with Registry.open(tmp_path / "mine") as registry:
        registry.add_task("new", some_task(99))
    nursery = Nursery("registry.registry", "registry.exchange.pushing", "registry.exchange.folder", "filelock")
    words = ["--registry", str(mine.folder), "push", str(tmp_path / "team")]

    def pushed(fault: str) -> int:
        shutil.rmtree(tmp_path / "team", ignore_errors=True)
        shutil.copytree(tmp_path / "first", tmp_path / "team")
        return nursery.run(tmp_path / "said", *words, environment={VARIABLE: fault})

    assert pushed(f"record={tmp_path / 'passed'}") == 0
    passed = (tmp_path / "passed").read_text().split()
    places = [f"{name}:{passed[: number + 1].count(name)}" for number, name in enumerate(passed)]
    assert {"push.cards", "push.placed"} <= set(passed)
    found = set()
    for number, place in enumerate(places):
        if number <= len(passed) - 1 - passed[::-1].index("bundle.written"):
            continue  # until then nothing in the folder is touched
        assert pushed(f"{place}=kill") == -9, place
        with Registry.create(tmp_path / f"other{number}") as other:
            found.add(pull(other, str(tmp_path / "team")).report.added["entries"])
        if place.startswith("push.") or place == places[-1]:
            sent(mine, tmp_path / "team")
            assert [path for path in (tmp_path / "team").iterdir() if path.name.startswith(".")] == []
    nursery.close()

    assert found == {12, 13}


def test_a_first_push_that_was_killed_is_pushed_again(mine: Registry, tmp_path: Path) -> None:
    sent(mine, tmp_path / "team")
    whole = files_of(tmp_path / "team")
    nursery = Nursery("registry.registry", "registry.exchange.pushing", "registry.exchange.folder", "filelock")
    words = ["--registry", str(mine.folder), "push", str(tmp_path / "team")]

    def pushed(fault: str) -> int:
        shutil.rmtree(tmp_path / "team")
        return nursery.run(tmp_path / "said", *words, environment={VARIABLE: fault})

    assert pushed(f"record={tmp_path / 'passed'}") == 0
    passed = (tmp_path / "passed").read_text().split()
    for number, name in enumerate(passed):
        if number > len(passed) - 1 - passed[::-1].index("bundle.written"):  # from there on the folder is touched
            place = f"{name}:{passed[: number + 1].count(name)}"
            assert pushed(f"{place}=kill") == -9, place
            assert nursery.run(tmp_path / "said", *words) == 0, place
            assert files_of(tmp_path / "team") == whole
    nursery.close()


def _push_at_once(barrier: Any, store: Path, team: Path) -> str:  # noqa: ANN401 - of another process
    barrier.wait()
    return run("--registry", store, "push", team).output


def test_of_two_that_push_at_once_none_is_lost(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    sent(mine, tmp_path / "team")
    pull(theirs, str(tmp_path / "team"))
    mine.add_task("new", some_task(99))
    theirs.add_task("other", some_task(98))
    stores = (mine.folder, theirs.folder)

    said = at_once(_push_at_once, *((store, tmp_path / "team") for store in stores))

    assert sorted("\npushed to" in one for one in said) == [False, True], said
    refused = next(one for one in said if "\npushed to" not in one)
    assert "meanwhile" in refused or "would be lost" in refused
    for store in (*stores, *stores):
        told("--registry", store, "pull", tmp_path / "team")
        told("--registry", store, "push", tmp_path / "team")
    assert list(differences(*stores).lines()) == []
    assert mine.entry("other").version == theirs.entry("new").version == 1


def test_who_was_quicker_is_told_of(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    """The other push comes between what this one has seen and what it puts there."""
    sent(mine, tmp_path / "team")
    pull(theirs, str(tmp_path / "team"))
    mine.add_task("new", some_task(99))
    theirs.add_task("other", some_task(98))

    def is_wanted(_: PushPlan) -> bool:
        return sent(theirs, tmp_path / "team").is_changed

    with pytest.raises(StorageError, match=r"Somebody else has pushed to .* meanwhile: push again"):
        push(mine, str(tmp_path / "team"), PushOptions(), is_wanted=is_wanted)

    assert pull(mine, str(tmp_path / "team")).report.added == {"entries": 1}


# -- the commands ------------------------------------------------------------------------------------


def test_the_commands_say_what_leaves_and_what_came(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    team = tmp_path / "team"
    size = f"{sent(mine, tmp_path / 'sized').size:,}"
    leaves = (
        f"To {team} (new): 4 tasks with 12 examples, 2 corpora with 6 texts, 2 models, 2 prompts, 2 prompted models, "
        f"4 replies, 1 space, 6 vectors, 6 predictions, 10 transfers; {size} bytes, 8 cards\n"
    )

    dry = run("--registry", mine.folder, "push", team, "--dry-run")
    assert (dry.exit_code, dry.stdout, dry.stderr) == (0, "", leaves)
    assert not team.exists()
    done = run("--registry", mine.folder, "push", team)
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"pushed to {team}\n", leaves)
    assert told("--registry", mine.folder, "--quiet", "push", team) == (0, f"{team} has all of it already\n")

    counts = "12 entries, 1 spaces, 6 vectors, 6 predictions, 10 transfers"
    dry = run("--registry", theirs.folder, "pull", team, "--dry-run")
    assert (dry.exit_code, dry.output) == (0, f"{counts} would be added from {team}; 0 were here\n")
    assert told("--registry", theirs.folder, "pull", team) == (0, f"{counts} added from {team}; 0 were here\n")


def test_the_commands_print_json(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    pushed = json.loads(run("--registry", mine.folder, "push", tmp_path / "team", "--json").stdout)
    pulled = json.loads(run("--registry", theirs.folder, "pull", tmp_path / "team", "--json").stdout)

    assert {key: pushed[key] for key in ("dry_run", "holds", "name", "examples", "cards", "public", "changed")} == {
        "dry_run": False,
        "holds": "registry",
        "name": None,
        "examples": 12,
        "cards": 8,
        "public": None,
        "changed": True,
    }
    assert pulled["where"] == str(tmp_path / "team")
    assert pulled["revision"] is None
    assert pulled["added"]["entries"] == 12


@pytest.mark.parametrize("license_", ["", "a b", "mit\n", "x" * 61, "'"])
def test_a_license_is_a_short_name(mine: Registry, tmp_path: Path, license_: str) -> None:
    code, text = told("--registry", mine.folder, "push", tmp_path / "team", "--license", license_)

    assert (code, text.count("\n")) == (2, 1)
    assert "--license" in text
