"""The Fisher of a whole batch from one forward and one backward pass.

For a linear layer, the gradient of one example is the product of two matrices that the batch's pass holds anyway: the
layer's inputs and the gradient of its outputs. They are caught by hooks and squared example by example, see
`embedders.fisher.sums`. The parameters are frozen, so that autograd does not make their gradients as well.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from embedders.fisher.layers import is_known
from embedders.fisher.selection import Layout
from embedders.fisher.sums import Sink, Sums
from embedders.hardware.side_by_side import side_by_side

Losses = Callable[[NDArray[np.int64]], torch.Tensor]


class NotSeparableError(Exception):
    """A layer mixes the examples of a batch: they must be passed one by one."""


class BatchHooks:
    """Hooks on the layers of a selection, to be used batch by batch.

    With two sinks, the halves of a batch are passed side by side, each by one thread, and go to a sink each.
    """

    def __init__(self, model: nn.Module, layout: Layout, sinks: Sequence[Sink], *, power: str, is_mean: bool) -> None:
        self._model = model
        self._device = next(iter(layout.parameters.values())).device
        self._is_mean = is_mean
        self._targets = _targets(model, layout)
        self._tables = {
            name for module, own in self._targets.items() if isinstance(module, nn.Embedding) for name in own.values()
        }
        self._sums = [Sums(layout, sink, power=power, is_mean=is_mean) for sink in sinks]
        self._pass = threading.local()  # `sums`: what this thread's forward pass is watched for; absent without

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
        """Add one batch to the sinks; raise `NotSeparableError`, with nothing added, if a layer mixes its examples."""
        parts = np.array_split(rows, max(1, min(len(self._sums), len(rows))))
        ways = list(zip(self._sums, parts, strict=False))
        for sums, part in ways:
            sums.begin(len(part), is_alone=len(self._sums) == 1)
        try:
            made = self._each(lambda way: self._forward(losses, *way), ways)
            self._each(lambda way: way[0].read(way[1]), list(zip(self._sums, made, strict=False)))
        finally:
            for sums in self._sums:
                sums.end()

    def _each(self, function: Callable[[Any], Any], ways: list[Any]) -> list[Any]:
        if len(self._sums) == 1:
            return [function(ways[0])]
        return side_by_side(function, ways, device=self._device)

    def _forward(self, losses: Losses, sums: Sums, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return the losses of rows, (rows,), with every layer watched."""
        self._pass.sums = sums
        try:
            made = losses(rows)
        finally:
            del self._pass.sums
        if not sums.knows(self._tables):
            raise NotSeparableError("an embedding's weights are read past its layer")
        return made

    def _spread(self, module: nn.Module, given: tuple[torch.Tensor, ...]) -> Any:  # noqa: ANN401
        """Give each example its own copy of position numbers (1, tokens), which are else shared by the batch."""
        ids, sums = given[0], getattr(self._pass, "sums", None)
        if sums is not None and ids.dim() == 2 and len(ids) == 1:
            return (ids.expand(sums.count, -1), *given[1:])
        return None

    def _called(self, module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        sums = getattr(self._pass, "sums", None)
        if sums is None or not torch.is_grad_enabled():
            return
        if not given or (len(given[0]) != sums.count and not self._is_mean):
            raise NotSeparableError(f"{type(module).__name__} shares rows between the examples")
        sums.watch(module, self._targets[module], given[0].detach(), output)


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
