"""Writes a bundle: the same registry gives the same bytes."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from registry.bundles.archive import ENDING, pack
from registry.bundles.arrays import ArrayWriter
from registry.bundles.manifest import write_manifest
from registry.bundles.part import BundlePart
from registry.catalog import Catalog
from registry.catalog.whole.pieces import Section, Whole
from registry.catalog.whole.reading import whole_of
from registry.errors import InputError
from registry.faults import point
from registry.files.writing import written
from registry.packs.pack import DESCRIPTION, TRANSFERS, VECTORS
from registry.packs.shelf import Shelf

CONTENTS, PACKS = "contents", "packs"


def export_bundle(catalog: Catalog, packs: Shelf, path: Path, part: BundlePart | None = None) -> dict[str, int]:
    """Write all that a registry knows, or a part, whole or not at all; return how many pieces of each section.

    Args:
        path: a new folder; one file, replacing what is there, where it ends in `.zip`.
        part: what of it; None for all.
    """
    part = part or BundlePart()
    if path.suffix == ENDING:
        with written(path) as draft, _unpacked(draft) as folder:
            counts = _write(catalog, packs, folder, part)
            point("bundle.written")
            pack(folder, draft)
        return counts
    if path.exists() or path.is_symlink():
        raise InputError(f"{path} is there already: name a new folder, or a file that ends in {ENDING}.")
    with written(path) as draft:
        draft.mkdir(parents=True)
        return _write(catalog, packs, draft, part)


@contextmanager
def _unpacked(draft: Path) -> Iterator[Path]:
    """Hand out a folder beside the draft of an archive, which is swept as that is."""
    folder = draft.with_suffix(".parts")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(catalog: Catalog, packs: Shelf, folder: Path, part: BundlePart) -> dict[str, int]:
    names = part.packs_of(packs.names())
    (folder / CONTENTS).mkdir()
    with whole_of(catalog) as everything:
        whole = part.of(everything)
        counts = {section.value: _write_section(whole, section, folder) for section in Section}
        counts[CONTENTS] = sum(1 for _ in (folder / CONTENTS).iterdir())
    for name in names:
        packs.get(name)  # a pack that is damaged is told here, not to whoever takes the bundle in
        (folder / PACKS / name).mkdir(parents=True)
        for file in (DESCRIPTION, VECTORS, TRANSFERS):
            shutil.copyfile(packs.place(name) / file, folder / PACKS / name / file)
    counts[PACKS] = len(names)
    write_manifest(folder, counts)
    return counts


def _write_section(whole: Whole, section: Section, folder: Path) -> int:
    """Write the pieces of a section, a line each, their arrays beside them; return how many."""
    count = 0
    with (
        (folder / f"{section.value}.jsonl").open("wb") as lines,
        closing(ArrayWriter(folder, section.value)) as arrays,
    ):
        for count, piece in enumerate(whole.pieces(section), start=1):
            held = {"arrays": arrays.add(count, piece.arrays)} if piece.arrays else {}
            lines.write(_line({**piece.document, **held}))
            for version in piece.document.get("versions", ()) if section is Section.ENTRIES else ():
                _write_contents(whole, version["contents"].values(), folder / CONTENTS)
    return count


def _write_contents(whole: Whole, hashes: Iterable[str], folder: Path) -> None:
    for sha256 in hashes:
        if not (folder / sha256).exists():  # several versions may share it
            (folder / sha256).write_bytes(whole.content(sha256))


def _line(document: dict[str, Any]) -> bytes:
    """Return a document as a line of JSON; half a surrogate pair, which a reply may hold, is written as an escape."""
    try:
        return f"{json.dumps(document, ensure_ascii=False, separators=(',', ':'))}\n".encode()
    except UnicodeEncodeError:
        return f"{json.dumps(document, separators=(',', ':'))}\n".encode()
