"""Which device, and in which precision does it run fastest without changing the answer?"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from embedders.errors import NoDeviceError


def best_device(wanted: str | None = None) -> torch.device:
    """Return the device that was asked for, else CUDA, else the CPU; raise `NoDeviceError`."""
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise NoDeviceError(wanted) from error
    return device


def bf16_pays(device: torch.device) -> bool:
    """Say whether bfloat16 is faster here: on CUDA, and on CPUs with AMX tiles; elsewhere it is emulated."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    abilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(abilities.get("amx_bf16"))


def autocast(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which forward passes run: bfloat16 where it pays, float32 elsewhere."""
    if bf16_pays(device):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def attention(device: torch.device) -> str | None:
    """Return the attention to load a model with, None for its own: on the CPU bfloat16's fused backward is slow."""
    return "eager" if device.type == "cpu" and bf16_pays(device) else None


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
