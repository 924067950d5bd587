"""What the layers of one pass give: gradients, squared example by example and passed on, layer by layer.

One example's product of one layer is made at a time, squared and forgotten.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import torch
from torch import nn

from embedders.fisher.layers import Parts, accumulate, add_rows, add_use, powered, summed_rows
from embedders.fisher.selection import Layout
from embedders.hardware.side_by_side import side_by_side

AT_ONCE = 1 << 26  # numbers of one layer's gradients held at a time on a GPU
TILE, IN_CACHE = 192, 1 << 19  # rows of a matrix's gradients, and numbers of them, made at a time on a CPU


class Sink(Protocol):
    """Where the sums go, parameter by parameter."""

    def add(self, start: int, values: torch.Tensor) -> None:
        """Add values to the coordinates from `start` on."""
        ...


class Sums:
    """The sums of one pass after another, for one sink; what it holds of a pass goes with the pass."""

    def __init__(self, layout: Layout, sink: Sink, *, power: str, is_mean: bool) -> None:
        self._layout = layout
        self._sink = sink
        self._power = power
        self._is_mean = is_mean
        self._is_alone = True  # and may use all threads
        self.count = 0  # examples of the pass
        self._parts: dict[str, Parts] = {}
        self._anchors: list[torch.Tensor] = []  # where the graph of a frozen model begins
        self._buffers: dict[str, torch.Tensor] = {}

    def begin(self, count: int, *, is_alone: bool) -> None:
        """Get ready for a pass over a number of examples, with no other pass beside it or with one."""
        self.count, self._is_alone = count, is_alone

    def end(self) -> None:
        """Forget what the pass has left."""
        self._parts.clear()
        self._anchors.clear()

    def knows(self, names: Collection[str]) -> bool:
        """Whether layers that use all these parameters were watched."""
        return all(name in self._parts for name in names)

    def watch(self, module: nn.Module, names: Mapping[str, str], given: torch.Tensor, output: torch.Tensor) -> None:
        """Have a layer's gradients read once they come.

        Args:
            names: the module's name of each of its parameters -> the layout's.
            given: what the layer was given, (examples, tokens, ...).
        """
        if not output.requires_grad:
            output.requires_grad_(True)
            self._anchors.append(output)
        for name in names.values():
            self._parts.setdefault(name, Parts()).awaited += 1
        output.register_hook(lambda gradient: self._returned(module, names, given, gradient))

    def read(self, losses: torch.Tensor) -> None:
        """Pass back from the losses of the examples, (examples,), and pass all sums on to the sink."""
        if self._anchors:
            torch.autograd.grad(losses.mean() if self._is_mean else losses.sum(), self._anchors, allow_unused=True)
        for name in list(self._parts):
            self._settle(name)

    def _returned(
        self, module: nn.Module, names: Mapping[str, str], given: torch.Tensor, gradient: torch.Tensor
    ) -> None:
        groups = 1 if self._is_mean else self.count
        shaped = gradient.detach().reshape(groups, -1, gradient.shape[-1])
        before = given.reshape(*shaped.shape[:2], *(() if isinstance(module, nn.Embedding) else (-1,)))
        for own, name in names.items():
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
            if self._is_alone:
                side_by_side(lambda tile: self._tile(total[tile], parts, tile), tiles, device=left.device)
            else:
                for tile in tiles:
                    self._tile(total[tile], parts, tile)
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
        step = min(max(1, IN_CACHE // total.numel()), len(left))
        room = torch.empty((step, *total.shape), dtype=left.dtype)
        for start in range(0, len(left), step):
            few = slice(start, start + step)
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
