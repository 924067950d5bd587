"""What do other stores of vectors take for the same? Ours beside FAISS, chroma, LanceDB, Qdrant, Milvus and pgvector.

    python -m benchmarks.peers --sizes 1000 20000 100000 --folder DIR [--only STORE ...] [--fill-only]

Each store gets the same clustered unit vectors with names and tags, in a process of its own; what is not installed is
left out, with a line. Then another process opens each, and all are asked by turns for the ten nearest to vectors that
they hold, each vector once: without a filter, and among the third that has a tag. A turn ends after some seconds, so
slow stores are asked less. A store that DIR holds already is not filled again. The table has, of each:

- vectors a second until all are written, and vectors for each second that processors worked for it, which other work
  on the machine leaves as it is; the seconds until they are indexed after that;
- the seconds from the start of a fresh process to its first answer;
- milliseconds of a question, the median and what one of a hundred takes at least, and those that processors worked
  for it, on average; the median and the processors' with the filter;
- the share of the ten nearest that are found, by brute force, without and with the filter;
- megabytes on the disk, and the most that the asking process had in memory.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.index import DIMENSION, chunks
from benchmarks.peers.contract import WITHIN
from benchmarks.peers.serving import STORES, folder_of, missing

HERE = Path(__file__).resolve().parents[2]
TURNS, A_TURN, SECONDS = 10, 25, 2.0  # rounds, questions of a turn, seconds of a turn at most
ENDING = 30  # seconds that a store has to end in
WARM = 3  # questions that are not counted
HEADER = (
    "vectors",
    "store",
    "index",
    "written/s",
    "written/CPU s",
    "indexed s",
    "fresh s",
    "ms",
    "ms p99",
    "CPU ms",
    "filtered ms",
    "filtered CPU ms",
    "recall",
    "filtered recall",
    "disk MB",
    "memory MB",
)


@dataclass
class Asked:
    """What a store has answered, without a filter or with it."""

    milliseconds: list[float] = field(default_factory=list)
    used: float = 0.0  # of the processor, milliseconds
    names: dict[int, list[str]] = field(default_factory=dict)  # by the row that asked

    def quantile(self, share: float) -> str:
        """Return milliseconds as text."""
        return f"{np.quantile(self.milliseconds, share):.2f}" if self.milliseconds else "-"

    def processor(self) -> str:
        """Return the processor's milliseconds of a question, on average, as text."""
        return f"{self.used / len(self.milliseconds):.2f}" if self.milliseconds else "-"

    def recall(self, truth: NDArray[np.int64]) -> str:
        """Return the share of the ten nearest, (rows, 10), that are found, as text."""
        shares = []
        for row, names in self.names.items():
            found = [name for name in names if name != f"v{row}"][: WITHIN - 1]
            shares.append(len(set(found) & {f"v{other}" for other in truth[row]}) / truth.shape[1])
        return f"{np.mean(shares):.3f}" if shares else "-"


class Served:
    """A store that a fresh process has opened."""

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self.asked = Asked(), Asked()
        self.peak = 0.0
        began = time.perf_counter()
        self._log = (place / f"{folder_of(place, name).name}.log").open("w")
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            program("serve", name, place),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment(),
            cwd=HERE,
        )
        self.release = self._reply()["release"]
        self.first = time.perf_counter() - began

    def ask(self, start: int, count: int, *, is_filtered: bool, is_counted: bool = True) -> None:
        """Put some questions."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([start, count, is_filtered, SECONDS]) + "\n")
        self._process.stdin.flush()
        told = self._reply()
        self.peak = told["peak"]
        if is_counted:
            its = self.asked[is_filtered]
            its.milliseconds += told["milliseconds"]
            its.used += told["used"]
            its.names |= {start + i: names for i, names in enumerate(told["names"])}

    def _reply(self) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"{self.name} ended: see {self._log.name}")

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._log.close()


def program(what: str, name: str, place: Path) -> list[str]:
    """Return the words of a store's own process."""
    return [sys.executable, "-m", "benchmarks.peers.serving", what, name, str(place)]


def environment() -> dict[str, str]:
    """Return the environment of each process: threads that wait leave the cores to the others."""
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}


def size_on_disk(folder: Path) -> int:
    """Return the bytes that are taken by a folder's files."""
    return sum(512 * path.lstat().st_blocks for path in folder.rglob("*") if path.is_file())


def write_vectors(place: Path, count: int, dimension: int) -> None:
    """Write the vectors that all stores get."""
    path = place / "vectors.npy"
    if path.exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    held = np.lib.format.open_memmap(draft, "w+", np.float32, (count, dimension))
    start = 0
    for rows in chunks(count, dimension):
        held[start : start + len(rows)] = rows
        start += len(rows)
    held.flush()
    draft.rename(path)


def nearest_of_all(place: Path, questions: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ten rows nearest to each of the first, itself left out: of all, and of each third; by brute force."""
    rows = np.load(place / "vectors.npy", mmap_mode="r")
    products = np.concatenate([rows[i : i + 5000] @ rows[:questions].T for i in range(0, len(rows), 5000)]).T
    products[np.arange(questions), np.arange(questions)] = -2
    best = [np.argsort(-products, axis=1, kind="stable")[:, : WITHIN - 1]]
    products[:, np.arange(len(rows)) % 3 > 0] = -3
    best.append(np.argsort(-products, axis=1, kind="stable")[:, : WITHIN - 1])
    return best[0], best[1]


def fill(name: str, place: Path, patience: float | None) -> bool:
    """Fill a store, unless it is there; say whether it is there now."""
    told = folder_of(place, name).with_suffix(".json")
    if told.exists():
        return True
    print(f"{place.name}: {name} is filled", file=sys.stderr)
    process = subprocess.Popen(  # noqa: S603 - ourselves
        program("fill", name, place), stdout=subprocess.PIPE, text=True, env=environment(), cwd=HERE
    )
    try:
        printed, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # so that a server that it has started ends too
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=ENDING)
        process.kill()
        process.communicate()
        print(f"{place.name}: {name} is left out: not filled within {patience:.0f} s")
        return False
    if process.returncode:
        raise SystemExit(f"{name} could not be filled.")
    told.write_text(printed.splitlines()[-1])
    return True


def measured(names: Sequence[str], place: Path, count: int) -> list[list[str]]:
    """Ask all stores by turns; return their lines of the table."""
    turns = min(TURNS, (count - WARM) // (2 * A_TURN))
    truth = nearest_of_all(place, WARM + 2 * turns * A_TURN)
    served = [Served(name, place) for name in names]
    for one in served:
        for is_filtered in (False, True):
            one.ask(0, WARM, is_filtered=is_filtered, is_counted=False)
    for turn in range(turns):
        start = WARM + 2 * turn * A_TURN
        for one in served[turn % len(served) :] + served[: turn % len(served)]:
            one.ask(start, A_TURN, is_filtered=False)
            one.ask(start + A_TURN, A_TURN, is_filtered=True)
    lines = []
    for one in served:
        one.close()
        told = json.loads(folder_of(place, one.name).with_suffix(".json").read_text())
        plain, filtered = one.asked
        lines.append(
            [
                f"{count:,}",
                f"{one.name} {one.release}",
                told["kind"],
                f"{count / told['filled']:,.0f}",
                f"{count / told['used']:,.0f}",
                f"{told['indexed']:.1f}",
                f"{one.first:.2f}",
                plain.quantile(0.5),
                plain.quantile(0.99),
                plain.processor(),
                filtered.quantile(0.5),
                filtered.processor(),
                plain.recall(truth[0]),
                filtered.recall(truth[1]),
                f"{size_on_disk(folder_of(place, one.name)) / 1e6:,.0f}",
                f"{one.peak:,.0f}",
            ]
        )
    return lines


def table(lines: Sequence[Sequence[str]]) -> str:
    """Return the table in Markdown."""
    rule = [*["---"] * 3, *["---:"] * (len(HEADER) - 3)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (HEADER, rule, *lines))


def installed(names: Sequence[str]) -> list[str]:
    """Return the stores that can be measured; name the others."""
    found = []
    for name in names:
        lacking = missing(name)
        if lacking:
            print(f"{name} is left out: {' and '.join(lacking)} not installed")
        else:
            found.append(name)
    return found


def main() -> None:
    """Fill, ask and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="+", default=[1_000, 20_000, 100_000])
    options.add_argument("--dimension", type=int, default=DIMENSION)
    options.add_argument("--folder", type=Path, help="Where stores are made and stay; else a temporary place.")
    options.add_argument("--only", nargs="+", choices=STORES, default=list(STORES), metavar="STORE")
    options.add_argument("--patience", type=float, metavar="SECONDS", help="A store not filled by then is left out.")
    options.add_argument("--fill-only", action="store_true", help="Fill, and ask nothing.")
    given = options.parse_args()
    names, lines = installed(given.only), []
    with tempfile.TemporaryDirectory() as temporary:
        for size in given.sizes:
            place = Path(given.folder or temporary).resolve() / f"{size}x{given.dimension}"
            write_vectors(place, size, given.dimension)
            filled = [name for name in names if fill(name, place, given.patience)]
            if not given.fill_only:
                lines += measured(filled, place, size)
    if lines:
        print(table(lines))


if __name__ == "__main__":
    main()
