"""Does each method find the neighbours that everybody would name?

Embeds the classification and multiple-choice tasks of the public data by every method and prints, for three tasks, the
five nearest, with the share of those that were expected. The default method is the one that finds most.

    python -m benchmarks.known_neighbours
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.data import DATA
from embedders import create_space, embed
from embedders.methods import METHODS
from registry import Registry
from registry.importing import import_tasks

STANCES = {f"tweet_stance_{topic}" for topic in ("abortion", "atheism", "climate", "hillary")}
PAIRS = {"snli", "anli_r3", "cb", "mrpc", "qqp"}


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, Registry.create(Path(scratch)) as registry:
        import_tasks(registry, options.data)
        for method in options.methods:
            began = time.perf_counter()
            space = create_space(registry, method, method=method, corpus=None)
            report = embed(registry, space=space.name)
            seconds = time.perf_counter() - began
            passed = _passed(registry, space.name)
            print(f"\n{method}: {passed} of 4 checks, {len(report.embedded)} tasks, {seconds:.0f} s")
            for task in ("movie_review", "scitail", "tweet_stance_feminist"):
                print(f"  {task:<22} {', '.join(_first_five(registry, space.name, task))}")


def _passed(registry: Registry, space: str) -> int:
    """Count the checks that hold: sentiment first, another domain's sentiment near, entailment, stances."""
    film = _first_five(registry, space, "movie_review")
    entailment = _first_five(registry, space, "scitail")
    stance = _first_five(registry, space, "tweet_stance_feminist")
    return sum(
        (
            film[0] in {"sst2", "sst5"},
            "customer_review" in film,
            entailment[0] in PAIRS,
            len(STANCES & set(stance)) >= 3,
        )
    )


def _first_five(registry: Registry, space: str, task: str) -> list[str]:
    return [match.name for match in registry.nearest(task, limit=5, kind="task", space=space)]


if __name__ == "__main__":
    main()
