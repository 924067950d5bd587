"""A card of an entry: Markdown with front matter, as hubs of datasets and models read it."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from registry.catalog import Catalog, EntryRecord
from registry.catalog.browsing.parts import models_under, vectors_of
from registry.data.transfers import TransferRecord
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt
from registry.shown import without_secrets
from registry.views.facts import facts_of

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
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&])")


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
            [f"# {_prose(record.name)}"],
            [_prose(record.description)] if record.description else [],
            _table(("what", "as registered"), _facts(record)),
            _asked(catalog, record),
            _vectors(catalog, record),
            _measured("Transfers to it", "from", [(one.source, one) for one in _best(catalog, target=record.name)]),
            _measured("Transfers from it", "to", [(one.target, one) for one in _best(catalog, source=record.name)]),
        ]
    body = "\n\n".join("\n".join(lines) for lines in sections if lines)
    return without_secrets(f"---\n{_front_matter(record)}---\n\n{body}\n")


def _front_matter(record: EntryRecord) -> str:
    import yaml

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
    known = {key: value for key, value in said.items() if value}
    return str(yaml.safe_dump(known, sort_keys=False, allow_unicode=True, width=10_000))


def _facts(record: EntryRecord) -> list[tuple[str, str]]:
    return [(name, _code(value)) for name, value in facts_of(record).items()]


def _asked(catalog: Catalog, record: EntryRecord) -> list[str]:
    """Return what a prompt asks, of one that is a prompt or is asked under one."""
    if record.kind is EntryKind.PROMPT:
        prompt = Prompt.from_spec(record.spec)
    elif record.kind is EntryKind.PROMPTED_MODEL and record.spec.get("prompt"):
        prompt = Prompt.from_spec(catalog.entries.get(str(record.spec["prompt"]), EntryKind.PROMPT).spec)
    else:
        return []
    lines = ["## Prompt", "", *_fenced(prompt.template)]
    if prompt.system:
        lines += ["", "System message:", "", *_fenced(prompt.system)]
    words = [
        (_code(answer), ", ".join(map(_code, said))) for answer, said in zip(prompt.answers, prompt.words, strict=True)
    ]
    lines += ["", f"Style: {prompt.style}.", "", *_table(("answer", "words"), words)]
    under = models_under(catalog.database, record.name, limit=UNDER) if record.kind is EntryKind.PROMPT else []
    return [*lines, "", f"Asked of: {', '.join(map(_code, under))}."] if under else lines


def _vectors(catalog: Catalog, record: EntryRecord) -> list[str]:
    lines = vectors_of(catalog.database, record.version_id)
    if not lines:
        return []
    rows = [(_code(line.space), f"{line.created_at:%Y-%m-%d}") for line in lines]
    return ["## Vectors", "", *_table(("space", "made"), rows)]


def _best(catalog: Catalog, **where: str) -> list[TransferRecord]:
    return sorted(
        catalog.transfers.fitting(**where), key=lambda record: (-record.score_mean, record.source, record.target)
    )


def _measured(title: str, other: str, pairs: Sequence[tuple[str, TransferRecord]]) -> list[str]:
    if not pairs:
        return []
    rows = [
        (_code(name), _code(f"{one.model}/{one.adaptation}"), f"{one.score_mean:.3f}")
        for name, one in pairs[:TRANSFERS]
    ]
    more = [] if len(pairs) <= TRANSFERS else ["", f"The best {TRANSFERS} of {len(pairs):,}."]
    return [f"## {title}", "", *_table((other, "model", "score"), rows), *more]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_row(header), _row(["---"] * len(header)), *map(_row, rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(value: str) -> str:
    """Return a text as it is, in one line of a table."""
    text = " ".join(value.split())
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}".replace("|", "\\|")


def _prose(text: str) -> str:
    """Return a text of which nothing is taken for Markdown or HTML."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _fenced(text: str) -> list[str]:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return [fence, text.rstrip("\n"), fence]
