"""Tiny checkpoints of each family of surrogates: random weights, the words of tiny.py, nothing downloaded.

Each has its family's habits: which special tokens its tokenizer adds, whether it can pad, what is tied to what.
"""

from collections.abc import Callable
from pathlib import Path

import tiny
import torch
import transformers
from tiny import HIDDEN, LAYERS
from tokenizers import processors
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from embedders.hardware.devices import quiet_transformers

FAMILIES = ("bert", "roberta", "deberta", "modernbert", "t5", "gpt2", "llama")
ENCODERS = FAMILIES[:4]
_PAD, _START, _END = 0, 2, 3  # [PAD], [CLS], [SEP] in tests/helpers/tiny.py's vocabulary
_COMMON = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": 64}
_SPREAD = {"initializer_range": 0.2}  # the usual 0.02 would answer every text alike


def tiny_family(folder: Path, family: str, *, seed: int = 0) -> Path:
    """Save a checkpoint of 2 layers and 32 hidden units with its tokenizer, and return the folder.

    Encoders are saved without a head, T5 as `T5ForConditionalGeneration`, GPT-2 and Llama with their language-model
    heads. The decoders' tokenizers have no padding token, as the published ones have none.
    """
    tokenizer = _TOKENIZERS.get(family, _roberta_tokenizer)()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _MODELS[family](len(tokenizer))
    with quiet_transformers():
        model.eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _bert(words: int) -> PreTrainedModel:
    config = transformers.BertConfig(vocab_size=words, max_position_embeddings=256, **_COMMON, **_SPREAD)
    return transformers.BertModel(config)


def _roberta(words: int) -> PreTrainedModel:
    ends = {"pad_token_id": _PAD, "bos_token_id": _START, "eos_token_id": _END}
    config = transformers.RobertaConfig(
        vocab_size=words, max_position_embeddings=258, type_vocab_size=1, **ends, **_COMMON, **_SPREAD
    )
    return transformers.RobertaModel(config)


def _deberta(words: int) -> PreTrainedModel:
    """Return the shape of DeBERTa-v3: relative positions in attention, its keys shared with the words'."""
    config = transformers.DebertaV2Config(
        vocab_size=words,
        max_position_embeddings=256,
        relative_attention=True,
        position_buckets=32,
        pos_att_type=["p2c", "c2p"],
        share_att_key=True,
        position_biased_input=False,
        norm_rel_ebd="layer_norm",
        type_vocab_size=0,
        **_COMMON,
        **_SPREAD,
    )
    return transformers.DebertaV2Model(config)


def _modernbert(words: int) -> PreTrainedModel:
    config = transformers.ModernBertConfig(
        vocab_size=words,
        max_position_embeddings=256,
        local_attention=32,
        pad_token_id=_PAD,
        bos_token_id=_START,
        eos_token_id=_END,
        cls_token_id=_START,
        sep_token_id=_END,
        initializer_cutoff_factor=2.0,
        **_COMMON,
        **_SPREAD,
    )
    return transformers.ModernBertModel(config)


def _t5(words: int) -> PreTrainedModel:
    config = transformers.T5Config(
        vocab_size=words,
        d_model=HIDDEN,
        d_kv=8,
        d_ff=64,
        num_layers=LAYERS,
        num_heads=4,
        pad_token_id=_PAD,
        eos_token_id=_END,
        decoder_start_token_id=_PAD,
        initializer_factor=1.0,
    )
    return transformers.T5ForConditionalGeneration(config)


def _gpt2(words: int) -> PreTrainedModel:
    config = transformers.GPT2Config(
        vocab_size=words,
        n_positions=256,
        n_embd=HIDDEN,
        n_layer=LAYERS,
        n_head=4,
        n_inner=64,
        bos_token_id=_END,
        eos_token_id=_END,
        **_SPREAD,
    )
    return transformers.GPT2LMHeadModel(config)


def _llama(words: int) -> PreTrainedModel:
    config = transformers.LlamaConfig(
        vocab_size=words,
        max_position_embeddings=256,
        num_key_value_heads=2,
        bos_token_id=_START,
        eos_token_id=_END,
        **_COMMON,
        **_SPREAD,
    )
    return transformers.LlamaForCausalLM(config)


def _bert_tokenizer() -> PreTrainedTokenizerFast:
    return tiny._tokenizer()


def _roberta_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that frames a text as BERT's does, without token types."""
    return _rebuilt(None, pad="[PAD]", cls="[CLS]", sep="[SEP]", mask="[MASK]")


def _t5_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that ends each text, as T5's does."""
    after = processors.TemplateProcessing(single="$A [SEP]", pair="$A [SEP] $B [SEP]", special_tokens=[("[SEP]", _END)])
    return _rebuilt(after, pad="[PAD]", eos="[SEP]")


def _gpt2_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that adds nothing and cannot pad, as GPT-2's does not and cannot."""
    after = processors.TemplateProcessing(single="$A", pair="$A $B", special_tokens=[])
    return _rebuilt(after, bos="[SEP]", eos="[SEP]")


def _llama_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that begins each text and cannot pad."""
    after = processors.TemplateProcessing(single="[CLS] $A", pair="[CLS] $A $B", special_tokens=[("[CLS]", _START)])
    return _rebuilt(after, bos="[CLS]", eos="[SEP]")


def _rebuilt(after: processors.PostProcessor | None, **specials: str) -> PreTrainedTokenizerFast:
    backend = tiny._tokenizer().backend_tokenizer
    if after is not None:
        backend.post_processor = after
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=256,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{role}_token": text for role, text in {"unk": "[UNK]", **specials}.items()},
    )


_TOKENIZERS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "bert": _bert_tokenizer,
    "deberta": _bert_tokenizer,
    "t5": _t5_tokenizer,
    "gpt2": _gpt2_tokenizer,
    "llama": _llama_tokenizer,
}
_MODELS: dict[str, Callable[[int], PreTrainedModel]] = {
    "bert": _bert,
    "roberta": _roberta,
    "deberta": _deberta,
    "modernbert": _modernbert,
    "t5": _t5,
    "gpt2": _gpt2,
    "llama": _llama,
}
