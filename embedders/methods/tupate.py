"""TuPaTE (Zhou et al. 2022): the parameters of parameter-efficient tuning, less their shared start.

Biases, layer norms and IA3 start from what the surrogate is; a prefix and a prompt from random numbers that belong to
the space; of LoRA, whose random start would say more than the task, the product BA is embedded, which starts at zero.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedders.errors import NotEmbeddableError, SettingError
from embedders.methods.contract import OBJECTIVES, Method, Reading, check_objective, steps_for
from embedders.observed import Observed
from embedders.tuning import VIRTUAL_TOKENS
from registry.spaces.facets import Facet
from registry.spaces.spec import DIMENSION

if TYPE_CHECKING:
    import torch

    from embedders.surrogate.model import Surrogate
    from embedders.tuning.few_parameters import Start
    from embedders.tuning.objectives import Objective

LEARNING_RATES = {"bias": 0.003, "layer-norm": 0.003, "ia3": 0.01, "lora": 0.003, "prefix": 0.01, "prompt": 0.01}
LOOK = 6  # steps between two looks at the direction

_OWN_ATTENTION = {"deberta", "deberta-v2"}  # into which no prefix can be put


class TuPaTE(Method):
    """Embeds how the surrogate changes when it learns the task."""

    name = "tupate"
    sees_answers = True
    tunes = True
    choices: ClassVar = {
        "tuning": tuple(LEARNING_RATES),
        "objective": OBJECTIVES,
        "average_layers": ("no", "yes"),
    }

    def parameters(self) -> dict[str, Any]:
        """Return what is tuned towards what, for how long and at which rate.

        `learning_rate` is the one that suits the tuning, where it is not set. `average_layers` takes the mean over
        layers, as the paper does. Tuning stops before `steps` when the direction has `settled`: when its cosine with
        that of 6 steps before is at least this; 1 never stops. Noise alone would need 300 steps for 0.99. Few examples
        are seen at most `passes` times.
        """
        return {
            "tuning": "bias",
            "objective": "verbaliser",
            "steps": 48,
            "passes": 8,
            "batch_size": 32,
            "learning_rate": LEARNING_RATES["bias"],
            "average_layers": "no",
            "settled": 0.99,
        }

    def completed(self, parameters: dict[str, Any], given: Mapping[str, str], model_type: str) -> dict[str, Any]:
        """Return the parameters with the rate that suits the tuning, where none was given."""
        check_objective(parameters["objective"], model_type)
        tuning = parameters["tuning"]
        if tuning == "prefix" and model_type in _OWN_ATTENTION:
            raise SettingError("Prefixes cannot be put into this surrogate's attention: choose another tuning.")
        if tuning == "prompt" and parameters["average_layers"] == "yes":
            raise SettingError("A prompt has no layers to average: leave average_layers at 'no'.")
        if not 0 < parameters["settled"] <= 1:
            raise SettingError("settled is a cosine, above 0 and at most 1.")
        rate = parameters["learning_rate"] if "learning_rate" in given else LEARNING_RATES[tuning]
        return {**parameters, "learning_rate": rate}

    def extra_tokens(self, parameters: dict[str, Any]) -> int:
        """Return the length of a soft prompt."""
        return VIRTUAL_TOKENS if parameters["tuning"] == "prompt" else 0

    def facets(self, dimension: int) -> tuple[Facet, ...]:
        """One facet, what was tuned."""
        return (Facet("tuned", dimension),)

    def read(
        self,
        surrogate: "Surrogate",
        observed: Observed,
        parameters: dict[str, Any],
        *,
        seed: int,
        dimension: int = DIMENSION,
    ) -> Reading:
        """Tune, and return how the tuned parameters differ from where they started."""
        from embedders.tuning.few_parameters import Start, with_tuning
        from embedders.tuning.objectives import objective_for

        objective = objective_for(parameters["objective"], surrogate, observed, seed=seed)
        model = with_tuning(objective.fresh_model(), parameters["tuning"], task_type=objective.peft_type, seed=seed)
        start = Start(model)
        provenance = _tuned(model, objective, start, parameters, seed)
        is_mean = parameters["average_layers"] == "yes"
        change = _averaged(start) if is_mean else _sketched(start, dimension, seed)
        if not np.isfinite(change).all() or not change.any():
            raise NotEmbeddableError("nothing was learnt, or nothing but noise: set another learning_rate.")
        return Reading({"tuned": change}, provenance)


def _tuned(
    model: "torch.nn.Module", objective: "Objective", start: "Start", parameters: dict[str, Any], seed: int
) -> dict[str, Any]:
    """Tune until the steps are done or the direction has settled, and return what is worth remembering of it."""
    import torch

    from embedders.tuning.training import tuning

    losses: list[torch.Tensor] = []
    before: torch.Tensor | None = None  # the direction at the last look, of unit length
    agreement: float | None = None
    for loss in tuning(
        model,
        objective,
        steps=steps_for(parameters, len(objective.lengths)),
        batch_size=parameters["batch_size"],
        learning_rate=parameters["learning_rate"],
        seed=seed,
        decay=False,
    ):
        losses.append(loss)
        if parameters["settled"] < 1 and len(losses) % LOOK == 0:
            now = torch.nn.functional.normalize(start.direction(), dim=0)
            agreement = None if before is None else float(before @ now)
            before = now
            if agreement is not None and agreement >= parameters["settled"]:
                break
    by_step = torch.stack(losses).cpu().numpy()
    tail = max(1, len(by_step) // 8)
    return {
        "first_loss": float(by_step[0]),
        "last_loss": float(by_step[-tail:].mean()),
        "steps": len(by_step),
        "settled": agreement,
    }


def _sketched(start: "Start", dimension: int, seed: int) -> NDArray[np.float32]:
    """Return the change part by part in the sketch: LoRA's products together would be as large as the surrogate."""
    from embedders.sketch import CountSketch

    sketch = CountSketch(start.count, dimension, (seed, 0), device=start.device)
    at = 0
    for _, part in start.change():
        sketch.add(at, part)
        at += part.numel()
    return sketch.values()


def _averaged(start: "Start") -> NDArray[np.float32]:
    """Return the change's mean over layers, (parameters of a layer,)."""
    import torch

    from embedders.tuning.few_parameters import averaged

    mean: NDArray[np.float32] = torch.cat([part.flatten() for _, part in averaged(start.change())]).cpu().numpy()
    return mean
