"""Which vector spaces are there, and which one is in use?"""

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from heapq import nsmallest
from typing import Any

from sqlalchemy import Select, and_, delete, func, select, update
from sqlalchemy.orm import aliased

from registry.catalog.changes import begin_epoch, log_change
from registry.catalog.database import Database
from registry.catalog.entries import enter
from registry.catalog.queries import is_newest, named, new_id, passing
from registry.catalog.records import EntryRecord, Filter, NewEntry, SpaceRecord
from registry.catalog.tables import Embedding, Entry, Space, State, Version
from registry.data.vectors import NO_CONTENT
from registry.errors import AlreadyExistsError, InputError, NotFoundError
from registry.kinds import EntryKind
from registry.names import checked_name, checked_text


class SpaceStore:
    """Spaces by name. The first one made becomes the current one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        name: str,
        *,
        fingerprint: str,
        dimension: int,
        spec: dict[str, Any],
        corpus: NewEntry | EntryRecord | None,
    ) -> SpaceRecord:
        """Enter a space; the same space under the same name again changes nothing."""
        name = checked_name(name)
        with self._database.write() as session:
            known = named(session, Space, name)
            twin = session.scalar(select(Space.name).where(Space.fingerprint == fingerprint))
            if known is not None and known.fingerprint != fingerprint:
                raise AlreadyExistsError(name, "space", "choose another name.")
            if known is None and twin is not None:
                raise InputError(f"This is the space {twin!r}: use it, or change a setting to make another.")
            if known is None:
                if isinstance(corpus, NewEntry):
                    corpus = enter(session, corpus, replace=False)
                session.add(
                    Space(
                        id=new_id(session, Space),
                        name=name,
                        fingerprint=fingerprint,
                        dimension=dimension,
                        spec=spec,
                        corpus_version_id=corpus.version_id if corpus else None,
                        created_at=datetime.now(UTC),
                        epoch=0,
                        tasks_at_most=0,
                        **session.info,
                    )
                )
                session.execute(update(State).where(State.current_space.is_(None)).values(current_space=name))
        return self.get(name)

    def get(self, name: str | None = None) -> SpaceRecord:
        """Return a space by name, or the current one; raise `NotFoundError`."""
        known = name if name is None else checked_text(name)
        return self._database.remembered(("space", known), lambda: self._get(name))

    def _get(self, name: str | None) -> SpaceRecord:
        with self._database.read() as session:
            current = session.scalar(select(State.current_space))
            meant = None if name is None else named(session, Space, name)
            wanted = current if name is None else meant and meant.name
            found = session.execute(_with_corpus().where(Space.name == wanted)).one_or_none()
            if found is not None:
                return _record(*found, current)
            names = session.scalars(select(Space.name).order_by(Space.name)).all()
        if name is not None:
            raise NotFoundError("space", name, names)
        if names:
            raise InputError("No space is in use: pick one with 'fute space use NAME' ('fute space list').")
        raise InputError("No space yet: 'fute embed' makes the default one, 'fute space create' another.")

    def all(self) -> list[SpaceRecord]:
        """Return all spaces, by name."""
        with self._database.read() as session:
            current = session.scalar(select(State.current_space))
            return [_record(*row, current) for row in session.execute(_with_corpus().order_by(Space.name))]

    def counts(self) -> dict[str, int]:
        """Return how many entries have vectors in each space, by name."""
        newer = aliased(Version)  # versions that are not the first are few: those before them are old
        before = and_(newer.entry_id == Version.entry_id, newer.number == Version.number + 1)
        old = select(Version.id).join(newer, before).where(newer.number > 1)
        with self._database.read() as session:
            spaces = session.execute(select(Space.id, Space.name).order_by(Space.name)).all()
            outdated = Counter(session.scalars(select(Embedding.space_id).where(Embedding.version_id.in_(old))))
            held = select(Embedding.space_id, func.count()).group_by(Embedding.space_id)
            vectors = {id_: count for id_, count in session.execute(held)}
            return {name: vectors.get(id_, 0) - outdated[id_] for id_, name in spaces}

    def lacking(self, space_id: int, *, most: int) -> list[str]:
        """Return the tasks whose latest version has data and no vector in a space, sorted, at most so many."""

        def look_up() -> list[str]:
            held = (
                select(Embedding.id)
                .join(Version, Version.id == Embedding.version_id)
                .where(Version.entry_id == Entry.id, is_newest(), Embedding.space_id == space_id)
            )
            brought = select(Version.id).where(
                Version.entry_id == Entry.id, is_newest(), Version.content_hash == NO_CONTENT
            )
            is_task = Entry.kind == EntryKind.TASK
            query = select(Entry.name).where(is_task, ~held.exists(), ~brought.exists())
            query = query.order_by(Entry.name).limit(most)
            with self._database.read() as session:
                return list(session.scalars(query))

        return self._database.remembered(("lacking", space_id, most), look_up)

    def largest(self, space_id: int, where: Filter, *, most: int) -> list[int]:
        """Return the ids of the vectors of those that pass a filter and have most training examples, largest first."""
        query = (
            select(Embedding.id, Entry.name, Version.spec)
            .join(Version, Version.id == Embedding.version_id)
            .join(Entry, Entry.id == Version.entry_id)
            .where(Embedding.space_id == space_id, is_newest(), passing(where))
        )
        with self._database.read() as session:
            if self._database.location.is_folder:
                size = func.coalesce(Version.spec["examples"]["train"].as_integer(), 0)
                first = query.with_only_columns(Embedding.id).order_by(size.desc(), Entry.name).limit(most)
                return list(session.scalars(first))
            sized = [(-_size_of(spec), name, row_id) for row_id, name, spec in session.execute(query)]
        return [row_id for _, _, row_id in nsmallest(most, sized)]

    def recentre(self, name: str) -> SpaceRecord:
        """Begin a new epoch: the centre is the mean of the tasks that there are now."""
        space = self.get(name)
        with self._database.write() as session:
            begin_epoch(session, session.get_one(Space, space.id))
            session.flush()
            log_change(session, space.id, ())
        return self.get(name)

    def use(self, name: str) -> SpaceRecord:
        """Make a space the current one."""
        space = self.get(name)
        with self._database.write() as session:
            held = session.get(Space, space.id)
            if held is None:
                raise NotFoundError("space", name)
            session.execute(update(State).values(current_space=held.name))
        return self.get(name)

    def remove(self, name: str) -> None:
        """Remove a space with all its vectors."""
        space = self.get(name)
        with self._database.write() as session:
            session.execute(delete(Space).where(Space.id == space.id))
            session.execute(update(State).where(State.current_space == space.name).values(current_space=None))

    def last_seconds(self, space_id: int, *, most: int = 500) -> list[tuple[str, EntryKind, float]]:
        """Return the names and kinds of what was embedded last, the newest first, and the seconds that it took."""
        query = (
            select(Entry.name, Entry.kind, Embedding.provenance)
            .where(
                Embedding.space_id == space_id,
                Version.id == Embedding.version_id,
                Entry.id == Version.entry_id,
            )
            .order_by(Embedding.id.desc())
            .limit(most)
        )
        with self._database.read() as session:
            rows = [(name, kind, provenance.get("seconds")) for name, kind, provenance in session.execute(query)]
        return [(name, kind, float(seconds)) for name, kind, seconds in rows if isinstance(seconds, int | float)]

    def generation(self) -> int:
        """Return the number of the registry's last change."""
        with self._database.read() as session:
            return session.scalars(select(State.generation)).one()


def _size_of(spec: dict[str, Any]) -> int:
    """Return how many training examples a version has; read here, as PostgreSQL reads no JSON that holds a NUL."""
    return int(spec.get("examples", {}).get("train") or 0)


@cache
def _with_corpus() -> Select[Space, str]:
    return (
        select(Space, Entry.name)
        .outerjoin(Version, Version.id == Space.corpus_version_id)
        .outerjoin(Entry, Entry.id == Version.entry_id)
    )


def _record(space: Space, corpus: str | None, current: str | None) -> SpaceRecord:
    return SpaceRecord(
        id=space.id,
        name=space.name,
        fingerprint=space.fingerprint,
        dimension=space.dimension,
        spec=space.spec,
        corpus=corpus,
        corpus_version_id=space.corpus_version_id,
        generation=space.generation,
        mark=space.mark,
        epoch=space.epoch,
        centred_on=space.centred_on,
        current=space.name == current,
    )
