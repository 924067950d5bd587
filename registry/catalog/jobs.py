"""Which embeddings are being made, by whom, and which failed?"""

import os
import socket
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, func, select

from registry.catalog.database import Database
from registry.catalog.queries import is_newest
from registry.catalog.tables import Embedding, Entry, Job, JobState, Version

ABANDONED_AFTER = timedelta(hours=6)  # for a job of another host, whose processes we cannot see


class JobStore:
    """One job per version and space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, version_id: int, space_id: int, *, again: bool = False) -> bool:
        """Take a job, unless a living process is at it, or it is done and not wanted again. Say whether it is ours."""
        now = datetime.now(UTC)
        with self._database.write() as session:
            vector = select(Embedding.id).where(Embedding.version_id == version_id, Embedding.space_id == space_id)
            if not again and session.scalar(vector) is not None:
                return False  # made since we looked
            job = session.scalar(select(Job).where(Job.version_id == version_id, Job.space_id == space_id))
            if job is None:
                job = Job(version_id=version_id, space_id=space_id, attempts=0)
                session.add(job)
            elif job.state is JobState.RUNNING and _is_alive(job, now):
                return False
            job.state, job.owner, job.error, job.updated_at = JobState.RUNNING, _owner(), None, now
            job.attempts += 1
        return True

    def fail(self, version_id: int, space_id: int, error: str) -> None:
        """Record why a job came to nothing."""
        with self._database.write() as session:
            job = session.scalar(select(Job).where(Job.version_id == version_id, Job.space_id == space_id))
            if job is not None:
                job.state, job.error, job.updated_at = JobState.FAILED, error, datetime.now(UTC)

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state; failures that were mended meanwhile are none."""
        query = select(Job.state, func.count()).where(Job.state != JobState.FAILED).group_by(Job.state)
        with self._database.read() as session:
            counts = {state.value: count for state, count in session.execute(query)}
            failed = session.scalar(select(func.count()).select_from(_failed().subquery())) or 0
        return {**counts, **({JobState.FAILED.value: failed} if failed else {})}

    def failures(self) -> dict[str, str]:
        """Return the name and error of every job that failed and was not mended meanwhile."""
        with self._database.read() as session:
            rows = session.execute(_failed().order_by(Entry.name))
            return {name: error or "" for name, error in rows}


def _failed() -> Select[str, str | None]:
    """Return the query for failures that still count: of the latest version of an entry, without a vector."""
    vector = select(Embedding.id).where(Embedding.version_id == Job.version_id, Embedding.space_id == Job.space_id)
    query = select(Entry.name, Job.error).join(Version, Version.id == Job.version_id).join(Entry)
    return query.where(Job.state == JobState.FAILED, is_newest(), ~vector.exists())


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_alive(job: Job, now: datetime) -> bool:
    host, _, process = job.owner.rpartition(":")
    if job.owner == _owner():
        return False  # a job of ours that we did not finish: we were interrupted in this very process
    if host == socket.gethostname():
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    return now - job.updated_at.replace(tzinfo=UTC) < ABANDONED_AFTER
