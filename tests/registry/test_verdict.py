"""What a ranking comes to: use this one, these are equal, nothing here is alike."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from registry import Registry
from registry.catalog import Filter
from registry.catalog.records import NewEntry
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.tasks import TaskData
from registry.kinds import EntryKind
from registry.ranking.finding import Finding
from registry.ranking.matches import Match
from registry.ranking.reasons import because
from registry.spaces.facets import Facet, weights_between
from registry.spaces.spec import SpaceSpec

NUMBERS = 64
ONE = SpaceSpec("5" * 64, "here", "tupate", {}, (Facet("text", NUMBERS),), None)
MEASURED = replace(
    ONE,
    surrogate_source="minilm",
    method="mapemb",
    facets=(Facet("inputs", 256), Facet("answers", 256), Facet("joint", 512), Facet("map", 1024)),
)
TASK = Filter(kinds=(EntryKind.TASK,))


def direction(number: int, near: int | None = None, share: float = 0.0) -> NDArray[np.float32]:
    """Return a unit vector along an axis, a share of it towards another axis."""
    vector = np.zeros(NUMBERS)
    vector[number] = np.sqrt(1 - share**2)
    if near is not None:
        vector[near] = share
    return vector.astype(np.float32)


def put(
    registry: Registry,
    name: str,
    vector: NDArray[np.float32],
    labels: tuple[str, str] = ("x", "y"),
    examples: int = 8,
) -> None:
    rows = tuple(Example(f"{name} {number}", labels[number % 2]) for number in range(examples))
    data = TaskData("classification", labels, rows)
    version = registry.add_task(name, data).version_id
    registry.catalog.embeddings.put(version, registry.catalog.spaces.get("s"), vector, {})


def put_model(
    registry: Registry, name: str, vector: NDArray[np.float32], answers: list[str], spec: dict[str, object]
) -> None:
    entry = registry.catalog.entries.add(
        NewEntry(EntryKind.MODEL, name, f"{name} of {spec['source']}", spec), replace=True
    )
    space = registry.catalog.spaces.get("s")
    registry.catalog.embeddings.put(entry.version_id, space, vector, {})
    assert space.corpus_version_id is not None
    said = Predictions.from_texts(answers)
    registry.catalog.predictions.put(entry.version_id, space.corpus_version_id, start=0, predictions=said)


def found(registry: Registry, name: str, limit: int = 10) -> Finding:
    verdict = registry.nearest(name, limit=limit, where=TASK).verdict
    assert verdict is not None
    return verdict


@pytest.fixture
def many(registry: Registry) -> Registry:
    """Fourteen tasks, each in a direction of its own, but for `twin`, which is like `first`."""
    registry.add_space("s", ONE, corpus=None)
    put(registry, "first", direction(0), ("bad", "good"))
    for number in range(1, 13):
        put(registry, f"t{number}", direction(number))
    put(registry, "twin", direction(13, 0, 0.8), ("good", "bad"))
    return registry


def test_what_is_alike_is_to_be_used_and_the_reason_is_said(many: Registry) -> None:
    verdict = found(many, "first")

    assert (verdict.kind, verdict.names) == ("use", ("twin",))
    assert str(verdict).startswith("Use twin: both answer good or bad, and their vectors are alike (text 0.7")


def test_a_task_like_none_of_the_space_is_told_so_with_what_unrelated_tasks_reach(many: Registry) -> None:
    put(many, "stranger", direction(40, 3, 0.05))

    verdict = found(many, "stranger")

    assert (verdict.kind, verdict.because) == ("nothing", None)
    assert str(verdict) == (
        "Nothing here is alike: the nearest, t3, has a similarity of -0.02, and unrelated ones reach 0.11."
    )


@pytest.mark.parametrize("count", [2, 7])
def test_few_examples_do_not_tell_what_is_alike_whoever_has_them(many: Registry, count: int) -> None:
    put(many, "mine", direction(20, 0, 0.9), ("good", "bad"), examples=count)
    put(many, "stranger", direction(40, 3, 0.05), examples=count)

    for asked, nearest, few in (("mine", "first", "mine"), ("first", "mine", "mine"), ("stranger", "t3", "stranger")):
        verdict = found(many, asked)
        assert (verdict.kind, verdict.names, verdict.because) == ("unknown", (nearest,), None)
        has = f"{few} has {count} training examples, and fewer than 8 tell too little"
        assert str(verdict) == f"Whether {nearest} is alike is open: {has}."


def test_copies_of_two_examples_are_two(many: Registry) -> None:
    rows = tuple(Example(f"mine {number % 2}", ("good", "bad")[number % 2]) for number in range(20))
    version = many.add_task("mine", TaskData("classification", ("good", "bad"), rows)).version_id
    many.catalog.embeddings.put(version, many.catalog.spaces.get("s"), direction(20, 0, 0.9), {})

    for asked, nearest in (("mine", "first"), ("first", "mine")):
        has = "mine has 2 distinct training examples, and fewer than 8 tell too little"
        assert str(found(many, asked)) == f"Whether {nearest} is alike is open: {has}."


def test_two_that_are_as_near_cannot_be_told_apart_even_if_one_alone_is_asked_for(many: Registry) -> None:
    put(many, "triplet", direction(14, 0, 0.8), ("good", "bad"))

    for limit in (1, 10):
        verdict = found(many, "first", limit)
        assert (verdict.kind, set(verdict.names)) == ("equal", {"twin", "triplet"})
        assert "cannot be told apart" in str(verdict)


def test_what_the_same_labels_say_already_is_not_said_again_by_the_answers_facet(registry: Registry) -> None:
    labels, facets = ("good", "bad"), (Facet("answers", 2), Facet("joint", 2))
    match = Match(1, "other", EntryKind.TASK, 0.9, {"answers": 1.0, "joint": 0.6})
    for name, its in (("one", labels), ("other", labels), ("another", ("yes", "no"))):
        registry.add_task(
            name, TaskData("classification", its, (Example(name, its[0]), Example(f"not {name}", its[1])))
        )
    entries, weights = registry.catalog.entries, weights_between(facets, EntryKind.TASK)

    same, differs = (because(registry.catalog, entries.get(name), None, match, weights) for name in ("one", "another"))

    assert same == "both answer good or bad, and their texts and answers together are alike (joint 0.60)"
    assert differs == "their answers mean alike (answers 1.00)"


def test_with_few_tasks_nothing_is_said_of_what_is_alike(registry: Registry) -> None:
    registry.add_space("s", ONE, corpus=None)
    for number in range(11):
        put(registry, f"t{number}", direction(number, 0, 0.9) if number else direction(0))

    assert found(registry, "t0").kind == "unknown"


def test_nothing_is_said_of_an_empty_answer_nor_of_other_rankings(many: Registry) -> None:
    assert many.nearest("first", kind="model").verdict is None
    assert many.nearest("first", by="size").verdict is None
    assert many.nearest("first", by="size").as_json()["verdict"] is None


@pytest.mark.parametrize(("joint", "kind"), [(0.96, "use"), (0.90, "nothing")])
def test_in_the_default_space_the_measured_level_holds_however_few_tasks_there_are(
    registry: Registry, joint: float, kind: str
) -> None:
    """Similarity is a third of the joint facet here: 0.96 gives 0.32, 0.90 gives 0.3."""
    registry.add_space("s", MEASURED, corpus=None)
    one, other = np.zeros((2, 4, 1024))
    for facet in range(4):
        one[facet, 0], other[facet, 1] = 0.5, 0.5
    other[2, :2] = 0.5 * joint + 1e-4, 0.5 * np.sqrt(1 - (joint + 2e-4) ** 2)
    sizes = [facet.size for facet in MEASURED.facets]
    for name, parts in (("one", one), ("other", other)):
        vector = np.concatenate([part[:size] for part, size in zip(parts, sizes, strict=True)])
        put(registry, name, (vector / np.linalg.norm(vector)).astype(np.float32))

    assert found(registry, "one").kind == kind
    own = registry.nearest("one", weights={"joint": 1}).verdict  # of the user's own weights nothing was measured
    assert own is not None
    assert own.kind == "unknown"


def put_alike(registry: Registry, maps: dict[str, float], labels: tuple[str, str] = ("x", "y")) -> None:
    """Put tasks that differ from `one` in the map alone, with these cosines; the first are nearer in the joint."""
    registry.add_space("s", MEASURED, corpus=None)
    sizes = [facet.size for facet in MEASURED.facets]
    for number, (name, cosine) in enumerate({"one": 1.0, **maps}.items()):
        parts = np.zeros((4, 1024))
        parts[:, 0] = 0.5
        parts[2, :2] = 0.5 * np.cos(0.05 * number), 0.5 * np.sin(0.05 * number)
        parts[3, [0, number]] = (0.5 * cosine, 0.5 * np.sqrt(1 - cosine**2)) if number else 0.5
        vector = np.concatenate([part[:size] for part, size in zip(parts, sizes, strict=True)])
        put(registry, name, vector.astype(np.float32), ("x", "y") if name == "one" else labels)


@pytest.mark.parametrize(("maps", "kind"), [(0.2, "use"), (-0.2, "unknown")])
def test_a_task_that_gives_the_same_labels_to_other_texts_is_not_to_be_started_from(
    registry: Registry, maps: float, kind: str
) -> None:
    put_alike(registry, {"other": maps})

    verdict = found(registry, "one")

    assert (verdict.kind, verdict.names) == (kind, ("other",))
    if kind == "unknown":
        assert str(verdict) == (
            "other is nearest, but like texts have unlike answers there (map -0.20): "
            "are its labels, or yours, the other way round?"
        )


def test_where_most_give_the_same_labels_to_other_texts_ones_own_may_be_turned(registry: Registry) -> None:
    put_alike(registry, {"lucky": 0.1, "a": -0.2, "b": -0.3})

    assert str(found(registry, "one")) == (
        "lucky is nearest, but like texts have unlike answers in a and b, of the same labels (map -0.20): "
        "are its labels, or yours, the other way round?"
    )


def test_of_other_labels_the_map_says_nothing_of_that(registry: Registry) -> None:
    put_alike(registry, {"other": -0.2}, labels=("z", "w"))

    assert found(registry, "one").kind == "use"


def test_a_model_that_gives_nearly_always_one_answer_is_said_to_and_is_like_nothing(registry: Registry) -> None:
    corpus = registry.add_corpus("texts", [Input(f"text {number}") for number in range(100)], source="here")
    registry.add_space("s", replace(ONE, corpus=corpus.content_hash), corpus=corpus)
    for number in range(12):
        put(registry, f"t{number}", direction(number), ("clean", "rude"))
    spec: dict[str, object] = {"type": "function", "source": "here:it"}
    put_model(registry, "filter", direction(20, 3, 0.9), ["clean"] * 97 + ["rude"] * 3, spec)
    put_model(registry, "judge", direction(21, 3, 0.9), ["clean"] * 60 + ["rude"] * 40, spec)

    filtered, judged = found(registry, "filter"), found(registry, "judge")

    assert str(filtered) == (
        "Nothing here is alike: filter answers 'clean' to 97 of 100 texts, which tells nothing of what it does."
    )
    assert filtered.as_json()["near_constant"] == {"name": "filter", "answer": "clean", "share": 0.97}
    assert (judged.kind, judged.names, judged.constant) == ("use", ("t3",), None)
    assert "both answer clean or rude" in str(judged)


def test_a_near_constant_model_that_is_found_is_said_to_be_one(registry: Registry) -> None:
    corpus = registry.add_corpus("texts", [Input(f"text {number}") for number in range(100)], source="here")
    registry.add_space("s", replace(ONE, corpus=corpus.content_hash), corpus=corpus)
    for number in range(12):
        put(registry, f"t{number}", direction(number))
    put_model(registry, "filter", direction(20, 3, 0.9), ["clean"] * 100, {"type": "function", "source": "here:it"})

    verdict = registry.nearest("t3").verdict

    assert verdict is not None
    assert (verdict.kind, verdict.names) == ("nothing", ("filter",))


def test_an_older_version_is_judged_by_its_own_answers_and_examples(registry: Registry) -> None:
    corpus = registry.add_corpus("texts", [Input(f"text {number}") for number in range(100)], source="here")
    registry.add_space("s", replace(ONE, corpus=corpus.content_hash), corpus=corpus)
    for number in range(12):
        put(registry, f"t{number}", direction(number), ("clean", "rude"))
    spec: dict[str, object] = {"type": "function", "source": "here:it"}
    put_model(registry, "filter", direction(20, 3, 0.9), ["clean"] * 100, spec)
    put_model(registry, "filter", direction(20, 3, 0.9), ["clean"] * 60 + ["rude"] * 40, {**spec, "source": "here:new"})
    put(registry, "few", direction(30, 4, 0.9), examples=5)
    rows = tuple(Example(f"few {number}", "xy"[number % 2]) for number in range(8))
    newer = registry.add_task("few", TaskData("classification", ("x", "y"), rows), replace=True).version_id
    registry.catalog.embeddings.put(newer, registry.catalog.spaces.get("s"), direction(30, 4, 0.9), {})

    assert str(found(registry, "filter:1")).startswith("Nothing here is alike: filter:1 answers 'clean' to 100 of 100")
    assert found(registry, "filter").kind == "use"
    assert "few:1 has 5 training examples" in str(found(registry, "few:1"))
    assert "fewer than 8" not in str(found(registry, "few"))
    assert registry.nearest("filter:1").query == "filter:1"
    compared = registry.compare("filter:1", "filter:2")
    assert (compared.a, compared.b) == ("filter:1", "filter")


@pytest.mark.parametrize("count", [20, 100])
def test_of_tasks_that_have_nothing_in_common_none_is_alike_however_many_there_are(
    registry: Registry, count: int
) -> None:
    registry.add_space("s", ONE, corpus=None)
    for number, row in enumerate(np.random.default_rng(0).normal(size=(count, NUMBERS))):
        put(registry, f"t{number}", (row / np.linalg.norm(row)).astype(np.float32))

    kinds = [found(registry, f"t{number}").kind for number in range(20)]

    assert kinds.count("nothing") >= 18
