"""What every method promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedders.errors import SettingError
from embedders.methods.halves import halves_with_copies
from embedders.observed import Observed
from registry.spaces.facets import Facet
from registry.spaces.spec import DIMENSION

if TYPE_CHECKING:
    from embedders.surrogate.model import Surrogate


Parts = dict[str, NDArray[np.float32]]
SPLITS = 4  # into halves of the data, which show how uncertain a vector is
LEAST_TO_SPLIT = 8  # examples, or batches of them


@dataclass(frozen=True)
class Reading:
    """What a method read: one vector in parameter space per facet, and what is worth remembering."""

    parts: Parts  # facet -> (parameters,)
    provenance: dict[str, Any] = field(default_factory=dict)
    halves: tuple[tuple[Parts, Parts], ...] = ()  # the same of complementary halves of the data, where that is cheap


def splits_of(which: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Return how rows are halved, (splits, rows); no splits where they are too few.

    Args:
        which: the number of the example that each row is, from 0 on, (rows,); copies have one.
    """
    if which.max(initial=-1) + 1 < LEAST_TO_SPLIT:
        return np.zeros((0, len(which)), bool)
    return halves_with_copies(which, SPLITS, seed)


def read_halves(
    read: Callable[[NDArray[np.bool_]], Parts], which: NDArray[np.int64], seed: int
) -> tuple[tuple[Parts, Parts], ...]:
    """Return what is read of complementary halves of rows, split by split; nothing where they are too few.

    Args:
        read: the parts of the rows that are true, (rows,).
        which: as of `splits_of`.
    """
    return tuple((read(half), read(~half)) for half in splits_of(which, seed))


def steps_for(parameters: Mapping[str, Any], rows: int) -> int:
    """Return how many steps the surrogate is tuned: `steps`, or fewer, so that few rows are not seen more than `passes`
    times; spaces of 0.3 know no such bound."""
    steps: int = parameters["steps"]
    if "passes" not in parameters:
        return steps
    return min(steps, int(parameters["passes"]) * -(-rows // int(parameters["batch_size"])))


class Method(ABC):
    """A way to embed. The same surrogate, observations, parameters and seed give the same reading, bit by bit."""

    name: ClassVar[str]  # how a space refers to it
    sees_answers: ClassVar[bool]  # whether answers change the embedding; if not, it cannot embed a model
    tunes: ClassVar[bool] = False  # whether the surrogate is trained, which takes as long as many readings
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # the values of parameters that have a fixed few
    may_be_zero: ClassVar[tuple[str, ...]] = ()  # the parameters that need not be positive

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Return every parameter with its default."""

    def completed(self, parameters: dict[str, Any], given: Mapping[str, str], model_type: str) -> dict[str, Any]:
        """Return a space's parameters as they suit each other and the surrogate.

        Args:
            given: the settings that the user made.
            model_type: of the surrogate, from its config.

        Raises:
            SettingError: the settings do not go together, or not with the surrogate.
        """
        return parameters

    def extra_tokens(self, parameters: dict[str, Any]) -> int:
        """Return how many of the surrogate's positions are taken before the input."""
        return 0

    def numbers(self, parameters: dict[str, Any], dimension: int) -> int:
        """Return how many numbers a vector has, where the space has room for `dimension`."""
        return dimension

    @abstractmethod
    def facets(self, dimension: int) -> tuple[Facet, ...]:
        """Return how a vector of `dimension` numbers is divided."""

    @abstractmethod
    def read(
        self,
        surrogate: "Surrogate",
        observed: Observed,
        parameters: dict[str, Any],
        *,
        seed: int,
        dimension: int = DIMENSION,
    ) -> Reading:
        """Return the embedding in parameter space; a part that is no longer than its facet is sketched already.

        Args:
            dimension: of the space, for methods that stream into the sketch.
        """


ENCODERS = {
    *("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet"),
    *("roberta", "xlm-roberta"),
}
OBJECTIVES = ("verbaliser", "head", "text-to-text")


def check_objective(objective: str, model_type: str) -> None:
    """Raise `SettingError` where a surrogate of this type cannot learn the objective."""
    if objective == "text-to-text" and model_type in ENCODERS:
        raise SettingError("An encoder writes no text: the objective text-to-text needs a T5 or a decoder.")
