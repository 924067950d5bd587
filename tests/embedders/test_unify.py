"""Whether models land by their tasks: which texts they are asked, how they are kept, who is compared with whom."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny import BAD, GOOD, THINGS, opinions, sentences, tiny_encoder
from tiny_disk import full_beyond

from commands.evaluate.unify import ARCHITECTURES as OFFERED
from commands.evaluate.unify import unify as command
from embedders import create_space, embed, hf_model
from embedders.errors import SettingError
from embedders.evaluation.placing import MethodSpace
from embedders.evaluation.unify.evaluate import BASELINE, UnifySettings, groups_of, read_tasks, replaced, unify
from embedders.evaluation.unify.proxies import ARCHITECTURES, NOTE, trained_model
from embedders.evaluation.unify.ranked import AnswerText, TaskSearch
from embedders.evaluation.unify.unlabelled import OTHERS, unlabelled
from embedders.evaluation.unify.words import BagOfWords
from embedders.observed import from_answers
from embedders.spaces import EVERYDAY
from embedders.surrogate.model import Surrogate
from embedders.surrogate.recalling import RecallingSurrogate
from embedders.surrogate.weights import label_names
from embedders.tuning.training import finetune_classifier
from registry import Registry
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.errors import InputError, NotFoundError, StorageError
from registry.formats.tasks import write_task
from registry.spaces.facets import Facet
from registry.spaces.vectors import unit

ASKED = [Input(text) for text in sentences((*GOOD, *BAD), 24)]


def task_of(texts: list[tuple[str, str | None]], labels: tuple[str, ...] = ("no", "yes")) -> TaskData:
    rows = tuple(Example(text, labels[i % len(labels)], pair) for i, (text, pair) in enumerate(texts))
    return TaskData(kind="classification", labels=labels, train=rows)


def topics(count: int, labels: tuple[str, str] = ("film", "meal")) -> TaskData:
    """Return a task whose texts share no words that tell with those of `opinions`."""
    rows = [Example(f"the {THINGS[i % 2]} of the {THINGS[2 + i % 4]} {i}", labels[i % 2]) for i in range(count)]
    return TaskData(kind="classification", labels=labels, train=tuple(rows), test=tuple(rows[:8]))


def agreement(count: int) -> TaskData:
    """Return a task of pairs whose answer depends on the second text alone."""
    rows = [
        Example(f"a {THINGS[i % 6]} number {i}", ("no", "yes")[i // 2 % 2], f"it is {(BAD, GOOD)[i // 2 % 2][i % 4]}")
        for i in range(count)
    ]
    return TaskData(kind="classification", labels=("no", "yes"), train=tuple(rows), test=tuple(rows[:12]))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("base") / "encoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three tasks that can be told apart, and one of another kind."""
    made = tmp_path_factory.mktemp("tasks")
    for name, task in (("opinions", opinions(24)), ("topics", topics(24)), ("agreement", agreement(24))):
        write_task(task, name, made / name)
    (made / "odd").mkdir()
    (made / "odd" / "task.json").write_text('{"name": "odd", "kind": "multiple-choice"}')
    return made


# -- what models are asked ---------------------------------------------------------------------------

texts = st.sampled_from([f"text {number}" for number in range(12)] + ["Text  3", "TEXT 4 "])
task_data = st.lists(st.tuples(texts, st.none() | texts), min_size=1, max_size=8).map(task_of)


@given(st.lists(task_data, min_size=2, max_size=4), st.integers(1, 5), st.integers(0, 3))
def test_no_text_of_its_own_task_is_in_a_models_corpus(rows: list[TaskData], per_task: int, seed: int) -> None:
    tasks = {f"t{number}": task for number, task in enumerate(rows)}
    try:
        corpus = unlabelled(OTHERS, tasks, per_task=per_task, seed=seed)
    except InputError:
        return  # a task that knows all that the others ask

    for name, task in tasks.items():
        own = {" ".join(text.lower().split()) for e in task.train for text in (e.text, e.text_pair) if text}
        asked = {" ".join(text.lower().split()) for one in corpus.for_task(name) for text in one if text}
        assert asked
        assert own & asked == set()


def test_a_models_corpus_is_what_the_other_tasks_ask() -> None:
    tasks = {
        "a": task_of([("one", None), ("two", None)]),
        "b": task_of([("Two", None), ("three", None)]),
        "c": task_of([("four", "one"), ("five", "six")]),
    }

    corpus = unlabelled(OTHERS, tasks, per_task=9, seed=0)

    assert set(corpus.for_task("a")) == {Input("three"), Input("five", "six")}
    assert set(corpus.for_task("b")) == {Input("one"), Input("four", "one"), Input("five", "six")}
    assert set(corpus.for_task("c")) == {Input("two"), Input("Two"), Input("three")}
    assert corpus.described() == {"name": "others", "texts": 6, "least": 2, "most": 3}


def test_of_a_file_what_any_task_knows_is_asked_of_none(tmp_path: Path) -> None:
    tasks = {"a": task_of([("one", None), ("two", None)]), "b": task_of([("three", None), ("four", None)])}
    (tmp_path / "some.txt").write_text("one\nfive\nTHREE\nsix\n")

    corpus = unlabelled(str(tmp_path / "some.txt"), tasks, per_task=60, seed=0)

    assert corpus.for_task("a") == corpus.for_task("b") == (Input("five"), Input("six"))
    assert corpus.name == "some.txt"


def test_the_everyday_corpus_loses_what_a_task_knows() -> None:
    other = task_of([("unheard of", None), ("never seen", None)])
    before = unlabelled(EVERYDAY, {"a": other, "b": other}, per_task=60, seed=0)
    known = before.inputs[7]

    after = unlabelled(EVERYDAY, {"a": other, "b": task_of([(known.text, None)])}, per_task=60, seed=0)

    assert known in before.for_task("a")
    assert known not in after.for_task("a")
    assert len(before.inputs) > len(after.inputs) > 1000


def test_nothing_left_to_ask_is_told() -> None:
    same = task_of([("one", None), ("two", None)])

    with pytest.raises(InputError, match="No text is left on which to ask the models of a"):
        unlabelled(OTHERS, {"a": same, "b": same}, per_task=60, seed=0)


# -- training and keeping ----------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_kept_model_is_not_trained_again(architecture: str, base: Path, tmp_path: Path) -> None:
    first = trained_model("topics", topics(24), architecture, tmp_path, base=base)
    noted = (first.folder / NOTE).stat().st_mtime_ns
    second = trained_model("topics", topics(24), architecture, tmp_path, base=base)

    assert second == first
    assert (second.folder / NOTE).stat().st_mtime_ns == noted
    assert [path.name for path in tmp_path.iterdir()] == [first.folder.name]


@pytest.mark.parametrize("architecture", ["scratch", "bag-of-words"])
def test_other_data_or_settings_make_another_model(architecture: str, base: Path, tmp_path: Path) -> None:
    task = topics(24)
    changed = replace(task, train=task.train[:-1])

    made = {
        trained_model("topics", task, architecture, tmp_path, base=base).folder,
        trained_model("topics", changed, architecture, tmp_path, base=base).folder,
        trained_model("topics", task, architecture, tmp_path, base=base, examples=8).folder,
        trained_model("topics", task, architecture, tmp_path, base=base, seed=1).folder,
    }

    assert len(made) == 4


@pytest.mark.parametrize("damage", ["weights", "note", "lost"])
def test_a_damaged_model_is_trained_again(damage: str, base: Path, tmp_path: Path) -> None:
    first = trained_model("topics", topics(24), "scratch", tmp_path, base=base)
    answered = first.ask(ASKED)
    weights = first.folder / "model.safetensors"
    whole = weights.read_bytes()
    match damage:
        case "weights":
            weights.write_bytes(whole[:-4] + b"\0\0\0@")
        case "note":
            (first.folder / NOTE).write_text('{"recipe": ')
        case _:
            weights.unlink()

    again = trained_model("topics", topics(24), "scratch", tmp_path, base=base)

    assert again.folder == first.folder
    assert weights.read_bytes() == whole
    np.testing.assert_allclose(again.ask(ASKED), answered, atol=1e-6)


def test_a_training_that_fails_leaves_nothing_behind(base: Path, tmp_path: Path) -> None:
    task = replace(topics(8), labels=("film", "song"))  # half of the examples have a label that is not there

    with pytest.raises(ValueError, match="not in list"):
        trained_model("topics", task, "scratch", tmp_path / "kept", base=base)

    assert list((tmp_path / "kept").iterdir()) == []


def test_of_two_that_train_the_same_model_at_once_the_second_uses_what_the_first_made(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, first = BagOfWords.fit, []

    def fit_after_another(*given: Any, **settings: Any) -> BagOfWords:  # noqa: ANN401
        monkeypatch.setattr(BagOfWords, "fit", fit)
        first.append(trained_model("topics", topics(24), "bag-of-words", tmp_path, base=base))
        return fit(*given, **settings)

    monkeypatch.setattr(BagOfWords, "fit", fit_after_another)
    second = trained_model("topics", topics(24), "bag-of-words", tmp_path, base=base)

    assert [second] == first
    assert list(tmp_path.iterdir()) == [second.folder]


def test_answers_are_recorded_once_and_asked_for_again_where_damaged(base: Path, tmp_path: Path) -> None:
    model = trained_model("topics", topics(24), "bag-of-words", tmp_path, base=base)
    answered = model.ask(ASKED)
    (recorded,) = model.folder.glob("outputs-*")

    recorded.write_bytes(recorded.read_bytes()[:-30])
    np.testing.assert_array_equal(model.ask(ASKED), answered)
    (model.folder / "words.safetensors").unlink()
    np.testing.assert_array_equal(model.ask(ASKED), answered)  # read back: there is no model any more
    assert model.ask(ASKED).shape == (len(ASKED), 2)
    assert np.allclose(answered.sum(axis=1), 1)


@pytest.mark.parametrize("architecture", ["scratch", "bag-of-words"])
@pytest.mark.parametrize("task", [topics(48), agreement(48)], ids=["texts", "pairs"])
def test_models_learn_their_task(architecture: str, task: TaskData, base: Path, tmp_path: Path) -> None:
    model = trained_model("task", task, architecture, tmp_path, base=base)

    seen = model.ask([Input(e.text, e.text_pair) for e in task.train]).argmax(axis=1)
    right = [(task.labels or ()).index(e.label) for e in task.train]
    assert (seen == right).mean() >= 0.9
    assert model.accuracy is not None
    assert model.accuracy >= 0.7
    assert model.answers == task.labels
    assert len({path.stat().st_mode for path in model.folder.iterdir()}) == 1  # who may read one file may read all


def test_a_pretrained_encoder_is_fine_tuned(base: Path, tmp_path: Path) -> None:
    accuracy = finetune_classifier(base, topics(48), tmp_path / "model", epochs=20, learning_rate=2e-3)

    assert accuracy >= 0.9
    assert label_names(tmp_path / "model") == ["film", "meal"]


def test_answers_are_texts_where_labels_say_little(base: Path, tmp_path: Path) -> None:
    task = replace(topics(8, ("0", "1")), answers={"0": "about films", "1": "about meals"}, test=())

    model = trained_model("topics", task, "bag-of-words", tmp_path, base=base)

    assert model.answers == ("about films", "about meals")
    assert model.accuracy is None


def test_an_architecture_that_is_not_there_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="there are finetuned, scratch, bag-of-words"):
        trained_model("topics", topics(8), "forest", tmp_path, base=base)


@pytest.mark.parametrize("size", [300, 5000, 20_000])  # where settings, the tokenizer and weights break off
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_disk_that_is_full_is_told(base: Path, tmp_path: Path, architecture: str, size: int) -> None:
    with full_beyond(size), pytest.raises(StorageError, match="File too large"):
        trained_model("topics", topics(8), architecture, tmp_path, base=base)


def test_words_that_were_never_seen_leave_the_usual_answer() -> None:
    inputs = [Input(text) for text in ("good", "good", "good", "bad")]
    bag = BagOfWords.fit(inputs, np.array([1, 1, 1, 0]), 2, buckets=64, penalty=1e-2)

    assert bag.probabilities([Input("bad")]).argmax() == 0
    assert bag.probabilities([Input("")])[0, 1] > 0.5


# -- placing -----------------------------------------------------------------------------------------


def vectors(rows: Mapping[str, list[float]]) -> dict[str, NDArray[np.float32]]:
    return {name: unit(np.array(row, np.float32)) for name, row in rows.items()}


def test_ranks_and_scores_as_counted_by_hand() -> None:
    tasks = vectors({"east": [1, 0], "west": [-1, 0], "north": [0, 1], "south": [0, -1]})  # their mean is zero
    models = vectors({"east": [9, 1], "west": [1, 9], "north": [1, 9], "south": [9, -1]})
    ranked = TaskSearch("by-hand", [Facet("all", 2)], tasks, {(n, "any"): v for n, v in models.items()})

    everyone, two = ranked.scores({"all": list(tasks), "two": ["east", "south"]})

    # The model of east is nearest to east; that of west to north, then to east, then to west; that of north to
    # north; that of south to east, then to south.
    assert [row.own_rank for row in ranked.placed()] == [1, 3, 1, 2]
    assert [row.nearest for row in ranked.placed()] == ["east", "north", "north", "east"]
    assert (everyone.tasks, everyone.top1, everyone.mrr) == (4, 0.5, pytest.approx((1 + 1 / 3 + 1 + 1 / 2) / 4))
    assert (two.tasks, two.top1, two.mrr) == (2, 0.5, 0.75)  # the model of south is nearer to east here too


def test_what_all_tasks_share_is_taken_away_before_models_are_compared() -> None:
    tasks = vectors({"a": [9, 1, 0], "b": [9, -1, 0], "c": [9, 0, 1], "d": [9, 0, -1]})
    ranked = TaskSearch("by-hand", [Facet("all", 3)], tasks, {(name, "any"): v for name, v in tasks.items()})

    similarity, facets = ranked.compared(tasks["a"], tasks["b"])

    assert similarity == pytest.approx(-1, abs=1e-4)
    assert facets == {"all": pytest.approx(-1, abs=1e-4)}


def test_groups_are_tasks_with_the_same_answers_whatever_their_order() -> None:
    def asks(*labels: str, **answers: str) -> TaskData:
        return replace(task_of([("one", None)], labels), answers=answers)

    tasks = {
        "a": asks("yes", "no"),
        "b": asks("no", "yes"),
        "c": asks("0", "1", **{"0": "no", "1": "yes"}),
        "d": asks("good", "bad"),
        "e": asks("bad", "good"),
    }

    assert groups_of(tasks) == {"all": ["a", "b", "c", "d", "e"], "no/yes": ["a", "b", "c"]}


def test_the_baseline_is_the_mean_answer_text(base: Path) -> None:
    surrogate = Surrogate(base, device="cpu")
    space = AnswerText(surrogate)
    task = replace(opinions(8), train=opinions(8).train[:3])  # positive, negative, positive

    texts_ = surrogate.text_features(("negative", "positive"))
    np.testing.assert_allclose(space.of_task(task), unit(texts_[0] + 2 * texts_[1]), atol=1e-5)
    said = from_answers((Input("one"), Input("two")), ("negative", "positive"), np.eye(2, dtype=np.float32)[[0, 0]])
    np.testing.assert_allclose(space.of_model(said), texts_[0], atol=1e-5)


def test_a_share_of_the_answers_is_replaced() -> None:
    answered = np.eye(3, dtype=np.float32)[np.zeros(1000, int)]

    changed = {share: replaced(answered, share, seed=0) for share in (0.0, 0.5, 1.0)}

    assert (changed[0.0] == answered).all()
    assert (changed[0.5].argmax(axis=1) != 0).mean() == pytest.approx(0.5 * 2 / 3, abs=0.05)
    assert np.bincount(changed[1.0].argmax(axis=1)).tolist() == [pytest.approx(333, abs=50)] * 3
    assert (replaced(answered, 0.5, seed=0) == changed[0.5]).all()
    assert (replaced(answered, 0.5, seed=1) != changed[0.5]).any()


def test_features_are_the_surrogates_own(base: Path) -> None:
    plain, recalling = Surrogate(base, device="cpu"), RecallingSurrogate(base, device="cpu")

    recalling.features(ASKED[:5])
    np.testing.assert_allclose(recalling.features(ASKED[3:9]), plain.features(ASKED[3:9]), atol=2e-2)
    first = recalling.features(ASKED[:5])
    assert (recalling.features([ASKED[4], ASKED[0]]) == first[[4, 0]]).all()


# -- the whole ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settings(base: Path, tmp_path_factory: pytest.TempPathFactory) -> UnifySettings:
    return UnifySettings(
        architectures=("bag-of-words",),
        models=tmp_path_factory.mktemp("models"),
        surrogate=str(base),
        per_task=12,
        device="cpu",
        corrupt=True,
    )


def test_models_are_placed_as_the_registry_places_them(
    folder: Path, base: Path, settings: UnifySettings, registry: Registry, tmp_path: Path
) -> None:
    tasks, _ = read_tasks(folder)
    corpus = unlabelled(OTHERS, tasks, per_task=12, seed=0)
    model = trained_model("topics", tasks["topics"], "scratch", settings.models or tmp_path, base=base)
    for name, task in tasks.items():
        registry.add_task(name, task)
    registry.add_corpus("others", corpus.for_task("topics"), source="by hand")
    hf_model(registry, "model", str(model.folder))
    create_space(registry, "space", surrogate=str(base), corpus="others")
    assert embed(registry, space="space", device="cpu").failed == {}

    space = MethodSpace("mapemb", Surrogate(base, device="cpu"), str(base), seed=0)
    dtes = {name: space.of_task(task) for name, task in tasks.items()}
    said = from_answers(corpus.for_task("topics"), model.answers, model.ask(corpus.for_task("topics")), hard=True)
    ranked = TaskSearch("mapemb", space.facets, dtes, {("topics", "scratch"): space.of_model(said)})

    theirs = {match.name: match.similarity for match in registry.nearest("model", kind="task")}
    ours = dict(zip(dtes, ranked.similarities["topics", "scratch"], strict=True))
    assert ours == {name: pytest.approx(similarity, abs=1e-2) for name, similarity in theirs.items()}


def test_the_command_prints_one_object(folder: Path, base: Path, settings: UnifySettings) -> None:
    result = CliRunner().invoke(
        command,
        f"{folder} --models {settings.models} --surrogate {base} --per-task 12 --corrupt --device cpu --json".split(),
    )

    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert set(said) == {"unify", "replaced", "models", "placed", "corpus", "skipped"}
    assert [(row["method"], row["architecture"]) for row in said["unify"]] == [
        (method, architecture) for method in ("answer text", "mapemb") for architecture in OFFERED
    ]
    assert all(row["group"] == "all" and row["tasks"] == 3 for row in said["unify"])
    assert {(m["task"], m["architecture"]) for m in said["models"]} == {
        (task, architecture) for task in ("agreement", "opinions", "topics") for architecture in OFFERED
    }
    assert len(said["placed"]) == 2 * 3 * 3
    assert set(said["placed"][0]) == {"model", "architecture", "method", "own_rank", "nearest"}
    assert [row["replaced"] for row in said["replaced"]] == [0.2, 0.5, 1.0]
    assert set(said["replaced"][0]["facets"]) == {"inputs", "answers", "joint", "map"}
    assert said["skipped"] == {"odd": "multiple-choice"}
    assert said["corpus"]["name"] == "others"
    assert "odd (multiple-choice)" in result.stderr


def test_the_command_prints_tables_and_nothing_else(folder: Path, base: Path, settings: UnifySettings) -> None:
    result = CliRunner().invoke(
        command,
        f"{folder} --task topics --task opinions --architecture bag-of-words --corpus everyday --device cpu "
        f"--models {settings.models} --surrogate {base}",
    )

    assert result.exit_code == 0, result.output
    assert "models among 2 tasks, asked the corpus everyday" in result.stdout
    assert "answer text" in result.stdout
    assert "scratch" not in result.stdout
    assert "skipped" not in result.stderr


def test_the_more_answers_are_replaced_the_less_a_model_is_itself(folder: Path, settings: UnifySettings) -> None:
    report = unify(folder, settings)

    near = [row.similarity for row in report.blurred]
    assert 1 > near[0] > near[2]
    assert {score.method for score in report.scores} == {"answer text", "mapemb"}


def test_answers_that_no_other_task_has_give_a_task_away(folder: Path, settings: UnifySettings) -> None:
    report = unify(folder, replace(settings, corrupt=False))

    placed = [(row.model, row.own_rank, row.nearest) for row in report.placed if row.method == BASELINE]
    assert placed == [(name, 1, name) for name in ("agreement", "opinions", "topics")]
    assert report.blurred == []


def test_what_cannot_be_evaluated_is_told(folder: Path, settings: UnifySettings, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'topics'"):
        unify(folder, replace(settings, tasks=("topic",)))
    with pytest.raises(InputError, match="two or more classification tasks, not 1"):
        unify(folder, replace(settings, tasks=("topics",)))
    with pytest.raises(InputError, match="holds no task folders"):
        unify(tmp_path, settings)
    with pytest.raises(SettingError, match="textemb sees no answers"):
        unify(folder, replace(settings, methods=("textemb",)))
    with pytest.raises(SettingError, match="No architecture 'forest'"):
        unify(folder, replace(settings, architectures=("forest",)))
