"""Batches of inputs of like length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from embedders.hardware.devices import moved
from registry.data.inputs import Input

ROWS = 32  # of a batch on a CPU, which is no faster with fewer or more
USUAL = 512  # tokens of a row: on a CPU, whose attention takes their square, of longer ones fewer are in a batch
MOST_TOKENS = 2**16  # of a batch on a GPU, which has enough to do with them
BYTES = 4 * 24  # that a token takes for each number of a hidden state, while a layer works on it
SHARE = 8  # of the GPU's memory one part in so many is for a batch
MOST_KEPT = 2**29  # bytes of states that are kept of a batch on a CPU; adding to them copies them once more
MULTIPLE = 8  # to which a GPU's batches are padded: its fused attention wants whole blocks

TokenRows = list[dict[str, list[int]]]


class BatchSize(NamedTuple):
    """How large a batch may be: rows, and tokens with all padding."""

    rows: int
    tokens: int | None = None  # on a GPU

    def rows_of(self, longest: int) -> int:
        """Return how many rows of a length are a batch, one at least."""
        if self.tokens is None:
            return max(1, min(self.rows, self.rows * USUAL**2 // longest**2))
        return max(1, min(self.rows, self.tokens // longest))


def batch_size(device: torch.device, *, hidden: int, most_rows: int) -> BatchSize:
    """Return how large a model's batches are: on a GPU as many tokens as its memory is made for, not what is free.

    So the same kind of device cuts the same batches, and gives the same bits.

    Args:
        hidden: numbers in one of the model's states.
        most_rows: on a GPU, whatever their length.
    """
    if device.type != "cuda":
        return BatchSize(ROWS)
    memory = torch.cuda.get_device_properties(device).total_memory
    return BatchSize(most_rows, tokens_for(memory, hidden))


def tokens_for(memory: int, hidden: int) -> int:
    """Return how many tokens a batch may have on a device with so many bytes of memory."""
    return max(1, min(MOST_TOKENS, memory // (SHARE * BYTES * hidden)))


def most_kept(device: torch.device) -> int:
    """Return how many bytes of states may be kept of a batch, on a GPU by what its memory is made for."""
    if device.type != "cuda":
        return MOST_KEPT
    return int(torch.cuda.get_device_properties(device).total_memory) // (2 * SHARE)


def halved(size: BatchSize) -> BatchSize | None:
    """Return half a size, for a device whose memory does not hold the whole; None where there is nothing to halve."""
    if size.rows == 1 or (size.tokens is not None and size.tokens < 2 * MULTIPLE):
        return None
    return BatchSize(size.rows // 2, None if size.tokens is None else size.tokens // 2)


def tokenised(tokenizer: Any, inputs: Sequence[Input], *, max_length: int) -> TokenRows:  # noqa: ANN401
    """Tokenise inputs, unpadded; pairs are encoded together. Longer inputs are cut from the longest text."""
    rows: TokenRows = [{} for _ in inputs]
    for is_pair in (False, True):
        chosen = [number for number, one in enumerate(inputs) if (one.text_pair is not None) == is_pair]
        if not chosen:
            continue
        texts = [inputs[number].text for number in chosen]
        pairs = [inputs[number].text_pair for number in chosen] if is_pair else None
        encoded = tokenizer(texts, pairs, truncation=True, max_length=max_length)
        for name, column in encoded.items():
            for number, ids in zip(chosen, column, strict=True):
                rows[number][name] = ids
    return rows


def by_length(
    rows: Sequence[dict[str, list[int]]], most: BatchSize, *, alike: bool = False
) -> Iterator[NDArray[np.int64]]:
    """Yield the rows' numbers in batches, longest first (memory runs out at once or never); ties keep order.

    Args:
        alike: put none but rows of one length into a batch, for a model that reads padding too.
    """
    lengths = np.array([len(row["input_ids"]) for row in rows])
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        count = most.rows_of(longest)
        chosen = order[start : start + count]
        if alike:
            chosen = chosen[lengths[chosen] == lengths[chosen[0]]]
        yield chosen
        start += len(chosen)


def padded(
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[dict[str, list[int]]],
    device: torch.device,
    *,
    most: int,
    pad: int | None = None,
) -> dict[str, torch.Tensor]:
    """Return rows as tensors (rows, longest) on the device; on a GPU a little longer, for its fused attention.

    Args:
        most: tokens that the model has positions for; no padding goes beyond.
        pad: what stands in it; None for the tokenizer's own.
    """
    longest = max(len(row["input_ids"]) for row in rows)
    width = longest if device.type == "cpu" else max(longest, min(-(-longest // MULTIPLE) * MULTIPLE, most))
    pads = {"input_ids": tokenizer.pad_token_id if pad is None else pad, "token_type_ids": tokenizer.pad_token_type_id}
    is_left = tokenizer.padding_side == "left"
    return {
        name: moved(filled([row[name] for row in rows], pads.get(name, 0), width=width, is_left=is_left), device)
        for name in rows[0]
    }


def filled(rows: Sequence[Sequence[int]], pad: int, *, width: int | None = None, is_left: bool = False) -> torch.Tensor:
    """Return rows of numbers as one table, int64 (rows, width), padded on the right, or on the left.

    Args:
        width: None for the longest row's.
    """
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    width = int(lengths.max(initial=0)) if width is None else width
    table = np.full((len(rows), width), pad, np.int64)
    places = np.arange(width - 1, -1, -1) if is_left else np.arange(width)
    table[places < lengths[:, None]] = np.fromiter(chain.from_iterable(rows), np.int64, int(lengths.sum()))
    return torch.from_numpy(table)
