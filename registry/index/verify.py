"""What was found when an index was held against the catalog."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verification:
    """What `index verify` found in one space; `faults` is empty where all is well."""

    space: str
    vectors: int
    snapshot: str  # sound, stale, missing or damaged
    faults: tuple[str, ...]
