"""What did a black box answer on a corpus? Kept chunk by chunk, so that nothing is asked twice."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from registry.database import Database
from registry.errors import IntegrityError
from registry.tables import Prediction


class Predictions:
    """Recorded outputs by model version and corpus version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self,
        version_id: int,
        corpus_version_id: int,
        *,
        start: int,
        answers: list[str],
        probabilities: NDArray[np.float32],
    ) -> None:
        """Keep the answers to a run of the corpus's texts that begins at row `start`.

        Args:
            probabilities: float32 (texts, answers).
        """
        body = np.ascontiguousarray(probabilities, "<f4").tobytes()
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
                        count=len(probabilities),
                        answers=answers,
                        probabilities=body,
                        sha256=hashlib.sha256(body).hexdigest(),
                    )
                )

    def chunks(self, version_id: int, corpus_version_id: int) -> dict[int, tuple[list[str], NDArray[np.float32]]]:
        """Return what is recorded: the row where a chunk begins -> (answers, probabilities)."""
        query = select(Prediction).where(
            Prediction.version_id == version_id, Prediction.corpus_version_id == corpus_version_id
        )
        with self._database.read() as session:
            return {row.start: (row.answers, _probabilities(row)) for row in session.scalars(query)}


def _probabilities(row: Prediction) -> NDArray[np.float32]:
    if hashlib.sha256(row.probabilities).hexdigest() != row.sha256:
        raise IntegrityError(f"Recorded outputs {row.id} are damaged: restore the catalog from a backup.")
    table = np.frombuffer(row.probabilities, "<f4").astype(np.float32)
    return table.reshape(row.count, len(row.answers))
