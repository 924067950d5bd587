"""Features of texts of mixed length on a CPU: batches of 32 rows beside batches of so many tokens.

2,000 texts of eight tasks, single ones and pairs. All sizes take turns in each round, so that other work disturbs them
alike; what counts is the ratio, and how far the features differ.

python -m benchmarks.batches
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.data import DATA
from embedders.hardware.batching import ROWS, BatchSize
from embedders.surrogate.model import Surrogate
from embedders.surrogate.weights import MINILM, model_folder
from registry.data.inputs import Input
from registry.formats.tasks import read_task

TASKS = ("sst2", "trec", "anli_r3", "scitail", "movie_review", "mrpc", "snli", "tweet_emotion")
EACH, ROUNDS = 250, 3
SIZES = (BatchSize(ROWS), *(BatchSize(4096, tokens) for tokens in (512, 1024, 2048, 4096, 8192)))


def main() -> None:
    """Print a line for each size of batches."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    examples = [example for name in TASKS for example in read_task(str(data / name)).train[:EACH]]
    texts = [
        Input(examples[i].text, examples[i].text_pair) for i in np.random.default_rng(0).permutation(len(examples))
    ]
    surrogate = Surrogate(model_folder(MINILM), device="cpu")
    seconds: dict[BatchSize, list[float]] = {size: [] for size in SIZES}
    made = {}
    for _ in range(ROUNDS):
        for size, taken in seconds.items():
            surrogate.forget()
            surrogate._batch_size = size
            began = time.process_time()
            made[size] = surrogate.features(texts)
            taken.append(time.process_time() - began)
    lengths = [len(row["input_ids"]) for row in surrogate.rows(texts)]
    print(f"{len(texts)} texts of {np.mean(lengths):.0f} tokens, {min(lengths)} to {max(lengths)}")
    for size, taken in seconds.items():
        how = f"{size.rows} rows" if size.tokens is None else f"{size.tokens} tokens"
        ratio = np.median(np.array(taken) / np.array(seconds[SIZES[0]]))
        apart = np.abs(made[size] - made[SIZES[0]]).max()
        print(f"  {how:<12} {np.median(taken):6.1f} s   {ratio:.2f} x   largest difference {apart:.0e}")


if __name__ == "__main__":
    main()
