"""What did a black box answer on a corpus? Kept chunk by chunk, so that nothing is asked twice."""

import hashlib
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from registry.catalog.database import Database
from registry.catalog.tables import Prediction
from registry.errors import IntegrityError

CONTENT_FREE = -1  # where the answers to inputs that say nothing are kept, before those to the corpus


class Answered(NamedTuple):
    """What a black box said of a run of inputs."""

    answers: tuple[str, ...]  # texts, one per column
    probabilities: NDArray[np.float32]  # (inputs, answers)
    prompt_prob: NDArray[np.float32] | None = None  # (inputs,), mean probability of the tokens of its prompt


class Predictions:
    """Recorded outputs by model version and corpus version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, version_id: int, corpus_version_id: int, *, start: int, answered: Answered) -> None:
        """Keep the answers to a run of the corpus's texts that begins at row `start`, or at `CONTENT_FREE`."""
        body = np.ascontiguousarray(answered.probabilities, "<f4").tobytes()
        own = answered.prompt_prob
        of_prompt = None if own is None else np.ascontiguousarray(own, "<f4").tobytes()
        with self._database.write() as session:
            held = session.scalar(
                select(Prediction.id).where(
                    Prediction.version_id == version_id,
                    Prediction.corpus_version_id == corpus_version_id,
                    Prediction.start == start,
                )
            )
            if held is None:
                session.add(
                    Prediction(
                        version_id=version_id,
                        corpus_version_id=corpus_version_id,
                        start=start,
                        count=len(answered.probabilities),
                        answers=list(answered.answers),
                        probabilities=body,
                        prompt_prob=of_prompt,
                        sha256=hashlib.sha256(body + (of_prompt or b"")).hexdigest(),
                    )
                )

    def chunks(self, version_id: int, corpus_version_id: int) -> dict[int, Answered]:
        """Return what is recorded by the row where it begins, in the order of the rows."""
        return self.of([version_id], corpus_version_id)[version_id]

    def of(self, version_ids: Collection[int], corpus_version_id: int) -> dict[int, dict[int, Answered]]:
        """Return the chunks of several versions by version."""
        columns = (  # not objects: there may be thousands, and they take three times as long
            Prediction.version_id,
            Prediction.start,
            Prediction.id,
            Prediction.answers,
            Prediction.count,
            Prediction.probabilities,
            Prediction.prompt_prob,
            Prediction.sha256,
        )
        query = (
            select(*columns)
            .where(Prediction.version_id.in_(version_ids), Prediction.corpus_version_id == corpus_version_id)
            .order_by(Prediction.start)
        )
        made: dict[int, dict[int, Answered]] = {version_id: {} for version_id in version_ids}
        with self._database.read() as session:
            for version_id, start, row, answers, count, body, of_prompt, sha256 in session.execute(query):
                made[version_id][start] = _answered(row, answers, count, body, of_prompt, sha256)
        return made


def joined(chunks: Mapping[int, Answered]) -> Answered:
    """Join the chunks of a corpus, in order, into one; they may know different answers."""
    parts = [chunks[start] for start in sorted(chunks) if start != CONTENT_FREE]
    answers = tuple(dict.fromkeys(text for part in parts for text in part.answers))
    column = {text: number for number, text in enumerate(answers)}
    table = np.zeros((sum(len(part.probabilities) for part in parts), len(answers)), np.float32)
    start = 0
    for part in parts:
        stop = start + len(part.probabilities)
        table[start:stop, [column[text] for text in part.answers]] = part.probabilities
        start = stop
    own = [part.prompt_prob for part in parts if part.prompt_prob is not None]
    return Answered(answers, table, np.concatenate(own) if own and len(own) == len(parts) else None)


def _answered(row: int, answers: list[str], count: int, body: bytes, of_prompt: bytes | None, sha256: str) -> Answered:
    if hashlib.sha256(body + (of_prompt or b"")).hexdigest() != sha256:
        raise IntegrityError(f"Recorded outputs {row} are damaged: restore the catalog from a backup.")
    table = np.frombuffer(body, "<f4").astype(np.float32)
    own = None if of_prompt is None else np.frombuffer(of_prompt, "<f4").astype(np.float32)
    return Answered(tuple(answers), table.reshape(count, len(answers)), own)
