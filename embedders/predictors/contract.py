"""What every black box can do: say which inputs it can answer, and answer them."""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from registry.data.inputs import Input
from registry.data.predictions import Predictions

LEAST_COVERED = 32  # texts of a corpus that must have an answer before a model is embedded

Form = Literal["labels", "number", "spans"]


def is_covered(known: int, inputs: int) -> bool:
    """Say whether so many of a corpus's inputs that a model can answer are enough to embed it."""
    return known >= min(LEAST_COVERED, inputs)


class Predictor(Protocol):
    """A black box, ready to be asked."""

    @property
    def form(self) -> Form:
        """What its answers are: labels; a number, as the two ends of a scale; or spans of the inputs."""
        ...

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """Return those of the inputs that it can answer, in order."""
        ...

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Answer inputs that are answerable: a row for each, with a reason where it has no answer."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A black box that reads no more than so many tokens."""

    @property
    def not_read(self) -> str | None:
        """What it did not read of the inputs so far, in words; None where it read all."""
        ...


@runtime_checkable
class Calibratable(Protocol):
    """A black box whose leaning to one answer shows on inputs that say nothing."""

    def content_free(self, *, pairs: bool) -> Predictions | None:
        """Return its answers to an empty, an n/a and a masked input; None where they are not known.

        Args:
            pairs: ask with pairs of texts.
        """
        ...
