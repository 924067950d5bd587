"""CurveGrad: how the loss falls while the surrogate is fine-tuned on the task. A weak baseline.

Bingel and Søgaard, "Identifying beneficial task relations for multi-task learning in deep neural networks" (EACL 2017),
predict the gain of multi-task learning from features of each task, among them the gradients of its loss curve at 10,
20, 30, 50 and 70 percent of the training; Vu et al., "Exploring and Predicting Transferability across NLP Tasks" (EMNLP
2020), rank the sources of a target by these gradients, and call that CurveGrad.

Here the gradients are a vector that is compared as any other: those of the loss itself, as in the papers, not of its
logarithm. So short a training is noisy, so the curve is smoothed by means over segments of equal length, with points
all along it; and the gradients are taken relative to the first mean, since a task of many classes begins with a larger
loss. The vectors of a space have unit length, so the shape of the curve is all that counts there. It is weak by nature:
a few numbers, in which the luck of the batches may be as large as what two tasks differ by, and tasks that have nothing
in common may well be learnt at the same pace.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedders.errors import NotEmbeddableError, SettingError
from embedders.methods.contract import OBJECTIVES, Method, Reading, check_objective, steps_for
from embedders.observed import Observed
from registry.spaces.facets import Facet
from registry.spaces.spec import DIMENSION

if TYPE_CHECKING:
    from embedders.surrogate.model import Surrogate


class CurveGrad(Method):
    """Embeds at which pace the surrogate learns the task."""

    name = "curvegrad"
    sees_answers = True
    tunes = True
    choices: ClassVar = {"objective": OBJECTIVES}

    def parameters(self) -> dict[str, Any]:
        """Return how the surrogate is fine-tuned, at a constant rate, and the number of gradients, `points`.

        Few examples are seen at most `passes` times, unless the points need more steps.
        """
        return {
            "objective": "verbaliser",
            "steps": 32,
            "passes": 2,
            "batch_size": 8,
            "learning_rate": 2e-5,
            "points": 10,
        }

    def completed(self, parameters: dict[str, Any], given: Mapping[str, str], model_type: str) -> dict[str, Any]:
        """Return the parameters, if there are steps enough, and the surrogate can learn the objective."""
        check_objective(parameters["objective"], model_type)
        if not 2 <= parameters["points"] < parameters["steps"]:
            raise SettingError("points of the loss curve are at least 2, and fewer than steps.")
        return parameters

    def numbers(self, parameters: dict[str, Any], dimension: int) -> int:
        """Return the number of gradients: there is nothing to fill more with."""
        return min(dimension, int(parameters["points"]))

    def facets(self, dimension: int) -> tuple[Facet, ...]:
        """One facet, the curve."""
        return (Facet("curve", dimension),)

    def read(
        self,
        surrogate: "Surrogate",
        observed: Observed,
        parameters: dict[str, Any],
        *,
        seed: int,
        dimension: int = DIMENSION,
    ) -> Reading:
        """Fine-tune the surrogate, and return the gradients of its loss."""
        losses = _losses(surrogate, observed, parameters, seed)
        if not np.isfinite(losses).all() or np.ptp(losses) <= 1e-6 * losses.max():
            raise NotEmbeddableError("its loss has no curve: it never changes, or grows beyond all numbers.")
        means = segment_means(losses, parameters["points"] + 1)
        gradients = np.diff(means) / means[0]  # (points,)
        provenance = {"steps": len(losses), "first_loss": float(means[0]), "last_loss": float(means[-1])}
        return Reading({"curve": gradients.astype(np.float32)}, provenance)


def segment_means(losses: NDArray[np.float64], segments: int) -> NDArray[np.float64]:
    """Return the mean loss of each of a number of segments of equal length, (segments,).

    A step across which a segment ends counts for either side by its share.

    Args:
        losses: of each step, (steps,).
        segments: no more than there are steps.
    """
    edges = np.linspace(0, len(losses), segments + 1)
    inside = np.clip(edges[1:, None] - np.arange(len(losses)), 0, 1)  # share of each step before a segment's end
    shares = np.diff(inside, axis=0, prepend=0.0)  # (segments, steps), of each step in each segment
    means: NDArray[np.float64] = shares @ losses / shares.sum(axis=1)
    return means


def _losses(surrogate: "Surrogate", observed: Observed, parameters: dict[str, Any], seed: int) -> NDArray[np.float64]:
    """Fine-tune the whole surrogate, and return the loss of each step, (steps,)."""
    import torch

    from embedders.tuning.objectives import objective_for
    from embedders.tuning.training import tuning

    objective = objective_for(parameters["objective"], surrogate, observed, seed=seed)
    losses = tuning(
        objective.fresh_model(),
        objective,
        steps=max(steps_for(parameters, len(objective.lengths)), parameters["points"] + 1),
        batch_size=parameters["batch_size"],
        learning_rate=parameters["learning_rate"],
        seed=seed,
        decay=False,
    )
    by_step: NDArray[np.float64] = torch.stack(list(losses)).double().cpu().numpy()
    return by_step
