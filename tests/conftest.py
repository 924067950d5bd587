"""What the tests share: a registry in a temporary folder, no network, and real data where it is at hand."""

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from goal_table import goal, pytest_terminal_summary
from goal_table import pytest_addoption as add_table_option
from hypothesis import HealthCheck, settings
from made_once import tables_are_made_once
from served import NEEDED, every_folder_is_served, served, server

from benchmarks.data import data_folder
from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData

__all__ = ["goal", "pytest_terminal_summary", "served"]  # pytest finds them here

ROOT = Path(__file__).parent.parent
DATA = data_folder()
EXAMPLES = ROOT / "examples"

os.environ["HF_HUB_OFFLINE"] = "1"
_CACHE = tempfile.TemporaryDirectory(prefix="fute-tests-")  # of what a module sets up; each test has its own
os.environ["XDG_CACHE_HOME"] = _CACHE.name
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded, as the program does

# However busy the machine is: what an example takes is no fault of what is tested.
# The same examples each time: what nobody changed fails for nobody. `make test-all` searches for new ones.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("searching"), derandomize=True)
settings.load_profile("steady")

LONG = (
    "test_strangers.py",
    "test_real_minilm.py",
    "test_r01_kills.py",
    "test_gguf.py",
    "test_registered_llm.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_table_option(parser)
    parser.addoption("--postgresql", action="store_true", help="Let every folder be a registry in a PostgreSQL server.")


def pytest_configure(config: pytest.Config) -> None:
    tables_are_made_once()
    if config.getoption("--postgresql"):
        if server() is None:
            raise pytest.UsageError(NEEDED)
        every_folder_is_served()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: item.path.name not in LONG)
    if config.getoption("--postgresql"):
        of_a_file = pytest.mark.skip(reason="of the file of a catalog")
        for item in items:
            if item.get_closest_marker("file"):
                item.add_marker(of_a_file)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - whatever a family's address is
        if self.family != socket.AF_UNIX:  # a file of this machine
            raise AssertionError("a test tried to use the network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(autouse=True)
def _away_from_the_users_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FUTE_REGISTRY", "COLUMNS"):  # tables are as wide as they are, unless a test says otherwise
        monkeypatch.delenv(name, raising=False)
    for kind in ("DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path.with_name(f"{tmp_path.name}-{kind.lower()}")))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Take away what a command in this process has put into the log."""
    log = logging.getLogger("registry")
    handlers = log.handlers
    yield
    log.handlers = handlers


@pytest.fixture(autouse=True, scope="module")
def _one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the models of the embedders' tests on one thread: on a busy machine, threads wait for each other far longer.

    A file that uses torch has loaded it by now; the others do not load it for this.
    """
    torch = sys.modules.get("torch")
    if torch is None or request.path.parent.name != "embedders":
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "registry") as opened:
        yield opened


@pytest.fixture(scope="session")
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
