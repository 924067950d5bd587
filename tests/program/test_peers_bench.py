"""`python -m benchmarks.peers`, in small: what is installed is filled and asked, each by a process of its own."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]


def is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def test_stores_are_measured_side_by_side_and_what_is_missing_is_named(tmp_path: Path) -> None:
    stores = ["ours", "FAISS, same kind", "FAISS HNSW + SQLite", "sqlite-vec"]
    program = [sys.executable, "-m", "benchmarks.peers", "--sizes", "160", "--dimension", "32"]

    ended = subprocess.run(
        [*program, "--folder", str(tmp_path), "--only", *stores], cwd=ROOT, capture_output=True, text=True, check=True
    )

    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in ended.stdout.splitlines()]
    heads, measured = next(line for line in lines if line[0] == "vectors"), [line for line in lines if line[0] == "160"]
    told = {line[1].rpartition(" ")[0]: dict(zip(heads, line, strict=True)) for line in measured}
    assert set(told) == {name for name in stores if name != "sqlite-vec" or is_installed("sqlite-vec")}
    if not is_installed("sqlite-vec"):
        assert "sqlite-vec is left out: sqlite-vec and apsw not installed" in ended.stdout
    for name in ("ours", "FAISS, same kind"):
        assert [told[name]["recall"], told[name]["filtered recall"]] == ["1.000", "1.000"]
    assert float(told["ours"]["ms"]) > 0
    assert float(told["ours"]["memory MB"]) > 10
    assert (tmp_path / "160x32" / "ours" / "registry").is_dir()
