"""What came of starting from a source? The measured truth that rankings are judged by."""

from collections.abc import Iterable

from sqlalchemy import select

from registry.catalog.records import TransferRecord
from registry.database import Database
from registry.tables import Transfer


class Transfers:
    """Measured transfers, one per model, adaptation, target and source."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, records: Iterable[TransferRecord]) -> int:
        """Keep measurements, all or none; a newer one replaces an older. Return how many."""
        count = 0
        with self._database.write() as session:
            known = {_key(row): row for row in session.scalars(select(Transfer))}
            for record in records:
                row = known.get(_key(record))
                if row is None:
                    row = known[_key(record)] = Transfer(
                        model=record.model,
                        adaptation=record.adaptation,
                        target=record.target,
                        source=record.source,
                    )
                    session.add(row)
                row.score_mean, row.score_std, row.seeds = record.score_mean, record.score_std, record.seeds
                count += 1
        return count

    def all(self, target: str | None = None) -> list[TransferRecord]:
        """Return the measurements, of one target or of all, best first within each."""
        query = select(Transfer).order_by(
            Transfer.target, Transfer.model, Transfer.adaptation, Transfer.score_mean.desc(), Transfer.source
        )
        if target is not None:
            query = query.where(Transfer.target == target)
        with self._database.read() as session:
            return [
                TransferRecord(
                    row.model,
                    row.adaptation,
                    row.target,
                    row.source,
                    row.score_mean,
                    row.score_std,
                    row.seeds,
                )
                for row in session.scalars(query)
            ]


def _key(measured: Transfer | TransferRecord) -> tuple[str, str, str, str]:
    return measured.model, measured.adaptation, measured.target, measured.source
