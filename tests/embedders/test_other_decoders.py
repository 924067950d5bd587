"""Decoders of other families under a prompt: recurrent ones, and such as attend within a window."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny import TOLERANCE
from tiny_boxes import edit_config, loaded
from tiny_decoders import tiny_decoder
from tiny_families import tiny_family
from tokenizers import processors

from embedders.black_boxes.loading import language_model
from embedders.hardware import batching
from embedders.predictors.language import causal
from embedders.predictors.language.contract import LanguageModel, Question
from registry.data.models import ModelSpec

WORDS = ["great", "dull", "so say", "a fine film indeed"]
BEGINNING = "what is great is not awful, what is dull is not fine. " * 5
ALIKE = [Question(f"{BEGINNING} a film number {n}" + " indeed" * (9 * n)) for n in (0, 1, 2, 3)]


def model(folder: Path) -> LanguageModel:
    spec = {"type": "hf", "head": None, "source": str(folder), "revision": None, "identity": None, "labels": []}
    return language_model(ModelSpec.from_document(spec), device="cpu", name="lm")


def scored_plainly(folder: Path, text: str, word: str) -> float:
    """Return a word's mean log-likelihood: one text, one pass, nothing kept."""
    tokenizer, lm = loaded(folder, "AutoModelForCausalLM")
    prompt, whole = tokenizer(text)["input_ids"], tokenizer(f"{text} {word}")["input_ids"]
    with torch.inference_mode():
        scores = lm(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
    return float(np.mean([scores[i - 1, whole[i]].item() for i in range(len(prompt), len(whole))]))


@pytest.mark.parametrize("kind", ["lfm2", "falcon-h1"])
def test_a_decoder_with_recurrent_layers_is_scored_as_one_word_after_one_prompt(tmp_path: Path, kind: str) -> None:
    folder = tiny_decoder(tmp_path / "lm", kind)
    expected = [[scored_plainly(folder, one.text, word) for word in WORDS] for one in ALIKE]

    lm = model(folder)

    assert lm.score(ALIKE, WORDS).log_prob.tolist() == [pytest.approx(row, abs=10 * TOLERANCE) for row in expected]
    assert lm.settings()["cache"] is False


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_window_of_attention_is_found_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(causal, "_WINDOW", re.compile("no name"))
    folder = tiny_decoder(tmp_path / "lm", "gpt-neo", dtype=dtype)
    expected = [[scored_plainly(folder, one.text, word) for word in WORDS] for one in ALIKE]

    lm = model(folder)

    assert lm.settings()["cache"] is False
    tolerance = 10 * TOLERANCE if dtype == torch.float32 else 0.2
    assert lm.score(ALIKE, WORDS).log_prob.tolist() == [pytest.approx(row, abs=tolerance) for row in expected]


def test_a_window_that_is_told_is_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal, "MOST_PROBED", 16)
    folder = tiny_decoder(tmp_path / "lm", "gpt-neo")

    assert model(folder).settings()["cache"] is False


def test_a_window_as_long_as_the_model_reads_is_none(tmp_path: Path) -> None:
    folder = tiny_decoder(tmp_path / "lm", "gpt-neo")
    edit_config(folder, window_size=256)

    assert model(folder).settings()["cache"] is True


# -- tokenizers that end a text --------------------------------------------------------------------------

ENDED = "[CLS] $A [SEP]"


def ending_texts(folder: Path) -> Path:
    """Save a Llama twice: with a tokenizer that ends each text, and beside it as it is."""
    for place, frame in ((folder, ENDED), (folder / "plain", "[CLS] $A")):
        tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_family(place, "llama"))
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=frame, pair=f"{frame} $B", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        tokenizer.save_pretrained(place)
    return folder


@pytest.mark.parametrize("text", ["a fine film", "", "a fine film [SEP]", "[SEP] a film [SEP] is"])
def test_a_prompt_is_not_ended_before_it_is_answered(tmp_path: Path, text: str) -> None:
    folder = ending_texts(tmp_path / "lm")
    ended, plain = model(folder), model(folder / "plain")
    question = Question(text)

    scores, expected = (lm.score([question], WORDS) for lm in (ended, plain))

    assert (scores.log_prob == expected.log_prob).all()
    assert (scores.prompt_prob == expected.prompt_prob).all()
    assert ended.write([question], most_tokens=6) == plain.write([question], most_tokens=6)


# -- writing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rwkv", "lfm2", "falcon-h1", "gpt-neo"])
def test_a_prompt_is_written_on_alike_in_any_batch(tmp_path: Path, kind: str) -> None:
    folder = tiny_decoder(tmp_path / "lm", kind)
    tokenizer, lm = loaded(folder, "AutoModelForCausalLM")
    asked = [Question(f"a {word} film") for word in ("fine", "dull", "poor")]
    asked += [Question("a dull song from start to end"), *ALIKE]
    expected = []
    for one in asked:
        read = tokenizer(one.text, return_tensors="pt")["input_ids"]
        written = lm.generate(read, max_new_tokens=6, do_sample=False, pad_token_id=0)
        expected.append(tokenizer.decode(written[0, read.shape[1] :], skip_special_tokens=True).strip())

    assert model(folder).write(asked, most_tokens=6) == expected


# -- memory ----------------------------------------------------------------------------------------------


def test_no_more_is_kept_of_a_prompt_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lm: Any = model(tiny_family(tmp_path / "lm", "llama"))
    labels = [f"{word} number {n}" for word in WORDS for n in range(9)]
    expected = lm.score(ALIKE, labels).log_prob
    rows: list[int] = []
    forward = lm._model.model.forward
    a_prompt = 2 * 2 * 2 * 8 * 4 * 256  # layers, keys and values, heads, their numbers, bytes, at most so many tokens

    def watched(**given: Any) -> Any:  # noqa: ANN401
        rows.append(len(given["input_ids"]))
        return forward(**given)

    monkeypatch.setattr(lm._model.model, "forward", watched)
    monkeypatch.setattr(batching, "MOST_KEPT", 2 * a_prompt)
    scored = lm.score(ALIKE, labels).log_prob

    assert max(rows) <= 8
    assert len(rows) > 18
    assert np.abs(scored - expected).max() < TOLERANCE
