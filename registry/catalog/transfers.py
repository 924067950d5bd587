"""What came of starting from a source? The measured truth that rankings are judged by."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, count

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from registry.catalog.database import Database
from registry.catalog.tables import Entry, Transfer
from registry.data.transfers import TransferRecord, check_unit
from registry.errors import InputError
from registry.names import normal

AT_ONCE = 500  # rows in a statement

Key = tuple[str, str, str, str, str]  # model, adaptation, target, source, run


class TransferStore:
    """Measured transfers, one per model, adaptation, target, source and run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, records: Iterable[TransferRecord]) -> int:
        """Keep measurements, all or none; what a known run said before is replaced. Return how many."""
        number = 0
        with self._database.write() as session:
            known = {key_of(row): row for row in session.scalars(select(Transfer))}
            names = Spelling(session)
            scores: dict[tuple[str, ...], list[float]] = {}
            for row in known.values():
                scores.setdefault(key_of(row)[:3], []).append(row.score_mean)
            for record in map(names.spelled, records):
                if key_of(record) not in known:
                    check_unit(record, scores.setdefault(key_of(record)[:3], []))
                    scores[key_of(record)[:3]].append(record.score_mean)
                _keep(session, known, record)
                number += 1
        return number

    def add(self, record: TransferRecord, *, anew: bool = True) -> TransferRecord:
        """Keep one measurement and return it as it was kept.

        Args:
            anew: as the first free run of the same: "", "2", "3", ...; else as the run that it names.
        """
        with self._database.write() as session:
            record = Spelling(session).spelled(record)
            like = select(Transfer).where(
                Transfer.model == record.model,
                Transfer.adaptation == record.adaptation,
                Transfer.target == record.target,
            )
            known = {key_of(row): row for row in session.scalars(like)}
            check_unit(record, [row.score_mean for row in known.values()])
            runs = (replace(record, run=run) for run in chain([""], map(str, count(2))))
            kept = next(run for run in runs if key_of(run) not in known) if anew else record
            _keep(session, known, kept)
        return kept

    def fitting(self, **where: str) -> list[TransferRecord]:
        """Return the measurements that have these values; tasks are found whatever their case.

        Args:
            where: model, adaptation, target, source, run.
        """
        return [record for record in self.all() if _fits(record, where)]

    def remove(self, **where: str) -> int:
        """Remove the measurements that `fitting` returns, and return how many.

        Args:
            where: model, adaptation, target, source, run: one at least.
        """
        if not where:
            raise InputError("Say which transfers are to be removed, such as those to one target.")
        with self._database.write() as session:
            gone = [row.id for row in session.scalars(select(Transfer)) if _fits(row, where)]
            for start in range(0, len(gone), AT_ONCE):
                session.execute(delete(Transfer).where(Transfer.id.in_(gone[start : start + AT_ONCE])))
        return len(gone)

    def all(self, target: str | None = None) -> list[TransferRecord]:
        """Return the measurements, of one target or of all, best first within each."""
        query = select(Transfer).order_by(
            Transfer.target,
            Transfer.model,
            Transfer.adaptation,
            Transfer.score_mean.desc(),
            Transfer.source,
            Transfer.run,
        )
        with self._database.read() as session:
            names = Spelling(session)
            if target is not None:
                spellings = session.scalars(select(Transfer.target).distinct())
                meant = [name for name in spellings if name.casefold() == normal(target).casefold()]
                query = query.where(Transfer.target.in_([*meant, target]))
            return [names.spelled(record_of(row)) for row in session.scalars(query)]


class Spelling:
    """Names of tasks as the registry spells them: those of entries, else those that transfers had first."""

    def __init__(self, session: Session) -> None:
        columns = (Transfer.source, Transfer.target, Entry.name)  # the last word counts
        self._known = {
            name.casefold(): name for column in columns for name in session.scalars(select(column).distinct())
        }

    def spelled(self, record: TransferRecord) -> TransferRecord:
        """Return a measurement with the names of its tasks as they are known; a new name is known from then on."""
        target, source = (self._known.setdefault(name.casefold(), name) for name in (record.target, record.source))
        return replace(record, target=target, source=source)


def _fits(measured: Transfer | TransferRecord, where: Mapping[str, str]) -> bool:
    """Say whether a measurement has these values; of a task's name the case is of no account."""
    return all(
        getattr(measured, column) == value
        if column not in ("target", "source")
        else getattr(measured, column).casefold() == normal(value).casefold()
        for column, value in where.items()
    )


def key_of(measured: Transfer | TransferRecord) -> Key:
    """Return what tells a measurement from all others."""
    return measured.model, measured.adaptation, measured.target, measured.source, measured.run


def _keep(session: Session, known: dict[Key, Transfer], record: TransferRecord) -> None:
    """Write down what was measured, and when; the same numbers again change nothing."""
    row = known.get(key_of(record))
    if row is None:
        row = known[key_of(record)] = Transfer(
            model=record.model,
            adaptation=record.adaptation,
            target=record.target,
            source=record.source,
            run=record.run,
        )
        session.add(row)
    told = record.score_mean, record.score_std, record.seeds
    if (row.score_mean, row.score_std, row.seeds) != told:
        row.score_mean, row.score_std, row.seeds = told
        row.recorded_at = (record.recorded_at or datetime.now(UTC)).astimezone(UTC)


def record_of(row: Transfer) -> TransferRecord:
    """Return a row as a measurement."""
    return TransferRecord(
        model=row.model,
        adaptation=row.adaptation,
        target=row.target,
        source=row.source,
        score_mean=row.score_mean,
        score_std=row.score_std,
        seeds=row.seeds,
        run=row.run,
        recorded_at=None if row.recorded_at is None else row.recorded_at.replace(tzinfo=UTC),
    )
