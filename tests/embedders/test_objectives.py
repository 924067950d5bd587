"""What the surrogate learns: minus log p(y|x) of each example, held against formulas written another way."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import TOLERANCE, choices, opinions, sentences
from tiny_families import FAMILIES, tiny_family

from embedders.errors import NotEmbeddableError, SettingError
from embedders.observed import Observed, from_answers, from_spans, from_task
from embedders.surrogate.model import Surrogate, as_one_text
from embedders.tuning.objectives import (
    LONGEST_ANSWER,
    NAMES,
    Head,
    Objective,
    Regression,
    Span,
    TextToText,
    Verbaliser,
    objective_for,
)
from registry.data.inputs import Input

COUNT = 9
TEXTS = tuple(Input(text) for text in sentences(("fine", "dull", "great"), COUNT))
SHARES = np.linspace(0, 1, COUNT, dtype=np.float32)
PASSAGES = tuple(
    Input(f"what is the {thing}", f"the {thing} is {answer} and {rest}")
    for thing, answer, rest in (
        ("film", "fine", "nothing else"),
        ("meal", "dull from start to end", "poor"),
        ("phone", "great", "so say all of us who have seen it"),
    )
)
ANSWERS = ("fine", "dull from start to end", "great")
OBSERVED = {
    "classification": from_task(opinions(10), examples=COUNT, seed=0),
    "multiple choice": from_task(choices(10), examples=COUNT, seed=0),
    "number": from_answers(TEXTS, ("0", "5"), np.stack([1 - SHARES, SHARES], axis=1), is_number=True),
    "span": from_spans(PASSAGES * 3, ANSWERS * 3, seed=0),
}
LEARNT = {
    ("verbaliser", "classification"): Verbaliser,
    ("verbaliser", "multiple choice"): Verbaliser,
    ("verbaliser", "number"): Verbaliser,
    ("verbaliser", "span"): Span,
    ("head", "classification"): Head,
    ("head", "number"): Regression,
    ("head", "span"): Span,
    **{("text-to-text", kind): TextToText for kind in OBSERVED},
}
WRITERS = ("t5", "gpt2", "llama")
COMBINED = [
    pytest.param(family, name, kind, id=f"{family}-{name}-{kind}")
    for family in FAMILIES
    for name, kind in LEARNT
    if name != "text-to-text" or family in WRITERS
]
Find = Callable[[str], Surrogate]


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    place = tmp_path_factory.mktemp("families")
    return cache(lambda family: Surrogate(tiny_family(place / family, family), device="cpu"))


def all_losses(objective: Objective, model: torch.nn.Module, rows: NDArray[np.int64] | None = None) -> torch.Tensor:
    with torch.no_grad():
        return objective.losses(model, np.arange(COUNT) if rows is None else rows)


def drawn(objective: Objective, model: torch.nn.Module, seed: int) -> list[float]:
    with torch.no_grad():
        told: list[float] = objective.losses(
            model, np.arange(COUNT), sample=torch.Generator().manual_seed(seed)
        ).tolist()
    return told


# -- every objective -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "name", "kind"), COMBINED)
def test_an_examples_loss_does_not_hang_on_its_batch(family: str, name: str, kind: str, find: Find) -> None:
    objective = objective_for(name, find(family), OBSERVED[kind], seed=0)
    model = objective.fresh_model()

    together = all_losses(objective, model)
    turned = all_losses(objective, model, np.arange(COUNT)[::-1].copy())
    alone = torch.cat([all_losses(objective, model, np.array([row])) for row in range(COUNT)])

    assert type(objective) is LEARNT[name, kind]
    assert (together.dtype, together.shape) == (torch.float32, (COUNT,))
    assert together.tolist() == pytest.approx(alone.tolist(), rel=10 * TOLERANCE, abs=10 * TOLERANCE)
    assert together.tolist() == pytest.approx(turned.tolist()[::-1], rel=10 * TOLERANCE, abs=10 * TOLERANCE)


@pytest.mark.parametrize(("name", "kind"), LEARNT)
def test_drawn_answers_follow_the_seed(name: str, kind: str, find: Find) -> None:
    objective = objective_for(name, find("gpt2"), OBSERVED[kind], seed=0)
    model = objective.fresh_model()

    one, same, others = drawn(objective, model, 1), drawn(objective, model, 1), [drawn(objective, model, 2)]
    others += [drawn(objective, model, seed) for seed in (3, 4)]

    assert one == same
    assert any(one != other for other in others)


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_are_counted_as_they_are_given_to_the_surrogate(family: str, find: Find) -> None:
    surrogate = find(family)
    objective = objective_for("verbaliser", surrogate, OBSERVED["classification"], seed=0)

    texts = [surrogate.tokenizer(*one)["input_ids"] for one in OBSERVED["classification"].inputs]
    assert objective.lengths.tolist() == [len(ids) for ids in texts]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_observed_is_nothing_to_learn(name: str, find: Find) -> None:
    nothing = from_answers((), ("no", "yes"), np.zeros((0, 2), np.float32))

    with pytest.raises(NotEmbeddableError, match=r"^nothing was observed\.$"):
        objective_for(name, find("gpt2"), nothing, seed=0)


def test_an_unknown_objective_is_refused(find: Find) -> None:
    with pytest.raises(SettingError, match=r"^No objective 'span': there are verbaliser, head, text-to-text\.$"):
        objective_for("span", find("bert"), OBSERVED["span"], seed=0)


# -- verbaliser ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["classification", "multiple choice", "number"])
def test_the_verbaliser_is_a_softmax_over_the_cosines_with_the_answers_of_each_input(kind: str, find: Find) -> None:
    surrogate, observed = find("bert"), OBSERVED[kind]
    asked, texts = surrogate.features(observed.inputs), surrogate.text_features(observed.answers)
    expected = []
    for row in range(COUNT):
        offered = [option for option in observed.options[row] if option >= 0]
        scores = np.array([asked[row] @ texts[option] for option in offered], np.float64) / Verbaliser.TEMPERATURE
        logs = scores - np.log(np.exp(scores).sum())
        expected.append(-(observed.probabilities[row, : len(offered)] * logs).sum())

    objective = objective_for("verbaliser", surrogate, observed, seed=0)

    assert all_losses(objective, objective.fresh_model()).tolist() == pytest.approx(expected, abs=20 * TOLERANCE)


def test_a_padded_option_is_never_drawn(find: Find) -> None:
    observed = OBSERVED["multiple choice"]
    objective = objective_for("verbaliser", find("bert"), observed, seed=0)
    model = objective.fresh_model()
    assert (observed.options < 0).any()

    told = [loss for seed in range(10) for loss in drawn(objective, model, seed)]

    assert max(told) < 1e3  # a padded option would cost 10,000


# -- head and regression -------------------------------------------------------------------------------


def test_the_head_is_a_softmax_of_one_layer_over_the_lengthened_states(find: Find) -> None:
    surrogate, observed = find("bert"), OBSERVED["classification"]
    objective = objective_for("head", surrogate, observed, seed=0)
    with torch.no_grad():
        objective.head.bias.copy_(torch.tensor([0.5, -0.5]))
    weight, bias = (p.detach().numpy().astype(np.float64) for p in (objective.head.weight, objective.head.bias))
    states = surrogate.features(observed.inputs) * surrogate.hidden**0.5
    scores = states @ weight.T + bias
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))

    expected = -(observed.probabilities * logs).sum(axis=1)

    told = all_losses(objective, objective.fresh_model()).tolist()
    assert told == pytest.approx(expected.tolist(), abs=10 * TOLERANCE)


def test_a_number_costs_half_its_squared_error(find: Find) -> None:
    surrogate, observed = find("bert"), OBSERVED["number"]
    objective = objective_for("head", surrogate, observed, seed=0)
    states = surrogate.features(observed.inputs) * surrogate.hidden**0.5
    told = states @ objective.head.weight.detach().numpy()[0]

    expected = (told - SHARES) ** 2 / 2

    assert all_losses(objective, objective.fresh_model()).tolist() == pytest.approx(
        expected.tolist(), abs=10 * TOLERANCE
    )


def test_a_head_starts_from_its_seed(find: Find) -> None:
    one, same, other = (
        objective_for("head", find("bert"), OBSERVED["classification"], seed=seed).head.weight for seed in (0, 0, 1)
    )

    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("kind", ["multiple choice"])
def test_a_head_refuses_answers_that_differ_from_input_to_input(kind: str, find: Find) -> None:
    with pytest.raises(NotEmbeddableError, match=r"^a classification head needs the same classes .* the verbaliser\.$"):
        objective_for("head", find("bert"), OBSERVED[kind], seed=0)


# -- span ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_span_is_the_first_and_the_last_token_of_the_answer(family: str, find: Find) -> None:
    surrogate, observed = find(family), OBSERVED["span"]
    objective = objective_for("verbaliser", surrogate, observed, seed=0)
    model = objective.fresh_model()
    expected = []
    for row in range(COUNT):
        given = surrogate.rows(observed.inputs)[row]
        ids = torch.tensor([given["input_ids"]])
        kinds = {"token_type_ids": torch.tensor([given["token_type_ids"]])} if "token_type_ids" in given else {}
        with torch.no_grad():
            logs = objective.head(model(input_ids=ids, **kinds).last_hidden_state[0].float()).log_softmax(dim=0)
        first, last = _tokens_of(surrogate, given["input_ids"], observed.likeliest()[row])
        expected.append(-(logs[first, 0] + logs[last, 1]).item())

    assert all_losses(objective, model).tolist() == pytest.approx(expected, rel=20 * TOLERANCE, abs=20 * TOLERANCE)


def _tokens_of(surrogate: Surrogate, ids: list[int], answer: str) -> tuple[int, int]:
    """Find an answer's tokens by comparing tokens: it stands in the input once."""
    wanted = surrogate.tokenizer(answer, add_special_tokens=False)["input_ids"]
    found = [at for at in range(len(ids)) if ids[at : at + len(wanted)] == wanted]
    assert len(found) == 1
    return found[0], found[0] + len(wanted) - 1


def test_an_answer_that_was_cut_off_costs_nothing_and_teaches_nothing(find: Find) -> None:
    far = Input("what is it", "so say all of us " * 12 + "who have seen fine things")
    observed = from_spans((*PASSAGES, far), (*ANSWERS, "fine"), seed=0)
    brief = Surrogate(find("bert").folder, device="cpu", max_length=40)
    objective = objective_for("verbaliser", brief, observed, seed=0)

    told = all_losses(objective, objective.fresh_model(), np.arange(4)).tolist()

    assert told[3] == 0.0
    assert min(told[:3]) > 0.0


def test_a_task_whose_answers_are_all_cut_off_is_refused(find: Find) -> None:
    far = Input("what is it", "so say all of us " * 12 + "who have seen fine things")
    brief = Surrogate(find("bert").folder, device="cpu", max_length=40)

    with pytest.raises(NotEmbeddableError, match=r"^no answer stands within the first tokens: raise max_length\.$"):
        objective_for("verbaliser", brief, from_spans((far,), ("fine",), seed=0), seed=0)


# -- text to text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OBSERVED)
@pytest.mark.parametrize("family", WRITERS)
def test_text_to_text_is_the_likelihood_of_the_answer_token_by_token(family: str, kind: str, find: Find) -> None:
    surrogate, observed = find(family), OBSERVED[kind]
    objective = objective_for("text-to-text", surrogate, observed, seed=0)
    model = objective.fresh_model()
    texts = [f"{5 * share:.1f}" for share in SHARES] if kind == "number" else observed.likeliest()

    expected = [_written(surrogate, model, one, text) for one, text in zip(observed.inputs, texts, strict=True)]

    assert all_losses(objective, model).tolist() == pytest.approx(expected, rel=10 * TOLERANCE, abs=10 * TOLERANCE)


def _written(surrogate: Surrogate, model: torch.nn.Module, one: Input, answer: str) -> float:
    """Return minus the log likelihood of an answer and its end, one forward pass for each of its tokens."""
    tokenizer = surrogate.tokenizer
    is_seq2seq = surrogate.family == "seq2seq"
    asked = tokenizer(*one)["input_ids"] if is_seq2seq else tokenizer(as_one_text(one))["input_ids"]
    text = answer if is_seq2seq else f"\n{answer}"
    wanted = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    total = 0.0
    for at, token in enumerate(wanted):
        before = wanted[:at]
        if is_seq2seq:
            started = torch.tensor([[surrogate.decoder_start, *before]])
            given = {"input_ids": torch.tensor([asked]), "decoder_input_ids": started}
        else:
            given = {"input_ids": torch.tensor([asked + before])}
        with torch.no_grad():
            total -= model(**given).logits[0, -1].float().log_softmax(dim=0)[token].item()
    return total


def test_long_answers_are_cut(find: Find) -> None:
    surrogate = find("t5")
    long = from_answers(TEXTS, ("good " * 200, "bad"), np.tile(np.float32([1, 0]), (COUNT, 1)))

    objective = objective_for("text-to-text", surrogate, long, seed=0)

    asked = objective_for("verbaliser", surrogate, long, seed=0).lengths
    assert (objective.lengths - asked).tolist() == [LONGEST_ANSWER + 1] * COUNT


def test_a_decoder_keeps_the_answer_where_the_input_is_too_long(find: Find) -> None:
    brief = Surrogate(find("gpt2").folder, device="cpu", max_length=12)
    long = from_answers((Input("so say all of us who have seen it " * 5),), ("fine", "dull"), np.float32([[1, 0]]))
    objective = objective_for("text-to-text", brief, long, seed=0)

    loss = all_losses(objective, objective.fresh_model(), np.array([0])).item()

    asked = brief.tokenizer(long.inputs[0].text)["input_ids"][: 12 - 2]
    assert loss == pytest.approx(_written_after(brief, objective.fresh_model(), asked, "\nfine"), rel=10 * TOLERANCE)


def test_a_decoder_that_reads_little_keeps_the_beginning_of_a_long_answer_and_of_the_input(find: Find) -> None:
    brief = Surrogate(find("gpt2").folder, device="cpu", max_length=12)
    long = from_answers((Input("so say all of us"),), ("good " * 200, "bad"), np.float32([[1, 0]]))

    objective = objective_for("text-to-text", brief, long, seed=0)

    assert isinstance(objective, TextToText)
    batch, labels = objective._decoder_batch(np.array([0]))
    assert batch["input_ids"].shape == (1, 12)
    assert (labels >= 0).sum().item() == 11  # ten of the answer, and its end


def _written_after(surrogate: Surrogate, model: torch.nn.Module, asked: list[int], text: str) -> float:
    wanted = [*surrogate.tokenizer(text, add_special_tokens=False)["input_ids"], surrogate.tokenizer.eos_token_id]
    with torch.no_grad():
        logs = model(input_ids=torch.tensor([asked + wanted])).logits[0].float().log_softmax(dim=-1)
    return -sum(logs[len(asked) + at - 1, token].item() for at, token in enumerate(wanted))


def test_the_end_of_a_scale_that_is_a_word_is_written_as_a_word(find: Find) -> None:
    told: Observed = from_answers(TEXTS[:2], ("unlike", "alike"), np.float32([[0.9, 0.1], [0.2, 0.8]]), is_number=True)
    objective = objective_for("text-to-text", find("t5"), told, seed=0)
    model = objective.fresh_model()

    expected = [_written(find("t5"), model, TEXTS[0], "unlike"), _written(find("t5"), model, TEXTS[1], "alike")]

    assert all_losses(objective, model, np.arange(2)).tolist() == pytest.approx(expected, rel=10 * TOLERANCE)
