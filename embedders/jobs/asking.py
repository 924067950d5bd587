"""What a black box is asked: only what is not recorded yet, chunk by chunk."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from embedders.errors import BlackBoxError
from embedders.predictors.contract import LEAST_COVERED, Calibratable, Predictor
from registry.catalog import EntryRecord
from registry.catalog.predictions import CONTENT_FREE, PredictionStore, joined
from registry.data.inputs import Input
from registry.data.predictions import Missing, Predictions
from registry.kinds import EntryKind

_MENDS = {  # by the commonest reason
    Missing.NO_ANSWER: "let the prompt ask for one of its words and nothing else",
    Missing.UNDECIDED: "let the prompt ask for one of its words and nothing else",
    Missing.CUT_OFF: "give a model that thinks room, 'fute model add ... --reasoning-tokens 2000 --replace', or let "
    "the prompt ask for one word",
    Missing.REFUSED: "the model, or a filter before it, does not answer such texts",
    Missing.EMPTY: "its replies have no text but reasoning or tool calls: see that it may think and still answer",
}
CHUNK = 128  # texts that a black box answers between two commits
PROMPTED_CHUNK = 32  # that a language model does: it is slow, or paid for
TOGETHER = 1.0  # seconds of answers that are committed at once: a quick black box is not held up by the disk

Keep = Callable[[Mapping[int, Predictions]], None]


class UnreadableError(BlackBoxError):
    """Most of what a model replied names no answer, so that a vector would be made of little."""

    def __init__(self, name: str, predictions: Predictions) -> None:
        counts = predictions.counts()
        commonest = max(counts, key=lambda why: counts[why])
        super().__init__(f"Of {name!r}, {told_missing(predictions)}: {_MENDS[commonest]}.")


def answers_of(
    store: PredictionStore,
    entry: EntryRecord,
    predictor: Predictor,
    corpus_id: int,
    inputs: Sequence[Input],
    *,
    is_live: bool,
) -> Predictions:
    """Return what a black box answers to inputs: what is recorded, and the rest, which is asked and recorded.

    Args:
        store: where answers are recorded.
        entry: whose answers they are.
        predictor: who is asked.
        corpus_id: the version of the corpus.
        inputs: those of its inputs that can be answered.
        is_live: whether a language model itself is asked: each chunk is slow, or paid for, and recorded at once.

    Raises:
        UnreadableError: so far most of what the model replied names no answer.
    """
    chunks = store.chunks(entry.version_id, corpus_id)
    size = CHUNK if entry.kind is EntryKind.MODEL else PROMPTED_CHUNK
    if is_live and are_most_missing(joined(chunks)):  # it failed for that: it is asked once more
        chunks = {start: one for start, one in chunks.items() if not are_most_missing(one)}
    with kept(partial(store.put_all, entry.version_id, corpus_id), seconds=0 if is_live else TOGETHER) as keep:
        for start, stop in unasked(chunks, len(inputs), size):
            chunks[start] = predictor.predict(inputs[start:stop])
            keep(start, chunks[start])
            if is_live and are_most_missing(joined(chunks)):
                raise UnreadableError(entry.name, joined(chunks))  # before all the others are asked, and paid for
        if CONTENT_FREE not in chunks and isinstance(predictor, Calibratable):
            said = predictor.content_free(pairs=all(pair is not None for _, pair in inputs))
            if said is not None:
                keep(CONTENT_FREE, said)
    return joined(chunks)


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


@contextmanager
def kept(keep: Keep, *, seconds: float = TOGETHER) -> Iterator[Callable[[int, Predictions], None]]:
    """Hand out what takes chunks by where they begin, and keeps them together; also where the block is broken off.

    Args:
        keep: commits chunks.
        seconds: after which what has come is committed; with 0 every chunk is at once.
    """
    waiting: dict[int, Predictions] = {}
    began = time.monotonic()

    def commit() -> None:
        nonlocal began
        if waiting:
            keep(waiting)
        waiting.clear()
        began = time.monotonic()

    def take(start: int, predictions: Predictions) -> None:
        waiting[start] = predictions
        if time.monotonic() - began >= seconds:
            commit()

    try:
        yield take
    finally:
        commit()


def with_answers(
    inputs: Sequence[Input], predictions: Predictions, name: str, *, is_live: bool = False
) -> tuple[tuple[Input, ...], Predictions]:
    """Return the inputs that have an answer, with their answers alone.

    Args:
        is_live: whether the model itself was asked, of which most replies must be readable.

    Raises:
        UnreadableError: there are too few to embed the model by.
    """
    if predictions.missing is None:
        return tuple(inputs), predictions
    rows = np.flatnonzero(predictions.is_answered).tolist()
    if are_most_missing(predictions) and (is_live or len(rows) < LEAST_COVERED):
        raise UnreadableError(name, predictions)
    return tuple(inputs[row] for row in rows), predictions.take(rows)


def are_most_missing(predictions: Predictions) -> bool:
    """Say whether half of the inputs or more have no answer."""
    return 2 * int((~predictions.is_answered).sum()) >= len(predictions) > 0


def told_missing(predictions: Predictions) -> str:
    """Return how many inputs have no answer and why, such as `3 of 24 texts have no answer (2 cut off, 1 refused)`."""
    counts = predictions.counts()
    reasons = ", ".join(f"{count} {why.told}" for why, count in counts.items())
    return f"{sum(counts.values())} of {len(predictions)} texts have no answer ({reasons})"
