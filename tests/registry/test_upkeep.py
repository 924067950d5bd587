"""Verifying, repairing, backing up and restoring a registry."""

import gc
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sealing import seal
from tiny_cli import dump, hand_made_space, put_vector, run, told

from registry import Registry
from registry.catalog.engines import checksums
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.data.transfers import TransferRecord
from registry.errors import RegistryError, StorageError
from registry.location import located
from registry.upkeep.backups import restore
from registry.upkeep.repairing import repair
from registry.upkeep.verifying import verify
from web.opening import open_to_read

WELL = (0, "All is well\n")


KEPT = Path(__file__).parents[1] / "data" / "schemas"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A registry of three tasks with vectors and one measured transfer."""
    with Registry.create(tmp_path / "store") as registry:
        space = hand_made_space(registry, "by-hand")
        for number, name in enumerate(("film", "shop", "bank")):
            examples = (Example(f"a fine {name}", "x"), Example(f"a dull {name}", "y"))
            registry.add_task(name, TaskData("classification", ("x", "y"), examples), tags=(f"of-{name}",))
            put_vector(registry, name, space, number)
        registry.add_transfers([TransferRecord("bert", "full", "film", "shop", 0.75, 0.01, 3)])
        registry.refresh_index("by-hand")
    return tmp_path / "store"


def tamper(folder: Path, sql: str) -> None:
    connection = sqlite3.connect(folder / "catalog.db")
    with connection:
        assert connection.execute(sql).rowcount == 1
    connection.close()


def ask(folder: Path, *arguments: str | Path) -> tuple[int, str]:
    return told("--registry", folder, *arguments)


def names(folder: Path) -> list[str]:
    with Registry.open(folder) as registry:
        return [task.name for task in registry.tasks()]


def test_a_sound_registry_is_verified(store: Path) -> None:
    assert ask(store, "verify") == WELL
    assert json.loads(run("--registry", store, "verify", "--json").stdout) == {"faults": []}


def test_a_changed_row_is_told_by_every_command_and_by_verify(store: Path) -> None:
    tamper(store, "UPDATE transfers SET score_mean = 0.57")

    assert ask(store, "transfer", "list") == (
        3,
        f"Error: {store / 'catalog.db'} is damaged (row 1 of transfers does not match its checksum): "
        "run 'fute repair'.\n",
    )
    assert ask(store, "verify") == (3, "catalog: row 1 of transfers does not match its checksum: run 'fute repair'\n")


def test_verify_tells_of_examples_vectors_spaces_packs_and_indices(store: Path) -> None:
    shutil.copytree(Path(__file__).parents[2] / "packs" / "taskweb", store / "packs" / "taskweb")
    (store / "packs" / "taskweb" / "transfers.csv").write_text("cut off")
    (index,) = (store / "index").glob("*.idx")
    index.write_bytes(index.read_bytes()[:-1])
    tamper(
        store,
        "UPDATE contents SET body = x'00' WHERE sha256 = (SELECT sha256 FROM version_contents"
        " JOIN versions ON versions.id = version_id WHERE entry_id = 1 AND role = 'train')",
    )
    tamper(store, "UPDATE spaces SET spec = replace(spec, 'by-hand', 'by-head')")
    tamper(store, "DELETE FROM entries WHERE name = 'bank'")  # its versions stay
    seal(store)

    code, text = ask(store, "verify")

    assert code == 3
    for line in (
        "catalog: 1 rows of versions belong to no row of entries: run 'fute repair'",
        "space by-hand: its index: the snapshot does not match its checksum: run 'fute index rebuild'",
    ):
        assert line in text.splitlines(), text
    assert "task film: its train is damaged: run 'fute repair', and add it again" in text.splitlines()
    assert "pack taskweb: " in text


def test_repair_keeps_the_old_database_and_writes_down_what_it_could_not_keep(store: Path) -> None:
    tamper(store, "UPDATE entries SET name = 'fjlm' WHERE name = 'film'")
    tamper(store, "UPDATE transfers SET score_mean = 0.57")
    before = dump(store)

    done = json.loads(run("--registry", store, "repair", "--json").stdout)

    assert names(store) == ["bank", "shop"]
    lost = [json.loads(line) for line in Path(done["quarantine"]).read_text().splitlines()]
    assert lost == done["lost"]
    told_of = {(row["table"], row["why"]) for row in lost}
    assert ("transfers", "it does not match its checksum") in told_of
    assert ("versions", "it belongs to a row of entries that was lost") in told_of
    (transfer,) = (row["values"] for row in lost if row["table"] == "transfers")
    assert (transfer["target"], transfer["score_mean"]) == ("film", 0.57)
    assert done["left"] == []
    shutil.copy(done["kept"], store / "catalog.db")
    assert dump(store) == before


def test_a_damaged_index_of_the_database_costs_nothing(store: Path) -> None:
    path = store / "catalog.db"
    connection = sqlite3.connect(path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_transfers_target'").fetchone()
    connection.close()
    body = path.read_bytes()
    path.write_bytes(body[: 4096 * (page - 1)] + bytes(4096) + body[4096 * page :])

    code, text = ask(store, "repair")

    assert code == 0
    assert "rows could not be kept" not in text
    assert ask(store, "verify") == WELL
    assert names(store) == ["bank", "film", "shop"]
    with Registry.open(store) as registry:
        assert [record.score_mean for record in registry.transfers()] == [0.75]


def test_a_page_of_zeros_takes_no_row_of_another_page(store: Path, tmp_path: Path) -> None:
    path = store / "catalog.db"
    body = path.read_bytes()
    for page in range(2, len(body) // 4096 + 1):
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(store, tmp_path / "copy")
        (tmp_path / "copy" / "catalog.db").write_bytes(body[: 4096 * (page - 1)] + bytes(4096) + body[4096 * page :])

        run("--registry", tmp_path / "copy", "repair")

        assert ask(tmp_path / "copy", "verify") == WELL or "add it again" in ask(tmp_path / "copy", "verify")[1]


def test_what_a_killed_repair_has_left_is_swept(store: Path) -> None:
    (store / ".work-1234").mkdir()
    (store / ".work-1234" / "catalog.db").write_bytes(b"half")
    tamper(store, "UPDATE transfers SET score_mean = 0.57")

    assert ask(store, "repair")[0] == 0
    assert list(store.glob(".*")) == []


def test_repair_of_a_sound_registry_leaves_its_database(store: Path) -> None:
    before = dump(store)

    assert ask(store, "repair") == (0, "The database is sound\n1 indices made anew\n")
    assert dump(store) == before


def test_a_task_whose_examples_were_lost_gets_them_back_when_it_is_added_again(store: Path) -> None:
    with Registry.open(store) as registry:
        film, before = registry.entry("film"), registry.task_data("film")
    tamper(store, f"UPDATE contents SET body = x'00' WHERE sha256 = '{film.contents['train']}'")  # noqa: S608

    code, text = ask(store, "repair")
    assert (code, text.splitlines()[-1]) == (3, "task film: its train is missing: add it again")
    with Registry.open(store) as registry:
        assert registry.add_task("film", before).version == 1
        assert registry.task_data("film") == before

    assert ask(store, "verify") == WELL


def test_a_backup_is_restored_and_what_was_there_is_kept(store: Path) -> None:
    code, text = ask(store, "backup")
    assert code == 0
    backup = Path(text.removeprefix("Backup: ").strip())
    with Registry.open(store) as registry:
        registry.remove("film", "task")

    code, text = ask(store, "restore", backup)

    assert code == 0
    assert names(store) == ["bank", "film", "shop"]
    assert ask(store, "verify") == WELL
    kept = Path(text.removeprefix("Restored; what was there is kept as ").strip())
    assert ask(store, "restore", kept)[0] == 0
    assert names(store) == ["bank", "shop"]


def test_who_asks_while_another_catalog_is_put_in_its_place_is_answered_by_that_one_from_then_on(store: Path) -> None:
    """As by `mv` or rsync: the connection went back as one of the new file, and read the former ever after."""
    shutil.copy(store / "catalog.db", store / "other.db")
    with Registry.open(store) as registry:
        registry.remove("film", "task")
        with registry.catalog.database.question():
            (store / "other.db").replace(store / "catalog.db")
            assert [task.name for task in registry.tasks()] == ["bank", "shop"]

        assert [task.name for task in registry.tasks()] == ["bank", "film", "shop"]


@pytest.mark.parametrize("opened", [Registry.open, open_to_read])
def test_of_a_registry_that_is_removed_while_it_is_open_that_is_told(
    store: Path, opened: Callable[[Path], Registry]
) -> None:
    """A page took it for a fault of the program; a question made an empty catalog in a folder that was there again."""
    with opened(store) as registry:
        assert len(registry.tasks()) == 3
        shutil.rmtree(store)
        said = r"catalog\.db is gone: the registry was moved or removed while it was in use\.$"
        for ask_it in (registry.tasks, registry.status, lambda: registry.nearest("film"), lambda: registry.tag("film")):
            with pytest.raises(StorageError, match=said):
                ask_it()
        store.mkdir()
        for ask_it in (registry.tasks, lambda: registry.remove("film", "task")):
            with pytest.raises(StorageError, match=said):
                ask_it()

    assert not (store / "catalog.db").exists()


def test_a_folder_whose_name_looks_like_a_url_is_not_taken_for_another(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite reads `file:store/catalog.db` as a URL, which names the file in `store`."""
    monkeypatch.chdir(tmp_path)
    odd, before = Path("file:store"), (store / "catalog.db").read_bytes()
    with Registry.create(odd) as registry:
        registry.add_task("song", TaskData("classification", ("x", "y"), (Example("a", "x"), Example("b", "y"))))

    assert ask(odd, "backup", "file:b.db")[0] == 0
    with Registry.open(odd) as registry:
        registry.remove("song", "task")
    assert ask(odd, "restore", "file:b.db")[0] == 0

    assert names(odd) == ["song"]
    assert ask(odd, "verify") == WELL
    assert (store / "catalog.db").read_bytes() == before


@pytest.mark.parametrize("command", ["restore", "repair"])
def test_a_link_is_not_replaced_by_a_file_without_a_word(store: Path, tmp_path: Path, command: str) -> None:
    backup = tmp_path / "b.db"
    ask(store, "backup", backup)
    real = (store / "catalog.db").rename(tmp_path / "real.db")
    (store / "catalog.db").symlink_to(real)
    if command == "repair":
        body = bytearray(real.read_bytes())
        body[body.index(b"of-film")] ^= 1
        real.write_bytes(body)
    before = real.read_bytes()

    told_of = ask(store, command, *([backup] if command == "restore" else []))

    mend = f"Error: {store / 'catalog.db'} is a link to {real}: put that file in its place first.\n"
    assert told_of == (2, mend)
    assert (store / "catalog.db").is_symlink()
    assert real.read_bytes() == before


def test_of_the_backups_in_the_folder_the_newest_are_kept(store: Path) -> None:
    mine = store / "backups" / "mine.db"
    made = [ask(store, "backup", "--keep", "2")[1].removeprefix("Backup: ").strip() for _ in range(4)]
    mine.write_bytes(b"not made by us")
    ask(store, "backup", "--keep", "2")

    left = sorted(str(path) for path in (store / "backups").iterdir())

    assert len(left) == 3
    assert made[-1] in left
    assert str(mine) in left


def test_a_backup_that_was_just_made_is_kept_whatever_time_the_others_are_named_by(store: Path) -> None:
    """The clock of this machine was ahead once."""
    ask(store, "backup")
    (first,) = (store / "backups").iterdir()
    ahead = first.rename(first.with_name("catalog-21000101-000000-000000.db"))

    made = Path(ask(store, "backup", "--keep", "1")[1].removeprefix("Backup: ").strip())

    assert list((store / "backups").iterdir()) == [made]
    assert not ahead.exists()


def test_a_damaged_backup_changes_nothing(store: Path, tmp_path: Path) -> None:
    ask(store, "backup", tmp_path / "b.db")
    body = bytearray((tmp_path / "b.db").read_bytes())
    body[body.index(b"of-film")] ^= 1
    (tmp_path / "b.db").write_bytes(body)
    before = dump(store)

    code, text = ask(store, "restore", tmp_path / "b.db")

    assert (code, text.count("\n")) == (3, 1)
    assert text.startswith(f"Error: {tmp_path / 'b.db'} is damaged (")
    assert dump(store) == before
    assert not list(store.glob("catalog-before-*"))


@pytest.mark.parametrize("what", ["nothing", "empty", "a folder"])
def test_what_is_no_backup_is_refused(store: Path, tmp_path: Path, what: str) -> None:
    path = tmp_path / "b.db"
    if what == "empty":
        path.touch()
    if what == "a folder":
        path.mkdir()
    before = dump(store)

    code, text = ask(store, "restore", path)

    assert (code, text.count("\n")) == (2, 1)
    assert dump(store) == before


def test_a_registry_is_restored_where_there_is_none(store: Path, tmp_path: Path) -> None:
    ask(store, "backup", tmp_path / "b.db")

    assert ask(tmp_path / "new", "restore", tmp_path / "b.db") == (0, "Restored\n")
    assert names(tmp_path / "new") == ["bank", "film", "shop"]


def test_a_backup_of_an_earlier_schema_is_restored_and_then_upgraded(tmp_path: Path) -> None:
    kept = KEPT / "0005" / "catalog.db"

    code, text = ask(tmp_path / "new", "restore", kept)
    assert (code, text) == (0, "Restored\nIt is of an earlier release: run 'fute db upgrade'\n")
    assert ask(tmp_path / "new", "db", "upgrade")[0] == 0

    assert ask(tmp_path / "new", "verify") == WELL


def test_a_damaged_catalog_is_not_backed_up_and_no_backup_is_removed(store: Path) -> None:
    ask(store, "backup")
    tamper(store, "UPDATE transfers SET score_mean = 0.57")

    assert ask(store, "backup", "--keep", "1")[0] == 3
    assert len(list((store / "backups").iterdir())) == 1


def test_where_nothing_can_be_read_that_is_said_and_no_loss_is_hidden(store: Path) -> None:
    path = store / "catalog.db"
    body = bytearray(path.read_bytes())
    body[100:160] = bytes(byte ^ 0x55 for byte in body[100:160])  # the first page says where all tables are
    path.write_bytes(body)

    result = run("--registry", store, "repair")

    assert result.exit_code == 3
    assert "catalog: nothing of it could be read: restore a backup" in result.stdout
    assert "entries: not all of the table can be read, rows of it may be missing" in result.stdout


@pytest.mark.parametrize("schema", ["0001", "0006"])
def test_a_damaged_registry_of_an_earlier_release_is_not_emptied(tmp_path: Path, schema: str) -> None:
    body = (KEPT / schema / "catalog.db").read_bytes()
    old = tmp_path / "old"
    old.mkdir()
    (old / "catalog.db").write_bytes(body[:20000] + b"\xff" * 300 + body[20300:])
    before = (old / "catalog.db").read_bytes()

    result = run("--registry", old, "repair")

    assert result.exit_code == 3
    assert "an earlier release wrote it, whose rows have no checksums" in result.stderr
    assert (old / "catalog.db").read_bytes() == before


def test_a_damaged_pack_is_told_before_it_goes_into_a_bundle(store: Path, tmp_path: Path) -> None:
    assert run("--registry", store, "pack", "add", "taskweb").exit_code == 0
    path = store / "packs" / "taskweb" / "transfers.csv"
    path.write_bytes(path.read_bytes().replace(b"0.8", b"0.1"))

    result = run("--registry", store, "bundle", "export", tmp_path / "all.zip")

    assert result.exit_code != 0
    assert not (tmp_path / "all.zip").exists()


def test_a_copy_that_has_lost_examples_is_not_told_to_be_the_same(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    tamper(copy, "DELETE FROM contents WHERE sha256 = (SELECT min(sha256) FROM version_contents WHERE role = 'train')")
    seal(copy)

    result = run("diff", store, copy)

    assert result.exit_code == 3
    assert "something is missing: see 'fute verify'" in result.stderr


def test_a_backup_where_no_folder_is_says_so(store: Path, tmp_path: Path) -> None:
    result = run("--registry", store, "backup", tmp_path / "none" / "x.db")

    assert (result.exit_code, "there is no such folder" in result.stderr) == (1, True)


def test_an_index_that_cannot_be_kept_is_a_failure_where_it_is_asked_for(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("registry.index.snapshot.SnapshotFiles.write", full)

    for command in (("index", "rebuild"), ("repair",)):
        result = run("--registry", store, *command)
        assert (result.exit_code, "could not be saved" in result.stderr) == (1, True)
    assert run("--registry", store, "nearest", "film").exit_code == 0


def test_an_interrupt_while_sqlite_asks_for_a_checksum_is_an_interrupt(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told as an error of the database, and a worker that gave its leases back at that moment went on."""
    films = TaskData("classification", ("x", "y"), (Example("a", "x"), Example("b", "y")))
    with monkeypatch.context() as patch:
        patch.setattr(checksums, "_part", lambda _: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            registry.add_task("films", films)

    assert [entry.name for entry in registry.tasks()] == []
    registry.add_task("films", films)
    assert [entry.name for entry in registry.tasks()] == ["films"]


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage is collected: what nobody closes stays open."""
    gc.disable()
    yield
    gc.enable()


def held_open(folder: Path) -> list[str]:
    """Return the files below a folder that this process has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the list's own
            found.append(os.readlink(link))
    return [path for path in found if path.startswith(str(folder))]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="nothing tells which files are open")
@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda folder: Registry.open(folder / "old"), id="opening what an older release wrote"),
        pytest.param(lambda folder: Registry.upgrade(folder / "old"), id="upgrade"),
        pytest.param(lambda folder: verify(located(folder / "store")), id="verify"),
        pytest.param(lambda folder: verify(located(folder / "damaged")), id="verify of a damaged one"),
        pytest.param(lambda folder: repair(located(folder / "damaged")), id="repair"),
        pytest.param(lambda folder: repair(located(folder / "old")), id="repair of an older one"),
        pytest.param(lambda folder: restore(located(folder / "store"), folder / "old" / "catalog.db"), id="restore"),
        pytest.param(lambda folder: restore(located(folder / "store"), folder / "no-backup"), id="no backup"),
    ],
)
def test_a_catalog_is_let_go_of_also_where_it_is_refused(store: Path, call: Callable[[Path], object]) -> None:
    folder = store.parent
    (folder / "old").mkdir()
    shutil.copy(KEPT / "0005" / "catalog.db", folder / "old")
    shutil.copytree(store, folder / "damaged")
    tamper(folder / "damaged", "UPDATE transfers SET score_mean = 0.76")
    shutil.copy(folder / "store" / "catalog.db", folder / "no-backup")
    with sqlite3.connect(folder / "no-backup") as connection:
        connection.execute("DROP TABLE alembic_version")
    connection.close()

    with suppress(RegistryError):
        call(folder)

    assert held_open(folder) == []
