"""The state of one merge: what the pieces of another catalog became in this one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from registry.catalog.tables import Space
from registry.catalog.whole.fields import Fields
from registry.catalog.whole.pieces import Section
from registry.kinds import EntryKind


@dataclass
class MergeReport:
    """What came of a merge, piece by piece."""

    added: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)  # the same is here already
    left_out: Counter[str] = field(default_factory=Counter)  # what clashes, and what is made with it
    clashes: list[str] = field(default_factory=list)  # a sentence for each
    untrusted: list[str] = field(default_factory=list)  # models that a dry run shows, and only --trust takes
    models: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # that came, by name: their descriptions

    def as_json(self) -> dict[str, Any]:
        """Return what came of it, as JSON values."""
        counts = {"added": self.added, "known": self.known, "left_out": self.left_out}
        told = {name: {k: v for k, v in one.items() if v} for name, one in counts.items()}
        return {**told, "clashes": self.clashes, "untrusted": self.untrusted}


@dataclass
class Merge:
    """What is known while pieces come in, under the names that they have where they come from."""

    session: Session
    content: Callable[[str], bytes]
    report: MergeReport = field(default_factory=MergeReport)
    versions: dict[tuple[str, int], int] = field(default_factory=dict)  # entry and number -> id here
    kinds: dict[str, EntryKind] = field(default_factory=dict)  # of the entries
    spaces: dict[str, Space] = field(default_factory=dict)
    new_spaces: set[int] = field(default_factory=set)  # ids: their centre comes with them
    vectors: dict[int, list[int]] = field(default_factory=dict)  # space -> ids of those that came
    clashing: set[str] = field(default_factory=set)  # entries and spaces, casefolded, that are left out

    def clash(self, section: Section, told: str, name: str | None = None) -> None:
        """Take note of a piece that is another here; what is made with `name` is left out from now on."""
        self.report.clashes.append(told)
        self.report.left_out[section] += 1
        if name is not None:
            self.clashing.add(name.casefold())

    def leaves_out(self, section: Section, *names: str) -> bool:
        """Say whether a piece goes with something that clashed, and count it."""
        is_gone = any(name.casefold() in self.clashing for name in names)
        self.report.left_out[section] += is_gone
        return is_gone

    def version_id(self, fields: Fields, version: tuple[str, int], *kinds: EntryKind) -> int:
        """Return the id here of a version that came before; raise `DataError` where none did, or is of another kind."""
        if version not in self.versions:
            raise fields.fault(f"the version {version[0]}:{version[1]} is missing.")
        kind = self.kinds[version[0]]
        if kind not in kinds:
            raise fields.fault(f"{version[0]}:{version[1]} is a {kind.value}, and no {' or '.join(kinds)}.")
        return self.versions[version]
