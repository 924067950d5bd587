"""What can go wrong while embedding, each in one line that says the mend."""

import logging
from collections.abc import Sequence
from traceback import format_exception

from registry.errors import BAD_INPUT, RegistryError, first_line
from registry.shown import without_secrets

_log = logging.getLogger("embedders")


class EmbedderError(RegistryError):
    """Anything of models and embedding that a user can cause or mend."""


class ModelNotUsableError(EmbedderError):
    """A model's files are missing, unsafe, or not of a kind that can be used."""

    exit_code = BAD_INPUT


class SurrogateError(ModelNotUsableError):
    """A space's surrogate cannot be loaded, so that nothing can be embedded there."""


class SettingError(EmbedderError):
    """A setting of a space or a model does not make sense."""

    exit_code = BAD_INPUT


class BlackBoxError(EmbedderError):
    """A black box did not answer, or its answers do not have the form that they should."""


class TooLargeError(BlackBoxError):
    """A device's memory does not hold what a model needs for a batch."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} needs more memory than the device has left: free some, or take --device cpu.")


class ClusterError(EmbedderError):
    """A cluster cannot be reached, or its workers cannot work."""


class NotEmbeddableError(EmbedderError):
    """An entry is nothing that this space can embed; `fute embed --all` passes it over."""

    exit_code = BAD_INPUT


class NotCoveredError(NotEmbeddableError):
    """Recorded answers do not cover the corpus of a space."""

    def __init__(self, name: str, known: int, corpus: int, elsewhere: Sequence[str] = ()) -> None:
        there = ", ".join(elsewhere)
        mend = (
            f"they are the texts of {there}, so take '--space {elsewhere[0]}'."
            if elsewhere
            else "make a corpus of its inputs ('fute corpus create its-inputs --data FILE') and a space with it ('fute "
            "space create its-space --corpus its-inputs'), and embed it there ('fute embed --all --space its-space')."
        )
        super().__init__(f"{name!r} has recorded answers to {known} of the corpus's {corpus} texts: {mend}")
        self._counted = name, known, corpus

    def naming(self, spaces: Sequence[str]) -> "NotCoveredError":
        """Return the same error, its mend a space whose texts the answers cover, where there is one."""
        return NotCoveredError(*self._counted, spaces)


def told_of(error: BaseException) -> str:
    """Return what went wrong in one line; the traceback of what is none of our errors goes to the log, at DEBUG."""
    if isinstance(error, RegistryError):
        return " ".join(str(error).split())
    _log.debug("an error that is none of ours: %s", without_secrets("".join(format_exception(error))))
    if isinstance(error, SystemExit):
        return f"It ended the program (exit code {error.code})."
    return without_secrets(f"{type(error).__name__}: {first_line(error)[:300].rstrip('.')}.")


class NoDeviceError(EmbedderError):
    """The device that was asked for is not there."""

    exit_code = BAD_INPUT

    def __init__(self, device: str) -> None:
        super().__init__(f"No device {device!r} here: leave --device out to take the best there is.")
