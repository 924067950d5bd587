"""Which embeddings are being made, by whom, and which failed?

A job is held by a lease: until a time that the worker pushes on while it lives. A worker that is gone is known at once
on its own machine, by a file that it held locked; elsewhere when its lease has run out. Whoever has lost a job to
another cannot end it any more.
"""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import DateTime, Select, func, select, update
from sqlalchemy.orm import Session

from registry.catalog.database import Database
from registry.catalog.queries import is_newest
from registry.catalog.tables import Embedding, Entry, Job, JobState, Version
from registry.errors import LeaseLostError, RegistryError, StorageError
from registry.files.locks import locked
from registry.shown import storable

TERM = timedelta(seconds=90)  # of a lease; it is pushed on three times as often
FOLDER = "workers"  # of the files that living workers hold locked
_KERNEL = Path("/proc/sys/kernel/random/boot_id")  # tells machines apart, whatever their names are and their containers

log = logging.getLogger("registry")


@dataclass(frozen=True)
class Worker:
    """One run that makes embeddings. As text, it is the owner of a job."""

    place: str  # HOST:PROCESS, for people: neither tells workers apart
    kernel: str  # of the machine, "-" where unknown
    token: str  # of this run alone

    @classmethod
    def here(cls) -> "Worker":
        """Return a new worker of this process."""
        kernel = _KERNEL.read_text().strip() if _KERNEL.exists() else "-"
        return cls(f"{socket.gethostname()[:100]}:{os.getpid()}", kernel, uuid.uuid4().hex)

    @classmethod
    def parse(cls, owner: str) -> "Worker":
        """Read an owner; earlier releases wrote the place alone."""
        place, _, rest = owner.partition(" ")
        kernel, _, token = rest.partition(" ")
        return cls(place, kernel or "-", token)

    @property
    def file(self) -> str:
        """The name of the file that it holds locked while it lives."""
        return f"{self.token}.lock"

    def __str__(self) -> str:
        return f"{self.place} {self.kernel} {self.token}"


class JobStore:
    """One job per version and space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def working(self) -> Iterator["Shift"]:
        """Begin to work on jobs: what is claimed is held until the block ends, or the process does."""
        shift = Shift(self._database, Worker.here())
        with _held_file(self._database.location.folder / FOLDER, shift.worker), shift.renewed():
            yield shift

    def sees(self, worker: Worker) -> bool:
        """Say whether a worker, while it is at work, works on this very registry and not on another at such a place.

        A server's database is told by its address alone.
        """
        location = self._database.location
        return not location.is_folder or (location.folder / FOLDER / worker.file).exists()

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


class Shift:
    """The jobs that one worker holds."""

    def __init__(self, database: Database, worker: Worker) -> None:
        self._database = database
        self.worker = worker

    def claim(self, version_id: int, space_id: int, *, again: bool = False, take_over: bool = False) -> str | None:
        """Take a job. Return None where it is ours, else who is at it, or "" where its vector was made since.

        Args:
            again: whether it is to be done anew although it is done.
            take_over: whether it is taken from whoever holds it.
        """
        with self._database.write() as session:
            now = self._now(session)
            vector = select(Embedding.id).where(Embedding.version_id == version_id, Embedding.space_id == space_id)
            if not again and session.scalar(vector) is not None:
                return ""
            job = _job(session, version_id, space_id)
            if job is None:
                job = Job(version_id=version_id, space_id=space_id, attempts=0)
                session.add(job)
            elif job.state is JobState.RUNNING and not take_over and self._is_held(job, now):
                return Worker.parse(job.owner).place
            job.state, job.owner, job.error = JobState.RUNNING, str(self.worker), None
            job.updated_at, job.lease_until = now, now + TERM
            job.attempts += 1
        return None

    def fail(self, version_id: int, space_id: int, error: str) -> None:
        """Record why a job came to nothing, unless another has taken it over."""
        with self._database.write() as session:
            job = _job(session, version_id, space_id)
            if job is not None and job.owner == str(self.worker):
                job.state, job.error, job.lease_until = JobState.FAILED, storable(error), None
                job.updated_at = datetime.now(UTC)

    def drop(self, version_id: int, space_id: int) -> None:
        """Forget a job that is none after all, unless another has taken it over."""
        with self._database.write() as session:
            job = _job(session, version_id, space_id)
            if job is not None and job.owner == str(self.worker):
                session.delete(job)

    def renew(self) -> None:
        """Push on the leases of the jobs that are ours."""
        self._set_leases(TERM)

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Push on the leases until the block ends; then they are given back."""
        stopped = threading.Event()
        beat = threading.Thread(target=self._beat, args=(stopped,), name="leases", daemon=True)
        beat.start()
        try:
            yield
        finally:
            stopped.set()
            beat.join()
            self._give_back()

    def _beat(self, stopped: threading.Event) -> None:
        while not stopped.wait(TERM.total_seconds() / 3):
            try:
                self.renew()
            except RegistryError as error:
                log.warning("The leases of this run could not be renewed (%s); it is tried again.", error)

    def _give_back(self) -> None:
        try:
            self._set_leases(None)
        except RegistryError as error:  # they run out by themselves
            log.warning("The leases of this run could not be given back (%s).", error)

    def _set_leases(self, term: timedelta | None) -> None:
        ours = update(Job).where(Job.owner == str(self.worker), Job.state == JobState.RUNNING)
        with self._database.write() as session:
            session.execute(ours.values(lease_until=None if term is None else self._now(session) + term))

    def _now(self, session: Session) -> datetime:
        """Return the time by the clock that all share who hold leases: a server's, else this machine's."""
        if self._database.location.is_folder:
            return datetime.now(UTC)
        return session.scalars(select(func.clock_timestamp(type_=DateTime(timezone=True)))).one()

    def _is_held(self, job: Job, now: datetime) -> bool:
        """Say whether a living worker is at a job that runs."""
        holder = Worker.parse(job.owner)
        if holder.token in ("", self.worker.token) or job.lease_until is None:
            return False
        location = self._database.location
        on_this_machine = location.is_folder and holder.kernel == self.worker.kernel != "-"
        if on_this_machine and _is_free(location.folder / FOLDER / holder.file):
            return False
        return now < job.lease_until.replace(tzinfo=UTC)


@contextmanager
def _held_file(folder: Path, worker: Worker) -> Iterator[None]:
    """Hold a worker's file locked, by which it is seen to live; the files of those that are gone are swept."""
    try:
        folder.mkdir(exist_ok=True)
        for left in folder.glob("*.lock"):
            _is_free(left)
        lock = locked(folder / worker.file)
        while not (folder / worker.file).exists():  # swept by another before it was locked
            lock.release()
            lock = locked(folder / worker.file)
    except OSError as error:
        raise StorageError(f"Cannot write in {folder}: {error.strerror}.") from error
    try:
        yield
    finally:
        (folder / worker.file).unlink(missing_ok=True)
        lock.release()


def _is_free(file: Path) -> bool:
    """Say whether a worker's file is locked no more, and sweep it then."""
    if not file.exists():
        return True
    try:
        lock = locked(file, wait=0)
        try:
            file.unlink(missing_ok=True)
        finally:
            lock.release()
    except OSError:  # held, among others
        return False
    return True


def check_lease(session: Session, version_id: int, space_id: int, worker: Worker) -> None:
    """Raise `LeaseLostError` where a job is no longer a worker's: what it has made does not count."""
    job = _job(session, version_id, space_id)
    if job is None or job.state is not JobState.RUNNING or job.owner != str(worker):
        raise LeaseLostError("Another run has taken it over meanwhile: what that makes counts.")


def _job(session: Session, version_id: int, space_id: int) -> Job | None:
    return session.scalar(select(Job).where(Job.version_id == version_id, Job.space_id == space_id))


def _failed() -> Select[str, str | None]:
    """Return the query for failures that still count: of the latest version of an entry, without a vector."""
    vector = select(Embedding.id).where(Embedding.version_id == Job.version_id, Embedding.space_id == Job.space_id)
    query = select(Entry.name, Job.error).join(Version, Version.id == Job.version_id).join(Entry)
    return query.where(Job.state == JobState.FAILED, is_newest(), ~vector.exists())
