"""Writes many entries and vectors within one transaction, with the log that the indices follow."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import update
from sqlalchemy.orm import Session

from registry.catalog.changes import count_tasks, mark_changed, trim_log
from registry.catalog.database import Database
from registry.catalog.queries import AT_ONCE, new_ids
from registry.catalog.tables import Embedding, Entry, Job, JobState, Space, Tag, VectorChange, Version
from registry.data.vectors import NO_CONTENT, VECTOR_ALONE
from registry.kinds import EntryKind

Columns = dict[str, Sequence[Any]]


class NewVector(NamedTuple):
    """A vector that a version has not had in the space."""

    version_id: int
    kind: EntryKind
    body: bytes | memoryview  # float32, little endian
    sha256: str


def write_entries(
    database: Database, session: Session, new: Sequence[tuple[str, EntryKind]], tags: Sequence[str], now: datetime
) -> list[int]:
    """Enter entries of which nothing but a vector is known; return the ids of their first versions, in order."""
    if not new:
        return []
    count, names = len(new), [name for name, _ in new]
    columns: Columns = {"name": names, "folded": [name.casefold() for name in names], "kind": [kind for _, kind in new]}
    entries = database.insert(session, Entry, {**columns, "created_at": [now] * count})
    version_ids = list(new_ids(session, Version, count))
    versions: Columns = {"id": version_ids, "entry_id": entries, "content_hash": [NO_CONTENT] * count}
    said: Columns = {"number": [1] * count, "spec": [VECTOR_ALONE] * count, "created_at": [now] * count}
    database.insert(session, Version, {**versions, **said})
    for tag in sorted(set(tags)):
        database.insert(session, Tag, {"entry_id": entries, "tag": [tag] * count})
    return version_ids


def replace_vectors(
    session: Session, bodies: Mapping[int, tuple[bytes | memoryview, str]], provenance: dict[str, Any], now: datetime
) -> None:
    """Put vectors in the place of others, by their ids."""
    for embedding_id, (body, sha256) in bodies.items():
        values = {"vector": body, "sha256": sha256, "provenance": provenance, "created_at": now, "deviations": None}
        session.execute(update(Embedding).where(Embedding.id == embedding_id).values(values))


def close_jobs(session: Session, space_id: int, version_ids: Sequence[int], now: datetime) -> None:
    """Close the jobs of entries that have their vectors now."""
    done = {"state": JobState.DONE, "error": None, "lease_until": None, "updated_at": now}
    for start in range(0, len(version_ids), AT_ONCE):
        these = Job.version_id.in_(version_ids[start : start + AT_ONCE])
        session.execute(update(Job).where(Job.space_id == space_id, these).values(done))


def write_vectors(
    database: Database,
    session: Session,
    space_id: int,
    fresh: Sequence[NewVector],
    *,
    replaced: Sequence[int],
    provenance: dict[str, Any],
    now: datetime,
) -> None:
    """Enter vectors of a space, and log them with those that were replaced."""
    if not fresh and not replaced:
        return
    count, ids = len(fresh), list(new_ids(session, Embedding, len(fresh)))
    columns: Columns = {
        "id": ids,
        "version_id": [one.version_id for one in fresh],
        "vector": [one.body for one in fresh],
        "sha256": [one.sha256 for one in fresh],
        "space_id": [space_id] * count,
        "provenance": [provenance] * count,
        "created_at": [now] * count,
    }
    database.insert(session, Embedding, columns)
    mark_changed(session, space_id)
    changed = [*ids, *replaced]
    log = {
        "embedding_id": changed,
        "space_id": [space_id] * len(changed),
        "mark": [session.info["mark"]] * len(changed),
    }
    database.insert(session, VectorChange, log)
    trim_log(session)
    tasks = sum(one.kind is EntryKind.TASK for one in fresh)
    count_tasks(session, session.get_one(Space, space_id), tasks)
