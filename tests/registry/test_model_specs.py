import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedders import endpoint_model, function_model, hf_model, recorded_model
from registry import Registry
from registry.data.models import HeadKind, ModelKind, ModelSpec, is_language_model
from registry.data.vectors import VECTOR_ALONE
from registry.errors import DataError
from registry.prompts.pairs import meant_by

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LIMITS = {"requests_per_second": None, "concurrent": 4, "timeout": 60.0, "attempts": 6, "first_pause": 0.5}

# As release 0.3.0 wrote them into the catalog, keys in their order.
STORED: dict[str, dict[str, Any]] = {
    "classifier": {
        "type": "hf",
        "head": "classification",
        "source": "/boxes/judge",
        "revision": None,
        "labels": ["bad", "good"],
        "identity": "ab" * 32,
    },
    "regression": {
        "type": "hf",
        "head": "regression",
        "source": "/boxes/rater",
        "revision": None,
        "labels": ["unlike", "alike"],
        "identity": "cd" * 32,
        "range": [-1.0, 5],
    },
    "reader": {
        "type": "hf",
        "head": "question-answering",
        "source": "minilm",
        "revision": None,
        "labels": [],
        "identity": "ef" * 32,
    },
    "hub": {"type": "hf", "head": None, "source": "a/b", "revision": COMMIT, "labels": [], "identity": None},
    "first release": {"type": "hf", "source": "/old", "revision": None, "labels": ["no", "yes"], "identity": "01" * 32},
    "endpoint": {
        "type": "endpoint",
        "url": "http://localhost:8000/v1",
        "model": "m",
        "key_env": "KEY",
        "limits": LIMITS,
    },
    "open endpoint": {"type": "endpoint", "url": "https://x/v1", "model": "m", "key_env": None, "limits": LIMITS},
    "function": {"type": "function", "source": "my_boxes:says"},
    "recorded": {"type": "recorded", "source": "/out.jsonl", "answers": ["no", "yes"]},
    "recorded pair": {"type": "recorded", "answers": ["no", "yes"], "model": "opt:1", "prompt": "plain:2"},
    "recorded LLM": {"type": "recorded-llm", "source": "/opt"},
    "prompted": {"type": "prompted", "model": "gpt2:3", "prompt": "nli/pair:1"},
    "imported": {"type": "imported"},
    "bare": {"type": "function"},
    "unknown keys": {"note": [1, {"a": None}], "type": "function", "head": "of a later release", "source": "m:f"},
}

HASHES = [  # of hub, scale, served, called and recorded below
    "5958f097137802f5b4304ecd939cc5cf52a42954f9dd0d630fdfed504cd1a284",
    "e250dd40eef41dc2f387e80f02e338d0970e9d681a1c1ea9b0b9ba6c00d340fe",
    "07b76c7283b998c17d58e820d8f4a8451cb6f70d0ee4ff1c0e807714c1f17693",
    "63eee1c659869758e699c5a6c2f88f8751dfef9a87610ab54307204422ccd7d4",
    "dd01fb9885a6041e6e8a0cfec8501ce9a23eb1617813aee798a899eef71053f1",
]


@pytest.mark.parametrize("document", STORED.values(), ids=STORED)
def test_a_document_is_written_again_as_it_was_read(document: dict[str, Any]) -> None:
    again = ModelSpec.from_document(document).as_document()

    assert json.dumps(again) == json.dumps(document)
    assert all(type(again[key]) is type(value) for key, value in document.items())


def test_a_description_that_is_made_is_the_one_that_is_read() -> None:
    made = {
        "classifier": ModelSpec.checkpoint(
            "/boxes/judge", head=HeadKind.CLASSIFICATION, labels=("bad", "good"), identity="ab" * 32
        ),
        "regression": ModelSpec.checkpoint(
            "/boxes/rater",
            head=HeadKind.REGRESSION,
            labels=("unlike", "alike"),
            identity="cd" * 32,
            range=(-1.0, 5),
        ),
        "hub": ModelSpec.checkpoint("a/b", head=None, revision=COMMIT),
        "endpoint": ModelSpec.endpoint("http://localhost:8000/v1", model="m", key_env="KEY", limits=LIMITS),
        "function": ModelSpec.function("my_boxes:says"),
        "recorded": ModelSpec.recorded("/out.jsonl", answers=("no", "yes")),
        "recorded pair": ModelSpec.recorded_pair(answers=("no", "yes"), model="opt:1", prompt="plain:2"),
        "recorded LLM": ModelSpec.recorded_llm("/opt"),
        "prompted": ModelSpec.prompted(model="gpt2:3", prompt="nli/pair:1"),
        "imported": ModelSpec.from_document(VECTOR_ALONE),
    }

    assert {spec.kind for spec in made.values()} == set(ModelKind)
    for name, spec in made.items():
        assert json.dumps(spec.as_document()) == json.dumps(STORED[name])
        assert ModelSpec.from_document(STORED[name]) == spec


def test_the_fields_hold_what_the_document_says() -> None:
    rater, first = ModelSpec.from_document(STORED["regression"]), ModelSpec.from_document(STORED["first release"])
    later = ModelSpec.from_document(STORED["unknown keys"])

    assert (rater.kind, rater.head, rater.source) == (ModelKind.HF, HeadKind.REGRESSION, "/boxes/rater")
    assert (rater.labels, rater.range, rater.revision) == (("unlike", "alike"), (-1.0, 5), None)
    assert first.head is HeadKind.CLASSIFICATION  # all that the first release could register
    assert (later.head, later.extra["head"], later.source) == (None, "of a later release", "m:f")
    assert ModelSpec.from_document(STORED["endpoint"]).limits == LIMITS


@pytest.mark.parametrize(
    ("name", "prompts_alone", "prompts"),
    [
        ("classifier", False, False),
        ("first release", False, False),
        ("hub", False, True),  # its head is not known yet
        ("endpoint", True, True),
        ("recorded LLM", True, True),
        ("recorded", False, False),
        ("recorded pair", False, False),
        ("function", False, False),
        ("prompted", False, False),
    ],
)
def test_which_models_are_language_models(name: str, *, prompts_alone: bool, prompts: bool) -> None:
    spec = ModelSpec.from_document(STORED[name])

    assert (spec.is_language_model, spec.may_take_prompts) == (prompts_alone, prompts)
    assert is_language_model(STORED[name]) is prompts_alone


def test_some_heads_answer_only_under_a_prompt() -> None:
    needing = {"causal-lm", "seq2seq-lm", "sentence-encoder"}

    assert {head for head in HeadKind if head.needs_prompt} == needing
    assert {h for h in HeadKind if ModelSpec.checkpoint("x", head=h).is_language_model} == needing


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (
            {"type": "oracle"},
            r"^box: 'oracle' is not a type of model: there are hf, endpoint, function, recorded, recorded-llm, "
            r"prompted, imported\.$",
        ),
        ({}, r"^box: None is not a type of model"),
        ({"type": ["hf"]}, r"^box: \['hf'\] is not a type of model"),
        ({"type": "hf", "head": "crystal-ball"}, r"^box: 'crystal-ball' is not a head of a checkpoint: there are cl"),
        ({"type": "hf", "source": None}, r"^box: source is not a text\.$"),
        ({"type": "hf", "identity": 1}, r"^box: identity is not a text\.$"),
        ({"type": "hf", "labels": "good"}, r"^box: labels is not a list of texts\.$"),
        ({"type": "hf", "range": [1.0]}, r"^box: range is not a list of two numbers\.$"),
        ({"type": "endpoint", "limits": [4]}, r"^box: limits is not an object\.$"),
    ],
)
def test_a_document_that_cannot_be_understood_is_refused(document: dict[str, Any], problem: str) -> None:
    assert not is_language_model(document)
    with pytest.raises(DataError, match=problem):
        ModelSpec.from_document(document, name="box")


# -- in the catalog --------------------------------------------------------------------------------------


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "store") as made:
        yield made


def test_registered_models_have_the_documents_and_hashes_of_the_former_release(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_boxes.py").write_text("def says(texts):\n    return ['yes' for _ in texts]\n")
    Path("out.jsonl").write_text('{"text": "a", "answer": "no"}\n{"text": "b", "answer": "yes"}\n')
    hub = hf_model(registry, "hub", "a/b", revision=COMMIT)
    scale = hf_model(registry, "scale", "a/b", revision=COMMIT, labels=["lo", "hi"], range=(0, 5.5))
    served = endpoint_model(registry, "served", "http://localhost:8000/v1", model="m")
    called = function_model(registry, "called", "my_boxes:says")
    (recorded,) = recorded_model(registry, "recorded", "out.jsonl")

    path = str((tmp_path / "out.jsonl").resolve())
    assert [json.dumps(record.spec) for record in (hub, scale, served, called, recorded)] == [
        json.dumps(STORED["hub"]),
        json.dumps({**STORED["hub"], "labels": ["lo", "hi"], "range": [0, 5.5]}),
        json.dumps({**STORED["endpoint"], "key_env": None}),
        json.dumps(STORED["function"]),
        json.dumps({"type": "recorded", "source": path, "answers": ["no", "yes"]}),
    ]
    assert [record.content_hash for record in (hub, scale, served, called, recorded)] == HASHES


def test_models_of_an_unknown_type_are_listed(registry: Registry) -> None:
    registry.add_model("oracle", {"type": "oracle"}, content_hash="0" * 64)
    registry.add_model("plain", {"type": "function"}, content_hash="1" * 64)

    assert [row.cells()["type"] for row in registry.models()] == ["oracle", "function"]
    with pytest.raises(DataError, match=r"^oracle: 'oracle' is not a type of model"):
        meant_by(registry.catalog, "oracle@plain")
