"""How long does the server take for each page of `fute serve`, over many entries?

    python -m benchmarks.pages

Prints the median and the longest of several times, in milliseconds, of every page of a registry of seeded random
vectors and texts: the whole request, from its headers to the last byte, in one process. By memory, gain and size each
time another task is asked for, because an answer that was given once is remembered.
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from starlette.testclient import TestClient

from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.data.transfers import TransferRecord
from registry.spaces.spec import SpaceSpec
from web.app import app_of
from web.opening import open_to_read
from web.questions import Desk

TASKS_WITH_TEXTS, MEASURED = 200, 400
PAGES = (
    "/",
    "/entries",
    "/entries?after=task-15000",
    "/entries?text=task-199",
    "/entries?kind=task&tag=even",
    "/entry/task-00007",
    "/entry/written-007",
    "/source",
    "/source?name=task-00007",
    "/source?name=task-00007&kind=task&tag=even",
    "/source?name=task-{}&by=memory",
    "/source?name=task-{}&by=gain",
    "/source?name=task-{}&by=size",
    "/compare?a=task-00007&b=task-00008",
    "/prompt",
    "/model",
    "/map",
    "/map/page",
    "/jobs",
    "/packs",
    "/packs/taskweb",
    "/spaces/brought",
    "/api/status",
    "/api/tasks",
    "/api/nearest?name=task-00007",
    "/api/names?begins=task-1",
)


def fill(folder: Path, entries: int, dimension: int) -> None:
    """Make a registry of tasks and models with random vectors, some tasks with texts, and measured transfers."""
    random = np.random.default_rng(0)
    with Registry.create(folder) as registry:
        registry.add_space("brought", SpaceSpec.imported("benchmark", dimension), corpus=None)
        groups = random.normal(size=(50, dimension))
        models = entries // 10
        for kind, count, tags in (("task", entries - models, ("even",)), ("model", models, ())):
            rows = groups[random.integers(0, len(groups), count)] + random.normal(size=(count, dimension))
            names = [f"{kind}-{number:05}" for number in range(count)]
            registry.add_vectors(names, rows.astype(np.float32), kind=kind, tags=tags)
        words = [f"word{number}" for number in range(500)]
        for number in range(TASKS_WITH_TEXTS):
            texts = (" ".join(random.choice(words, 20)) for _ in range(200))
            examples = tuple(Example(text, ("no", "yes")[i % 2]) for i, text in enumerate(texts))
            registry.add_task(f"written-{number:03}", TaskData("classification", ("no", "yes"), examples))
        registry.add_transfers(
            TransferRecord("t5", "full", f"task-{i % 20:05}", f"task-{20 + i:05}", float(random.uniform(0.4, 0.9)))
            for i in range(MEASURED)
        )
        registry.packs.add("taskweb")
        registry.refresh_index("brought")


def main() -> None:
    """Print a line for each page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=2048)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place) / "store"
        fill(folder, given.entries, given.dimension)
        with open_to_read(folder) as registry:
            desk = Desk(registry)
            began = time.perf_counter()
            desk.warm()
            print(f"{given.entries:,} entries of {given.dimension:,} numbers; warmed up in {_ms(began):.0f} ms")
            client = TestClient(app_of(desk, hosts=["testserver"]))
            client.get("/")  # compiles what all pages share
            print("| page | first, ms | median, ms | longest, ms |\n| --- | ---: | ---: | ---: |")
            for page in PAGES:
                times = [_timed(client, page.replace("{}", f"{turn:05}")) for turn in range(1 + given.times)]
                first, rest = times[0], times[1:]
                print(f"| `{page}` | {first:.0f} | {statistics.median(rest):.0f} | {max(rest):.0f} |")


def _timed(client: TestClient, page: str) -> float:
    began = time.perf_counter()
    answer = client.get(page)
    assert answer.status_code == 200, (page, answer.text[-300:])
    return _ms(began)


def _ms(began: float) -> float:
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
