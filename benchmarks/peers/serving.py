"""The process of one store, which `benchmarks.peers` starts.

    python -m benchmarks.peers.serving fill STORE FOLDER       # prints the seconds
    python -m benchmarks.peers.serving serve STORE FOLDER      # opens it; then a line of JSON in, a line of JSON out

FOLDER holds `vectors.npy`, (n, dimension), of length 1. Row 17 is called `v17`; every third has the tag `wanted`, the
others `other`. No library is imported but the store's own, so that memory and the start are its own.
"""

import json
import os
import shutil
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from benchmarks.peers.contract import Store
from benchmarks.peers.databases import Chroma, Lance, Milvus, PgVector, Qdrant, SqliteVec
from benchmarks.peers.ours import Faiss, FaissGraph, Ours

STORES: dict[str, type[Store]] = {
    "ours": Ours,
    "FAISS, same kind": Faiss,
    "FAISS HNSW + SQLite": FaissGraph,
    "chroma": Chroma,
    "lancedb": Lance,
    "qdrant local": Qdrant,
    "milvus-lite": Milvus,
    "sqlite-vec": SqliteVec,
    "pgvector": PgVector,
}


def folder_of(place: Path, store: str) -> Path:
    """Return where a store lies."""
    return place / "".join(letter for letter in store if letter.isalnum())


def missing(store: str) -> list[str]:
    """Return the packages of a store that are not installed."""
    lacking = []
    for package in (STORES[store].package, *STORES[store].needs):
        try:
            version(package)
        except PackageNotFoundError:
            lacking.append(package)
    return lacking


def peak(pids: tuple[int, ...]) -> float:
    """Return the most megabytes that this process has had at once, with what others that answer for it have had."""
    found = 0.0
    for place in ("self", *map(str, pids)):
        lines = Path("/proc", place, "status").read_text(encoding="ascii").splitlines()
        found += sum(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM"))
    return found


def processor_seconds(pids: tuple[int, ...]) -> float:
    """Return the processor's seconds of this process, with those of others that answer for it, in hundredths."""
    found = time.process_time()
    for pid in pids:
        fields = Path("/proc", str(pid), "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def serve(store: Store) -> None:
    """Answer until the input ends: `[first row, rows, whether filtered, seconds at most]`."""
    store.open()
    store.nearest(0, is_filtered=False)
    print(json.dumps({"release": store.release()}), flush=True)
    for line in sys.stdin:
        start, count, is_filtered, most = json.loads(line)
        took: list[float] = []
        names = []
        stop, used = time.perf_counter() + most, processor_seconds(store.pids)
        for row in range(start, start + count):
            if time.perf_counter() > stop:
                break
            began = time.perf_counter()
            found = store.nearest(row, is_filtered=is_filtered)
            if found is None:
                break
            names.append(found)
            took.append(1000 * (time.perf_counter() - began))
        used = 1000 * (processor_seconds(store.pids) - used)
        told = {"milliseconds": took, "used": used, "names": names, "peak": peak(store.pids)}
        print(json.dumps(told), flush=True)


def main() -> None:
    """Fill or serve one store."""
    what, name, place = sys.argv[1:]
    folder = folder_of(Path(place), name)
    store = STORES[name](folder, np.load(Path(place, "vectors.npy"), mmap_mode="r"))
    if what == "serve":
        serve(store)
        return
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was stopped
    folder.mkdir()
    store.create()
    began, used = time.perf_counter(), processor_seconds(store.pids)
    store.fill()
    filled, used = time.perf_counter(), processor_seconds(store.pids) - used
    kind = store.make_index()
    told = {"filled": filled - began, "used": used, "indexed": time.perf_counter() - filled, "kind": kind}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
