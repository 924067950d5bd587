"""What the tests of embedders share."""

from collections.abc import Iterator

import pytest
import torch

ABILITIES = torch.cpu.get_capabilities()


@pytest.fixture(scope="package", autouse=True)
def full_precision() -> Iterator[None]:
    """Compute in float32 on every machine.

    A CPU with AMX would read in bfloat16, whose rounding is larger than what tells answers of random weights apart.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: {**ABILITIES, "amx_bf16": False})
        yield


@pytest.fixture
def half_precision(full_precision: None) -> Iterator[None]:
    """Compute as this machine would, where that is in bfloat16."""
    if not ABILITIES.get("amx_bf16"):
        pytest.skip("needs a CPU on which bfloat16 pays")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: ABILITIES)
        yield
