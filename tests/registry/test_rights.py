"""Who may read and write a registry's files: a group that shares its folder, its owner beside root, nobody more."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_cli import told

from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.files.writing import made_for_all

SOMEBODY = 65534
EXAMPLES = (Example("a fine film", "good"), Example("a dull film", "bad"))
SHARED, CLOSED = 0o2775, 0o077  # a group's folder; a umask that leaves others nothing

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    former = os.umask(mask)
    try:
        yield
    finally:
        os.umask(former)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A registry of one task, of one who leaves the group the right to write."""
    with umask(0o002), Registry.create(tmp_path / "store") as registry:
        registry.add_task("film", TaskData("classification", ("good", "bad"), EXAMPLES))
    return tmp_path / "store"


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}


def tag(store: Path) -> None:
    assert told("--registry", store, "task", "tag", "film", "seen")[0] == 0


def test_whom_the_umask_lets_may_write_all_of_a_registry(store: Path) -> None:
    assert {name: mode for name, mode in modes(store).items() if mode & 0o660 != 0o660} == {}


@pytest.mark.parametrize(("rights", "its"), [(0o700, 0o600), (0o755, 0o600), (SHARED, 0o660), (0o777, 0o666)])
def test_who_may_write_in_the_folder_may_take_every_lock(store: Path, rights: int, its: int) -> None:
    """Whoever came first, though he may not write the catalog: its owner would be kept out by his locks."""
    for name in ("turn", "turn-next", "lock"):
        (store / name).unlink()
    (store / "catalog.db").chmod(0o600)
    store.chmod(rights)

    with umask(CLOSED):
        tag(store)
        assert told("--registry", store, "index", "rebuild")[0] == 0
        with Registry.open(store) as registry, registry.catalog.database.lock():
            pass

    locks = {name: mode for name, mode in modes(store).items() if "catalog" not in name}
    assert locks == dict.fromkeys(("lock", "turn", "turn-next"), its)


def test_a_lock_that_a_kill_left_too_narrow_is_mended_by_its_owners_next_command(store: Path) -> None:
    store.chmod(SHARED)
    for name in ("turn", "turn-next", "lock"):
        (store / name).chmod(0o644)

    tag(store)

    assert modes(store)["turn"] == 0o664


def test_the_rights_of_a_lock_are_not_given_to_what_a_link_in_its_place_leads_to(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may write in the folder could have root open any file to the group."""
    private = tmp_path / "private"
    private.touch(mode=0o600)
    (store / "lock").unlink()
    store.chmod(0o777)
    opened = os.open

    def exchanged(path: Path, *how: int) -> int:
        file = opened(path, *how)
        (store / "lock").unlink()
        (store / "lock").symlink_to(private)
        return file

    monkeypatch.setattr("registry.files.writing.os.open", exchanged)
    made_for_all(store / "lock", mode=0o666)

    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_no_file_is_made_where_a_link_in_the_place_of_a_lock_leads_to(store: Path, tmp_path: Path) -> None:
    (store / "turn").unlink()
    (store / "turn").symlink_to(tmp_path / "made")

    assert told("--registry", store, "task", "rename", "film", "cinema")[0] == 1

    assert not (tmp_path / "made").exists()


def test_nobody_waits_for_a_pipe_in_the_place_of_a_lock(store: Path) -> None:
    (store / "turn").unlink()
    os.mkfifo(store / "turn")

    assert told("--registry", store, "task", "rename", "film", "cinema")[0] == 0


def test_who_may_write_in_a_folder_may_push_to_it_after_another(store: Path, tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    far.chmod(SHARED)

    with umask(0o022):
        assert told("--registry", store, "push", far)[0] == 0

    assert modes(far)["lock"] == 0o664


@pytest.mark.parametrize("words", ["restore {}/backup.db", "repair"])
def test_a_catalog_that_takes_the_place_of_another_has_its_rights(store: Path, tmp_path: Path, words: str) -> None:
    assert told("--registry", store, "backup", tmp_path / "backup.db")[0] == 0
    catalog = store / "catalog.db"
    body = bytearray(catalog.read_bytes())
    body[body.index(b"film")] ^= 1
    catalog.write_bytes(body)
    catalog.chmod(0o660)

    with umask(CLOSED):
        told("--registry", store, *words.format(tmp_path).split())

    assert catalog.read_bytes() != body
    assert modes(store)["catalog.db"] == 0o660


def test_a_backup_is_for_nobody_who_may_not_read_the_catalog(store: Path, tmp_path: Path) -> None:
    (store / "catalog.db").chmod(0o600)

    assert told("--registry", store, "backup", tmp_path / "backup.db")[0] == 0

    assert modes(tmp_path)["backup.db"] == 0o600


@needs_root
def test_what_root_does_leaves_the_owner_his_registry(store: Path, tmp_path: Path) -> None:
    assert told("--registry", store, "backup", tmp_path / "backup.db")[0] == 0
    for name in ("turn", "turn-next", "lock"):
        (store / name).unlink()
    for path in (store, *store.iterdir()):
        os.chown(path, SOMEBODY, SOMEBODY)

    tag(store)
    assert told("--registry", store, "restore", tmp_path / "backup.db")[0] == 0

    assert {path.stat().st_uid for path in store.iterdir()} == {SOMEBODY}


@pytest.mark.parametrize("why", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_registry_lies_also_where_all_files_have_the_same_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: int
) -> None:
    """As on a memory stick, whose file system refuses every other."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(why, os.strerror(why))

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refused)
    with Registry.create(tmp_path / "store") as registry:
        registry.add_task("film", TaskData("classification", ("good", "bad"), EXAMPLES))
    said, backup = told("--registry", tmp_path / "store", "backup")

    assert said == 0
    assert told("--registry", tmp_path / "store", "restore", backup.removeprefix("Backup: ").strip())[0] == 0
    assert told("--registry", tmp_path / "store", "bundle", "export", tmp_path / "all.zip")[0] == 0
    assert told("--registry", tmp_path / "store", "push", tmp_path / "shared")[0] == 0
