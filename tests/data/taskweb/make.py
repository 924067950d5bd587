"""Writes the vectors of TaskWeb's 22 tasks from which tests/embedders/test_memory_real.py starts.

    python tests/data/taskweb/make.py FOLDER_OF_TASKWEB

They are made of every fifth example of each task, by MapEmb with its defaults and MiniLM, and kept in half precision.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from embedders import create_space, embed
from embedders.evaluation.transfer.taskweb import read_examples
from registry import Registry

HERE = Path(__file__).parent
EVERY = 5  # th example


def thinned(examples: Path, folder: Path) -> Path:
    """Write every fifth example of each task, and return the folder."""
    for path in examples.glob("*.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / path.name).write_text("".join(lines[::EVERY]), encoding="utf-8")
    return folder


def main() -> None:
    """Embed all, and write."""
    with tempfile.TemporaryDirectory() as place, Registry.create(Path(place, "registry")) as registry:
        examples = Path(place, "examples")
        examples.mkdir()
        for name, its in read_examples(thinned(Path(sys.argv[1], "examples"), examples)).items():
            registry.add_task(name, its.task)
        create_space(registry, "mapemb", corpus=None)
        embed(registry, device="cpu")
        held = registry.vectors()
        np.savez_compressed(HERE / "vectors.npz", names=np.array(held.names), vectors=held.matrix.astype(np.float16))


if __name__ == "__main__":
    main()
