"""Files are put in place whole; what a dead process has left is swept, and what a living one writes is not."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_cli import told
from tiny_disk import full_beyond
from waiting import LIMIT

from registry import Registry
from registry.errors import StorageError
from registry.files.writing import scratch, written

ROOT = Path(__file__).parents[2]
WRITES = """
import sys
from pathlib import Path
from registry.errors import StorageError
from registry.files.writing import scratch, written
with written(Path(sys.argv[1])) as draft:
    draft.write_text("theirs")
    print(draft.name, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Path]:
    """The draft of another process, which is killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITES, str(tmp_path / "out.txt")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        yield tmp_path / process.stdout.readline().strip()
        process.kill()
        process.wait(LIMIT)


def write(target: Path) -> list[str]:
    """Write a file; return what lies in its folder then."""
    with written(target) as draft:
        draft.write_text("ours")
    return sorted(path.name for path in target.parent.iterdir())


def test_the_draft_of_a_living_process_stays(tmp_path: Path, theirs: Path) -> None:
    assert write(tmp_path / "out.txt") == [theirs.name, "out.txt"]
    assert theirs.read_text() == "theirs"


def test_the_draft_of_a_dead_process_is_swept(tmp_path: Path, theirs: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    _, name, process, ending = theirs.name.split(".")
    left = theirs.with_name(f".{name}.{int(dead.stdout)}-{process.partition('-')[2]}.{ending}")
    theirs.rename(left)

    assert write(tmp_path / "out.txt") == ["out.txt"]


def test_a_draft_of_another_container_is_swept_when_it_is_old_for_nobody_sees_whether_its_process_lives(
    tmp_path: Path, theirs: Path
) -> None:
    _, name, process, ending = theirs.name.split(".")
    number, _, token = process.split("-")
    elsewhere = [theirs.with_name(f".{name}.{one}-00000000-{token}.{ending}") for one in (number, "1", "999999999")]
    for draft in elsewhere:
        draft.write_text("theirs")
    os.utime(elsewhere[0], (0, 0))

    assert write(tmp_path / "out.txt") == sorted([theirs.name, "out.txt", *(draft.name for draft in elsewhere[1:])])


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaks_off() -> None:
        with written(tmp_path / "out.txt") as draft:
            draft.write_text("half")
            raise OSError("no room")

    with pytest.raises(StorageError, match="no room"):
        breaks_off()

    assert list(tmp_path.iterdir()) == []


# -- folders among the temporary ones ---------------------------------------------------------------


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_scratch_folder_is_ones_own_and_goes(temporary: Path) -> None:
    with scratch("push") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("ours")
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o077 == 0

    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_had_among_the_temporary_folders_is_swept_by_the_next_of_its_kind(
    temporary: Path,
) -> None:
    holds = (
        "from registry.files.writing import scratch\nwith scratch('push') as folder: print(folder, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
    ) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        (theirs / "bundle").write_text("theirs")
        with scratch("push"):
            assert theirs.exists()  # it lives
        process.kill()
        process.wait(LIMIT)

    with scratch("bundle"):
        assert theirs.exists()  # of another kind
    with scratch("push"):
        assert not theirs.exists()


def test_where_no_folder_can_be_made_it_is_told(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary / "gone"))

    with pytest.raises(StorageError, match=r"^Cannot write .*gone: No such file"), scratch("push"):
        pass


# -- who may read it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "bundle export {}/out",
        "bundle export {}/out.zip",
        "push {}/out",
        "vectors export {}/out.npz",
        "vectors export {}/out.parquet",
        "map {}/out.svg",
        "map {}/out.html",
        "task export task0 {}/out",
        "backup {}/out.db",
    ],
)
def test_whatever_is_written_for_others_can_be_read_by_whom_the_umask_lets(
    mine: Registry, tmp_path: Path, words: str
) -> None:
    mine.packs.add("taskweb")
    former = os.umask(0o027)
    try:
        assert told("--registry", mine.folder, *words.replace("{}", str(tmp_path)).split())[0] == 0
    finally:
        os.umask(former)

    (made,) = tmp_path.glob("out*")
    modes = {path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode) for path in (made, *made.rglob("*"))}
    assert modes == {name: 0o750 if (tmp_path / name).is_dir() else 0o640 for name in modes}


def test_a_system_without_room_for_temporary_files_is_told(
    mine: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told("--registry", mine.folder, "bundle", "export", tmp_path / "all.zip")[0] == 0
    monkeypatch.setattr("tempfile.tempdir", None)  # it is looked for anew, as in a process that begins

    with full_beyond(0):
        code, text = told("--registry", mine.folder, "bundle", "import", tmp_path / "all.zip")

    mend = "set TMPDIR to one that has room"
    assert (code, text) == (1, f"Error: No folder of temporary files can be written: {mend}.\n")
