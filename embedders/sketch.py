"""The sketch: a seeded random projection from parameter space to a facet's segment.

CountSketch (Charikar, Chen and Farach-Colton, 2002): each coordinate is added, with a random sign, to one
random bucket. Inner products are kept in expectation, with a standard error of about 1/sqrt(size).
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

PIECE = 1 << 20  # coordinates whose buckets are drawn, or added to, at once
BITS = 34  # of the largest number; with 63 in all, 2^29 numbers fit one bucket


def sketch(vector: NDArray[np.float32], size: int, seed: tuple[int, ...]) -> NDArray[np.float32]:
    """Return `vector` (n,) as (size,): padded with zeros where it fits, which loses nothing, else projected."""
    if len(vector) <= size:
        return np.pad(vector, (0, size - len(vector))).astype(np.float32)
    draw = _remembered_draw if len(vector) <= PIECE else _draw
    buckets, signs = draw(len(vector), size, seed)
    return np.bincount(buckets, weights=vector * signs, minlength=size).astype(np.float32)


def _draw(count: int, size: int, seed: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return each coordinate's bucket and sign, (count,) each, from one draw."""
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    drawn = random.integers(0, 2 * size, count, dtype=np.int64)
    return drawn % size, np.where(drawn < size, np.float32(1), np.float32(-1))


_remembered_draw = lru_cache(maxsize=4)(_draw)  # of a space's facets: each vector and its halves need them again


class CountSketch:
    """The sketch of a vector that arrives in parts, on a device, and is never held as a whole.

    It equals `sketch` of the whole vector, and is the same each time on a GPU too.
    """

    def __init__(self, count: int, size: int, seed: tuple[int, ...], *, device: "str | torch.device" = "cpu") -> None:
        import torch

        device = torch.device(device)
        if device.type == "mps":  # which has no float64
            device = torch.device("cpu")
        self._size = size
        self._is_exact = count <= size
        self._buckets = torch.arange(count, device=device) if self._is_exact else _buckets(count, size, seed, device)
        self._totals = torch.zeros(count if self._is_exact else 2 * size, dtype=torch.float64, device=device)

    def add(self, start: int, values: "torch.Tensor") -> None:
        """Add `values`, of any shape, to the coordinates from `start` on."""
        buckets = self._buckets[start : start + values.numel()]
        values = values.to(self._totals.device)
        if values.device.type == "cpu":
            for own, piece in zip(buckets.split(PIECE), values.reshape(-1).split(PIECE), strict=True):
                self._totals.index_add_(0, own.int(), piece.double())
        elif len(buckets):
            add_in_any_order(self._totals, buckets.int(), values.reshape(-1))

    def values(self) -> NDArray[np.float32]:
        """Return what was added since the last `clear`, sketched: (size,)."""
        return self.values_of(self._totals)

    def totals(self) -> "torch.Tensor":
        """Return a copy of what was added so far as it is kept, float64, on the device."""
        return self._totals.clone()

    def values_of(self, totals: "torch.Tensor") -> NDArray[np.float32]:
        """Return totals, or a sum or difference of some, as `values` would: (size,)."""
        held: NDArray[np.float64] = totals.cpu().numpy()
        if self._is_exact:
            return np.pad(held, (0, self._size - len(held))).astype(np.float32)
        return (held[: self._size] - held[self._size :]).astype(np.float32)

    def clear(self) -> None:
        """Begin anew; the buckets stay."""
        self._totals.zero_()


def add_in_any_order(totals: "torch.Tensor", buckets: "torch.Tensor", values: "torch.Tensor") -> None:
    """Add values (n,) to float64 totals at their buckets (n,), with a sum that does not depend on the order.

    A GPU adds in whatever order its threads come. Whole numbers do not mind, so the values are rounded to whole numbers
    of 2^-34 of the largest of them.
    """
    import torch

    largest = torch.linalg.vector_norm(values, ord=torch.inf).clamp(min=torch.finfo(torch.float32).tiny)
    scale = 2.0**BITS / largest.double()
    counts = torch.zeros_like(totals, dtype=torch.int64)
    counts.index_add_(0, buckets, (values.double() * scale).to(torch.int64))
    totals.add_(counts / scale)


@lru_cache(maxsize=2)
def _buckets(count: int, size: int, seed: tuple[int, ...], device: Any) -> "torch.Tensor":  # noqa: ANN401
    """Return each coordinate's bucket, plus `size` where its sign is minus; kept for the next task of a run."""
    import torch

    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    buckets = torch.empty(count, dtype=torch.int16 if 2 * size <= 1 << 15 else torch.int32)
    for start in range(0, count, PIECE):
        stop = min(count, start + PIECE)
        buckets[start:stop] = torch.from_numpy(random.integers(0, 2 * size, stop - start, dtype=np.int64))
    return buckets.to(device)
