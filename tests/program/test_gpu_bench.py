"""`python -m benchmarks.gpu`, in small on a CPU: all of it runs, and what cannot is told without losing the rest."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import gpu


def table(path: Path) -> dict[str, list[str]]:
    """Return the lines of the table by what was measured."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in path.read_text("utf-8").splitlines()]
    return {what: told for what, *told in cells if len(told) == 3}


def run(monkeypatch: pytest.MonkeyPatch, out: Path, *parts: str) -> int:
    monkeypatch.setattr(sys, "argv", ["gpu", "--device", "cpu", "--out", str(out), "--parts", *parts])
    return gpu.main()


def test_a_table_says_what_was_measured_and_that_it_was_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "made" / "gpu.md"

    assert run(monkeypatch, out, "fisher", "tuning", "decoder", "index") == 0

    text, lines = out.read_text("utf-8"), table(out)
    assert text.startswith("A CPU, in small: this shows that all of it runs, and says nothing about a GPU; 20")
    assert "torch 2." in text
    assert "TFLOP/s" in lines["matrix product, float32, 512"][1]
    assert lines["bert: tuning, bias"][2].endswith("%")
    assert "x the hooks" in lines["loop of single examples, power 1"][1]
    assert "questions/s" in lines["decoder: 20 prompts of 4 texts"][1]
    assert lines["index, flat, GPU"] == ["", "not measured: no GPU, or FAISS's build for the CPU", ""]
    assert len(lines) > 14


def test_a_part_that_fails_is_told_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(bench: gpu.Bench) -> Iterator[gpu.Row]:
        yield gpu.Row("begun", 0.5, "so far")
        raise MemoryError("too large")

    monkeypatch.setitem(gpu.PARTS, "t5", broken)
    out = tmp_path / "gpu.md"

    assert run(monkeypatch, out, "t5", "index") == 1

    lines = table(out)
    assert lines["begun"] == ["500 ms", "so far", ""]
    assert lines["t5"] == ["", "failed: MemoryError", ""]
    assert lines["index, flat, CPU"][1] == "2,000 x 2048"
    assert "failed: t5" in capsys.readouterr().out
