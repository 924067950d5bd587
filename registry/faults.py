"""Places where a test has the program killed, or a disk full: named in the code, and without effect otherwise.

`FUTE_FAULT=index.base.synced:2=kill` kills the process when it passes that place the second time; `=raise` has it fail
there as on a full disk. `FUTE_FAULT=record=FILE` writes down the places that are passed, a line each.
"""

import errno
import os
import signal
from collections import Counter
from pathlib import Path

VARIABLE = "FUTE_FAULT"
_passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Pass a place. Raises `OSError` where a test says so."""
    told = os.environ.get(VARIABLE)
    if told:
        _strike(name, told)


def _strike(name: str, told: str) -> None:
    place, _, how = told.partition("=")
    _passed[name] += 1
    if place == "record":
        with Path(how).open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
    elif place == f"{name}:{_passed[name]}":
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
