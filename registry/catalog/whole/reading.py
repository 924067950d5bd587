"""Reads the whole of a catalog in one view of it: the same contents give the same pieces in the same order."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, undefer

from registry.catalog import Catalog
from registry.catalog.predictions import predictions_of
from registry.catalog.queries import body_of, checked_numbers, mend, unsealed
from registry.catalog.tables import (
    Alias,
    Content,
    Embedding,
    Entry,
    PredictionChunk,
    Space,
    State,
    Tag,
    Transfer,
    Version,
    VersionContent,
)
from registry.catalog.transfers import record_of
from registry.catalog.whole.pieces import Piece, Section
from registry.errors import IntegrityError
from registry.kinds import EntryKind

AT_ONCE = 200  # entries whose versions are read together, and transfers
HEAVY = 10  # rows with arrays, held at a time


@contextmanager
def whole_of(catalog: Catalog) -> Iterator["CatalogWhole"]:
    """Hand out the whole of a catalog as it is now."""
    with catalog.database.read() as session:
        yield CatalogWhole(session)


class CatalogWhole:
    """One view of a catalog."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def pieces(self, section: Section) -> Iterator[Piece]:
        """Yield the pieces of a section; raise `IntegrityError` where one is not what was stored."""
        match section:
            case Section.ENTRIES:
                return _entries(self._session)
            case Section.SPACES:
                return _spaces(self._session)
            case Section.VECTORS:
                return _vectors(self._session)
            case Section.PREDICTIONS:
                return _predictions(self._session)
            case Section.TRANSFERS:
                return _transfers(self._session)

    def content(self, sha256: str) -> bytes:
        """Return bytes that a version consists of."""
        return body_of(self._session.get(Content, sha256), sha256)


def _entries(session: Session) -> Iterator[Piece]:
    """Yield entries by name, prompted models last: they are made of others."""
    ids = session.scalars(select(Entry.id).order_by(Entry.kind == EntryKind.PROMPTED_MODEL, Entry.name)).all()
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        tags, aliases, versions = _tags(session, some), _aliases(session, some), _versions(session, some)
        entries = {entry.id: entry for entry in session.scalars(select(Entry).where(Entry.id.in_(some)))}
        for entry in (entries[entry_id] for entry_id in some):
            document = {
                "name": entry.name,
                "kind": entry.kind.value,
                "task_kind": entry.task_kind,
                "language": entry.language,
                "description": entry.description,
                "created_at": _time(entry.created_at),
                "tags": tags[entry.id],
                "aliases": aliases[entry.id],
                "versions": versions[entry.id],
            }
            yield Piece(document)


def _tags(session: Session, entries: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for row in session.scalars(select(Tag).where(Tag.entry_id.in_(entries)).order_by(Tag.tag)):
        found[row.entry_id].append(row.tag)
    return found


def _aliases(session: Session, entries: Sequence[int]) -> dict[int, dict[str, int]]:
    query = (
        select(Alias.entry_id, Alias.alias, Version.number)
        .join(Version, Version.id == Alias.version_id)
        .where(Alias.entry_id.in_(entries))
        .order_by(Alias.alias)
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for entry_id, alias, number in session.execute(query):
        found[entry_id][alias] = number
    return found


def _versions(session: Session, entries: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    of_these = Version.entry_id.in_(entries)
    held = select(VersionContent).join(Version).where(of_these).order_by(VersionContent.role)
    contents: dict[int, dict[str, str]] = defaultdict(dict)
    for row in session.scalars(held):
        contents[row.version_id][row.role] = row.sha256
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for version in session.scalars(select(Version).where(of_these).order_by(Version.number)):
        document = {
            "number": version.number,
            "content_hash": version.content_hash,
            "spec": version.spec,
            "created_at": _time(version.created_at),
            "contents": contents[version.id],
        }
        found[version.entry_id].append(document)
    return found


def _spaces(session: Session) -> Iterator[Piece]:
    current = session.scalar(select(State.current_space))
    query = (
        select(Space, Entry.name, Version.number)
        .outerjoin(Version, Version.id == Space.corpus_version_id)
        .outerjoin(Entry, Entry.id == Version.entry_id)
        .order_by(Space.name)
        .options(undefer(Space.centre))
    )
    for space, corpus, number in session.execute(query).all():
        document = {
            "name": space.name,
            "fingerprint": space.fingerprint,
            "dimension": space.dimension,
            "spec": space.spec,
            "corpus": None if corpus is None else f"{corpus}:{number}",
            "created_at": _time(space.created_at),
            "current": space.name == current,
            "epoch": space.epoch,
            "centred_on": space.centred_on,
            "tasks_at_most": space.tasks_at_most,
        }
        yield Piece(document, {} if space.centre is None else {"centre": _centre(space)})


def _centre(space: Space) -> np.ndarray:
    body = unsealed(space.centre)
    if body is None or len(body) != 4 * space.dimension:
        raise IntegrityError(f"The centre of space {space.name!r} is damaged: run 'fute index rebuild --recentre'.")
    return np.frombuffer(body, "<f4")


def _vectors(session: Session) -> Iterator[Piece]:
    """Yield vectors in the order in which they came: a moving centre is summed in it, and it decides ties."""
    query = (
        select(Embedding, Space.name, Entry.name, Version.number)
        .join(Space, Space.id == Embedding.space_id)
        .join(Version, Version.id == Embedding.version_id)
        .join(Entry, Entry.id == Version.entry_id)
        .order_by(Embedding.id)
        .options(undefer(Embedding.deviations))
        .execution_options(yield_per=HEAVY)
    )
    for row, space, name, number in session.execute(query):
        arrays: dict[str, np.ndarray] = {"vector": checked_numbers(row.vector, row.sha256, name, space)}
        if row.deviations is not None:
            arrays["deviations"] = _deviations(row, len(arrays["vector"]), name, space)
        document = {
            "space": space,
            "entry": f"{name}:{number}",
            "created_at": _time(row.created_at),
            "provenance": row.provenance,
        }
        yield Piece(document, arrays)


def _deviations(row: Embedding, dimension: int, name: str, space: str) -> np.ndarray:
    body = unsealed(row.deviations)
    if body is None or len(body) % (2 * dimension):
        raise IntegrityError(f"The uncertainty of the vector of {name!r} is damaged: {mend(name, space)}.")
    return np.frombuffer(body, "<f2").reshape(-1, dimension)


def _predictions(session: Session) -> Iterator[Piece]:
    corpus, corpus_version = aliased(Entry), aliased(Version)
    query = (
        select(PredictionChunk, Entry.name, Version.number, corpus.name, corpus_version.number)
        .join(Version, Version.id == PredictionChunk.version_id)
        .join(Entry, Entry.id == Version.entry_id)
        .join(corpus_version, corpus_version.id == PredictionChunk.corpus_version_id)
        .join(corpus, corpus.id == corpus_version.entry_id)
        .order_by(Entry.name, Version.number, corpus.name, corpus_version.number, PredictionChunk.start)
        .execution_options(yield_per=HEAVY)
    )
    for row, name, number, texts, texts_number in session.execute(query):
        found = predictions_of(row)
        arrays: dict[str, np.ndarray] = {"probabilities": found.probabilities}
        if found.prompt_prob is not None:
            arrays["prompt_prob"] = found.prompt_prob
        if found.missing is not None and found.missing.any():
            arrays["unanswered"] = found.missing
        document = {
            "entry": f"{name}:{number}",
            "corpus": f"{texts}:{texts_number}",
            "start": row.start,
            "answers": list(found.answers),
            "replies": None if found.replies is None else list(found.replies),
        }
        yield Piece(document, arrays)


def _transfers(session: Session) -> Iterator[Piece]:
    order = (Transfer.target, Transfer.model, Transfer.adaptation, Transfer.source, Transfer.run)
    for row in session.scalars(select(Transfer).order_by(*order).execution_options(yield_per=AT_ONCE)):
        yield Piece(record_of(row).as_json())


def _time(stored: datetime) -> str:
    return stored.replace(tzinfo=UTC).isoformat()  # SQLite keeps no zone; all times are UTC
