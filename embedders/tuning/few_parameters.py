"""Parameter-efficient tunings of the surrogate: which few parameters are tuned, and how much they have changed.

All but the prefix are peft's. peft 0.21's prefix leaves T5's encoder alone and gives two of its decoder's layers one
prefix in common, so that prefixes are put into every attention here, as in Li and Liang (2021) and TuPaTE.
"""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import peft
import torch
from torch import nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask
from transformers.pytorch_utils import Conv1D

from embedders.errors import SettingError
from embedders.tuning import VIRTUAL_TOKENS

RANK = 8  # of LoRA's matrices
PREFIX_SPREAD = 0.1  # standard deviation of a prefix's start

_IN_LAYER = re.compile(r"(^|\.)(\d+)\.")
_ADDED_TO_KEYS = re.compile(r"\.(key|k)$")  # all keys of an attention shifted alike: the softmax does not see it
_QUERIES_AND_VALUES = re.compile(r"\.(query|value|q|v|q_proj|v_proj|query_proj|value_proj|Wqkv|c_attn)$")

ParameterChange = Iterator[tuple[str, torch.Tensor]]


def with_tuning(model: nn.Module, tuning: str, *, task_type: str, seed: int) -> nn.Module:
    """Return the model with the tuning's parameters as its only trainable ones; their start depends on the seed alone.

    Args:
        tuning: bias, layer-norm, ia3, lora, prefix or prompt.
        task_type: what peft calls a model of its kind, for a prompt.

    Raises:
        SettingError: the model has nothing that is tuned so.
    """
    _conv_to_linear(model)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peft and transformers say to each other is not for the user
        torch.manual_seed(seed)
        if tuning == "prefix":
            return _with_prefix(model)
        tuned: nn.Module = peft.get_peft_model(model, _config(model, tuning, task_type))
    if tuning == "prompt":
        tuned.register_forward_pre_hook(_without_types, with_kwargs=True)
    return tuned


def _without_types(
    _model: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Leave out which text of a pair each token is of: peft leaves it out before virtual tokens, with a warning."""
    return given, {name: value for name, value in named.items() if name != "token_type_ids"}


class Start:
    """The tuned parameters of a model as they were at the start."""

    def __init__(self, model: nn.Module) -> None:
        self._tuned = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._start = {name: p.detach().clone() for name, p in self._tuned.items()}
        self._products = [
            (name, self._tuned[name.replace("lora_A", "lora_B")], low)
            for name, low in self._tuned.items()
            if "lora_A" in name
        ]
        self.device = next(iter(self._start.values())).device
        self.count = sum(b.shape[0] * a.shape[1] for _, b, a in self._products) or sum(
            p.numel() for p in self._tuned.values()
        )

    def direction(self) -> torch.Tensor:
        """Return how much the tuned parameters have changed, as they are, float32 (parameters,)."""
        return torch.cat([(p.detach() - self._start[name]).flatten() for name, p in self._tuned.items()]).float()

    def change(self) -> ParameterChange:
        """Yield what is embedded, `count` numbers in all: a name and a change for each parameter.

        Of LoRA it is the product BA, which starts at zero whatever A starts from.
        """
        for name, high, low in self._products:
            yield name, (high.detach() @ low.detach()).float()
        if not self._products:
            for name, parameter in self._tuned.items():
                yield name, (parameter.detach() - self._start[name]).float()


def averaged(change: ParameterChange) -> ParameterChange:
    """Yield the mean over layers of changes in the same place of each layer, as TuPaTE does.

    The first number in a name says the layer of a stack; what stands in no layer is kept.
    """
    sums: dict[tuple[str, torch.Size], torch.Tensor] = {}
    counts: dict[tuple[str, torch.Size], int] = {}
    for name, part in change:
        place = (_IN_LAYER.sub(r"\1*.", name, count=1), part.shape)
        sums[place] = sums[place] + part if place in sums else part
        counts[place] = counts.get(place, 0) + 1
    for place, total in sums.items():
        yield place[0], total / counts[place]


def _config(model: nn.Module, tuning: str, task_type: str) -> peft.PeftConfig:
    linear = _in_layers(model, nn.Linear)
    match tuning:
        case "bias":
            return peft.BeftConfig(target_modules=_some([n for n in linear if not _ADDED_TO_KEYS.search(n)], tuning))
        case "layer-norm":
            norms = [n for n, m in model.named_modules() if type(m).__name__.endswith("Norm")]
            return peft.LNTuningConfig(target_modules=_some(norms, tuning))
        case "ia3":
            return peft.IA3Config(target_modules=_some(linear, tuning), feedforward_modules=[])
        case "lora":
            targets = [n for n in linear if _QUERIES_AND_VALUES.search(n)] or linear
            return peft.LoraConfig(target_modules=_some(targets, tuning), r=RANK, lora_alpha=RANK)
        case "prompt":
            return peft.PromptTuningConfig(task_type=task_type, num_virtual_tokens=VIRTUAL_TOKENS)
    raise SettingError(f"No tuning {tuning!r}.")


def _in_layers(model: nn.Module, kind: type[nn.Module]) -> list[str]:
    """Return the names of modules within numbered layers: neither heads nor embeddings."""
    return [name for name, module in model.named_modules() if isinstance(module, kind) and _IN_LAYER.search(name)]


def _some(names: list[str], tuning: str) -> list[str]:
    if not names:
        raise SettingError(f"The surrogate has no layers that {tuning} tunes: choose another tuning.")
    return names


def _conv_to_linear(model: nn.Module) -> None:
    """GPT-2 writes its linear layers as Conv1D, which peft cannot give a bias: write them as all others do."""
    for name, module in list(model.named_modules()):
        if isinstance(module, Conv1D):
            linear = nn.Linear(module.nx, module.nf, device="meta")
            linear.weight = nn.Parameter(module.weight.detach().T.contiguous())
            linear.bias = module.bias
            model.set_submodule(name, linear)


def _with_prefix(model: Any) -> nn.Module:  # noqa: ANN401 - a model of transformers
    """Give each attention keys and values of its own, before those of the tokens."""
    model.requires_grad_(False)
    config = model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = (
        getattr(config, "d_kv", None)
        or getattr(config, "head_dim", None)
        or config.hidden_size // config.num_attention_heads
    )
    attentions = [m for n, m in model.named_modules() if hasattr(m, "is_causal") and _IN_LAYER.search(f"{n}.")]
    if not attentions or not model._can_set_attn_implementation():
        raise SettingError("Prefixes cannot be put into this surrogate's attention: choose another tuning.")
    for attention in attentions:
        start = torch.randn(2, heads, VIRTUAL_TOKENS, width) * PREFIX_SPREAD
        attention.prefix = nn.Parameter(start.to(model.device))
    model.set_attn_implementation(_PREFIXED)
    prefixed: nn.Module = model
    return prefixed


def _attend(
    module: Any,  # noqa: ANN401 - an attention of transformers, with its prefix
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    position_bias: torch.Tensor | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attend from each token to the prefix and to what the mask lets it see; the prefix has no position."""
    prefix = module.prefix.to(key.dtype)[:, None].expand(-1, len(key), -1, -1, -1)  # (2, batch, heads, tokens, width)
    key, value = torch.cat([prefix[0], key], dim=2), torch.cat([prefix[1], value], dim=2)
    groups = query.shape[1] // key.shape[1]  # of query heads that share a key
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = (query @ key.transpose(2, 3) * scaling).float()
    for added in (position_bias, attention_mask):
        if added is not None:
            scores = scores + F.pad(added.float(), (VIRTUAL_TOKENS, 0))
    return (scores.softmax(dim=-1).to(value.dtype) @ value).transpose(1, 2), None


_PREFIXED = "prefixed"
AttentionInterface.register(_PREFIXED, _attend)
AttentionMaskInterface.register(_PREFIXED, eager_mask)
