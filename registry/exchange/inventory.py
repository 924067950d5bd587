"""What is in a bundle, counted: what leaves when it is pushed, before it does."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from registry.bundles.reading import Bundle
from registry.catalog.whole.pieces import Section
from registry.kinds import EntryKind
from registry.packs.pack import read_pack

NOUNS = {  # of kinds of entries, one and several
    EntryKind.TASK: ("task", "tasks"),
    EntryKind.CORPUS: ("corpus", "corpora"),
    EntryKind.MODEL: ("model", "models"),
    EntryKind.PROMPT: ("prompt", "prompts"),
    EntryKind.PROMPTED_MODEL: ("prompted model", "prompted models"),
}


@dataclass(frozen=True)
class Inventory:
    """How much of everything."""

    kinds: Counter[EntryKind]  # entries
    examples: int  # labelled texts, of all versions of all tasks
    texts: int  # unlabelled ones, of corpora
    replies: int  # of language models, word for word
    sections: Counter[str]  # spaces, vectors, predictions, transfers
    packs: int

    @classmethod
    def of(cls, bundle: Bundle) -> "Inventory":
        """Count what a bundle holds."""
        kinds: Counter[EntryKind] = Counter()
        examples = texts = replies = 0
        for piece in bundle.pieces(Section.ENTRIES):
            kind = EntryKind(piece.document["kind"])
            kinds[kind] += 1
            for version in piece.document["versions"]:
                examples += sum((version["spec"].get("examples") or {}).values()) if kind is EntryKind.TASK else 0
                texts += version["spec"].get("texts", 0) if kind is EntryKind.CORPUS else 0
        for piece in bundle.pieces(Section.PREDICTIONS):
            replies += sum(reply is not None for reply in piece.document["replies"] or ())
        sections = Counter({section.value: bundle.manifest.counts[section.value] for section in Section})
        del sections[Section.ENTRIES.value]
        return cls(kinds, examples, texts, replies, sections, len(bundle.packs()))

    def line(self) -> str:
        """Return what there is in words, such as `2 tasks with 24 examples, 1 corpus with 60 texts, 2 vectors`."""
        return ", ".join(self._parts()) or "nothing"

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        kinds = {kind.value: self.kinds[kind] for kind in EntryKind if self.kinds[kind]}
        held = {"examples": self.examples, "texts": self.texts, "replies": self.replies}
        return {"entries": kinds, **held, **self.sections, "packs": self.packs}

    def _parts(self) -> Iterator[str]:
        holding = {
            EntryKind.TASK: (self.examples, "example", "examples"),
            EntryKind.CORPUS: (self.texts, "text", "texts"),
        }
        for kind, nouns in NOUNS.items():
            if self.kinds[kind]:
                held = holding.get(kind, (0, "", ""))
                yield _counted(self.kinds[kind], *nouns) + (f" with {_counted(*held)}" if held[0] else "")
        if self.replies:
            yield _counted(self.replies, "reply", "replies")
        yield from (
            _counted(count, section.removesuffix("s"), section)
            for section, count in (*self.sections.items(), ("packs", self.packs))
            if count
        )


def pack_titles(bundle: Bundle) -> list[tuple[str, str, str]]:
    """Return of each pack its name, title, and who measured it."""
    packs = [read_pack(folder) for folder in bundle.packs()]
    return [(pack.name, pack.title, pack.source) for pack in packs]


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
