"""How far the embeddings are: what waits for one, jobs by space and state, and those that changed last."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, func, select

from registry.catalog.database import Database
from registry.catalog.jobs import Worker
from registry.catalog.queries import is_newest
from registry.catalog.records import SpaceRecord
from registry.catalog.tables import Embedding, Entry, Job, JobState, Space, Version
from registry.data.models import is_language_model
from registry.data.vectors import NO_CONTENT
from registry.kinds import EMBEDDABLE, EntryKind
from registry.spaces.spec import IMPORTED


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


def waiting(database: Database, space: SpaceRecord) -> int:
    """Return how many entries have no vector in a space and could have one, as `fute embed --all` would make it.

    A space without a corpus embeds tasks alone. Language models answer under prompts, each of which is an entry, and of
    what was brought in nobody has the data.
    """
    if space.spec["method"] == IMPORTED:
        return 0
    kinds = (EntryKind.TASK,) if space.corpus_version_id is None else EMBEDDABLE
    held = select(Embedding.id).where(Embedding.version_id == Version.id, Embedding.space_id == space.id)
    has_none = and_(is_newest(), Version.content_hash != NO_CONTENT, ~held.exists())
    is_model = Entry.kind == EntryKind.MODEL
    others = select(func.count()).select_from(Version).join(Entry).where(Entry.kind.in_(kinds), ~is_model, has_none)
    models = select(Version.spec).join(Entry).where(Entry.kind.in_(kinds), is_model, has_none)
    with database.read() as session:
        in_prompts_alone = (is_language_model(spec) for spec in session.scalars(models))
        return (session.scalar(others) or 0) + sum(not own for own in in_prompts_alone)


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
