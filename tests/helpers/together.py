"""Work that many processes begin at once."""

import multiprocessing
from collections.abc import Callable
from typing import Any

from waiting import LIMIT

PATIENCE = LIMIT  # a barrier that waits longer has lost a process

# Each process is split off one that has loaded what all need, and nothing else of this one.
_clean = multiprocessing.get_context("forkserver")
_clean.set_forkserver_preload(
    ["registry", "registry.index", "alembic.command", "sqlalchemy", "numpy", "pytest", "click.testing", "cli"]
)


def at_once(work: Callable[..., Any], *arguments: tuple[Any, ...]) -> list[Any]:
    """Call `work(barrier, *arguments)` in one process for each tuple; return what they returned or raised."""
    barrier, answers = _clean.Barrier(len(arguments)), _clean.SimpleQueue()
    processes = [_clean.Process(target=_answer, args=(answers, work, barrier, *given)) for given in arguments]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return found


def _answer(answers: Any, work: Callable[..., Any], *arguments: Any) -> None:  # noqa: ANN401 - any process's
    try:
        answers.put(work(*arguments))
    except Exception as error:  # told to the test, which compares it
        answers.put(f"{type(error).__name__}: {error}")
