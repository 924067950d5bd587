"""Models as people bring them: what they are refused with, and what is done so that they answer rightly."""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny import tiny_classifier
from tiny_boxes import edit_config
from tiny_families import tiny_family

from embedders import create_space, embed
from embedders.black_boxes.entries import predictor_for
from embedders.black_boxes.registering import function_model, hf_model
from embedders.errors import BlackBoxError, EmbedderError, ModelNotUsableError, SettingError
from embedders.hardware.devices import bf16_pays
from embedders.predictors.checkpoints import Checkpoint
from registry import Registry
from registry.data.inputs import Input
from registry.data.models import HeadKind, ModelSpec
from registry.data.predictions import Predictions

LABELS = ("negative", "neutral", "positive")
TEXTS = [Input(f"text {number} of a fine film") for number in range(8)]


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    return tiny_classifier(tmp_path / "classifier", LABELS)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a module and return its name."""
    monkeypatch.chdir(tmp_path)

    def write(body: str) -> str:
        name = f"brought_{len(list(tmp_path.glob('brought_*.py')))}_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(body, encoding="utf-8")
        importlib.invalidate_caches()
        return name

    return write


def ask(registry: Registry, name: str, inputs: list[Input] = TEXTS) -> Predictions:
    return predictor_for(registry, registry.entry(name), device="cpu").predict(inputs)


# -- several labels at once ------------------------------------------------------------------------------


SIGMOID = "torch.nn.modules.activation.Sigmoid"
THROUGH_A_SIGMOID = [  # as transformers writes it, and sentence-transformers of its cross-encoders
    {"function_to_apply": "sigmoid"},
    {"sentence_transformers": {"activation_fn": SIGMOID, "version": "5.0.0"}},
    {"sbert_ce_default_activation_function": SIGMOID},
]


@pytest.mark.parametrize("config", [{"problem_type": "multi_label_classification"}, *THROUGH_A_SIGMOID])
def test_a_checkpoint_whose_labels_hold_each_by_itself_is_refused(
    registry: Registry, classifier: Path, config: dict[str, Any]
) -> None:
    edit_config(classifier, **config)

    with pytest.raises(
        ModelNotUsableError, match=r"answers yes or no to each of its 3 labels by itself, .*not supported"
    ):
        hf_model(registry, "m", str(classifier))


def test_one_that_an_earlier_release_took_is_refused_when_it_is_asked(registry: Registry, classifier: Path) -> None:
    edit_config(classifier, problem_type="multi_label_classification")
    spec = ModelSpec.checkpoint(str(classifier), head=HeadKind.CLASSIFICATION, labels=("a", "b", "c"))
    registry.add_model("m", spec.as_document(), content_hash="0" * 64)

    with pytest.raises(ModelNotUsableError, match="by itself"):
        ask(registry, "m")


@pytest.mark.parametrize("answer", [{"toxic": 0.01, "insult": 0.02}, {"toxic": 0.9, "insult": 0.8}])
def test_a_function_with_independent_probabilities_is_refused(
    registry: Registry, module: Callable[[str], str], answer: dict[str, float]
) -> None:
    function_model(registry, "m", f"{module(f'def answer(texts): return [{answer}] * len(texts)')}:answer")

    with pytest.raises(
        BlackBoxError, match=r"add up to (0\.03|1\.7), not to 1: labels that hold or not each by itself"
    ):
        ask(registry, "m")


# -- files ------------------------------------------------------------------------------------------------


def test_an_adapter_alone_is_told_what_it_is_merged_into(registry: Registry, classifier: Path) -> None:
    (classifier / "config.json").unlink()
    (classifier / "model.safetensors").rename(classifier / "adapter_model.safetensors")
    (classifier / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base", "r": 2}))

    with pytest.raises(
        ModelNotUsableError, match=r"holds a PEFT adapter alone, .*merge it into org/base .*register that"
    ):
        hf_model(registry, "m", str(classifier))


def test_an_adapter_beside_its_base_is_not_passed_over(registry: Registry, classifier: Path) -> None:
    """transformers answers with both, and the base alone would answer otherwise."""
    (classifier / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base", "r": 2}))
    (classifier / "adapter_model.safetensors").write_bytes((classifier / "model.safetensors").read_bytes())

    with pytest.raises(
        ModelNotUsableError, match=r"holds a PEFT adapter beside the weights that it changes: merge"
    ) as told:
        hf_model(registry, "m", str(classifier))
    assert "where they are merged already, take away adapter_config.json and adapter_model.*" in str(told.value)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (classifier / name).unlink()
    assert hf_model(registry, "m", str(classifier)).name == "m"


@pytest.mark.parametrize("names", [{"0": "0", "1": "1", "2": "2"}, {"0": "a", "1": "b", "2": ""}])
def test_labels_that_say_nothing_are_asked_for(registry: Registry, classifier: Path, names: dict[str, str]) -> None:
    edit_config(classifier, id2label=names)

    with pytest.raises(ModelNotUsableError, match="say what they mean with --labels"):
        hf_model(registry, "m", str(classifier))


@pytest.mark.parametrize("names", [{"1": "a", "2": "b", "3": "c"}, {"0": "a", "2": "b", "5": "c"}, ["a", "b", "c"]])
def test_labels_whose_order_is_a_guess_are_refused(registry: Registry, classifier: Path, names: Any) -> None:  # noqa: ANN401
    edit_config(classifier, id2label=names)

    with pytest.raises(ModelNotUsableError, match="does not number its labels from 0 on"):
        hf_model(registry, "m", str(classifier))


def test_a_cross_encoder_without_a_sigmoid_answers_with_one_of_its_labels(registry: Registry, classifier: Path) -> None:
    edit_config(classifier, sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity"})

    assert hf_model(registry, "m", str(classifier)).name == "m"


@pytest.mark.parametrize("config", [{"problem_type": "multi_label_classification"}, *THROUGH_A_SIGMOID])
def test_one_output_through_a_sigmoid_is_no_number_on_a_scale(
    registry: Registry, classifier: Path, config: dict[str, Any]
) -> None:
    edit_config(classifier, id2label={"0": "toxic"}, **config)

    with pytest.raises(ModelNotUsableError, match="answers yes or no to its one label"):
        hf_model(registry, "m", str(classifier), labels=("harmless", "toxic"), range=(0.0, 1.0))


@pytest.mark.parametrize("name", ["label_1", "Label 1", "1.0", "-1", None])
def test_names_that_say_nothing_are_none(registry: Registry, classifier: Path, name: str | None) -> None:
    edit_config(classifier, id2label={"0": "bad", "1": name, "2": "good"})

    with pytest.raises(ModelNotUsableError, match="say what they mean with --labels"):
        hf_model(registry, "m", str(classifier))


def test_names_for_more_labels_than_there_are_outputs_are_told(registry: Registry, classifier: Path) -> None:
    edit_config(classifier, id2label={str(number): name for number, name in enumerate("abcd")})
    hf_model(registry, "m", str(classifier))

    with pytest.raises(ModelNotUsableError, match=r"other sizes than its config\.json tells, as of its labels"):
        ask(registry, "m")


def test_a_merged_model_beside_its_adapters_settings_is_taken(registry: Registry, classifier: Path) -> None:
    (classifier / "adapter_config.json").write_text("{}")

    assert hf_model(registry, "m", str(classifier)).name == "m"


def test_weights_of_another_format_are_told_how_to_convert(registry: Registry, classifier: Path) -> None:
    (classifier / "model.safetensors").rename(classifier / "pytorch_model.bin")

    with pytest.raises(ModelNotUsableError, match=r"transformers\.BertForSequenceClassification\.from_pretrained"):
        hf_model(registry, "m", str(classifier))


@pytest.mark.parametrize("name", ["sentencepiece.bpe.model", "source.spm"])
def test_a_tokenizer_of_sentencepiece_alone_is_one(registry: Registry, classifier: Path, name: str) -> None:
    (classifier / "tokenizer.json").rename(classifier / name)

    first = hf_model(registry, "m", str(classifier)).spec["identity"]
    (classifier / name).write_bytes(b"another")

    assert hf_model(registry, "other", str(classifier)).spec["identity"] != first


def test_a_tokenizer_of_another_release_is_one_line(registry: Registry, classifier: Path) -> None:
    hf_model(registry, "m", str(classifier))
    place = classifier / "tokenizer.json"
    tokenizer = json.loads(place.read_text())
    tokenizer["model"] = {"type": "NewerKind", "vocab": {"a": 0}}
    place.write_text(json.dumps(tokenizer))

    with pytest.raises(ModelNotUsableError) as told:
        Checkpoint("m", classifier, HeadKind.CLASSIFICATION, device="cpu")

    assert f"{classifier} cannot be loaded: " in str(told.value)
    assert "\n" not in str(told.value)


# -- positions and precision -----------------------------------------------------------------------------


def test_positions_that_are_counted_from_behind_the_padding_are_left_out(tmp_path: Path) -> None:
    folder = tiny_family(tmp_path / "roberta", "roberta")
    config = transformers.AutoConfig.from_pretrained(folder)
    config.max_position_embeddings, config.num_labels = 20, 2
    transformers.AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)

    model = Checkpoint("m", folder, HeadKind.CLASSIFICATION, device="cpu")

    assert model.max_length == 20 - (config.pad_token_id + 1)
    for _, batch in model.batches([Input("a fine film " * 50)]):
        assert model.ask(model.model, **batch).logits.shape == (1, 2)


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("kept", [torch.float16, torch.bfloat16])
def test_half_precision_is_not_computed_with_on_a_cpu_that_emulates_it(
    registry: Registry, classifier: Path, tmp_path: Path, kept: torch.dtype, *, is_told: bool
) -> None:
    half = shutil.copytree(classifier, tmp_path / "half")
    transformers.AutoModelForSequenceClassification.from_pretrained(half).to(kept).save_pretrained(half)
    if not is_told:
        edit_config(half, dtype=None, torch_dtype=None)
    hf_model(registry, "m", str(classifier))
    hf_model(registry, "half", str(half))

    loaded = Checkpoint("half", half, HeadKind.CLASSIFICATION, device="cpu").model.dtype

    assert loaded is (torch.bfloat16 if bf16_pays(torch.device("cpu")) else torch.float32)
    assert np.abs(ask(registry, "half").probabilities - ask(registry, "m").probabilities).max() < 0.02


# -- scikit-learn ----------------------------------------------------------------------------------------

FITTED = """
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
texts = ["a good film", "good", "an awful film", "awful"]
likely = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, ["fine", "fine", "poor", "poor"])
certain = make_pipeline(CountVectorizer(), LinearSVC()).fit(texts, ["fine", "fine", "poor", "poor"])
digits = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 1, 0, 0])
number = make_pipeline(CountVectorizer(), Ridge()).fit(texts, [1.0, 1.0, 0.0, 0.0])
"""


@pytest.mark.parametrize("name", ["likely", "certain"])
def test_a_fitted_classifier_is_asked(registry: Registry, module: Callable[[str], str], name: str) -> None:
    pytest.importorskip("sklearn")
    function_model(registry, "m", f"{module(FITTED)}:{name}")

    said = ask(registry, "m", [Input("so good"), Input("so awful")])

    assert said.likeliest() == ["fine", "poor"]
    assert (said.probabilities.max(axis=1) < 1).all() == (name == "likely")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("number", r"is no fitted classifier of one label \(a regressor, several outputs, or not fitted\)"),
        ("digits", r"calls its classes 0, 1: register a function that answers with their names\.$"),
    ],
)
def test_an_estimator_without_names_to_answer_with_is_refused(
    registry: Registry, module: Callable[[str], str], name: str, problem: str
) -> None:
    pytest.importorskip("sklearn")
    function_model(registry, "m", f"{module(FITTED)}:{name}")

    with pytest.raises(SettingError, match=problem):
        ask(registry, "m")


# -- a failure of one ------------------------------------------------------------------------------------

RAISING = {
    "exit": "raise SystemExit(3)",
    "bare": "raise Exception('of no kind\\nwith a second line')",
    "import": "import no_such_module_at_all",
    "runtime": "raise RuntimeError('out of something')",
    "memory": "raise MemoryError",
}


def test_whatever_one_entry_raises_is_its_own_line_and_the_others_go_on(
    registry: Registry, module: Callable[[str], str], tmp_path: Path
) -> None:
    registry.add_corpus("c", TEXTS, source="here")
    create_space(registry, "s", corpus="c")
    body = "".join(f"def {name}_(texts):\n    {line}\n" for name, line in RAISING.items())
    name = module(f"{body}def works(texts): return ['good' if '1' in text else 'bad' for text in texts]\n")
    for kind in RAISING:
        function_model(registry, kind, f"{name}:{kind}_")
    function_model(registry, "leaves", f"{module('raise SystemExit(0)' + chr(10) + 'answer = 1')}:answer")
    function_model(registry, "works", f"{name}:works")

    report = embed(registry, space="s")

    assert list(report.embedded) == ["works"]
    assert sorted(report.failed) == sorted([*RAISING, "leaves"])
    assert not any("\n" in problem for problem in report.failed.values())
    assert "raised Exception: of no kind" in report.failed["bare"]
    assert registry.catalog.jobs.counts() == {"failed": len(RAISING) + 1, "done": 1}


def test_an_error_of_none_of_our_kinds_is_told_with_its_kind(
    registry: Registry, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add_corpus("c", TEXTS, source="here")
    create_space(registry, "s", corpus="c")
    hf_model(registry, "m", str(classifier))

    def forward(_: object, input_ids: object = None, attention_mask: object = None) -> None:
        raise ZeroDivisionError("of a third party\nand more")

    monkeypatch.setattr(transformers.BertForSequenceClassification, "forward", forward)
    report = embed(registry, space="s")

    assert report.failed == {"m": "'m' cannot answer: ZeroDivisionError: of a third party"}
    assert registry.catalog.jobs.counts() == {"failed": 1}
    assert not issubclass(ZeroDivisionError, EmbedderError)
