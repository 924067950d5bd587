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
def own_precision(full_precision: None) -> Iterator[None]:
    """Compute as this machine does, as the programs that a test starts do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: ABILITIES)
        yield


@pytest.fixture
def half_precision(own_precision: None) -> None:
    """Compute in bfloat16, where this machine does."""
    if not ABILITIES.get("amx_bf16"):
        pytest.skip("needs a CPU on which bfloat16 pays")
