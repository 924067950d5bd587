"""TuPaTE (Zhou et al. 2022): the parameters of parameter-efficient tuning, less their shared start.

Only tunings with a start that is the same for every task are offered: the difference of two LoRA or prompt runs
says more about their random starts than about their tasks (see docs/architecture.md).
"""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from embedders.errors import SettingError
from embedders.methods.contract import Reading
from embedders.observed import Observed
from registry.spaces import Facet

if TYPE_CHECKING:
    from torch import nn

    from embedders.surrogate import Surrogate

TUNINGS = ("bias", "layer-norm", "ia3")
CHOICES = {"tuning": TUNINGS, "objective": ("verbaliser", "head")}


class TuPaTE:
    """Embeds how the surrogate changes when it learns the task."""

    name = "tupate"
    sees_answers = True

    def parameters(self) -> dict[str, Any]:
        """`tuning`: which parameters peft tunes; the rest say for how long, at which rate, towards what."""
        return {
            "tuning": "bias",
            "objective": "verbaliser",
            "steps": 48,
            "batch_size": 32,
            "learning_rate": 0.003,
        }

    def facets(self, dimension: int) -> tuple[Facet, ...]:
        """One facet, what was tuned."""
        return (Facet("tuned", dimension),)

    def read(self, surrogate: "Surrogate", observed: Observed, parameters: dict[str, Any], *, seed: int) -> Reading:
        """Tune, and return the difference of the tuned parameters from where they started."""
        import torch

        from embedders.objectives import objective_named
        from embedders.training import tune

        torch.manual_seed(seed)
        model = _with_peft(surrogate.fresh_model(), parameters["tuning"])
        tuned = [p for p in model.parameters() if p.requires_grad]
        start = [p.detach().clone() for p in tuned]
        objective = objective_named(parameters["objective"], surrogate, observed, seed=seed)
        losses = tune(surrogate, model, objective, observed, parameters, seed=seed)
        change = torch.cat([(p.detach() - s).flatten() for p, s in zip(tuned, start, strict=True)])
        tail = max(1, len(losses) // 8)
        provenance = {
            "first_loss": losses[0],
            "last_loss": float(np.mean(losses[-tail:])),
            "steps": len(losses),
        }
        return Reading({"tuned": change.float().cpu().numpy()}, provenance)


def _with_peft(model: "nn.Module", tuning: str) -> "nn.Module":
    """Return the model with the parameters that peft adds as its only trainable ones."""
    import peft
    from torch import nn

    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    layers = [name for name in linear if "layer" in name or "block" in name or ".h." in name]
    norms = [name for name, module in model.named_modules() if isinstance(module, nn.LayerNorm)]
    match tuning:
        case "bias":
            config: Any = peft.BeftConfig(target_modules=layers)
        case "layer-norm":
            config = peft.LNTuningConfig(target_modules=norms)
        case "ia3":
            config = peft.IA3Config(target_modules=layers, feedforward_modules=[])
        case _:
            raise SettingError(f"No tuning {tuning!r}: there are {', '.join(TUNINGS)}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peft and transformers say to each other is not for the user
        tuned: nn.Module = peft.get_peft_model(model, config)
    return tuned
