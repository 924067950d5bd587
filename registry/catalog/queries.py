"""What several stores ask alike: what a filter lets through, which versions count, and bytes by their hash."""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Row,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from registry.catalog.records import EntryRecord, Filter
from registry.catalog.tables import Alias, Content, Embedding, Entry, Space, State, Tag, Version, VersionContent
from registry.errors import InputError, IntegrityError, LostContentError
from registry.kinds import EntryKind
from registry.names import folded, normal

AT_ONCE = 500  # values in a statement
FEW = 500  # names that are read to find one that is near
_LAST = "\U0010ffff"  # of all letters, in the order of their numbers

Named = TypeVar("Named", Entry, Space)


def in_parts(values: Collection[str]) -> Iterator[list[str]]:
    """Yield values, sorted, as many at once as a statement holds."""
    some = sorted(values)
    return (some[start : start + AT_ONCE] for start in range(0, len(some), AT_ONCE))


# What every question reads is asked by statements that are made once and give rows, not objects: a tenth of the time.
_ENTRY, _VERSION, _TAG = Entry.__table__.c, Version.__table__.c, Tag.__table__.c
_ALIAS, _CONTENT = Alias.__table__.c, VersionContent.__table__.c

_EITHER = select(
    _ENTRY.id,
    _ENTRY.name,
    _ENTRY.kind,
    _VERSION.number,
    _VERSION.id,
    _VERSION.content_hash,
    _ENTRY.task_kind,
    _ENTRY.language,
    _ENTRY.description,
    _VERSION.spec,
    _VERSION.created_at,
).where(_VERSION.entry_id == _ENTRY.id)
_NEWEST = _EITHER.where(_ENTRY.name == bindparam("name")).order_by(_VERSION.number.desc()).limit(1)
_VERSION_OF = _EITHER.where(_VERSION.id == bindparam("version_id"))
_BELONGINGS = union_all(
    select(literal("tag"), _TAG.tag, literal("")).where(_TAG.entry_id == bindparam("entry_id")),
    select(literal("alias"), _ALIAS.alias, cast(_VERSION.number, String)).where(
        _VERSION.id == _ALIAS.version_id, _ALIAS.entry_id == bindparam("entry_id")
    ),
    select(literal("content"), _CONTENT.role, _CONTENT.sha256).where(_CONTENT.version_id == bindparam("version_id")),
)


def passing(where: Filter) -> ColumnElement[bool]:
    """Return the condition that an entry passes a filter."""
    conditions: list[ColumnElement[bool]] = [true()]
    if where.kinds:
        conditions.append(Entry.kind.in_(where.kinds))
    if where.task_kind is not None:
        conditions.append(Entry.task_kind == where.task_kind)
    if where.language is not None:
        conditions.append(Entry.language == where.language)
    if where.text:
        if "\0" in where.text:  # SQLite would look for what stands before it
            raise InputError("A text that is looked for holds no NUL character.")
        text = folded(where.text)
        described = (  # whose letters the database lowers as far as they are ASCII
            func.lower(Entry.description).contains(text, autoescape=True),
            Entry.description.contains(normal(where.text), autoescape=True),
        )
        conditions.append(or_(Entry.folded.contains(text, autoescape=True), *described))
    conditions += [Entry.id.in_(select(Tag.entry_id).where(Tag.tag == tag)) for tag in where.tags]
    return and_(*conditions)


def named(session: Session, table: type[Named], name: str) -> Named | None:
    """Return the row of this name, else the one whose name differs from it in case alone; None where neither is."""
    name = normal(name)
    found = session.scalar(select(table).where(table.name == name))
    if found is not None:
        return found
    if table is Entry:
        return session.scalar(select(table).where(Entry.folded == name.casefold()).limit(1))
    alike = (known for known in session.scalars(select(table.name)) if known.casefold() == name.casefold())
    return session.scalar(select(table).where(table.name == next(alike, None)))  # spaces are few


def ids_named(session: Session, names: Sequence[str]) -> list[int]:
    """Return the ids of the entries that have these names, in any case of their letters."""
    wanted = {folded(name) for name in names}
    return [id_ for part in in_parts(wanted) for id_ in session.scalars(select(Entry.id).where(Entry.folded.in_(part)))]


def is_pair_of(model: str) -> ColumnElement[bool]:
    """Return the condition that an entry is a `MODEL@PROMPT` of a model, whatever the case of its name."""
    first = f"{folded(model)}@"
    return Entry.folded.between(first, first + _LAST)


def is_pair_under(prompt: str) -> ColumnElement[bool]:
    """Return the condition that an entry is a `MODEL@PROMPT` of a prompt, whatever the case of its name."""
    return and_(Entry.kind == EntryKind.PROMPTED_MODEL, Entry.folded.endswith(f"@{folded(prompt)}", autoescape=True))


def begins(column: InstrumentedAttribute[str], prefix: str) -> ColumnElement[bool]:
    """Return the condition that a name begins with a prefix: a range, which an index finds."""
    return column.between(prefix, prefix + _LAST)


def names_near(session: Session, name: str, kind: EntryKind | None) -> list[str]:
    """Return names that a misspelt one may have meant: all where they are few, else its neighbours in the alphabet."""
    of_kind = true() if kind is None else Entry.kind == kind
    few = session.scalars(select(Entry.name).where(of_kind).limit(FEW + 1)).all()
    if len(few) <= FEW:
        return list(few)
    near, query = folded(name), select(Entry.name, Entry.kind).limit(FEW)
    after = session.execute(query.where(Entry.folded >= near).order_by(Entry.folded)).all()
    before = session.execute(query.where(Entry.folded < near).order_by(Entry.folded.desc())).all()
    return [known for known, its in (*after, *before) if kind in (None, its)]


@cache
def is_newest(version: type[Version] = Version) -> ColumnElement[bool]:
    """Return the condition that a version is the latest of its entry: older ones are kept, not compared."""
    other = aliased(Version)
    newest = select(func.max(other.number)).where(other.entry_id == version.entry_id).correlate(version)
    return version.number == newest.scalar_subquery()


def new_id(session: Session, table: type[Version | Space | Embedding]) -> int:
    """Return an id that no row has or has had; see `new_ids`."""
    return new_ids(session, table, 1)[0]


def new_ids(session: Session, table: type[Version | Space | Embedding], count: int) -> range:
    """Return ids that no row has or has had: SQLite would give those of removed rows again.

    Whoever still holds an old id, of an entry that was removed while it was embedded, must not meet a new one.
    """
    given = session.scalar(select(State.last_ids)) or {}
    name = table.__tablename__
    last = max(given.get(name, 0), session.scalar(select(func.max(table.id))) or 0)
    session.execute(update(State).values(last_ids={**given, name: last + count}))
    return range(last + 1, last + count + 1)


def body_of(row: Content | Row | None, sha256: str) -> bytes:  # type: ignore[type-arg] # of hash and body
    """Return stored bytes; raise `IntegrityError` where they are missing, or not what was stored."""
    if row is None:
        raise LostContentError(sha256)
    try:
        body = zlib.decompress(row.body)
    except zlib.error:
        body = b""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise IntegrityError(f"Content {sha256} is damaged: run 'fute repair'.")
    return body


def keep_content(session: Session, body: bytes) -> str:
    """Store bytes under their hash, once, and return the hash."""
    sha256 = hashlib.sha256(body).hexdigest()
    if session.scalar(select(func.count()).where(Content.sha256 == sha256)) == 0:
        session.add(Content(sha256=sha256, size=len(body), body=zlib.compress(body, 6)))
        session.flush()
    return sha256


def checked_numbers(body: bytes, sha256: str, name: str, space: str) -> NDArray[np.float32]:
    """Return a stored vector, (dimension,); raise `IntegrityError` where it is not what was stored."""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise IntegrityError(f"The vector of {name!r} is damaged: {mend(name, space)}.")
    return np.frombuffer(body, "<f4").astype(np.float32)


def mend(name: str, space: str) -> str:
    """Say how a damaged vector is made anew."""
    return f"run 'fute embed {name} --again --space {space}'"


def sealed(body: bytes) -> bytes:
    """Return bytes with their checksum behind them."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def unsealed(stored: object) -> bytes | None:
    """Return the bytes that were sealed; None where they are damaged."""
    body = stored[:-4] if isinstance(stored, bytes) else b""
    return body if body and sealed(body) == stored else None


def newest_named(session: Session, name: str) -> EntryRecord | None:
    """Return the latest version of the entry that has this very name."""
    return _read(session, _NEWEST, name=name)


def newest_where(session: Session, condition: ColumnElement[bool]) -> list[EntryRecord]:
    """Return the latest versions of the entries that meet a condition, by name, in four statements."""
    latest = select(Entry, Version).join(Version).where(condition, is_newest()).order_by(Entry.name)
    tags = select(Tag.entry_id, Tag.tag).join(Entry).where(condition).order_by(Tag.tag)
    aliases = (
        select(Alias.entry_id, Alias.alias, Version.number)
        .join(Version, Version.id == Alias.version_id)
        .join(Entry, Entry.id == Alias.entry_id)
        .where(condition)
        .order_by(Alias.alias)
    )
    contents = (
        select(VersionContent.version_id, VersionContent.role, VersionContent.sha256)
        .join(Version, Version.id == VersionContent.version_id)
        .join(Entry, Entry.id == Version.entry_id)
        .where(condition, is_newest())
    )
    tags_of: dict[int, list[str]] = defaultdict(list)
    aliases_of: dict[int, dict[str, int]] = defaultdict(dict)
    contents_of: dict[int, dict[str, str]] = defaultdict(dict)
    for entry_id, tag in session.execute(tags):
        tags_of[entry_id].append(tag)
    for entry_id, alias, number in session.execute(aliases):
        aliases_of[entry_id][alias] = number
    for version_id, role, sha256 in session.execute(contents):
        contents_of[version_id][role] = sha256
    return [
        _record(entry, version, tags_of[entry.id], aliases_of[entry.id], contents_of[version.id])
        for entry, version in session.execute(latest)
    ]


def _record(
    entry: Entry, version: Version, tags: Sequence[str], aliases: dict[str, int], contents: dict[str, str]
) -> EntryRecord:
    return EntryRecord(
        name=entry.name,
        kind=entry.kind,
        version=version.number,
        version_id=version.id,
        content_hash=version.content_hash,
        task_kind=entry.task_kind,
        language=entry.language,
        description=entry.description,
        tags=tuple(tags),
        aliases=aliases,
        contents=contents,
        spec=version.spec,
        created_at=version.created_at.replace(tzinfo=UTC),  # SQLite keeps no zone; all times are UTC
    )


def version_of(session: Session, version_id: int) -> EntryRecord | None:
    """Return the version with this id."""
    return _read(session, _VERSION_OF, version_id=version_id)


def written(session: Session, version: Version) -> EntryRecord:
    """Return a version that this session has just written, or read."""
    session.flush()
    found = version_of(session, version.id)
    if found is None:
        raise LookupError(version.id)
    return found


def _read(session: Session, query: object, **given: object) -> EntryRecord | None:
    connection = session.connection()
    row = connection.execute(query, given).first()  # type: ignore[call-overload] # one of the two above
    if row is None:
        return None
    entry_id, name, kind, number, version_id, content_hash, task_kind, language, description, spec, created_at = row
    held: dict[str, dict[str, str]] = {"tag": {}, "alias": {}, "content": {}}
    for what, key, value in connection.execute(_BELONGINGS, {"entry_id": entry_id, "version_id": version_id}):
        held[what][key] = value
    return EntryRecord(
        name=name,
        kind=kind,
        version=number,
        version_id=version_id,
        content_hash=content_hash,
        task_kind=task_kind,
        language=language,
        description=description,
        tags=tuple(sorted(held["tag"])),
        aliases={alias: int(version) for alias, version in sorted(held["alias"].items())},
        contents=held["content"],
        spec=spec,
        created_at=created_at.replace(tzinfo=UTC),  # SQLite keeps no zone; all times are UTC
    )
