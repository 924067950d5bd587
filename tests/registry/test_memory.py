"""Memory: a Gaussian process over measured transfers, against a dense computation, and what a user may rely on."""

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_history import SETTINGS, likeness_of, records_of

from registry.data.transfers import TransferRecord
from registry.formats.transfers import read_transfers
from registry.sources.history import Measurement, far_off, mean_gains, of_most_alike, settings_of, standardised, without
from registry.sources.likeness import Likeness
from registry.sources.memory import Kernel, Memory
from registry.sources.track import TrackRecord, track_record
from registry.spaces.facets import Facet, Facets

NAMES = ("a", "b", "c", "d", "e", "f", "g")
TARGETS = NAMES[:4]
LIKENESS = likeness_of(NAMES)
HISTORY = standardised(records_of(TARGETS, NAMES))


def others(target: str, names: tuple[str, ...] = NAMES) -> list[str]:
    return [name for name in names if name != target]


# -- what was measured -------------------------------------------------------------------------------


def test_scores_are_standardised_over_a_targets_sources_in_a_setting() -> None:
    scores = {"b": 0.5, "c": 0.6, "d": 0.85}
    records = [TransferRecord("m", "full", "a", source, score, 0.1, 4) for source, score in scores.items()]

    found = {one.source: one for one in standardised(records)}

    mean, scale = fmean(scores.values()), pstdev(scores.values())
    assert {name: one.score for name, one in found.items()} == pytest.approx(
        {name: (score - mean) / scale for name, score in scores.items()}
    )
    assert found["d"].gain == pytest.approx(20.0)
    assert found["d"].outcome == 0.85
    assert found["d"].variance == pytest.approx(0.1**2 / 4 / scale**2)
    assert found["d"].setting == "m/full"


def test_repeated_measurements_are_averaged_and_so_is_their_error() -> None:
    once = TransferRecord("m", "full", "a", "b", 0.4, 0.1, 1)
    other = TransferRecord("m", "full", "a", "c", 0.9)

    found = {one.source: one for one in standardised([once, replace(once, score_mean=0.6), other])}

    assert found["b"].outcome == pytest.approx(0.5)
    assert found["b"].variance == pytest.approx(0.1**2 / 2 / 0.2**2)
    assert found["c"].variance == 0.0


@pytest.mark.parametrize("scores", [{"b": 0.5}, {"b": 0.5, "c": 0.5}, {"a": 0.9, "b": 0.5}])
def test_what_tells_nothing_of_sources_is_left_out(scores: dict[str, float]) -> None:
    assert standardised(TransferRecord("m", "full", "a", name, score) for name, score in scores.items()) == ()


def test_a_sources_usual_gain_is_its_mean_over_targets_whatever_the_number_of_settings() -> None:
    history = [
        Measurement("a", "s", "m/1", 0.5, 1.0, 0.0),
        Measurement("a", "s", "m/2", 0.5, 3.0, 0.0),
        Measurement("b", "s", "m/1", 0.5, -1.0, 0.0),
    ]

    assert mean_gains(history) == {"s": 0.5}
    assert mean_gains(history, setting="m/1") == {"s": 0.0}
    assert mean_gains(without(history, "b"), setting="m/2") == {"s": 3.0}


def test_of_too_many_measurements_those_of_the_most_alike_targets_are_kept() -> None:
    per_target = {name: sum(one.target == name for one in HISTORY) for name in TARGETS}
    most = per_target["c"] + per_target["a"]

    kept = of_most_alike(HISTORY, {"a": 0.5, "b": 0.1, "c": 0.9, "d": 0.2}, most=most)

    assert {one.target for one in kept} == {"a", "c"}
    assert len(kept) == most
    assert of_most_alike(HISTORY, {}, most=len(HISTORY)) == HISTORY
    assert {one.target for one in of_most_alike(HISTORY, {"b": 0.3}, most=1)} == {"b"}


# -- the posterior -----------------------------------------------------------------------------------


def by_hand(
    history: tuple[Measurement, ...], likeness: Likeness, kernel: Kernel, target: str, sources: list[str], setting: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and deviation from the dense formula, entry by entry."""
    row = {name: number for number, name in enumerate(likeness.names)}

    def standard(values: Any, t: str, s: str) -> float:  # noqa: ANN401
        among = [values[row[t], row[name]] for name in likeness.names if name != t]
        return float((values[row[t], row[s]] - fmean(among)) / pstdev(among)) if s != t else 0.0

    def x(t: str, s: str) -> NDArray[np.float64]:
        return np.array([standard(likeness.facets[..., f], t, s) for f in range(3)])

    def prior(t: str, s: str) -> float:
        return kernel.slope * standard(likeness.similarity, t, s)

    def k(one: str, other: str) -> float:
        return float(np.exp((likeness.similarity[row[one], row[other]] - 1) / kernel.reach))

    def covariance(t: str, s: str, m: str, t2: str, s2: str, m2: str) -> float:
        alike = (
            kernel.like_targets * (s == s2) + kernel.like_sources * k(s, s2) + kernel.likeness * x(t, s) @ x(t2, s2) / 3
        )
        same_setting = kernel.shared + (1 - kernel.shared) * (m == m2)
        slope = kernel.slope_deviation**2 * standard(likeness.similarity, t, s) * standard(likeness.similarity, t2, s2)
        return float(same_setting * (kernel.worth * (s == s2) + k(t, t2) * alike + slope))

    seen = [(one.target, one.source, one.setting) for one in history]
    asked = [(target, source, setting) for source in sources]
    inverse = np.linalg.inv(
        np.array([[covariance(*p, *q) for q in seen] for p in seen])
        + np.diag([kernel.noise + one.variance for one in history])
    )
    cross = np.array([[covariance(*p, *q) for q in seen] for p in asked])
    surprise = np.array([one.score - prior(one.target, one.source) for one in history])
    mean = np.array([prior(target, source) for source in sources]) + cross @ inverse @ surprise
    variance = np.array([covariance(*p, *p) for p in asked]) - np.diag(cross @ inverse @ cross.T)
    return mean, np.sqrt(variance)


@pytest.mark.parametrize("setting", [*SETTINGS, "never/measured"])
@pytest.mark.parametrize("target", ["a", "f"])
@pytest.mark.parametrize("kernel", [Kernel(), Kernel(0.3, 0.2, 0.5, 0.4, 0.3, 0.6, 0.1, 0.0, 0.5), Kernel(shared=1.0)])
def test_the_posterior_is_that_of_the_dense_formula(target: str, setting: str, kernel: Kernel) -> None:
    memory = Memory(HISTORY, LIKENESS, kernel)

    found = memory.predict(target, others(target), setting=setting)

    mean, deviation = by_hand(without(HISTORY, target), LIKENESS, kernel, target, others(target), setting)
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.deviation == pytest.approx(deviation, abs=1e-9)
    assert memory.expected(target, others(target), setting=setting) == pytest.approx(mean, abs=1e-9)


def test_the_targets_own_outcomes_count_where_asked() -> None:
    found = Memory(HISTORY, LIKENESS).predict("a", others("a"), setting=SETTINGS[0], own=True)

    mean, deviation = by_hand(HISTORY, LIKENESS, Kernel(), "a", others("a"), SETTINGS[0])
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.deviation == pytest.approx(deviation, abs=1e-9)


def test_the_order_of_what_was_measured_and_of_what_is_asked_does_not_matter() -> None:
    records = records_of(TARGETS, NAMES)
    shuffled = random.Random(1).sample(records, len(records))  # noqa: S311
    first, second = (Memory(standardised(them), LIKENESS) for them in (records, shuffled))

    forwards, backwards = first.predict("e", others("e")), second.predict("e", others("e")[::-1])

    assert backwards.mean[::-1] == pytest.approx(forwards.mean, abs=1e-12)
    assert first.predict("e", others("e")).mean.tolist() == second.predict("e", others("e")).mean.tolist()


def test_with_nothing_measured_the_order_is_that_of_similarity() -> None:
    memory = Memory((), LIKENESS)

    found = memory.predict("c", others("c"))

    similarity = LIKENESS.similarity[2, [0, 1, 3, 4, 5, 6]]
    assert np.argsort(found.mean).tolist() == np.argsort(similarity).tolist()
    assert memory.settings == []
    assert track_record(memory) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(SETTINGS),
            st.sampled_from(NAMES[1:]),
            st.floats(0, 1, allow_subnormal=False),
        ),
        max_size=12,
    )
)
def test_the_targets_own_outcomes_change_nothing(own: list[tuple[str, str, float]]) -> None:
    elsewhere = [record for record in records_of(TARGETS, NAMES) if record.target != "a"]
    added = [TransferRecord(*setting.split("/"), "a", source, score) for setting, source, score in own]

    plain = Memory(standardised(elsewhere), LIKENESS).predict("a", others("a"), setting=SETTINGS[1])
    with_own = Memory(standardised(elsewhere + added), LIKENESS).predict("a", others("a"), setting=SETTINGS[1])

    assert with_own.mean == pytest.approx(plain.mean, abs=1e-8)
    assert with_own.deviation == pytest.approx(plain.deviation, abs=1e-8)


def two_worlds() -> Likeness:
    """Return six tasks: t1, t2 and s1 are alike, u1, u2 and s2 are alike, and the two groups are not."""
    similarity = np.full((6, 6), -0.5)
    similarity[:3, :3] = similarity[3:, 3:] = 0.8
    np.fill_diagonal(similarity, 1.0)
    return Likeness(("t1", "t2", "s1", "u1", "u2", "s2"), similarity, similarity[..., None].copy(), ("inputs",))


def measured(target: str, setting: str = "m/full", **scores: float) -> list[Measurement]:
    model, adaptation = setting.split("/")
    return list(standardised(TransferRecord(model, adaptation, target, name, its) for name, its in scores.items()))


def test_a_source_that_helped_a_task_like_the_target_rises_and_one_that_helped_another_rises_less() -> None:
    likeness = two_worlds()

    def of_s2(history: list[Measurement]) -> float:
        return float(Memory(history, likeness).expected("t1", ["s2"])[0])

    nothing, like, unlike = of_s2([]), of_s2(measured("t2", s2=0.9, s1=0.5)), of_s2(measured("u1", s2=0.9, s1=0.5))

    assert nothing < unlike < like


def test_a_source_like_one_that_helped_rises_too() -> None:
    likeness = two_worlds()
    history = measured("t2", u1=0.9, s1=0.5)

    found = Memory(history, likeness).expected("t1", ["s2"])
    before = Memory((), likeness).expected("t1", ["s2"])

    assert found[0] > before[0] + 0.01


def test_what_was_measured_in_the_setting_that_is_asked_for_counts_more() -> None:
    history = measured("t2", "m/full", s2=0.9, s1=0.5) + measured("t2", "m/lora", s2=0.5, s1=0.9)
    memory = Memory(history, two_worlds())

    full, lora = (memory.expected("t1", ["s2"], setting=setting)[0] for setting in ("m/full", "m/lora"))

    assert full > lora


def test_uncertainty_shrinks_with_every_measurement() -> None:
    by_target = [tuple(one for one in HISTORY if one.target in TARGETS[:n]) for n in range(5)]

    deviations = [Memory(history, LIKENESS).predict("e", others("e")).deviation for history in by_target]

    for fewer, more in pairwise(deviations):
        assert (more < fewer).all()


def test_a_measurement_that_repeated_runs_call_uncertain_counts_less() -> None:
    sure = measured("t2", s2=0.9, s1=0.5)
    unsure = [replace(one, variance=5.0) for one in sure]

    rises = [float(Memory(them, two_worlds()).expected("t1", ["s2"])[0]) for them in ((), unsure, sure)]

    assert rises == sorted(rises)


def test_tasks_without_a_vector_are_ranked_by_their_worth_alone() -> None:
    history = measured("far", away=0.9, s1=0.6, s2=0.2)
    memory = Memory(history, two_worlds())

    found = memory.predict("t1", ["away", "s1", "s2"])

    plain = Memory((), two_worlds().including(["away"])).predict("t1", ["away", "s1", "s2"])
    assert found.mean[0] > plain.mean[0] == 0.0
    assert found.mean[2] < plain.mean[2]
    assert memory.likeness.between("t1", "away") is None
    assert memory.likeness.between("t1", "s1") == 0.8


def cosines(inputs: float, answers: float, joint: float) -> NDArray[np.float32]:
    """Return the vectors of `task` and another, less the centre, with these cosines in the facets; and of a `model`."""
    first = np.tile([1.0, 0.0], 4)
    other = np.concatenate([[cosine, np.sqrt(1 - cosine**2)] for cosine in (inputs, answers, joint, 0.0)])
    return np.asarray([first, other, other], np.float32)


def test_what_helps_is_told_by_the_answers_and_who_is_kin_by_texts_and_what_hangs_on_them() -> None:
    facets = Facets(Facet(name, 2) for name in ("inputs", "answers", "joint", "map"))
    names = ["task", "other", "model"]

    likeness = Likeness.from_rows(names, cosines(0.9, 0.3, 0.5), facets, models=["model"])

    assert likeness.between("task", "other") == pytest.approx((2 * 0.3 + 0.5) / 3)
    assert likeness.kin("task", "other") == pytest.approx((0.9 + 0.5) / 2)
    assert likeness.kin("task", "model") == likeness.between("task", "model") == pytest.approx(0.3 / 5, abs=1e-6)
    assert likeness.kin("task", "task") == 1.0


def test_weights_of_ones_own_change_what_is_alike_and_not_who_is_kin() -> None:
    facets = Facets(Facet(name, 2) for name in ("inputs", "answers", "joint", "map"))
    rows = cosines(0.9, 0.3, 0.5)

    likeness = Likeness.from_rows(["task", "other"], rows[:2], facets, weights={"answers": 1})

    assert (likeness.between("task", "other"), likeness.kin("task", "other")) == pytest.approx((0.3, 0.7))


def test_where_vectors_have_no_texts_and_ties_kin_is_who_is_alike() -> None:
    assert (LIKENESS.kinship == LIKENESS.similarity).all()


def test_what_helped_kin_counts_and_not_what_helped_a_task_with_the_same_answers() -> None:
    names = ("target", "kin", "namesake", "s1", "s2")
    facets = np.zeros((5, 5, 3))
    facets[0, 1] = facets[1, 0] = (0.9, 0.0, 0.9)  # inputs, answers, joint
    facets[0, 2] = facets[2, 0] = (0.0, 0.9, 0.0)
    similarity = facets @ np.array([0, 2, 1]) / 3
    np.fill_diagonal(similarity, 1.0)
    likeness = Likeness(names, similarity, facets, ("inputs", "answers", "joint"))

    of_kin, of_namesake = (
        float(Memory(measured(target, s2=0.9, s1=0.5), likeness).expected("target", ["s2"])[0])
        for target in ("kin", "namesake")
    )

    assert similarity[0, 2] > similarity[0, 1]
    assert of_kin > of_namesake


# -- why ---------------------------------------------------------------------------------------------


def test_reasons_are_measurements_that_exist_and_add_up_to_the_score() -> None:
    memory = Memory(HISTORY, LIKENESS)
    gains: dict[tuple[str, str], list[float]] = {}
    for one in HISTORY:
        gains.setdefault((one.target, one.source), []).append(one.gain)

    found = memory.predict("a", others("a"), setting=SETTINGS[0])

    for source, mean, before in zip(found.sources, found.mean, found.before, strict=True):
        reasons = memory.reasons(found, source)
        assert before + sum(reason.contribution for reason in reasons) == pytest.approx(mean)
        assert all(reason.target != "a" for reason in reasons)
        assert {(r.target, r.source): r.gain for r in reasons} == pytest.approx(
            {pair: fmean(them) for pair, them in gains.items() if pair[0] != "a"}
        )
        assert {r.target: r.kinship for r in reasons} == {
            name: pytest.approx(LIKENESS.similarity[0, NAMES.index(name)]) for name in TARGETS[1:]
        }
        weights = [abs(reason.contribution) for reason in reasons]
        assert weights == sorted(weights, reverse=True)


# -- what is far off ---------------------------------------------------------------------------------

WORTH = {"b": 0.5, "c": 0.52, "d": 0.53, "e": 0.55, "f": 0.58}


def with_another(name: str, score: float, targets: tuple[str, ...] = ("t1", "t2", "t3", "t4")) -> list[TransferRecord]:
    """Sources of the same worth on four targets, and one more on some of these."""
    known = [
        TransferRecord("m", "full", f"t{i}", name, its + i / 100) for i in range(1, 5) for name, its in WORTH.items()
    ]
    return known + [TransferRecord("m", "full", target, name, score) for target in targets]


@pytest.mark.parametrize(("score", "where"), [(0.0, "below"), (0.99, "above")])
def test_a_source_far_from_all_others_everywhere_does_not_hide_what_these_differ_by(score: float, where: str) -> None:
    records = with_another("odd", score)
    found = {(one.target, one.source): one.score for one in standardised(records)}
    known = {(one.target, one.source): one.score for one in standardised(with_another("odd", score, ()))}

    assert {pair: found[pair] for pair in known} == pytest.approx(known)
    assert all((found[f"t{i}", "odd"] < -1) == (where == "below") for i in range(1, 5))
    (note,) = far_off(records)
    assert note.startswith(f"odd is far {where} all others on 4 targets ({score:g} on t1, {score:g} on t2): ")


def test_a_source_that_is_far_off_on_few_of_its_targets_counts_as_it_is() -> None:
    usual = with_another("odd", 0.57, ("t1", "t2", "t3"))
    records = [*usual, TransferRecord("m", "full", "t4", "odd", 0.0)]

    assert far_off(records) == far_off(records[:5]) == []
    measured = [one.score for one in standardised(records) if one.target == "t4"]
    assert (fmean(measured), pstdev(measured)) == (pytest.approx(0), pytest.approx(1))


def test_no_source_of_published_transfers_is_far_off(data: Path) -> None:
    assert far_off(read_transfers(data / "taskweb" / "transfer.csv")) == []


# -- how often it was right --------------------------------------------------------------------------


def test_the_track_record_leaves_each_target_out_in_turn() -> None:
    found = track_record(Memory(HISTORY, LIKENESS), setting=SETTINGS[0])

    regrets, hits = [], []
    for target in TARGETS:
        truth = {one.source: one.outcome for one in HISTORY if (one.target, one.setting) == (target, SETTINGS[0])}
        sources = sorted(truth)
        memory = Memory(without(HISTORY, target), LIKENESS)
        first = sources[int(np.argmax(memory.expected(target, sources, setting=SETTINGS[0])))]
        regrets.append(100 * (1 - truth[first] / max(truth.values())))
        hits.append(first in sorted(truth, key=lambda name: -truth[name])[:3])
        assert len(truth) > 3
    assert found is not None
    assert found.regret == pytest.approx(fmean(regrets))
    assert found.best_three == pytest.approx(fmean(hits))
    assert (found.targets, found.cases) == (4, 4)


def test_of_scores_below_nothing_the_best_has_no_share_and_it_is_told_for_how_many() -> None:
    """A gain, a correlation or a loss is below 0, or the best one next to it: a share of that says nothing."""

    def record(shifted: Mapping[str, float]) -> TrackRecord:
        records = [
            replace(one, score_mean=one.score_mean - shifted.get(one.target, 0)) for one in records_of(TARGETS, NAMES)
        ]
        found = track_record(Memory(standardised(records), LIKENESS), setting=SETTINGS[0])
        assert found is not None
        return found

    plain, some, none = record({}), record({"a": 2.0}), record(dict.fromkeys(TARGETS, 2.0))

    assert plain.best_three == some.best_three == none.best_three
    assert (plain.cases, some.cases, none.cases) == (4, 4, 4)
    assert (plain.without_shares, some.without_shares, none.without_shares) == (0, 1, 4)
    assert plain.regret is not None
    assert some.regret is not None
    assert none.regret is None
    assert "these cases" not in str(plain)
    assert (
        "below the best on average (left out: in one of these cases no score is above 0, or one is below it)."
        in str(some)
    )
    assert "of 4 cases (how far below the best is not told: in 4 of these cases no score is above 0" in str(none)


def test_three_sources_are_no_case_since_any_would_be_among_the_best_three() -> None:
    assert track_record(Memory(measured("t2", s2=0.9, s1=0.5, u1=0.4), two_worlds())) is None


# -- real transfers ----------------------------------------------------------------------------------


def test_the_settings_that_were_measured_are_known(data: Path) -> None:
    history = standardised(read_transfers(data / "taskweb" / "transfer.csv"))

    assert len(history) == 11 * 21 * 9
    assert len(settings_of(history)) == 9
    assert np.mean([one.score for one in history]) == pytest.approx(0)
    assert np.std([one.score for one in history]) == pytest.approx(1)
