"""Waiting for something to happen, with a limit that only matters where it never does."""

import time
from collections.abc import Callable

LIMIT = 120  # seconds, for what hangs: no test that passes comes near to it


def until(happened: Callable[[], bool]) -> None:
    """Wait for something to happen."""
    end = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)
