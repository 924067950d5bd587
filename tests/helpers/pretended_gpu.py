"""A GPU that is none: its tensors hold their numbers on the CPU, and refuse to be mixed with the CPU's.

The CPU computes. What is seen is all around it: what is moved, from where and to where, and how often the device is
waited for. Kernels, their precision and their memory are a real one's alone.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

MEMORY = 16 << 30
_CUDA, _CPU, _META = torch.device("cuda", 0), torch.device("cpu"), torch.device("meta")
_COPIES = ("aten::copy_", "aten::_to_copy", "aten::to")
_PICKS = (
    "aten::index",
    "aten::index_put",
    "aten::index_put_",
    "aten::_index_put_impl_",
)  # by rows' numbers of a CPU too
_WAITS = (  # the host must know numbers, or how many there are
    "aten::_local_scalar_dense",
    "aten::equal",
    "aten::is_nonzero",
    "aten::item",
    "aten::masked_select",
    "aten::nonzero",
    "aten::_unique2",
)
_TORCH = str(Path(torch.__file__).parent)


class OnGpu(torch.Tensor):
    """A tensor that says that it is on a GPU; to PyTorch itself it has no numbers at all (`meta`)."""

    held: torch.Tensor  # the numbers

    @staticmethod
    def __new__(cls: type["OnGpu"], held: torch.Tensor) -> "OnGpu":
        with torch.inference_mode(mode=False):
            made = torch.Tensor._make_wrapper_subclass(
                cls, held.size(), held.stride(), held.storage_offset(), dtype=held.dtype, device=_META
            )
        made.held = held
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return _CUDA

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_meta(self) -> bool:  # type: ignore[override]
        return False

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a tensor of a GPU is no array: copy it to the CPU first")

    __array__ = numpy

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnGpu({self.held})"

    @classmethod
    def __torch_dispatch__(cls, *given: Any) -> Any:
        raise RuntimeError("a tensor of the pretended GPU is used where there is none")


@dataclass
class PretendedGpu(TorchDispatchMode):
    """Does on the CPU what PyTorch is told to do, and keeps to whom the result belongs."""

    waits: list[str] = field(default_factory=list)  # who waited for the device: the file and line that called PyTorch

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = func._schema.name, dict(kwargs or {})
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        mine = [one for one in given if isinstance(one, OnGpu)]
        if mine and name not in _COPIES:
            _must_be_here(name, given, args)
        target = next((one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.device)), None)
        is_made_here = _is_made_here(name, target, args)
        is_done_here = is_made_here or bool(mine)
        if (mine and _is_a_wait(name, target, args)) or (is_made_here and _is_slow_move(name, args, kwargs)):
            self.waits.append(_caller())

        def held(one: Any) -> Any:
            return _CPU if is_done_here and isinstance(one, torch.device) else _held(one)

        done = func(*tree_map(held, args), **tree_map(held, kwargs))
        if name == "aten::copy_":
            return args[0]
        if not is_made_here and (not mine or target == _CPU):
            return done
        known = {id(one.held): one for one in mine}  # what is changed in its place stays itself

        def made(one: Any) -> Any:
            return known[id(one)] if id(one) in known else OnGpu(one) if isinstance(one, torch.Tensor) else one

        return tree_map(made, done)


@contextmanager
def pretended_gpu() -> Iterator[PretendedGpu]:
    """Let PyTorch have one GPU until the block ends, in this thread and in those that it starts; without bfloat16."""
    gpu = PretendedGpu()
    run, move, attend = threading.Thread.run, torch.Tensor.to, torch.nn.functional.scaled_dot_product_attention

    def run_with_it(thread: threading.Thread) -> None:
        with gpu:
            run(thread)

    def move_there(*given: Any, **named: Any) -> torch.Tensor:
        return move(*map(_numbered, given), **{name: _numbered(one) for name, one in named.items()})

    def attend_there(*given: Any, **named: Any) -> Any:
        if not isinstance(given[0], OnGpu):
            return attend(*given, **named)
        assert not torch.is_grad_enabled(), "models that learn have an attention of their own"
        return OnGpu(attend(*tree_map(_held, given), **tree_map(_held, named)))

    said: dict[str, Callable[..., Any]] = {
        "is_available": lambda: True,
        "is_bf16_supported": lambda **_: False,
        "get_device_name": lambda *_: "pretended",
        "get_device_properties": lambda *_: mock.Mock(total_memory=MEMORY),
        "mem_get_info": lambda *_: (MEMORY, MEMORY),
        "device": lambda *_: nullcontext(),
        "_lazy_init": lambda: None,
    }
    with ExitStack() as stack:
        for name, answer in said.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, answer))
        stack.enter_context(mock.patch.object(torch.accelerator, "current_accelerator", return_value=None))  # no graphs
        stack.enter_context(mock.patch.object(torch.Tensor, "pin_memory", lambda tensor: tensor))
        stack.enter_context(mock.patch.object(torch.Tensor, "to", move_there))
        stack.enter_context(mock.patch.object(torch.nn.functional, "scaled_dot_product_attention", attend_there))
        stack.enter_context(mock.patch.object(threading.Thread, "run", run_with_it))
        stack.callback(torch._C._set_only_lift_cpu_tensors, torch._C._only_lift_cpu_tensors())
        torch._C._set_only_lift_cpu_tensors(True)  # `torch.tensor` then moves what it has made, before all eyes
        stack.enter_context(gpu)
        yield gpu


def _numbered(one: Any) -> Any:
    """Return the only GPU for any; PyTorch would ask CUDA which one is meant."""
    return _CUDA if isinstance(one, str | torch.device) and torch.device(one).type == "cuda" else one


def _held(one: Any) -> Any:
    return one.held if isinstance(one, OnGpu) else one


def _must_be_here(name: str, given: list[torch.Tensor], args: Any) -> None:
    """Raise what PyTorch raises where a tensor of the CPU is used with the GPU's; single numbers may be."""
    picks = tree_leaves(args[1]) if name in _PICKS else []
    for one in given:
        if not isinstance(one, OnGpu) and one.dim() > 0 and not any(one is pick for pick in picks):
            raise RuntimeError(f"Expected all tensors to be on the same device, but {name} has some of the CPU.")


def _is_made_here(name: str, target: torch.device | None, args: Any) -> bool:
    """Say whether a tensor is made for the GPU; PyTorch itself asks for single numbers on `meta`, as it knows us."""
    if target is None or target.type == "cpu":
        return False
    if target.type == "cuda":
        return True
    is_single = name in ("aten::full", "aten::empty") and list(args[0]) == []
    return name == "aten::scalar_tensor" or is_single or (name == "aten::_to_copy" and args[0].device == _CPU)


def _is_a_wait(name: str, target: torch.device | None, args: Any) -> bool:
    if name in _PICKS:
        return any(isinstance(pick, torch.Tensor) and pick.dtype == torch.bool for pick in tree_leaves(args[1]))
    if name == "aten::copy_":
        return not isinstance(args[0], OnGpu)
    return name in _WAITS or (target is not None and target.type == "cpu")


def _is_slow_move(name: str, args: Any, kwargs: Any) -> bool:
    """Say whether the host waits until its numbers have come to the GPU, which it need not."""
    is_told_not_to = kwargs.get("non_blocking", False) or any(one is True for one in args)
    return name in _COPIES and not isinstance(args[0], OnGpu) and not is_told_not_to


def _caller() -> str:
    """Return the file and line from which PyTorch was called."""
    frame = sys._getframe(1)
    while frame.f_back and (frame.f_code.co_filename == __file__ or frame.f_code.co_filename.startswith(_TORCH)):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
