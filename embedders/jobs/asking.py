"""What a black box is asked: only what is not recorded yet, chunk by chunk."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from embedders.predictors.contract import Answers
from registry.catalog.predictions import Answered

if TYPE_CHECKING:
    pass

CHUNK = 128  # texts that a black box answers between two commits
PROMPTED_CHUNK = 32  # that a language model does: it is slow, or paid for


def unasked(chunks: Mapping[int, Answered], count: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of inputs, first and behind the last, that are not recorded yet, each of at most `size`.

    Args:
        chunks: what is recorded, by where it begins; it may grow meanwhile.
        count: of the inputs.
    """
    start = 0
    while start < count:
        if start in chunks:
            start += len(chunks[start].probabilities)
        else:
            stop = min([start + size, count, *(other for other in chunks if other > start)])
            yield start, stop
            start = stop


def _kept(answers: Answers) -> Answered:
    return Answered(tuple(answers.texts), answers.probabilities, answers.prompt_prob)
