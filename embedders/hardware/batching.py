"""Batches of inputs of like length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.data.inputs import Input


def tokenised(tokenizer: Any, inputs: Sequence[Input], *, max_length: int) -> list[dict[str, list[int]]]:  # noqa: ANN401
    """Tokenise inputs once, unpadded; pairs are encoded together. Longer inputs are cut from the longest text."""
    rows: list[dict[str, list[int]]] = []
    for text, pair in inputs:
        rows.append(dict(tokenizer(text, pair, truncation=True, max_length=max_length)))
    return rows


def by_length(rows: Sequence[dict[str, list[int]]], *, batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows' numbers in batches, longest first (memory runs out at once or never); ties keep order."""
    lengths = np.array([len(row["input_ids"]) for row in rows])
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def padded(tokenizer: Any, rows: Sequence[dict[str, list[int]]], device: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return rows as tensors (rows, longest) on the device."""
    batch = tokenizer.pad(list(rows), padding=True, return_tensors="pt")
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
