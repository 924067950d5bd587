"""Few labels go a long way: those that were suggested or drawn at random speak for the inputs without one."""

import numpy as np
import pytest

from registry.data.answer_tables import NONE
from registry.estimates.estimate import Estimate, estimated, suggested
from registry.estimates.sampled import seems_even
from registry.estimates.votes import Votes


def camps() -> tuple[Votes, np.ndarray]:
    """Two camps that see a fourth of 600 inputs differently: answers alone cannot tell which is right."""
    random = np.random.default_rng(2)
    truth = random.integers(0, 2, 600)
    other = np.where(random.random(600) < 0.25, 1 - truth, truth)
    said = np.stack([np.where(random.random(600) < 0.95, camp, 1 - camp) for camp in [truth] * 4 + [other] * 4])
    return Votes(said, 2), truth


def after_labels(votes: Votes, truth: np.ndarray, count: int, luck: np.ndarray) -> Estimate:
    """Return the estimate after suggested labels."""
    before = estimated(votes)
    labels, drawn = np.full(votes.inputs, NONE), np.zeros(votes.inputs)
    for row, chance in suggested(votes, before, None, count, luck=luck):
        labels[row], drawn[row] = truth[row], chance
    return estimated(votes, labels=labels, drawn=drawn, opinions=before.opinions)


def test_suggested_labels_tell_which_of_two_rivals_is_better() -> None:
    votes, truth = camps()
    before = estimated(votes)
    rows = [row for row, _ in suggested(votes, before, None, 40, luck=np.random.default_rng(0).random(600))]

    after = after_labels(votes, truth, 40, np.random.default_rng(0).random(600))

    assert after.pick < 4
    assert after.loss[after.pick] < before.loss[before.pick]
    differ = np.abs(votes.said[:4].mean(axis=0) - votes.said[4:].mean(axis=0)) > 0.4
    assert differ[rows].mean() > 1.5 * differ.mean()  # labels are wanted where camps differ, and elsewhere too
    assert not differ[rows].all()


def test_accuracies_after_suggested_labels_are_right_in_the_mean_though_all_share_an_error() -> None:
    """All are wrong where all agree: on a fifth of the inputs, where nothing in the answers tells."""
    votes, truth = camps()
    truth = np.where(np.arange(600) % 5 == 0, 1 - truth, truth)
    true = (votes.said == truth).mean(axis=1)

    found = [after_labels(votes, truth, 60, np.random.default_rng(n).random(600)) for n in range(30)]

    without = np.abs(estimated(votes).accuracy - true).mean()
    assert np.abs(np.mean([its.accuracy for its in found], axis=0) - true).mean() < without / 4
    assert np.mean([(its.low <= true) & (true <= its.high) for its in found]) > 0.85


def lured(seed: int, voters: int, inputs: int) -> tuple[Votes, np.ndarray]:
    """Voters of four answers, of whom most fall for the same wrong one on a fifth of the inputs."""
    random = np.random.default_rng(seed)
    truth, is_hard = random.integers(4, size=inputs), random.random(inputs) < 0.2
    lure = (truth + random.integers(1, 4, inputs)) % 4
    prone, able = random.uniform(0.7, 0.9, (voters, 1)), random.uniform(0.55, 0.75, (voters, 1))
    other = (truth + random.integers(1, 4, (voters, inputs))) % 4
    own = np.where(random.random((voters, inputs)) < able, truth, other)
    return Votes(np.where(is_hard & (random.random((voters, inputs)) < prone), lure, own), 4), truth


@pytest.mark.parametrize(("voters", "labels"), [(3, 60), (4, 60), (4, 100), (6, 100), (12, 100)])
def test_after_suggested_labels_intervals_hold_though_what_all_agree_on_is_often_wrong(
    voters: int, labels: int
) -> None:
    held = []
    for seed in range(12):
        votes, truth = lured(seed, voters, 300)
        found = after_labels(votes, truth, labels, np.random.default_rng(seed).random(300))
        true = votes.true_accuracy(truth)
        held.append((found.low <= true) & (true <= found.high))

    assert np.mean(held) >= 0.8


@pytest.mark.parametrize("inputs", [25, 50])
def test_many_voters_on_few_inputs_do_not_make_intervals_narrow(inputs: int) -> None:
    held = []
    for seed in range(6):
        votes, truth = lured(seed, 60, inputs)
        found, true = estimated(votes), votes.true_accuracy(truth)
        held.append((found.low <= true) & (true <= found.high))

    assert np.mean(held) >= 0.85


@pytest.mark.parametrize(("count", "near"), [(590, 0.01), (599, 0.003), (600, 1e-9)])
def test_with_nearly_all_labels_accuracies_are_nearly_the_true_ones(count: int, near: float) -> None:
    votes, truth = camps()

    found = after_labels(votes, truth, count, np.random.default_rng(0).random(600))

    assert np.abs(found.accuracy - (votes.said == truth).mean(axis=1)).max() < near
    assert (found.high - found.low).max() < 6 * near


def test_one_suggested_label_makes_nothing_surer_than_it_is() -> None:
    votes, truth = camps()
    before = estimated(votes)

    found = [after_labels(votes, truth, 1, np.random.default_rng(n).random(600)) for n in range(20)]

    variances = np.array([np.diag(its.belief.covariance) for its in found])
    assert (variances <= np.diag(before.belief.covariance) + 1e-9).all()
    assert (variances > np.diag(before.belief.covariance) / 2).all()


@pytest.mark.parametrize("count", [10, 300, 570])
def test_no_accuracy_is_told_that_the_known_labels_rule_out(count: int) -> None:
    votes, truth = camps()
    luck = np.random.default_rng(1).random(600)
    rows = [row for row, _ in suggested(votes, estimated(votes), None, count, luck=luck)]

    found = after_labels(votes, truth, count, luck)

    right = (votes.said[:, rows] == truth[rows]).sum(axis=1)
    assert (found.low >= right / 600 - 1e-9).all()
    assert (found.high <= (right + 600 - count) / 600 + 1e-9).all()
    assert ((found.low <= found.accuracy) & (found.accuracy <= found.high)).all()


@pytest.mark.parametrize("chance", [1.0, 0.1, 1e-12])
def test_labels_whose_chances_cannot_be_count_as_labels_without(chance: float) -> None:
    votes, truth = camps()
    labels = np.where(np.arange(600) < 12, truth, NONE)

    found = estimated(votes, labels=labels, drawn=np.where(labels != NONE, chance, 0))

    assert found.accuracy.tolist() == estimated(votes, labels=labels).accuracy.tolist()


def test_who_asks_for_more_suggestions_goes_on_where_they_stopped() -> None:
    votes, truth = camps()
    luck, before = np.random.default_rng(0).random(600), estimated(votes)
    at_once = suggested(votes, before, None, 40, luck=luck)
    labels, drawn = np.full(600, NONE), np.zeros(600)
    for row, chance in at_once[:20]:
        labels[row], drawn[row] = truth[row], chance

    after = estimated(votes, labels=labels, drawn=drawn)

    assert suggested(votes, after, labels, 20, luck=luck, drawn=drawn) == at_once[20:]


def test_inputs_are_drawn_as_often_as_their_chances_say() -> None:
    votes, _ = camps()
    before = estimated(votes)
    random = np.random.default_rng(0)
    chance, often = np.zeros(600), np.zeros(600)
    for row, its in suggested(votes, before, None, 600, luck=random.random(600)):
        chance[row] = its
    for _ in range(4000):
        often[suggested(votes, before, None, 1, luck=random.random(600))[0][0]] += 1

    assert chance.sum() == pytest.approx(1)
    wanted = chance > np.median(chance)
    assert often[wanted].sum() / 4000 == pytest.approx(chance[wanted].sum(), abs=0.03)


def test_a_suggestion_is_never_a_text_whose_label_is_known() -> None:
    votes, truth = camps()
    labels = np.where(np.arange(600) % 2, truth, NONE)
    luck = np.random.default_rng(0).random(600)

    rows = [row for row, _ in suggested(votes, estimated(votes, labels=labels), labels, 1000, luck=luck)]

    assert sorted(rows) == list(range(0, 600, 2))
    assert suggested(votes, estimated(votes, labels=truth), truth, 1000, luck=luck) == []


# -- drawn at random ---------------------------------------------------------------------------------


def deceived() -> tuple[Votes, np.ndarray]:
    """Two camps, and all are wrong where all agree: on a fifth of the inputs, where nothing in the answers tells."""
    votes, truth = camps()
    return votes, np.where(np.arange(600) % 5 == 0, 1 - truth, truth)


def random_labels(truth: np.ndarray, count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).permutation(len(truth))[:count]
    return np.where(np.isin(np.arange(len(truth)), rows), truth, NONE)


def test_accuracies_after_random_labels_are_right_in_the_mean_if_it_is_said_that_they_are_random() -> None:
    votes, truth = deceived()
    true = (votes.said == truth).mean(axis=1)
    samples = [random_labels(truth, 60, seed) for seed in range(30)]

    said = [estimated(votes, labels=labels, evenly=labels != NONE) for labels in samples]
    not_said = [estimated(votes, labels=labels) for labels in samples]

    off = [float(np.abs(np.mean([its.accuracy for its in found], axis=0) - true).mean()) for found in (said, not_said)]
    assert off[0] < float(np.abs(estimated(votes).accuracy - true).mean()) / 4
    assert off[0] < off[1] / 1.5
    assert np.mean([(its.low <= true) & (true <= its.high) for its in said]) > 0.85


def test_suggested_labels_after_random_ones_bring_the_accuracies_nearer() -> None:
    votes, truth = deceived()
    true = (votes.said == truth).mean(axis=1)
    first, both = [], []
    for seed in range(20):
        labels, drawn = random_labels(truth, 40, seed), np.zeros(600)
        evenly = labels != NONE
        first.append(estimated(votes, labels=labels, evenly=evenly))
        luck = np.random.default_rng(100 + seed).random(600)
        wanted = suggested(votes, first[-1], labels, 40, luck=luck, evenly=evenly)
        for row, chance in wanted:
            labels[row], drawn[row] = truth[row], chance
        both.append(estimated(votes, labels=labels, drawn=drawn, evenly=evenly))
        more = suggested(votes, both[-1], labels, 5, luck=luck, drawn=drawn, evenly=evenly)
        assert more == suggested(votes, first[-1], np.where(evenly, labels, NONE), 45, luck=luck, evenly=evenly)[40:]

    off = np.array([[np.abs(its.accuracy - true).mean() for its in found] for found in (first, both)])
    assert off[1].mean() < 0.95 * off[0].mean()
    assert off[1].max() < 2 * off[0].max()  # one label of a small chance, of what all agree on, carries nobody along
    assert np.mean([(its.low <= true) & (true <= its.high) for its in both]) > 0.85


def test_the_sample_is_of_what_was_not_known_without_it() -> None:
    votes, truth = deceived()
    labels = np.where(np.arange(600) < 300, truth, NONE)
    rest = np.arange(300, 600)
    true = (votes.said == truth).mean(axis=1)

    found = []
    for seed in range(30):
        some = np.random.default_rng(seed).permutation(rest)[:60]
        known = labels.copy()
        known[some] = truth[some]
        found.append(estimated(votes, labels=known, evenly=np.isin(np.arange(600), some)).accuracy)

    assert np.abs(np.mean(found, axis=0) - true).max() < 0.01


@pytest.mark.parametrize("count", [1, 599, 600])
def test_a_sample_may_be_of_one_and_of_all(count: int) -> None:
    votes, truth = deceived()
    labels = random_labels(truth, count, 0)

    found = estimated(votes, labels=labels, evenly=labels != NONE)

    assert np.isfinite(found.accuracy).all()
    if count > 1:
        assert np.abs(found.accuracy - (votes.said == truth).mean(axis=1)).max() < 0.003
    assert (found.high - found.low).max() == 0 or count < 600


def test_a_sample_that_was_chosen_is_found_out_and_a_random_one_is_not() -> None:
    votes, _ = camps()
    differ = np.argsort(np.abs(votes.counts[:, 0] - 4), kind="stable")  # where both camps stand against one another

    every = np.ones(600, bool)
    assert not seems_even(votes, differ[:40], every)
    assert all(seems_even(votes, np.random.default_rng(seed).permutation(600)[:40], every) for seed in range(200))
    assert seems_even(votes, np.arange(600), every)
    hard = np.isin(np.arange(600), differ[:200])
    assert not seems_even(votes, differ[:40], every)
    assert all(
        seems_even(votes, np.random.default_rng(seed).permutation(differ[:200])[:40], hard) for seed in range(50)
    )


@pytest.mark.parametrize("count", [50, 100, 200, 300])
def test_labels_that_nobody_gave_tell_how_many_of_the_others_nobody_gave(count: int) -> None:
    """A fourth of the labels: none of the voters ever says one of these."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 20, 400)
    able = np.linspace(0.9, 0.5, 5)[:, None]
    said = np.where(random.random((5, 400)) < able, np.minimum(truth, 14), random.integers(0, 15, (5, 400)))
    votes, true = Votes(said, 20), (said == truth).mean(axis=1)

    found = estimated(votes, labels=np.where(np.arange(400) < count, truth, NONE))

    assert np.abs(found.accuracy - true).max() < 0.06
    assert ((found.low <= true) & (true <= found.high)).all()
