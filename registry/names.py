"""How entries are named: `org/name`, `SST-2`, `name:3`, `name:production`, `MODEL@PROMPT`; case tells none apart."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import SupportsIndex

from registry.errors import InputError, NameFormError
from registry.kinds import EntryKind

LONGEST = 128  # characters of a name
SHOWN = 4  # names of a list
_NO_SIGNS = str.maketrans("", "", "._/-")
_TAG = re.compile(r"[\w][\w.:=/ -]{0,63}")


def checked_name(name: str) -> str:
    """Return `name` in NFC, or raise `NameFormError`. A name is never used as a path."""
    name = normal(name)
    letters = name.translate(_NO_SIGNS)
    is_of_letters = letters.isalnum() or all(letter.isalnum() or _is_mark(letter) for letter in letters)
    length = max(len(name), len(name.casefold()))  # a letter may be three in the case in which names are compared
    if not name[:1].isalnum() or length > LONGEST or not is_of_letters or ".." in name or "//" in name:
        raise NameFormError(name)
    if name.endswith("/"):
        raise NameFormError(name)
    return name


def normal(name: str) -> str:
    """Return a name, or another text that is to be found again, in the one form of Unicode that is kept: NFC."""
    return unicodedata.normalize("NFC", checked_text(name))


def folded(name: str) -> str:
    """Return what the spellings of one name have in common: they differ in case, and in how Unicode joins letters."""
    return normal(name).casefold()


def checked_text(value: object, what: str = "name") -> str:
    """Return a text; raise `InputError` for whatever else Python code may give in its place."""
    if not isinstance(value, str):
        raise InputError(f"A {what} is a text, and no {type(value).__name__}.")
    return value


def kind_named(kind: EntryKind | str) -> EntryKind:
    """Return the kind of this name; raise `InputError` where there is none."""
    try:
        return EntryKind(kind)
    except ValueError as error:
        told = repr(kind) if isinstance(kind, str) else f"that is a {type(kind).__name__}"
        raise InputError(f"No kind {told}: there are {', '.join(EntryKind)}.") from error


def several(given: object, what: str) -> tuple[str, ...]:
    """Return texts of which there may be several; one alone is one, and not its letters.

    Raises:
        InputError: there is something else.
    """
    texts = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"{what}: a text, or several, and no {type(text).__name__}.")
    return texts


def in_order(given: object, what: str) -> tuple[str, ...]:
    """Return texts of which each has its place; raise `InputError` for a set, which has no order."""
    if isinstance(given, set | frozenset):
        raise InputError(f"{what}: give a list, for a set has no order.")
    return several(given, what)


def whole(number: object, what: str) -> int:
    """Return a number of things as Python's; raise `InputError` for whatever else code may give in its place."""
    if isinstance(number, bool) or not isinstance(number, SupportsIndex):
        raise InputError(f"{what}: a whole number is needed, and no {type(number).__name__}.")
    return number.__index__()


def truth(said: object, what: str) -> bool:
    """Return yes or no; raise `InputError` for whatever else: `replace="no"` would be yes."""
    if type(said).__name__ not in ("bool", "bool_"):  # numpy's has the name with a stroke, or without
        raise InputError(f"{what}: True or False is needed, not {said!r}.")
    return bool(said)


def _is_mark(letter: str) -> bool:
    """Say whether a character belongs to the letter before it, as vowels do in many scripts."""
    return unicodedata.category(letter) in ("Mn", "Mc")


def checked_entry_name(name: str) -> str:
    """Like `checked_name`, for an entry: a prompted model is written `MODEL@PROMPT`."""
    model, at, prompt = checked_text(name).partition("@")
    return f"{checked_name(model)}@{checked_name(prompt)}" if at else checked_name(model)


def checked_tag(tag: str) -> str:
    """Return `tag`, or raise `InputError` where it is empty, long or has odd characters."""
    if not _TAG.fullmatch(checked_text(tag, "tag")):
        raise InputError(f"{tag[:60]!r} is not a tag: use 1 to 64 letters, digits, spaces or . : = / _ -")
    return tag


@dataclass(frozen=True)
class Reference:
    """A name with the version or alias that was asked for; `version` None means the latest."""

    name: str
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read `name`, `name:3` or `name:alias`; raise `NameFormError` for anything else."""
        name, colon, version = checked_text(text).partition(":")
        if colon and not version:
            raise NameFormError(text)
        return cls(checked_entry_name(name), checked_name(version) if colon else None)

    def __str__(self) -> str:
        return f"{self.name}:{self.version}" if self.version else self.name


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
