"""The surrogate's features: of the input alone, whatever else is in its batch."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tiny import HIDDEN, TOLERANCE, sentences, tiny_encoder
from tiny_families import ENCODERS, FAMILIES, tiny_family

from embedders.errors import ModelNotUsableError, NoDeviceError, SettingError
from embedders.hardware.batching import ROWS, BatchSize, by_length, padded, tokenised
from embedders.hardware.devices import best_device
from embedders.surrogate import model as module
from embedders.surrogate.model import Surrogate
from embedders.surrogate.weights import model_folder
from registry.data.inputs import Input

TEXTS = [Input(text) for text in sentences(("fine", "dull", "great"), 2 * ROWS + 7)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("surrogate"))


@pytest.fixture(scope="module")
def surrogate(folder: Path) -> Surrogate:
    return Surrogate(folder, device="cpu")


@pytest.fixture(scope="module")
def one_by_one(surrogate: Surrogate) -> NDArray[np.float32]:
    return np.concatenate([surrogate.features([text]) for text in TEXTS])


def test_features_do_not_depend_on_what_else_is_in_the_batch(
    surrogate: Surrogate, one_by_one: NDArray[np.float32]
) -> None:
    assert np.abs(surrogate.features(TEXTS) - one_by_one).max() < TOLERANCE


def test_features_come_in_the_order_of_the_inputs(surrogate: Surrogate, one_by_one: NDArray[np.float32]) -> None:
    order = np.random.default_rng(0).permutation(len(TEXTS))

    mixed = surrogate.features([TEXTS[i] for i in order])

    assert np.abs(mixed - one_by_one[order]).max() < TOLERANCE


def test_features_are_the_unit_mean_of_the_last_states_over_the_tokens(surrogate: Surrogate) -> None:
    ids = surrogate.tokenizer("a fine film", "a dull meal", return_tensors="pt")
    with torch.inference_mode():
        states = surrogate.model(**ids).last_hidden_state[0].numpy()
    mean = states.mean(axis=0)

    feature = surrogate.features([Input("a fine film", "a dull meal")])[0]

    assert feature.tolist() == pytest.approx((mean / np.linalg.norm(mean)).tolist(), abs=TOLERANCE)


def test_features_are_float32_of_unit_length(surrogate: Surrogate) -> None:
    features = surrogate.features(TEXTS)

    assert (features.dtype, features.shape) == (np.float32, (len(TEXTS), HIDDEN))
    assert np.linalg.norm(features, axis=1).tolist() == pytest.approx([1.0] * len(TEXTS), abs=1e-5)


def test_different_texts_have_different_features(one_by_one: NDArray[np.float32]) -> None:
    cosines = one_by_one @ one_by_one.T - 2 * np.eye(len(TEXTS), dtype=np.float32)

    assert cosines.max() < 1 - 1e-4


def test_a_pair_differs_from_its_texts_alone_and_from_the_pair_turned_round(surrogate: Surrogate) -> None:
    inputs = [Input("a fine film", "a dull meal"), Input("a dull meal", "a fine film"), Input("a fine film")]
    inputs += [Input("a dull meal"), Input("a fine film a dull meal")]

    pair, *others = surrogate.features(inputs)

    assert max(float(pair @ other) for other in others) < 1 - 1e-4


def test_texts_longer_than_the_limit_are_cut(folder: Path) -> None:
    brief = Surrogate(folder, device="cpu", max_length=6)  # [CLS], four words, [SEP]

    long, cut = brief.features([Input("a fine film indeed or so they say"), Input("a fine film indeed")])

    assert long.tolist() == pytest.approx(cut.tolist(), abs=TOLERANCE)


def test_text_features_are_the_features_of_single_texts(surrogate: Surrogate) -> None:
    features = surrogate.text_features(["positive", "negative"])

    expected = surrogate.features([Input("positive"), Input("negative")])
    assert features.tolist() == expected.tolist()


def test_two_surrogates_of_one_folder_agree_bit_by_bit(folder: Path, surrogate: Surrogate) -> None:
    assert Surrogate(folder, device="cpu").features(TEXTS).tobytes() == surrogate.features(TEXTS).tobytes()


def test_a_fresh_model_is_the_pretrained_one_and_another_object(surrogate: Surrogate) -> None:
    fresh = surrogate.fresh_model()
    before = {name: p.detach().clone() for name, p in surrogate.model.named_parameters()}
    assert {name: p.tolist() for name, p in fresh.named_parameters()} == {n: p.tolist() for n, p in before.items()}

    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.add_(1.0)

    assert all(torch.equal(p, before[name]) for name, p in surrogate.model.named_parameters())


@pytest.mark.parametrize("device", ["tpu9", "cuda:99", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused_in_one_line(folder: Path, device: str) -> None:
    with pytest.raises(NoDeviceError) as told:
        Surrogate(folder, device=device)

    assert str(told.value) == f"No device {device!r} here: leave --device out to take the best there is."
    assert told.value.exit_code == 2


def test_the_best_device_is_one_that_is_there() -> None:
    assert best_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert best_device("cpu") == torch.device("cpu")


def test_damaged_weights_are_refused_in_one_line(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"these are no weights")

    with pytest.raises(
        ModelNotUsableError, match=r"model\.safetensors is damaged: its header does not fit what it holds\.$"
    ):
        Surrogate(folder, device="cpu")


def test_a_damaged_tokenizer_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model")
    body = (folder / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(body[: len(body) // 2])

    with pytest.raises(ModelNotUsableError, match=r"tokenizer\.json is not a JSON file that can be read\.$"):
        Surrogate(folder, device="cpu")


def test_a_folder_without_tokenizer_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()

    with pytest.raises(ModelNotUsableError, match=r"tokenizer\.$"):
        Surrogate(model_folder(str(folder)), device="cpu")


def test_code_that_a_tokenizer_brings_is_never_run(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model")
    canary = tmp_path / "canary"
    (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w').close()\nclass Evil: ...\n", encoding="utf-8")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    config |= {"auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}, "tokenizer_class": "Evil"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    runpy.run_path(str(folder / "evil.py"))
    assert canary.exists(), "the canary would tell"
    canary.unlink()

    with pytest.raises(ModelNotUsableError, match=r"tokenizer_config\.json brings code of its own \(auto_map\)"):
        Surrogate(folder, device="cpu")

    assert not canary.exists()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 9))
def test_batches_cover_every_row_once_and_hold_rows_of_like_length(lengths: list[int], batch_size: int) -> None:
    rows = [{"input_ids": [0] * length} for length in lengths]

    batches = list(by_length(rows, BatchSize(batch_size)))

    seen = [int(row) for batch in batches for row in batch]
    assert sorted(seen) == list(range(len(rows)))
    assert [lengths[row] for row in seen] == sorted(lengths, reverse=True)
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert 1 <= len(batches[-1]) <= batch_size


def test_rows_of_equal_length_keep_their_order() -> None:
    rows = [{"input_ids": [0] * length} for length in (2, 3, 2, 3, 2)]

    assert [batch.tolist() for batch in by_length(rows, BatchSize(2))] == [[1, 3], [0, 2], [4]]


def test_padding_is_told_from_text(surrogate: Surrogate) -> None:
    rows = tokenised(surrogate.tokenizer, [Input("a film"), Input("a fine film indeed")], max_length=16)

    batch = padded(surrogate.tokenizer, rows, torch.device("cpu"), most=16)

    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]]
    assert batch["input_ids"][0, 4:].tolist() == [surrogate.tokenizer.pad_token_id] * 2


# -- families ------------------------------------------------------------------------------------------

SHORT = TEXTS[:11]
PAIR = Input("a fine film", "a dull meal")


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Surrogate]:
    place = tmp_path_factory.mktemp("families")
    return {family: Surrogate(tiny_family(place / family, family), device="cpu") for family in FAMILIES}


def test_a_family_is_told_from_its_config(families: dict[str, Surrogate]) -> None:
    assert {family: surrogate.family for family, surrogate in families.items()} == {
        **dict.fromkeys(ENCODERS, "encoder"),
        "t5": "seq2seq",
        "gpt2": "decoder",
        "llama": "decoder",
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_features_of_each_family_do_not_depend_on_the_batch(family: str, families: dict[str, Surrogate]) -> None:
    surrogate = families[family]

    together = surrogate.features(SHORT)
    alone = np.concatenate([surrogate.features([text]) for text in SHORT])

    assert together.shape == (len(SHORT), HIDDEN)
    assert np.abs(together - alone).max() < TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_features_of_each_family_are_the_unit_mean_over_the_tokens_of_its_own_input(
    family: str, families: dict[str, Surrogate]
) -> None:
    """A decoder reads a pair as two lines; what is no token type for the model is not given to it."""
    surrogate = families[family]
    is_decoder = family in ("gpt2", "llama")
    given = surrogate.tokenizer(*(["a fine film\na dull meal"] if is_decoder else PAIR), return_tensors="pt")
    kept = {name: part for name, part in given.items() if name != "token_type_ids" or family == "bert"}
    with torch.inference_mode():
        mean = surrogate.model(**kept).last_hidden_state[0].numpy().mean(axis=0)

    feature = surrogate.features([PAIR])[0]

    assert feature.tolist() == pytest.approx((mean / np.linalg.norm(mean)).tolist(), abs=TOLERANCE)


@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoder_has_no_language_model(family: str, families: dict[str, Surrogate]) -> None:
    with pytest.raises(SettingError, match=r"^An encoder writes no text: .* needs a T5 or a decoder\.$"):
        families[family].fresh_language_model()


@pytest.mark.parametrize(("family", "head"), [("t5", "T5ForConditionalGeneration"), ("gpt2", "GPT2LMHeadModel")])
def test_a_language_model_comes_with_its_head_and_the_same_body(
    family: str, head: str, families: dict[str, Surrogate]
) -> None:
    whole, body = families[family].fresh_language_model(), families[family].fresh_model()

    assert type(whole).__name__ == head
    words = (model.get_input_embeddings().weight for model in (whole, body))
    assert torch.equal(*words)


def test_what_was_asked_last_is_remembered_and_older_answers_are_forgotten(folder: Path) -> None:
    surrogate = Surrogate(folder, device="cpu")
    tables = [surrogate.features([text]) for text in TEXTS[: module.REMEMBERED + 1]]

    assert surrogate.features([TEXTS[module.REMEMBERED]]) is tables[-1]
    assert surrogate.features([TEXTS[0]]) is not tables[0]
    assert surrogate.features([TEXTS[0]]).tolist() == tables[0].tolist()


def test_a_tokenizer_that_can_neither_pad_nor_end_a_text_is_refused(tmp_path: Path) -> None:
    folder = tiny_family(tmp_path / "model", "gpt2")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    for role in ("eos_token", "bos_token", "pad_token"):
        config.pop(role, None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")

    with pytest.raises(ModelNotUsableError, match=r"model has a tokenizer that can neither pad nor end a text\.$"):
        Surrogate(folder, device="cpu")


@pytest.mark.parametrize("names", [lambda name: f"_orig_mod.{name}", lambda name: name.replace("layer.1.", "layer.9.")])
def test_weights_that_are_not_found_are_not_made_up(tmp_path: Path, names: Callable[[str], str]) -> None:
    """A space would hold vectors of another model after each start."""
    folder = tiny_encoder(tmp_path / "surrogate")
    weights = load_file(folder / "model.safetensors")
    save_file({names(name): value for name, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})

    with pytest.raises(ModelNotUsableError, match=r"surrogate lacks weights \("):
        Surrogate(folder, device="cpu")
