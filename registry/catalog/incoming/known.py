"""What the catalog has of many names: which entries they are, and their vectors in one space."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from registry.catalog.queries import ids_named, is_newest
from registry.catalog.tables import Embedding, Entry, Version
from registry.kinds import EntryKind


@dataclass(frozen=True)
class KnownVector:
    """An entry's latest version, and its vector in one space if it has one."""

    name: str
    kind: EntryKind
    version_id: int
    embedding_id: int | None
    sha256: str | None


def known_vectors(session: Session, space_id: int, names: Sequence[str]) -> dict[str, KnownVector]:
    """Return what is there of some names, by the name in one case of its letters."""
    ids = ids_named(session, names)
    if not ids:
        return {}
    query = (
        select(Entry.name, Entry.kind, Version.id, Embedding.id, Embedding.sha256)
        .join(Version, Version.entry_id == Entry.id)
        .outerjoin(Embedding, and_(Embedding.version_id == Version.id, Embedding.space_id == space_id))
        .where(Entry.id.in_(ids), is_newest())
    )
    return {row[0].casefold(): KnownVector(*row) for row in session.execute(query)}
