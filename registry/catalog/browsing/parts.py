"""A part of the entries, the words to filter by, versions and vectors: as a page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from registry.catalog.database import Database
from registry.catalog.entries import EntryStore
from registry.catalog.queries import is_pair_under, passing
from registry.catalog.records import EntryRecord, Filter
from registry.catalog.tables import Embedding, Entry, Space, Tag, Version
from registry.names import normal


@dataclass(frozen=True)
class EntryPart:
    """A part of the entries that pass a filter, by name."""

    records: Sequence[EntryRecord]
    total: int  # that pass
    before: str | None  # the name that the part before it ends before; None where it is the first
    after: str | None  # the name that the next part begins behind; None where it is the last


@dataclass(frozen=True)
class VersionLine:
    """One version of an entry."""

    number: int
    content_hash: str
    created_at: datetime


@dataclass(frozen=True)
class VectorLine:
    """That a version has a vector in a space, and how it was made."""

    space: str
    provenance: Mapping[str, Any]
    created_at: datetime


def listing(
    database: Database, where: Filter, *, after: str | None = None, before: str | None = None, limit: int
) -> EntryPart:
    """Return so many entries behind a name, or before one: by its place among the names, whatever their number."""
    entries = EntryStore(database)
    with database.question():
        if before is not None:
            after = _begin_of_former(database, where, before, limit)
        found = entries.all(where, after=after, limit=limit + 1)
        records = found[:limit]
        return EntryPart(
            records,
            total=entries.count(where),
            before=records[0].name if records and after is not None else None,
            after=records[-1].name if len(found) > limit else None,
        )


def _begin_of_former(database: Database, where: Filter, before: str, limit: int) -> str | None:
    """Return the name behind which the part before a name begins; None where that is the first part."""
    names = select(Entry.name).where(passing(where), Entry.name < normal(before)).order_by(Entry.name.desc())
    with database.read() as session:
        found = session.scalars(names.limit(limit + 1)).all()
    return found[-1] if len(found) > limit else None


def common_tags(database: Database, *, limit: int) -> dict[str, int]:
    """Return the tags that most entries have, and how many do, most first."""
    query = select(Tag.tag, func.count()).group_by(Tag.tag).order_by(func.count().desc(), Tag.tag).limit(limit)
    with database.read() as session:
        return {tag: count for tag, count in session.execute(query)}


def versions_of(database: Database, name: str) -> list[VersionLine]:
    """Return the versions of an entry, the newest first."""
    query = select(Version).join(Entry).where(Entry.name == name).order_by(Version.number.desc())
    with database.read() as session:
        return [
            VersionLine(row.number, row.content_hash, row.created_at.replace(tzinfo=UTC))
            for row in session.scalars(query)
        ]


def vectors_of(database: Database, version_id: int) -> list[VectorLine]:
    """Return in which spaces a version has a vector, by name, and how each was made."""
    query = (
        select(Space.name, Embedding.provenance, Embedding.created_at)
        .join(Space, Space.id == Embedding.space_id)
        .where(Embedding.version_id == version_id)
        .order_by(Space.name)
    )
    with database.read() as session:
        return [VectorLine(name, said, made.replace(tzinfo=UTC)) for name, said, made in session.execute(query)]


def models_under(database: Database, prompt: str, *, limit: int) -> list[str]:
    """Return the first prompted models made with a prompt, by name."""
    query = select(Entry.name).where(is_pair_under(prompt))
    with database.read() as session:
        return list(session.scalars(query.order_by(Entry.name).limit(limit)))
