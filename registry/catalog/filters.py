"""Conditions that several queries share: what a filter lets through, and which versions count."""

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.orm import aliased

from registry.catalog.records import Filter
from registry.catalog.tables import Entry, Tag, Version


def passing(where: Filter) -> ColumnElement[bool]:
    """Return the condition that an entry passes a filter."""
    conditions: list[ColumnElement[bool]] = [true()]
    if where.kinds:
        conditions.append(Entry.kind.in_(where.kinds))
    if where.task_kind is not None:
        conditions.append(Entry.task_kind == where.task_kind)
    if where.language is not None:
        conditions.append(Entry.language == where.language)
    for tag in where.tags:
        row = aliased(Tag)
        conditions.append(select(row).where(row.entry_id == Entry.id, row.tag == tag).exists())
    return and_(*conditions)


def is_newest(version: type[Version] = Version) -> ColumnElement[bool]:
    """Return the condition that a version is the latest of its entry: older ones are kept, not compared."""
    other = aliased(Version)
    newest = select(func.max(other.number)).where(other.entry_id == version.entry_id).scalar_subquery()
    return version.number == newest
