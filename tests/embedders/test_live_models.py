"""Models of a session of Python: functions of a notebook, fitted pipelines, whatever has `predict`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_cli import tiny_bert, write_rows, write_task

from embedders import create_space, embed, live_model, recorded_model
from embedders.errors import BlackBoxError, SettingError
from embedders.surrogate.model import Surrogate
from registry import Registry
from registry.errors import AlreadyExistsError, DataError, InputError
from registry.formats.tasks import read_task


@pytest.fixture
def store(registry: Registry, tmp_path: Path) -> Registry:
    """Three tasks, and a space whose corpus are their texts."""
    for number, name in enumerate(("film", "shop", "bank")):
        registry.add_task(name, read_task(str(write_task(tmp_path / name, number))))
    registry.sample_corpus("texts")
    create_space(registry, "tiny", surrogate=str(tiny_bert(tmp_path / "bert")), corpus="texts", dimension=64)
    return registry


class Fitted:
    """What a fitted classifier looks like."""

    def __init__(self, classes: list[Any]) -> None:
        self.classes_ = np.array(classes)

    def predict_proba(self, texts: list[str]) -> Any:  # noqa: ANN401 - an array
        yes = np.array([0.9 if len(text) % 2 else 0.2 for text in texts])
        return np.stack([1 - yes, yes], axis=1)


class OnlyPredicts:
    """One without probabilities."""

    classes_ = np.array([0, 1])

    def predict(self, texts: list[str]) -> Any:  # noqa: ANN401 - an array
        return np.array([len(text) % 2 for text in texts])


def shout(texts: list[str]) -> list[str]:
    return ["long" if len(text) > 30 else "short" for text in texts]


def answers_of(registry: Registry, name: str) -> tuple[str, ...]:
    return tuple(registry.entry(name).spec["answers"])


def test_a_function_of_a_notebook_is_asked_at_once_and_embedded(store: Registry) -> None:
    live_model(store, "shout", shout)
    live_model(store, "lambda", lambda texts: [{"yes": 0.7, "no": 0.3} for _ in texts[:-1]] + [{"no": 1.0}])

    report = embed(store)

    assert not report.failed
    assert {"shout", "lambda"} <= set(report.embedded)
    assert set(answers_of(store, "shout")) == {"long", "short"}
    assert store.nearest("shout", kind="task")


def test_a_fitted_classifier_gives_probabilities_under_the_names_of_its_classes(store: Registry) -> None:
    live_model(store, "named", Fitted(["negative", "positive"]))
    live_model(store, "numbered", Fitted([0, 1]), answers={0: "negative", 1: "positive"})
    live_model(store, "hard", OnlyPredicts(), answers={0: "negative", 1: "positive"})

    for name in ("named", "numbered", "hard"):
        assert set(answers_of(store, name)) == {"negative", "positive"}
    embed(store)
    assert store.compare("named", "numbered").similarity == pytest.approx(1, abs=1e-6), "they say the same"


def test_a_pipeline_of_scikit_learn(store: Registry) -> None:
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    task = store.task_data("film")
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    pipeline.fit([row.text for row in task.train], [row.label for row in task.train])

    live_model(store, "pipeline", pipeline)

    assert set(answers_of(store, "pipeline")) == set(task.labels or ())
    assert not embed(store, ["pipeline"]).failed


@pytest.mark.parametrize(
    ("model", "answers", "error", "why"),
    [
        (OnlyPredicts(), None, DataError, "answers 0, 1 say nothing of what they mean"),
        (OnlyPredicts(), {0: "no"}, InputError, "name each of the answers"),
        (lambda texts: [1.0] * len(texts), {"2": "two"}, InputError, "name each of the answers 1"),
        (lambda texts: texts[:3], None, BlackBoxError, "3 answers to"),
        (lambda _: 1 / 0, None, BlackBoxError, "raised ZeroDivisionError"),
        (lambda texts: [["a", "b"] for _ in texts], None, BlackBoxError, "must answer with texts"),
        (lambda texts: [{"a": 0.9, "b": 0.8} for _ in texts], None, BlackBoxError, "add up to 1.7"),
        (
            lambda texts: [{"label": "1", "score": 0.97} for _ in texts],
            {},
            BlackBoxError,
            "as pipelines of transformers",
        ),
        (object(), None, SettingError, "is no function, and has no predict"),
        (type("Regressor", (), {"predict": lambda _self, texts: texts})(), None, SettingError, "no fitted classifier"),
    ],
)
def test_what_answers_with_nothing_that_can_be_read_is_refused_and_nothing_is_registered(
    store: Registry,
    model: Any,  # noqa: ANN401
    answers: dict[Any, str] | None,
    error: type[Exception],
    why: str,
) -> None:
    with pytest.raises(error, match=why):
        live_model(store, "odd", model, answers=answers)

    assert "odd" not in [row.name for row in store.models()]


def test_a_space_without_a_corpus_has_nothing_to_ask(store: Registry, tmp_path: Path) -> None:
    create_space(store, "tasks", surrogate=str(tmp_path / "bert"), corpus=None, dimension=64)

    with pytest.raises(SettingError, match="has no corpus to ask a model about"):
        live_model(store, "shout", shout, space="tasks")


def test_the_corpus_is_read_once_for_models_that_answered_most_of_it(
    store: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [one.text for one in store.corpus_inputs("texts")]
    for number in range(3):
        rows = [{"text": text, "answer": ("yes", "no")[n % 2]} for n, text in enumerate(texts) if n % 9 != number]
        recorded_model(store, f"gaps{number}", str(write_rows(tmp_path / f"{number}.jsonl", rows)))
    read: list[int] = []
    features = Surrogate._features
    monkeypatch.setattr(Surrogate, "_features", lambda self, inputs: read.append(len(inputs)) or features(self, inputs))

    report = embed(store, ["gaps0", "gaps1", "gaps2"])

    assert not report.failed
    assert [count for count in read if count > 2] == [len(texts)]


def test_answers_that_mean_something_else_are_another_version(store: Registry, tmp_path: Path) -> None:
    live_model(store, "box", OnlyPredicts(), answers={0: "bad", 1: "good"})
    with pytest.raises(AlreadyExistsError):
        live_model(store, "box", OnlyPredicts(), answers={0: "business", 1: "sports"})
    live_model(store, "box", OnlyPredicts(), answers={0: "business", 1: "sports"}, replace=True)

    assert (store.entry("box").version, set(answers_of(store, "box"))) == (2, {"business", "sports"})


def test_a_replaced_table_of_answers_takes_the_place_of_the_old_one(store: Registry, tmp_path: Path) -> None:
    texts = [one.text for one in store.corpus_inputs("texts")]
    table = tmp_path / "table.csv"
    table.write_text("text,p,q\n" + "".join(f"{text},{n % 2},{n % 3 % 2}\n" for n, text in enumerate(texts)))
    recorded_model(store, "llm", str(table), names={"0": "no", "1": "yes"})

    recorded_model(store, "llm", str(table), names={"0": "yes", "1": "no"}, replace=True)

    assert store.catalog.entries.prompts_of("llm") == ["p", "q"]
    assert store.entry("llm@p").version == 2
    assert answers_of(store, "llm@p")[0] == "yes"


def test_classes_are_told_apart_to_their_last_digit(store: Registry) -> None:
    names = {1234567: "one product", 1234568: "another product"}

    live_model(store, "products", Fitted([1234567, 1234568]), answers=names)

    assert set(answers_of(store, "products")) == set(names.values())


def test_classes_that_are_one_text_are_refused(store: Registry) -> None:
    with pytest.raises(BlackBoxError, match="Two labels are the same text, '1'"):
        live_model(store, "twice", lambda texts: [{1: 0.3, "1": 0.7} for _ in texts])


def test_truth_values_and_numbers_that_are_none(store: Registry) -> None:
    live_model(store, "truth", lambda texts: [len(t) % 2 == 0 for t in texts], answers={True: "even", False: "odd"})
    assert set(answers_of(store, "truth")) == {"even", "odd"}

    with pytest.raises(BlackBoxError, match="must answer with texts"):
        live_model(store, "holes", lambda texts: [float("nan"), *["good"] * (len(texts) - 1)])


def test_columns_of_any_script_keep_their_names(store: Registry, tmp_path: Path) -> None:
    texts = [one.text for one in store.corpus_inputs("texts")]
    table = tmp_path / "table.csv"
    rows = "".join(f"{text},{('yes', 'no')[n % 2]},{('yes', 'no')[n % 3 % 2]},yes\n" for n, text in enumerate(texts))
    table.write_text("text,P1,日本/語,प 1\n" + rows)
    live_model(store, "p1", shout)  # names are shared by all kinds

    recorded_model(store, "llm", str(table))

    assert store.catalog.entries.prompts_of("llm") == sorted(["llm/P1", "日本/語", "प-1"])
