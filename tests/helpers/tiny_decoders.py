"""Tiny decoders whose attention is not all of what was read: recurrent layers, windows, padding that is not masked."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tiny import HIDDEN, LAYERS
from tiny_families import tiny_family

from embedders.hardware.devices import quiet_transformers

_SIZE = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": 64}
_DECODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "lfm2": (
        "Lfm2Config",
        "Lfm2ForCausalLM",
        {**_SIZE, "num_key_value_heads": 2, "layer_types": ["conv", "full_attention"], "block_multiple_of": 8},
    ),
    "falcon-h1": (
        "FalconH1Config",
        "FalconH1ForCausalLM",
        {
            **_SIZE,
            "num_key_value_heads": 2,
            **{"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_ssm": 64, "mamba_d_state": 16, "mamba_chunk_size": 16},
        },
    ),
    "gpt-neo": (
        "GPTNeoConfig",
        "GPTNeoForCausalLM",
        {
            **{"hidden_size": HIDDEN, "num_layers": LAYERS, "num_heads": 4, "window_size": 16},
            "attention_types": [[["global", "local"], 1]],
        },
    ),
    "rwkv": ("RwkvConfig", "RwkvForCausalLM", {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS}),
}


def tiny_decoder(folder: Path, kind: str, *, dtype: torch.dtype = torch.float32) -> Path:
    """Save a decoder of random weights with Llama's tokenizer, and return the folder."""
    tiny_family(folder, "llama")
    config, model, size = _DECODERS[kind]
    words = transformers.AutoConfig.from_pretrained(folder).vocab_size
    made = getattr(transformers, config)(
        vocab_size=words, max_position_embeddings=256, bos_token_id=2, eos_token_id=3, pad_token_id=0, **size
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        decoder = getattr(transformers, model)(made).eval()
        for weights in decoder.parameters():
            if weights.ndim > 1:
                torch.nn.init.normal_(weights, std=0.2)  # the usual spread would answer every text alike
    with quiet_transformers():
        decoder.to(dtype).save_pretrained(folder)
    return folder
