"""What comes next is made ready while a device is at work."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch

T = TypeVar("T")

READY = 2  # batches that wait for the device, at most
_END: Any = object()


def ahead(made: Iterable[T], *, device: torch.device) -> Iterator[T]:
    """Yield what an iterable makes, in order; for a GPU it is made ahead, by a thread of its own.

    A CPU has no time to spare: there each is made when it is asked for. What goes wrong is raised here in its turn.
    """
    if device.type == "cpu":
        yield from made
    else:
        yield from _by_thread(iter(made))


def _by_thread(source: Iterator[T]) -> Iterator[T]:
    with ThreadPoolExecutor(1, thread_name_prefix="fute-ahead") as thread:
        waiting: deque[Future[T]] = deque(thread.submit(next, source, _END) for _ in range(READY))
        while (one := waiting.popleft().result()) is not _END:
            waiting.append(thread.submit(next, source, _END))
            yield one
