"""Texts that are longer than what a model reads: their ends are cut, nothing else is, and it is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from test_prompted import done, encoder, held, made, store, told  # noqa: F401 - fixtures
from tiny import TOLERANCE, tiny_classifier
from tiny_boxes import loaded
from tiny_families import tiny_family

from embedders.errors import BlackBoxError
from embedders.hardware import devices
from embedders.predictors import checkpoints
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.classifiers import ClassifierPredictor
from embedders.predictors.language.causal import CausalLM
from embedders.predictors.language.contract import Question
from embedders.predictors.language.fitting import LONGEST_WORD, fitted
from registry.data.inputs import Input
from registry.data.models import HeadKind

LABELS = ("bad", "good")
MOST = 60  # letters that fit, in these tests


def ask(inputs: Sequence[Input]) -> list[Question]:
    return [Question(f"Say yes or no. {' '.join(filter(None, one))} Good?") for one in inputs]


def fits(question: Question) -> bool:
    return len(question.text) <= MOST


@pytest.mark.parametrize("text", ["a fine film " * 30, "最悪の映画だった。" * 30, "x" * 4000, "a film " + "y" * 400])
def test_a_text_loses_its_end_and_the_prompt_around_it_stays(text: str) -> None:
    (short, long), cut = fitted([Input("a film"), Input(text)], ask, fits)

    assert cut == 1
    assert short.text == "Say yes or no. a film Good?"
    assert long.text.startswith(f"Say yes or no. {text[:6].rstrip()}")
    assert long.text.endswith(" Good?")
    assert MOST - LONGEST_WORD <= len(long.text) <= MOST


def test_a_text_is_cut_between_words() -> None:
    (question,), _ = fitted([Input("marvellous " * 50)], ask, fits)

    assert question.text == "Say yes or no. marvellous marvellous marvellous Good?"


def test_both_texts_of_a_pair_keep_the_same_share() -> None:
    (question,), _ = fitted([Input("p" * 2000, "h" * 1000)], ask, fits)

    assert question.text.count("p") == pytest.approx(2 * (question.text.count("h")), abs=4)


def test_a_prompt_that_leaves_no_room_for_any_text_is_an_error() -> None:
    with pytest.raises(BlackBoxError, match="too long for the model, whatever the text is"):
        fitted([Input("a film")], lambda inputs: [Question("x" * 100) for _ in inputs], fits)


def test_a_long_text_under_a_prompt_is_told_and_its_instruction_is_read(store: Path) -> None:  # noqa: F811
    """Two texts that differ beyond what is read are one; two prompts that differ before a long text are two."""
    done(store, "prompt", "add", "before", "--template", "the book is warm {{ text }}", *_choices())
    done(store, "prompt", "add", "other", "--template", "the meal is cold {{ text }}", *_choices())
    long = "the good team " * 200

    def asked(prompt: str, *texts: str) -> list[dict[str, float]]:
        given = [part for text in texts for part in ("--text", text)]
        said = done(store, "model", "test", f"enc@{prompt}", *given, "--json")
        assert said["not_read"] == (
            f"texts that have more than 64 tokens with the prompt, and whose ends are not read: {len(texts)}"
        )
        return [row["probabilities"] for row in said["answers"]]

    first, second = asked("before", long, long + "but dull")
    assert first == second
    assert asked("other", long)[0] != first
    assert done(store, "model", "test", "enc@before", "--text", "a warm song", "--json")["not_read"] is None


def test_a_run_tells_of_how_many_texts_the_ends_were_not_read(store: Path, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "long.txt"
    file.write_text("\n".join([*(f"the film number {n}" for n in range(40)), "the good team " * 200]))
    done(store, "corpus", "create", "longer", "--data", file)
    surrogate = store.parent / "encoder"
    done(store, "space", "create", "longer", "--surrogate", surrogate, "--corpus", "longer", "--dimension", "768")

    code, error = told(store, "embed", "enc@short", "--space", "longer")

    assert code == 0
    assert "enc@short: texts that have more than 64 tokens with the prompt, and whose ends are not read: 1" in error
    held(store, "enc@short", "longer")


def _choices() -> list[str]:
    return ["--choice", "negative=bad,dull", "--choice", "positive=good,fine,warm"]


# -- checkpoints ---------------------------------------------------------------------------------------


def test_a_classifier_reads_as_much_as_it_has_positions_for(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "classifier", LABELS)
    checkpoint = Checkpoint("c", folder, HeadKind.CLASSIFICATION, device="cpu")
    predictor = ClassifierPredictor(checkpoint, LABELS)
    tokenizer, model = loaded(folder, "AutoModelForSequenceClassification")
    room = checkpoint.max_length - 2  # [CLS] and [SEP]
    whole = Input("film " * (room - 1))

    with torch.inference_mode():
        expected = model(**tokenizer(whole.text, return_tensors="pt")).logits.softmax(-1).numpy()[0]

    assert predictor.predict([whole]).probabilities[0] == pytest.approx(expected, abs=TOLERANCE)
    assert predictor.not_read is None
    predictor.predict([whole, Input("film " * (2 * room)), Input("film " * (3 * room))])
    assert predictor.not_read == (
        f"texts that fill the {room + 2} tokens that it reads, and of which nothing beyond is read: 2"
    )


def test_the_longest_that_is_read_is_what_positions_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_classifier(tmp_path / "classifier", LABELS)
    own = Checkpoint("c", folder, HeadKind.CLASSIFICATION, device="cpu").max_length

    monkeypatch.setattr(checkpoints, "MOST_TOKENS", own - 10)

    assert Checkpoint("c", folder, HeadKind.CLASSIFICATION, device="cpu").max_length == own - 10


# -- precision -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_could_follow_is_told_in_float32_of_a_model_in_bfloat16(
    tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of 30 are an eighth apart in bfloat16: words would seem to be as likely as one another."""
    monkeypatch.setattr(devices, "bf16_pays", lambda device: True)
    checkpoint = Checkpoint("lm", tiny_family(tmp_path / "lm", family), HeadKind.CAUSAL_LM, device="cpu")
    checkpoint.model.to(torch.bfloat16)
    reading: Any = CausalLM(checkpoint)

    for read in (reading._read([[5, 6, 7], [8]]), reading._read([[5, 6, 7]], wide=True)):
        for scores in (read.last, *((read.logits,) if read.logits.dtype == torch.float32 else ())):
            rounded = scores.bfloat16().float()
            assert (scores != rounded).float().mean() > 0.9
            assert scores.flatten().tolist() == pytest.approx(rounded.flatten().tolist(), rel=0.01, abs=0.01)
    assert reading._read([[5, 6, 7]], wide=True).logits.dtype == torch.float32


def test_a_model_that_does_more_with_its_scores_than_its_head_keeps_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "bf16_pays", lambda device: True)
    checkpoint = Checkpoint("lm", tiny_family(tmp_path / "lm", "llama"), HeadKind.CAUSAL_LM, device="cpu")
    checkpoint.model.to(torch.bfloat16)
    forward = checkpoint.model.forward

    def capped(**given: Any) -> Any:  # noqa: ANN401 - as Gemma does
        output = forward(**given)
        output.logits = torch.tanh(output.logits)
        return output

    monkeypatch.setattr(checkpoint.model, "forward", capped)
    reading: Any = CausalLM(checkpoint)

    assert reading._read([[5, 6, 7]]).last.abs().max() <= 1
