"""Does a config describe a model of the size that its weights have? Told by the weights' headers alone."""

import json
import math
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from embedders.errors import ModelNotUsableError

_COUNTS = (  # of layers, and of what there is several times in a layer
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers", "encoder_layers"),
    *("decoder_layers", "num_hidden_groups", "inner_group_num", "num_experts", "num_local_experts"),
    *("n_routed_experts", "num_attention_heads", "num_key_value_heads", "n_head", "num_heads", "num_labels"),
)
_DEPTHS = _COUNTS[:7]
_WIDTHS = ("hidden_size", "d_model", "n_embd", "dim")
_INNER = ("intermediate_size", "d_ff", "hidden_dim", "n_inner", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim")
_TABLES = ("vocab_size", "n_positions", "n_ctx", "type_vocab_size", "embedding_size", "target_vocab_size")
_NOT_SIZES = ("theta", "base", "token_id", "seed", "max_length")  # parts of the names of numbers that may be large
_MOST_COUNT = 1024  # where layers share their weights, there are more of them than tensors
_MOST_NUMBER = 2**24  # of a size that no tensor shows, as positions that are worked out
_MOST_HEADER = 100 * 2**20  # bytes, as safetensors itself has it
_SHARED, _SPARE = 64, 2**28  # how often weights may be used again; what the smallest model may have beside
_BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16}
_BITS |= {"U16": 16, "I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8}


class Weights(NamedTuple):
    """What is known of weights without reading them."""

    tensors: int
    largest: int  # the most rows or columns of any
    numbers: int


def check_sizes(config: dict[str, Any], files: Iterable[Path], folder: Path) -> None:
    """Raise `ModelNotUsableError` where a header lies, or a config describes far more than the weights hold."""
    check_fits(config, _weights(files), f"{folder}/config.json")


def check_fits(config: dict[str, Any], weights: Weights, place: str) -> None:
    """Raise `ModelNotUsableError` where a config, which stands at a place, describes far more than weights hold."""
    for level in _levels(config):
        for name, value in level.items():
            _check_number(name, value, weights, place)
        if _described(level) > _SHARED * weights.numbers + _SPARE:
            raise ModelNotUsableError(f"{place} describes a model far larger than its weights are.")


def _levels(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a config and those inside it, but for lists of labels."""
    yield config
    for name, value in config.items():
        if isinstance(value, dict) and name not in ("id2label", "label2id"):
            yield from _levels(value)


def _check_number(name: str, value: object, weights: Weights, place: str) -> None:
    is_count, is_size = name in _COUNTS, name in (*_WIDTHS, *_INNER, *_TABLES)
    if (is_count or is_size) and not all(value is None or type(value) is int for value in _all(value)):
        raise ModelNotUsableError(f"{place}: {name} is not a whole number.")
    numbers = [number for number in _all(value) if type(number) is int]
    most = max(weights.tensors, _MOST_COUNT) if is_count else weights.largest if is_size else _MOST_NUMBER
    if (is_count or is_size or not any(part in name for part in _NOT_SIZES)) and max(numbers, default=0) > most:
        raise ModelNotUsableError(f"{place}: {name} {max(numbers)} is more than its weights have room for.")
    if (is_count or is_size) and min(numbers, default=0) < 0:
        raise ModelNotUsableError(f"{place}: {name} {min(numbers)} is less than none.")


def _all(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _described(level: dict[str, Any]) -> int:
    """Return about how many numbers the weights of a model have that a config describes."""

    def largest(names: tuple[str, ...]) -> int:
        values = [number for name in names for number in _all(level.get(name)) if type(number) is int]
        return max(values, default=0)

    width, inner = largest(_WIDTHS), largest(_INNER)
    return largest(_DEPTHS) * width * max(width, inner) + largest(_TABLES) * width


def _weights(files: Iterable[Path]) -> Weights:
    tensors, largest, numbers = 0, 0, 0
    for path in files:
        shapes = _shapes(path)
        tensors += len(shapes)
        largest = max([largest, *(max(shape, default=1) for shape in shapes)])
        numbers += sum(map(math.prod, shapes))
    return Weights(tensors, largest, numbers)


def _shapes(path: Path) -> list[list[int]]:
    """Return the shapes of a file's tensors; raise `ModelNotUsableError` where they are not those of its bytes."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MOST_HEADER:
                raise ValueError("too long a header")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        return [_shape(tensor, path.stat().st_size - 8 - length) for tensor in header.values()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, struct.error, RecursionError) as error:
        raise ModelNotUsableError(f"{path} is damaged: its header does not fit what it holds.") from error


def _shape(tensor: dict[str, Any], room: int) -> list[int]:
    shape, (begin, end) = tensor["shape"], tensor["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)) or not begin <= end <= room:
        raise ValueError("no tensor")
    if tensor["dtype"] in _BITS and math.prod(shape) * _BITS[tensor["dtype"]] != 8 * (end - begin):
        raise ValueError("another size")
    return list(shape)
