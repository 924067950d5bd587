"""What the tests of embedders share."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="package", autouse=True)
def full_precision() -> Iterator[None]:
    """Compute in float32 on every machine.

    A CPU with AMX would read in bfloat16, whose rounding is larger than what tells answers of random weights apart.
    """
    abilities = torch.cpu.get_capabilities()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: {**abilities, "amx_bf16": False})
        yield
