"""What did a black box answer on a corpus? Kept chunk by chunk, so that nothing is asked twice."""

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import aliased

from registry.catalog.database import Database
from registry.catalog.records import SpaceRecord
from registry.catalog.tables import Entry, PredictionChunk, Version
from registry.data.predictions import Predictions
from registry.errors import IntegrityError

CONTENT_FREE = -1  # where the answers to inputs that say nothing are kept, before those to the corpus
FIRST_READING = -2  # from here down is kept what tasks read of a corpus, at one place for each space
READINGS = 2**28  # places, of which two spaces hardly ever share one
LONGEST_REPLY = 4000  # characters of a reply that are kept


class PredictionStore:
    """Recorded predictions by model version and corpus version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, version_id: int, corpus_version_id: int, *, start: int, predictions: Predictions) -> None:
        """Keep the answers to a run of the corpus's texts that begins at row `start`, or at `CONTENT_FREE`."""
        self.put_all(version_id, corpus_version_id, {start: predictions})

    def put_all(self, version_id: int, corpus_version_id: int, chunks: Mapping[int, Predictions]) -> None:
        """Keep the answers to several runs of the corpus's texts, by the row where each begins, in one transaction.

        What is kept stays, but where most of it are texts without an answer: those were asked again.
        """
        place = {"version_id": version_id, "corpus_version_id": corpus_version_id}
        columns = {start: columns_of(_shortened(predictions)) for start, predictions in chunks.items()}
        with self._database.write() as session:
            known = select(PredictionChunk).filter_by(**place).where(PredictionChunk.start.in_(columns))
            held = {row.start: row for row in session.scalars(known)}
            for start, values in columns.items():
                if start not in held:
                    session.add(PredictionChunk(**place, start=start, **values))
                elif _lacks_most(held[start]):
                    for name, value in values.items():
                        setattr(held[start], name, value)

    def put_reading(self, task_version_id: int, space: SpaceRecord, reading: Predictions) -> None:
        """Keep what a task reads of the texts of a space."""
        assert space.corpus_version_id is not None, "there are texts to read"  # noqa: S101
        self.put(task_version_id, space.corpus_version_id, start=place_of_reading(space), predictions=reading)

    def reading(self, task_version_id: int, space: SpaceRecord) -> Predictions | None:
        """Return what a task reads of the texts of a space; None where that is not known.

        One that an older release kept, of whatever space had been asked first, is none.
        """
        assert space.corpus_version_id is not None, "there are texts to read"  # noqa: S101
        return self.chunks(task_version_id, space.corpus_version_id).get(place_of_reading(space))

    def chunks(self, version_id: int, corpus_version_id: int) -> dict[int, Predictions]:
        """Return what is recorded by the row where it begins, in the order of the rows."""
        return self.chunks_of([version_id], corpus_version_id)[version_id]

    def chunks_of(self, version_ids: Collection[int], corpus_version_id: int) -> dict[int, dict[int, Predictions]]:
        """Return the chunks of several versions by version."""
        columns = (  # not objects: there may be thousands, and they take three times as long
            PredictionChunk.version_id,
            PredictionChunk.start,
            PredictionChunk.id,
            PredictionChunk.answers,
            PredictionChunk.count,
            PredictionChunk.probabilities,
            PredictionChunk.prompt_prob,
            PredictionChunk.unanswered,
            PredictionChunk.replies,
            PredictionChunk.sha256,
        )
        query = (
            select(*columns)
            .where(PredictionChunk.version_id.in_(version_ids), PredictionChunk.corpus_version_id == corpus_version_id)
            .order_by(PredictionChunk.start)
        )
        chunks: dict[int, dict[int, Predictions]] = {version_id: {} for version_id in version_ids}
        with self._database.read() as session:
            for version_id, start, row, answers, count, *bodies, sha256 in session.execute(query):
                chunks[version_id][start] = _predictions(row, answers, count, bodies, sha256)
        return chunks

    def places(self, version_ids: Collection[int], corpus_version_id: int) -> dict[int, NDArray[np.int64]]:
        """Return which of the texts that versions could be asked are recorded, counted from 0, as `joined` has them.

        They are all from the first on, but where a chunk was lost.
        """
        query = (
            select(PredictionChunk.version_id, PredictionChunk.start, PredictionChunk.count)
            .where(
                PredictionChunk.version_id.in_(version_ids),
                PredictionChunk.corpus_version_id == corpus_version_id,
                PredictionChunk.start >= 0,
            )
            .order_by(PredictionChunk.start)
        )
        runs: dict[int, list[NDArray[np.int64]]] = {version_id: [] for version_id in version_ids}
        with self._database.read() as session:
            for version_id, start, count in session.execute(query):
                runs[version_id].append(np.arange(start, start + count))
        return {version_id: np.concatenate([np.arange(0), *own]) for version_id, own in runs.items()}

    def torn(self) -> list[tuple[str, str, int]]:
        """Return whose answers to which corpus are not recorded from which text on, though later ones are."""
        corpus, holder = aliased(Version), aliased(Entry)
        query = (
            select(Entry.name, holder.name, PredictionChunk.version_id, PredictionChunk.start, PredictionChunk.count)
            .join(Version, Version.id == PredictionChunk.version_id)
            .join(Entry, Entry.id == Version.entry_id)
            .join(corpus, corpus.id == PredictionChunk.corpus_version_id)
            .join(holder, holder.id == corpus.entry_id)
            .where(PredictionChunk.start >= 0)
            .order_by(Entry.name, PredictionChunk.version_id, corpus.id, PredictionChunk.start)
        )
        found: dict[tuple[str, str, int], int] = {}
        expected: dict[tuple[str, str, int], int] = {}
        with self._database.read() as session:
            for name, texts, version_id, start, count in session.execute(query):
                place = (name, texts, version_id)
                if start > expected.get(place, 0):
                    found.setdefault(place, expected.get(place, 0))
                expected[place] = start + count
        return [(name, texts, start) for (name, texts, _), start in found.items()]

    def answers_given(self, version_ids: Collection[int], corpus_version_id: int) -> dict[int, Counter[str]]:
        """Return how often versions gave each answer, by version; replies are not read."""
        columns = (
            PredictionChunk.version_id,
            PredictionChunk.answers,
            PredictionChunk.count,
            PredictionChunk.probabilities,
        )
        query = (
            select(*columns)
            .where(
                PredictionChunk.version_id.in_(version_ids),
                PredictionChunk.corpus_version_id == corpus_version_id,
                PredictionChunk.start != CONTENT_FREE,
            )
            .order_by(PredictionChunk.start)
        )
        given: dict[int, Counter[str]] = {version_id: Counter() for version_id in version_ids}
        with self._database.read() as session:
            for version_id, answers, count, body in session.execute(query):
                table = np.frombuffer(body, "<f4").reshape(count, len(answers))
                said = np.zeros(len(answers), int)
                rows = table[(table.sum(axis=1) > 0) & Predictions(tuple(answers), table).is_decided]
                if len(rows):  # else nothing was answered, or no answer is known
                    said = np.bincount(rows.argmax(axis=1), minlength=len(answers))
                given[version_id].update(dict(zip(answers, said.tolist(), strict=True)))
        return given


def place_of_reading(space: SpaceRecord) -> int:
    """Return the row, before all of the corpus, where what a task reads of a space's texts begins.

    It depends on the surrogate and the seed, so each fingerprint has its own.
    """
    return FIRST_READING - int(space.fingerprint, 16) % READINGS


def columns_of(predictions: Predictions) -> dict[str, Any]:
    """Return predictions as the columns of a chunk."""
    bodies = _bodies(predictions)
    names = ("probabilities", "prompt_prob", "unanswered", "replies")
    return {
        "count": len(predictions),
        "answers": list(predictions.answers),
        **dict(zip(names, bodies, strict=True)),
        "sha256": _hash(*bodies),
    }


def predictions_of(row: PredictionChunk) -> Predictions:
    """Return what a chunk holds; raise `IntegrityError` where it is not what was stored."""
    bodies = (row.probabilities, row.prompt_prob, row.unanswered, row.replies)
    return _predictions(row.id, row.answers, row.count, bodies, row.sha256)


def _lacks_most(held: PredictionChunk) -> bool:
    return held.unanswered is not None and 2 * sum(map(bool, held.unanswered)) >= held.count


def joined(chunks: Mapping[int, Predictions]) -> Predictions:
    """Join the chunks of a corpus, in order, into one; they may know different answers.

    A chunk may have been lost: to which texts the rows are the answers is told by `PredictionStore.places`.
    """
    return Predictions.joined(chunks[start] for start in sorted(chunks) if start != CONTENT_FREE)


def _bodies(predictions: Predictions) -> tuple[bytes, bytes | None, bytes | None, bytes | None]:
    own, missing, replies = predictions.prompt_prob, predictions.missing, predictions.replies
    return (
        np.ascontiguousarray(predictions.probabilities, "<f4").tobytes(),
        None if own is None else np.ascontiguousarray(own, "<f4").tobytes(),
        None if missing is None or not missing.any() else np.ascontiguousarray(missing, np.uint8).tobytes(),
        None if replies is None else zlib.compress(json.dumps(list(replies)).encode()),
    )


def _shortened(predictions: Predictions) -> Predictions:
    """Return predictions with what is kept of their replies."""
    if predictions.replies is None:
        return predictions
    return replace(predictions, replies=tuple(map(_kept, predictions.replies)))


def _kept(reply: str | None) -> str | None:
    """Return what is kept of a reply: its beginning and its end, where the answer stands, if it is long."""
    if reply is None or len(reply) <= LONGEST_REPLY:
        return reply
    return f"{reply[: LONGEST_REPLY // 4]} [...] {reply[-(LONGEST_REPLY - LONGEST_REPLY // 4) :]}"


def _hash(*bodies: bytes | None) -> str:
    return hashlib.sha256(b"".join(body or b"" for body in bodies)).hexdigest()


def _predictions(row: int, answers: list[str], count: int, bodies: Sequence[bytes | None], sha256: str) -> Predictions:
    table, own, reasons, replies = bodies
    if table is None or _hash(*bodies) != sha256:
        raise IntegrityError(f"Recorded outputs {row} are damaged: run 'fute repair'.")
    return Predictions(
        tuple(answers),
        np.frombuffer(table, "<f4").astype(np.float32).reshape(count, len(answers)),
        None if own is None else np.frombuffer(own, "<f4").astype(np.float32),
        None if reasons is None else np.frombuffer(reasons, np.uint8).copy(),
        None if replies is None else tuple(json.loads(zlib.decompress(replies))),
    )
