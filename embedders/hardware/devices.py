"""Which device, and in which precision does it run fastest without changing the answer?"""

import contextlib
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import torch

from embedders.errors import NoDeviceError

_NOT_MIXED = ("deberta",)  # masks what is in bfloat16 by a number of float32 that bfloat16 lacks


def best_device(wanted: str | None = None) -> torch.device:
    """Return the device that was asked for, else CUDA, else the CPU; raise `NoDeviceError`."""
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise NoDeviceError(wanted) from error
    if device.type == "meta":  # where nothing is computed
        raise NoDeviceError(wanted)
    return device


def described() -> str:
    """Return the device that is used unless another is asked for, in words."""
    device = best_device()
    if device.type == "cuda":
        free, whole = torch.cuda.mem_get_info()
        return (
            f"{torch.cuda.get_device_name()}, {free / 1e9:.1f} of {whole / 1e9:.1f} GB free, CUDA {torch.version.cuda}"
        )
    return f"cpu, {torch.get_num_threads()} threads"


def arithmetic(device: torch.device) -> dict[str, str]:
    """Return what else decides the last bits of a feature: the device, its kind of arithmetic, and the releases.

    How many threads there are does not: a part is worked on by one (`side_by_side`).
    """
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    releases = {name: version(name) for name in ("torch", "transformers", "tokenizers", "fute-registry")}
    return {"device": device.type, "kind": kind, "half": str(bf16_pays(device)), **releases}


def moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor of the CPU on a device, without waiting for what the device is at."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def widest(device: torch.device) -> torch.dtype:
    """Return the most exact type that a device has: Apple's have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def bf16_pays(device: torch.device) -> bool:
    """Say whether bfloat16 is faster here: on CUDA since Ampere, and on CPUs with AMX; elsewhere it is emulated."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    abilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(abilities.get("amx_bf16"))


def autocast(device: torch.device, kind: str) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which forward passes of a kind of model run: bfloat16 where it pays, float32 elsewhere."""
    if bf16_pays(device) and kind not in _NOT_MIXED:
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def model_precision(own: torch.dtype, device: torch.device, kind: str) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which a model with weights of a type answers: a GPU has half precision as it is."""
    is_ready = device.type == "cuda" and own in (torch.float16, torch.bfloat16)
    return contextlib.nullcontext() if is_ready else autocast(device, kind)


def rounding(own: torch.dtype, device: torch.device) -> float:
    """Return by how much of themselves the outputs of a model with weights of a type may differ by rounding alone."""
    return float(torch.finfo(torch.bfloat16 if bf16_pays(device) else own).eps) ** 0.5  # it adds up over the layers


@contextlib.contextmanager
def _tensor_cores() -> Iterator[None]:
    """Multiply float32 matrices on a GPU's tensor cores, which read ten bits of a fraction, within the context."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def feature_precision(device: torch.device, kind: str) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which features are made: on a GPU more exact than `autocast`.

    Features go into a regression, which enlarges what rounding has changed: with bfloat16 the map of MapEmb has a
    cosine of 0.9999 to that of float32, with ten bits 0.999998.
    """
    return _tensor_cores() if device.type == "cuda" else autocast(device, kind)


def attention(device: torch.device, *, learns: bool = False) -> str | None:
    """Return the attention to load a model with, None for its own.

    On the CPU bfloat16's fused backward pass is slow; on a GPU it adds in whatever order its threads come, so that the
    same task would give other bits.

    Args:
        learns: gradients are taken of the model.
    """
    if device.type == "cpu":
        return "eager" if bf16_pays(device) else None
    return "eager" if learns else None


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' reports and bars off the terminal while it loads or saves; errors are still raised."""
    from transformers.utils import logging

    level, had_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bar:
            logging.enable_progress_bar()
