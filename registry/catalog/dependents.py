"""What hangs on an entry: it goes with the entry, keeps it from going, or follows its new name."""

from collections.abc import Collection

from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.orm import Session

from registry.catalog.changes import log_change_of
from registry.catalog.queries import in_parts, is_pair_of, is_pair_under, named
from registry.catalog.records import EntryRecord
from registry.catalog.tables import Content, Entry, Space, Transfer, Version, VersionContent
from registry.catalog.transfers import Key, key_of
from registry.errors import AlreadyExistsError, InputError, InUseError, NotFoundError
from registry.kinds import EntryKind
from registry.names import Reference


def whole_name(name: str, what: str) -> str:
    """Return the name of an entry; raise `InputError` where it means one version."""
    if Reference.parse(name).version is not None:
        raise InputError(f"{name!r} is one version, and an entry is {what} with all of them: leave out the version.")
    return name


def remove_entry(session: Session, record: EntryRecord) -> set[str]:
    """Remove an entry, a model with its pairs; return the hashes of what they held. Raise `InUseError`."""
    entry = _entry_of(session, record)
    if entry is None:
        return set()  # it went with its model, a moment ago
    pairs = session.scalars(_prompted_with(entry)).all() if entry.kind in (EntryKind.MODEL, EntryKind.PROMPT) else ()
    if entry.kind is not EntryKind.MODEL:  # whose pairs are nothing without it
        versions = select(Version.id).where(Version.entry_id == entry.id)
        spaces = session.scalars(select(Space.name).where(Space.corpus_version_id.in_(versions))).all()
        if spaces or pairs:
            raise InUseError(record.name, [f"space {name}" for name in spaces] + [pair.name for pair in pairs])
    held: set[str] = set()
    for one in (*pairs, entry):
        versions = select(Version.id).where(Version.entry_id == one.id)
        held |= set(session.scalars(select(VersionContent.sha256).where(VersionContent.version_id.in_(versions))))
        log_change_of(session, versions)
        session.delete(one)
    session.flush()
    return held


def sweep_contents(session: Session, sha256s: Collection[str]) -> None:
    """Remove those of some contents that no version holds any more."""
    is_held = select(VersionContent.sha256).where(VersionContent.sha256 == Content.sha256).exists()
    for some in in_parts(sha256s):
        session.execute(delete(Content).where(Content.sha256.in_(some), ~is_held))


def rename_entry(session: Session, record: EntryRecord, new: str) -> None:
    """Give an entry another name, also in its pairs and in transfers."""
    entry, taken = _entry_of(session, record), named(session, Entry, new)
    if entry is None:
        raise NotFoundError(record.kind, record.name)
    if taken is not None and taken.id != entry.id:
        raise AlreadyExistsError(taken.name, taken.kind, "choose another name.")
    for pair in session.scalars(_prompted_with(entry)).all():
        _rename_in_pair(session, pair, record, new)
    if entry.kind in (EntryKind.TASK, EntryKind.MODEL):  # what was started from
        _rename_in_transfers(session, entry.name, new)
    entry.name, entry.folded = new, new.casefold()


def _entry_of(session: Session, record: EntryRecord) -> Entry | None:
    """Return the entry that was looked up a moment ago, whatever it is called now; None where it is gone."""
    version = session.get(Version, record.version_id)
    return None if version is None else session.get(Entry, version.entry_id)


def _rename_in_pair(session: Session, pair: Entry, part: EntryRecord, new: str) -> None:
    """Name a prompted model after the new name of its model or prompt, in each of its versions."""
    model, _, prompt = pair.name.partition("@")
    name = f"{new}@{prompt}" if part.kind is EntryKind.MODEL else f"{model}@{new}"
    taken = named(session, Entry, name)
    if taken is not None and taken.id != pair.id:
        raise AlreadyExistsError(taken.name, taken.kind, f"{pair.name} would be called so: choose another name.")
    pair.name = name
    pair.folded = pair.name.casefold()
    role = "model" if part.kind is EntryKind.MODEL else "prompt"
    for version in session.scalars(select(Version).where(Version.entry_id == pair.id)):
        _, colon, number = str(version.spec.get(role, "")).partition(":")
        version.spec = {**version.spec, role: f"{new}{colon}{number}"}


def _rename_in_transfers(session: Session, old: str, new: str) -> None:
    before, after = old.casefold(), new.casefold()
    ends = {Transfer.target: Transfer.folded_target, Transfer.source: Transfer.folded_source}

    def is_told(name: str) -> bool:
        return any(session.scalar(select(its).where(its == name).limit(1)) is not None for its in ends.values())

    if before != after and is_told(before) and is_told(after):
        raise InputError(f"Transfers of {new!r} are recorded already, beside those of {old!r}: choose another name.")
    if (twice := _recorded_twice(session, before)) is not None:
        ends_of = f"--target {twice.target} --source {twice.source}"
        raise InputError(
            f"The transfer from {twice.source!r} to {twice.target!r} in {twice.model}/{twice.adaptation} is recorded "
            f"twice, in two cases of its names: 'fute transfer remove {ends_of}' removes both; record it once."
        )
    for end, folded in ends.items():
        session.execute(update(Transfer).where(folded == before).values({end: new, folded: after}))


def _recorded_twice(session: Session, folded: str) -> Transfer | None:
    """Return a measurement of a task that an older release kept in two cases of its names; None where there is none."""
    is_its = or_(Transfer.folded_target == folded, Transfer.folded_source == folded)
    seen: set[Key] = set()
    for row in session.scalars(select(Transfer).where(is_its).order_by(Transfer.id)):
        if key_of(row) in seen:
            return row
        seen.add(key_of(row))
    return None


def _prompted_with(entry: Entry) -> Select[Entry]:
    """Return the query for the prompted models, `MODEL@PROMPT`, that are made with this entry."""
    is_its = is_pair_of(entry.name) if entry.kind is EntryKind.MODEL else is_pair_under(entry.name)
    return select(Entry).where(Entry.kind == EntryKind.PROMPTED_MODEL, is_its).order_by(Entry.name)
