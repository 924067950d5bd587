"""The cards beside a bundle: one of each task, model and prompt, and one of the whole."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.bundles.part import BundlePart
from registry.bundles.reading import Bundle
from registry.catalog import Catalog
from registry.catalog.whole.pieces import Section
from registry.errors import DataError, NotFoundError
from registry.exchange.far_end import CARDS
from registry.exchange.inventory import NOUNS, Inventory, pack_titles
from registry.files.lines import decoded
from registry.files.whole import read_file
from registry.files.yaml_data import FILE_LIMIT, yaml_mapping
from registry.kinds import EntryKind
from registry.shown import without_secrets
from registry.views.card import card_of
from registry.views.markdown import code, front_matter, prose, table

FORMAT = 1
MOST = 1_000  # cards: a folder of a hub holds 10,000 files
LISTED = 200  # entries of a kind that the card of the whole names
LONGEST_FILE = 200  # bytes of a card's name
WITH_CARDS = (EntryKind.TASK, EntryKind.MODEL, EntryKind.PROMPT)
MARK = "<!-- 'fute push' writes what is below this line; what is above stays. -->"
KEPT = ("license", "license_name", "license_link")  # of the front matter: what somebody wrote there
UNKNOWN = "unknown"  # a license that nobody named, as the hub calls it
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class FormerCard:
    """The card of the whole that is at a far end already."""

    said: Mapping[str, Any]  # its front matter: every value a text, a list or a mapping
    above: str  # what stands above the mark

    @property
    def holds(self) -> tuple[str, str | None] | None:
        """What was pushed: `registry`, `space` or `pack`, and its name; None where nothing of ours was."""
        ours = self.said.get("fute")
        if not isinstance(ours, dict) or ours.get("format") != str(FORMAT) or "holds" not in ours:
            return None
        return str(ours["holds"]), ours.get("name")


NO_CARD = FormerCard({}, "")


def read_former(path: Path) -> FormerCard:
    """Read the card of a whole; one that none of ours can be says nothing."""
    try:
        text = decoded(read_file(path, most=FILE_LIMIT), path).replace("\r\n", "\n")
        found = re.match(r"---\n(.*?)^---\n(.*)", text, re.DOTALL | re.MULTILINE)
        said = yaml_mapping(found[1], str(path)) if found else {}
    except DataError:
        return NO_CARD
    above, mark, _ = found[2].partition(MARK) if found else ("", "", "")
    return FormerCard(said, above.strip("\n") if mark else "")


def write_cards(catalog: Catalog, bundle: Bundle, folder: Path) -> tuple[dict[tuple[str, str], str], int]:
    """Write a card of each task, model and prompt of a bundle, as many as fit beside it, from a registry with all that.

    Returns:
        The files by kind and name, and how many cards are left out.
    """
    files: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    left_out = 0
    for kind, name in _named(bundle):
        if len(files) == MOST:
            left_out += 1
            continue
        try:
            card = card_of(catalog, name, EntryKind(kind))
        except NotFoundError:  # it was removed a moment ago
            left_out += 1
            continue
        file = _file(kind, name, taken)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(card, encoding="utf-8", newline="\n")
        files[kind, name] = file
    return files, left_out


def whole_card(
    bundle: Bundle,
    inventory: Inventory,
    part: BundlePart,
    heading: str,
    former: FormerCard,
    files: Mapping[tuple[str, str], str],
    license_: str | None,
) -> str:
    """Return the card of the whole: front matter as a hub reads it, then what there is, in tables."""
    named = {"license": license_} if license_ else {key: former.said[key] for key in KEPT if key in former.said}
    said: dict[str, Any] = {
        "pretty_name": heading,
        "license": UNKNOWN,
        **named,
        "language": _languages(bundle),
        "tags": ["fute", "task-embeddings", f"fute-{part.kind}"],
        "viewer": False,
        "fute": {"format": FORMAT, "holds": part.kind, **({"name": part.name} if part.name else {})},
    }
    what = "A registry" if part.name is None else f"The {part.kind} {code(part.name)} of a registry"
    sections = [
        [former.above or f"# {prose(heading)}"],
        [MARK],
        [f"{what} of tasks, models and prompts in one vector space: {prose(inventory.line())}."],
        ["`fute pull` takes it in: all of it, or nothing. It lies in `bundle.zip`, whose every byte is checked first."],
        *(_entries(bundle, kind, files) for kind in NOUNS if kind is not EntryKind.PROMPTED_MODEL),
        _spaces(bundle),
        _packs(bundle),
    ]
    body = "\n\n".join("\n".join(lines) for lines in sections if lines)
    return without_secrets(f"{front_matter(said)}\n{body}\n")


def _named(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Yield kind and name of what has a card, kind by kind."""
    for kind in WITH_CARDS:
        for piece in bundle.pieces(Section.ENTRIES):
            if piece.document["kind"] == kind:
                yield kind.value, piece.document["name"]


def _file(kind: str, name: str, taken: set[str]) -> str:
    """Return the file of a card: the name without what a file's may not have, and a number where it is taken."""
    stem = name.replace("/", "--").encode()[:LONGEST_FILE].decode(errors="ignore")
    number, file = 1, f"{CARDS}/{kind}/{stem}.md"
    while file.casefold() in taken:
        number += 1
        file = f"{CARDS}/{kind}/{stem}-{number}.md"
    taken.add(file.casefold())
    return file


def _languages(bundle: Bundle) -> list[str]:
    told = {piece.document["language"] for piece in bundle.pieces(Section.ENTRIES)}
    return sorted(language for language in told if language and _LANGUAGE.fullmatch(language))


def _entries(bundle: Bundle, kind: EntryKind, files: Mapping[tuple[str, str], str]) -> list[str]:
    rows = []
    count = 0
    for piece in bundle.pieces(Section.ENTRIES):
        told = piece.document
        if told["kind"] != kind:
            continue
        count += 1
        if count <= LISTED:
            file = files.get((kind, told["name"]))
            name = code(told["name"])
            spec = told["versions"][-1]["spec"]
            size = sum((spec.get("examples") or {}).values()) or spec.get("texts") or ""
            rows.append((f"[{name}](<{file}>)" if file else name, prose(told["description"] or ""), str(size)))
    if not rows:
        return []
    more = [] if count <= LISTED else ["", f"The first {LISTED} of {count:,}."]
    return [f"## {NOUNS[kind][1].capitalize()}", "", *table(("name", "what it is", "texts"), rows), *more]


def _spaces(bundle: Bundle) -> list[str]:
    rows = []
    for told in (piece.document for piece in bundle.pieces(Section.SPACES)):
        method = code(str(told["spec"].get("method", "")))
        rows.append((code(told["name"]), method, f"{told['dimension']:,}", told["fingerprint"][:12]))
    return ["## Spaces", "", *table(("name", "method", "dimension", "fingerprint"), rows)] if rows else []


def _packs(bundle: Bundle) -> list[str]:
    rows = [(code(name), prose(title), prose(source)) for name, title, source in pack_titles(bundle)]
    return ["## Packs", "", *table(("name", "what was measured", "by whom"), rows)] if rows else []
