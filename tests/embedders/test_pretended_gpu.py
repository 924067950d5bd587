"""The GPU that is pretended for tests: strict where a real one is strict."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from pretended_gpu import OnGpu, pretended_gpu

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a real one")


def test_what_is_on_the_gpu_is_not_mixed_with_what_is_not() -> None:
    with pretended_gpu():
        there, here = torch.ones(3, device="cuda"), torch.ones(3)
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            there + here

        assert (there + here.to("cuda")).tolist() == [2.0, 2.0, 2.0]
        assert (there * torch.tensor(4.0)).tolist() == [4.0, 4.0, 4.0]  # a single number may come from the CPU
        assert there[torch.tensor([0, 2])].device.type == "cuda"  # so may the numbers of rows


def test_what_is_on_the_gpu_is_no_array() -> None:
    with pretended_gpu():
        there = torch.arange(3, device="cuda")
        with pytest.raises(TypeError, match="copy it to the CPU first"):
            there.numpy()

        assert there.cpu().numpy().tolist() == [0, 1, 2]
        assert not isinstance(there.cpu(), OnGpu)


def test_a_model_learns_there_what_it_learns_here() -> None:
    torch.manual_seed(0)
    model, rows = torch.nn.Linear(4, 2), torch.randn(5, 4)
    model(rows).square().sum().backward()
    expected = model.weight.grad.clone()
    model.zero_grad()
    with pretended_gpu():
        moved = model.to("cuda")
        moved(rows.to("cuda")).square().sum().backward()

        assert moved.weight.grad.device.type == "cuda"
        assert torch.equal(moved.weight.grad.cpu(), expected)


def test_each_wait_for_the_device_is_told_with_its_place() -> None:
    with pretended_gpu() as gpu:
        there = torch.arange(6.0, device="cuda")
        for _ in range(3):
            there = there * 2 + torch.ones(1).to("cuda", non_blocking=True)
        assert gpu.waits == []

        torch.ones(1).to("cuda")
        there.sum().item()
        there.cpu()
        there[there > 40]
        here = torch.zeros(6).copy_(there)

    assert [wait.rsplit("/")[-1].split(":")[0] for wait in gpu.waits] == ["test_pretended_gpu.py"] * 5
    assert here.tolist() == [7.0, 15.0, 23.0, 31.0, 39.0, 47.0]


def test_it_is_there_for_threads_and_gone_afterwards() -> None:
    with pretended_gpu():
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.ones, 2, device="cuda").result().tolist() == [1.0, 1.0]
        assert torch.cuda.is_available()

    assert not torch.cuda.is_available()
    assert torch.ones(2).to("cpu").tolist() == [1.0, 1.0]
