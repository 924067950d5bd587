"""What came of starting from a source? The measured truth that rankings are judged by."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, count

from sqlalchemy import ColumnElement, and_, delete, func, select, true
from sqlalchemy.orm import Session

from registry.catalog.database import Database
from registry.catalog.tables import Entry, Transfer
from registry.data.transfers import TransferRecord, check_deviation, check_unit, spelled
from registry.errors import InputError
from registry.names import folded, truth

AT_ONCE = 500  # rows in a statement

Key = tuple[str, str, str, str, str]  # model, adaptation, target, source, run; case tells no tasks apart


class TransferStore:
    """Measured transfers, one per model, adaptation, target, source and run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, records: Iterable[TransferRecord]) -> int:
        """Keep measurements, all or none; what a known run said before is replaced. Return how many."""
        coming = list(records)
        with self._database.write() as session:
            names = Spelling.of(session, coming)
            held = MeasuredBefore(session)
            spelled = [names.spelled(record) for record in coming]
            changed = [record for record in spelled if _keep(session, held.like(record), record)]
            for record in changed:  # once all are there, for they may all be written anew in another unit
                check_unit(record, [row.score_mean for row in held.like(record).values()])
        return len(coming)

    def add(self, record: TransferRecord, *, anew: bool = True) -> TransferRecord:
        """Keep one measurement and return it as it was kept.

        Args:
            anew: as the first free run of the same: "", "2", "3", ...; else as the run that it names.
        """
        is_new = truth(anew, "anew")
        with self._database.write() as session:
            record = Spelling.of(session, [record]).spelled(record)
            known = MeasuredBefore(session).like(record)
            check_unit(record, [row.score_mean for row in known.values()])
            check_deviation(record, [row.score_mean for row in known.values()])
            runs = (replace(record, run=run) for run in chain([""], map(str, count(2))))
            kept = next(run for run in runs if key_of(run) not in known) if is_new else record
            _keep(session, known, kept)
        return kept

    def fitting(self, **where: str) -> list[TransferRecord]:
        """Return the measurements that have these values; tasks are found whatever their case.

        Args:
            where: model, adaptation, target, source, run.
        """
        return self._read(_fitting(where))

    def remove(self, **where: str) -> int:
        """Remove the measurements that `fitting` returns, and return how many.

        Args:
            where: model, adaptation, target, source, run: one at least.
        """
        if not where:
            raise InputError("Say which transfers are to be removed, such as those to one target.")
        with self._database.write() as session:
            gone = session.scalar(select(func.count()).select_from(Transfer).where(_fitting(where))) or 0
            session.execute(delete(Transfer).where(_fitting(where)))
        return gone

    def all(self, target: str | None = None) -> list[TransferRecord]:
        """Return the measurements, of one target or of all, best first within each."""
        return self._read(true() if target is None else _fitting({"target": target}))

    def _read(self, condition: ColumnElement[bool]) -> list[TransferRecord]:
        order = (Transfer.target, Transfer.model, Transfer.adaptation, Transfer.score_mean.desc())
        query = select(Transfer).where(condition).order_by(*order, Transfer.source, Transfer.run)
        with self._database.read() as session:
            records = [record_of(row) for row in session.scalars(query)]
            return list(map(Spelling.of(session, records).spelled, records))


class Spelling:
    """Names of tasks as the registry spells them: those of entries, else those that transfers had first."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known

    @classmethod
    def of(cls, session: Session, records: Iterable[TransferRecord]) -> "Spelling":
        """Look up the names in some measurements."""
        wanted = sorted({folded(name) for record in records for name in (record.target, record.source)})
        known: dict[str, str] = {}
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            for name, its in (  # the last word counts
                (Transfer.source, Transfer.folded_source),
                (Transfer.target, Transfer.folded_target),
                (Entry.name, Entry.folded),
            ):
                for found in session.scalars(select(name).where(its.in_(some)).distinct()):
                    known[found.casefold()] = found
        return cls(known)

    def spelled(self, record: TransferRecord) -> TransferRecord:
        """Return a measurement with the names of its tasks as they are known; a new name is known from then on."""
        return spelled(record, self._known)


class MeasuredBefore:
    """What was measured of one model, adaptation and target, read when it is first asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._held: dict[tuple[str, str, str], dict[Key, Transfer]] = {}

    def like(self, record: TransferRecord) -> dict[Key, Transfer]:
        """Return the rows of the same model, adaptation and target; what is added to them is found again."""
        model, adaptation, target, *_ = key_of(record)
        if (model, adaptation, target) not in self._held:
            query = select(Transfer).where(
                Transfer.model == model, Transfer.adaptation == adaptation, Transfer.folded_target == target
            )
            self._held[model, adaptation, target] = {key_of(row): row for row in self._session.scalars(query)}
        return self._held[model, adaptation, target]


def _fitting(where: Mapping[str, str]) -> ColumnElement[bool]:
    """Return the condition that a measurement has these values; of a task's name the case is of no account."""
    names = {"target": Transfer.folded_target, "source": Transfer.folded_source}
    return and_(
        true(),
        *(
            names[column] == folded(value) if column in names else getattr(Transfer, column) == value
            for column, value in where.items()
        ),
    )


def key_of(measured: Transfer | TransferRecord) -> Key:
    """Return what tells a measurement from all others."""
    target, source = (name.casefold() for name in (measured.target, measured.source))
    return measured.model, measured.adaptation, target, source, measured.run


def _keep(session: Session, known: dict[Key, Transfer], record: TransferRecord) -> bool:
    """Write down what was measured, and when; return whether that is new, for the same numbers again change nothing."""
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
    if (row.score_mean, row.score_std, row.seeds) == told:
        return False
    row.score_mean, row.score_std, row.seeds = told
    row.recorded_at = (record.recorded_at or datetime.now(UTC)).astimezone(UTC)
    return True


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
