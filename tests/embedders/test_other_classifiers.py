"""Checkpoints of other families that answer by themselves: as transformers answers one text at a time."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tiny import HIDDEN, LAYERS, TOLERANCE, sentences
from tiny_boxes import edit_config, loaded, tiny_box
from tiny_decoders import tiny_decoder
from tokenizers import processors

from embedders.black_boxes.entries import predictor_for
from embedders.black_boxes.registering import hf_model
from embedders.errors import BlackBoxError, ModelNotUsableError, SettingError
from embedders.foreign.door import looked_at
from embedders.hardware import devices
from embedders.hardware.devices import quiet_transformers
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.classifiers import ClassifierPredictor
from embedders.predictors.heads import head_of
from embedders.surrogate.model import Surrogate
from registry import Registry
from registry.data.inputs import Input
from registry.data.models import HeadKind

# -- what config.json says -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN"])
def test_an_infinity_in_a_config_is_read(tmp_path: Path, number: str) -> None:
    folder = tiny_decoder(tmp_path / "lm", "lfm2")
    edit_config(folder, time_step_limit=[0.0, {"__float__": number}])

    looked_at(folder)


@pytest.mark.parametrize("value", [{"__float__": "inf"}, {"__float__": ["Infinity"]}, {"__float__": "NaN", "a": 1}])
def test_nothing_else_that_is_called_so_is(tmp_path: Path, value: object) -> None:
    folder = tiny_decoder(tmp_path / "lm", "lfm2")
    edit_config(folder, time_step_limit=value)

    with pytest.raises(ModelNotUsableError, match=r"has the field '__float__', which is the library's own"):
        looked_at(folder)


# -- padding ---------------------------------------------------------------------------------------------

LABELS = ("bad", "so-so", "good")
TEXTS = ["a film", "a dull meal from start to end", "a fine film [SEP]", "[SEP]", "a book [PAD]", "a film [UNK]", ""]
INPUTS = [*map(Input, TEXTS), Input("a great phone", "an awful book"), Input("a song", "so say all of us who have")]
NAMES = {"bert": "Bert", "roberta": "Roberta", "modernbert": "ModernBert", "gpt2": "GPT2", "llama": "Llama", "t5": "T5"}
BEGUN, ENDED = "[CLS] $A", "[CLS] $A [SEP]"


def transformed(folder: Path, auto: str = "AutoModelForSequenceClassification") -> list[list[float]]:
    """Return what transformers answers to each of the inputs by itself."""
    tokenizer, model = loaded(folder, auto)
    read = [tokenizer(*filter(lambda text: text is not None, one), return_tensors="pt") for one in INPUTS]
    taken = inspect.signature(model.forward).parameters
    with torch.inference_mode():
        made = [model(**{name: ids for name, ids in one.items() if name in taken}).logits for one in read]
    return [logits[0].softmax(-1).tolist() for logits in made]


def box(folder: Path) -> ClassifierPredictor:
    return ClassifierPredictor(Checkpoint("judge", folder, HeadKind.CLASSIFICATION, device="cpu"), LABELS)


@pytest.mark.parametrize("frame", [BEGUN, ENDED])
@pytest.mark.parametrize("of_config", [None, -1, 0, 3])
@pytest.mark.parametrize("of_tokenizer", [None, "[PAD]", "[SEP]"])
def test_a_decoder_reads_its_answer_off_the_token_that_transformers_reads_it_off(
    tmp_path: Path, frame: str, of_config: int | None, of_tokenizer: str | None
) -> None:
    folder = tiny_box(tmp_path / "judge", "llama", "LlamaForSequenceClassification", labels=LABELS)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=frame, pair=f"{frame} $B", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.pad_token = of_tokenizer
    tokenizer.save_pretrained(folder)
    edit_config(folder, pad_token_id=of_config)
    expected = transformed(folder)

    judge = box(folder)

    together, alone = judge.predict(INPUTS).probabilities, [judge.predict([one]).probabilities[0] for one in INPUTS]
    assert together.tolist() == [pytest.approx(row, abs=TOLERANCE) for row in expected]
    assert np.array(alone).tolist() == [pytest.approx(row, abs=TOLERANCE) for row in expected]


# -- batches ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "architecture"), [("bart", "BartForSequenceClassification"), ("t5", "T5ForSequenceClassification")]
)
def test_texts_that_hold_ends_of_text_are_answered_beside_others(
    tmp_path: Path, family: str, architecture: str
) -> None:
    folder = tiny_box(tmp_path / "judge", family, architecture, labels=LABELS)

    answers = box(folder).predict(INPUTS).probabilities

    assert answers.tolist() == [pytest.approx(row, abs=TOLERANCE) for row in transformed(folder)]


_SIZE = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": 64}
UNMASKED = {
    "ConvBert": {"embedding_size": HIDDEN, "head_ratio": 2, "conv_kernel_size": 3},
    "FNet": {},
    "Nystromformer": {"conv_kernel_size": 9},
}
MANY = [Input(text) for text in sentences(("fine", "dull"), 40)]


def other_encoder(folder: Path, kind: str) -> Path:
    """Save a classifier of another architecture, with BERT's tokenizer."""
    tiny_box(folder, "bert", "BertForSequenceClassification", labels=LABELS)
    words = transformers.AutoConfig.from_pretrained(folder).vocab_size
    size = {**_SIZE, **UNMASKED.get(kind, {}), "vocab_size": words, "max_position_embeddings": 256, "pad_token_id": 0}
    config = getattr(transformers, f"{kind}Config")(**size, num_labels=len(LABELS))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = getattr(transformers, f"{kind}ForSequenceClassification")(config).eval()
        for weights in model.parameters():
            if weights.ndim > 1:
                torch.nn.init.normal_(weights, std=0.2)
    with quiet_transformers():
        model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", UNMASKED)
def test_a_classifier_that_reads_padding_gets_none(tmp_path: Path, kind: str) -> None:
    judge = box(other_encoder(tmp_path / "judge", kind))

    together = judge.predict(MANY).probabilities

    alone = np.concatenate([judge.predict([one]).probabilities for one in MANY])
    assert judge._model.reads_padding
    assert np.abs(together - alone).max() < TOLERANCE
    assert len(np.unique(together.round(3), axis=0)) > 10, "it answers every text alike"


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multiply in bfloat16, as CPUs with AMX do."""
    monkeypatch.setattr(devices, "bf16_pays", lambda device: True)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("kind", UNMASKED)
def test_rounding_does_not_hide_that_padding_is_read(tmp_path: Path, kind: str) -> None:
    folder = other_encoder(tmp_path / "judge", kind)

    assert Checkpoint("judge", folder, HeadKind.CLASSIFICATION, device="cpu").reads_padding


@pytest.mark.usefixtures("fast")
def test_deberta_is_asked_in_float32_and_so_it_is_as_a_surrogate(tmp_path: Path) -> None:
    folder = other_encoder(tmp_path / "judge", "Deberta")

    answers = box(folder).predict(INPUTS).probabilities

    assert answers.tolist() == [pytest.approx(row, abs=TOLERANCE) for row in transformed(folder)]
    assert np.isfinite(Surrogate(folder, device="cpu", max_length=32).features(INPUTS)).all()


@pytest.mark.parametrize(
    ("family", "architecture"),
    [
        *((family, f"{name}ForSequenceClassification") for family, name in NAMES.items()),
        ("bert", "BertForQuestionAnswering"),
        ("t5", "T5ForConditionalGeneration"),
        ("bart", "BartForConditionalGeneration"),
    ],
)
def test_others_are_asked_in_batches_of_like_length(tmp_path: Path, family: str, architecture: str) -> None:
    folder = tiny_box(tmp_path / "box", family, architecture)

    assert not Checkpoint("box", folder, head_of(folder, LABELS), device="cpu").reads_padding


# -- what is told in one line ----------------------------------------------------------------------------


def numbered(folder: Path, count: object) -> Path:
    """Save a classifier of three outputs whose config tells their number alone."""
    tiny_box(folder, "bert", "BertForSequenceClassification", outputs=3)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = {name: value for name, value in config.items() if name not in ("id2label", "label2id")}
    (folder / "config.json").write_text(json.dumps({**config, "num_labels": count}), encoding="utf-8")
    return folder


def test_outputs_that_are_counted_and_not_named_are_as_many(registry: Registry, tmp_path: Path) -> None:
    folder = numbered(tmp_path / "judge", 3)

    record = hf_model(registry, "judge", str(folder), labels=LABELS)

    assert record.spec["labels"] == list(LABELS)
    answers = predictor_for(registry, record, device="cpu").predict(INPUTS[:2])
    assert answers.probabilities.tolist() == [pytest.approx(row, abs=TOLERANCE) for row in transformed(folder)[:2]]
    with pytest.raises(SettingError, match=r"judge has 3 outputs, not 2\.$"):
        hf_model(registry, "other", str(folder), labels=LABELS[:2])


@pytest.mark.parametrize("count", ["3", True, 2**40])
def test_what_is_no_number_of_outputs_is_refused(registry: Registry, tmp_path: Path, count: object) -> None:
    folder = numbered(tmp_path / "judge", count)

    with pytest.raises(ModelNotUsableError, match=r"config\.json: num_labels .*\.$"):
        hf_model(registry, "judge", str(folder), labels=LABELS)


def test_another_number_of_outputs_than_of_labels_is_told(tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "judge", "bert", "BertForSequenceClassification", outputs=2)

    with pytest.raises(BlackBoxError, match=r"^'judge' has 2 outputs, not 3\.$"):
        box(folder).predict(INPUTS)


@pytest.mark.parametrize(
    "error", [AttributeError("no start\nto be had"), TypeError(), KeyError("start"), AssertionError()]
)
def test_whatever_a_model_raises_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    judge = box(tiny_box(tmp_path / "judge", "t5", "T5ForSequenceClassification", labels=LABELS))

    def raising(**_given: object) -> None:
        raise error

    monkeypatch.setattr(judge._model.model, "forward", raising)

    with pytest.raises(BlackBoxError, match=r"^'judge' cannot answer: [A-Z]\w+: (no start|'start'|\w+Error)$"):
        judge.predict(INPUTS[:2])
