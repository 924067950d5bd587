"""What the tests share: a registry in a temporary folder, no network, and real data where it is at hand."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.data import data_folder
from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData

ROOT = Path(__file__).parent.parent
DATA = data_folder()
EXAMPLES = ROOT / "examples"

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded, as the program does


LONG = ("test_real_minilm.py", "test_kills.py", "test_evaluate_transfer.py", "test_registered_llm.py", "test_unify.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a test tried to use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(autouse=True)
def _away_from_the_users_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FUTE_REGISTRY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "registry") as opened:
        yield opened


@pytest.fixture
def data() -> Path:
    """The real data: not part of the project, so a test that needs it skips where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"needs the public data in {DATA}: set FUTE_DATA")
    return DATA


@pytest.fixture
def sentiment() -> TaskData:
    return TaskData(
        kind="classification",
        labels=("negative", "positive"),
        train=(Example("a fine film", "positive"), Example("a dull film", "negative")),
        test=(Example("great", "positive"),),
    )
