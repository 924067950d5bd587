"""How sure may one be of a few voters, of whose answers nothing else is known?

    python -m benchmarks.few_voters

Tables are simulated: three or five answers, 30 to 500 texts, in half of the tables some of them hard, with an answer
that lures. Printed is how often a 95 % interval holds the true accuracy, and how often the pick, where it is at most
2 % likely to be worse than the best by two points, is worse by that: as estimated, and as it would be without what few
voters add.
"""

import argparse
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from registry.estimates import belief
from registry.estimates.estimate import EQUAL, estimated
from registry.estimates.verdict import SURE
from registry.estimates.votes import Votes

Said = NDArray[np.int64]

RIGHT: dict[int, tuple[tuple[float, ...], ...]] = {  # the share of texts that each voter knows
    2: ((0.9, 0.6), (0.8, 0.5)),
    3: ((0.9, 0.6, 0.1), (0.85, 0.7, 0.2), (0.8, 0.75, 0.7), (0.9, 0.3, 0.2)),
    4: ((0.9, 0.6, 0.5, 0.1), (0.8, 0.7, 0.6, 0.5)),
    5: ((0.9, 0.7, 0.5, 0.3, 0.1), (0.8, 0.75, 0.7, 0.65, 0.6)),
    6: ((0.9, 0.8, 0.7, 0.5, 0.3, 0.1), (0.8, 0.75, 0.7, 0.65, 0.6, 0.55)),
    8: ((0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.1), (0.85, 0.8, 0.75, 0.75, 0.7, 0.65, 0.6, 0.55)),
}


def tables(voters: int, *, repeats: int = 1) -> Iterator[tuple[Said, Said, int]]:
    """Yield true answers (texts,), what voters said (voters, texts), and how many answers there are."""
    for answers in (3, 5):
        for count in (30, 50, 118, 500):
            for number, right in enumerate(RIGHT[voters] * repeats):
                random = np.random.default_rng([voters, answers, count, number])
                truth, lure = random.integers(answers, size=(2, count))
                is_hard = random.random(count) < 0.1 * (number % 2)
                wrong = [np.where(is_hard, lure, random.integers(answers, size=count)) for _ in right]
                knows = [random.random(count) < share for share in right]
                said = [np.where(known, truth, other) for known, other in zip(knows, wrong, strict=True)]
                yield truth, np.array(said), answers


def measured(voters: int, *, repeats: int) -> tuple[float, int, int]:
    """Return the share of accuracies that are within their interval, how many picks are sure, and how many wrong."""
    held: list[bool] = []
    sure = wrong = 0
    for truth, said, answers in tables(voters, repeats=repeats):
        estimate, true = estimated(Votes(said, answers)), (said == truth).mean(axis=1)
        held += ((estimate.low <= true) & (true <= estimate.high)).tolist()
        if estimate.worse[estimate.pick] <= SURE:
            sure += 1
            wrong += bool(true.max() - true[estimate.pick] > EQUAL)
    return float(np.mean(held)), sure, wrong


def main() -> None:
    """Print a line for each number of voters."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=5, help="tables of each kind")
    repeats = options.parse_args().repeats
    for voters in RIGHT:
        told = measured(voters, repeats=repeats)
        with patch.dict(belief.FEW_VOTERS, clear=True), patch.object(belief, "TOGETHER_OF_FEW", 0.0):
            without = measured(voters, repeats=repeats)
        print(
            f"{voters} voters: {told[0]:.0%} of accuracies within their interval, "
            f"{told[2]} of {told[1]} sure picks wrong; "
            f"without what few voters add {without[0]:.0%}, {without[2]} of {without[1]}"
        )


if __name__ == "__main__":
    main()
