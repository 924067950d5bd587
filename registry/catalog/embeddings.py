"""Which vectors are there, and where did they come from?"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, select, true, update
from sqlalchemy.orm import Session

from registry.catalog.changes import centring_of, count_new, log_change
from registry.catalog.database import Database
from registry.catalog.jobs import Worker, check_lease
from registry.catalog.queries import (
    AT_ONCE,
    body_of,
    checked_numbers,
    in_parts,
    is_newest,
    is_pair_of,
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
from registry.names import normal
from registry.spaces.centring import Centring
from registry.spaces.vectors import checked_vector

# Made once: see `queries`.
_EMBEDDING, _ENTRY, _VERSION = Embedding.__table__.c, Entry.__table__.c, Version.__table__.c
_SPACE, _CONTENT, _HELD = Space.__table__.c, Content.__table__.c, VersionContent.__table__.c

_WITH_NAMES = select(
    _EMBEDDING.id,
    _ENTRY.name,
    _ENTRY.kind,
    _EMBEDDING.vector,
    _EMBEDDING.sha256,
    _EMBEDDING.provenance,
    _EMBEDDING.deviations,
    _SPACE.name,
).where(_SPACE.id == _EMBEDDING.space_id, _VERSION.id == _EMBEDDING.version_id, _ENTRY.id == _VERSION.entry_id)
_OF_VERSION = _WITH_NAMES.where(
    _EMBEDDING.version_id == bindparam("version_id"), _EMBEDDING.space_id == bindparam("space_id")
)
_OF_NEWEST = _WITH_NAMES.where(
    _ENTRY.name == bindparam("name"), _EMBEDDING.space_id == bindparam("space_id"), is_newest()
)
_SOME = _WITH_NAMES.where(_EMBEDDING.id.in_(bindparam("ids", expanding=True)))
_NAMES = select(_EMBEDDING.id, _ENTRY.name, _ENTRY.kind).where(
    _VERSION.id == _EMBEDDING.version_id,
    _ENTRY.id == _VERSION.entry_id,
    _EMBEDDING.id.in_(bindparam("ids", expanding=True)),
)
_LOGGED = select(VectorChange.id).where(
    VectorChange.space_id == bindparam("space_id"), VectorChange.mark == bindparam("since")
)
_LAST = _LOGGED.order_by(VectorChange.id.desc()).limit(1)
_LATER = select(VectorChange.embedding_id).where(  # `+ 0`: by number, for all changes of the space are many
    VectorChange.space_id + 0 == bindparam("space_id"), VectorChange.id > bindparam("last")
)
_CHANGED = _WITH_NAMES.where(
    _EMBEDDING.id.in_(_LATER), _EMBEDDING.space_id == bindparam("space_id"), is_newest()
).order_by(_EMBEDDING.id)
_BODY = select(_CONTENT.sha256, _CONTENT.body).where(
    _CONTENT.sha256 == _HELD.sha256,
    _HELD.version_id == _EMBEDDING.version_id,
    _HELD.role == bindparam("role"),
    _EMBEDDING.id == bindparam("embedding_id"),
)


PAGE = 5_000  # vectors that are read while nobody writes


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
        return self._remembered(_OF_VERSION, version_id=version_id, space_id=space_id)

    def newest(self, name: str, space_id: int) -> EmbeddingRecord | None:
        """Return the vector of the latest version of the entry that has this very name, if it has one in a space."""
        return self._remembered(_OF_NEWEST, name=normal(name), space_id=space_id)

    def _remembered(self, query: Select[*tuple[Any, ...]], **given: int | str) -> EmbeddingRecord | None:
        def look_up() -> EmbeddingRecord | None:
            with self._database.connected() as connection:
                row = connection.execute(query, given).first()
                return None if row is None else _read(row)

        return self._database.remembered(("vector", *given.items()), look_up)

    def named(self, ids: Sequence[int]) -> dict[int, tuple[str, EntryKind]]:
        """Return the names and kinds of the entries of an answer's few ids; those that are gone are left out."""
        with self._database.connected() as connection:
            rows = connection.execute(_NAMES, {"ids": list(ids)}) if ids else ()
            return {row_id: (name, kind) for row_id, name, kind in rows}

    def having(self, space_id: int, names: Collection[str]) -> dict[str, tuple[int, EntryKind]]:
        """Return the ids of the vectors in a space that entries of some names have, and the kinds of these entries."""
        query = select(Entry.name, Embedding.id, Entry.kind).where(
            Embedding.space_id + 0 == space_id,  # `+ 0`: by name, for all vectors of the space are many
            Version.id == Embedding.version_id,
            Entry.id == Version.entry_id,
            is_newest(),
        )
        with self._database.read() as session:
            rows = (row for part in in_parts(names) for row in session.execute(query.where(Entry.name.in_(part))))
            return {name: (row_id, kind) for name, row_id, kind in rows}

    def some(self, ids: Sequence[int]) -> dict[int, EmbeddingRecord]:
        """Return the embeddings of an answer's few ids, with their deviations; those that are gone are left out."""
        with self._database.connected() as connection:
            rows = connection.execute(_SOME, {"ids": list(ids)}) if ids else ()
            return {record.id: record for record in map(_read, rows)}

    def content_of(self, embedding_id: int, role: str) -> bytes | None:
        """Return what the version behind an embedding holds in a role, if it does."""
        with self._database.connected() as connection:
            row = connection.execute(_BODY, {"embedding_id": embedding_id, "role": role}).first()
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
            yield _streamed(session, space_id, kind)

    @contextmanager
    def paged(self, space_id: int) -> Iterator[StreamedVectors]:
        """Hand out all latest versions' vectors as `streamed` does, but let others write meanwhile.

        A vector that has changed since is the old or the new one, and one that has gone may be zeros: `changes` tells
        which, from the mark that is handed out.
        """
        with self._database.read() as session:
            held = _streamed(session, space_id, None)
        yield replace(held, parts=self._pages(space_id, held))

    def _pages(self, space_id: int, held: StreamedVectors) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(held.ids), PAGE):
            ids, names = held.ids[start : start + PAGE].tolist(), held.names[start : start + PAGE]
            with self._database.read() as session:
                page = list(_parts(session, session.get_one(Space, space_id), ids, names, may_be_gone=True))
            yield np.concatenate(page)

    def changes(self, space_id: int, *, since: str | None) -> ChangedVectors | None:
        """Return what has happened to a space's vectors since the change with this mark; None if that is not known.

        It is not known of the changes of a former epoch, of an older release, and of what a restored backup has undone.
        """
        with self._database.read() as session:
            last = session.scalar(_LAST, {"space_id": space_id, "since": since})
            if last is None:
                return None
            after, space = {"space_id": space_id, "last": last}, session.get_one(Space, space_id)
            records = [_read(row) for row in session.connection().execute(_CHANGED, after)]
            ids = _ids_of(records)
            return ChangedVectors(
                generation=space.generation,
                mark=space.mark,
                centring=centring_of(session, space),
                removed=np.setdiff1d(np.array(session.scalars(_LATER, after).all(), np.int64), ids),
                ids=ids,
                matrix=_matrix_of(records, space.dimension),
            )

    def centring(self, space_id: int) -> Centring:
        """Return how the vectors of a space are compared."""
        with self._database.read() as session:
            return centring_of(session, session.get_one(Space, space_id))

    def prompted(self, space_id: int, model: str) -> dict[int, EmbeddingRecord]:
        """Return the vectors in a space of a model's latest `MODEL@PROMPT` versions, by version, in order of name."""
        query = _named().where(Embedding.space_id + 0 == space_id, is_newest(), is_pair_of(model))
        with self._database.read() as session:
            rows = sorted(session.execute(query), key=lambda row: row[1])  # their index is by the name in any case
            return {row.version_id: _record(row, name, kind, space) for row, name, kind, space in rows}

    def ids(self, space_id: int, where: Filter, *, most: int | None = None) -> NDArray[np.int64]:
        """Return the ids, rising, of the latest versions' vectors that pass a filter, the first ones if not all."""
        query = (
            select(Embedding.id)
            .join(Version, Version.id == Embedding.version_id)
            .join(Entry, Entry.id == Version.entry_id)
            .where(Embedding.space_id == space_id, is_newest(), passing(where))
            .order_by(Embedding.id)
            .limit(most)
        )
        with self._database.read() as session:
            if where.kinds and session.scalar(select(Entry.id).where(Entry.kind.in_(where.kinds)).limit(1)) is None:
                return np.empty(0, np.int64)  # else all vectors would be looked at for it
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


def _streamed(session: Session, space_id: int, kind: EntryKind | None) -> StreamedVectors:
    space = session.get_one(Space, space_id)
    ids, names, kinds = _whose(session, space_id, kind)
    parts = _parts(session, space, ids, names)
    centring = centring_of(session, space)
    return StreamedVectors(space.generation, space.mark, centring, np.array(ids, np.int64), names, kinds, parts)


def _parts(
    session: Session, space: Space, ids: Sequence[int], names: Sequence[str], *, may_be_gone: bool = False
) -> Iterator[NDArray[np.float32]]:
    """Yield vectors by their ids, some at a time, (some, dimension); raise `IntegrityError` for a damaged one."""
    columns = select(Embedding.id, Embedding.vector, Embedding.sha256)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        found = {id_: (body, sha) for id_, body, sha in session.execute(columns.where(Embedding.id.in_(some)))}
        rows = np.zeros((len(some), space.dimension), np.float32)
        for row, id_, name in zip(rows, some, names[start : start + AT_ONCE], strict=True):
            if id_ in found or not may_be_gone:
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


def _read(row: Row) -> EmbeddingRecord:  # type: ignore[type-arg] # of the columns above
    row_id, name, kind, body, sha256, provenance, deviations, space = row
    vector = checked_numbers(body, sha256, name, space)
    return EmbeddingRecord(row_id, name, kind, vector, provenance, _deviations(deviations, len(vector), name, space))


def _deviations(stored: bytes | None, dimension: int, name: str, space: str) -> NDArray[np.float32] | None:
    if stored is None:
        return None
    body = unsealed(stored)
    if body is None or len(body) % (2 * dimension):
        raise IntegrityError(f"The uncertainty of the vector of {name!r} is damaged: {mend(name, space)}.")
    return np.frombuffer(body, "<f2").astype(np.float32).reshape(-1, dimension)
