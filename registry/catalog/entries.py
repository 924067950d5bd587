"""Which tasks, models, prompts and corpora are there, in which versions, and what do they hold?"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, true
from sqlalchemy.orm import Session

from registry.catalog.changes import log_change_of
from registry.catalog.database import Database
from registry.catalog.dependents import remove_entry, rename_entry, sweep_contents, whole_name
from registry.catalog.queries import (
    begins,
    body_of,
    in_parts,
    is_newest,
    is_pair_of,
    is_pair_under,
    keep_content,
    named,
    names_near,
    new_id,
    newest_named,
    newest_where,
    passing,
    version_of,
    written,
)
from registry.catalog.records import EntryRecord, Filter, NewEntry
from registry.catalog.tables import Alias, Content, Entry, Tag, Version, VersionContent
from registry.errors import AlreadyExistsError, InputError, NotFoundError
from registry.kinds import EntryKind
from registry.names import (
    Reference,
    checked_entry_name,
    checked_name,
    checked_tag,
    folded,
    normal,
    several,
    truth,
    whole,
)

_SOURCES = (EntryKind.TASK, EntryKind.MODEL)  # that training starts from


class EntryStore:
    """Entries by name. A version, once entered, never changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewEntry, *, replace: bool = False) -> EntryRecord:
        """Enter a new entry, or a new version of a known one; the same content again changes nothing.

        Raises `AlreadyExistsError` where another kind has the name, or other content and `replace` is not set.
        """
        with self.adding(replace=replace) as add:
            return add(new)

    @contextmanager
    def adding(self, *, replace: bool = False) -> Iterator[Callable[[NewEntry], EntryRecord]]:
        """Enter several entries, all or none: hands out `add`, and commits when the block ends."""
        again = truth(replace, "replace")
        with self._database.write() as session:
            yield partial(enter, session, replace=again)

    def get(self, name: str, kind: EntryKind | None = None) -> EntryRecord:
        """Return the version that `name`, `name:3` or `name:alias` means; raise `NotFoundError`."""
        return self._database.remembered(("entry", name, kind), lambda: self._get(name, kind))

    def _get(self, name: str, kind: EntryKind | None) -> EntryRecord:
        reference = Reference.parse(name)
        with self._database.read() as session:
            found = newest_named(session, normal(reference.name)) if reference.version is None else None
            if found is None and (entry := named(session, Entry, reference.name)) is not None:
                found = version_of(session, _version(session, entry.id, reference).id)
            if found is None or (kind is not None and found.kind is not kind):
                raise NotFoundError(kind or "entry", reference.name, names_near(session, reference.name, kind))
            return found

    def by_version_id(self, version_id: int) -> EntryRecord:
        """Return the version with this id."""
        with self._database.read() as session:
            found = version_of(session, version_id)
        if found is None:
            raise InputError("What was asked for has been removed meanwhile.")
        return found

    def all(
        self, where: Filter | None = None, *, after: str | None = None, limit: int | None = None
    ) -> list[EntryRecord]:
        """Return the latest version of every entry that passes the filter, by name.

        It takes a handful of statements, whatever the number of entries.

        Args:
            after: a name; None to begin with the first.
            limit: how many, at most.
        """
        if limit is not None and whole(limit, "limit") < 0:
            raise InputError(f"limit: {limit} rows are none.")
        condition = passing(where or Filter())
        with self._database.read() as session:
            if after is not None or limit is not None:
                page = select(Entry.id).where(condition, _behind(after)).order_by(Entry.name).limit(limit)
                condition = Entry.id.in_(page)
            return newest_where(session, condition)

    def existing(self, names: Collection[str], kinds: Collection[EntryKind] = _SOURCES) -> set[str]:
        """Return those of some names that are entries of these kinds: tasks and models, if not told."""
        return self.passing(names, Filter(kinds=tuple(kinds)))

    def some(self, names: Collection[str]) -> list[EntryRecord]:
        """Return the latest versions of those of some names, thousands at most, that are there."""
        with self._database.read() as session:
            return newest_where(session, Entry.name.in_(names))

    def called(self, names: Collection[str]) -> dict[str, EntryRecord]:
        """Return the latest versions of the entries of some names, in whatever case, by these as `folded` has them."""
        with self._database.read() as session:
            found = [
                entry
                for part in in_parts({folded(name) for name in names})
                for entry in newest_where(session, Entry.folded.in_(part))
            ]
        return {folded(entry.name): entry for entry in found}

    def specs_of(self, names: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return what the latest versions of some entries say of themselves, by name; those that are there."""
        query = select(Entry.name, Version.spec).join(Version).where(is_newest())
        with self._database.read() as session:
            return {
                name: spec
                for part in in_parts(names)
                for name, spec in session.execute(query.where(Entry.name.in_(part)))
            }

    def renewed(self) -> dict[str, datetime]:
        """Return when the newest version of each entry was added that has several, by name."""
        query = select(Entry.name, Version.created_at).join(Version).where(Version.number > 1, is_newest())
        with self._database.read() as session:
            return {name: since.replace(tzinfo=UTC) for name, since in session.execute(query)}

    def passing(self, names: Collection[str], where: Filter) -> set[str]:
        """Return those of some names that are entries which pass a filter."""
        query = select(Entry.name).where(passing(where))
        with self._database.read() as session:
            return {name for part in in_parts(names) for name in session.scalars(query.where(Entry.name.in_(part)))}

    def beginning(self, prefix: str, where: Filter | None = None, *, limit: int | None) -> list[str]:
        """Return the first names that begin so, or all, of entries that pass a filter."""
        query = select(Entry.name).where(passing(where or Filter()), begins(Entry.name, normal(prefix)))
        with self._database.read() as session:
            return list(session.scalars(query.order_by(Entry.name).limit(limit)))

    def count(self, where: Filter | None = None, *, after: str | None = None) -> int:
        """Return how many entries pass a filter: all of them, or those behind a name."""
        query = select(func.count()).select_from(Entry).where(passing(where or Filter()), _behind(after))
        with self._database.read() as session:
            return session.scalar(query) or 0

    def contents_of(self, names: Collection[str], role: str) -> dict[str, bytes]:
        """Return what the latest versions of entries hold in a role, by name; those that hold nothing are left out."""
        query = (
            select(Entry.name, Content)
            .join(Version, Version.entry_id == Entry.id)
            .join(VersionContent, VersionContent.version_id == Version.id)
            .join(Content, Content.sha256 == VersionContent.sha256)
            .where(is_newest(), VersionContent.role == role, Entry.name.in_(names))
        )
        with self._database.read() as session:
            return {name: body_of(row, row.sha256) for name, row in session.execute(query)}

    def held(self) -> list[tuple[EntryKind, str, str, str]]:
        """Return kind and name of entries with the role and hash of what their latest versions hold, by name."""
        query = (
            select(Entry.kind, Entry.name, VersionContent.role, VersionContent.sha256)
            .join(Version, Version.id == VersionContent.version_id)
            .join(Entry, Entry.id == Version.entry_id)
            .where(is_newest())
            .order_by(Entry.name, VersionContent.role)
        )
        with self._database.read() as session:
            return [(kind, name, role, sha256) for kind, name, role, sha256 in session.execute(query)]

    def counts(self) -> dict[EntryKind, int]:
        """Return how many entries there are of each kind; a kind of which there are none is left out."""
        query = select(Entry.kind, func.count()).group_by(Entry.kind)
        with self._database.read() as session:
            return {kind: count for kind, count in session.execute(query)}

    def hashes(self, kind: EntryKind) -> dict[str, str]:
        """Return the content hash of the latest version of every entry of a kind, by name."""
        query = select(Entry.name, Version.content_hash).join(Version).where(Entry.kind == kind, is_newest())
        with self._database.read() as session:
            return {name: content_hash for name, content_hash in session.execute(query)}

    def specs(self, version_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """Return the descriptions of some versions, by their ids."""
        query = select(Version.id, Version.spec).where(Version.id.in_(version_ids))
        with self._database.read() as session:
            return {version_id: spec for version_id, spec in session.execute(query)}

    def prompts_of(self, model: str) -> list[str]:
        """Return the names of a model's prompts: of every `MODEL@PROMPT`, by name."""
        query = select(Entry.name).where(is_pair_of(model)).order_by(Entry.name)
        with self._database.read() as session:
            return [name.partition("@")[2] for name in session.scalars(query)]

    def prompted_by(self, prompt: str) -> list[str]:
        """Return the names of the models that answer under a prompt: of every `MODEL@PROMPT`, by name."""
        query = select(Entry.name).where(is_pair_under(prompt)).order_by(Entry.name)
        with self._database.read() as session:
            return [name.partition("@")[0] for name in session.scalars(query)]

    def remove(self, names: str | Sequence[str], kind: EntryKind) -> None:
        """Remove entries with their versions, vectors and outputs, all or none.

        Args:
            names: one or several; where `kind` is a model's, `MODEL@PROMPT` means the prompted model.

        Raises:
            InUseError: a space is built on one, or a prompted model is made with it.
            NotFoundError: one is not there; all others are left as well.
        """
        wanted = dict.fromkeys(several(names, "names"))
        records = [self.get(whole_name(name, "removed"), _kind_of(name, kind)) for name in wanted]
        with self._database.write() as session:
            held = {sha256 for record in records for sha256 in remove_entry(session, record)}
            sweep_contents(session, held)

    def rename(self, name: str, new: str, kind: EntryKind) -> EntryRecord:
        """Give an entry another name, also in the `MODEL@PROMPT` made with it and in measured transfers.

        Raises:
            AlreadyExistsError: the name is taken.
            InputError: it is no name, or transfers of both names are recorded.
        """
        record, new = self.get(whole_name(name, "renamed"), kind), checked_name(new)
        if new != record.name:
            with self._database.write() as session:
                rename_entry(session, record, new)
        return self.get(new, kind)

    def tag(
        self, name: str, kind: EntryKind | None = None, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> EntryRecord:
        """Add and remove tags."""
        record = self.get(name, kind)
        with self._database.write() as session:
            entry = session.scalars(select(Entry).where(Entry.name == record.name)).one()
            add_tags(session, entry.id, add)
            gone = Tag.tag.in_(several(remove, "tags"))
            session.execute(delete(Tag).where(Tag.entry_id == entry.id, gone))
        return self.get(record.name)

    def set_alias(self, name: str, alias: str, kind: EntryKind | None = None) -> EntryRecord:
        """Let `alias` mean the version that `name` means (`name:3`), wherever it pointed before."""
        record = self.get(name, kind)
        if (alias := checked_name(alias)).isdecimal():
            raise InputError(f"{alias!r} cannot be an alias: a number means a version.")
        with self._database.write() as session:
            whose = select(Entry.id).join(Version).where(Version.id == record.version_id).with_for_update(of=Entry)
            entry_id = session.scalars(whose).one()  # locked in a server, so that nobody sets it in another case
            known = session.scalars(select(Alias.alias).where(Alias.entry_id == entry_id))
            alias = next((one for one in known if one.casefold() == alias.casefold()), alias)
            session.merge(Alias(entry_id=entry_id, alias=alias, version_id=record.version_id))
        return self.get(name)

    def content(self, sha256: str) -> bytes:
        """Return stored bytes by their hash; raise `IntegrityError` where they are not what was stored."""
        with self._database.read() as session:
            return body_of(session.get(Content, sha256), sha256)


def _behind(name: str | None) -> ColumnElement[bool]:
    return true() if name is None else Entry.name > normal(name)


def enter(session: Session, new: NewEntry, *, replace: bool) -> EntryRecord:
    """Enter an entry within a transaction; see `EntryStore.add`."""
    name = checked_entry_name(new.name) if new.kind is EntryKind.PROMPTED_MODEL else checked_name(new.name)
    entry = named(session, Entry, name)
    number = 0
    if entry is None:
        entry = Entry(name=name, kind=new.kind, created_at=datetime.now(UTC))
        session.add(entry)
    elif entry.kind is not new.kind:
        raise AlreadyExistsError(entry.name, entry.kind, "names are shared by all kinds; choose another.")
    else:
        latest = _latest(session, entry.id)
        number = latest.number
        same = says_the_same(new.kind, latest.spec, new.spec, is_recorded=bool(new.contents))
        if latest.content_hash == new.content_hash and same:
            _bring_back(session, latest, new)
            add_tags(session, entry.id, new.tags)
            return written(session, latest)
        if not replace:
            mend = "" if new.kind is EntryKind.CORPUS else ", or pass --replace"  # a corpus is pinned
            raise AlreadyExistsError(entry.name, entry.kind, f"choose another name{mend}.")
        log_change_of(session, select(Version.id).where(Version.entry_id == entry.id))  # its vector is now an old one
    entry.task_kind, entry.language, entry.description = new.task_kind, new.language, new.description
    session.flush()
    version = Version(
        id=new_id(session, Version),
        entry_id=entry.id,
        number=number + 1,
        content_hash=new.content_hash,
        spec=new.spec,
        created_at=datetime.now(UTC),
    )
    session.add(version)
    session.flush()
    for role, body in new.contents.items():
        session.add(VersionContent(version_id=version.id, role=role, sha256=keep_content(session, body)))
    add_tags(session, entry.id, new.tags)
    return written(session, version)


def _bring_back(session: Session, version: Version, new: NewEntry) -> None:
    """Keep anew what a version holds and damage has taken away."""
    held = select(VersionContent.role).join(Content, Content.sha256 == VersionContent.sha256)
    there = set(session.scalars(held.where(VersionContent.version_id == version.id)))
    for role in new.contents.keys() - there:
        sha256 = keep_content(session, new.contents[role])
        session.merge(VersionContent(version_id=version.id, role=role, sha256=sha256))


def says_the_same(kind: EntryKind, known: dict[str, Any], new: dict[str, Any], *, is_recorded: bool) -> bool:
    """Say whether recorded answers mean what they meant: their hash is of the numbers alone."""
    if kind is EntryKind.PROMPTED_MODEL and is_recorded:
        return known == new
    return kind is not EntryKind.MODEL or known.get("answers") == new.get("answers")


def _kind_of(name: str, kind: EntryKind) -> EntryKind:
    return EntryKind.PROMPTED_MODEL if kind is EntryKind.MODEL and "@" in name else kind


def _latest(session: Session, entry_id: int) -> Version:
    query = select(Version).where(Version.entry_id == entry_id).order_by(Version.number.desc()).limit(1)
    return session.scalars(query).one()


def _version(session: Session, entry_id: int, reference: Reference) -> Version:
    if reference.version is None:
        return _latest(session, entry_id)
    query = select(Version).where(Version.entry_id == entry_id)
    if reference.version.isdecimal():
        query = query.where(Version.number == min(int(reference.version), 2**31 - 1))  # integers end
    else:
        its = Alias.entry_id == entry_id
        aliases = session.scalars(select(Alias.alias).where(its))
        meant = [alias for alias in aliases if alias.casefold() == reference.version.casefold()]
        query = query.join(Alias, Alias.version_id == Version.id).where(its, Alias.alias.in_(meant))
    version = session.scalar(query)
    if version is None:
        raise NotFoundError("version", str(reference))
    return version


def add_tags(session: Session, entry_id: int, tags: Sequence[str]) -> None:
    """Put tags on an entry, within a transaction."""
    for tag in sorted({checked_tag(tag) for tag in several(tags, "tags")}):
        session.merge(Tag(entry_id=entry_id, tag=tag))
    session.flush()
