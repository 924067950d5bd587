"""Which vector spaces are there, and which one is in use?"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import aliased

from registry.catalog.database import Database
from registry.catalog.entries import enter
from registry.catalog.filters import is_newest
from registry.catalog.records import EntryRecord, NewEntry, SpaceRecord
from registry.catalog.tables import Embedding, Entry, Space, State, Version
from registry.errors import AlreadyExistsError, InputError, NotFoundError
from registry.names import checked_name


class Spaces:
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
            known = session.scalar(select(Space).where(Space.name == name))
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
                        name=name,
                        fingerprint=fingerprint,
                        dimension=dimension,
                        spec=spec,
                        corpus_version_id=corpus.version_id if corpus else None,
                        created_at=datetime.now(UTC),
                        **session.info,
                    )
                )
                session.execute(update(State).where(State.current_space.is_(None)).values(current_space=name))
        return self.get(name)

    def get(self, name: str | None = None) -> SpaceRecord:
        """Return a space by name, or the current one; raise `NotFoundError`."""
        spaces = self.all()
        for space in spaces:
            if space.name == name or (name is None and space.current):
                return space
        if name is None:
            if spaces:
                raise InputError("No space is in use: pick one with 'fute space use NAME' ('fute space list').")
            raise InputError("No space yet: 'fute embed' makes the default one, 'fute space create' another.")
        raise NotFoundError("space", name, [space.name for space in spaces])

    def all(self) -> list[SpaceRecord]:
        """Return all spaces, by name."""
        with self._database.read() as session:
            current = session.scalar(select(State.current_space))
            return [
                SpaceRecord(
                    id=space.id,
                    name=space.name,
                    fingerprint=space.fingerprint,
                    dimension=space.dimension,
                    spec=space.spec,
                    corpus=corpus,
                    corpus_version_id=space.corpus_version_id,
                    generation=space.generation,
                    mark=space.mark,
                    vectors=vectors,
                    current=space.name == current,
                )
                for space, corpus, vectors in session.execute(_with_corpus_and_count())
            ]

    def use(self, name: str) -> SpaceRecord:
        """Make a space the current one."""
        space = self.get(name)
        with self._database.write() as session:
            session.execute(update(State).values(current_space=space.name))
        return self.get(name)

    def remove(self, name: str) -> None:
        """Remove a space with all its vectors."""
        space = self.get(name)
        with self._database.write() as session:
            session.execute(delete(Space).where(Space.id == space.id))
            session.execute(update(State).where(State.current_space == space.name).values(current_space=None))

    def generation(self) -> int:
        """Return the number of the registry's last change."""
        with self._database.read() as session:
            return session.scalars(select(State.generation)).one()


def _with_corpus_and_count() -> Select[Space, str, int]:
    its = aliased(Version)  # the outer query joins versions too, for the corpus
    count = (
        select(func.count(Embedding.id))
        .join(its, its.id == Embedding.version_id)
        .where(Embedding.space_id == Space.id, is_newest(its))
        .correlate(Space)
        .scalar_subquery()
    )
    return (
        select(Space, Entry.name, count)
        .outerjoin(Version, Version.id == Space.corpus_version_id)
        .outerjoin(Entry, Entry.id == Version.entry_id)
        .order_by(Space.name)
    )
