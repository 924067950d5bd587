"""Checkpoints as black boxes: decoders, text-to-text models, regressions and readers, each against transformers."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from tiny import TOLERANCE, tiny_classifier, tiny_encoder
from tiny_boxes import edit_config, loaded, tiny_box
from tokenizers.processors import TemplateProcessing

import cli
from embedders import create_space, embed
from embedders.black_boxes.entries import predictor_for
from embedders.black_boxes.registering import hf_model
from embedders.errors import (
    BlackBoxError,
    EmbedderError,
    ModelNotUsableError,
    NotCoveredError,
    NotEmbeddableError,
    SettingError,
)
from embedders.jobs.plan import planned
from embedders.predictors.contract import LEAST_COVERED, Form, Predictor
from embedders.predictors.readers import MOST_ANSWER_TOKENS
from registry import Registry
from registry.choosing.answers import given_answers
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.errors import InputError

LABELS = ("bad", "so-so", "good")
INPUTS = [Input("a fine film"), Input("a dull meal from start to end"), Input("a great phone", "an awful book")]
MANY = [
    Input(f"a fine film number {n}" + " indeed" * (n % 7), "a dull book" if n % 3 == 0 else None) for n in range(70)
]
QUESTIONS = [
    Input("what is fine", "the film is fine, the meal is dull indeed"),
    Input("which phone number", "a great phone; number 7, i think. " + "from start to end " * 4),
    Input("who", "one song"),
]


def box(registry: Registry, name: str) -> Predictor:
    return predictor_for(registry, registry.catalog.entries.get(name), device="cpu")


def ask(registry: Registry, name: str, inputs: Sequence[Input]) -> Predictions:
    predictor = box(registry, name)
    return predictor.predict(predictor.answerable(inputs))


def softmax(scores: Sequence[Sequence[float]]) -> list[float]:
    return torch.softmax(torch.tensor(scores), dim=-1).ravel().tolist()


def alike_in_any_batch(registry: Registry, name: str) -> bool:
    predictor = box(registry, name)
    together = predictor.predict(MANY).probabilities
    alone = np.concatenate([predictor.predict([one]).probabilities for one in MANY[::10]])
    assert together.sum(axis=1).tolist() == pytest.approx([1.0] * len(MANY), abs=1e-5)
    assert len(np.unique(together.round(4), axis=0)) > 1, "it answers every text alike"
    return bool(np.abs(together[::10] - alone).max() < TOLERANCE)


# -- decoders and other classifiers ----------------------------------------------------------------------

CLASSIFIERS = {
    "roberta": "RobertaForSequenceClassification",
    "modernbert": "ModernBertForSequenceClassification",
    "gpt2": "GPT2ForSequenceClassification",
    "llama": "LlamaForSequenceClassification",
    "t5": "T5ForSequenceClassification",
    "bart": "BartForSequenceClassification",
}


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_a_classifier_of_any_family_answers_what_transformers_computes(
    registry: Registry, tmp_path: Path, family: str
) -> None:
    folder = tiny_box(tmp_path / "judge", family, CLASSIFIERS[family], labels=LABELS)
    tokenizer, model = loaded(folder, "AutoModelForSequenceClassification")
    with torch.inference_mode():
        logits = [model(**tokenizer(*one, return_tensors="pt")).logits[0].tolist() for one in INPUTS]

    record = hf_model(registry, "judge", str(folder))
    answers = ask(registry, "judge", INPUTS)

    assert (record.spec["head"], box(registry, "judge").form) == ("classification", "labels")
    assert answers.answers == tuple(LABELS)
    assert answers.probabilities.ravel().tolist() == pytest.approx(softmax(logits), abs=TOLERANCE)


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_a_classifier_of_any_family_answers_a_text_alike_in_any_batch(
    registry: Registry, tmp_path: Path, family: str
) -> None:
    hf_model(registry, "judge", str(tiny_box(tmp_path / "judge", family, CLASSIFIERS[family], labels=LABELS)))

    assert alike_in_any_batch(registry, "judge")


def test_a_decoder_pads_with_the_token_that_it_was_tuned_with(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "judge", "gpt2", CLASSIFIERS["gpt2"], labels=LABELS)
    plain, film = Input("a fine chair"), Input("a fine film")
    number = transformers.AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("film")
    hf_model(registry, "by-end", str(folder))
    with_end = ask(registry, "by-end", [plain, film]).probabilities
    edit_config(folder, pad_token_id=number)
    hf_model(registry, "by-film", str(folder))

    with_film = ask(registry, "by-film", [plain, film]).probabilities

    assert np.abs(with_end[0] - with_film[0]).max() < TOLERANCE
    assert np.abs(with_end[1] - with_film[1]).max() > 10 * TOLERANCE, "'film' is now what is passed over at the end"


def test_a_decoder_that_can_neither_pad_nor_end_is_refused(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "judge", "gpt2", CLASSIFIERS["gpt2"], labels=LABELS)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    hf_model(registry, "judge", str(folder))

    with pytest.raises(ModelNotUsableError, match=r"judge has a tokenizer that can neither pad nor end a text\.$"):
        ask(registry, "judge", INPUTS)


@pytest.mark.parametrize("others", [[], INPUTS[:2]], ids=["alone", "among others"])
def test_a_decoder_answers_a_text_of_which_no_token_is_left(
    registry: Registry, tmp_path: Path, others: list[Input]
) -> None:
    hf_model(registry, "judge", str(tiny_box(tmp_path / "judge", "gpt2", CLASSIFIERS["gpt2"], labels=LABELS)))

    answers = ask(registry, "judge", [Input("\u0001"), *others])

    assert answers.probabilities[0].sum() == pytest.approx(1.0, abs=1e-5)
    assert answers.probabilities.shape == (1 + len(others), 3)


def test_an_entry_of_the_first_release_is_a_classifier(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "judge", LABELS)
    new = hf_model(registry, "new", str(folder))
    spec = {name: value for name, value in new.spec.items() if name != "head"}
    registry.add_model("old", spec, content_hash=new.content_hash)

    assert ask(registry, "old", INPUTS).answers == tuple(LABELS)
    assert (ask(registry, "old", INPUTS).probabilities == ask(registry, "new", INPUTS).probabilities).all()


# -- what is no black box --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "architecture"),
    [
        ("bert", "BertForMaskedLM"),
        ("bert", "BertForTokenClassification"),
        ("gpt2", "GPT2Model"),
        ("t5", "T5EncoderModel"),
    ],
)
def test_a_checkpoint_without_a_head_that_answers_is_refused(
    registry: Registry, tmp_path: Path, family: str, architecture: str
) -> None:
    folder = tiny_box(tmp_path / "base", family, architecture)

    with pytest.raises(
        ModelNotUsableError, match=rf"base \({architecture}\) is not a sequence classifier, a reader, a text-to-text"
    ):
        hf_model(registry, "base", str(folder), labels=["a", "b"])


@pytest.mark.parametrize("architectures", [None, [], "BertForSequenceClassification", [None], {}])
def test_a_checkpoint_that_does_not_say_what_it_is_is_refused(
    registry: Registry, tmp_path: Path, architectures: object
) -> None:
    folder = tiny_classifier(tmp_path / "judge", LABELS)
    edit_config(folder, architectures=architectures)

    with pytest.raises(ModelNotUsableError, match="is not a sequence classifier, a reader, a text-to-text model"):
        hf_model(registry, "judge", str(folder))


@pytest.mark.parametrize(
    ("family", "architecture", "head"),
    [
        ("bert", "BertForSequenceClassification", "classifier.bias"),
        ("gpt2", "GPT2ForSequenceClassification", "score.weight"),
        ("bert", "BertForQuestionAnswering", "qa_outputs.bias"),
    ],
)
def test_a_head_whose_weights_are_not_there_is_never_made_up(
    registry: Registry, tmp_path: Path, family: str, architecture: str, head: str
) -> None:
    is_reader = architecture.endswith("QuestionAnswering")
    folder = tiny_box(tmp_path / "judge", family, architecture, labels=None if is_reader else LABELS)
    weights = load_file(folder / "model.safetensors")
    weights.pop(head)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    hf_model(registry, "judge", str(folder))

    with pytest.raises(ModelNotUsableError, match=rf"judge lacks the weights of its head \({head}\)\.$"):
        ask(registry, "judge", QUESTIONS)


def without(folder: Path, part: str) -> Path:
    """Take weights out of a checkpoint."""
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if part not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("family", "architecture", "part"),
    [
        ("bert", "BertForSequenceClassification", "encoder.layer.1."),
        ("bert", "BertForSequenceClassification", "pooler."),
        ("gpt2", "GPT2ForSequenceClassification", "h.1.mlp"),
    ],
)
def test_nor_are_weights_of_its_body(
    registry: Registry, tmp_path: Path, family: str, architecture: str, part: str
) -> None:
    """Made up they are others each time that it is loaded."""
    hf_model(registry, "judge", str(without(tiny_box(tmp_path / "judge", family, architecture, labels=LABELS), part)))

    with pytest.raises(ModelNotUsableError, match=rf"judge lacks weights \(.*{re.escape(part)}.*\)\.$"):
        ask(registry, "judge", QUESTIONS)


def test_layers_that_the_config_has_no_place_for_are_told(
    registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tiny_box(tmp_path / "judge", "bert", "BertForSequenceClassification", labels=LABELS)
    edit_config(folder, num_hidden_layers=1)
    hf_model(registry, "judge", str(folder))

    ask(registry, "judge", QUESTIONS)

    assert "has no place for: bert.encoder.layer.1.attention.output.LayerNorm.bias and 15 more" in caplog.text


@pytest.mark.parametrize("architecture", ["BertLMHeadModel", "BertForMaskedLM"])
def test_what_reads_texts_from_both_sides_is_no_language_model(
    registry: Registry, tmp_path: Path, architecture: str
) -> None:
    folder = tiny_box(tmp_path / "lm", "bert", architecture)

    with pytest.raises(ModelNotUsableError, match=r"reads texts from both sides|is not a sequence classifier"):
        hf_model(registry, "lm", str(folder))


def test_who_ends_each_text_and_has_nothing_to_pad_with_is_read_at_its_end(registry: Registry, tmp_path: Path) -> None:
    """The end of a text is its last token, not padding."""
    folder = tiny_box(tmp_path / "judge", "gpt2", "GPT2ForSequenceClassification", labels=LABELS)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    edit_config(folder, pad_token_id=None)
    own = tokenizer.backend_tokenizer
    end, start = tokenizer.eos_token, tokenizer.bos_token or tokenizer.unk_token
    own.post_processor = TemplateProcessing(single=f"$A {end}", special_tokens=[(end, tokenizer.eos_token_id)])
    others = {"bos_token": start} if start != end else {"bos_token": tokenizer.convert_ids_to_tokens(5)}
    transformers.PreTrainedTokenizerFast(tokenizer_object=own, eos_token=end, **others).save_pretrained(folder)
    hf_model(registry, "judge", str(folder))
    tokenizer, model = (
        transformers.AutoTokenizer.from_pretrained(folder),
        transformers.AutoModelForSequenceClassification.from_pretrained(folder),
    )
    assert tokenizer.pad_token is None
    assert tokenizer("a film")["input_ids"][-1] == tokenizer.eos_token_id
    asked = [Input(text) for text in ("a film", "it was a longer film than this", "no")]
    with torch.inference_mode():
        each = [model(**tokenizer(one.text, return_tensors="pt")).logits[0].softmax(-1).tolist() for one in asked]

    found = ask(registry, "judge", asked)

    np.testing.assert_allclose(found.probabilities, each, atol=2e-2)


# -- text-to-text ----------------------------------------------------------------------------------------

WRITERS = {"t5": "T5ForConditionalGeneration", "bart": "BartForConditionalGeneration"}
ANSWERS = ("good", "not good at all", "so-so")


def written_likelihoods(folder: Path, inputs: Sequence[Input], labels: Sequence[str]) -> list[list[float]]:
    """Return log p(label | input), one input and one label at a time, as transformers' loss has it."""
    tokenizer, model = loaded(folder, "AutoModelForSeq2SeqLM")
    scores = []
    for one in inputs:
        row = []
        for label in labels:
            wanted = tokenizer(text_target=label, return_tensors="pt").input_ids
            with torch.inference_mode():
                loss = model(**tokenizer(*one, return_tensors="pt"), labels=wanted).loss
            row.append(-float(loss) * wanted.shape[1])
        scores.append(row)
    return scores


@pytest.mark.parametrize("family", WRITERS)
def test_a_text_to_text_model_chooses_by_the_likelihood_of_each_label(
    registry: Registry, tmp_path: Path, family: str
) -> None:
    folder = tiny_box(tmp_path / "writer", family, WRITERS[family])
    expected = softmax(written_likelihoods(folder, INPUTS, ANSWERS))

    record = hf_model(registry, "writer", str(folder), labels=ANSWERS)
    answers = ask(registry, "writer", INPUTS)

    assert (record.spec["head"], box(registry, "writer").form) == ("text-to-text", "labels")
    assert answers.answers == tuple(ANSWERS)
    assert answers.probabilities.ravel().tolist() == pytest.approx(expected, abs=5 * TOLERANCE)


@pytest.mark.parametrize("family", WRITERS)
def test_a_text_to_text_model_answers_a_text_alike_in_any_batch(
    registry: Registry, tmp_path: Path, family: str
) -> None:
    hf_model(registry, "writer", str(tiny_box(tmp_path / "writer", family, WRITERS[family])), labels=["good", "bad"])

    assert alike_in_any_batch(registry, "writer")


def test_a_label_is_scored_with_its_end_so_that_a_longer_one_cannot_hide_in_it(
    registry: Registry, tmp_path: Path
) -> None:
    folder = tiny_box(tmp_path / "writer", "t5", WRITERS["t5"])
    tokenizer, _ = loaded(folder, "AutoModelForSeq2SeqLM")
    assert tokenizer(text_target="good").input_ids[-1] == tokenizer.eos_token_id
    hf_model(registry, "writer", str(folder), labels=["good", "good film"])

    said = ask(registry, "writer", INPUTS[:1]).probabilities[0]

    short, long = written_likelihoods(folder, INPUTS[:1], ["good", "good film"])[0]
    assert np.log(said[0] / said[1]) == pytest.approx(short - long, rel=0.05, abs=0.05)


def test_an_input_is_encoded_once_for_all_labels(registry: Registry, tmp_path: Path) -> None:
    hf_model(registry, "writer", str(tiny_box(tmp_path / "writer", "t5", WRITERS["t5"])), labels=ANSWERS)
    predictor: Any = box(registry, "writer")
    predictor.predict(INPUTS[:2])  # what is asked once of any model
    seen: list[int] = []
    encoder = predictor._model.model.get_encoder()
    encoder.register_forward_hook(lambda *_: seen.append(1))

    predictor.predict(INPUTS[:2])

    assert len(seen) == 1


@pytest.mark.parametrize("labels", [["good"], ["good", " "]])
def test_a_text_to_text_model_needs_the_answers_that_it_chooses_from(
    registry: Registry, tmp_path: Path, labels: list[str]
) -> None:
    folder = tiny_box(tmp_path / "writer", "t5", WRITERS["t5"])

    with pytest.raises(ModelNotUsableError, match=r"writes text: say which answers it chooses from with --labels A,B"):
        hf_model(registry, "writer", str(folder), labels=labels)


def test_labels_that_are_one_to_the_tokenizer_are_refused(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "writer", "t5", WRITERS["t5"])
    hf_model(registry, "writer", str(folder), labels=["good", "Good"])

    with pytest.raises(ModelNotUsableError, match=r"'writer' cannot tell its labels apart: good, Good\.$"):
        ask(registry, "writer", INPUTS)


# -- regressions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_number_is_the_probability_of_its_scales_high_end(registry: Registry, tmp_path: Path, family: str) -> None:
    name = {"bert": "BertForSequenceClassification", "gpt2": CLASSIFIERS["gpt2"]}[family]
    folder = tiny_box(tmp_path / "rater", family, name, outputs=1)
    tokenizer, model = loaded(folder, "AutoModelForSequenceClassification")
    with torch.inference_mode():
        numbers = sorted(float(model(**tokenizer(*one, return_tensors="pt")).logits) for one in INPUTS)
        told = [float(model(**tokenizer(*one, return_tensors="pt")).logits) for one in INPUTS]
    low, high = numbers[0] - 1.0, (numbers[1] + numbers[2]) / 2  # the largest is beyond the scale
    expected = [min((number - low) / (high - low), 1.0) for number in told]

    record = hf_model(registry, "rater", str(folder), labels=["unlike", "alike"], range=(low, high))
    answers = ask(registry, "rater", INPUTS)

    assert (record.spec["head"], box(registry, "rater").form) == ("regression", "number")
    assert answers.answers == ("unlike", "alike")
    assert max(expected) == 1.0
    assert answers.probabilities[:, 1].tolist() == pytest.approx(expected, abs=5 * TOLERANCE)
    assert answers.probabilities.sum(axis=1).tolist() == pytest.approx([1.0] * 3, abs=1e-6)


def test_a_scale_that_most_numbers_are_beyond_is_told(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "rater", "bert", "BertForSequenceClassification", outputs=1)
    for name, ends in (("wrong", (50.0, 60.0)), ("right", (-60.0, 60.0))):
        hf_model(registry, name, str(folder), labels=["unlike", "alike"], range=ends)
    wrong, right = box(registry, "wrong"), box(registry, "right")

    wrong.predict(INPUTS)
    right.predict(INPUTS)

    assert wrong.not_read == "numbers beyond the range 50 to 60, each taken for its end: 3 of 3"
    assert right.not_read is None


def test_another_range_makes_another_version(registry: Registry, tmp_path: Path) -> None:
    folder = str(tiny_classifier(tmp_path / "rater", None, outputs=1))
    made = hf_model(registry, "rater", folder, labels=["low", "high"], range=(0, 5))

    assert hf_model(registry, "rater", folder, labels=["low", "high"], range=(0.0, 5.0)).version == made.version
    with pytest.raises(InputError, match="other content"):
        hf_model(registry, "rater", folder, labels=["low", "high"], range=(0, 1))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, r"gives one number: say what the ends of its scale mean with --labels LOW,HIGH, and where they are"),
        ({"labels": ["low", "high"]}, r"gives one number: .* with --range LOW,HIGH\.$"),
        ({"range": (0, 5)}, r"gives one number: say what the ends"),
        ({"labels": ["low", "mid", "high"], "range": (0, 5)}, r"so it has two labels, LOW,HIGH; not 3\.$"),
        ({"labels": ["same", "same"], "range": (0, 5)}, r"has the same label twice: same, same\.$"),
        ({"labels": ["low", "high"], "range": (5, 0)}, r"^The range 5 to 0 is not a smaller and a larger number\.$"),
        ({"labels": ["low", "high"], "range": (0, float("inf"))}, r"is not a smaller and a larger number\.$"),
        ({"labels": ["low", "high"], "range": (0, float("nan"))}, r"is not a smaller and a larger number\.$"),
        ({"labels": ["low", "high"], "range": (-1e308, 1e308)}, r"^The range -1e\+308 to 1e\+308 is too wide\.$"),
    ],
)
def test_a_scale_that_does_not_fit_a_number_is_refused(
    registry: Registry, tmp_path: Path, settings: dict[str, Any], told: str
) -> None:
    folder = tiny_classifier(tmp_path / "rater", None, outputs=1)

    with pytest.raises(EmbedderError, match=told) as error:
        hf_model(registry, "rater", str(folder), **settings)

    assert error.value.exit_code == 2
    assert len(registry.models()) == 0


def test_several_numbers_at_once_are_refused(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "rater", None, outputs=3)
    edit_config(folder, problem_type="regression")

    with pytest.raises(ModelNotUsableError, match=r"rater gives 3 numbers at once: only one can be read\.$"):
        hf_model(registry, "rater", str(folder), labels=["a", "b", "c"])


@pytest.mark.parametrize(
    ("family", "architecture", "labels"),
    [
        ("bert", "BertForSequenceClassification", LABELS),
        ("t5", WRITERS["t5"], None),
        ("bert", "BertForQuestionAnswering", None),
    ],
)
def test_a_range_is_for_numbers_alone(
    registry: Registry, tmp_path: Path, family: str, architecture: str, labels: Sequence[str] | None
) -> None:
    folder = tiny_box(tmp_path / "judge", family, architecture, labels=labels)

    with pytest.raises(SettingError, match=r"judge does not give one number: leave --range out\.$"):
        hf_model(registry, "judge", str(folder), labels=LABELS, range=(0, 1))


# -- readers ---------------------------------------------------------------------------------------------

READERS = {
    "bert": "BertForQuestionAnswering",
    "roberta": "RobertaForQuestionAnswering",
    "gpt2": "GPT2ForQuestionAnswering",
}


def best_span(tokenizer: Any, model: Any, one: Input, most: int = MOST_ANSWER_TOKENS) -> str:  # noqa: ANN401
    """Return the best span of a passage, of at most so many tokens, by trying every one."""
    encoded = tokenizer(*one, return_offsets_mapping=True)
    passage, places = one.text_pair or "", encoded["offset_mapping"]
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([encoded["input_ids"]]))
    start, end = output.start_logits[0].tolist(), output.end_logits[0].tolist()
    inside = [position for position, text in enumerate(encoded.sequence_ids()) if text == 1]
    spans = [(start[i] + end[j], i, j) for i in inside for j in inside if i <= j < i + most]
    _, first, last = max(spans)
    return passage[places[first][0] : places[last][1]]


@pytest.mark.parametrize("family", READERS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_reader_answers_with_the_best_span_of_the_passage(
    registry: Registry, tmp_path: Path, family: str, seed: int
) -> None:
    folder = tiny_box(tmp_path / "reader", family, READERS[family], seed=seed)
    reader = loaded(folder, "AutoModelForQuestionAnswering")
    expected = [best_span(*reader, one) for one in QUESTIONS]

    record = hf_model(registry, "reader", str(folder))
    answers = ask(registry, "reader", QUESTIONS)

    assert (record.spec["head"], box(registry, "reader").form) == ("question-answering", "spans")
    assert [answers.answers[column] for column in answers.probabilities.argmax(axis=1)] == expected
    assert sorted(answers.probabilities.ravel().tolist()) == [0.0] * 6 + [1.0] * 3
    assert len(answers.answers) == 3


def test_an_answer_is_the_best_of_those_that_are_short_enough(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "reader", "bert", READERS["bert"])
    reader = loaded(folder, "AutoModelForQuestionAnswering")
    words = np.random.default_rng(0).choice(["film", "meal", "dull", "fine", "7", ";", "song"], (16, 80))
    long = [Input("which", " ".join(passage)) for passage in words]
    expected = [best_span(*reader, one) for one in long]
    assert expected != [best_span(*reader, one, most=80) for one in long], "no best span is too long"
    hf_model(registry, "reader", str(folder))

    said = ask(registry, "reader", long)

    assert [said.answers[column] for column in said.probabilities.argmax(axis=1)] == expected


def test_the_same_span_of_two_passages_is_one_answer(registry: Registry, tmp_path: Path) -> None:
    hf_model(registry, "reader", str(tiny_box(tmp_path / "reader", "bert", READERS["bert"])))

    answers = ask(registry, "reader", [Input("who", "song"), Input("what is it", "film"), Input("and now", "song")])

    assert answers.answers == ("song", "film")
    assert answers.probabilities.tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


def test_a_reader_answers_a_question_alike_in_any_batch(registry: Registry, tmp_path: Path) -> None:
    hf_model(registry, "reader", str(tiny_box(tmp_path / "reader", "bert", READERS["bert"])))
    predictor = box(registry, "reader")
    many = [Input(f"which film number {n}", f"the {n % 7} films" + " are fine" * (n % 5)) for n in range(70)]

    said = predictor.predict(many)

    together = [said.answers[column] for column in said.probabilities.argmax(axis=1)]
    assert together[::10] == [predictor.predict([one]).answers[0] for one in many[::10]]
    assert all(answer in (one.text_pair or "") for answer, one in zip(together, many, strict=True))


def test_a_passage_that_is_too_long_is_read_as_far_as_it_goes(registry: Registry, tmp_path: Path) -> None:
    hf_model(registry, "reader", str(tiny_box(tmp_path / "reader", "bert", READERS["bert"])))
    passage = " ".join(f"film {n % 10}" for n in range(2000))

    answers = ask(registry, "reader", [Input("which film number is the best of them", passage)])

    assert answers.answers[0] in passage[: 256 * 6]


def test_a_passage_of_which_no_token_is_left_is_its_own_answer(registry: Registry, tmp_path: Path) -> None:
    hf_model(registry, "reader", str(tiny_box(tmp_path / "reader", "bert", READERS["bert"])))

    assert ask(registry, "reader", [Input("who", "\u0001")]).answers == ("\u0001",)


def test_a_reader_leaves_out_what_has_no_passage(registry: Registry, tmp_path: Path) -> None:
    hf_model(registry, "reader", str(tiny_box(tmp_path / "reader", "bert", READERS["bert"])))
    asked = [Input(f"what is {n}", f"film {n}") for n in range(LEAST_COVERED)]
    others = [Input(f"film {n}") for n in range(50)] + [Input("blank", " ")]

    assert box(registry, "reader").answerable([*others, *asked]) == asked
    with pytest.raises(
        NotCoveredError, match=rf"^'reader' answers questions on a passage, and {LEAST_COVERED - 1} of the corpus's 82"
    ):
        box(registry, "reader").answerable([*others, *asked[1:]])


def test_answers_of_a_reader_of_the_hub_stand_beside_the_pairs_that_it_was_asked(
    registry: Registry, tmp_path: Path
) -> None:
    """Its description does not say what it is: nobody has looked into it when it is registered."""
    folder = str(tiny_box(tmp_path / "reader", "bert", READERS["bert"]))
    spec = {"type": "hf", "head": None, "source": folder, "revision": None, "identity": None, "labels": []}
    registry.add_model("reader", spec, content_hash="0" * 64)
    asked = [Input(f"what is {n}", f"film {n}") for n in range(LEAST_COVERED)]
    registry.add_corpus("mixed", [*(Input(f"film {n}") for n in range(50)), *asked], source="made here")
    create_space(registry, "s", surrogate=str(tiny_encoder(tmp_path / "encoder")), corpus="mixed", dimension=64)
    assert embed(registry, ["reader"], device="cpu").failed == {}

    given = given_answers(registry.catalog, "reader")
    again = planned(registry, ["reader"], again=True)

    assert [row.input for row in given] == asked
    assert all(str(row.answer) in str(row.input.text_pair) for row in given)
    assert [row.texts for row in again] == [0]


def test_a_reader_has_no_labels(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "reader", "bert", READERS["bert"])

    with pytest.raises(SettingError, match=r"reader answers with parts of a passage: leave --labels out\.$"):
        hf_model(registry, "reader", str(folder), labels=["a", "b"])


# -- all of them -----------------------------------------------------------------------------------------

BOXES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], Form]] = {
    "decoder": ("gpt2", CLASSIFIERS["gpt2"], {"labels": LABELS}, {}, "labels"),
    "text-to-text": ("t5", WRITERS["t5"], {}, {"labels": ["good", "bad"]}, "labels"),
    "regression": (
        "bert",
        "BertForSequenceClassification",
        {"outputs": 1},
        {"labels": ["low", "high"], "range": (-1.0, 1.0)},
        "number",
    ),
    "reader": ("bert", READERS["bert"], {}, {}, "spans"),
}


@pytest.mark.parametrize("kind", BOXES)
def test_a_checkpoint_answers_the_same_each_time_it_is_loaded(registry: Registry, tmp_path: Path, kind: str) -> None:
    family, architecture, made, settings, _ = BOXES[kind]
    hf_model(registry, "box", str(tiny_box(tmp_path / "box", family, architecture, **made)), **settings)

    one, two = ask(registry, "box", QUESTIONS), ask(registry, "box", QUESTIONS)

    assert one.answers == two.answers
    assert (one.probabilities == two.probabilities).all()
    assert one.probabilities.dtype == np.float32


@pytest.mark.parametrize("kind", BOXES)
def test_outputs_that_are_no_numbers_are_refused(registry: Registry, tmp_path: Path, kind: str) -> None:
    family, architecture, made, settings, _ = BOXES[kind]
    folder = tiny_box(tmp_path / "box", family, architecture, **made)
    weights = {name: tensor * torch.nan for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    hf_model(registry, "box", str(folder), **settings)

    with pytest.raises(BlackBoxError, match=r"^'box' gave outputs that are no numbers"):
        ask(registry, "box", QUESTIONS)


@pytest.mark.parametrize("kind", BOXES)
def test_a_model_of_the_hub_is_looked_into_when_it_is_asked(registry: Registry, tmp_path: Path, kind: str) -> None:
    family, architecture, made, settings, form = BOXES[kind]
    folder = tiny_box(tmp_path / "box", family, architecture, **made)
    spec = dict(hf_model(registry, "pinned", "org/box", revision="0" * 40, **settings).spec)
    assert (spec["head"], spec["identity"]) == (None, None)
    registry.add_model("box", {**spec, "source": str(folder), "revision": None}, content_hash="1" * 64)

    assert box(registry, "box").form == form
    assert ask(registry, "box", QUESTIONS).probabilities.sum(axis=1).tolist() == pytest.approx([1.0] * 3, abs=1e-5)


def test_a_model_of_the_hub_that_takes_prompts_is_told_when_it_is_asked(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "writer", "t5", WRITERS["t5"])
    spec = dict(hf_model(registry, "pinned", "org/box", revision="0" * 40).spec)
    registry.add_model("writer", {**spec, "source": str(folder), "revision": None}, content_hash="1" * 64)

    with pytest.raises(NotEmbeddableError, match=r"^'writer' cannot be asked by itself: embed its prompts"):
        ask(registry, "writer", INPUTS)


# -- the program -----------------------------------------------------------------------------------------


def run(store: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, ["--registry", str(store), "model", "add", *arguments])
    return result.exit_code, result.output


def test_the_program_takes_labels_and_range(tmp_path: Path) -> None:
    Registry.create(tmp_path / "store").close()
    folder = str(tiny_classifier(tmp_path / "rater", None, outputs=1))

    made = run(tmp_path / "store", "rater", "--hf", folder, "--labels", "unlike,alike", "--range", "-1,5")

    assert made == (0, "rater version 1\n")
    with Registry.open(tmp_path / "store") as registry:
        spec = registry.catalog.entries.get("rater").spec
    assert (spec["head"], spec["labels"], spec["range"]) == ("regression", ["unlike", "alike"], [-1.0, 5.0])


@pytest.mark.parametrize("option", ["--labels=a,b", "--range=0,1", "--revision=" + "0" * 40, "--gguf=a.gguf"])
def test_the_program_refuses_a_checkpoints_options_for_others(tmp_path: Path, option: str) -> None:
    Registry.create(tmp_path / "store").close()

    code, text = run(tmp_path / "store", "box", "--function", "json:dumps", option)

    assert code == 2
    assert "--gguf, --labels, --range and --revision go with --hf." in text


def test_a_base_model_is_refused_by_the_program(tmp_path: Path) -> None:
    Registry.create(tmp_path / "store").close()

    code, text = run(tmp_path / "store", "base", "--hf", str(tiny_box(tmp_path / "base", "llama", "LlamaModel")))

    assert code == 2
    assert "is not a sequence classifier, a reader, a text-to-text model, a language model" in text
