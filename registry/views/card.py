"""A card of an entry: Markdown with front matter, as hubs of datasets and models read it."""

from collections.abc import Sequence
from typing import Any

from registry.catalog import Catalog, EntryRecord
from registry.catalog.browsing.parts import models_under, vectors_of
from registry.data.transfers import TransferRecord
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt
from registry.shown import without_secrets
from registry.views.facts import facts_of
from registry.views.markdown import code, fenced, front_matter, prose, table

CATEGORIES = {  # of a task's kind, as the Hugging Face hub calls them
    "classification": "text-classification",
    "regression": "text-classification",
    "multiple-choice": "multiple-choice",
    "question-answering": "question-answering",
    "free-text": "text-generation",
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGEST = "1M<n<10M"
TRANSFERS, UNDER = 10, 60  # lines of a card: measured transfers, models under a prompt


def card_of(catalog: Catalog, name: str, kind: EntryKind | None = None) -> str:
    """Return the card of an entry: what it is, how it was made, where it has vectors, what was measured with it.

    No example of a task and no text of a corpus is in it, so that it can be shown where the data cannot. What looks
    like a key is `***`.

    Args:
        name: `NAME` or `NAME:VERSION`, as everywhere.
        kind: of the entry; None for the one that there is.

    Raises:
        NotFoundError: there is none.
    """
    with catalog.database.question():
        record = catalog.entries.get(name, kind)
        sections = [
            [f"# {prose(record.name)}"],
            [prose(record.description)] if record.description else [],
            table(("what", "as registered"), _facts(record)),
            _asked(catalog, record),
            _vectors(catalog, record),
            _measured("Transfers to it", "from", [(one.source, one) for one in _best(catalog, target=record.name)]),
            _measured("Transfers from it", "to", [(one.target, one) for one in _best(catalog, source=record.name)]),
        ]
    body = "\n\n".join("\n".join(lines) for lines in sections if lines)
    return without_secrets(f"{_front_matter(record)}\n{body}\n")


def _front_matter(record: EntryRecord) -> str:
    spec = record.spec
    said: dict[str, Any] = {
        "pretty_name": record.name if record.kind in (EntryKind.TASK, EntryKind.CORPUS) else None,
        "language": record.language,
        "license": spec.get("license"),
        "tags": ["fute", *record.tags],
    }
    if record.kind is EntryKind.TASK:
        count = sum((spec.get("examples") or {}).values())
        said["task_categories"] = [CATEGORIES[record.task_kind]] if record.task_kind in CATEGORIES else None
        said["size_categories"] = [next((name for most, name in SIZES if count < most), LARGEST)] if count else None
    said["fute"] = {
        "name": record.name,
        "kind": record.kind.value,
        "version": record.version,
        "content_hash": record.content_hash,
    }
    return front_matter(said)


def _facts(record: EntryRecord) -> list[tuple[str, str]]:
    return [(name, code(value)) for name, value in facts_of(record).items()]


def _asked(catalog: Catalog, record: EntryRecord) -> list[str]:
    """Return what a prompt asks, of one that is a prompt or is asked under one."""
    if record.kind is EntryKind.PROMPT:
        prompt = Prompt.from_spec(record.spec)
    elif record.kind is EntryKind.PROMPTED_MODEL and record.spec.get("prompt"):
        prompt = Prompt.from_spec(catalog.entries.get(str(record.spec["prompt"]), EntryKind.PROMPT).spec)
    else:
        return []
    lines = ["## Prompt", "", *fenced(prompt.template)]
    if prompt.system:
        lines += ["", "System message:", "", *fenced(prompt.system)]
    words = [
        (code(answer), ", ".join(map(code, said))) for answer, said in zip(prompt.answers, prompt.words, strict=True)
    ]
    lines += ["", f"Style: {prompt.style}.", "", *table(("answer", "words"), words)]
    under = models_under(catalog.database, record.name, limit=UNDER) if record.kind is EntryKind.PROMPT else []
    return [*lines, "", f"Asked of: {', '.join(map(code, under))}."] if under else lines


def _vectors(catalog: Catalog, record: EntryRecord) -> list[str]:
    lines = vectors_of(catalog.database, record.version_id)
    if not lines:
        return []
    rows = [(code(line.space), f"{line.created_at:%Y-%m-%d}") for line in lines]
    return ["## Vectors", "", *table(("space", "made"), rows)]


def _best(catalog: Catalog, **where: str) -> list[TransferRecord]:
    return sorted(
        catalog.transfers.fitting(**where), key=lambda record: (-record.score_mean, record.source, record.target)
    )


def _measured(title: str, other: str, pairs: Sequence[tuple[str, TransferRecord]]) -> list[str]:
    if not pairs:
        return []
    rows = [
        (code(name), code(f"{one.model}/{one.adaptation}"), f"{one.score_mean:.3f}") for name, one in pairs[:TRANSFERS]
    ]
    more = [] if len(pairs) <= TRANSFERS else ["", f"The best {TRANSFERS} of {len(pairs):,}."]
    return [f"## {title}", "", *table((other, "model", "score"), rows), *more]
