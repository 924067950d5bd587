"""What a fresh interpreter has loaded after a command, or some code."""

import os
import subprocess
import sys
from pathlib import Path

from tiny_cli import FUTE
from waiting import LIMIT

ROOT = Path(__file__).parents[2]


def loaded_by_program(*arguments: str, registry: Path) -> tuple[set[str], str]:
    """Run `fute` in a fresh interpreter; return the top-level modules it imported, and stdout."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", FUTE, *arguments],
        env={**os.environ, "FUTE_REGISTRY": str(registry)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    lines = [line.rsplit("|", 1) for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {name.strip().split(".")[0] for _, name in lines}, result.stdout


def loaded_by_code(code: str) -> set[str]:
    """Run code in a fresh interpreter; return the top-level modules that are loaded at its end."""
    tell = "; import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-c", code + tell], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=True
    )
    return set(result.stdout.split())
