"""Merges entries: the same content under a name is one, later versions are added, all else clashes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.catalog.changes import log_change_of
from registry.catalog.entries import add_tags, says_the_same
from registry.catalog.queries import keep_content, named, new_id
from registry.catalog.tables import Alias, Entry, Version, VersionContent
from registry.catalog.whole.fields import Fields
from registry.catalog.whole.merge import Merge
from registry.catalog.whole.pieces import Piece, Section
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.names import checked_entry_name, checked_name, checked_tag

LONGEST_ROLE = 20  # characters


@dataclass(frozen=True)
class NewVersion:
    """A version that comes in."""

    number: int
    content_hash: str
    spec: dict[str, Any]
    created_at: datetime
    contents: dict[str, str]  # role -> sha256


@dataclass(frozen=True)
class ComingEntry:
    """An entry that comes in, whole and checked."""

    name: str
    kind: EntryKind
    about: dict[str, str | None]  # task_kind, language, description
    created_at: datetime
    tags: tuple[str, ...]
    aliases: dict[str, int]
    versions: tuple[NewVersion, ...]  # by number, from 1 on


def merge_entry(merge: Merge, piece: Piece) -> None:
    """Merge an entry with its versions, tags and aliases; raise `DataError` where it is none."""
    coming = coming_entry(piece)
    parts = coming.name.split("@") if coming.kind is EntryKind.PROMPTED_MODEL else []
    if merge.leaves_out(Section.ENTRIES, *parts):
        merge.clashing.add(coming.name.casefold())
        return
    _check_parts(merge, Fields.of(piece), coming)
    merge.kinds[coming.name] = coming.kind
    entry, here = named(merge.session, Entry, coming.name), coming.name
    if coming.kind is EntryKind.PROMPTED_MODEL:
        here, coming = _spelled(merge.session, coming)
    if entry is None:
        entry = Entry(name=here, kind=coming.kind, created_at=coming.created_at, **coming.about)
        merge.session.add(entry)
        merge.session.flush()
        _add(merge, entry, coming, known=0)
        merge.report.added[Section.ENTRIES] += 1
        return
    query = select(Version).where(Version.entry_id == entry.id).order_by(Version.number)
    versions = merge.session.scalars(query).all()
    if entry.kind is not coming.kind or not _are_same(coming, versions):
        told = "with other content" if entry.kind is coming.kind else f"of another kind, {entry.kind.value}"
        merge.clash(Section.ENTRIES, f"{coming.kind.value} {coming.name!r} is here {told}", coming.name)
        return
    for version in versions:
        merge.versions[coming.name, version.number] = version.id
    if len(coming.versions) > len(versions):
        log_change_of(merge.session, select(Version.id).where(Version.entry_id == entry.id))  # they are old ones now
        for column, value in coming.about.items():
            setattr(entry, column, value)
        merge.report.added[Section.ENTRIES] += 1
    else:
        merge.report.known[Section.ENTRIES] += 1
    _add(merge, entry, coming, known=len(versions))


def _check_parts(merge: Merge, fields: Fields, coming: ComingEntry) -> None:
    """Raise `DataError` where a prompted model is made of a model or a prompt that is not there, or is another."""
    model, _, prompt = coming.name.partition("@")
    parts = (("model", model, EntryKind.MODEL), ("prompt", prompt, EntryKind.PROMPT)) if prompt else ()
    for version in coming.versions:
        for role, name, kind in parts:
            if role in version.spec:
                part = Fields(version.spec, fields.place).version(role)
                merge.version_id(fields, part, kind)
                if part[0] != name:
                    raise fields.fault(f"its {role} is {part[0]}, and not the one that it is named after.")


def _spelled(session: Session, coming: ComingEntry) -> tuple[str, ComingEntry]:
    """Return how a prompted model is called here, and it with its model and prompt as they are spelt here."""
    names = {}
    for role, name in zip(("model", "prompt"), coming.name.split("@"), strict=True):
        known = named(session, Entry, name)  # none where only the vector of the pair was brought in
        names[role] = name if known is None else known.name
    versions = tuple(
        replace(
            version,
            spec=version.spec
            | {role: _renamed(version.spec[role], names[role]) for role in names if role in version.spec},
        )
        for version in coming.versions
    )
    return f"{names['model']}@{names['prompt']}", replace(coming, versions=versions)


def _renamed(version: str, name: str) -> str:
    """Return a `NAME:3` with another name."""
    return f"{name}:{version.rpartition(':')[2]}"


def coming_entry(piece: Piece) -> ComingEntry:
    """Return the entry that a piece describes; raise `DataError`."""
    fields = Fields.of(piece)
    try:
        kind = EntryKind(fields.one("kind", str))
        name = fields.one("name", str)
        checked = checked_entry_name(name) if kind is EntryKind.PROMPTED_MODEL else checked_name(name)
        tags = tuple(map(checked_tag, fields.texts("tags")))
        aliases = {checked_name(alias): number for alias, number in fields.one("aliases", dict).items()}
    except ValueError as error:
        raise fields.fault("kind is none that is known.") from error
    except InputError as error:
        raise fields.fault(str(error)) from error
    if checked != name or (kind is EntryKind.PROMPTED_MODEL) != ("@" in name):
        raise fields.fault(f"{name[:60]!r} is not the name of a {kind.value}.")
    versions = tuple(_version(Fields(version, fields.place)) for version in fields.one("versions", list))
    if [version.number for version in versions] != list(range(1, len(versions) + 1)) or not versions:
        raise fields.fault("versions are not numbered from 1 on.")
    for alias, number in aliases.items():
        if type(number) is not int or not 1 <= number <= len(versions) or alias.isdecimal():
            raise fields.fault(f"the alias {alias!r} means no version.")
    about = {column: fields.one_or_none(column, str) for column in ("task_kind", "language", "description")}
    return ComingEntry(name, kind, about, fields.time("created_at"), tags, aliases, versions)


def _version(fields: Fields) -> NewVersion:
    contents = Fields(fields.one("contents", dict), fields.place)
    if any(not 0 < len(role) <= LONGEST_ROLE for role in contents.document):
        raise fields.fault("contents have no role, or one with a long name.")
    return NewVersion(
        number=fields.count("number", least=1),
        content_hash=fields.sha256("content_hash"),
        spec=fields.one("spec", dict),
        created_at=fields.time("created_at"),
        contents={role: contents.sha256(role) for role in contents.document},
    )


def _are_same(coming: ComingEntry, versions: Sequence[Version]) -> bool:
    """Say whether one history of versions begins with the other."""
    return all(
        new.content_hash == known.content_hash
        and says_the_same(coming.kind, known.spec, new.spec, is_recorded=bool(new.contents))
        for new, known in zip(coming.versions, versions, strict=False)
    )


def _add(merge: Merge, entry: Entry, coming: ComingEntry, *, known: int) -> None:
    """Add the versions beyond those that are known, tags and aliases."""
    session = merge.session
    for new in coming.versions[known:]:
        version = Version(
            id=new_id(session, Version),
            entry_id=entry.id,
            number=new.number,
            content_hash=new.content_hash,
            spec=new.spec,
            created_at=new.created_at,
        )
        session.add(version)
        session.flush()
        for role, sha256 in new.contents.items():
            keep_content(session, merge.content(sha256))
            session.add(VersionContent(version_id=version.id, role=role, sha256=sha256))
        merge.versions[coming.name, new.number] = version.id
        if coming.kind in (EntryKind.MODEL, EntryKind.PROMPTED_MODEL):
            merge.report.models.setdefault(coming.name, []).append(new.spec)
    add_tags(session, entry.id, coming.tags)
    _merge_aliases(merge, entry, coming)
    session.flush()


def _merge_aliases(merge: Merge, entry: Entry, coming: ComingEntry) -> None:
    held = merge.session.scalars(select(Alias).where(Alias.entry_id == entry.id))
    known = {row.alias.casefold(): row.version_id for row in held}
    for alias, number in coming.aliases.items():
        meant = merge.versions[coming.name, number]
        if alias.casefold() not in known:
            merge.session.add(Alias(entry_id=entry.id, alias=alias, version_id=meant))
        elif known[alias.casefold()] != meant:
            merge.report.clashes.append(f"alias '{coming.name}:{alias}' means another version here")
