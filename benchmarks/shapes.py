"""Models of well-known shapes with random weights, and texts for them: nothing is downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from embedders.hardware.devices import quiet_transformers

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = 2000  # that the texts are made of


@dataclass(frozen=True)
class Shape:
    """How large a transformer is."""

    layers: int
    hidden: int
    inner: int
    heads: int
    words: int


BERT_BASE = Shape(12, 768, 3072, 12, 30522)
T5_BASE = Shape(12, 768, 3072, 12, 32128)
LLAMA_1B = Shape(16, 2048, 8192, 32, 128256)
SMALL = Shape(2, 128, 512, 4, WORDS + len(SPECIAL))  # where there is a CPU alone


def bert(folder: Path, shape: Shape) -> Path:
    """Save an encoder in float32."""
    config = transformers.BertConfig(
        vocab_size=shape.words,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
    )
    return _saved(folder, lambda: transformers.BertModel(config), "[CLS] $A [SEP]", "float32")


def t5(folder: Path, shape: Shape) -> Path:
    """Save a text-to-text model in float32."""
    config = transformers.T5Config(
        vocab_size=shape.words,
        d_model=shape.hidden,
        d_kv=shape.hidden // shape.heads,
        d_ff=shape.inner,
        num_layers=shape.layers,
        num_heads=shape.heads,
        eos_token_id=3,
        decoder_start_token_id=0,
    )
    return _saved(folder, lambda: transformers.T5ForConditionalGeneration(config), "$A [SEP]", "float32")


def llama(folder: Path, shape: Shape) -> Path:
    """Save a decoder in bfloat16, four of whose heads share keys and values."""
    config = transformers.LlamaConfig(
        vocab_size=shape.words,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=max(1, shape.heads // 4),
        tie_word_embeddings=True,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    return _saved(folder, lambda: transformers.LlamaForCausalLM(config), "[CLS] $A", "bfloat16")


def texts(count: int, *, mean: int, seed: int = 0) -> list[str]:
    """Return texts of random words, some short and some of up to four times the mean length."""
    random = np.random.default_rng(seed)
    lengths = np.clip(random.gamma(2.0, mean / 2, count).astype(int), 3, 4 * mean)
    return [" ".join(f"w{word}" for word in random.integers(0, WORDS, length)) for length in lengths]


def weights_of(model: torch.nn.Module) -> int:
    """Return how many weights a token is multiplied by: all but the tables that are only looked up."""
    looked_up = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    return sum(p.numel() for p in model.parameters() if p.dim() == 2 and id(p) not in looked_up)


def _saved(folder: Path, make: Callable[[], Any], template: str, dtype: str) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make().to(getattr(torch, dtype)).eval()
    with quiet_transformers():
        model.save_pretrained(folder)
        _tokenizer(template).save_pretrained(folder)
    return folder


def _tokenizer(template: str) -> PreTrainedTokenizerFast:
    known = {token: number for number, token in enumerate((*SPECIAL, *(f"w{n}" for n in range(WORDS))))}
    made = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))  # noqa: S106 - a token of text
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(token, known[token]) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single=template, special_tokens=ends)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="[CLS]", eos_token="[SEP]", **names)  # noqa: S106
