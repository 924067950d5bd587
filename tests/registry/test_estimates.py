"""How accurate is each prompt, or model, without labels? On made-up voters whose accuracies are known."""

from dataclasses import replace

import numpy as np
import pytest

from registry.data.answer_tables import NONE
from registry.estimates.committee import heard
from registry.estimates.estimate import Estimate, estimated, suggested
from registry.estimates.families import NEARLY_ONE, PERHAPS_ONE, families, heed, heed_if_wider
from registry.estimates.rivals import corrected_agreement, dawid_skene, majority, spectral
from registry.estimates.verdict import SURE, Kind, verdict
from registry.estimates.votes import Votes
from registry.estimates.witness import Witness

Truth = np.ndarray


def voters(
    accuracies: list[float], *, inputs: int = 800, answers: int = 2, lured: float = 0.0, seed: int = 0
) -> tuple[Votes, Truth]:
    """Voters of these accuracies; on a share of the inputs all take another answer for the true one."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, answers, inputs)
    seems = np.where(random.random(inputs) < lured, (truth + 1) % answers, truth)
    right = random.random((len(accuracies), inputs)) < np.array(accuracies)[:, None]
    wrong = (seems + random.integers(1, answers, (len(accuracies), inputs))) % answers
    return Votes(np.where(right, seems, wrong), answers), truth


def error(estimate: Estimate, votes: Votes, truth: Truth) -> float:
    return float(np.abs(estimate.accuracy - votes.true_accuracy(truth)).mean())


# -- votes -------------------------------------------------------------------------------------------


def test_a_missing_answer_is_wrong_in_an_accuracy_and_nothing_in_a_count() -> None:
    votes = Votes(np.array([[0, 1, NONE, 1], [0, NONE, NONE, 0]]), 2)

    assert votes.true_accuracy(np.array([0, 1, 0, 1])).tolist() == [0.75, 0.25]
    assert votes.counts.tolist() == [[2, 0], [0, 1], [0, 0], [1, 1]]
    assert votes.majority.tolist() == [[1, 0], [0, 1], [0.5, 0.5], [0.5, 0.5]]


def test_agreement_beyond_chance_is_one_for_a_copy_and_nothing_for_strangers() -> None:
    random = np.random.default_rng(0)
    one = random.integers(0, 3, 3000)
    votes = Votes(np.stack([one, one, random.integers(0, 3, 3000), np.zeros(3000, int)]), 3)

    assert votes.kappa[0, 1] == 1
    assert abs(votes.kappa[0, 2]) < 0.05
    assert votes.kappa[0, 3] == pytest.approx(0, abs=0.01)


# -- rivals ------------------------------------------------------------------------------------------


def test_the_rivals_find_independent_voters() -> None:
    votes, truth = voters([0.9, 0.8, 0.75, 0.7, 0.65], inputs=3000)
    true = votes.true_accuracy(truth)
    by_covariance = spectral(votes)

    assert votes.accuracy(dawid_skene(votes)) == pytest.approx(true, abs=0.03)
    assert by_covariance == pytest.approx(true, abs=0.03)
    assert majority(votes).argmax() == 0


def test_dawid_and_skene_see_that_a_voter_always_says_the_opposite() -> None:
    votes, truth = voters([0.9, 0.85, 0.8, 0.1])

    assert votes.accuracy(dawid_skene(votes))[3] == pytest.approx(votes.true_accuracy(truth)[3], abs=0.03)


def test_the_spectral_method_is_for_two_answers_and_three_voters() -> None:
    assert spectral(voters([0.9, 0.8, 0.7], answers=3)[0]) is None
    assert spectral(voters([0.9, 0.8])[0]) is None


def test_agreement_is_corrected_for_a_classifiers_own_errors() -> None:
    votes, truth = voters([0.9, 0.6], inputs=20_000)
    random = np.random.default_rng(1)
    read = np.where(random.random(20_000) < 0.8, truth, 1 - truth)

    found = corrected_agreement(votes, np.eye(2)[read], 0.8)

    assert found == pytest.approx(votes.true_accuracy(truth), abs=0.02)
    assert corrected_agreement(votes, np.eye(2)[read], 0.5).tolist() == [0.5, 0.5]  # nothing to be learnt


# -- ours --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [2, 4, 10])
def test_independent_voters_are_put_in_order_with_intervals_that_hold(answers: int) -> None:
    votes, truth = voters([0.9, 0.8, 0.7, 0.6, 0.5, 0.75, 0.65], answers=answers)
    estimate = estimated(votes)
    true = votes.true_accuracy(truth)

    assert estimate.pick == 0
    assert ((estimate.low <= true) & (true <= estimate.high)).all()
    assert estimate.best.sum() == pytest.approx(1)
    assert estimate.loss.argmin() == estimate.pick


def test_what_all_are_lured_by_makes_accuracies_lower_than_agreement_says() -> None:
    votes, truth = voters([0.9, 0.85, 0.8, 0.88, 0.75, 0.82], lured=0.15)

    assert error(estimated(votes), votes, truth) < np.abs(majority(votes) - votes.true_accuracy(truth)).mean()
    assert error(estimated(votes), votes, truth) < 0.08


def test_a_like_tasks_labels_are_a_witness_that_is_believed_as_far_as_it_fits() -> None:
    votes, truth = voters([0.9, 0.85, 0.8, 0.88, 0.75, 0.82], lured=0.2, inputs=2000)
    random = np.random.default_rng(1)
    fits = np.where(random.random(2000) < 0.85, truth, 1 - truth)
    noise = random.integers(0, 2, 2000)
    sure = {name: np.where(np.eye(2)[said] == 1, 0.85, 0.15) for name, said in (("fits", fits), ("noise", noise))}

    alone = estimated(votes)
    with_witness = {name: estimated(votes, Witness.of(table)) for name, table in sure.items()}

    assert error(with_witness["fits"], votes, truth) < 0.05
    assert (with_witness["fits"].high - with_witness["fits"].low).mean() < (alone.high - alone.low).mean()
    assert with_witness["noise"].accuracy == pytest.approx(alone.accuracy, abs=0.02)  # counts for nothing


def test_the_best_model_of_a_test_is_found_though_it_leaves_the_crowd_on_hard_questions() -> None:
    """Letters mean another answer in each question, and the weak fall for the same wrong one."""
    random = np.random.default_rng(0)
    questions, able = 400, np.array([3.0, 1.2, 0.6, 0.4, 0.2, 0.0, -0.2, -0.4, -0.6, -0.8])
    truth, hard = random.integers(0, 6, questions), random.normal(0, 2, questions)
    lure = (truth + random.integers(1, 6, questions)) % 6
    knows = random.random((10, questions)) < 1 / (1 + np.exp(-(able[:, None] - hard)))
    falls = random.random((10, questions)) < 0.7
    others = (truth + random.integers(1, 6, (10, questions))) % 6
    votes = Votes(np.where(knows, truth, np.where(falls, lure, others)), 6)

    assert heard(votes).kind == "lures"
    assert estimated(votes).pick == 0
    assert estimated(votes).accuracy == pytest.approx(votes.true_accuracy(truth), abs=0.13)


ORDERS = ([3, 2, 1, 0, 4], [1, 0, 3, 2, 4], [2, 4, 3, 1, 0], [1, 2, 4, 3, 0])


@pytest.mark.parametrize("answers", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_the_same_table_gives_the_same_estimate_whatever_the_order_and_the_names_of_the_voters(
    answers: int, seed: int
) -> None:
    votes, truth = voters([0.9, 0.9 - 0.02 * seed, 0.7, 0.65, 0.65], inputs=300, answers=answers, seed=seed)
    votes = Votes(np.concatenate([votes.said, votes.said[[2]]]), answers)  # the last one is a copy
    labels, luck = np.where(np.arange(300) < 20 + 10 * seed, truth, NONE), np.random.default_rng(seed).random(300)
    known, names = estimated(votes, labels=labels), ["a", "b", "c", "d", "e", "f"]
    texts = suggested(votes, known, labels, 20, luck=luck)

    for order in (range(6), *([*its, 5] for its in ORDERS), [5, *ORDERS[2]]):
        turned = Votes(votes.said[[*order]], answers)
        found = estimated(turned, labels=labels)

        for what in ("accuracy", "low", "high", "best", "loss", "worse"):
            assert (getattr(found, what) == getattr(known, what)[[*order]]).all(), what
        told = verdict([names[i] for i in order], turned, found, mend="", labels=20 + 10 * seed)
        assert told.kind is verdict(names, votes, known, mend="", labels=20 + 10 * seed).kind
        assert [row for row, _ in suggested(turned, found, labels, 20, luck=luck)] == [row for row, _ in texts]


def test_a_pick_that_is_not_the_most_accurate_says_why() -> None:
    votes, _ = voters([0.9, 0.89, 0.6, 0.6], inputs=300)
    known = estimated(votes)
    first, second = (replace(known, accuracy=np.array([0.8, other, 0.6, 0.6])) for other in (0.79, 0.81))

    told = [verdict(["a", "b", "c", "d"], votes, its, mend="").sentence for its in (first, second)]

    assert known.pick == 0
    assert "lose more" not in told[0]
    assert "; b in 81.0%, but is expected to lose more where it is not the best)" in told[1]


@pytest.mark.parametrize("answers", [2, 3, 5])
def test_other_names_for_the_answers_and_another_order_of_the_inputs_change_no_estimate(answers: int) -> None:
    votes, _ = voters([0.9, 0.85, 0.7, 0.65], inputs=300, answers=answers)
    shuffled = np.random.default_rng(1).permutation(300)
    known = estimated(votes)

    for said in ((votes.said + 1) % answers, votes.said[:, shuffled]):
        found = estimated(Votes(said, answers))
        for what in ("accuracy", "low", "high", "best", "loss", "worse"):
            assert getattr(found, what) == pytest.approx(getattr(known, what), abs=1e-4), what


# -- labels ------------------------------------------------------------------------------------------


def test_labels_narrow_the_intervals_and_all_labels_leave_nothing_open() -> None:
    votes, truth = voters([0.9, 0.8, 0.7, 0.6], lured=0.1)
    some = np.where(np.arange(800) < 100, truth, NONE)

    widths = [float((e.high - e.low).mean()) for e in (estimated(votes), estimated(votes, labels=some))]
    whole = estimated(votes, labels=truth)

    assert widths[1] < widths[0]
    assert whole.accuracy == pytest.approx(votes.true_accuracy(truth), abs=1e-9)
    assert whole.low == pytest.approx(whole.accuracy, abs=1e-9) == whole.high
    assert whole.best.tolist() == [1, 0, 0, 0]


def test_what_is_left_open_is_of_the_inputs_without_a_label() -> None:
    """Half of them labelled: the accuracies on that half are known, so the whole can be off by half as much."""
    votes, truth = voters([0.9, 0.8, 0.7, 0.6], lured=0.1)
    half = np.where(np.arange(800) < 400, truth, NONE)

    known, rest = estimated(votes, labels=half), Votes(votes.said[:, 400:], 2)
    other = estimated(rest)

    assert ((known.high - known.low) < (other.high - other.low) / 2 + 1e-9).all()
    assert (np.abs(known.accuracy - votes.true_accuracy(truth)) <= (known.high - known.low)).all()


# -- the verdict -------------------------------------------------------------------------------------


def said_of(votes: Votes) -> str:
    names = [f"p{i}" for i in range(len(votes))]
    return verdict(names, votes, estimated(votes), mend="Label some.").sentence


def test_a_clear_winner_of_more_than_two_answers_is_to_be_used_from_twenty_labels_on() -> None:
    votes, truth = voters([0.97, *[0.6, 0.62, 0.58] * 6], inputs=2000, answers=6)

    assert said_of(votes).startswith(
        "Not enough evidence: many may fall for the same wrong answer, which less than 20 "
    )
    for count, start in ((19, "Not enough evidence"), (20, "Use ")):
        labels = np.where(np.arange(2000) < count, truth, NONE)
        told = verdict(["p0"] * 19, votes, estimated(votes, labels=labels), mend="", labels=count)
        assert told.sentence.startswith(start)


def test_who_is_worse_once_in_thirty_cases_is_not_sure_for_the_estimate_may_be_off() -> None:
    votes, _ = voters([0.97, 0.6, 0.6, 0.62, 0.58, 0.6, 0.61], inputs=2000, answers=6)
    estimate = estimated(votes)

    assert SURE < estimate.worse[0] < 2 * SURE
    assert verdict([*"abcdefg"], votes, estimate, mend="", labels=20).kind is Kind.OPEN


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (1 - np.eye(3, 100, dtype=int), "each gives nearly always one answer"),
        (
            np.tile(np.arange(200) % 2, (2, 1)) ^ np.eye(2, 200, 0, int)[::-1] * [[1], [0]],
            "they answer alike, and differ on 0.5% of the texts",
        ),
    ],
)
def test_thin_evidence_is_told_and_labels_of_all_texts_mend_it(said: np.ndarray, why: str) -> None:
    votes = Votes(said, 2)
    assert said_of(votes) == f"Not enough evidence: {why}. Label some."

    all_known = estimated(votes, labels=said[0])
    found = verdict([*"abcd"][: len(said)], votes, all_known, mend="Label some.", labels=votes.inputs)
    assert found.kind is not Kind.OPEN


def test_one_answer_of_several_names_is_one_voter() -> None:
    """Five copies of a bad prompt neither outvote two good ones nor are as good as they are."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 300)
    good, fair, bad = (np.where(rng.random(300) < share, truth, 1 - truth) for share in (0.88, 0.82, 0.6))
    alone = estimated(Votes(np.stack([good, fair, bad]), 2))
    copied = Votes(np.stack([bad, good, bad, fair, bad, bad, bad]), 2)

    estimate = estimated(copied)

    assert estimate.accuracy[[1, 3, 0]] == pytest.approx(alone.accuracy)
    assert estimate.high[[1, 3, 0]] == pytest.approx(alone.high)
    assert len(set(estimate.accuracy[[0, 2, 4, 5, 6]])) == 1
    assert estimate.best.sum() == pytest.approx(1)
    assert estimate.pick == [1, 3, 0][alone.pick]
    assert estimate.belief.covariance.shape == (7, 7)
    assert said_of(copied).startswith("Not enough evidence: which is best is open")


def copies(said: np.ndarray, count: int, changed: float, answers: int, seed: int = 0) -> np.ndarray:
    """Voters that give another's answers, but for a share that is drawn at random."""
    rng = np.random.default_rng(seed)
    new = rng.random((count, len(said))) < changed
    return np.where(new, rng.integers(0, answers, new.shape), said)


@pytest.mark.parametrize("answers", [2, 3, 10])
@pytest.mark.parametrize("count", [3, 8])
def test_near_copies_of_a_middling_voter_are_heard_as_one(answers: int, count: int) -> None:
    votes, truth = voters([0.85, 0.8, 0.75, 0.7, 0.65, 0.55], inputs=600, answers=answers)
    family = range(6, 6 + count)
    many = Votes(np.concatenate([votes.said, copies(votes.said[5], count, 0.04, answers)]), answers)

    estimate = estimated(many)
    true = many.true_accuracy(truth)

    assert [one.members for one in estimate.opinions.families] == [(5, *family)]  # with the one that they are copies of
    assert estimate.opinions.voters == 6
    wider = heed_if_wider(many, estimate.opinions.families)
    assert wider.sum() == pytest.approx(6, abs=0.5)  # and so many of one make no family of the others
    assert estimate.pick == 0
    assert ((estimate.low <= true) & (true <= estimate.high)).all()


def test_two_families_without_another_voter_are_two() -> None:
    votes, _ = voters([0.8, 0.6], inputs=600)
    said = np.concatenate([copies(one, 4, 0.05, 2, seed) for seed, one in enumerate(votes.said)])

    found = families(Votes(said, 2), NEARLY_ONE)

    assert sorted(one.members for one in found) == [(0, 1, 2, 3), (4, 5, 6, 7)]
    assert heed(Votes(said, 2), found).sum() == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("inputs", [20, 100, 1000])
@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.95])
def test_who_agrees_because_all_are_right_is_no_family(accuracy: float, inputs: int) -> None:
    for seed in range(5):
        votes, _ = voters([accuracy] * 10, inputs=inputs, answers=4, seed=seed)
        assert not families(votes.distinct[0], PERHAPS_ONE)


def test_constant_and_missing_answers_make_no_family() -> None:
    votes, _ = voters([0.8, 0.7, 0.9, 0.6], inputs=200)
    said = np.concatenate([votes.said, np.full((2, 200), 1), np.full((1, 200), NONE)])

    assert not families(Votes(said, 2), PERHAPS_ONE)
    assert np.isfinite(estimated(Votes(said, 2)).accuracy).all()


def test_excellent_voters_among_biased_ones_may_be_taken_for_a_family_but_not_for_sure() -> None:
    """Correlations do not tell one from the other, so both are possible."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 800)
    bias = np.where(random.random(800) < 0.55, truth, 1 - truth)

    def follow(what: np.ndarray, accuracy: float) -> np.ndarray:
        return np.where(random.random(800) < accuracy, what, 1 - what)

    excellent = [follow(truth, 0.96) for _ in range(4)]
    votes = Votes(np.stack([*excellent, *[follow(bias, 0.8) for _ in range(6)]]), 2)
    estimate = estimated(votes)
    true = votes.true_accuracy(truth)

    (family,), whose = estimate.opinions.families, votes.distinct[1]
    assert set(family.members) == set(whose[:4].tolist())
    assert ((estimate.low <= true) & (true <= estimate.high)).all()
    assert said_of(votes).startswith("Not enough evidence")

    some = np.where(np.arange(800) < 40, truth, NONE)
    assert estimated(votes, labels=some, evenly=some != NONE).pick < 4  # a few labels tell


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.95, 0.05), (0.8, 0.15, 0.05), (0.9, 0.08, 0.02)])
@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_where_one_answer_is_far_more_often_true(shares: tuple[float, ...], seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.choice(len(shares), 500, p=shares)
    knows = random.random((10, 500)) < random.uniform(0.7, 0.95, 10)[:, None]
    wrong = (truth + random.integers(1, len(shares), (10, 500))) % len(shares)
    votes = Votes(np.where(knows, truth, wrong), len(shares))

    estimate, true = estimated(votes), votes.true_accuracy(truth)

    assert ((estimate.low <= true) & (true <= estimate.high)).mean() >= 0.9


@pytest.mark.parametrize("answers", [3, 5, 10])
@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_for_several_llms_of_several_prompts_each(answers: int, seed: int) -> None:
    """Each LLM knows what it knows, and its prompts differ by chance."""
    random = np.random.default_rng([answers, seed])
    truth, easy = random.integers(0, answers, 400), random.standard_normal(400)
    said = []
    for able in random.uniform(0.5, 0.9, 5):
        felt = 0.5 * easy + np.sqrt(0.75) * random.standard_normal(400)
        other = (truth + random.integers(1, answers, 400)) % answers
        leads = np.where(felt < np.quantile(felt, able), truth, other)
        said += [copies(leads, 1, changed, answers, int(1e6 * changed)) for changed in random.uniform(0.02, 0.25, 4)]
    votes = Votes(np.concatenate(said), answers)

    estimate, true = estimated(votes), votes.true_accuracy(truth)

    assert ((estimate.low <= true) & (true <= estimate.high)).mean() >= 0.8


@pytest.mark.parametrize("seed", [19, 38, 67])
def test_who_may_fall_for_what_lures_all_is_not_sure_without_labels(seed: int) -> None:
    """A test of letters: three questions in ten have a wrong answer that all fall for, some more than others."""
    random = np.random.default_rng(seed)
    truth, is_hard = random.integers(0, 4, 500), random.random(500) < 0.3
    lure = (truth + random.integers(1, 4, 500)) % 4
    able, prone = random.uniform(0.7, 0.97, 8), random.uniform(0.3, 0.9, 8)
    others = (truth + random.integers(1, 4, (8, 500))) % 4
    own = np.where(random.random((8, 500)) < able[:, None], truth, others)
    votes = Votes(np.where(is_hard & (random.random((8, 500)) < prone[:, None]), lure, own), 4)

    estimate, true = estimated(votes), votes.true_accuracy(truth)

    assert estimate.worse[estimate.pick] <= 2 * SURE  # it seems to be the best by far,
    assert true.max() - true[estimate.pick] > 0.02  # and is not
    assert said_of(votes).startswith("Not enough evidence")


def test_of_who_answers_the_same_throughout_no_label_tells_the_better() -> None:
    votes = Votes(np.tile(np.arange(100) % 2, (4, 1)), 2)

    told = "all answer the same throughout, so that no label tells them apart. Embed another on these texts."
    assert said_of(votes) == f"Not enough evidence: {told}"
    all_known = verdict([*"abcd"], votes, estimated(votes, labels=votes.said[0]), mend="", labels=votes.inputs)
    assert all_known.sentence.startswith("Use a (right in 100% of the texts) or, which answers the same, b, c, d: ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (np.tile(np.arange(100) % 2, (1, 1)), "there is only one to choose from. Embed another on these texts."),
        (
            np.stack([np.arange(10) % 2, np.arange(10) // 5 % 2, np.arange(10) // 2 % 2]),
            "only 10 texts have an answer. Ask on a space of 20 texts or more.",
        ),
        (
            np.pad(
                np.stack([np.arange(12) % 2, np.arange(12) // 5 % 2, np.arange(12) // 2 % 2]),
                ((0, 0), (0, 488)),
                constant_values=NONE,
            ),
            "only 12 of 500 texts have an answer. 'fute model answers NAME' tells why the others have none.",
        ),
    ],
)
def test_what_labels_do_not_mend_is_told_with_what_does(said: np.ndarray, told: str) -> None:
    votes = Votes(said, 2)
    for labels in (None, said[0]):
        known = 0 if labels is None else votes.inputs
        found = verdict([*"abc"], votes, estimated(votes, labels=labels), mend="Label some.", labels=known)
        assert found.sentence == f"Not enough evidence: {told}"


def test_prompts_that_answer_at_random_leave_all_open() -> None:
    random = np.random.default_rng(0)

    found = verdict([*"abcd"], votes := Votes(random.integers(0, 2, (4, 500)), 2), estimated(votes), mend="Label some.")

    assert found.kind is Kind.OPEN
    assert "which is best is open" in found.sentence


def test_a_large_table_is_estimated_in_a_small_number_of_steps() -> None:
    """Not a timed test: that it ends at all with a hundred voters, two thousand inputs and thirty answers."""
    votes, truth = voters(np.linspace(0.3, 0.9, 100).tolist(), inputs=2000, answers=30)

    estimate = estimated(votes)

    assert np.corrcoef(estimate.accuracy, votes.true_accuracy(truth))[0, 1] > 0.99


def test_voters_with_the_same_answers_are_as_accurate_and_equal() -> None:
    votes, truth = voters([0.97, 0.75, 0.75, 0.7, 0.7, 0.72, 0.7, 0.74], inputs=2000)
    doubled = Votes(np.concatenate([votes.said[[1]], votes.said[[0]], votes.said]), 2)  # b and c are one and the same

    estimate = estimated(doubled, labels=np.where(np.arange(2000) < 600, truth, NONE))
    found = verdict([*"abcdefghij"], doubled, estimate, mend="")

    assert estimate.accuracy[1] == pytest.approx(estimate.accuracy[2], abs=1e-9)
    assert estimate.loss[1] == estimate.loss[2]
    assert estimate.best[1] == pytest.approx(estimate.best[2], abs=1e-9)
    assert estimate.pick == 1
    assert found.kind is Kind.USE, found.sentence
    assert found.sentence.startswith("Use b (right in ")
    assert ") or, which answers the same, c: with " in found.sentence
