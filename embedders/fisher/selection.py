"""Which parameters the Fisher is read of, and where each lies in the vector."""

from dataclasses import dataclass

from torch import nn

from embedders.errors import SettingError

SELECTIONS = ("encoder", "all", "bias")
BROADCAST = "relative_attention_bias"  # one table added to the attention of a whole batch


@dataclass(frozen=True)
class Layout:
    """Parameters laid end to end, in the order of the model."""

    parameters: dict[str, nn.Parameter]
    starts: dict[str, int]
    size: int  # numbers in all


def select(model: nn.Module, selection: str) -> Layout:
    """Return the parameters that a selection names; raise `SettingError`.

    Args:
        selection: `encoder`, the transformer blocks of the encoder, or a decoder's blocks where there is no encoder;
            `all`, every parameter, a tied one once; `bias`, the biases and norms of the encoder's blocks. T5's
            relative attention biases, which are shared by all inputs of a batch, are in none of them.
    """
    if selection not in SELECTIONS:
        raise SettingError(f"No selection {selection!r}: there are {', '.join(SELECTIONS)}.")
    within = "" if selection == "all" else blocks(model) + "."
    chosen = {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.startswith(within)
        and BROADCAST not in name
        and parameter.is_floating_point()
        and (selection != "bias" or parameter.dim() == 1)
    }
    if not chosen:
        raise SettingError(f"The surrogate has no parameters of the selection {selection!r}: use 'encoder'.")
    starts, size = {}, 0
    for name, parameter in chosen.items():
        starts[name] = size
        size += parameter.numel()
    return Layout(chosen, starts, size)


def blocks(model: nn.Module) -> str:
    """Return the name of the list of transformer blocks: the encoder's, or the largest list that there is."""
    found: dict[str, nn.ModuleList] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and not any(name.startswith(f"{outer}.") for outer in found):
            found[name] = module
    if not found:
        raise SettingError("The surrogate has no transformer blocks: use the selection 'all'.")
    encoders = {name: module for name, module in found.items() if "decoder" not in name.split(".")}
    candidates = encoders or found
    return max(candidates, key=lambda name: sum(p.numel() for p in candidates[name].parameters()))
