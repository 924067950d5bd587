"""Pushes a registry, a space or a pack: a bundle, with cards beside it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from registry.bundles.differences import Thing, things_of
from registry.bundles.part import BundlePart
from registry.bundles.reading import Bundle, opened_bundle
from registry.catalog.whole.pieces import Section
from registry.errors import DataError, InputError
from registry.exchange.addresses import far_end_of
from registry.exchange.cards import NO_CARD, FormerCard, read_former, whole_card, write_cards
from registry.exchange.far_end import BUNDLE, CARDS, README, FarEnd, Sighting, with_bundle
from registry.exchange.inventory import Inventory
from registry.files.writing import scratch
from registry.files.yaml_data import FILE_LIMIT
from registry.registry import Registry

TOLD = 3  # things that an error names


@dataclass(frozen=True)
class PushOptions:
    """What is pushed, and how."""

    part: BundlePart = field(default_factory=BundlePart)
    license: str | None = None  # of the whole; None for what its card says already
    public: bool = False  # whether a repository that is made is for everybody
    replace: bool = False  # put it in the place of what was pushed before, even if that holds more


@dataclass(frozen=True)
class PushPlan:
    """What leaves, and where to; then what came of it."""

    where: str
    part: BundlePart
    inventory: Inventory
    size: int  # bytes of the bundle
    cards: int
    cards_left_out: int
    is_elsewhere: bool
    is_new: bool  # whether there is no such place yet
    is_public: bool | None  # of a repository, as it is or will be
    revision: str | None = None  # the commit, once it is pushed
    is_changed: bool = False  # whether anything was there that is another now

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        told = {"where": self.where, "holds": self.part.kind, "name": self.part.name, **self.inventory.as_json()}
        about = {"bytes": self.size, "cards": self.cards, "cards_left_out": self.cards_left_out}
        state = {"public": self.is_public, "new": self.is_new, "revision": self.revision, "changed": self.is_changed}
        return {**told, **about, **state}


def push(
    registry: Registry, where: str, options: PushOptions, *, is_wanted: Callable[[PushPlan], bool] = lambda _: True
) -> PushPlan:
    """Push a registry, or a part of it, in the place of what was pushed there before.

    Args:
        where: a folder, or `hf://datasets/OWNER/NAME[@BRANCH]`.
        is_wanted: told what leaves before it does; False leaves everything as it was.

    Raises:
        InputError: something else is there, or more than this registry has: it would be lost.
        StorageError: nobody answers, this account may not, or somebody else was quicker.
    """
    far_end = far_end_of(where, public=options.public)
    with scratch("push") as laid:
        registry.export_bundle(laid / BUNDLE, options.part)
        seen = far_end.look()
        former = _former(far_end, seen)
        with opened_bundle(laid / BUNDLE) as bundle:
            if seen is not None and BUNDLE in seen.files and not options.replace:
                _check_nothing_is_lost(registry, bundle, far_end, seen, former, options.part)
            plan = _lay_out(registry, bundle, laid, far_end, seen, former, options)
        return _put(far_end, seen, laid, plan) if is_wanted(plan) else plan


def _former(far_end: FarEnd, seen: Sighting | None) -> FormerCard:
    """Return the card of what is there, if it is ours; raise `InputError` where something else is."""
    former = NO_CARD
    if seen is not None and seen.files.get(README, FILE_LIMIT + 1) <= FILE_LIMIT:
        former = read_former(far_end.fetch(README, seen))
    if seen is not None and not seen.is_empty and former.holds is None:
        raise InputError(f"{far_end} holds something that no 'fute push' has put there: name another place.")
    return former


def _check_nothing_is_lost(
    registry: Registry, bundle: Bundle, far_end: FarEnd, seen: Sighting, former: FormerCard, part: BundlePart
) -> None:
    """Raise `InputError` where what is there is more than what takes its place."""
    if former.holds != (part.kind, part.name):
        kind, name = former.holds or ("", None)
        held = f"the {kind} {name!r}" if name else f"a whole {kind}"
        raise InputError(f"{far_end} holds {held}: name another place, or say --replace.")
    try:
        missing = with_bundle(far_end, seen, lambda path: _missing(registry, bundle, path))
    except DataError as error:
        raise InputError(f"What {far_end} holds cannot be taken in ({error}): --replace puts yours there.") from error
    if missing:
        told = "; ".join(missing[:TOLD]) + (f"; and {len(missing) - TOLD} more" if len(missing) > TOLD else "")
        raise InputError(f"{far_end} holds what would be lost: {told}. 'fute pull {far_end}' first, or say --replace.")


def _missing(registry: Registry, bundle: Bundle, there: Path) -> list[str]:
    """Return what a bundle from there has that is another here, or is not here at all."""
    with opened_bundle(there) as known:
        try:
            here = _contents(bundle)
            if all(here.get(thing) == told for thing, told in _contents(known).items()):
                return []
            labels = sorted(_labels(known) - _labels(bundle))
        except (KeyError, TypeError, AttributeError, ValueError):  # a stranger's: the import says what is wrong with it
            labels = []
    report = registry.import_bundle(there, dry_run=True, keep_mine=True, trust=True)  # knows what comes to the same
    missing = [*report.clashes, *(f"the {what} {name}" for what, name in labels)]
    return missing + [f"{count:,} {what} that are not here" for what, count in report.added.items() if count]


def _contents(bundle: Bundle) -> dict[Thing, str]:
    """Return what is in a bundle, thing by thing; of a space its settings alone: its centre moves as it grows."""
    spaces = (piece.document for piece in bundle.pieces(Section.SPACES))
    return things_of(bundle, bundle.packs()) | {("space", told["name"]): told["fingerprint"] for told in spaces}


def _labels(bundle: Bundle) -> set[tuple[str, str]]:
    """Return the tags and aliases in a bundle, which an import unites without a word."""
    found = set()
    for piece in bundle.pieces(Section.ENTRIES):
        name = piece.document["name"].casefold()
        found |= {("tag", f"{tag} of {name}") for tag in piece.document["tags"]}
        found |= {("alias", f"{name}:{alias.casefold()}") for alias in piece.document["aliases"]}
    return found


def _lay_cards(
    registry: Registry, bundle: Bundle, laid: Path, part: BundlePart
) -> tuple[dict[tuple[str, str], str], int]:
    """Write the cards of what is in the bundle; those of a space tell of nothing else that the registry knows."""
    if part.kind == "registry":
        return write_cards(registry.catalog, bundle, laid)
    with Registry.create(laid / "taken-in") as taken:
        taken.import_bundle(laid / BUNDLE, trust=True)
        return write_cards(taken.catalog, bundle, laid)


def _lay_out(
    registry: Registry,
    bundle: Bundle,
    laid: Path,
    far_end: FarEnd,
    seen: Sighting | None,
    former: FormerCard,
    options: PushOptions,
) -> PushPlan:
    """Write the cards beside the bundle; return what there is to push."""
    part, inventory = options.part, Inventory.of(bundle)
    files, left_out = _lay_cards(registry, bundle, laid, part)
    card = whole_card(bundle, inventory, part, far_end.name, former, files, options.license)
    (laid / README).write_text(card, encoding="utf-8", newline="\n")
    return PushPlan(
        where=str(far_end),
        part=part,
        inventory=inventory,
        size=(laid / BUNDLE).stat().st_size,
        cards=len(files),
        cards_left_out=left_out,
        is_elsewhere=far_end.is_elsewhere,
        is_new=seen is None,
        is_public=seen.is_public if seen is not None else options.public if far_end.is_elsewhere else None,
    )


def _put(far_end: FarEnd, seen: Sighting | None, laid: Path, plan: PushPlan) -> PushPlan:
    files = {name: laid / name for name in (BUNDLE, README)}
    files |= {path.relative_to(laid).as_posix(): path for path in sorted((laid / CARDS).rglob("*.md"))}
    former = {name for name in (seen.files if seen is not None else ()) if name.startswith(f"{CARDS}/")}
    after = far_end.put(files, former - set(files), seen)
    changed = seen is None or after.state != seen.state
    return replace(plan, revision=after.state if far_end.is_elsewhere else None, is_changed=changed)
