"""How entries are named: `org/name`, `name:3`, `name:production`, `MODEL@PROMPT`."""

import re
import unicodedata
from dataclasses import dataclass

from registry.errors import InputError, NameFormError

_NAME = re.compile(r"[a-z0-9][a-z0-9._/-]{0,127}")
_TAG = re.compile(r"[\w][\w.:=/ -]{0,63}")


def checked_name(name: str) -> str:
    """Return `name` in NFC, or raise `NameFormError`. A name is never used as a path."""
    name = unicodedata.normalize("NFC", name)
    if not _NAME.fullmatch(name) or ".." in name or "//" in name or name.endswith("/"):
        raise NameFormError(name)
    return name


def checked_entry_name(name: str) -> str:
    """Like `checked_name`, for an entry: a prompted model is written `MODEL@PROMPT`."""
    model, at, prompt = name.partition("@")
    return f"{checked_name(model)}@{checked_name(prompt)}" if at else checked_name(model)


def checked_tag(tag: str) -> str:
    """Return `tag`, or raise `InputError` where it is empty, long or has odd characters."""
    if not _TAG.fullmatch(tag):
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
        name, colon, version = text.partition(":")
        if colon and not version:
            raise NameFormError(text)
        return cls(checked_entry_name(name), checked_name(version) if colon else None)

    def __str__(self) -> str:
        return f"{self.name}:{self.version}" if self.version else self.name
