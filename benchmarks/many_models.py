"""What do fifty function models cost on the everyday texts, and one more? Whole commands, each in a fresh process.

    python -m benchmarks.many_models [--models 50]

A registry of functions that answer with two to six words is embedded with `fute embed --all` where nothing was read
before, and once more, in a copy of it, where the features of texts and answers are kept in the user's cache; then one
function more. The command prints the processor seconds of each, start of the program and imports included, of a single
thread. Both ways the vectors are held against one another.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from embedders import function_model
from registry import Registry

HERE = Path(__file__).resolve().parents[1]
CODE = """
WORDS = ("one", "two", "three", "four", "five", "six")

def answering(number):
    def answer(texts):
        return [WORDS[(sum(map(ord, text)) + 7 * number) % (2 + number % 5)] for text in texts]
    return answer

for number in range({count}):
    globals()[f"f{{number}}"] = answering(number)
"""


def embedded(store: Path, *arguments: str) -> float:
    """Run `fute embed` in a process of its own; return the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", "import cli; cli.run()", "--registry", str(store), "embed", *arguments]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def vectors(store: Path) -> bytes:
    """Return the vectors of a registry's space, by the names of the models."""
    with Registry.open(store) as registry:
        return registry.vectors().matrix.tobytes()


def main() -> None:
    """Embed, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", type=int, default=50)
    count = options.parse_args().models
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "answering.py").write_text(CODE.format(count=count + 1), encoding="utf-8")
        sys.path.insert(0, made)
        paths = os.pathsep.join([made, str(HERE)])
        os.environ |= {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": paths}
        with Registry.create(folder / "first") as registry:
            for number in range(count):
                function_model(registry, f"f{number}", f"answering:f{number}")
        shutil.copytree(folder / "first", folder / "again")
        print(f"{count} function models, nothing kept: {embedded(folder / 'first', '--all'):.1f} s")
        print(f"{count} function models, texts and answers kept: {embedded(folder / 'again', '--all'):.1f} s")
        print(f"vectors bit-equal: {vectors(folder / 'first') == vectors(folder / 'again')}")
        with Registry.open(folder / "again") as registry:
            function_model(registry, "more", f"answering:f{count}")
        print(f"one function more: {embedded(folder / 'again', 'more'):.1f} s")


if __name__ == "__main__":
    main()
