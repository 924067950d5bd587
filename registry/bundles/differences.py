"""What differs between two registries, two bundles, or one of each."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry.bundles.manifest import NAME
from registry.bundles.neighbours import Neighbours, neighbours_of
from registry.bundles.reading import Bundle, opened_bundle
from registry.catalog import Catalog
from registry.catalog.predictions import CONTENT_FREE
from registry.catalog.whole.pieces import Piece, Section, Whole
from registry.catalog.whole.reading import whole_of
from registry.errors import DataError, IntegrityError
from registry.files.whole import read_file
from registry.location import located
from registry.packs.pack import DESCRIPTION, read_pack
from registry.packs.shelf import Shelf

Thing = tuple[str, str]  # what it is, and its name: ("tag", "film: blue")


@dataclass(frozen=True)
class NeighboursChange:
    """The nearest entries of one entry, which are not those that they were."""

    space: str
    name: str
    before: list[str]
    after: list[str]


@dataclass(frozen=True)
class Differences:
    """What is in the second and not in the first, the other way round, and what is another."""

    added: list[Thing] = field(default_factory=list)
    removed: list[Thing] = field(default_factory=list)
    changed: list[Thing] = field(default_factory=list)
    neighbours: list[NeighboursChange] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.neighbours)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        named = {"added": self.added, "removed": self.removed, "changed": self.changed}
        things = {how: [{"what": what, "name": name} for what, name in found] for how, found in named.items()}
        return {**things, "neighbours": [vars(change) for change in self.neighbours]}

    def lines(self) -> Iterator[str]:
        """Yield a line for each, `+ task film`, as people read it."""
        for sign, found in (("+", self.added), ("-", self.removed), ("~", self.changed)):
            yield from (f"{sign} {what} {name}" for what, name in found)
        for one in self.neighbours:
            before, after = (", ".join(names) or "none" for names in (one.before, one.after))
            yield f"~ nearest to {one.name} in {one.space}: {before}; now {after}"


def differences(first: str | Path, second: str | Path) -> Differences:
    """Compare two registries or bundles.

    Raises:
        DataError: one is no bundle, or a pack in it is damaged.
        NotARegistryError: one is no registry.
    """
    before, near_before = _known(first)
    after, near_after = _known(second)
    return Differences(
        added=sorted(set(after) - set(before)),
        removed=sorted(set(before) - set(after)),
        changed=sorted(thing for thing in set(before) & set(after) if before[thing] != after[thing]),
        neighbours=list(_moved(near_before, near_after)),
    )


def _known(place: str | Path) -> tuple[dict[Thing, str], dict[str, Neighbours]]:
    with _opened(place) as (whole, packs):
        try:
            return things_of(whole, packs), neighbours_of(whole)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            if not isinstance(whole, Bundle):
                raise
            raise DataError(str(place), "is not what a registry wrote: 'fute bundle import' says why.") from error


def things_of(whole: Whole, packs: list[Path]) -> dict[Thing, str]:
    """Return what is in a registry or a bundle, thing by thing, each with a hash of what it says."""
    things = {
        thing: told for section in Section for piece in whole.pieces(section) for thing, told in _of(section, piece)
    }
    return things | {("pack", folder.name): _sum_of(folder) for folder in packs}


def _sum_of(pack: Path) -> str:
    """Return a hash of all that a pack holds; raise `DataError` where a file of it is not the one that was packed."""
    read_pack(pack)
    return _hash(read_file(pack / DESCRIPTION))  # which has the hashes of the other files


@contextmanager
def _opened(place: str | Path) -> Iterator[tuple[Whole, list[Path]]]:
    """Hand out what a registry or a bundle holds, with the folders of its packs."""
    path = Path(place)
    if "://" in str(place) or (path.is_dir() and not (path / NAME).exists()):
        catalog = Catalog.open(located(place))
        shelf = Shelf(catalog.database.location.folder)
        try:
            if catalog.database.dangling():  # what is not there could not be told from what is
                raise IntegrityError(f"Of {catalog.database.location} something is missing: see 'fute verify'.")
            with whole_of(catalog) as whole:
                yield whole, [shelf.place(name) for name in shelf.names()]
        finally:
            catalog.close()
    else:
        with opened_bundle(path) as bundle:
            yield bundle, bundle.packs()


def _of(section: Section, piece: Piece) -> Iterator[tuple[Thing, str]]:
    """Yield the things that a piece is made of, each with a hash of what it says; times are no part of it."""
    told = {key: value for key, value in piece.document.items() if key != "created_at"}
    match section:
        case Section.ENTRIES:
            yield from _of_entry(told)
        case Section.SPACES:
            yield ("space", told["name"]), _summed({**told, "tasks_at_most": None}, piece)  # it counts the vectors
        case Section.VECTORS:
            yield ("vector", f"{told['entry']} in {told['space']}"), _summed({}, piece)
        case Section.PREDICTIONS:
            name, start = f"{told['entry']} on {told['corpus']}", told["start"]
            what = ("reading", f"{name}, {-start}") if start < CONTENT_FREE else ("answers", f"{name} from row {start}")
            yield what, _summed(told, piece)
        case Section.TRANSFERS:
            run = f" run {told['run']}" if told["run"] else ""
            name = f"{told['source']} to {told['target']} in {told['model']}/{told['adaptation']}{run}"
            yield ("transfer", name), _summed({**told, "recorded_at": None}, piece)


def _of_entry(told: dict[str, Any]) -> Iterator[tuple[Thing, str]]:
    name = told["name"]
    about = {key: told[key] for key in ("task_kind", "language", "description")}
    yield (told["kind"], name), _hash(json.dumps(about).encode())
    for tag in told["tags"]:
        yield ("tag", f"{name}: {tag}"), ""
    for alias, number in told["aliases"].items():
        yield ("alias", f"{name}:{alias}"), str(number)
    for version in told["versions"]:
        said = {key: version[key] for key in ("content_hash", "spec", "contents")}
        yield ("version", f"{name}:{version['number']}"), _hash(json.dumps(said, sort_keys=True).encode())


def _summed(told: dict[str, Any], piece: Piece) -> str:
    arrays = "".join(f"{name}{_hash(array.tobytes())}" for name, array in sorted(piece.arrays.items()))
    return _hash(f"{json.dumps(told, sort_keys=True)}{arrays}".encode())


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _moved(before: Mapping[str, Neighbours], after: Mapping[str, Neighbours]) -> Iterator[NeighboursChange]:
    """Yield what changed for the entries that are in both, in the spaces that are in both."""
    for fingerprint in sorted(before.keys() & after.keys()):
        one, other = before[fingerprint], after[fingerprint]
        for name in sorted(one.nearest.keys() & other.nearest.keys()):
            if one.nearest[name] != other.nearest[name]:
                yield NeighboursChange(other.space, name, one.nearest[name], other.nearest[name])
