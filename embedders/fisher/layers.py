"""What each kind of layer gives to the gradients of its parameters, example by example.

A gradient is made of three sorts of parts: outer products (linear weights), sums (biases, norms) and rows (embeddings).
A parameter that is used several times adds its parts up, per example, before anything is squared.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

EPSILON = 1e-12  # below which the logarithm of a squared gradient is about nothing


@dataclass
class GradientParts:
    """The parts of one parameter's gradient in one batch of `groups` examples."""

    awaited: int = 0  # uses in the forward pass whose gradient has not come yet
    products: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)  # (groups, tokens, rows | columns)
    rows: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)  # (groups, tokens), (..., columns)
    sums: torch.Tensor | None = None  # (groups, numbers)

    def add_sum(self, made: torch.Tensor) -> None:
        """Add one use of a bias or norm, (groups, numbers)."""
        self.sums = made if self.sums is None else self.sums + made


def is_known(module: nn.Module) -> bool:
    """Whether the gradients of a module's own parameters can be told apart by example."""
    if type(module) is nn.Embedding:
        return module.max_norm is None and not module.scale_grad_by_freq and not module.sparse
    return type(module) in (nn.Linear, Conv1D, nn.LayerNorm) or _is_rms_norm(module)


def add_use(parts: GradientParts, module: nn.Module, name: str, given: torch.Tensor, gradient: torch.Tensor) -> None:
    """Add one use of a module to the parts of its parameter `name`.

    Args:
        given: the module's input, (groups, tokens, ...).
        gradient: of its output, (groups, tokens, columns).
    """
    if isinstance(module, nn.Embedding):
        if module.padding_idx is not None:
            gradient = gradient.masked_fill((given == module.padding_idx)[..., None], 0.0)
        parts.rows.append((given, gradient))
    elif name == "bias":
        parts.add_sum(gradient.sum(dim=1, dtype=torch.float32))
    elif isinstance(module, nn.Linear):
        parts.products.append((gradient, given.to(gradient.dtype)))
    elif isinstance(module, Conv1D):
        parts.products.append((given.to(gradient.dtype), gradient))
    else:
        parts.add_sum((gradient.float() * _normalised(module, given.float())).sum(dim=1))


def accumulate(total: torch.Tensor, made: torch.Tensor, power: str) -> None:
    """Add the powers of gradients `made` (examples, ...) to `total` (...). What `made` held is lost."""
    is_on_cpu = made.device.type == "cpu"
    if power == "1" and len(made) == 1:
        total.addcmul_(made[0], made[0])
    elif (power == "1" and not (is_on_cpu and made.dtype is torch.float32)) or (power == "0.5" and not is_on_cpu):
        total.add_(read_once(made, power))
    else:
        raised = powered(made.float(), power)
        total.add_(raised[0] if len(raised) == 1 else raised.sum(dim=0))


def read_once(made: torch.Tensor, power: str) -> torch.Tensor:
    """Return the sum over the examples of a power, 1 or 0.5, by a norm: on a GPU it is memory that takes time."""
    if power == "0.5":
        return torch.linalg.vector_norm(made, ord=1, dim=0, dtype=torch.float32)
    return torch.linalg.vector_norm(made, dim=0, dtype=torch.float32).square_()


def powered(made: torch.Tensor, power: str) -> torch.Tensor:
    """Return a power of squared gradients, given the gradients, which it overwrites. Where they are 0, so is it."""
    match power:
        case "0.5":
            return made.abs_()
        case "log":
            return made.square_().div_(EPSILON).log1p_()
    return made.square_()


def summed_rows(rows: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Add up the gradients of the same row within each example.

    Returns:
        The row numbers (groups, tokens) and their gradients (groups, tokens, columns): the sum where a row occurs
        first in an example, zeros where it occurs again.
    """
    numbers = torch.cat([ids for ids, _ in rows], dim=1)
    gradients = torch.cat([gradient for _, gradient in rows], dim=1).float()
    is_same = numbers[:, :, None] == numbers[:, None, :]  # (groups, tokens, tokens)
    is_first = ~is_same.tril(-1).any(dim=2)
    return numbers, torch.bmm(is_same.float() * is_first[:, :, None], gradients)


def add_rows(table: torch.Tensor, rows: torch.Tensor, values: torch.Tensor) -> None:
    """Add values (rows, columns) to rows of a table, which may repeat; a GPU adds them in the same order each time."""
    if table.device.type == "cpu":
        table.index_add_(0, rows, values)
    else:
        table.index_put_((rows,), values, accumulate=True)


def _is_rms_norm(module: nn.Module) -> bool:
    name = type(module).__name__
    return (name.endswith("RMSNorm") or name == "T5LayerNorm") and _epsilon(module) is not None


def _epsilon(module: nn.Module) -> Any:  # noqa: ANN401
    return getattr(module, "variance_epsilon", getattr(module, "eps", None))


def _normalised(module: nn.Module, given: torch.Tensor) -> torch.Tensor:
    if isinstance(module, nn.LayerNorm):
        return F.layer_norm(given, module.normalized_shape, eps=module.eps)
    return given * torch.rsqrt(given.square().mean(dim=-1, keepdim=True) + _epsilon(module))
