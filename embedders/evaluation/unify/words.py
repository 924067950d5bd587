"""Logistic regression on hashed words: the plainest classifier, which has no pretrained part at all."""

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from registry.data.inputs import Input
from registry.files.writing import usual_mode

_WORD = re.compile(r"\w+|[^\w\s]")


class BagOfWords:
    """Softmax of a linear map of the words, and the pairs of neighbouring words, of an input."""

    def __init__(self, weights: torch.Tensor, bias: torch.Tensor) -> None:
        """`weights` (buckets, labels), `bias` (labels,)."""
        self._weights = weights
        self._bias = bias

    @classmethod
    def fit(
        cls, inputs: Sequence[Input], labels: NDArray[np.int64], count: int, *, buckets: int, penalty: float
    ) -> "BagOfWords":
        """Minimise the cross entropy plus `penalty` / 2 times the squared length of the weights, which is convex.

        Args:
            labels: (inputs,), numbers below `count`.
        """
        words, wanted = _hashed(inputs, buckets), torch.from_numpy(labels)
        weights = torch.zeros(buckets, count, requires_grad=True)
        bias = torch.zeros(count, requires_grad=True)
        optimizer = torch.optim.LBFGS([weights, bias], max_iter=100, history_size=10, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            wrong = nn.functional.cross_entropy(_summed(words, weights) + bias, wanted)
            total = wrong + penalty / 2 * (weights**2).sum()
            total.backward()
            return total

        optimizer.step(loss)
        return cls(weights.detach(), bias.detach())

    @classmethod
    def load(cls, path: Path) -> "BagOfWords":
        """Read what `save` wrote."""
        held = load_file(path)
        return cls(held["weights"], held["bias"])

    def save(self, path: Path) -> None:
        """Write a .safetensors file."""
        with usual_mode(path):
            save_file({"weights": self._weights.contiguous(), "bias": self._bias}, path)

    def probabilities(self, inputs: Sequence[Input]) -> NDArray[np.float32]:
        """Return the probability of each label, (inputs, labels)."""
        scores = _summed(_hashed(inputs, len(self._weights)), self._weights) + self._bias
        answered: NDArray[np.float32] = torch.softmax(scores, dim=-1).numpy()
        return answered


class _Hashed(NamedTuple):
    """The distinct buckets of each input's words, one input after the other."""

    buckets: torch.Tensor  # (words of all inputs,)
    starts: torch.Tensor  # (inputs,): where each input's begin
    shares: torch.Tensor  # (words of all inputs,): at unit length for each input


def _hashed(inputs: Sequence[Input], buckets: int) -> _Hashed:
    bags = [sorted({zlib.crc32(word.encode()) % buckets for word in _words(one)}) for one in inputs]
    sizes = np.array([len(bag) for bag in bags], np.int64)
    shares = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes).astype(np.float32)
    numbers = np.array([bucket for bag in bags for bucket in bag], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return _Hashed(torch.from_numpy(numbers), torch.from_numpy(starts), torch.from_numpy(shares))


def _summed(words: _Hashed, weights: torch.Tensor) -> torch.Tensor:
    """Return the sum of the weights of each input's words, (inputs, labels)."""
    return nn.functional.embedding_bag(
        words.buckets, weights, words.starts, mode="sum", per_sample_weights=words.shares
    )


def _words(one: Input) -> list[str]:
    """Words of a pair know which text they are in; those that both have are counted once more."""
    first = _WORD.findall(one.text.lower())
    if one.text_pair is None:
        return [*first, *_neighbours(first)]
    second = _WORD.findall(one.text_pair.lower())
    marked = [f"{number} {word}" for number, text in enumerate((first, second)) for word in (*text, *_neighbours(text))]
    both = set(first) & set(second)
    share = f"shared {10 * len(both) // max(1, len(set(second)))}"  # tenths of the second text's words
    return [*marked, *(f"both {word}" for word in sorted(both)), share]


def _neighbours(words: Sequence[str]) -> list[str]:
    return [f"{a} {b}" for a, b in pairwise(words)]
