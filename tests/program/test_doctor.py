"""What there is and where: doctor, path and config; and how much is said beside a result."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_cli import FUTE, fill_by_hand, run, tiny_rows, told, write_rows

from registry import Registry, __version__
from registry.location import located
from registry.upkeep.checkup import OF_A_NETWORK, checkup, file_system, installed

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:5 / /home rw - nfs4 server:/home rw,vers=4.2
31 30 0:6 / /home/anna/fast rw - xfs /dev/sdb rw
32 22 0:7 / /mnt/two\\040words rw - fuse.sshfs anna@host: rw
33 22 0:8 / /homes rw - cifs //server/homes rw
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with Registry.create(tmp_path / "store") as registry:
        fill_by_hand(registry, tmp_path, ("film", "shop", "bank"))
        registry.refresh_index("by-hand")
    monkeypatch.setenv("FUTE_REGISTRY", str(tmp_path / "store"))
    return tmp_path / "store"


# -- doctor ------------------------------------------------------------------------------------------


def test_the_doctor_says_versions_device_registry_and_index(store: Path) -> None:
    code, text = told("doctor")

    assert code == 0
    assert re.search(r"^fute-registry +\S", text, re.MULTILINE)
    assert re.search(rf"^python +{re.escape(sys.version.split()[0])}$", text, re.MULTILINE)
    assert re.search(r"^libraries +.*numpy \d", text, re.MULTILINE)
    assert re.search(r"^device +\S", text, re.MULTILINE)
    assert re.search(r"^database +sqlite 3\.\d+\.\d+, this release reads schema \d{4}$", text, re.MULTILINE)
    assert re.search(r"^entries +3 task$", text, re.MULTILINE)
    assert re.search(
        r"^space +by-hand \(current\): textemb, 3 vectors of 8, index [\d.]+ (bytes|kB)$", text, re.MULTILINE
    )
    assert text.endswith("Nothing is wrong as far as can be seen without reading everything.\n")


def test_the_doctor_says_of_a_torch_that_cannot_be_loaded_why(store: Path, tmp_path: Path) -> None:
    """As where memory is short."""
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch_cpu.so: failed to map segment')", encoding="utf-8")
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])}

    asked = subprocess.run([FUTE, "--registry", store, "doctor"], check=False, capture_output=True, text=True, env=here)

    assert (asked.returncode, asked.stderr) == (0, "")
    assert "none: torch cannot be loaded (libtorch_cpu.so: failed to map segment)\n" in asked.stdout


def test_the_doctor_changes_nothing_and_says_the_same_as_json(store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.suffix in (".db", ".idx")}

    result = run("doctor", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(found) == {"program", "libraries", "location", "place", "database", "spaces", "problems", "device"}
    assert found["place"]["folder"] == str(store)
    assert found["database"]["entries"]["task"] == 3
    assert found["spaces"]["by-hand"]["vectors"] == 3
    assert found["spaces"]["by-hand"]["index_bytes"] == next((store / "index").glob("*.idx")).stat().st_size
    assert found["problems"] == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_doctor_sees_a_registry_that_cannot_be_opened(store: Path) -> None:
    (store / "catalog.db").write_bytes(b"no database" * 500)

    code, text = told("doctor")

    assert code == 1
    assert re.search(r"^wrong +\S.*(damaged|not a database)", text, re.MULTILINE)


def test_the_doctor_sees_that_there_is_no_registry(tmp_path: Path) -> None:
    code, text = told("--registry", tmp_path / "nowhere", "doctor")

    assert code == 1
    assert f"No registry at {tmp_path / 'nowhere'}: make one with 'fute init'" in text
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("folder", "kind", "is_of_a_network"),
    [
        ("/srv/fute", "ext4", False),
        ("/home", "nfs4", True),
        ("/home/anna/fute", "nfs4", True),
        ("/home/anna/fast/fute", "xfs", False),
        ("/homes/fute", "cifs", True),
        ("/mnt/two words/fute", "fuse.sshfs", True),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_the_deepest_mount(
    folder: str, kind: str, *, is_of_a_network: bool
) -> None:
    assert file_system(Path(folder), MOUNTS) == kind
    assert (kind in OF_A_NETWORK) is is_of_a_network


def test_of_a_system_that_says_nothing_of_mounts_nothing_is_known() -> None:
    assert file_system(Path("/srv"), "") is None


def test_a_network_file_system_is_a_problem(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mounts").write_text(f"1 0 0:1 / {tmp_path} rw - nfs4 server:/x rw\n")
    monkeypatch.setattr("registry.upkeep.checkup.MOUNTS", tmp_path / "mounts")

    (problem,) = checkup(located(store)).problems

    assert problem.startswith("The registry's folder is on a network file system (nfs4), where locks may not hold")


def test_what_is_not_installed_is_left_out() -> None:
    assert set(installed(["numpy", "no-such-thing-at-all"])) == {"numpy"}


# -- path and config ---------------------------------------------------------------------------------


def test_the_path_is_the_folder_and_nothing_else(store: Path, tmp_path: Path) -> None:
    assert told("path") == (0, f"{store}\n")
    code, text = told("--registry", tmp_path / "nowhere", "path")
    assert (code, text.count("\n")) == (2, 1)


@pytest.mark.parametrize("by", ["--registry", "$FUTE_REGISTRY", "default"])
def test_the_settings_say_where_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FUTE_REGISTRY", raising=False)
    monkeypatch.setenv("HF_HOME", "/models")
    if by == "$FUTE_REGISTRY":
        monkeypatch.setenv("FUTE_REGISTRY", "there")
    given = ["--registry", "there"] if by == "--registry" else []

    settings = {one["setting"]: one for one in json.loads(run(*given, "config", "show", "--json").stdout)["settings"]}

    assert settings["registry"] == {
        "setting": "registry",
        "value": "fute-registry" if by == "default" else "there",
        "origin": by,
    }
    assert settings["HF_HOME"] == {"setting": "HF_HOME", "value": "/models", "origin": "$HF_HOME"}
    assert "origin" not in run("config", "show").stdout
    assert "$HF_HOME" in run("config", "show", "--origin").stdout


def test_no_key_is_shown_among_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUTE_REGISTRY", "postgresql://anna:correcthorse@host/team")

    assert "correcthorse" not in run("config", "show", "--json").output
    assert "correcthorse" not in run("doctor", "--json").output


# -- how much is said --------------------------------------------------------------------------------


def test_quiet_leaves_notes_out_and_keeps_results_and_losses(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUTE_NO_PROGRESS", "")  # put back what the command sets in this process
    (tmp_path / "tasks").mkdir()
    for name, rows in (("good", tiny_rows(5)), ("bad", [])):
        folder = tmp_path / "tasks" / name
        folder.mkdir()
        (folder / "task.json").write_text('{"kind": "classification"}')
        write_rows(folder / "train.jsonl", rows)

    loud = run("nearest", "film", "-k", "2")
    quiet = run("--quiet", "nearest", "film", "-k", "2")
    lossy = run("-q", "task", "import", tmp_path / "tasks")
    wrong = run("-q", "nearest", "flim")

    assert quiet.stdout == loud.stdout
    assert (quiet.stderr, quiet.exit_code) == ("", 0)
    assert lossy.stdout == "registered good\n"
    assert [line.split(":")[0] for line in lossy.stderr.splitlines()] == ["failed bad"]
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)


def test_no_colour_is_printed_where_none_is_wanted(store: Path) -> None:
    """Bold is no colour; a terminal is feigned to rich."""
    made = subprocess.run(
        [FUTE, "task", "list"],
        env={
            "PATH": "/usr/bin:/bin",
            "FUTE_REGISTRY": str(store),
            "FORCE_COLOR": "1",
            "NO_COLOR": "1",
            "TERM": "xterm",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    codes = {code for found in re.findall(r"\x1b\[([\d;]*)m", made.stdout) for code in found.split(";")}
    assert "film" in made.stdout
    assert codes
    assert not {code for code in codes if code[:1] in ("3", "4", "9") and len(code) > 1}


def test_the_version_is_the_program_s() -> None:
    assert installed(["fute-registry"])["fute-registry"].split(".")[0] == __version__.split(".")[0]
