"""Two registries that something is moved between."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_bundles import fill

from registry import Registry


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Registry]:
    """A registry with something of each kind."""
    with Registry.create(tmp_path / "mine") as opened:
        fill(opened, 2)
        yield opened


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Registry]:
    """An empty one."""
    with Registry.create(tmp_path / "theirs") as opened:
        yield opened
