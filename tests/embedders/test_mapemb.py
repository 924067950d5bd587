"""MapEmb's closed form, held against formulas written another way and against cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny import TOLERANCE, opinions, tiny_encoder

from embedders.methods.mapemb import MapEmb, ridge_map
from embedders.observed import from_answers, from_task
from embedders.surrogate.model import Surrogate
from registry.data.inputs import Input
from registry.spaces.facets import Facet


def _pair(examples: int, hidden: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    asked = random.standard_normal((examples, hidden)) + 3.0
    return asked, asked @ random.standard_normal((hidden, hidden)) + random.standard_normal((examples, hidden))


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory: pytest.TempPathFactory) -> Surrogate:
    return Surrogate(tiny_encoder(tmp_path_factory.mktemp("surrogate")), device="cpu")


def test_a_line_through_two_points_as_worked_by_hand() -> None:
    # x = -1, 1 around its mean, y = -2, 2: sum xy = 4, sum xx = 2, so W = 4 / (2 + 2 * 0.5) = 4/3.
    # Left over: y - W x = 2 - 4/3 = 2/3 twice, 8/9 of a total of 8: the fit is 1 - 1/9.
    weights, fit = ridge_map(np.array([[4.0], [6.0]]), np.array([[1.0], [5.0]]), 0.5)

    assert weights.tolist() == [[pytest.approx(4 / 3)]]
    assert fit == pytest.approx(8 / 9)


def test_without_a_ridge_a_linear_map_is_found_again() -> None:
    asked, _ = _pair(40, 4, 0)
    true = np.arange(16.0).reshape(4, 4)

    weights, fit = ridge_map(asked, asked @ true + 7.0, 0.0)

    assert weights.ravel().tolist() == pytest.approx(true.ravel().tolist())
    assert fit == pytest.approx(1.0)


@given(st.integers(2, 30), st.integers(1, 8), st.floats(1e-3, 10), st.integers(0, 1000))
def test_the_map_is_what_least_squares_finds_on_examples_stretched_by_the_ridge(
    examples: int, hidden: int, ridge: float, seed: int
) -> None:
    """Ridge regression is plain least squares with sqrt(n ridge) times the identity as further examples of 0."""
    asked, answered = _pair(examples, hidden, seed)
    x, y = asked - asked.mean(axis=0), answered - answered.mean(axis=0)
    longer = np.vstack([x, np.sqrt(examples * ridge) * np.eye(hidden)])
    expected = np.linalg.lstsq(longer, np.vstack([y, np.zeros((hidden, hidden))]), rcond=None)[0]

    weights, fit = ridge_map(asked, answered, ridge)

    assert weights.ravel().tolist() == pytest.approx(expected.ravel().tolist(), rel=1e-6, abs=1e-8)
    assert fit == pytest.approx(1 - ((y - x @ expected) ** 2).sum() / (y**2).sum(), abs=1e-8)


@given(st.integers(2, 30), st.integers(0, 1000))
def test_the_order_of_the_examples_does_not_matter(examples: int, seed: int) -> None:
    asked, answered = _pair(examples, 5, seed)
    order = np.random.default_rng(seed).permutation(examples)

    weights, fit = ridge_map(asked[order], answered[order], 0.02)

    expected, expected_fit = ridge_map(asked, answered, 0.02)
    assert weights.ravel().tolist() == pytest.approx(expected.ravel().tolist(), rel=1e-6, abs=1e-9)
    assert fit == pytest.approx(expected_fit)


@given(st.integers(2, 30), st.integers(2, 4), st.integers(0, 1000))
def test_every_example_given_several_times_changes_nothing(examples: int, times: int, seed: int) -> None:
    asked, answered = _pair(examples, 5, seed)

    weights, fit = ridge_map(np.tile(asked, (times, 1)), np.tile(answered, (times, 1)), 0.02)

    expected, expected_fit = ridge_map(asked, answered, 0.02)
    assert weights.ravel().tolist() == pytest.approx(expected.ravel().tolist(), rel=1e-6, abs=1e-9)
    assert fit == pytest.approx(expected_fit)


@given(st.integers(0, 1000))
def test_constant_answers_give_a_zero_map_that_explains_nothing(seed: int) -> None:
    asked, answered = _pair(20, 5, seed)

    weights, fit = ridge_map(asked, np.tile(answered[:1], (20, 1)), 0.02)

    assert np.abs(weights).max() == pytest.approx(0.0, abs=1e-12)
    assert fit == pytest.approx(0.0, abs=1e-6)


def test_a_constant_input_gives_a_zero_map() -> None:
    _, answered = _pair(20, 5, 0)

    weights, fit = ridge_map(np.ones((20, 5)), answered, 0.02)

    assert weights.tolist() == [[0.0] * 5] * 5
    assert fit == 0.0


def test_a_larger_ridge_gives_a_shorter_map_that_explains_less() -> None:
    asked, answered = _pair(30, 5, 1)

    short, poor = ridge_map(asked, answered, 10.0)
    long, good = ridge_map(asked, answered, 0.01)

    assert np.linalg.norm(short) < np.linalg.norm(long) / 2
    assert poor < good - 0.1


@pytest.mark.parametrize(
    ("dimension", "sizes"),
    [
        (2048, (256, 256, 512, 1024)),
        (8, (1, 1, 2, 4)),
        (11, (1, 1, 2, 7)),
        (65536, (8192, 8192, 16384, 32768)),
    ],
)
def test_inputs_and_answers_get_an_eighth_each_the_joint_facet_a_quarter_and_the_map_the_rest(
    dimension: int, sizes: tuple[int, ...]
) -> None:
    names = ("inputs", "answers", "joint", "map")

    assert MapEmb().facets(dimension) == tuple(Facet(n, s) for n, s in zip(names, sizes, strict=True))


def test_a_reading_is_the_two_means_their_joint_one_and_the_map_between_the_features(surrogate: Surrogate) -> None:
    inputs = tuple(Input(text) for text in ("a fine film", "a dull film", "a great meal"))
    table = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]], np.float32)

    reading = MapEmb().read(surrogate, from_answers(inputs, ("bad", "good"), table), {"ridge": 0.1}, seed=0)

    phi = np.stack([surrogate.features([text])[0] for text in inputs]).astype(np.float64)
    bad, good = surrogate.text_features(["bad", "good"]).astype(np.float64)
    psi = np.stack([0.25 * bad + 0.75 * good, bad, 0.5 * bad + 0.5 * good])
    x, y = phi - phi.mean(axis=0), psi - psi.mean(axis=0)
    weights = x.T @ np.linalg.inv(x @ x.T + 0.3 * np.eye(3)) @ y  # the dual form: examples instead of features
    assert list(reading.parts) == ["inputs", "answers", "joint", "map"]
    assert reading.parts["inputs"].tolist() == pytest.approx(phi.mean(axis=0).tolist(), abs=TOLERANCE)
    assert reading.parts["answers"].tolist() == pytest.approx(((1.75 * bad + 1.25 * good) / 3).tolist(), abs=1e-6)
    pairs = sum(np.outer(one, other) for one, other in zip(phi, psi, strict=True)) / 3
    assert reading.parts["joint"].tolist() == pytest.approx(pairs.ravel().tolist(), abs=TOLERANCE)
    assert reading.parts["map"].tolist() == pytest.approx(weights.ravel().tolist(), abs=10 * TOLERANCE)


def test_the_joint_facets_product_is_the_mean_product_of_both_likenesses(surrogate: Surrogate) -> None:
    films = tuple(Input(text) for text in ("a fine film", "a dull film", "a great meal"))
    meals = tuple(Input(text) for text in ("a warm meal", "a cold meal"))
    certain = np.eye(2, dtype=np.float32)
    one = from_answers(films, ("bad", "good"), certain[[1, 0, 1]])
    other = from_answers(meals, ("no", "yes"), certain[[1, 0]])

    joint = [MapEmb().read(surrogate, o, {"ridge": 0.1}, seed=0).parts["joint"] for o in (one, other)]

    asked = surrogate.features(films) @ surrogate.features(meals).T
    answered = surrogate.text_features(one.likeliest()) @ surrogate.text_features(other.likeliest()).T
    assert float(joint[0] @ joint[1]) == pytest.approx(float((asked * answered).mean()), abs=1e-5)


def test_a_black_box_that_always_answers_the_same_reads_as_a_zero_map(surrogate: Surrogate) -> None:
    inputs = tuple(Input(example.text) for example in opinions().train)
    always = np.tile(np.array([[1.0, 0.0]], np.float32), (len(inputs), 1))

    reading = MapEmb().read(surrogate, from_answers(inputs, ("yes", "no"), always), {"ridge": 0.02}, seed=0)

    assert np.abs(reading.parts["map"]).max() == pytest.approx(0.0, abs=1e-9)
    assert reading.parts["answers"].tolist() == pytest.approx(surrogate.text_features(["yes"])[0].tolist(), abs=1e-6)
    assert reading.provenance == {"fit": pytest.approx(0.0, abs=1e-6)}


def test_labels_that_hang_on_the_words_fit_better_than_labels_by_chance(surrogate: Surrogate) -> None:
    observed = from_task(opinions(120), examples=512, seed=0)
    by_chance = np.random.default_rng(0).permutation(observed.probabilities)

    fit = MapEmb().read(surrogate, observed, {"ridge": 0.001}, seed=0).provenance["fit"]
    chance = from_answers(observed.inputs, observed.answers, by_chance)

    assert fit > MapEmb().read(surrogate, chance, {"ridge": 0.001}, seed=0).provenance["fit"] + 0.2
