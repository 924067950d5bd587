"""Processes of a test: started with the project's code, and gone when it ends."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nursery import interruptible
from waiting import LIMIT

ROOT = Path(__file__).parents[2]


@contextmanager
def started(command: Sequence[str | Path], output: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command on one thread, what it says into a file, beside which its modules may lie; killed at the end."""
    paths = os.pathsep.join([str(ROOT), str(output.parent)])
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, **environment},
            preexec_fn=interruptible,  # noqa: PLW1509 - no threads here that could hold a lock
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(LIMIT)
