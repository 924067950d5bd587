"""What can go wrong, each in one line that says the mend, with the exit code that it means."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from registry.shown import without_secrets

BAD_INPUT, FAILURE, FAULT = 2, 1, 3


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or what it is where it says nothing."""
    return str(error).strip().partition("\n")[0].rstrip() or type(error).__name__


def hint(name: str, known: Iterable[str]) -> str:
    """Return the question whether the most similar of some names was meant; nothing where none is similar."""
    import difflib

    near = difflib.get_close_matches(name[:140], known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def together(problems: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what went wrong, by name, with one line for all that differ in their names alone: `a and 3 more`, why."""
    alike: dict[str, list[str]] = {}
    for name, why in problems.items():
        alike.setdefault(why.replace(name, ""), []).append(name)
    more = {names[0]: f" and {len(names) - 1} more" if len(names) > 1 else "" for names in alike.values()}
    return [(first + rest, " ".join(problems[first].split())) for first, rest in more.items()]


class RegistryError(Exception):
    """Anything that a user can cause or mend; shown as one line, without a traceback."""

    exit_code = FAILURE

    def __str__(self) -> str:
        """What went wrong; what was given, or answered, may be repeated in it, but for a key."""
        return without_secrets(super().__str__())

    def __reduce__(self) -> tuple[Callable[..., "RegistryError"], tuple[Any, ...], dict[str, Any]]:
        """Let an error come out of a process of a pool as it is: what it was made of is not what it says."""
        return _as_it_was, (type(self), *self.args), vars(self)


def _as_it_was(kind: type[RegistryError], *told: object) -> RegistryError:
    return kind.__new__(kind, *told)


class InputError(RegistryError):
    """The input, a name or an option is not usable as it is."""

    exit_code = BAD_INPUT


class DataError(InputError):
    """A data file does not hold what its format promises."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place[-200:]}: {problem}")


class NameFormError(InputError):
    """A name does not have the form that the catalog accepts."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:60]!r} is not a name: use 1 to 128 letters, digits or . _ / -, starting with a letter or digit, "
            "without '..' or '//'."
        )


class NotFoundError(InputError):
    """Nothing in the catalog has this name."""

    def __init__(self, what: str, name: str, known: Sequence[str] = ()) -> None:
        super().__init__(f"No {what} named {name[:140]!r} in this registry.{hint(name, known)}")


class AlreadyExistsError(InputError):
    """The name is taken, and what was given is not what is there."""

    def __init__(self, name: str, kind: str, mend: str) -> None:
        super().__init__(f"{name!r} is already the name of a {kind} with other content: {mend}")


class InUseError(InputError):
    """Something else in the catalog depends on what was to be removed."""

    def __init__(self, name: str, users: Sequence[str]) -> None:
        super().__init__(f"{name!r} is used by {', '.join(users)}: remove those first.")


class NotARegistryError(InputError):
    """There is no registry at this location."""

    def __init__(self, location: str) -> None:
        super().__init__(f"No registry at {location}: make one with 'fute init', or name one with --registry.")


class SchemaError(InputError):
    """The database was written by another release, or never finished."""

    def __init__(self, found: str | None, *, newer: bool) -> None:
        if found is None:
            super().__init__("This registry was begun and not finished: run 'fute init', or 'fute copy', again.")
            return
        mend = "upgrade fute-registry" if newer else "run 'fute db upgrade' (of a folder, a backup is kept)"
        age = "a newer" if newer else "an older"
        super().__init__(f"This registry was written by {age} release (schema {found}): {mend}.")


class SpaceMismatchError(InputError):
    """Two vectors of different spaces were about to be compared."""


class NotEmbeddedError(InputError):
    """An entry has no vector in the space that was asked for."""

    def __init__(self, name: str, space: str, elsewhere: Sequence[str]) -> None:
        mend = f"run 'fute embed {name} --space {space}'"
        if elsewhere:
            mend = f"it has one in {', '.join(elsewhere)}, so ask there, '--space {elsewhere[0]}', or {mend}"
        super().__init__(f"{name!r} has no vector in space {space!r}: {mend}.")


class MissingExtraError(RegistryError):
    """An optional library is needed and not installed, or installed wrongly.

    Raised where an import has failed, it says of a library that is there why it cannot be loaded.
    """

    def __init__(self, what: str, extra: str) -> None:
        failed = sys.exception()
        is_there = isinstance(failed, ImportError) and not isinstance(failed, ModuleNotFoundError)
        mend = "give it more memory, or install it anew"
        why = f", which cannot be loaded ({first_line(failed)}): {mend}" if failed and is_there else ""
        super().__init__(f"{what}{why}: pip install 'fute-registry[{extra}]'.")


class StorageError(RegistryError):
    """The database or a file could not be read or written."""


class LeaseLostError(RegistryError):
    """A job was taken over by another worker while this one was at it."""


class IntegrityError(RegistryError):
    """Stored data is not what was written."""

    exit_code = FAULT


class LostContentError(IntegrityError):
    """Stored data is not there at all."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"Content {sha256} is missing from the catalog: run 'fute repair'.")


class TemplateError(InputError):
    """A template does what the template of a prompt may not, or cannot be rendered."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The template {problem}")


class StoppedError(TemplateError):
    """A template was stopped because it took too long, or too much memory."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(f"{problem}: simplify it.")
        self.line = line  # of those that were rendered together
