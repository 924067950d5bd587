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


def test_a_faiss_that_is_there_and_cannot_be_loaded_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where memory is short: what the loader of libraries says is said."""
    (tmp_path / "faiss.py").write_text("raise ImportError('libfaiss.so: failed to map segment')", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "faiss", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))

    told = r"FAISS.*, which cannot be loaded \(libfaiss\.so: failed to map segment\): give it more memory, or install"
    with pytest.raises(MissingExtraError, match=told):
        load_faiss()
