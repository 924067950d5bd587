"""What a black box is asked: only what is not recorded yet, chunk by chunk."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from embedders.errors import BlackBoxError
from embedders.predictors.contract import LEAST_COVERED
from registry.data.inputs import Input
from registry.data.predictions import Predictions

CHUNK = 128  # texts that a black box answers between two commits
PROMPTED_CHUNK = 32  # that a language model does: it is slow, or paid for


def unasked(chunks: Mapping[int, Predictions], count: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of inputs, first and behind the last, that are not recorded yet, each of at most `size`.

    Args:
        chunks: what is recorded, by where it begins; it may grow meanwhile.
        count: of the inputs.
    """
    start = 0
    while start < count:
        if start in chunks:
            start += len(chunks[start])
        else:
            stop = min([start + size, count, *(other for other in chunks if other > start)])
            yield start, stop
            start = stop


def with_answers(inputs: Sequence[Input], predictions: Predictions, name: str) -> tuple[tuple[Input, ...], Predictions]:
    """Return the inputs that have an answer, with their answers alone.

    Raises:
        BlackBoxError: there are too few to embed the model by.
    """
    if predictions.missing is None:
        return tuple(inputs), predictions
    rows = np.flatnonzero(predictions.is_answered).tolist()
    if len(rows) < min(LEAST_COVERED, len(inputs)):
        reasons = (f"{count} {why.name.lower().replace('_', ' ')}" for why, count in predictions.counts().items())
        raise BlackBoxError(
            f"{name!r} answered {len(rows)} of {len(inputs)} texts ({', '.join(reasons)}): too few to embed it by."
        )
    return tuple(inputs[row] for row in rows), predictions.take(rows)
