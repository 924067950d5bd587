"""Which vectors are there, and where did they come from?"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, and_, select, true, update
from sqlalchemy.orm import Session, undefer

from registry.catalog.changes import centring_of, count_new, log_change
from registry.catalog.database import Database
from registry.catalog.jobs import Worker, check_lease
from registry.catalog.queries import (
    AT_ONCE,
    begins,
    body_of,
    checked_numbers,
    is_newest,
    mend,
    new_id,
    passing,
    sealed,
    unsealed,
)
from registry.catalog.records import ChangedVectors, EmbeddingRecord, Filter, SpaceRecord, SpaceVectors, StreamedVectors
from registry.catalog.tables import (
    Content,
    Embedding,
    Entry,
    Job,
    JobState,
    Space,
    VectorChange,
    Version,
    VersionContent,
)
from registry.errors import IntegrityError
from registry.kinds import EntryKind
from registry.spaces.centring import Centring
from registry.spaces.vectors import checked_vector


class EmbeddingStore:
    """Vectors by version and space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self,
        version_id: int,
        space: SpaceRecord,
        vector: NDArray[np.float32],
        provenance: dict[str, Any],
        deviations: NDArray[np.float32] | None = None,
        worker: Worker | None = None,
    ) -> None:
        """Keep a vector with its provenance and close its job, in one transaction; replaces an older one.

        Args:
            deviations: (splits, dimension), see `EmbeddingRecord`; kept in half precision.
            worker: who made it; None where nobody holds the job.

        Raises:
            LeaseLostError: the job is another's by now; nothing is kept.
        """
        body = checked_vector(vector, space.dimension).astype("<f4").tobytes()
        apart = None if deviations is None else sealed(deviations.astype("<f2").tobytes())
        with self._database.write() as session:
            if worker is not None:
                check_lease(session, version_id, space.id, worker)
            row = session.scalar(select(Embedding).where(_is(version_id, space.id)))
            is_new = row is None
            if row is None:
                row = Embedding(id=new_id(session, Embedding), version_id=version_id, space_id=space.id)
                session.add(row)
            row.vector, row.sha256, row.provenance = body, hashlib.sha256(body).hexdigest(), provenance
            row.deviations, row.created_at = apart, datetime.now(UTC)
            session.flush()
            log_change(session, space.id, [row.id])
            if is_new:
                count_new(session, session.get_one(Space, space.id), version_id)
            done = update(Job).where(Job.version_id == version_id, Job.space_id == space.id)
            session.execute(
                done.values(state=JobState.DONE, error=None, lease_until=None, updated_at=datetime.now(UTC))
            )

    def get(self, version_id: int, space_id: int) -> EmbeddingRecord | None:
        """Return the vector of a version in a space, if it has one."""
        with self._database.read() as session:
            query = _named().where(_is(version_id, space_id)).options(undefer(Embedding.deviations))
            found = session.execute(query).one_or_none()
            return None if found is None else _with_deviations(*found)

    def some(self, ids: Sequence[int]) -> dict[int, EmbeddingRecord]:
        """Return the embeddings of an answer's few ids, with their deviations; those that are gone are left out."""
        with self._database.read() as session:
            rows = session.execute(_named().where(Embedding.id.in_(ids)).options(undefer(Embedding.deviations)))
            return {row.id: _with_deviations(row, name, kind, space) for row, name, kind, space in rows}

    def content_of(self, embedding_id: int, role: str) -> bytes | None:
        """Return what the version behind an embedding holds in a role, if it does."""
        query = (
            select(Content)
            .join(VersionContent, VersionContent.sha256 == Content.sha256)
            .join(Embedding, Embedding.version_id == VersionContent.version_id)
            .where(Embedding.id == embedding_id, VersionContent.role == role)
        )
        with self._database.read() as session:
            row = session.scalar(query)
            return None if row is None else body_of(row, row.sha256)

    def known(self, space_id: int) -> set[int]:
        """Return the ids of the versions that have a vector in a space."""
        with self._database.read() as session:
            return set(session.scalars(select(Embedding.version_id).where(Embedding.space_id == space_id)))

    def spaces_of(self, version_id: int) -> list[str]:
        """Return the names of the spaces in which a version has a vector."""
        query = select(Space.name).join(Embedding).where(Embedding.version_id == version_id).order_by(Space.name)
        with self._database.read() as session:
            return list(session.scalars(query))

    def provenances(self, version_id: int, corpus_version_id: int) -> list[dict[str, Any]]:
        """Return where a version's vectors in the spaces over one corpus came from, the first one first."""
        query = (
            select(Embedding.provenance)
            .join(Space)
            .where(Embedding.version_id == version_id, Space.corpus_version_id == corpus_version_id)
            .order_by(Embedding.id)
        )
        with self._database.read() as session:
            return list(session.scalars(query))

    def all(self, space_id: int, *, most: int | None = None) -> SpaceVectors:
        """Return the latest versions' vectors in a space, checked, with the change they belong to.

        Args:
            most: of more than so many a sample is drawn, always the same; None for all of them.
        """
        with self._database.read() as session:  # one view: the change belongs to the rows
            space = session.get_one(Space, space_id)
            ids, names, kinds = _drawn(*_whose(session, space_id), most)
            matrix = np.empty((len(ids), space.dimension), np.float32)
            start = 0
            for part in _parts(session, space, ids, names):
                matrix[start : start + len(part)] = part
                start += len(part)
            centring = centring_of(session, space)
            return SpaceVectors(space.generation, space.mark, centring, np.array(ids, np.int64), names, kinds, matrix)

    @contextmanager
    def streamed(self, space_id: int, *, kind: EntryKind | None = None) -> Iterator[StreamedVectors]:
        """Hand out the latest versions' vectors in a space, some at a time, until the block ends.

        Args:
            kind: of the entries whose vectors are wanted; None for all.
        """
        with self._database.read() as session:
            space = session.get_one(Space, space_id)
            ids, names, kinds = _whose(session, space_id, kind)
            centring, parts = centring_of(session, space), _parts(session, space, ids, names)
            yield StreamedVectors(centring, np.array(ids, np.int64), names, kinds, parts)

    def changes(self, space_id: int, *, since: str | None) -> ChangedVectors | None:
        """Return what has happened to a space's vectors since the change with this mark; None if that is not known.

        It is not known of the changes of a former epoch, of an older release, and of what a restored backup has undone.
        """
        logged = select(VectorChange.id).where(VectorChange.space_id == space_id, VectorChange.mark == since)
        with self._database.read() as session:
            last = session.scalar(logged.order_by(VectorChange.id.desc()).limit(1))
            if last is None:
                return None
            later = select(VectorChange.embedding_id).where(VectorChange.space_id == space_id, VectorChange.id > last)
            space = session.get_one(Space, space_id)
            query = _named().where(Embedding.id.in_(later), Embedding.space_id == space_id, is_newest())
            records = [_record(*row) for row in session.execute(query.order_by(Embedding.id))]
            ids = _ids_of(records)
            return ChangedVectors(
                generation=space.generation,
                mark=space.mark,
                centring=centring_of(session, space),
                removed=np.setdiff1d(np.array(session.scalars(later).all(), np.int64), ids),
                ids=ids,
                matrix=_matrix_of(records, space.dimension),
            )

    def centring(self, space_id: int) -> Centring:
        """Return how the vectors of a space are compared."""
        with self._database.read() as session:
            return centring_of(session, session.get_one(Space, space_id))

    def prompted(self, space_id: int, model: str) -> dict[int, EmbeddingRecord]:
        """Return the vectors in a space of a model's latest `MODEL@PROMPT` versions, by version, in order of name."""
        of_model = begins(Entry.name, f"{model}@")
        query = _named().where(Embedding.space_id == space_id, is_newest(), of_model).order_by(Entry.name)
        with self._database.read() as session:
            return {
                row.version_id: _record(row, name, kind, space) for row, name, kind, space in session.execute(query)
            }

    def ids(self, space_id: int, where: Filter) -> NDArray[np.int64]:
        """Return the ids, rising, of the latest versions' vectors that pass a filter."""
        query = (
            select(Embedding.id)
            .join(Version, Version.id == Embedding.version_id)
            .join(Entry, Entry.id == Version.entry_id)
            .where(Embedding.space_id == space_id, is_newest(), passing(where))
            .order_by(Embedding.id)
        )
        with self._database.read() as session:
            return np.array(session.scalars(query).all(), np.int64)


def _whose(
    session: Session, space_id: int, kind: EntryKind | None = None
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[EntryKind, ...]]:
    """Return the ids of the latest versions' vectors in a space, rising, with the names and kinds of their entries."""
    query = (
        select(Embedding.id, Entry.name, Entry.kind)
        .join(Version, Version.id == Embedding.version_id)
        .join(Entry, Entry.id == Version.entry_id)
        .where(Embedding.space_id == space_id, is_newest(), true() if kind is None else Entry.kind == kind)
    )
    found = sorted(session.execute(query).all())
    ids, names, kinds = zip(*found, strict=True) if found else ((), (), ())
    return ids, names, kinds


def _drawn(
    ids: tuple[int, ...], names: tuple[str, ...], kinds: tuple[EntryKind, ...], most: int | None
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[EntryKind, ...]]:
    """Return a seeded sample of vectors where there are more than so many."""
    if most is None or len(ids) <= most:
        return ids, names, kinds
    some = sorted(np.random.default_rng(0).choice(len(ids), most, replace=False).tolist())
    return tuple(ids[i] for i in some), tuple(names[i] for i in some), tuple(kinds[i] for i in some)


def _parts(session: Session, space: Space, ids: Sequence[int], names: Sequence[str]) -> Iterator[NDArray[np.float32]]:
    """Yield vectors by their ids, some at a time, (some, dimension); raise `IntegrityError` for a damaged one."""
    columns = select(Embedding.id, Embedding.vector, Embedding.sha256)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        found = {id_: (body, sha) for id_, body, sha in session.execute(columns.where(Embedding.id.in_(some)))}
        rows = np.empty((len(some), space.dimension), np.float32)
        for row, id_, name in zip(rows, some, names[start : start + AT_ONCE], strict=True):
            row[:] = checked_numbers(*found[id_], name, space.name)
        yield rows


def _ids_of(records: Sequence[EmbeddingRecord]) -> NDArray[np.int64]:
    return np.array([record.id for record in records], np.int64)


def _matrix_of(records: Sequence[EmbeddingRecord], dimension: int) -> NDArray[np.float32]:
    matrix = np.zeros((len(records), dimension), np.float32)
    for row, record in zip(matrix, records, strict=True):
        row[:] = record.vector
    return matrix


def _is(version_id: int, space_id: int) -> ColumnElement[bool]:
    return and_(Embedding.version_id == version_id, Embedding.space_id == space_id)


def _named() -> Select[Embedding, str, EntryKind, str]:
    """Return the query for embeddings with the name and kind of their entry, and their space."""
    return (
        select(Embedding, Entry.name, Entry.kind, Space.name)
        .join(Space, Space.id == Embedding.space_id)
        .join(Version, Version.id == Embedding.version_id)
        .join(Entry, Entry.id == Version.entry_id)
    )


def _record(row: Embedding, name: str, kind: EntryKind, space: str) -> EmbeddingRecord:
    vector = checked_numbers(row.vector, row.sha256, name, space)
    return EmbeddingRecord(row.id, name, kind, vector, row.provenance)


def _with_deviations(row: Embedding, name: str, kind: EntryKind, space: str) -> EmbeddingRecord:
    record = _record(row, name, kind, space)
    if row.deviations is None:
        return record
    body = unsealed(row.deviations)
    if body is None or len(body) % (2 * len(record.vector)):
        raise IntegrityError(f"The uncertainty of the vector of {name!r} is damaged: {mend(name, space)}.")
    numbers = np.frombuffer(body, "<f2").astype(np.float32)
    return replace(record, deviations=numbers.reshape(-1, len(record.vector)))
