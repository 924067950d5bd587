"""TaskEmb (Achille et al. 2019; Vu et al. 2020): which weights of the surrogate matter to the task.

The diagonal of the empirical Fisher information, F = 1/n sum_i (grad log p(y_i|x_i))^2, read after the surrogate has
been fine-tuned on the task for some steps. It never exists as a whole: see `embedders.fisher`.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedders.errors import NotEmbeddableError
from embedders.methods.contract import (
    LEAST_TO_SPLIT,
    OBJECTIVES,
    Method,
    Parts,
    Reading,
    check_objective,
    read_halves,
    steps_for,
)
from embedders.observed import Observed
from registry.spaces.facets import Facet
from registry.spaces.spec import DIMENSION

if TYPE_CHECKING:
    import torch

    from embedders.sketch import CountSketch
    from embedders.surrogate.model import Surrogate
    from embedders.tuning.objectives import Objective

LARGER = 4  # times as large as those of the training are the Fisher's batches, to which their size makes no difference
AT_ONCE = 32  # examples in one of them, at most


class TaskEmb(Method):
    """Embeds where the surrogate's weights are sensitive to the task."""

    name = "taskemb"
    sees_answers = True
    tunes = True
    may_be_zero = ("steps",)
    choices: ClassVar = {
        "objective": OBJECTIVES,
        "selection": ("encoder", "all", "bias"),
        "power": ("1", "0.5", "log"),
        "labels": ("data", "sampled"),
        "variant": ("per-example", "batch-gradient"),
    }

    def parameters(self) -> dict[str, Any]:
        """Return what is read, and how the surrogate is fine-tuned before.

        `selection`: the weights of the encoder's blocks, all weights, or the blocks' biases and norms. `power`: `1`;
        `0.5`, the mean of |grad|; `log`, the mean of log(1 + grad^2 / 1e-12). `labels`: the answers that were
        observed, or ones drawn from the surrogate itself. `variant`: the Fisher, or the square of each batch's mean
        gradient, for comparison. `steps` may be 0: the Fisher of the surrogate as it is hardly sees the answers. Few
        examples are seen at most `passes` times.
        """
        return {
            "objective": "verbaliser",
            "selection": "encoder",
            "power": "0.5",
            "labels": "data",
            "variant": "per-example",
            "steps": 16,
            "passes": 2,
            "batch_size": 8,
            "learning_rate": 2e-5,
        }

    def completed(self, parameters: dict[str, Any], given: Mapping[str, str], model_type: str) -> dict[str, Any]:
        """Return the parameters, if the surrogate can learn the objective."""
        check_objective(parameters["objective"], model_type)
        return parameters

    def facets(self, dimension: int) -> tuple[Facet, ...]:
        """One facet, the Fisher."""
        return (Facet("fisher", dimension),)

    def read(
        self,
        surrogate: "Surrogate",
        observed: Observed,
        parameters: dict[str, Any],
        *,
        seed: int,
        dimension: int = DIMENSION,
    ) -> Reading:
        """Fine-tune the surrogate, and return its Fisher on the observations, sketched to (dimension,)."""
        import torch

        from embedders.fisher import diagonal_fisher, select
        from embedders.sketch import CountSketch
        from embedders.tuning.objectives import objective_for

        objective = objective_for(parameters["objective"], surrogate, observed, seed=seed)
        model = objective.fresh_model()
        tuned = _tuned(model, objective, parameters, seed)
        layout = select(model, parameters["selection"])
        drawn = torch.Generator(surrogate.device).manual_seed(seed) if parameters["labels"] == "sampled" else None
        sketches = [CountSketch(layout.size, dimension, (seed, 0), device=surrogate.device) for _ in range(2)]
        batches = _batches(objective.lengths, _batch_size(parameters, len(objective.lengths)))
        watched = _Watched(batches, sketches)
        fisher = diagonal_fisher(
            model,
            lambda rows: objective.losses(model, rows, sample=drawn),
            watched,
            layout,
            sketches[0],
            beside=None if drawn else sketches[1],  # answers are drawn one after another
            variant=parameters["variant"],
            power=parameters["power"],
        )
        vector = watched.values() / np.float32(fisher.count)
        if not np.isfinite(vector).all() or not vector.any():
            raise NotEmbeddableError("its answers have no gradients: they are all alike, or were cut off.")
        why = {"reason": fisher.reason} if fisher.reason else {}
        halves = read_halves(watched.sum_of, np.arange(len(watched.totals)), seed)
        return Reading({"fisher": vector}, {**tuned, "weights": layout.size, "way": fisher.way, **why}, halves)


class _Watched:
    """Batches, and what each of them added to sketches of one vector."""

    def __init__(self, batches: list[NDArray[np.int64]], sketches: "list[CountSketch]") -> None:
        self._batches = batches
        self._sketches = sketches
        self.totals: list[torch.Tensor] = []  # after each batch, on the device

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        for batch in self._batches:
            yield batch
            first, second = self._sketches
            self.totals.append(first.totals() + second.totals())

    def values(self) -> NDArray[np.float32]:
        """Return what all batches added, sketched."""
        return self._sketches[0].values_of(self.totals[-1])

    def sum_of(self, chosen: NDArray[np.bool_]) -> Parts:
        """Return what the chosen batches added, (batches,)."""
        ends = [0 * self.totals[0], *self.totals]
        added = [after - before for (before, after), wanted in zip(pairwise(ends), chosen, strict=True) if wanted]
        return {"fisher": self._sketches[0].values_of(sum(added[1:], added[0]))}


def _tuned(model: "torch.nn.Module", objective: "Objective", parameters: dict[str, Any], seed: int) -> dict[str, Any]:
    """Fine-tune the whole surrogate for some steps, and return what is worth remembering of it."""
    from embedders.tuning.training import tune

    losses = tune(
        model,
        objective,
        steps=steps_for(parameters, len(objective.lengths)),
        batch_size=parameters["batch_size"],
        learning_rate=parameters["learning_rate"],
        seed=seed,
    )
    return {"steps": len(losses), **({"first_loss": losses[0], "last_loss": losses[-1]} if losses else {})}


def _batch_size(parameters: dict[str, Any], rows: int) -> int:
    """Return the size of the Fisher's batches: of few rows small ones, so that there are halves of them to compare."""
    if parameters["variant"] != "per-example":  # the batch gradient is another one for each size
        return int(parameters["batch_size"])
    return max(1, min(AT_ONCE, LARGER * int(parameters["batch_size"]), -(-rows // LEAST_TO_SPLIT)))


def _batches(lengths: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Return the numbers of all rows in batches of like length, longest first."""
    order = np.argsort(-lengths, kind="stable")
    return [order[start : start + size] for start in range(0, len(order), size)]
