"""Which model is it? All that is loaded says so: the configuration, the tokenizer's, the vocabularies, the weights."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny_classifier
from tiny_boxes import edit_config

from embedders import create_space
from embedders.black_boxes.entries import predictor_for
from embedders.black_boxes.registering import hf_model
from embedders.errors import ModelNotUsableError
from embedders.foreign.door import WHOLE, opened
from embedders.surrogate import weights
from embedders.surrogate.loading import surrogate_of
from embedders.surrogate.model import Surrogate
from embedders.surrogate.weights import identity, is_model, model_folder
from registry import Registry
from registry.data.inputs import Input
from registry.errors import InputError
from registry.spaces.spec import SpaceSpec

TEXTS = ["a fine film", "an awful meal indeed", "tedious"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier(tmp_path_factory.mktemp("saved") / "m", ["bad", "good"])


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "m"))


def edit(folder: Path, name: str, **changes: Any) -> None:  # noqa: ANN401 - JSON
    path = folder / name
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, **changes}), encoding="utf-8")


def add(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def vocabulary_of(folder: Path) -> Any:  # noqa: ANN401 - JSON
    return json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))


def keep_case(folder: Path) -> None:
    tokenizer = vocabulary_of(folder)
    tokenizer["normalizer"]["lowercase"] = False
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")


def flip_a_bit(folder: Path) -> None:
    body = bytearray((folder / "model.safetensors").read_bytes())
    body[-1] ^= 1
    (folder / "model.safetensors").write_bytes(body)


EDITS: dict[str, Callable[[Path], None]] = {
    **{
        f"{name} {value}": lambda folder, change=(name, value): edit_config(folder, **dict([change]))
        for name, value in (
            *(("hidden_act", "relu"), ("layer_norm_eps", 1e-3), ("num_attention_heads", 2), ("num_hidden_layers", 1)),
            *(("dtype", "bfloat16"), ("id2label", {"0": "good", "1": "bad"}), ("max_position_embeddings", 128)),
            *(("is_decoder", True), ("pad_token_id", 1)),
        )
    },
    "a flag of the tokenizer": lambda folder: edit(folder, "tokenizer_config.json", padding_side="left"),
    "a special token": lambda folder: edit(folder, "special_tokens_map.json", cls_token="[SEP]"),  # noqa: S106
    "an added token": lambda folder: edit(folder, "added_tokens.json", **{"<new>": 128}),
    "a chat template": lambda folder: add(folder, "chat_template.jinja", "{{ messages }}"),
    "an end of text": lambda folder: edit(folder, "generation_config.json", eos_token_id=3),
    "an older vocabulary": lambda folder: add(folder, "vocab.txt", "[PAD]\n"),
    "the tokenizer": keep_case,
    "the weights": flip_a_bit,
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_another_model_while_a_file_is_edited_and_the_same_when_that_is_undone(
    folder: Path, saved: Path, change: Callable[[Path], None]
) -> None:
    known, vectors = identity(folder), Surrogate(folder, device="cpu").text_features(TEXTS)

    change(folder)
    edited = identity(folder)
    shutil.rmtree(folder)
    shutil.copytree(saved, folder)

    assert known.startswith(WHOLE)
    assert edited != known
    assert identity(folder) == known
    assert Surrogate(folder, device="cpu").text_features(TEXTS).tobytes() == vectors.tobytes()


SAME: dict[str, Callable[[Path], None]] = {
    "another release": lambda folder: edit_config(folder, transformers_version="4.8.2", _name_or_path="org/model"),
    "another name of the precision": lambda folder: add(
        folder, "config.json", Path(folder, "config.json").read_text().replace('"dtype"', '"torch_dtype"')
    ),
    "another way to write it": edit_config,
    "where it was saved": lambda folder: edit(folder, "tokenizer_config.json", name_or_path="a/b", tokenizer_file="/x"),
    "what else lies there": lambda folder: add(folder, "README.md", "A model."),
    "a recommended temperature": lambda folder: edit(folder, "adapter_config.json", temperature=0.5),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_what_changes_nothing_is_no_part_of_it(folder: Path, change: Callable[[Path], None]) -> None:
    known = identity(folder)

    change(folder)

    assert identity(folder) == known


def test_what_is_shown_is_what_was_hashed(folder: Path) -> None:
    (folder / "evil.py").write_text("")
    edit_config(folder, _name_or_path="org/model", torch_dtype="float32")

    with opened(folder) as shown:
        assert sorted(path.name for path in shown.iterdir()) == [
            *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
        ]
        assert "org/model" not in (shown / "config.json").read_text()

    assert not shown.exists()


def test_a_model_and_a_surrogate_whose_config_was_edited_are_refused(registry: Registry, folder: Path) -> None:
    entry = hf_model(registry, "m", str(folder))
    space = create_space(registry, "tiny", surrogate=str(folder))
    said = predictor_for(registry, entry, device="cpu").predict([Input(text) for text in TEXTS])
    config = (folder / "config.json").read_bytes()

    edit_config(folder, layer_norm_eps=1e-3)
    with pytest.raises(ModelNotUsableError, match=r"has changed since it was registered: add it with --replace\.$"):
        predictor_for(registry, entry, device="cpu")
    with pytest.raises(ModelNotUsableError, match=r"is not the surrogate that this space was made with\.$"):
        surrogate_of(SpaceSpec.from_document(space.spec), "cpu")
    assert create_space(registry, "other", surrogate=str(folder)).fingerprint != space.fingerprint
    (folder / "config.json").write_bytes(config)

    again = predictor_for(registry, entry, device="cpu").predict([Input(text) for text in TEXTS])
    assert again.probabilities.tobytes() == said.probabilities.tobytes()
    with pytest.raises(InputError, match="This is the space 'tiny'"):
        create_space(registry, "third", surrogate=str(folder))


def test_an_identity_of_an_earlier_release_is_taken_and_what_it_cannot_tell_is_told_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights._tell_of_old_identity.cache_clear()
    old = weights._of_weights(folder)
    caplog.set_level(logging.WARNING, "registry")

    assert [is_model(folder, old, source="/models/m") for _ in range(3)] == [True] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "/models/m was registered by a release that knew models by weights and tokenizer alone: whether its "
        "configuration has changed since cannot be told. Its vectors stay as they are; registered anew, changes will "
        "be seen."
    ]
    flip_a_bit(folder)
    assert not is_model(folder, old, source="/models/m")


def test_the_offline_surrogate_keeps_the_identity_that_all_default_spaces_have(tmp_path: Path) -> None:
    packaged = model_folder("minilm")
    copied = Path(shutil.copytree(packaged, tmp_path / "minilm"))
    known = weights._of_weights(copied)

    assert identity(packaged) == identity(copied) == known
    edit_config(copied, hidden_act="relu")
    assert identity(copied).startswith(WHOLE)
    assert not is_model(copied, known, source="minilm"), "of this one, the configuration is known"


def test_shards_are_part_of_it_with_their_index(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    index = {"metadata": {"total_size": 1}, "weight_map": {"a": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    known = identity(folder)

    index["weight_map"] = {"b": "model-00001-of-00001.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    assert identity(folder) != known
