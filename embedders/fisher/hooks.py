"""The Fisher of a whole batch from one forward and one backward pass.

For a linear layer, the gradient of one example is the product of two matrices that the batch's pass holds anyway: the
layer's inputs and the gradient of its outputs. They are caught by hooks; one example's product of one layer is made
at a time, squared and forgotten. The parameters are frozen, so that autograd does not make their gradients as well.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from embedders.fisher.layers import Parts, accumulate, add_rows, add_use, is_known, powered, summed_rows
from embedders.fisher.selection import Layout
from embedders.workers import side_by_side

AT_ONCE = 1 << 26  # numbers of one layer's gradients held at a time on a GPU
TILE, FEW = 192, 8  # rows, and examples, of a matrix's gradients made at a time on a CPU: what its cache holds

Losses = Callable[[NDArray[np.int64]], torch.Tensor]


class Sink(Protocol):
    """Where the sums go, parameter by parameter."""

    def add(self, start: int, values: torch.Tensor) -> None:
        """Add values to the coordinates from `start` on."""
        ...


class NotSeparableError(Exception):
    """A layer mixes the examples of a batch: they must be passed one by one."""


class BatchHooks:
    """Hooks on the layers of a selection, to be used batch by batch."""

    def __init__(self, model: nn.Module, layout: Layout, sink: Sink, *, power: str, is_mean: bool) -> None:
        self._model = model
        self._layout = layout
        self._sink = sink
        self._power = power
        self._is_mean = is_mean
        self._targets = _targets(model, layout)
        self._tables = {
            name for module, own in self._targets.items() if isinstance(module, nn.Embedding) for name in own.values()
        }
        self._count = 0  # examples of the batch; 0 while nothing is watched
        self._parts: dict[str, Parts] = {}
        self._anchors: list[torch.Tensor] = []  # where the graph of a frozen model begins
        self._buffers: dict[str, torch.Tensor] = {}

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Hook the layers and freeze the model within the context."""
        handles: list[Any] = []
        for module in self._targets:
            if isinstance(module, nn.Embedding):
                handles.append(module.register_forward_pre_hook(self._spread))
            handles.append(module.register_forward_hook(self._called))
        learning = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
        for parameter in learning:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            for parameter in learning:
                parameter.requires_grad_(True)

    def batch(self, losses: Losses, rows: NDArray[np.int64]) -> None:
        """Add one batch to the sink; raise `NotSeparableError`, with nothing added, if a layer mixes its examples."""
        self._count = len(rows)
        try:
            made = losses(rows)
            if not self._tables <= self._parts.keys():
                raise NotSeparableError("an embedding's weights are read past its layer")
            if self._anchors:
                torch.autograd.grad(made.mean() if self._is_mean else made.sum(), self._anchors, allow_unused=True)
            for name in list(self._parts):
                self._settle(name)
        finally:
            self._count = 0
            self._parts.clear()
            self._anchors.clear()

    def _spread(self, module: nn.Module, given: tuple[torch.Tensor, ...]) -> Any:  # noqa: ANN401
        """Give each example its own copy of position numbers (1, tokens), which are else shared by the batch."""
        ids = given[0]
        if self._count and ids.dim() == 2 and len(ids) == 1:
            return (ids.expand(self._count, -1), *given[1:])
        return None

    def _called(self, module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if not self._count or not torch.is_grad_enabled():
            return
        if not given or (len(given[0]) != self._count and not self._is_mean):
            raise NotSeparableError(f"{type(module).__name__} shares rows between the examples")
        before = given[0].detach()
        if not output.requires_grad:
            output.requires_grad_(True)
            self._anchors.append(output)
        for name in self._targets[module].values():
            self._parts.setdefault(name, Parts()).awaited += 1
        output.register_hook(lambda gradient: self._returned(module, before, gradient))

    def _returned(self, module: nn.Module, given: torch.Tensor, gradient: torch.Tensor) -> None:
        groups = 1 if self._is_mean else self._count
        shaped = gradient.detach().reshape(groups, -1, gradient.shape[-1])
        before = given.reshape(*shaped.shape[:2], *(() if isinstance(module, nn.Embedding) else (-1,)))
        for own, name in self._targets[module].items():
            parts = self._parts[name]
            add_use(parts, module, own, before, shaped)
            parts.awaited -= 1
            if not parts.awaited:
                self._settle(name)

    def _settle(self, name: str) -> None:
        """Square what has come for a parameter, example by example, and pass the sum on."""
        parts, shape = self._parts.pop(name), self._layout.parameters[name].shape
        if parts.sums is not None:
            total = torch.zeros_like(parts.sums[0])
            accumulate(total, parts.sums, self._power)
        elif parts.products:
            total = self._dense(shape, parts)
        elif parts.rows:
            numbers, gradients = summed_rows(parts.rows)
            total = self._buffer("total", shape, gradients, torch.float32).zero_()
            add_rows(total, numbers.flatten(), powered(gradients.flatten(0, 1), self._power))
        else:
            return
        self._sink.add(self._layout.starts[name], total)

    def _dense(self, shape: torch.Size, parts: Parts) -> torch.Tensor:
        """Return the sum over the examples of a matrix's squared gradient; the next call overwrites it."""
        left, right = parts.products[0]
        total = self._buffer("total", shape, left, torch.float32).zero_()
        if left.device.type == "cpu" and not parts.rows:
            tiles = [slice(start, start + TILE) for start in range(0, shape[0], TILE)]
            side_by_side(lambda tile: self._tile(total[tile], parts, tile), tiles, device=left.device)
            return total
        numbers, gradients = summed_rows(parts.rows) if parts.rows else (None, None)
        step = 1 if left.device.type == "cpu" else max(1, AT_ONCE // shape.numel())
        for low in range(0, len(left), step):
            part = slice(low, min(len(left), low + step))
            made = self._buffer("made", (part.stop - low, *shape), left, left.dtype)
            torch.bmm(left[part].mT, right[part], out=made)
            for another, other in parts.products[1:]:
                made.baddbmm_(another[part].mT, other[part])
            if numbers is not None and gradients is not None:
                places = numbers[part] + shape[0] * torch.arange(len(made), device=left.device)[:, None]
                add_rows(made.view(-1, shape[1]), places.flatten(), gradients[part].flatten(0, 1).to(made.dtype))
            accumulate(total, made, self._power)
        return total

    def _tile(self, total: torch.Tensor, parts: Parts, tile: slice) -> None:
        """Add the examples' squared gradients of some of a matrix's rows to `total`, a few examples at a time."""
        (left, right), *more = parts.products
        room = torch.empty((min(FEW, len(left)), *total.shape), dtype=left.dtype)
        for start in range(0, len(left), FEW):
            few = slice(start, start + FEW)
            made = room[: len(left[few])]
            torch.bmm(left[few, :, tile].mT, right[few], out=made)
            for another, other in more:
                made.baddbmm_(another[few, :, tile].mT, other[few])
            accumulate(total, made, self._power)

    def _buffer(self, role: str, shape: Sequence[int], like: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return memory that all layers share, of the largest layer's size."""
        count = math.prod(shape)
        held = self._buffers.get(role)
        if held is None or held.numel() < count or held.dtype != dtype:
            held = self._buffers[role] = torch.empty(count, dtype=dtype, device=like.device)
        return held[:count].view(*shape)


def _targets(model: nn.Module, layout: Layout) -> dict[nn.Module, dict[str, str]]:
    """Return the modules that use parameters of the layout: module -> its name for one -> the layout's name.

    Raises:
        NotSeparableError: where a module is of a kind that is not known.
    """
    names = {id(parameter): name for name, parameter in layout.parameters.items()}
    targets = {}
    for module in model.modules():
        own = {key: names[id(p)] for key, p in module.named_parameters(recurse=False) if id(p) in names}
        if own and not is_known(module):
            raise NotSeparableError(f"{type(module).__name__} is a layer of an unknown kind")
        if own:
            targets[module] = own
    return targets
