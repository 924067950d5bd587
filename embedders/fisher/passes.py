"""The diagonal of the empirical Fisher: for whole batches where layers keep examples apart, else one by one."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from embedders.errors import SettingError
from embedders.fisher.hooks import BatchHooks, Losses, NotSeparableError
from embedders.fisher.layers import accumulate
from embedders.fisher.selection import Layout
from embedders.fisher.sums import Sink
from embedders.hardware.side_by_side import side_by_side

VARIANTS = ("per-example", "batch-gradient")
POWERS = ("1", "0.5", "log")


@dataclass(frozen=True)
class Fisher:
    """What a pass over the data did."""

    count: int  # what the sums in the sink are to be divided by: examples, or batches for the batch gradient
    way: str  # `hooks`, or `single` where layers mix the examples of a batch
    reason: str = ""  # why it was `single`


def diagonal_fisher(
    model: nn.Module,
    losses: Losses,
    batches: Iterable[NDArray[np.int64]],
    layout: Layout,
    sink: Sink,
    *,
    beside: Sink | None = None,
    variant: str = "per-example",
    power: str = "1",
) -> Fisher:
    """Add n times F = 1/n sum_i (grad log p(y_i|x_i))^2 to a sink (Vu et al. 2020, TaskEmb).

    No gradient is kept: what one layer of one batch gives is passed on before the next layer's is made. The one-by-one
    way, for layers that share computation between the examples of a batch, keeps the sum of one batch.

    Args:
        model: in evaluation mode; its parameters are frozen meanwhile.
        losses: row numbers to -log p of each, float32 (rows,), from one pass of the model over one input each.
        batches: row numbers, (rows,) each.
        layout: which parameters, from `select`.
        sink: gets each part of the sums once per batch, to be read at once: the memory is reused.
        beside: another sink, whose sums are to be added to those of the first: on a CPU, a batch's halves are then
            passed side by side and go to a sink each, from threads of their own. What each gets does not depend on the
            number of threads.
        variant: `batch-gradient` squares the mean gradient of each batch instead, as the published code of FUTE does
            with all the data: not the Fisher, for comparison only.
        power: `1`; `0.5` for the mean of |grad|, each example's root; `log` for the mean of log(1 + grad^2 / 1e-12).
            A power of the mean instead could not be streamed.

    Raises:
        SettingError: no such variant or power.
    """
    _check(variant, power)
    is_mean, count = variant == "batch-gradient", 0
    sinks = [sink] if beside is None or is_mean or not _is_on_cpu(layout) else [sink, beside]
    with ExitStack() as stack:
        hooks, reason = _hooks(stack, model, layout, sinks, power=power, is_mean=is_mean)
        for rows in batches:
            if hooks is not None:
                try:
                    hooks.batch(losses, rows)
                except NotSeparableError as error:
                    hooks, reason = None, str(error)
                    stack.close()
            if hooks is None:
                groups = [rows] if is_mean else np.split(rows, len(rows))
                _one_by_one(model, losses, groups, layout, sinks, power)
            count += 1 if is_mean else len(rows)
    return Fisher(count, "single" if reason else "hooks", reason)


def _hooks(
    stack: ExitStack, model: nn.Module, layout: Layout, sinks: list[Sink], *, power: str, is_mean: bool
) -> tuple[BatchHooks | None, str]:
    """Return hooks that are attached until the stack is closed, or why there can be none."""
    try:
        hooks = BatchHooks(model, layout, sinks, power=power, is_mean=is_mean)
    except NotSeparableError as error:
        return None, str(error)
    stack.enter_context(hooks.attached())
    return hooks, ""


def _is_on_cpu(layout: Layout) -> bool:
    return all(parameter.device.type == "cpu" for parameter in layout.parameters.values())


def _check(variant: str, power: str) -> None:
    if variant not in VARIANTS:
        raise SettingError(f"No variant {variant!r} of the Fisher: there are {', '.join(VARIANTS)}.")
    if power not in POWERS:
        raise SettingError(f"No power {power!r} of the Fisher: there are {', '.join(POWERS)}.")


def _one_by_one(
    model: nn.Module,
    losses: Losses,
    groups: list[NDArray[np.int64]],
    layout: Layout,
    sinks: list[Sink],
    power: str,
) -> None:
    """Add one batch, each group of rows by a pass of its own; a sink's sum of the batch is held until its end."""
    chosen = list(layout.parameters.values())

    def add(part: tuple[Sink, list[NDArray[np.int64]]]) -> None:
        sink, own = part
        totals = [torch.zeros_like(parameter, dtype=torch.float32) for parameter in chosen]
        for rows in own:
            gradients = torch.autograd.grad(losses(rows).mean(), chosen, allow_unused=True)
            for total, gradient in zip(totals, gradients, strict=True):
                if gradient is not None:
                    accumulate(total, gradient[None], power)
        for name, total in zip(layout.parameters, totals, strict=True):
            sink.add(layout.starts[name], total)

    with _learning(model, chosen):
        if len(sinks) == 1:
            add((sinks[0], groups))
            return
        middle = -(-len(groups) // 2)
        parts = [(sinks[0], groups[:middle]), (sinks[1], groups[middle:])]
        side_by_side(add, [part for part in parts if part[1]], device=chosen[0].device)


@contextmanager
def _learning(model: nn.Module, chosen: list[nn.Parameter]) -> Iterator[None]:
    """Let autograd see the chosen parameters and no others within the context."""
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    for parameter, _ in before:
        parameter.requires_grad_(False)
    for parameter in chosen:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, was in before:
            parameter.requires_grad_(was)
