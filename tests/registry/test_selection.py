"""Prompt selection without labels: each rival against loops of its own, on small arrays and on a recorded LLM."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from registry.choosing.scores import (
    CALIBRATIONS,
    METHODS,
    PERPLEXITY,
    calibrated,
    combined,
    confident,
    expected_agreement,
    hard,
    mutual_information,
    perplexity,
    probabilities,
    score_prompts,
    spread,
    standardised,
)
from registry.errors import InputError
from registry.estimates.estimate import estimated
from registry.estimates.rivals import dawid_skene, majority, spectral
from registry.estimates.votes import Votes
from registry.metrics import prompt_metrics

Array = NDArray[np.float64]
Recording = tuple[dict[str, Array], NDArray[np.int64]]
OPT = Path("prompt_selection") / "sst2_opt-2.7b"

log_probs = st.tuples(st.integers(2, 5), st.integers(2, 7), st.integers(2, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-8, 0, width=16))
)


def drawn(seed: int, prompts: int = 7, inputs: int = 11, choices: int = 3) -> Array:
    return np.random.default_rng(seed).normal(-3, 2, (prompts, inputs, choices))


# -- the definitions, written as loops ---------------------------------------------------------------


def entropy(shares: Sequence[float]) -> float:
    return -sum(p * math.log(p) for p in shares if p > 0)


def first_of_best(values: Sequence[float]) -> int:
    return list(values).index(max(values))


def shares_of_best(values: Sequence[float]) -> list[float]:
    first = [max(values) - value <= 1e-9 for value in values]
    return [is_first / sum(first) for is_first in first]


def mean_of(rows: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def loop_mi(table: Array, t: int) -> float:
    return entropy(mean_of(table[t].tolist())) - loop_locale(table, t)


def loop_globale(table: Array, t: int) -> float:
    return entropy(mean_of([shares_of_best(p) for p in table[t].tolist()]))


def loop_locale(table: Array, t: int) -> float:
    return sum(entropy(p) for p in table[t].tolist()) / len(table[t])


def loop_kept(table: Array) -> list[int]:
    """Try every division of the sorted confidences into a lower and an upper cluster."""
    confidence = []
    for prompt in table.tolist():
        leads = [sorted(p)[-1] - sorted(p)[-2] for p in prompt]
        confidence.append(sum(leads))
    order = sorted(range(len(confidence)), key=lambda t: confidence[t])
    best, kept = math.inf, order
    for cut in range(1, len(order)):
        low, high = order[:cut], order[cut:]
        if confidence[high[0]] - confidence[low[-1]] < 1e-9:
            continue
        error = 0.0
        for cluster in (low, high):
            middle = sum(confidence[t] for t in cluster) / len(cluster)
            error += sum((confidence[t] - middle) ** 2 for t in cluster)
        if error < best - 1e-12:
            best, kept = error, high
    return sorted(kept)


def loop_zps(table: Array, t: int, kind: str) -> float:
    kept = loop_kept(table)
    right = 0.0
    for x in range(table.shape[1]):
        totals = [0.0] * table.shape[2]
        for s in kept:
            for y in range(table.shape[2]):
                p = float(table[s, x, y])
                said = shares_of_best(table[s, x].tolist())[y]
                totals[y] += {"log": math.log(p), "prob": p, "vote": said}[kind]
        both = zip(shares_of_best(totals), shares_of_best(table[t, x].tolist()), strict=True)
        right += sum(ensemble * own for ensemble, own in both)
    return right / len(table[t]) - (0 if t in kept else 2)


LOOPS: dict[str, Callable[[Array, int], float]] = {
    "mi": loop_mi,
    "globale": loop_globale,
    "locale": loop_locale,
    "mdl": lambda table, t: -loop_locale(table, t),
    "zps-log": lambda table, t: loop_zps(table, t, "log"),
    "zps-prob": lambda table, t: loop_zps(table, t, "prob"),
    "zps-vote": lambda table, t: loop_zps(table, t, "vote"),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("seed", range(4))
def test_a_method_is_what_its_loop_says(name: str, seed: int) -> None:
    table = probabilities(drawn(seed))

    assert METHODS[name](table) == pytest.approx([LOOPS[name](table, t) for t in range(len(table))], abs=1e-12)


def test_a_tied_vote_is_shared_by_the_choices_that_are_first() -> None:
    table = np.eye(2)[[[0, 0, 0, 0], [1, 1, 1, 0]]]  # two prompts, who agree on the last input alone

    assert METHODS["zps-vote"](table).tolist() == [0.625, 0.625]


def certain(choices: int, prompts: int, seed: int) -> NDArray[np.int64]:
    """Answers of prompts that are right more or less often, to few inputs: many votes are tied."""
    random = np.random.default_rng(seed)
    truth, able = random.integers(0, choices, 40), np.linspace(0.5, 0.9, prompts)[:, None]
    return np.where(random.random((prompts, 40)) < able, truth, random.integers(0, choices, (prompts, 40)))


def by_every_method(said: NDArray[np.int64], choices: int) -> dict[str, Array]:
    """Return the scores by all that reads answers alone, given as certain and as probabilities, by name."""
    votes, probable = Votes(said, choices), (np.eye(choices)[said] + 0.25) / (1 + choices / 4)
    found = {
        **{f"{name} of answers": its for name, its in score_prompts(np.eye(choices)[said]).items()},
        **{f"{name} of probabilities": its for name, its in score_prompts(probable).items()},
        "majority": majority(votes),
        "dawid-skene": votes.accuracy(dawid_skene(votes)),
        "estimate": estimated(votes).accuracy,
        "best": estimated(votes).best,
    }
    by_covariance = spectral(votes)
    return found if by_covariance is None else {**found, "spectral": by_covariance}


@pytest.mark.parametrize("choices", [2, 3, 4])
@pytest.mark.parametrize("prompts", [2, 3, 4, 6])
def test_no_method_reads_the_names_of_choices_or_the_order_of_prompts(prompts: int, choices: int) -> None:
    for seed in range(3):
        said = certain(choices, prompts, seed)
        known, order = by_every_method(said, choices), np.random.default_rng(seed).permutation(prompts)
        ways = [(np.roll(np.arange(choices), turn)[said], np.arange(prompts)) for turn in range(1, choices)]
        ways += [(np.arange(choices)[::-1][said], np.arange(prompts)), (said[order], order)]

        for other, places in ways:
            for name, its in by_every_method(other, choices).items():
                assert its == pytest.approx(known[name][places], abs=1e-3 if name in ("best", "estimate") else 1e-8), (
                    name
                )


def test_probabilities_add_up_to_one_over_the_choices_whatever_was_left_out() -> None:
    table = probabilities([[[math.log(0.3), math.log(0.1)], [-1000.0, -1000.0]]])

    assert table.tolist() == [[pytest.approx([0.75, 0.25]), pytest.approx([0.5, 0.5])]]


def test_perplexity_is_the_mean_of_one_over_the_probability_and_low_is_good() -> None:
    assert perplexity([[0.5, 0.25], [0.1, 0.1]]).tolist() == pytest.approx([-3.0, -10.0])


def test_perplexity_is_scored_where_the_prompts_probabilities_are_known() -> None:
    table = probabilities(drawn(0))

    assert set(score_prompts(table)) == set(METHODS)
    assert set(score_prompts(table, np.full(table.shape[:2], 0.5))) == {*METHODS, PERPLEXITY}


def test_a_prompt_without_confidence_has_no_voice_and_stands_last() -> None:
    sure, unsure = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], [[0.49, 0.51], [0.51, 0.49], [0.51, 0.49]]
    table = np.array([sure, unsure, sure, unsure, unsure])

    assert confident(table).tolist() == [True, False, True, False, False]
    assert METHODS["zps-vote"](table) == pytest.approx([1, 1 / 3 - 2, 1, 1 / 3 - 2, 1 / 3 - 2])


# -- calibrations, worked by hand --------------------------------------------------------------------


def test_batch_calibration_divides_by_the_mean_over_the_inputs() -> None:
    table = np.array([[[0.8, 0.2], [0.6, 0.4]]])  # means 0.7 and 0.3

    made = calibrated(table, "batch")

    first = (0.8 / 0.7, 0.2 / 0.3)
    assert made[0, 0] == pytest.approx([first[0] / sum(first), first[1] / sum(first)])
    assert made[0].argmax(axis=1).tolist() == [0, 1]


def test_contextual_calibration_divides_by_the_mean_of_the_content_free_answers() -> None:
    table = np.array([[[0.8, 0.2], [0.6, 0.4]]])
    free = np.log([[[0.06, 0.02]], [[0.10, 0.02]], [[0.05, 0.05]]])  # means 0.07 and 0.03: 0.7 and 0.3

    assert calibrated(table, "contextual", free) == pytest.approx(calibrated(table, "batch"))


def test_a_calibration_that_cannot_be_made_is_refused() -> None:
    table = probabilities(drawn(0))

    with pytest.raises(InputError, match="needs answers to content-free inputs"):
        calibrated(table, "contextual")
    with pytest.raises(InputError, match="No calibration 'magic': there are none, contextual, batch"):
        calibrated(table, "magic")


# -- ours --------------------------------------------------------------------------------------------


def test_the_spread_is_one_where_all_choices_are_given_as_often_and_zero_for_one_answer() -> None:
    evenly, one, three_to_one = [[1, 0], [0, 1]] * 2, [[1, 0]] * 4, [[1, 0]] * 3 + [[0, 1]]

    assert spread(np.array([evenly, one, three_to_one], float)) == pytest.approx([1, 0, math.sqrt(0.75)])


def test_a_prompt_that_nearly_always_gives_one_answer_falls_behind_its_equal() -> None:
    table = np.array([[[1, 0]] * 2 + [[0, 1]] * 2, [[1, 0]] * 3 + [[0, 1]]], float)

    scores = expected_agreement([0.6, 0.6], table)

    assert scores == pytest.approx([0.6, 0.6 * math.sqrt(0.75)])


def test_the_expected_agreement_gives_the_accuracy_of_answers_to_an_even_truth() -> None:
    # With truth and answers as +1 and -1 and the true correlation as the cosine, 1/2 + score / 2 is the accuracy.
    random = np.random.default_rng(0)
    truth = np.tile([0, 1], 50)
    table = np.stack([np.eye(2)[np.where(random.random(100) < share, truth, 0)] for share in (0.9, 0.5, 0.2)])
    said = table.argmax(axis=2)
    correlation = [np.corrcoef(truth, one)[0, 1] for one in said]

    assert 0.5 + expected_agreement(correlation, table) / 2 == pytest.approx((said == truth).mean(axis=1))


def test_standardised_scores_have_mean_zero_and_equal_ones_are_zero() -> None:
    assert standardised([1.0, 2.0, 3.0]) == pytest.approx([-math.sqrt(1.5), 0, math.sqrt(1.5)])
    assert standardised([0.1, 0.1, 0.1]).tolist() == [0, 0, 0]
    assert combined([[1.0, 2.0, 3.0], [30.0, 20.0, 10.0]]) == pytest.approx([0, 0, 0])


# -- properties --------------------------------------------------------------------------------------


def scored(log_prob: Array, calibration: str) -> dict[str, Array]:
    table = calibrated(probabilities(log_prob), calibration)
    return {**score_prompts(table), "spread": spread(table)}


@settings(deadline=None)
@given(log_probs, st.sampled_from(["none", "batch"]), st.randoms(use_true_random=False))
def test_the_order_of_prompts_permutes_the_scores(log_prob: Array, calibration: str, random: Random) -> None:
    order = list(range(len(log_prob)))
    random.shuffle(order)
    before, after = scored(log_prob, calibration), scored(log_prob[order], calibration)

    for name in ("mi", "globale", "locale", "mdl", "zps-vote", "spread"):
        assert after[name] == pytest.approx(before[name][order], abs=1e-9), name


@settings(deadline=None)
@given(log_probs, st.randoms(use_true_random=False))
def test_the_order_of_inputs_changes_nothing(log_prob: Array, random: Random) -> None:
    order = list(range(log_prob.shape[1]))
    random.shuffle(order)
    before, after = scored(log_prob, "none"), scored(log_prob[:, order], "none")

    for name, scores in before.items():
        assert after[name] == pytest.approx(scores, abs=1e-9), name


@settings(deadline=None)
@given(log_probs, st.sampled_from(["none", "batch"]))
def test_mutual_information_is_between_zero_and_the_entropy_of_the_choices(log_prob: Array, calibration: str) -> None:
    made = mutual_information(calibrated(probabilities(log_prob), calibration))

    assert (made >= 0).all()
    assert (made <= math.log(log_prob.shape[2]) + 1e-9).all()


@settings(deadline=None)
@given(arrays(np.float64, (4, 3), elements=st.floats(-8, 0)), st.integers(2, 5), st.sampled_from(["none", "batch"]))
def test_prompts_that_answer_alike_have_equal_scores(one: Array, prompts: int, calibration: str) -> None:
    for name, scores in scored(np.stack([one] * prompts), calibration).items():
        assert np.ptp(scores) == pytest.approx(0, abs=1e-12), name


def test_a_prompt_that_does_not_read_its_input_has_no_mutual_information_and_no_spread() -> None:
    table = probabilities(np.tile([[-1.0, -2.0]], (2, 6, 1)))

    assert mutual_information(table) == pytest.approx([0, 0], abs=1e-12)
    assert spread(table) == pytest.approx([0, 0], abs=1e-9)


# -- a recorded LLM ----------------------------------------------------------------------------------


@pytest.fixture
def opt(data: Path) -> Recording:
    """What OPT-2.7B answered, and the right column of each input, read without our reader."""
    folder = data / OPT
    with np.load(folder / "outputs.npz") as held:
        outputs = {name: held[name].astype(np.float64) for name in held.files}
    choices = json.loads((folder / "prompts.jsonl").read_text().splitlines()[0])["choices"]
    lines = (folder / "inputs.jsonl").read_text().splitlines()
    return outputs, np.array([choices.index(json.loads(line)["label"]) for line in lines])


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_on_a_recorded_llm_the_methods_are_what_their_loops_say(opt: Recording, calibration: str) -> None:
    outputs, _ = opt
    free = np.stack([outputs[f"log_prob_{name}"] for name in ("empty", "na", "mask")])
    table = calibrated(probabilities(outputs["log_prob"]), calibration, free)[:, ::40]  # loops are slow

    for name, method in METHODS.items():
        assert method(table) == pytest.approx([LOOPS[name](table, t) for t in range(len(table))], abs=1e-9), name


def test_uncalibrated_mutual_information_picks_a_poor_prompt_while_there_are_good_ones(opt: Recording) -> None:
    outputs, right = opt
    accuracy = (outputs["log_prob"].argmax(axis=2) == right).mean(axis=1)
    table = probabilities(outputs["log_prob"])

    assert prompt_metrics(mutual_information(table), accuracy)["performance"] <= 60
    assert accuracy.max() > 0.84
    answers = calibrated(table, "batch")
    of_calibrated = (answers.argmax(axis=2) == right).mean(axis=1)
    assert prompt_metrics(mutual_information(answers), of_calibrated)["performance"] > 90
    assert hard(table).sum() == table.shape[0] * table.shape[1]
