"""CurveGrad: the gradients are those of the loss curve, and a space of ten numbers is a space like any other."""

import json
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tiny import BAD, GOOD, choices, opinions, sentences, tiny_encoder
from tiny_cli import LABELS, tiny_rows

import cli
from embedders import create_space, embed, recorded_model
from embedders.errors import NotEmbeddableError, SettingError
from embedders.methods import METHODS, Reading
from embedders.methods.curvegrad import segment_means
from embedders.methods.settings import COMMON
from embedders.observed import Observed, from_answers, from_task
from embedders.surrogate.model import Surrogate
from embedders.tuning.objectives import objective_for
from embedders.tuning.training import tuning
from registry import Registry
from registry.catalog import SpaceRecord
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData

HOW = METHODS["curvegrad"]
SHORT = {"steps": 24, "passes": 8, "batch_size": 8, "points": 5}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("surrogate"))


@pytest.fixture(scope="module")
def surrogate(folder: Path) -> Surrogate:
    return Surrogate(folder, device="cpu")


@pytest.fixture(scope="module")
def observed() -> Observed:
    return from_task(opinions(), examples=512, seed=0)


def drawn(number: int) -> TaskData:
    """Return a task of random words."""
    rows = tuple(Example(row["text"], row["label"]) for row in tiny_rows(number, 24))
    return TaskData(kind="classification", labels=LABELS[number], train=rows)


def read(surrogate: Surrogate, observed: Observed, **changed: Any) -> Reading:  # noqa: ANN401
    return HOW.read(surrogate, observed, {**HOW.parameters(), **SHORT, **changed}, seed=0)


def losses_of(surrogate: Surrogate, observed: Observed, **changed: Any) -> list[float]:  # noqa: ANN401
    """Return the losses of the training that CurveGrad looks at, from the training itself."""
    how = {**HOW.parameters(), **SHORT, **changed}
    objective = objective_for(how["objective"], surrogate, observed, seed=0)
    asked = {name: how[name] for name in ("steps", "batch_size", "learning_rate")}
    return [float(loss) for loss in tuning(objective.fresh_model(), objective, seed=0, decay=False, **asked)]


# -- the curve ---------------------------------------------------------------------------------------


def test_segments_have_their_mean_and_share_a_step_that_they_meet_in() -> None:
    losses = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])

    assert segment_means(losses, 3).tolist() == pytest.approx([5.5, 3.5, 1.5])
    assert segment_means(losses, 6).tolist() == pytest.approx(losses.tolist())
    in_four = [(6 + 5 / 2) / 1.5, (5 / 2 + 4) / 1.5, (3 + 2 / 2) / 1.5, (2 / 2 + 1) / 1.5]
    assert segment_means(losses, 4).tolist() == pytest.approx(in_four)


def test_what_is_embedded_are_the_differences_of_the_mean_losses_over_the_first(
    surrogate: Surrogate, observed: Observed
) -> None:
    losses = losses_of(surrogate, observed, learning_rate=1e-3)
    means = [fmean(losses[start : start + 4]) for start in range(0, 24, 4)]

    reading = read(surrogate, observed, learning_rate=1e-3)

    expected = [(after - before) / means[0] for before, after in pairwise(means)]
    assert reading.parts["curve"].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert reading.provenance == pytest.approx({"steps": 24, "first_loss": means[0], "last_loss": means[-1]})


def test_few_examples_are_not_seen_often_unless_the_points_need_it(surrogate: Surrogate, observed: Observed) -> None:
    batches = -(-len(observed.inputs) // 8)

    steps = [read(surrogate, observed, passes=passes).provenance["steps"] for passes in (1, 2, 100)]

    assert steps == [max(batches, 6), max(2 * batches, 6), 24]
    assert read(surrogate, observed, passes=1, points=20).provenance["steps"] == 21


def test_what_is_learnt_faster_has_steeper_gradients(surrogate: Surrogate, observed: Observed) -> None:
    """The gradients add up to the share of the first loss that is gone."""
    slow, fast = (read(surrogate, observed, learning_rate=rate) for rate in (1e-5, 1e-2))

    fallen = [float(reading.parts["curve"].sum()) for reading in (slow, fast)]
    assert fallen[0] > -0.05
    assert fallen[1] < -0.1
    told = fast.provenance
    assert fallen[1] == pytest.approx(told["last_loss"] / told["first_loss"] - 1, abs=1e-5)


def test_a_loss_without_a_curve_is_not_embedded(surrogate: Surrogate, observed: Observed) -> None:
    alike = from_answers(observed.inputs, ("fine",), np.ones((len(observed.inputs), 1), np.float32))

    for task, rate in ((alike, 2e-5), (observed, 1e30)):
        with pytest.raises(NotEmbeddableError, match=r"^its loss has no curve: it never changes, or grows beyond all"):
            read(surrogate, task, learning_rate=rate)


# -- the space ---------------------------------------------------------------------------------------


@pytest.fixture
def filled(registry: Registry, tmp_path: Path) -> Registry:
    """Four tasks that share no texts, a corpus, and a model whose answers on it are recorded."""
    registry.add_task("films", opinions(32))
    registry.add_task("meals", drawn(1))
    registry.add_task("songs", drawn(2))
    registry.add_task("opposites", choices())
    texts = sentences((*GOOD, *BAD), 32)
    registry.add_corpus("texts", [Input(text) for text in texts], source="made here")
    rows = [{"text": text, "answer": "good" if any(word in text for word in GOOD) else "bad"} for text in texts]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recorded_model(registry, "critic", str(tmp_path / "answers.jsonl"))
    return registry


def space(registry: Registry, folder: Path, *, dimension: int = 2048, **settings: str) -> SpaceRecord:
    return create_space(
        registry,
        f"curves-{len(registry.spaces())}",
        surrogate=str(folder),
        method="curvegrad",
        corpus="texts" if settings else None,
        dimension=dimension,
        settings=settings,
    )


def test_a_space_has_as_many_dimensions_as_there_are_gradients(filled: Registry, folder: Path) -> None:
    usual, few, narrow = (
        space(filled, folder),
        space(filled, folder, points="6"),
        space(filled, folder, dimension=8, points="30"),
    )

    assert [one.dimension for one in (usual, few, narrow)] == [10, 6, 8]
    assert [facet["size"] for one in (usual, few, narrow) for facet in one.spec["facets"]] == [10, 6, 8]
    assert create_space(filled, "maps", surrogate=str(folder), corpus=None, dimension=64).dimension == 64


def test_tasks_and_models_are_embedded_compared_and_found(filled: Registry, folder: Path, surrogate: Surrogate) -> None:
    made = space(filled, folder, steps="24", passes="8", batch_size="8", points="6", learning_rate="0.001")

    report = embed(filled, device="cpu")

    assert sorted(report.embedded) == ["critic", "films", "meals", "opposites", "songs"]
    vectors, similarities = filled.similarities()
    assert vectors.matrix.shape == (5, 6)
    assert np.linalg.norm(vectors.matrix, axis=1).tolist() == pytest.approx([1.0] * 5, abs=1e-5)
    task = from_task(drawn(1), examples=COMMON["examples"], seed=0)
    parameters = {**HOW.parameters(), "steps": 24, "passes": 8, "batch_size": 8, "points": 6, "learning_rate": 0.001}
    curve = HOW.read(surrogate, task, parameters, seed=0).parts["curve"]
    held = vectors.matrix[vectors.names.index("meals")]
    assert held.tolist() == pytest.approx((curve / np.linalg.norm(curve)).tolist(), abs=1e-4)
    row = vectors.names.index("films")
    others = [i for i in range(5) if i != row]
    expected = {vectors.names[i]: float(similarities[row, i]) for i in others}
    found = {match.name: match.similarity for match in filled.nearest("films")}
    assert found == pytest.approx(expected, abs=1e-4)
    assert list(found) == sorted(expected, key=lambda name: -expected[name])
    assert filled.catalog.spaces.get().dimension == made.dimension == 6


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"points": "1"}, "^points of the loss curve are at least 2, and fewer than steps"),
        ({"points": "64"}, "^points of the loss curve are at least 2, and fewer than steps"),
        ({"steps": "10"}, "^points of the loss curve are at least 2, and fewer than steps"),
        ({"objective": "text-to-text"}, "^An encoder writes no text"),
        ({"tuning": "bias"}, "^No setting 'tuning': there are examples, .*, points"),
    ],
)
def test_a_curve_of_settings_that_make_no_sense_is_refused(
    filled: Registry, folder: Path, settings: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        space(filled, folder, **settings)


# -- where methods are listed ------------------------------------------------------------------------


def test_every_method_is_named_wherever_methods_are_listed() -> None:
    helped = CliRunner().invoke(cli.main, ["space", "create", "--help"]).output
    readme = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| method |"))
    rooms = next(line for line in (ROOT / "docs" / "architecture.md").read_text().splitlines() if "  methods/" in line)

    for text in (helped, readme, rooms, create_space.__doc__ or ""):
        assert [name for name in METHODS if name not in text] == []
