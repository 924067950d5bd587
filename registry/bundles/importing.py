"""Takes a bundle into a registry: all of it, or nothing."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from registry.bundles.checks import check_entry
from registry.bundles.reading import Bundle, opened_bundle
from registry.catalog import Catalog
from registry.catalog.whole.merge import MergeReport
from registry.catalog.whole.merging import merge_whole
from registry.catalog.whole.pieces import Piece, Section
from registry.data.models import ModelKind, ModelSpec
from registry.errors import DataError, InputError, StorageError
from registry.faults import point
from registry.files.whole import read_file
from registry.packs.pack import DESCRIPTION, read_pack
from registry.packs.shelf import Shelf, namesake

RUNS = (ModelKind.FUNCTION, ModelKind.ENDPOINT)  # a model of these runs code here, or is sent our texts and a key
TOLD = 3  # clashes, and models, that an error names


class ImportChoices(TypedDict, total=False):
    """The `ImportOptions` that may be named."""

    keep_mine: bool
    trust: bool
    dry_run: bool


@dataclass(frozen=True)
class ImportOptions:
    """What an import may do."""

    keep_mine: bool = False  # leave out what clashes with what is here, in place of refusing the bundle
    trust: bool = False  # take models that run code or ask a server
    dry_run: bool = False  # change nothing


class CheckedBundle:
    """A bundle whose entries are checked one by one as they are read."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.content = bundle.content

    def pieces(self, section: Section) -> Iterator[Piece]:
        """Yield the pieces of a section; raise `DataError` where one cannot be used."""
        for piece in self._bundle.pieces(section):
            if section is Section.ENTRIES:
                check_entry(piece, self.content)
            yield piece


def import_bundle(catalog: Catalog, packs: Shelf, path: Path, options: ImportOptions) -> MergeReport:
    """Merge a bundle with what is here: the same is one, a clash is told.

    Raises:
        DataError: it is cut, altered, or holds what cannot be used.
        InputError: something is here already with other content, or a model would run code: nothing is imported.
    """
    with opened_bundle(path) as bundle, ExitStack() as held:
        ready: list[Path] = []

        def is_wanted(report: MergeReport) -> bool:
            report.untrusted = [] if options.trust else _running(report)
            if report.untrusted and not options.dry_run:
                raise InputError(f"{told_untrusted(report.untrusted)}; nothing was imported.")
            fresh = _fresh_packs(bundle, packs, report)
            if report.clashes and not options.keep_mine:
                raise InputError(_told(report.clashes))
            point("bundle.merged")
            if bundle.packs() and not options.dry_run:  # known ones too: what a killed import left of them is swept
                ready.extend(held.enter_context(packs.made_ready(fresh)))
            return not options.dry_run

        report = merge_whole(catalog, CheckedBundle(bundle), is_wanted=is_wanted)
        point("bundle.imported")
        _take(packs, ready)
    return report


def _take(packs: Shelf, ready: list[Path]) -> None:
    """Put packs in use, now that all else is kept: who is killed before has none of an import that never was."""
    try:
        for pack in ready:
            packs.take(pack)
    except StorageError as error:
        raise StorageError(f"{error} All else was imported: import the bundle again.") from error


def _fresh_packs(bundle: Bundle, packs: Shelf, report: MergeReport) -> list[Path]:
    """Return the packs that are not in use yet; one of another content clashes."""
    fresh: list[Path] = []
    for folder in bundle.packs():
        name = read_pack(folder).name
        if name != folder.name:
            raise DataError(str(folder / DESCRIPTION), f"is of a pack that is called {name!r}.")
        other = namesake(name, (*packs.names(), *(pack.name for pack in fresh)))
        if other is not None:
            report.clashes.append(f"pack {name!r} is called {other!r} here, and case tells no names apart")
            report.left_out["packs"] += 1
            continue
        if name not in packs.names():
            fresh.append(folder)
            report.added["packs"] += 1
            continue
        packs.get(name)  # one that is damaged is told, and not taken for the same
        if read_file(packs.place(name) / DESCRIPTION) == read_file(folder / DESCRIPTION):
            report.known["packs"] += 1
        else:
            report.clashes.append(f"pack {name!r} is another here")
            report.left_out["packs"] += 1
    return fresh


def _running(report: MergeReport) -> list[str]:
    """Return the models that run code here, or send texts and a key to a server that a stranger has named."""
    return [
        name
        for name, specs in report.models.items()
        if any(ModelSpec.from_document(spec, name=name).kind in RUNS for spec in specs)
    ]


def told_untrusted(names: Sequence[str]) -> str:
    """Say which models a bundle needs trust for, and why."""
    return (
        f"{', '.join(names[:TOLD])}{' ...' if len(names) > TOLD else ''}: models that run a function, or ask a "
        "server with a key of yours. Pass --trust if you know who wrote the bundle"
    )


def _told(clashes: list[str]) -> str:
    more = f"; and {len(clashes) - TOLD} more" if len(clashes) > TOLD else ""
    return (
        f"Nothing was imported, for {len(clashes)} {'clashes' if len(clashes) > 1 else 'clash'}: "
        f"{'; '.join(clashes[:TOLD])}{more}. --keep-mine leaves out what clashes."
    )
