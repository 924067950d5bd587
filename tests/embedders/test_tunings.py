"""What is tuned, from which start, and what is read off it afterwards."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import HIDDEN, LAYERS, opinions
from tiny_families import FAMILIES, tiny_family
from torch import nn

from embedders.errors import SettingError
from embedders.methods.tupate import TuPaTE
from embedders.observed import from_task
from embedders.surrogate.model import Surrogate
from embedders.tuning import VIRTUAL_TOKENS
from embedders.tuning.few_parameters import RANK, Start, _attend, averaged, with_tuning
from embedders.tuning.objectives import objective_for

TUNINGS = TuPaTE.choices["tuning"]
FROM_THE_SURROGATE = ("bias", "layer-norm", "ia3", "lora")
FROM_A_SEED = ("lora", "prefix", "prompt")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("families")
    return {family: tiny_family(place / family, family) for family in FAMILIES}


@pytest.fixture(scope="module")
def surrogates(folders: dict[str, Path]) -> dict[str, Surrogate]:
    return {family: Surrogate(folder, device="cpu") for family, folder in folders.items()}


def tuned(surrogate: Surrogate, tuning: str, *, seed: int = 0) -> nn.Module:
    return with_tuning(surrogate.fresh_model(), tuning, task_type="FEATURE_EXTRACTION", seed=seed)


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def losses(surrogate: Surrogate, model: nn.Module) -> torch.Tensor:
    observed = from_task(opinions(8), examples=8, seed=0)
    return objective_for("verbaliser", surrogate, observed, seed=0).losses(model, np.arange(8))


# -- the start -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tuning", FROM_THE_SURROGATE)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_tuning_that_starts_from_the_surrogate_changes_nothing_until_it_is_trained(
    family: str, tuning: str, surrogates: dict[str, Surrogate]
) -> None:
    surrogate = surrogates[family]

    before, after = (losses(surrogate, model) for model in (surrogate.fresh_model(), tuned(surrogate, tuning)))

    assert after.tolist() == pytest.approx(before.tolist(), abs=1e-4)


@pytest.mark.parametrize("tuning", FROM_A_SEED)
def test_a_random_start_hangs_on_the_seed_alone(tuning: str, surrogates: dict[str, Surrogate]) -> None:
    torch.manual_seed(5)
    one = trainable(tuned(surrogates["bert"], tuning, seed=3))
    torch.manual_seed(6)
    same = trainable(tuned(surrogates["bert"], tuning, seed=3))
    other = trainable(tuned(surrogates["bert"], tuning, seed=4))

    assert all(torch.equal(p, same[name]) for name, p in one.items())
    assert any(not torch.equal(p, other[name]) for name, p in one.items())


@pytest.mark.parametrize("tuning", TUNINGS)
def test_nobody_elses_random_numbers_are_drawn(tuning: str, surrogates: dict[str, Surrogate]) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3).tolist()

    torch.manual_seed(7)
    tuned(surrogates["bert"], tuning)

    assert torch.rand(3).tolist() == expected


@pytest.mark.parametrize(
    ("family", "tuning"), [(f, t) for f in FAMILIES for t in TUNINGS if (f, t) != ("deberta", "prefix")]
)
def test_each_tuned_parameter_matters_to_the_loss(family: str, tuning: str, surrogates: dict[str, Surrogate]) -> None:
    surrogate = surrogates[family]
    model = tuned(surrogate, tuning)
    for parameter in trainable(model).values():
        parameter.data += 0.01  # LoRA's A has no slope where B is zero

    losses(surrogate, model).sum().backward()

    slopes = {name: p.grad.abs().max().item() if p.grad is not None else 0.0 for name, p in trainable(model).items()}
    assert {name: slope for name, slope in slopes.items() if slope < 1e-7} == {}


def test_a_prompt_says_nothing_of_what_peft_leaves_out(surrogates: dict[str, Surrogate]) -> None:
    """It warned, in words of its own, of each entry that was embedded."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        made = losses(surrogates["bert"], tuned(surrogates["bert"], "prompt"))

    assert torch.isfinite(made).all()
    assert [str(one.message) for one in warned] == []


def test_a_prefix_is_refused_where_attention_takes_none(surrogates: dict[str, Surrogate]) -> None:
    with pytest.raises(SettingError, match=r"^Prefixes cannot be put into this surrogate's attention: .*\.$"):
        tuned(surrogates["deberta"], "prefix")


def test_a_tuning_without_layers_to_tune_is_refused() -> None:
    class Bare(nn.Module):
        config = type("Config", (), {"model_type": "bare"})()

    with pytest.raises(SettingError, match=r"^The surrogate has no layers that bias tunes: choose another tuning\.$"):
        with_tuning(Bare(), "bias", task_type="FEATURE_EXTRACTION", seed=0)


# -- which parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "tuning", "count"),
    [
        ("bert", "bias", LAYERS * (3 * HIDDEN + 64 + HIDDEN)),  # query, value, both outputs, the feed-forward; no key
        ("bert", "layer-norm", (2 * LAYERS + 1) * 2 * HIDDEN),
        ("bert", "ia3", LAYERS * (4 * HIDDEN + 64 + HIDDEN)),
        ("bert", "lora", LAYERS * 2 * HIDDEN * HIDDEN),
        ("bert", "prefix", LAYERS * 2 * VIRTUAL_TOKENS * HIDDEN),
        ("bert", "prompt", VIRTUAL_TOKENS * HIDDEN),
        ("llama", "prefix", LAYERS * 2 * VIRTUAL_TOKENS * HIDDEN // 2),  # two of four heads have keys
        ("llama", "lora", LAYERS * (HIDDEN + HIDDEN // 2) * HIDDEN),
        ("gpt2", "bias", LAYERS * (3 * HIDDEN + HIDDEN + 64 + HIDDEN)),
        ("t5", "bias", LAYERS * (3 * HIDDEN + 64 + HIDDEN)),  # added: T5 has none of its own
    ],
)
def test_a_change_has_a_number_for_each_of_these(
    family: str, tuning: str, count: int, surrogates: dict[str, Surrogate]
) -> None:
    start = Start(tuned(surrogates[family], tuning))

    assert start.count == sum(part.numel() for _, part in start.change()) == count


def test_t5_has_a_prefix_in_each_of_its_three_attentions(surrogates: dict[str, Surrogate]) -> None:
    model = with_tuning(surrogates["t5"].fresh_language_model(), "prefix", task_type="SEQ_2_SEQ_LM", seed=0)

    places = sorted(name.removesuffix(".prefix") for name in trainable(model) if ".0.layer" in name)

    assert places == [
        "decoder.block.0.layer.0.SelfAttention",
        "decoder.block.0.layer.1.EncDecAttention",
        "encoder.block.0.layer.0.SelfAttention",
    ]


@pytest.mark.parametrize("tuning", TUNINGS)
def test_heads_and_embeddings_are_never_tuned(tuning: str, surrogates: dict[str, Surrogate]) -> None:
    model = with_tuning(surrogates["gpt2"].fresh_language_model(), tuning, task_type="CAUSAL_LM", seed=0)

    assert [name for name in trainable(model) if "lm_head" in name or "wte" in name or "wpe" in name] == []


def test_gpt2_computes_the_same_with_linear_layers(surrogates: dict[str, Surrogate]) -> None:
    surrogate = surrogates["gpt2"]

    plain, rewritten = surrogate.fresh_model(), tuned(surrogate, "ia3")

    assert losses(surrogate, rewritten).tolist() == pytest.approx(losses(surrogate, plain).tolist(), abs=1e-4)


# -- the prefix ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2], ids=["each head has keys", "two heads share keys"])
def test_attention_with_a_prefix_is_attention_over_prefix_and_tokens(groups: int) -> None:
    """Softmax over the prefix's keys and those tokens' that the mask shows, head by head."""
    draw = torch.Generator().manual_seed(0)
    heads, tokens, width, scaling = 4, 3, 5, 0.4
    query = torch.randn(2, heads, tokens, width, generator=draw)
    key, value = torch.randn(2, 2, heads // groups, tokens, width, generator=draw)
    module = nn.Module()
    module.prefix = nn.Parameter(torch.randn(2, heads // groups, VIRTUAL_TOKENS, width, generator=draw))
    mask = torch.zeros(2, 1, tokens, tokens)
    mask[1, :, :, 2] = torch.finfo(torch.float32).min  # the second text has two tokens

    made, _ = _attend(module, query, key, value, mask, scaling=scaling)

    for text, head in np.ndindex(2, heads):
        seen = 3 - text
        keys = torch.cat([module.prefix[0, head // groups], key[text, head // groups, :seen]])
        values = torch.cat([module.prefix[1, head // groups], value[text, head // groups, :seen]])
        expected = (query[text, head] @ keys.T * scaling).softmax(dim=-1) @ values
        assert torch.allclose(made[text, :, head], expected, atol=1e-5)


def test_t5s_position_bias_belongs_to_the_tokens_not_to_the_prefix() -> None:
    module = nn.Module()
    module.prefix = nn.Parameter(torch.zeros(2, 1, VIRTUAL_TOKENS, 4))
    one = torch.ones(1, 1, 1, 4)
    bias = torch.full((1, 1, 1, 1), np.log(VIRTUAL_TOKENS))  # the token weighs as much as the whole prefix

    made, _ = _attend(module, 0 * one, one, one, None, scaling=1.0, position_bias=bias)

    assert made.flatten().tolist() == pytest.approx([0.5] * 4)


# -- the change ----------------------------------------------------------------------------------------


def test_a_change_is_what_was_added_since_the_start(surrogates: dict[str, Surrogate]) -> None:
    model = tuned(surrogates["bert"], "ia3")
    start = Start(model)
    parameters = trainable(model)
    for number, parameter in enumerate(parameters.values()):
        parameter.data += number

    assert {name: part.unique().tolist() for name, part in start.change()} == {
        name: [number] for number, name in enumerate(parameters)
    }
    assert start.direction().shape == (start.count,)


def test_of_lora_the_product_is_read_which_is_zero_at_the_start(surrogates: dict[str, Surrogate]) -> None:
    model = tuned(surrogates["bert"], "lora")
    start = Start(model)
    assert all(not part.any() for _, part in start.change())
    matrices = trainable(model)
    for name, parameter in matrices.items():
        parameter.data[:] = 2.0 if "lora_B" in name else 3.0

    parts = dict(start.change())

    assert {part.shape for part in parts.values()} == {(HIDDEN, HIDDEN)}
    assert {part.unique().item() for part in parts.values()} == {2.0 * 3.0 * RANK}
    assert start.direction().shape == (sum(p.numel() for p in matrices.values()),)


def test_a_mean_over_layers_joins_the_same_place_of_each_layer() -> None:
    change = [
        ("encoder.block.0.layer.0.q", torch.tensor([1.0, 2.0])),
        ("encoder.block.0.layer.1.q", torch.tensor([10.0, 20.0])),
        ("encoder.block.1.layer.0.q", torch.tensor([3.0, 6.0])),
        ("encoder.block.1.layer.1.q", torch.tensor([30.0, 40.0])),
        ("decoder.block.0.layer.0.q", torch.tensor([7.0, 7.0])),
        ("encoder.final_norm", torch.tensor([5.0])),
    ]

    made = {name: part.tolist() for name, part in averaged(iter(change))}

    assert made == {
        "encoder.block.*.layer.0.q": [2.0, 4.0],
        "encoder.block.*.layer.1.q": [20.0, 30.0],
        "decoder.block.*.layer.0.q": [7.0, 7.0],
        "encoder.final_norm": [5.0],
    }


def test_layers_of_different_shapes_are_not_mixed() -> None:
    change = [("layers.0.q", torch.ones(2)), ("layers.1.q", torch.ones(3)), ("layers.2.q", torch.zeros(2))]

    assert [part.tolist() for _, part in averaged(iter(change))] == [[0.5, 0.5], [1.0, 1.0, 1.0]]


@pytest.mark.parametrize("tuning", [t for t in TUNINGS if t != "prompt"])
def test_the_mean_over_layers_has_the_numbers_of_one_layer(tuning: str, surrogates: dict[str, Surrogate]) -> None:
    start = Start(tuned(surrogates["bert"], tuning))

    count = sum(part.numel() for _, part in averaged(start.change()))

    outside = 2 * HIDDEN if tuning == "layer-norm" else 0  # the norm of the embeddings
    assert count == (start.count - outside) // LAYERS + outside
