"""What is known of an entry in words, for a page or a card."""

from collections.abc import Mapping
from typing import Any

from registry.catalog import EntryRecord
from registry.kinds import EntryKind


def facts_of(record: EntryRecord) -> dict[str, str]:
    """Return what is known of an entry in words, by what it is called."""
    spec = record.spec
    facts: dict[str, Any] = {"kind": record.task_kind or record.kind.value, "language": record.language}
    if record.kind is EntryKind.TASK:
        size = spec.get("examples") or {}
        facts["examples"] = ", ".join(f"{count:,} {split}" for split, count in size.items() if count)
        facts["answers"] = answers_line(spec)
    elif record.kind in (EntryKind.MODEL, EntryKind.PROMPTED_MODEL):
        facts |= {key: value for key, value in spec.items() if key not in ("limits",)}
        facts |= spec.get("limits") or {}
    elif record.kind is EntryKind.CORPUS:
        facts |= {key: spec.get(key) for key in ("texts", "source")}
    else:
        facts["answers"] = ", ".join(spec.get("choices", ()))
    facts |= {key: spec.get(key) for key in ("source", "license") if key not in facts}
    facts["registered"] = f"{record.created_at:%Y-%m-%d %H:%M} UTC"
    facts["content hash"] = record.content_hash
    return {name: _said(value) for name, value in facts.items() if value not in (None, "", [], {})}


def answers_line(spec: Mapping[str, Any]) -> str | None:
    """Return a task's labels with their texts, or the ends of its scale."""
    if spec.get("range"):
        low, high = spec["range"]
        return f"{low:g} to {high:g}"
    texts = spec.get("answers") or {}
    labels = spec.get("labels") or ()
    named = [f"{label} ({texts[label]})" if texts.get(label, label) != label else label for label in labels]
    return ", ".join(named) or None


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
