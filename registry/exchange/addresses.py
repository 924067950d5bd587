"""Which far end do a user's words mean? A folder, or a repository of the hub."""

import re
from pathlib import Path

from registry.errors import InputError
from registry.exchange.far_end import SCHEME, FarEnd
from registry.exchange.folder import FarFolder
from registry.exchange.hub import HubRepository
from registry.location import LONGEST_PART, at_home
from registry.shown import without_secrets

_PART = r"[A-Za-z0-9][\w.-]{0,95}"
_REPOSITORY = re.compile(rf"(?P<id>{_PART}/{_PART})(@(?P<revision>[\w./-]{{1,255}}))?", re.ASCII)


def far_end_of(where: str, *, public: bool = False) -> FarEnd:
    """Return the place that is meant: a folder, or `hf://datasets/OWNER/NAME[@REVISION]`.

    Args:
        public: whether a repository that a push makes is for everybody to read.

    Raises:
        InputError: it is neither.
    """
    if where.startswith(SCHEME):
        found = _REPOSITORY.fullmatch(where.removeprefix(SCHEME))
        if found is None or ".." in where or "--" in found["id"]:
            raise InputError(f"{without_secrets(where)[:100]!r} is not {SCHEME}OWNER/NAME[@REVISION].")
        return HubRepository(found["id"], found["revision"], public=public)
    if "://" in where:
        told = without_secrets(where.partition("://")[0][:20])
        mend = "; 'fute copy' moves a registry into a database" if told.startswith("postgres") else ""
        raise InputError(f"A registry is pushed to a folder or to {SCHEME}OWNER/NAME, not to {told}://...{mend}.")
    parts = Path(where).parts
    if not parts or "\0" in where or any(len(part.encode(errors="replace")) > LONGEST_PART for part in parts):
        raise InputError(f"{where[:60]!r} is not the path of a folder.")
    return FarFolder(at_home(where))
