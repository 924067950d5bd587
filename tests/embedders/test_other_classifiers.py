"""Checkpoints of other families that answer by themselves: as transformers answers one text at a time."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tiny import TOLERANCE
from tiny_boxes import edit_config, loaded, tiny_box
from tiny_decoders import tiny_decoder
from tokenizers import processors

from embedders.errors import ModelNotUsableError
from embedders.foreign.door import looked_at
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.classifiers import ClassifierPredictor
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
