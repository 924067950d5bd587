"""How far the embeddings are: jobs by space and state, and those that changed last."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from registry.catalog.database import Database
from registry.catalog.jobs import Worker
from registry.catalog.tables import Entry, Job, JobState, Space, Version
from registry.kinds import EntryKind


@dataclass(frozen=True)
class JobLine:
    """One embedding that is being made, was made, or failed."""

    name: str
    kind: EntryKind
    version: int
    space: str
    state: str
    worker: str  # HOST:PROCESS
    attempts: int
    error: str | None
    updated_at: datetime
    lease_until: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        ends = None if self.lease_until is None else self.lease_until.isoformat()
        return {**vars(self), "kind": self.kind.value, "updated_at": self.updated_at.isoformat(), "lease_until": ends}


def job_counts(database: Database) -> dict[str, dict[str, int]]:
    """Return how many jobs of each space are in each state, by space and state."""
    query = select(Space.name, Job.state, func.count()).join(Space, Space.id == Job.space_id)
    counts: dict[str, dict[str, int]] = {}
    with database.read() as session:
        for space, state, count in session.execute(query.group_by(Space.name, Job.state).order_by(Space.name)):
            counts.setdefault(space, {})[state.value] = count
    return counts


def recent_jobs(database: Database, state: str | None = None, *, limit: int) -> list[JobLine]:
    """Return the jobs that changed last, the latest first: all, or those in a state."""
    query = (
        select(Job, Entry.name, Entry.kind, Version.number, Space.name)
        .join(Version, Version.id == Job.version_id)
        .join(Entry, Entry.id == Version.entry_id)
        .join(Space, Space.id == Job.space_id)
        .order_by(Job.updated_at.desc(), Job.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(Job.state == JobState(state))
    with database.read() as session:
        return [
            JobLine(
                name=name,
                kind=kind,
                version=number,
                space=space,
                state=job.state.value,
                worker=Worker.parse(job.owner).place,
                attempts=job.attempts,
                error=job.error,
                updated_at=job.updated_at.replace(tzinfo=UTC),
                lease_until=None if job.lease_until is None else job.lease_until.replace(tzinfo=UTC),
            )
            for job, name, kind, number, space in session.execute(query)
        ]
