"""Datasets of the hub: whatever the datasets library raises is one line."""

import importlib.util
import sys
from pathlib import Path

import pytest

from registry.errors import DataError
from registry.formats.tasks import read_task

PROBLEMS = {
    "script": "raise RuntimeError('Dataset scripts are no longer supported, but found mine.py\\nwith a second line')",
    "bare": "raise Exception('of no kind')",
    "import": "import no_such_module_of_datasets",
    "key": "raise KeyError('column')",
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_an_error_of_the_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Stand in for the library, which is an extra, so that each of its errors comes for certain."""
    (tmp_path / "datasets.py").write_text(f"def load_dataset(*_, **__):\n    {PROBLEMS[kind]}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "datasets", raising=False)
    assert importlib.util.find_spec("datasets")

    with pytest.raises(DataError) as told:
        read_task("hf:./mine")

    assert str(told.value).startswith("hf:./mine: ")
    assert "\n" not in str(told.value)
    monkeypatch.delitem(sys.modules, "datasets", raising=False)
