"""Push and pull by a dataset repository of a hub that speaks as the Hugging Face hub does, on loopback."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from loopback import reach_loopback_alone
from running import started
from tiny_bundles import some_task
from tiny_cli import FUTE, run, told
from tiny_hub import READER, WRITER, Repository, TinyHub, let_library_ask, running_hub
from waiting import LIMIT, until

from registry import Registry
from registry.bundles.differences import differences
from registry.bundles.part import BundlePart
from registry.errors import DataError, InputError, MissingExtraError, RegistryError, StorageError
from registry.exchange.pulling import pull
from registry.exchange.pushing import PushOptions, PushPlan, push

pytest.importorskip("huggingface_hub")

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the library's own call

TEAM = "hf://datasets/ann/team"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TinyHub]:
    """A hub that the library asks, with a token that may write, and a cache of its own."""
    reach_loopback_alone(monkeypatch)
    with running_hub() as running:
        let_library_ask(running, tmp_path / "cache", monkeypatch)
        yield running


def sent(registry: Registry, where: str = TEAM, part: BundlePart | None = None, **options: Any) -> PushPlan:  # noqa: ANN401
    return push(registry, where, PushOptions(part or BundlePart(), **options))


def team(hub: TinyHub) -> Repository:
    return hub.repositories["ann/team"]


# -- what arrives ------------------------------------------------------------------------------------


def test_what_is_pushed_arrives_whole(hub: TinyHub, mine: Registry, theirs: Registry) -> None:
    plan = sent(mine)

    pulled = pull(theirs, TEAM)

    assert list(differences(mine.folder, theirs.folder).lines()) == []
    assert pulled.revision == plan.revision == team(hub).branches["main"]
    assert (plan.is_new, plan.is_changed, plan.is_public) == (True, True, False)


def test_a_push_is_one_commit_of_a_private_repository(hub: TinyHub, mine: Registry) -> None:
    sent(mine)

    assert team(hub).is_private
    assert len(team(hub).commits) == 2  # the first is the hub's own
    cards = {f"cards/{kind}/{kind}{number}.md" for kind in ("task", "model", "prompt") for number in (0, 1)}
    cards |= {"cards/task/org--Täsk0.md", "cards/task/org--Täsk1.md"}
    assert set(team(hub).files) == {".gitattributes", "README.md", "bundle.zip", *cards}
    assert team(hub).files["README.md"].startswith(b"---\npretty_name: team\nlicense: unknown\n")


def test_what_everybody_may_read_is_said(hub: TinyHub, mine: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("--registry", mine.folder, "push", TEAM, "--public", "--license", "mit", "--yes")

    assert done.exit_code == 0
    assert done.stderr.startswith(f"To {TEAM} (new, public: everybody can read it): 4 tasks with 12 examples, ")
    assert done.stdout == f"pushed to {TEAM} (commit {team(hub).branches['main'][:12]})\n"
    assert not team(hub).is_private
    monkeypatch.delenv("HF_TOKEN")
    with Registry.create(mine.folder.parent / "strangers") as strangers:
        assert pull(strangers, TEAM).report.added["entries"] == 12


def test_a_second_push_of_the_same_is_no_commit(hub: TinyHub, mine: Registry) -> None:
    first = sent(mine)

    again = sent(mine)

    assert (again.is_changed, again.is_new, again.revision) == (False, False, first.revision)
    assert len(team(hub).commits) == 2


def test_what_goes_here_goes_there(hub: TinyHub, mine: Registry, theirs: Registry) -> None:
    mine.add_task("old", some_task(99))
    sent(mine)
    mine.remove("old", "task")
    with pytest.raises(InputError, match="1 entries that are not here"):
        sent(mine)

    sent(mine, replace=True)

    assert "cards/task/old.md" not in team(hub).files
    assert len(team(hub).commits) == 3
    assert pull(theirs, TEAM).report.added["entries"] == 12


def test_an_earlier_commit_or_a_branch_can_be_pulled(hub: TinyHub, mine: Registry, theirs: Registry) -> None:
    first = sent(mine)
    mine.add_task("new", some_task(99))
    sent(mine)
    team(hub).branches["v1"] = str(first.revision)

    assert pull(theirs, f"{TEAM}@v1").report.added["entries"] == 12
    assert pull(theirs, f"{TEAM}@{first.revision}").report.added == {}
    assert pull(theirs, TEAM).report.added == {"entries": 1}

    mine.add_task("newer", some_task(98))
    sent(mine, f"{TEAM}@v1")
    assert b"`newer`" in team(hub).commits[team(hub).branches["v1"]]["README.md"]
    assert b"`newer`" not in team(hub).files["README.md"]


def test_a_repository_that_is_empty_is_filled(hub: TinyHub, mine: Registry) -> None:
    hub.create("ann/team", private=False)

    plan = sent(mine)

    assert (plan.is_new, plan.is_public) == (False, True)
    assert "bundle.zip" in team(hub).files


# -- what stays as it is -----------------------------------------------------------------------------


def test_a_dry_run_asks_and_changes_nothing(hub: TinyHub, mine: Registry) -> None:
    done = run("--registry", mine.folder, "push", TEAM, "--dry-run")

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith(f"To {TEAM} (new, private): 4 tasks with 12 examples, ")
    assert hub.repositories == {}
    assert {method for method, _, _ in hub.asked} == {"GET"}


@pytest.mark.parametrize(
    "files",
    [
        {"data.csv": b"a,b\n"},
        {"README.md": b"---\nlicense: mit\n---\n# Films\n"},
        {"README.md": b"# Films\n", "bundle.zip": b"PK"},
    ],
)
@pytest.mark.parametrize("replace", [False, True])
def test_what_no_push_has_put_there_stays(
    hub: TinyHub, mine: Registry, files: dict[str, bytes], *, replace: bool
) -> None:
    hub.create("ann/team").commit(files)

    with pytest.raises(InputError, match="holds something that no 'fute push' has put there"):
        sent(mine, replace=replace)

    assert team(hub).files == files


def test_who_was_quicker_is_told_of(hub: TinyHub, mine: Registry, theirs: Registry) -> None:
    """The other commit comes between what this push has seen and its own commit."""
    sent(mine)
    pull(theirs, TEAM)
    mine.add_task("new", some_task(99))
    theirs.add_task("other", some_task(98))
    hub.before["/preupload/"] = lambda: sent(theirs)

    with pytest.raises(StorageError) as told_of:
        sent(mine)

    assert str(told_of.value) == (
        f"Somebody else has pushed to {TEAM} meanwhile: run 'fute pull {TEAM}', then push again."
    )
    assert b"`other`" in team(hub).files["README.md"]
    assert pull(mine, TEAM).report.added == {"entries": 1}
    sent(mine)
    assert b"`new`" in team(hub).files["README.md"]


def test_who_made_the_repository_meanwhile_is_told_of(hub: TinyHub, mine: Registry, theirs: Registry) -> None:
    theirs.add_task("other", some_task(98))
    hub.before["/api/repos/create"] = lambda: sent(theirs)

    with pytest.raises(StorageError, match="somebody else has just made it: push again"):
        sent(mine)

    assert b"`other`" in team(hub).files["README.md"]


@pytest.mark.parametrize(("route", "arrives"), [("/preupload/", False), ("/lfs/", False), ("/commit/", True)])
def test_a_push_that_is_killed_leaves_what_was_there_or_all_that_it_brought(
    hub: TinyHub, mine: Registry, theirs: Registry, tmp_path: Path, route: str, *, arrives: bool
) -> None:
    """A hub that was asked for a commit makes it, whether or not anybody waits for its answer."""
    sent(mine)
    mine.add_task("new", some_task(99))
    command = [FUTE, "--registry", str(mine.folder), "push", TEAM, "--yes"]
    settings = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
    before = dict(team(hub).files)

    with started(command, tmp_path / "said", **settings) as process:

        def kill() -> None:
            process.kill()
            process.wait(LIMIT)

        hub.before[route] = kill
        assert process.wait(LIMIT) == -9, (tmp_path / "said").read_text()
    if arrives:
        until(lambda: team(hub).files != before)
    assert (team(hub).files == before) is not arrives
    assert pull(theirs, TEAM).report.added["entries"] == 12 + arrives
    assert sent(mine).is_changed is not arrives
    pull(theirs, TEAM)
    assert list(differences(mine.folder, theirs.folder).lines()) == []


def test_what_is_damaged_there_is_told(hub: TinyHub, mine: Registry, theirs: Registry) -> None:
    sent(mine)
    hub.damages.add("bundle.zip")

    with pytest.raises(DataError) as told_of:
        pull(theirs, TEAM)

    assert str(told_of.value).startswith(f"{TEAM}: what was pushed there cannot be taken in (")
    assert "\n" not in str(told_of.value)
    assert list(theirs.tasks()) == []
    hub.damages.clear()
    assert pull(theirs, TEAM).report.added["entries"] == 12  # though the damaged one was kept


def test_what_is_damaged_in_the_cache_is_fetched_anew(
    hub: TinyHub, mine: Registry, theirs: Registry, tmp_path: Path
) -> None:
    sent(mine)
    pull(theirs, TEAM)
    (kept,) = (tmp_path / "cache").glob("*/snapshots/*/bundle.zip")
    kept.resolve().write_bytes(kept.read_bytes()[:-1])

    with Registry.create(tmp_path / "third") as third:
        assert pull(third, TEAM).report.added["entries"] == 12
    kept.resolve().write_bytes(kept.read_bytes()[:-1])
    assert not sent(mine).is_changed


def test_a_pull_that_breaks_off_changes_nothing(hub: TinyHub, mine: Registry, theirs: Registry) -> None:
    sent(mine)
    hub.cuts.add("bundle.zip")

    with pytest.raises(RegistryError) as told_of:
        pull(theirs, TEAM)

    assert TEAM in str(told_of.value)
    assert list(theirs.tasks()) == []
    hub.cuts.clear()
    assert pull(theirs, TEAM).report.added["entries"] == 12


def test_a_file_larger_than_the_disk_is_not_fetched(hub: TinyHub, mine: Registry, theirs: Registry) -> None:
    sent(mine)
    hub.sizes["bundle.zip"] = 2**60

    with pytest.raises(StorageError, match=r"has room for .*: set HF_HOME elsewhere"):
        pull(theirs, TEAM)

    assert not any("resolve" in path and "bundle.zip" in path for _, path, _ in hub.asked)


@pytest.mark.parametrize("commit", ["../../../../outside", "", "main", "a" * 39])
def test_a_commit_that_is_none_is_never_the_name_of_a_file(
    hub: TinyHub, mine: Registry, theirs: Registry, tmp_path: Path, commit: str
) -> None:
    sent(mine)
    repository = team(hub)
    repository.commits[commit] = repository.files
    repository.branches["main"] = commit
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    with pytest.raises(StorageError, match="does not answer as a hub does"):
        pull(theirs, TEAM)

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert list(theirs.tasks()) == []


@pytest.mark.parametrize("size", ["9", -5, 1.5, float("inf")])
def test_a_size_that_is_none_is_refused(hub: TinyHub, mine: Registry, theirs: Registry, size: Any) -> None:  # noqa: ANN401
    sent(mine)
    hub.sizes["bundle.zip"] = size

    with pytest.raises(StorageError, match="does not answer as a hub does"):
        pull(theirs, TEAM)


def test_a_hub_that_is_silent_is_not_waited_for_without_end(
    hub: TinyHub, mine: Registry, theirs: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(mine)
    monkeypatch.setattr("registry.exchange.hub.PATIENCE", 0.2)
    is_over = Event()
    hub.before["api/datasets/ann/team"] = is_over.wait

    try:
        with pytest.raises(StorageError, match=rf"{TEAM}, asked of {hub.url}: .*timed out"):
            pull(theirs, TEAM)
    finally:
        is_over.set()


def test_a_gitignore_that_leaves_the_bundle_out_is_told_of(hub: TinyHub, mine: Registry) -> None:
    hub.create("ann/team").ignored = ("bundle.zip",)

    with pytest.raises(StorageError, match=r"did not take bundle\.zip: it has a \.gitignore"):
        sent(mine)


# -- who may, and who answers ------------------------------------------------------------------------

REFUSALS: dict[str, tuple[Callable[[TinyHub, pytest.MonkeyPatch], object], str, str]] = {
    "no token": (lambda _, patch: patch.delenv("HF_TOKEN"), "push", "is not for you to change: run 'hf auth login'"),
    "a token to read": (lambda _, patch: patch.setenv("HF_TOKEN", READER), "push", "is not for you to change"),
    "no token to pull": (lambda _, patch: patch.delenv("HF_TOKEN"), "pull", "is not there, or not for you"),
    "nothing": (lambda hub, _: hub.repositories.clear(), "pull", "is not there, or not for you"),
    "a hub that fails": (lambda hub, _: hub.fails.update({"/commit/": 500}), "push", "the hub answers 500"),
    "a hub that will not": (lambda hub, _: hub.fails.update({"/api/datasets": 418}), "pull", "the hub answers 418"),
    "nobody": (lambda _, patch: patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9"), "pull", "http://127.0.0.1:9"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_one_line(hub: TinyHub, mine: Registry, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    sent(mine)
    mine.add_task("new", some_task(99))
    change, command, problem = REFUSALS[kind]
    change(hub, monkeypatch)

    done = run("--registry", mine.folder, "--quiet", command, TEAM)

    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("Error: ")
    assert problem in done.stderr
    assert TEAM in done.stderr


def test_a_revision_that_is_not_there_is_told(hub: TinyHub, mine: Registry) -> None:
    with pytest.raises(InputError, match="There is no hf://datasets/ann/team@v1 yet: push without '@v1' first"):
        sent(mine, f"{TEAM}@v1")
    assert hub.repositories == {}
    sent(mine)
    for command in ("push", "pull"):
        code, text = told("--registry", mine.folder, command, f"{TEAM}@v1")
        assert (code, text) == (2, f"Error: {TEAM} has no revision 'v1'.\n")


def test_a_license_that_the_hub_does_not_know_is_told(hub: TinyHub, mine: Registry) -> None:
    with pytest.raises(StorageError, match='"license" must be one of a list'):
        sent(mine, license="nonsense")

    assert "README.md" not in team(hub).files


def test_without_the_library_the_extra_is_named(mine: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    for command in ("push", "pull"):
        code, text = told("--registry", mine.folder, command, TEAM)
        assert code == 1
        assert text == f"Error: {MissingExtraError('The Hugging Face hub needs the library huggingface_hub', 'hf')}\n"


def test_the_token_goes_to_the_hub_and_nowhere_else(
    hub: TinyHub, mine: Registry, theirs: Registry, tmp_path: Path
) -> None:
    said = [told("--registry", mine.folder, "push", TEAM, "--yes")[1]]
    said.append(told("--registry", theirs.folder, "pull", TEAM, "--json")[1])
    mine.add_task("new", some_task(99))
    hub.fails["/commit/"] = 500
    hub.says = f"your token {WRITER} is not mine"
    said.append(told("--registry", mine.folder, "push", TEAM, "--yes")[1])

    assert WRITER in {token for _, _, token in hub.asked}
    assert "***" in said[-1]
    assert [text for text in said if WRITER in text] == []
    held = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    held |= {Path(name): body for name, body in team(hub).files.items()}
    assert len(held) > 20
    assert [path for path, body in held.items() if WRITER.encode() in body] == []


def test_a_fresh_program_asks_nothing_but_what_it_needs(
    hub: TinyHub, mine: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No usage statistics, no list of programs: these routes and no others."""
    settings = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
    with started([FUTE, "--registry", str(mine.folder), "push", TEAM], tmp_path / "said", **settings) as process:
        assert process.wait(LIMIT) == 0, (tmp_path / "said").read_text()

    assert [(method, path.partition("?")[0].replace("ann/team", "*")[:30]) for method, path, _ in hub.asked] == [
        ("GET", "/api/datasets/*"),
        ("POST", "/api/repos/create"),
        ("GET", "/api/datasets/*"),
        ("POST", "/api/validate-yaml"),
        ("POST", "/api/datasets/*/preupload/main"),
        ("POST", "/datasets/*.git/info/lfs/objec"),
        ("PUT", hub.asked[6][1][:30]),
        ("POST", "/api/datasets/*/commit/main"),
        ("GET", "/api/datasets/*/revision/" + team(hub).branches["main"][:5]),
    ]
    assert (tmp_path / "said").read_text().count("\n") == 2  # what leaves, and that it has left: no bars in a file
