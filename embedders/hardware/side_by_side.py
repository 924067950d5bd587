"""Independent parts of one computation, side by side: each on a thread of its own.

On a CPU, many threads on one small operation wait for each other more than they work. A thread for each part has no
one to wait for, and what a part gives does not depend on how many threads there are.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TypeVar

import torch

P = TypeVar("P")
R = TypeVar("R")


def side_by_side(function: Callable[[P], R], parts: Iterable[P], *, device: torch.device) -> list[R]:
    """Return what the function gives for each part, in order; on a GPU, which is busy with one part, one by one.

    A part is worked on by a single thread, as many parts at a time as torch has threads. Contexts such as
    `torch.inference_mode` are a thread's own: enter them within the function.
    """
    if device.type != "cpu":
        return [function(part) for part in parts]
    pool = _pool(torch.get_num_threads())
    futures = [pool.submit(function, part) for part in parts]
    try:
        return [future.result() for future in futures]
    finally:  # where one fails, none is still at work beside what follows
        for future in futures:
            future.cancel()
        wait(futures)


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that have torch to themselves, each for one operation at a time."""
    started = threading.Barrier(threads + 1)

    def start() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # a thread settles its number when it first needs it, by what was said last
        started.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="fute", initializer=start)
    for _ in range(threads):
        pool.submit(int)
    started.wait()
    torch.set_num_threads(threads)  # what the threads said holds for all threads that are still to come
    return pool
