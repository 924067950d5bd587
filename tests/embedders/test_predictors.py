"""The black boxes: what is refused when one is registered, and what one answers when it is asked."""

import importlib
import json
import pickle
import sys
import types
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import TOLERANCE, tiny_classifier, tiny_encoder
from tiny_boxes import edit_config
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from embedders.black_boxes.entries import predictor_for
from embedders.black_boxes.recorded import recorded_model
from embedders.black_boxes.registering import function_model, hf_model
from embedders.errors import BlackBoxError, EmbedderError, ModelNotUsableError, NotCoveredError, SettingError
from embedders.predictors.contract import LEAST_COVERED
from embedders.predictors.functions import has_changed
from registry import Registry
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.errors import DataError, InputError
from registry.kinds import EntryKind

LABELS = ("negative", "neutral", "positive")
INPUTS = [Input("a fine film"), Input("a dull meal from start to end"), Input("a great phone", "an awful book")]
Writer = Callable[[str], str]


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    return tiny_classifier(tmp_path / "classifier", LABELS)


@pytest.fixture
def function(tmp_path: Path) -> Writer:
    """Write the body of a function `answer(texts)` to a module of its own, and return how it is registered."""

    def write(body: str) -> str:
        name = f"box_{uuid.uuid4().hex}"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        (tmp_path / f"{name}.py").write_text(f"def answer(texts):\n{lines}\n", encoding="utf-8")
        importlib.invalidate_caches()
        return f"{name}:answer"

    return write


def _ask(registry: Registry, name: str, inputs: list[Input]) -> Predictions:
    predictor = predictor_for(registry, registry.catalog.entries.get(name), device="cpu")
    return predictor.predict(predictor.answerable(inputs))


def _nothing_registered(registry: Registry) -> bool:
    return [row.name for row in registry.models()] == []


# -- classifiers -----------------------------------------------------------------------------------------


def test_a_classifier_answers_what_transformers_computes(registry: Registry, classifier: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(classifier).eval()
    tokenizer = AutoTokenizer.from_pretrained(classifier)
    with torch.inference_mode():
        logits = [model(**tokenizer(*given, return_tensors="pt")).logits[0] for given in INPUTS]
    expected = torch.softmax(torch.stack(logits), dim=-1).ravel().tolist()
    hf_model(registry, "judge", str(classifier))

    answers = _ask(registry, "judge", INPUTS)

    assert answers.answers == tuple(LABELS)
    assert answers.probabilities.ravel().tolist() == pytest.approx(expected, abs=TOLERANCE)


def test_a_classifier_answers_a_text_alike_in_any_batch(registry: Registry, classifier: Path) -> None:
    many = [Input(f"a fine film number {n}" + " indeed" * (n % 7)) for n in range(70)]
    hf_model(registry, "judge", str(classifier))

    together = _ask(registry, "judge", many).probabilities

    alone = np.concatenate([_ask(registry, "judge", [text]).probabilities for text in many[::10]])
    assert np.abs(together[::10] - alone).max() < TOLERANCE
    assert together.sum(axis=1).tolist() == pytest.approx([1.0] * 70, abs=1e-5)


def test_a_classifier_is_registered_with_its_place_its_labels_and_its_identity(
    registry: Registry, classifier: Path
) -> None:
    record = hf_model(registry, "judge", str(classifier), tags=["tiny"])

    assert (record.kind, record.tags) == (EntryKind.MODEL, ("tiny",))
    assert record.spec["labels"] == list(LABELS)
    assert record.spec["source"] == str(classifier.resolve())
    assert hf_model(registry, "judge", str(classifier)).version == 1


@pytest.mark.parametrize("outputs", [2, 3])
def test_labels_without_meaning_are_refused(registry: Registry, tmp_path: Path, outputs: int) -> None:
    folder = tiny_classifier(tmp_path / "nameless", None, outputs=outputs)

    with pytest.raises(ModelNotUsableError, match=r"say what they mean with --labels"):
        hf_model(registry, "judge", str(folder))

    assert _nothing_registered(registry)


@pytest.mark.parametrize("labels", [("bad", "good"), ("bad", "so-so", "good")])
def test_labels_without_meaning_can_be_given_one(registry: Registry, tmp_path: Path, labels: tuple[str, ...]) -> None:
    folder = tiny_classifier(tmp_path / "nameless", None, outputs=len(labels))

    hf_model(registry, "judge", str(folder), labels=labels)

    answers = _ask(registry, "judge", INPUTS)
    assert answers.answers == tuple(labels)
    assert answers.probabilities.sum(axis=1).tolist() == pytest.approx([1.0] * len(INPUTS), abs=1e-5)


@pytest.mark.parametrize(
    ("labels", "told"),
    [(["bad", "good"], r"has 3 outputs, not 2\.$"), (["a", "b", "c", "d"], r"has 3 outputs, not 4\.$")],
)
def test_as_many_labels_as_outputs_are_needed(
    registry: Registry, classifier: Path, labels: list[str], told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        hf_model(registry, "judge", str(classifier), labels=labels)

    assert _nothing_registered(registry)


def test_labels_in_another_order_than_a_classifiers_own_are_taken_and_told(
    registry: Registry, classifier: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hf_model(registry, "same", str(classifier), labels=[label.upper() for label in LABELS])
    assert "another order" not in caplog.text

    turned = hf_model(registry, "turned", str(classifier), labels=LABELS[::-1])

    assert turned.spec["labels"] == list(LABELS[::-1])
    assert f"names its outputs {', '.join(LABELS)} itself, in this order" in caplog.text


def test_other_labels_make_another_version(registry: Registry, classifier: Path) -> None:
    hf_model(registry, "judge", str(classifier))

    with pytest.raises(InputError, match="other content: choose another name, or pass --replace"):
        hf_model(registry, "judge", str(classifier), labels=["bad", "so-so", "good"])

    assert hf_model(registry, "judge", str(classifier), labels=["a", "b", "c"], replace=True).version == 2


def test_an_encoder_is_no_classifier(registry: Registry, tmp_path: Path) -> None:
    folder = str(tiny_encoder(tmp_path / "encoder"))

    with pytest.raises(SettingError, match=r"encoder has no labels of its own: leave --labels out, and put prompts"):
        hf_model(registry, "judge", folder, labels=["bad", "good"])


def test_weights_that_changed_since_are_not_asked(registry: Registry, classifier: Path) -> None:
    hf_model(registry, "judge", str(classifier))
    path = classifier / "model.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path, {"format": "pt"})

    with pytest.raises(ModelNotUsableError, match=r"has changed since it was registered: add it with --replace\.$"):
        _ask(registry, "judge", INPUTS)


def test_a_tokenizer_that_changed_since_is_not_used(registry: Registry, classifier: Path) -> None:
    hf_model(registry, "judge", str(classifier))
    path = classifier / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"lowercase": true', '"lowercase": false'))

    with pytest.raises(ModelNotUsableError, match="has changed since it was registered"):
        _ask(registry, "judge", INPUTS)


def test_a_folder_that_is_gone_is_told_in_one_line(registry: Registry, classifier: Path, tmp_path: Path) -> None:
    hf_model(registry, "judge", str(classifier))
    classifier.rename(tmp_path / "elsewhere")

    with pytest.raises(ModelNotUsableError, match=r"classifier is not a folder with a model\.$"):
        _ask(registry, "judge", INPUTS)


def test_a_classifier_without_tokenizer_is_refused_in_one_line(registry: Registry, classifier: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (classifier / name).unlink()

    with pytest.raises(EmbedderError, match="tokenizer"):
        hf_model(registry, "judge", str(classifier))


def test_outputs_that_are_no_numbers_are_refused(registry: Registry, classifier: Path) -> None:
    path = classifier / "model.safetensors"
    weights = load_file(path)
    save_file({**weights, "classifier.bias": weights["classifier.bias"] * torch.nan}, path, {"format": "pt"})
    hf_model(registry, "judge", str(classifier))

    with pytest.raises(BlackBoxError, match="judge"):
        _ask(registry, "judge", INPUTS)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "0123abc"])
def test_a_model_of_the_hub_needs_its_full_commit(registry: Registry, revision: str | None) -> None:
    with pytest.raises(ModelNotUsableError, match=r"^org/judge is not a folder; .* its full commit hash\.$"):
        hf_model(registry, "judge", "org/judge", revision=revision)

    assert _nothing_registered(registry)


def test_a_model_of_the_hub_that_cannot_be_had_is_told_in_one_line(registry: Registry) -> None:
    hf_model(registry, "judge", "org/judge", revision="0" * 40)

    with pytest.raises(ModelNotUsableError, match=r"^org/judge is neither a folder nor to be had from the hub \(\w+\)"):
        _ask(registry, "judge", INPUTS)


# -- nothing from outside is executed --------------------------------------------------------------------


class _Canary:
    """Unpickled, it opens a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self._path), "w")


def _pickle_in(folder: Path, canary: Path) -> None:
    """Put weights into a folder that touch the canary when they are loaded."""
    body = pickle.dumps(_Canary(canary))
    pickle.loads(body).close()  # noqa: S301 - our own bytes, to see that the canary tells
    assert canary.exists()
    canary.unlink()
    (folder / "pytorch_model.bin").write_bytes(body)


def test_weights_that_could_run_code_are_refused(registry: Registry, classifier: Path, tmp_path: Path) -> None:
    (classifier / "model.safetensors").unlink()
    _pickle_in(classifier, tmp_path / "canary")

    with pytest.raises(ModelNotUsableError, match=r"holds no \.safetensors weights; other formats can run code\."):
        hf_model(registry, "judge", str(classifier))

    assert _nothing_registered(registry)
    assert not (tmp_path / "canary").exists()


def test_weights_that_could_run_code_are_never_read_where_safe_ones_are(
    registry: Registry, classifier: Path, tmp_path: Path
) -> None:
    _pickle_in(classifier, tmp_path / "canary")
    hf_model(registry, "judge", str(classifier))

    answers = _ask(registry, "judge", INPUTS)

    assert answers.answers == tuple(LABELS)
    assert not (tmp_path / "canary").exists()


def _bring_code(folder: Path, canary: Path) -> None:
    (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w').close()\nclass Evil: ...\n", encoding="utf-8")
    exec((folder / "evil.py").read_text(encoding="utf-8"))  # noqa: S102 - our own, to see that the canary tells
    assert canary.exists()
    canary.unlink()
    edit_config(folder, auto_map={"AutoModelForSequenceClassification": "evil.Evil", "AutoConfig": "evil.Evil"})


def test_a_model_with_code_of_its_own_is_refused(registry: Registry, classifier: Path, tmp_path: Path) -> None:
    _bring_code(classifier, tmp_path / "canary")

    with pytest.raises(ModelNotUsableError, match=r"brings code of its own \(auto_map\), which is never run\.$"):
        hf_model(registry, "judge", str(classifier))

    assert _nothing_registered(registry)
    assert not (tmp_path / "canary").exists()


def test_code_that_a_model_brings_after_it_was_registered_is_not_run(
    registry: Registry, classifier: Path, tmp_path: Path
) -> None:
    hf_model(registry, "judge", str(classifier))
    _bring_code(classifier, tmp_path / "canary")

    with pytest.raises(ModelNotUsableError, match=r"brings code of its own \(auto_map\)"):
        _ask(registry, "judge", INPUTS)

    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("body", [None, b"{", b"[]", b"\xff\xfe"], ids=["missing", "cut off", "a list", "no text"])
def test_a_folder_without_a_readable_config_is_refused(
    registry: Registry, classifier: Path, body: bytes | None
) -> None:
    (classifier / "config.json").unlink()
    if body is not None:
        (classifier / "config.json").write_bytes(body)

    with pytest.raises(ModelNotUsableError, match=r"config\.json"):
        hf_model(registry, "judge", str(classifier))


@pytest.mark.parametrize("place", ["./nowhere", "/nowhere/at/all", "~/nowhere", "a/b/c"])
def test_a_place_without_a_model_is_refused(registry: Registry, place: str) -> None:
    with pytest.raises(ModelNotUsableError, match="is not a folder"):
        hf_model(registry, "judge", place)


def test_registering_a_function_runs_nothing_of_it(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "canary_box.py").write_text("open('canary', 'w').close()\nanswer = len\n", encoding="utf-8")
    importlib.invalidate_caches()

    record = function_model(registry, "canary", "canary_box:answer")

    assert not (tmp_path / "canary").exists()
    predictor_for(registry, record, device=None)
    assert (tmp_path / "canary").exists(), "asking imports it"


def test_registering_a_function_in_a_package_runs_nothing_of_the_package(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "canary_package").mkdir()
    (tmp_path / "canary_package" / "__init__.py").write_text("open('canary', 'w').close()\n", encoding="utf-8")
    (tmp_path / "canary_package" / "box.py").write_text("answer = len\n", encoding="utf-8")
    importlib.invalidate_caches()

    function_model(registry, "canary", "canary_package.box:answer")

    assert not (tmp_path / "canary").exists()


# -- functions -------------------------------------------------------------------------------------------


def test_a_function_answers_with_labels(registry: Registry, function: Writer) -> None:
    function_model(registry, "box", function("return ['good' if 'fine' in text else 'bad' for text in texts]"))

    answers = _ask(registry, "box", INPUTS)

    assert answers.answers == ("bad", "good")
    assert answers.probabilities.tolist() == [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    "answer", ["'0', '1', '1'", "'LABEL_0', 'LABEL_1', 'LABEL_1'", "{'1': 0.5, '2': 0.5}, '1', '2'"]
)
def test_a_function_that_answers_in_digits_is_told_to_use_words(
    registry: Registry, function: Writer, answer: str
) -> None:
    function_model(registry, "box", function(f"return [{answer}]"))

    with pytest.raises(BlackBoxError, match="say nothing of what they mean: let it answer with texts"):
        _ask(registry, "box", INPUTS)


def test_a_function_answers_with_probabilities_that_need_not_add_up(registry: Registry, function: Writer) -> None:
    function_model(registry, "box", function("return [{'good': 3, 'bad': 1}, {'bad': 0.5}, 'so-so']"))

    answers = _ask(registry, "box", INPUTS)

    assert answers.answers == ("bad", "good", "so-so")
    assert answers.probabilities.tolist() == [[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_a_pair_reaches_a_function_as_one_text(registry: Registry, function: Writer) -> None:
    function_model(registry, "box", function("return texts"))

    assert sorted(_ask(registry, "box", INPUTS).answers) == sorted(
        ["a fine film", "a dull meal from start to end", "a great phone\nan awful book"]
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return texts[1:]", r"^box_\w+:answer gave 2 answers to 3 texts\.$"),
        ("return []", r"^box_\w+:answer gave 0 answers to 3 texts\.$"),
        ("raise ValueError('no luck')", r"^box_\w+:answer raised ValueError: no luck$"),
        ("return None", r"^box_\w+:answer raised TypeError: "),
        ("return [1, 2, 3]", r"must answer with texts, or with \{text: probability\}\.$"),
        ('return {text: "positive" for text in texts}', "gave a dict: let it give a list, an answer for each text"),
        ('return "x" * len(texts)', "gave a str: let it give a list, an answer for each text"),
        ("return {text[:1] for text in texts}", "gave a set: let it give a list, an answer for each text"),
        ("return [None] * 3", r"must answer with texts"),
        ("return [''] * 3", r"must answer with texts"),
        ("return [['good']] * 3", r"must answer with texts"),
        ("return [{1: 0.5}] * 3", r"must answer with texts"),
        ("return [{'good': 'very'}] * 3", r"gave a probability that is no number\.$"),
        ("return [{'good': None}] * 3", r"gave a probability that is no number\.$"),
        ("return [{'good': '0.7', 'bad': '0.3'}] * 3", r"gave a probability that is no number\.$"),
        ("return [{'label': '0', 'score': 0.98}] * 3", r"as pipelines of transformers do: let it give the label alone"),
        ("texts.append('')\nreturn texts", r"^box_\w+:answer gave 4 answers to 3 texts\.$"),
        ("del texts[0]\nreturn texts", r"^box_\w+:answer gave 2 answers to 3 texts\.$"),
        ("return [{'good': -1, 'bad': 2}] * 3", r"gave probabilities that are negative, or all zero\.$"),
        ("return [{'good': 0}] * 3", r"gave probabilities that are negative, or all zero\.$"),
        ("return [{}] + ['good'] * 2", r"gave probabilities that are negative, or all zero\.$"),
        ("return [{'good': float('nan')}] * 3", r"gave probabilities that are negative, or all zero\.$"),
    ],
)
def test_answers_of_another_form_are_refused_in_one_line(
    registry: Registry, function: Writer, body: str, told: str
) -> None:
    function_model(registry, "box", function(body))

    with pytest.raises(BlackBoxError, match=told):
        _ask(registry, "box", INPUTS)


@pytest.mark.parametrize("kind", ["Enum", "StrEnum"])
def test_answers_that_are_members_of_an_enum_are_their_values(registry: Registry, function: Writer, kind: str) -> None:
    made = f"import enum\nMood = enum.{kind}('Mood', {{'GOOD': 'good', 'BAD': 'bad'}})\n"
    function_model(
        registry, "hard", function(f"{made}return [Mood.BAD if 'dull' in text else Mood.GOOD for text in texts]")
    )
    function_model(registry, "soft", function(f"{made}return [{{Mood.GOOD: 0.7, Mood.BAD: 0.3}} for _ in texts]"))

    assert _ask(registry, "hard", INPUTS).likeliest() == ["good", "bad", "good"]
    assert sorted(_ask(registry, "soft", INPUTS).answers) == ["bad", "good"]


def test_what_a_function_prints_is_no_part_of_what_a_command_answers(
    registry: Registry, function: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    function_model(registry, "box", function("print('asked')\nreturn ['good'] * len(texts)"))

    _ask(registry, "box", INPUTS)

    assert capsys.readouterr() == ("", "asked\n")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("no_such_module_here:answer", r"^No module 'no_such_module_here' to be found from this folder\.$"),
        ("no_such_package.box:answer", r"^No module 'no_such_package\.box' to be found from this folder\.$"),
        ("json.tool.deeper:answer", r"^No module 'json\.tool\.deeper' to be found from this folder\.$"),
        ("answer", r"^'answer' is not of the form module:function\.$"),
        ("box:", r"is not of the form module:function\.$"),
        ("../box:answer", r"is not of the form module:function\.$"),
        ("box:answer()", r"is not of the form module:function\.$"),
        ("", r"^'' is not of the form module:function\.$"),
    ],
)
def test_a_function_that_is_not_to_be_found_is_refused_in_one_line(registry: Registry, target: str, told: str) -> None:
    with pytest.raises(SettingError, match=told):
        function_model(registry, "box", target)

    assert _nothing_registered(registry)


def test_a_function_typed_into_a_notebook_is_refused_in_one_line(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "notebook_main", types.ModuleType("notebook_main"))  # as __main__ is there

    with pytest.raises(SettingError, match=r"^No module 'notebook_main' to be found from this folder: .*live_model"):
        function_model(registry, "box", "notebook_main:answer")


@pytest.mark.parametrize("name", ["missing", "__name__"])
def test_what_is_not_in_a_module_is_refused_before_it_is_run(registry: Registry, function: Writer, name: str) -> None:
    module = function("return texts").partition(":")[0]

    with pytest.raises(SettingError, match=rf"^{module}:{name}: {module} has no function '{name}'\.$"):
        function_model(registry, "box", f"{module}:{name}")
    with pytest.raises(SettingError, match=r"has no function 'answr'\. Did you mean 'answer'\?$"):
        function_model(registry, "box", f"{module}:answr")


@pytest.mark.parametrize(
    "line",
    ["answer = str.upper", "from string import capwords as answer", "if True:\n    def answer(texts): return texts",
     "class answer: pass", "try:\n    import answer\nexcept ImportError:\n    answer = None",
     "for answer in (len,): pass",
     "(answer := len)", "with open(__file__) as answer: pass"],
)  # fmt: skip
def test_whatever_names_a_function_will_do(registry: Registry, function: Writer, tmp_path: Path, line: str) -> None:
    target = function("return texts")
    (tmp_path / f"{target.partition(':')[0]}.py").write_text(line + "\n", encoding="utf-8")

    assert function_model(registry, "box", target).version == 1


@pytest.mark.parametrize(
    "line",
    ["from os.path import *", "globals()['answer'] = len", "def __getattr__(name): return len", "exec('answer = len')",
     "def set():\n    global answer\n    answer = len\nset()", "this is no Python", "\x00",
     "answer = " + "-" * 100_000 + "1", "x = 1\n" * 200_000],
)  # fmt: skip
def test_a_source_that_does_not_tell_its_names_is_believed_until_it_is_asked(
    registry: Registry, function: Writer, tmp_path: Path, line: str
) -> None:
    target = function("return texts").replace("answer", "missing")
    (tmp_path / f"{target.partition(':')[0]}.py").write_text(line + "\n", encoding="utf-8")

    function_model(registry, "box", target)

    with pytest.raises(
        EmbedderError, match=r"has no function 'missing'|cannot be imported|'int' object is not iterable"
    ):
        _ask(registry, "box", INPUTS[:1])


def test_a_module_that_is_gone_is_told_in_one_line(registry: Registry, function: Writer, tmp_path: Path) -> None:
    target = function("return texts")
    function_model(registry, "box", target)
    (tmp_path / f"{target.partition(':')[0]}.py").unlink()
    importlib.invalidate_caches()

    with pytest.raises(EmbedderError, match=target.partition(":")[0]):
        _ask(registry, "box", INPUTS)


def test_a_module_that_cannot_be_imported_is_told_in_one_line(
    registry: Registry, function: Writer, tmp_path: Path
) -> None:
    target = function("return texts")
    (tmp_path / f"{target.partition(':')[0]}.py").write_text(
        "raise ValueError('no luck')\nanswer = 1\n", encoding="utf-8"
    )
    function_model(registry, "box", target)

    with pytest.raises(EmbedderError, match="ValueError: no luck"):
        _ask(registry, "box", INPUTS)


def test_a_function_that_changed_since_is_not_asked(registry: Registry, function: Writer, tmp_path: Path) -> None:
    target = function("return texts")
    function_model(registry, "box", target)
    path = tmp_path / f"{target.partition(':')[0]}.py"
    path.write_text("def answer(texts):\n    return ['something else' for text in texts]\n", encoding="utf-8")

    with pytest.raises(EmbedderError, match="has changed since it was registered"):
        _ask(registry, "box", INPUTS)


def test_a_function_whose_source_changed_is_another_version(
    registry: Registry, function: Writer, tmp_path: Path
) -> None:
    target = function("return texts")
    function_model(registry, "box", target)
    with (tmp_path / f"{target.partition(':')[0]}.py").open("a") as file:
        file.write("\nCHANGED = True\n")

    with pytest.raises(InputError, match="pass --replace"):
        function_model(registry, "box", target)

    assert function_model(registry, "box", target, replace=True).version == 2


def test_of_a_replaced_function_the_new_source_answers_in_a_process_that_has_asked_the_old_one(
    registry: Registry, function: Writer, tmp_path: Path
) -> None:
    target = function("return ['old answer' for text in texts]")
    path = tmp_path / f"{target.partition(':')[0]}.py"
    function_model(registry, "box", target)
    assert _ask(registry, "box", INPUTS).answers == ("old answer",)

    path.write_text("def answer(texts):\n    return ['another one' for text in texts]\n", encoding="utf-8")
    function_model(registry, "box", target, replace=True)
    assert _ask(registry, "box", INPUTS).answers == ("another one",)


def test_a_module_that_broke_off_is_loaded_anew_when_its_source_is_the_former_again(
    registry: Registry, function: Writer, tmp_path: Path
) -> None:
    target = function("return ['as it was'] * len(texts)")
    path = tmp_path / f"{target.partition(':')[0]}.py"
    before = path.read_text("utf-8")
    function_model(registry, "box", target)
    _ask(registry, "box", INPUTS)
    path.write_text(
        "def answer(texts):\n    return ['half of it'] * len(texts)\nraise ValueError('no luck')\n", "utf-8"
    )
    function_model(registry, "box", target, replace=True)
    with pytest.raises(EmbedderError, match="no luck"):
        _ask(registry, "box", INPUTS)

    path.write_text(before, "utf-8")
    function_model(registry, "box", target, replace=True)

    assert _ask(registry, "box", INPUTS).answers == ("as it was",)


def test_a_module_is_loaded_once_for_all_its_functions(registry: Registry, function: Writer, tmp_path: Path) -> None:
    target = function("return ['one'] * len(texts)")
    module = target.partition(":")[0]
    with (tmp_path / f"{module}.py").open("a") as file:
        file.write("other = answer\nwith open('loaded', 'a') as told:\n    told.write('once')\n")
    for name in ("answer", "other"):
        function_model(registry, name, f"{module}:{name}")

    for name in ("answer", "other", "answer"):
        _ask(registry, name, INPUTS)

    assert (tmp_path / "loaded").read_text("utf-8") == "once"


def test_of_a_function_that_was_imported_before_it_was_registered_the_registered_source_answers(
    registry: Registry, function: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = function("return ['as imported' for text in texts]")
    module = target.partition(":")[0]
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module(module)
    (tmp_path / f"{module}.py").write_text("def answer(texts):\n    return ['edited since'] * len(texts)\n", "utf-8")

    function_model(registry, "box", target)

    assert _ask(registry, "box", INPUTS).answers == ("edited since",)


def test_a_function_imports_what_lies_beside_it_when_it_is_asked(
    registry: Registry, function: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = function("return 'found'").partition(":")[0]
    function_model(registry, "box", function(f"from {beside} import answer\nreturn [answer(texts)] * len(texts)"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(tmp_path)])

    assert _ask(registry, "box", INPUTS).answers == ("found",)


def test_of_a_function_with_a_vector_it_is_told_that_its_source_has_changed(
    registry: Registry, function: Writer, tmp_path: Path
) -> None:
    target = function("return ['good' if 'o' in text else 'bad' for text in texts]")
    entry = function_model(registry, "box", target)
    assert not has_changed(entry)

    with (tmp_path / f"{target.partition(':')[0]}.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    assert has_changed(entry)

    (tmp_path / f"{target.partition(':')[0]}.py").unlink()
    assert not has_changed(entry)  # nobody can tell


# -- recorded answers ------------------------------------------------------------------------------------


def _record(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_recorded_answers_are_looked_up(registry: Registry, tmp_path: Path) -> None:
    rows = [
        {"text": "a fine film", "answer": "good"},
        {"text": "a great phone", "text_pair": "an awful book", "answer": "mixed"},
        {"text": "a dull song", "answer": "bad"},
    ]
    recorded_model(registry, "recorded", _record(tmp_path / "answers.jsonl", rows))

    predictor = predictor_for(registry, registry.catalog.entries.get("recorded"), device=None)
    asked = [Input("a dull song"), Input("a fine film"), Input("a great phone", "an awful book")]

    assert predictor.answerable(asked) == asked
    assert predictor.predict(asked).answers == ("bad", "good", "mixed")
    assert predictor.predict(asked).probabilities.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_recorded_answers_to_other_texts_say_how_to_mend_it(registry: Registry, tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "answer": "odd" if n % 2 else "even"} for n in range(LEAST_COVERED + 8)]
    recorded_model(registry, "recorded", _record(tmp_path / "answers.jsonl", rows))
    predictor = predictor_for(registry, registry.catalog.entries.get("recorded"), device=None)
    corpus = [Input(row["text"]) for row in rows]

    told = (
        rf"^'recorded' has recorded answers to {LEAST_COVERED - 1} of the corpus's {LEAST_COVERED} texts: "
        r"make a corpus of its inputs \('fute corpus create its-inputs --data FILE'\)"
    )
    with pytest.raises(NotCoveredError, match=told):
        predictor.answerable([*corpus[: LEAST_COVERED - 1], Input("another")])

    assert predictor.answerable(corpus[:LEAST_COVERED]) == corpus[:LEAST_COVERED]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"text": "a", "answer": "yes"}, {"text": "b"}], r"line 2: has no text in 'answer'\.$"),
        (
            [{"text": "a", "answer": "yes"}, {"text": "b", "answer": 1}],
            r"line 2: has no text in 'answer'\.$",
        ),
        ([{"text": "a", "answer": "yes"}] * 2, r"one and the same answer throughout: nothing to learn from\.$"),
        ([{"text": "a", "answer": "y"}, {"text": "b", "answer": "n", "text_pair": ["c"]}], r"line 2: .*'text_pair'"),
        ([{"text": "a", "answer": "y"}, {"text": "b", "answer": "n", "text_pair": 5}], r"line 2: .*'text_pair'"),
    ],
)
def test_recorded_answers_of_another_form_are_refused_with_their_line(
    registry: Registry, tmp_path: Path, rows: list[dict[str, Any]], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        recorded_model(registry, "recorded", _record(tmp_path / "answers.jsonl", rows))

    assert _nothing_registered(registry)


def test_a_recorded_llm_is_a_model_and_its_prompts(registry: Registry, tmp_path: Path) -> None:
    llm = tmp_path / "llm"
    llm.mkdir()
    _record(llm / "inputs.jsonl", [{"text": "a fine film"}, {"text": "a dull song", "text_pair": "b"}])
    _record(
        llm / "prompts.jsonl",
        [
            {"name": "plain", "template": "{{text}} It was", "choices": ["bad", "good"]},
            {"name": "asked", "template": "{{text}} Did they like it?", "choices": ["no", "yes"]},
        ],
    )
    odds = np.array([[[1, 3], [4, 1]], [[1, 1], [1, 9]]], np.float64)
    np.savez(llm / "outputs.npz", log_prob=np.log(odds) - 7.0)

    made = recorded_model(registry, "opt", str(llm), tags=["llm"])

    assert [(e.name, e.kind) for e in made] == [
        ("opt", EntryKind.MODEL),
        ("opt@plain", EntryKind.PROMPTED_MODEL),
        ("opt@asked", EntryKind.PROMPTED_MODEL),
    ]
    inputs = [Input("a dull song", "b"), Input("a fine film")]
    plain, asked = _ask(registry, "opt@plain", inputs), _ask(registry, "opt@asked", inputs)
    assert (plain.answers, asked.answers) == (("bad", "good"), ("no", "yes"))
    assert plain.probabilities.ravel().tolist() == pytest.approx([0.8, 0.2, 0.25, 0.75])
    assert asked.probabilities.ravel().tolist() == pytest.approx([0.1, 0.9, 0.5, 0.5])


def test_a_recorded_llm_without_a_prompt_cannot_be_asked(registry: Registry) -> None:
    registry.add_recorded_llm("opt", [], source="nowhere")

    with pytest.raises(SettingError, match=r"^'opt' cannot be asked by itself: embed its prompts, opt@PROMPT\.$"):
        _ask(registry, "opt", INPUTS)


def test_a_recorded_llm_of_arrays_that_could_run_code_is_refused(registry: Registry, tmp_path: Path) -> None:
    llm = tmp_path / "llm"
    llm.mkdir()
    _record(llm / "inputs.jsonl", [{"text": "a fine film"}])
    _record(llm / "prompts.jsonl", [{"name": "plain", "template": "{{text}}", "choices": ["bad", "good"]}])
    np.savez(llm / "outputs.npz", log_prob=np.array([[_Canary(tmp_path / "canary")]], dtype=object))

    with pytest.raises(DataError, match=r"outputs\.npz: not a \.npz file of recorded scores"):
        recorded_model(registry, "opt", str(llm))

    assert not (tmp_path / "canary").exists()
    assert _nothing_registered(registry)
