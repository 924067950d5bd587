"""Tiny models and data, made on the spot: random weights, a few words of vocabulary, nothing downloaded."""

import itertools
import string
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

from embedders.hardware.devices import quiet_transformers
from registry.data.examples import Example
from registry.data.tasks import TaskData

HIDDEN, LAYERS = 32, 2
TOLERANCE = 1e-5  # of one forward pass against another, in float32

GOOD = ("fine", "great", "lovely", "brilliant")
BAD = ("dull", "awful", "poor", "tedious")
THINGS = ("film", "meal", "phone", "book", "song", "chair")
ENDINGS = ("", " indeed", " i think", " from start to end", " so say all of us who have seen it")
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tiny_encoder(folder: Path, *, seed: int = 0) -> Path:
    """Save a BERT encoder of 2 layers and 32 hidden units, with its tokenizer, and return the folder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(_config())
    return _save(model, folder)


def tiny_classifier(folder: Path, labels: Sequence[str] | None, *, outputs: int | None = None, seed: int = 0) -> Path:
    """Save a sequence classifier with named labels and return the folder.

    Args:
        labels: the names of its outputs; None for those that transformers gives, LABEL_0 and so on.
        outputs: how many outputs, where `labels` is None.
    """
    config = _config()
    if labels is None:
        config.num_labels = outputs or 2
    else:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForSequenceClassification(config)
    return _save(model, folder)


def sentences(adjectives: Sequence[str], count: int) -> list[str]:
    """Return `count` different short texts about things that are all as the adjectives say."""
    made = (
        f"a {adjective} {thing} number {number}{ending}"
        for number in itertools.count()
        for ending in ENDINGS
        for thing in THINGS
        for adjective in adjectives
    )
    return list(itertools.islice(made, count))


def opinions(count: int = 32, labels: tuple[str, str] = ("negative", "positive")) -> TaskData:
    """Return a task of `count` sentences, every other one of them a praise."""
    half = count // 2
    praise, blame = sentences(GOOD, half), sentences(BAD, half)
    pairs = zip(praise, blame, strict=True)
    rows = [e for good, bad in pairs for e in (Example(good, labels[1]), Example(bad, labels[0]))]
    return TaskData(kind="classification", labels=labels, train=tuple(rows))


def choices(count: int = 24) -> TaskData:
    """Return a multiple-choice task: which word is the opposite, among two or three."""
    rows = []
    for number in range(count):
        good, bad = GOOD[number % 4], BAD[number // 4 % 4]
        offered = (bad, good) if number % 2 else (good, bad, THINGS[number % 6])
        rows.append(Example(f"what is the opposite of {good}, number {number}", bad, choices=offered))
    return TaskData(kind="multiple-choice", labels=None, train=tuple(rows))


def _config() -> BertConfig:
    return BertConfig(
        vocab_size=len(_vocabulary()),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=256,
        initializer_range=0.2,  # the usual 0.02 would answer every text alike
    )


def _save(model: BertModel | BertForSequenceClassification, folder: Path) -> Path:
    with quiet_transformers():
        model.eval().save_pretrained(folder)
        _tokenizer().save_pretrained(folder)
    return folder


def _vocabulary() -> dict[str, int]:
    letters = string.ascii_lowercase + string.digits
    words = [*GOOD, *BAD, *THINGS, "number", "indeed", "think", "start", "opposite"]
    pieces = [*_SPECIAL, *string.punctuation, *letters, *(f"##{letter}" for letter in letters), *words]
    return {piece: number for number, piece in enumerate(pieces)}


def _tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = _vocabulary()
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",  # noqa: S106
        unk_token="[UNK]",  # noqa: S106
        cls_token="[CLS]",  # noqa: S106
        sep_token="[SEP]",  # noqa: S106
        mask_token="[MASK]",  # noqa: S106
        model_max_length=256,
    )
