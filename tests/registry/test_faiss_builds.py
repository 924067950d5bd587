"""FAISS comes in two wheels that overwrite each other: exactly one may be there."""

import sys
from pathlib import Path

import pytest

from registry.errors import MissingExtraError
from registry.index.faiss_flat import load_faiss


def test_two_builds_of_faiss_at_once_are_refused_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "faiss_gpu-1.15.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: faiss-gpu\nVersion: 1.15.1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(MissingExtraError, match=r"both installed and overwrite each other: uninstall both, then: pip"):
        load_faiss()


def test_a_missing_faiss_is_told_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)  # what Python does with a module that cannot be imported

    with pytest.raises(MissingExtraError, match=r"needs FAISS.*pip install 'fute-registry\[cpu\]'"):
        load_faiss()
