"""What can go wrong while embedding, each in one line that says the mend."""

from registry.errors import BAD_INPUT, FAILURE


class EmbedderError(Exception):
    """Anything that a user can cause or mend; shown as one line, without a traceback."""

    exit_code = FAILURE


class ModelNotUsableError(EmbedderError):
    """A model's files are missing, unsafe, or not of a kind that can be used."""

    exit_code = BAD_INPUT


class SettingError(EmbedderError):
    """A setting of a space or a model does not make sense."""

    exit_code = BAD_INPUT


class BlackBoxError(EmbedderError):
    """A black box did not answer, or its answers do not have the form that they should."""


class NotEmbeddableError(EmbedderError):
    """An entry is nothing that this space can embed; `fute embed --all` passes it over."""

    exit_code = BAD_INPUT


class NotCoveredError(NotEmbeddableError):
    """Recorded answers do not cover the corpus of a space."""

    def __init__(self, name: str, known: int, corpus: int) -> None:
        super().__init__(
            f"{name!r} has recorded answers to {known} of the corpus's {corpus} texts: make a corpus of its inputs "
            "('fute corpus create its-inputs --data FILE') and a space with it ('fute space create its-space --corpus "
            "its-inputs'), and embed it there ('fute embed --all --space its-space')."
        )


class NoDeviceError(EmbedderError):
    """The device that was asked for is not there."""

    exit_code = BAD_INPUT

    def __init__(self, device: str) -> None:
        super().__init__(f"No device {device!r} here: leave --device out to take the best there is.")
