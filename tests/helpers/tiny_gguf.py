"""A tiny Llama with random weights in a GGUF file, and beside it as the same checkpoint in safetensors."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from gguf import GGUFWriter
from numpy.typing import NDArray
from tiny import HIDDEN, LAYERS
from transformers.convert_slow_tokenizer import bytes_to_unicode

from embedders.hardware.devices import quiet_transformers

HEADS, KEY_HEADS, POSITIONS = 4, 2, 256
CHAT = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant]\n"
_MERGES = [("f", "i"), ("l", "m"), ("fi", "lm"), ("Ġ", "a"), ("Ġ", "film"), ("g", "r"), ("e", "a"), ("gr", "ea")]
_TOKENS = ["<s>", "</s>", *bytes_to_unicode().values(), *(one + other for one, other in _MERGES)]
_NAMES = {  # of transformers -> of GGUF
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def tiny_llama(place: Path, *, chat: str | None = None) -> tuple[Path, Path]:
    """Save a Llama twice, and return the folder with safetensors and the GGUF file."""
    config = transformers.LlamaConfig(
        vocab_size=len(_TOKENS),
        hidden_size=HIDDEN,
        intermediate_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS,
        max_position_embeddings=POSITIONS,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = transformers.LlamaForCausalLM(config).eval()
    vocabulary = {token: number for number, token in enumerate(_TOKENS)}
    ends = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": None}
    tokenizer = transformers.GPT2Tokenizer(vocab=vocabulary, merges=_MERGES, **ends)
    tokenizer.chat_template = chat
    with quiet_transformers():
        model.save_pretrained(place / "plain")
        tokenizer.save_pretrained(place / "plain")
    (place / "packed").mkdir()
    return place / "plain", write_gguf(place / "packed" / "tiny.gguf", weights_of(model), chat=chat)


def weights_of(model: Any) -> dict[str, NDArray[np.float32]]:  # noqa: ANN401 - a model of transformers
    """Return a Llama's weights as GGUF has them: by its names, the rows of queries and keys in another order."""
    found = {}
    for name, tensor in model.state_dict().items():
        layer, _, rest = name.removeprefix("model.layers.").partition(".")
        own = f"blk.{layer}.{_NAMES[rest.removesuffix('.weight')]}" if layer.isdigit() else _NAMES[name[:-7]]
        heads = {"attn_q": HEADS, "attn_k": KEY_HEADS}.get(own.rpartition(".")[2])
        rows = tensor.float().numpy()
        if heads is not None:
            rows = rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)
        found[f"{own}.weight"] = rows
    return found


def write_gguf(
    path: Path, weights: dict[str, NDArray[np.float32]], *, architecture: str = "llama", chat: str | None = None
) -> Path:
    """Write weights and the tiny tokenizer to a GGUF file, and return it."""
    writer = GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(64)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(_TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(_TOKENS)
    writer.add_token_types([3, 3] + [1] * (len(_TOKENS) - 2))
    writer.add_token_merges([" ".join(pair) for pair in _MERGES])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    if chat is not None:
        writer.add_chat_template(chat)
    for name, rows in weights.items():
        writer.add_tensor(name, np.ascontiguousarray(rows))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
