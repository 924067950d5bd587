"""Questions to a hand-made space: what is near, how near, and why."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from registry import Registry
from registry.catalog import Filter
from registry.catalog.records import NewEntry
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.data.vectors import VectorFile
from registry.errors import InputError, IntegrityError, NotEmbeddedError, SpaceMismatchError
from registry.kinds import EntryKind
from registry.ranking.matches import Ranking
from registry.spaces.facets import Facet, weights_between
from registry.spaces.spec import SpaceSpec

ONE = SpaceSpec("5" * 64, "here", "tupate", {}, (Facet("text", 3),), None)
LONG = replace(ONE, facets=(Facet("text", 64),))
THREE = replace(ONE, method="ours", facets=(Facet("inputs", 2), Facet("answers", 2), Facet("map", 2)))
TASK, MODEL, PROMPTED = EntryKind.TASK, EntryKind.MODEL, EntryKind.PROMPTED_MODEL

# Of the four directions that are tasks the mean is (0, 0, 0.8): centred they are the compass.
COMPASS = {"east": [0.6, 0, 0.8], "north": [0, 0.6, 0.8], "south": [0, -0.6, 0.8], "west": [-0.6, 0, 0.8]}
# By facet, inputs, answers and map. In each facet the four directions add up to zero.
E, N, W, S = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]
BY_FACET = {"one": [E, E, E], "two": [E, N, W], "three": [W, W, N], "four": [W, S, S]}


def task(text: str, language: str | None = None) -> TaskData:
    return TaskData("classification", ("x", "y"), (Example(text, "x"), Example("other", "y")), language=language)


def put(registry: Registry, version_id: int, vector: list[float] | NDArray[np.float64], space: str = "s") -> None:
    record = registry.catalog.spaces.get(space)
    registry.catalog.embeddings.put(version_id, record, np.array(vector, np.float32), {})


def put_task(registry: Registry, name: str, vector: list[float], *tags: str, language: str | None = None) -> None:
    put(registry, registry.add_task(name, task(name, language), tags=tags).version_id, vector)


def put_black_box(registry: Registry, name: str, kind: EntryKind, vector: list[float], *tags: str) -> None:
    entry = registry.catalog.entries.add(NewEntry(kind, name, name, {}, tags=tags))
    put(registry, entry.version_id, vector)


def of_length_one(facets: list[list[float]]) -> list[float]:
    vector = np.concatenate(facets)
    return [float(x) for x in vector / np.linalg.norm(vector)]


def found(ranking: Ranking) -> list[tuple[str, float]]:
    return [(match.name, round(match.similarity, 5) + 0.0) for match in ranking]


@pytest.fixture
def compass(registry: Registry) -> Registry:
    """Four tasks around the mean, a model and a prompted model among them."""
    registry.add_space("s", ONE, corpus=None)
    put_task(registry, "east", COMPASS["east"], "x", "y", language="en")
    put_task(registry, "north", COMPASS["north"], "x", language="de")
    put_task(registry, "south", COMPASS["south"])
    put_task(registry, "west", COMPASS["west"], "y", language="en")
    put_black_box(registry, "m", MODEL, [0.36, 0.48, 0.8], "x")
    put_black_box(registry, "m@p", PROMPTED, [-0.48, 0.36, 0.8])
    return registry


@pytest.fixture
def faceted(registry: Registry) -> Registry:
    """Four tasks in three facets, and two models."""
    registry.add_space("s", THREE, corpus=None)
    for name, facets in BY_FACET.items():
        put_task(registry, name, of_length_one(facets))
    put_black_box(registry, "m", MODEL, of_length_one([W, E, N]))
    put_black_box(registry, "n", MODEL, of_length_one([W, N, N]))
    return registry


# -- one facet ---------------------------------------------------------------------------------------


def test_the_nearest_come_first_with_the_cosine_of_the_centred_vectors(compass: Registry) -> None:
    ranking = compass.nearest("east")

    assert found(ranking) == [("m", 0.6), ("north", 0.0), ("south", 0.0), ("m@p", -0.8), ("west", -1.0)]
    assert [match.rank for match in ranking] == [1, 2, 3, 4, 5]
    assert [match.kind for match in ranking] == [MODEL, TASK, TASK, PROMPTED, TASK]
    assert (ranking.query, ranking.space) == ("east", "s")
    assert ranking.title == "nearest to east in space s"
    assert ranking[0].facets == {"text": pytest.approx(0.6)}


def test_a_limit_keeps_the_first_of_all_kinds_together(compass: Registry) -> None:
    assert found(compass.nearest("north", limit=2)) == [("m", 0.8), ("m@p", 0.6)]


@pytest.mark.parametrize("limit", [0, -3])
def test_at_least_one_match_must_be_asked_for(compass: Registry, limit: int) -> None:
    with pytest.raises(InputError, match=f"Ask for at least one match, not {limit}"):
        compass.nearest("north", limit=limit)


def test_a_limit_beyond_what_there_is_returns_what_there_is(compass: Registry) -> None:
    assert len(compass.nearest("north", limit=10**9)) == 5


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(kinds=(TASK,)), ["north", "south", "west"]),
        (Filter(kinds=(PROMPTED, MODEL)), ["m", "m@p"]),
        (Filter(kinds=(TASK, TASK)), ["north", "south", "west"]),
        (Filter(kinds=(EntryKind.PROMPT,)), []),
        (Filter(tags=("x",)), ["m", "north"]),
        (Filter(tags=("x", "y")), []),
        (Filter(language="en"), ["west"]),
        (Filter(task_kind="classification"), ["north", "south", "west"]),
    ],
)
def test_only_what_passes_the_filter_is_found(compass: Registry, where: Filter, expected: list[str]) -> None:
    assert [match.name for match in compass.nearest("east", where=where)] == expected


def test_a_kind_may_be_given_by_its_name_and_narrows_the_filter(compass: Registry) -> None:
    assert found(compass.nearest("east", kind="model")) == [("m", 0.6)]
    assert found(compass.nearest("east", kind="task", where=Filter(tags=("y",)))) == [("west", -1.0)]


def test_an_unknown_kind_is_answered_with_the_kinds_there_are(compass: Registry) -> None:
    with pytest.raises(InputError, match="No kind 'dataset': there are task, model, prompt, prompted-model, corpus"):
        compass.nearest("east", kind="dataset")


def test_a_filter_finds_what_is_farthest_even_with_a_limit_of_one(compass: Registry) -> None:
    assert found(compass.nearest("east", limit=1, where=Filter(tags=("y",)))) == [("west", -1.0)]


def test_two_vectors_are_compared_as_they_are(registry: Registry) -> None:
    registry.add_space("s", ONE, corpus=None)
    put_task(registry, "east", COMPASS["east"])
    put_task(registry, "north", COMPASS["north"])

    assert found(registry.nearest("east")) == [("north", 0.64)]


def test_a_ranking_as_json_says_all_of_it(compass: Registry) -> None:
    assert compass.nearest("east", limit=1).as_json() == {
        "query": "east",
        "space": "s",
        "epoch": 0,
        "matches": [
            {
                "rank": 1,
                "name": "m",
                "kind": "model",
                "similarity": pytest.approx(0.6),
                "deviation": None,
                "interval": None,
                "facets": {"text": pytest.approx(0.6)},
                "shared": None,
                "alike": None,
            }
        ],
        "set_aside": [],
        "notes": [],
        "verdict": {
            "kind": "unknown",
            "names": ["m"],
            "because": None,
            "unrelated_reach": None,
            "measured_in": None,
            "near_constant": None,
            "sentence": "Whether m is alike is open: fewer than 12 tasks to compare it with.",
        },
    }


def test_a_comparison_is_what_the_ranking_says(compass: Registry) -> None:
    comparison = compass.compare("m", "north")

    assert (comparison.a, comparison.b, comparison.space) == ("m", "north", "s")
    assert comparison.similarity == pytest.approx(0.8)
    assert comparison.facets == {"text": pytest.approx(0.8)}
    assert compass.compare("north", "m").similarity == comparison.similarity
    assert compass.compare("m", "m").similarity == pytest.approx(1.0)


# -- three facets ------------------------------------------------------------------------------------


def test_between_tasks_answers_weigh_most_and_joint_half_of_that_and_with_a_model_the_map_does() -> None:
    facets = [Facet(name, 2) for name in ("inputs", "answers", "joint", "map")]

    assert weights_between(facets, TASK, TASK) == pytest.approx(
        {"inputs": 0, "answers": 2 / 3, "joint": 1 / 3, "map": 0}
    )
    assert weights_between(facets, TASK, MODEL) == {"inputs": 0, "answers": 0.2, "joint": 0, "map": 0.8}


def test_in_a_space_without_a_joint_facet_inputs_and_answers_weigh_twice_as_much_as_the_map(faceted: Registry) -> None:
    ranking = faceted.nearest("one", where=Filter(kinds=(TASK,)))

    assert found(ranking) == [("two", 0.2), ("four", -0.4), ("three", -0.8)]
    assert [match.facets for match in ranking] == [
        pytest.approx({"inputs": 1, "answers": 0, "map": -1}, abs=1e-6),
        pytest.approx({"inputs": -1, "answers": 0, "map": 0}, abs=1e-6),
        pytest.approx({"inputs": -1, "answers": -1, "map": 0}, abs=1e-6),
    ]


def test_the_map_weighs_most_and_inputs_nothing_when_a_model_is_involved(faceted: Registry) -> None:
    to_a_task = faceted.nearest("one", where=Filter(kinds=(MODEL,)))
    to_a_model = faceted.nearest("m")

    assert found(to_a_task) == [("m", 0.2), ("n", 0.0)]
    assert to_a_task[0].facets == pytest.approx({"inputs": -1, "answers": 1, "map": 0}, abs=1e-6)
    assert dict(found(to_a_model)) == {"n": 0.8, "three": 0.6, "one": 0.2, "two": 0.0, "four": -0.8}


def test_entries_of_all_kinds_are_ranked_together(faceted: Registry) -> None:
    assert [match.name for match in faceted.nearest("m")] == ["n", "three", "one", "two", "four"]


@pytest.mark.parametrize(("a", "b", "expected"), [("one", "two", 0.2), ("one", "m", 0.2), ("m", "n", 0.8)])
def test_a_comparison_weighs_the_facets_as_the_ranking_does(faceted: Registry, a: str, b: str, expected: float) -> None:
    assert faceted.compare(a, b).similarity == pytest.approx(expected, abs=1e-6)
    assert faceted.compare(b, a).similarity == pytest.approx(expected, abs=1e-6)


def test_the_user_may_weigh_the_facets(faceted: Registry) -> None:
    by_map = faceted.nearest("one", weights={"map": 2})
    mixed = faceted.nearest("one", weights={"answers": 3, "inputs": 1})

    assert dict(found(by_map)) == {"m": 0.0, "n": 0.0, "four": 0.0, "three": 0.0, "two": -1.0}
    assert dict(found(mixed)) == {"m": 0.5, "two": 0.25, "n": -0.25, "four": -0.25, "three": -1.0}
    assert faceted.compare("one", "m", weights={"answers": 3, "inputs": 1}).similarity == pytest.approx(0.5)
    vectors, matrix = faceted.similarities(weights={"answers": 3, "inputs": 1})
    assert matrix[vectors.names.index("one"), vectors.names.index("m")] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"words": 1.0}, "No facet 'words' in this space: there are inputs, answers, map."),
        ({"map": -1.0}, "Weights are numbers from 0 to 1e+06, and one of them is more than 0."),
        ({"map": 0.0}, "Weights are numbers from 0 to 1e+06, and one of them is more than 0."),
        ({"map": float("nan")}, "Weights are numbers from 0 to 1e+06, and one of them is more than 0."),
        ({}, "Weights are numbers from 0 to 1e+06, and one of them is more than 0."),
    ],
)
def test_weights_that_make_no_sense_are_refused(faceted: Registry, weights: dict[str, float], message: str) -> None:
    with pytest.raises(InputError) as error:
        faceted.nearest("one", weights=weights)

    assert str(error.value) == message


@pytest.mark.parametrize("space", ["compass", "faceted"])
def test_the_matrix_of_similarities_says_what_nearest_says(space: str, request: pytest.FixtureRequest) -> None:
    registry: Registry = request.getfixturevalue(space)

    vectors, matrix = registry.similarities()

    by_name = {
        (a, b): pytest.approx(float(matrix[i, j]), abs=1e-6)
        for i, a in enumerate(vectors.names)
        for j, b in enumerate(vectors.names)
        if i != j
    }
    assert {(a, m.name): m.similarity for a in vectors.names for m in registry.nearest(a)} == by_name
    assert matrix.diagonal().tolist() == [1.0] * len(vectors.names)
    assert matrix.tolist() == matrix.T.tolist()


@pytest.mark.parametrize("space", ["compass", "faceted"])
def test_frames_are_labelled_with_names_and_say_what_nearest_says(space: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("pandas")
    registry: Registry = request.getfixturevalue(space)

    similar = registry.similarities().to_pandas()
    stored = registry.vectors().to_pandas()

    for match in registry.nearest(similar.index[0]):
        assert similar.loc[similar.index[0], match.name] == pytest.approx(match.similarity, abs=1e-6)
    assert list(similar.index) == list(similar.columns) == list(stored.index)
    assert stored.loc["m", "kind"] == "model"
    assert stored.drop(columns="kind").to_numpy(np.float32).tolist() == registry.vectors().matrix.tolist()


@pytest.mark.parametrize("space", ["compass", "faceted"])
def test_centred_vectors_of_tasks_have_the_similarities_as_dot_products(
    space: str, request: pytest.FixtureRequest
) -> None:
    registry: Registry = request.getfixturevalue(space)

    centred = registry.vectors(centred=True)

    assert set(centred.kinds) == {"task"}
    products = centred.matrix @ centred.matrix.T
    for row, name in enumerate(centred.names):
        for match in registry.nearest(name, kind="task"):
            assert products[row, centred.names.index(match.name)] == pytest.approx(match.similarity, abs=1e-6)
    one = registry.vectors(centred=True, entry=centred.names[0])
    assert one.matrix.tolist() == centred.matrix[:1].tolist()
    with pytest.raises(SpaceMismatchError):
        registry.nearest(one)
    with pytest.raises(InputError, match="Only vectors of tasks"):
        registry.vectors(centred=True, entry="m")


# -- versions ----------------------------------------------------------------------------------------


def test_an_old_version_is_not_returned_beside_the_new_one(registry: Registry) -> None:
    registry.add_space("s", ONE, corpus=None)
    put_task(registry, "films", COMPASS["east"])  # the old version: were it counted, it would pull the centre east
    put_task(registry, "east", COMPASS["east"])
    put_task(registry, "north", COMPASS["north"])
    put_task(registry, "south", COMPASS["south"])
    put(registry, registry.add_task("films", task("new"), replace=True).version_id, COMPASS["west"])

    assert found(registry.nearest("east")) == [("north", 0.0), ("south", 0.0), ("films", -1.0)]
    assert found(registry.nearest("films:1", limit=1, duplicates=True)) == [("east", 1.0)]
    assert registry.compare("films:1", "films:2").similarity == pytest.approx(-1.0)


def test_an_old_version_is_not_returned_in_place_of_a_new_one_without_a_vector(compass: Registry) -> None:
    compass.add_task("north", task("new"), replace=True)

    assert [match.name for match in compass.nearest("east", where=Filter(kinds=(TASK,)))] == ["south", "west"]


# -- vectors from outside ----------------------------------------------------------------------------


def test_the_vectors_of_a_space_come_as_they_were_stored_with_its_fingerprint(compass: Registry) -> None:
    vectors = compass.vectors()

    assert vectors.fingerprint == ONE.fingerprint()
    assert vectors.names == ("east", "north", "south", "west", "m", "m@p")
    assert vectors.kinds == ("task", "task", "task", "task", "model", "prompted-model")
    assert vectors.matrix[0] == pytest.approx(np.array(COMPASS["east"]), abs=1e-7)


def test_a_vector_that_was_exported_asks_as_its_entry_does_and_finds_it_too(compass: Registry) -> None:
    outside = compass.vectors(entry="m")

    ranking = compass.nearest(outside)

    assert found(ranking)[0] == ("m", 1.0)
    assert found(ranking)[1:] == found(compass.nearest("m"))


def outside(vector: list[float], **changed: object) -> VectorFile:
    sound = VectorFile(ONE.fingerprint(), ("q",), ("task",), np.array([vector], np.float32))
    return replace(sound, **changed)  # type: ignore[arg-type]


def test_a_vector_of_another_space_is_refused(compass: Registry) -> None:
    stranger = outside(COMPASS["east"], fingerprint=THREE.fingerprint())

    with pytest.raises(SpaceMismatchError, match=r"vectors of different spaces cannot be compared; embed") as error:
        compass.nearest(stranger)

    assert error.value.exit_code == 2


def test_several_vectors_at_once_are_refused(compass: Registry) -> None:
    with pytest.raises(InputError, match="One vector is needed as a query, not 6"):
        compass.nearest(compass.vectors())


def test_a_vector_of_another_dimension_is_refused(compass: Registry) -> None:
    with pytest.raises(InputError, match=r"2 numbers|shape"):
        compass.nearest(outside([0.6, 0.8]))


@pytest.mark.parametrize("vector", [[0.0, 0.0, 0.0], [np.nan, 0.6, 0.8], [np.inf, 0.0, 0.0], [2.0, 0.0, 0.0]])
def test_a_vector_that_could_not_be_stored_cannot_ask_either(compass: Registry, vector: list[float]) -> None:
    with pytest.raises(InputError, match="finite and has length 1"):
        compass.nearest(outside(vector))


def test_a_vector_of_an_unknown_kind_is_refused(compass: Registry) -> None:
    with pytest.raises(InputError, match="kind"):
        compass.nearest(outside(COMPASS["east"], kinds=("dataset",)))


# -- what is not there -------------------------------------------------------------------------------


def test_what_is_not_embedded_is_told_with_the_mend(compass: Registry) -> None:
    compass.add_task("news", task("news"))

    with pytest.raises(
        NotEmbeddedError, match="'news' has no vector in space 's': run 'fute embed news --space s'"
    ) as error:
        compass.nearest("news")

    assert error.value.exit_code == 2


def test_a_vector_in_another_space_is_mentioned_but_not_used(compass: Registry) -> None:
    compass.add_space("other", replace(ONE, seed=1), corpus=None)

    with pytest.raises(
        NotEmbeddedError,
        match=r"'m' has no vector in space 'other': it has one in s, so ask there, '--space s'",
    ):
        compass.nearest("m", space="other")


def test_an_old_vector_does_not_stand_for_a_new_version(compass: Registry) -> None:
    compass.add_task("east", task("new"), replace=True)

    with pytest.raises(NotEmbeddedError, match="'east' has no vector in space 's'"):
        compass.nearest("east")


def test_a_space_without_other_vectors_answers_with_nothing(registry: Registry) -> None:
    registry.add_space("s", ONE, corpus=None)
    put_task(registry, "east", COMPASS["east"])

    assert list(registry.nearest("east")) == []


def test_the_question_is_answered_in_the_space_that_was_named(compass: Registry) -> None:
    compass.add_space("other", replace(ONE, seed=1), corpus=None)
    put(compass, compass.catalog.entries.get("east").version_id, COMPASS["east"], "other")
    put(compass, compass.catalog.entries.get("west").version_id, COMPASS["north"], "other")

    assert found(compass.nearest("east", space="other")) == [("west", 0.64)]
    assert found(compass.nearest("east", limit=1)) == [("m", 0.6)]


# -- near-duplicates, and how sure a similarity is


def longer(start: int, stop: int) -> TaskData:
    rows = tuple(
        Example(f"sentence number {i} of this very long story, told anew", "xy"[i % 2]) for i in range(start, stop)
    )
    return TaskData("classification", ("x", "y"), rows)


def test_a_task_that_shares_most_examples_is_set_aside_and_said(compass: Registry) -> None:
    put(compass, compass.add_task("story", longer(0, 100)).version_id, [0.36, 0.48, 0.8])
    put(compass, compass.add_task("retold", longer(40, 100)).version_id, [0.48, 0.36, 0.8])

    ranking = compass.nearest("story", kind="task")

    assert "retold" not in [match.name for match in ranking]
    assert [(one.name, one.shared) for one in ranking.set_aside] == [("retold", 1.0)]
    assert ranking.notes == (
        "Set aside as nearly story itself: retold (shares 100% of the texts); '--duplicates' lists them too.",
    )


def in_long_space(registry: Registry, *names: str) -> None:
    """Tasks in a space of 64 dimensions, all as far apart as chance has it."""
    registry.add_space("s", LONG, corpus=None)
    for number, name in enumerate(names):
        put(registry, registry.add_task(name, task(name)).version_id, direction(number))


def direction(seed: int) -> NDArray[np.float64]:
    drawn = np.random.default_rng(seed).normal(size=64)
    return drawn / np.linalg.norm(drawn)


def test_a_task_with_almost_the_same_vector_is_set_aside_and_said(registry: Registry) -> None:
    in_long_space(registry, "one", "two", "three")
    put(registry, registry.add_task("twin", task("twin")).version_id, direction(0))

    ranking = registry.nearest("one")

    assert "twin" not in [match.name for match in ranking]
    assert str(ranking.set_aside[0]) == "twin (has almost the same vector)"


def test_in_few_dimensions_a_like_vector_says_nothing(compass: Registry) -> None:
    put_task(compass, "east2", COMPASS["east"])

    assert compass.nearest("east", limit=1)[0].name == "east2"


def test_tasks_that_are_alike_in_one_facet_only_are_not_set_aside_however_it_is_weighed(registry: Registry) -> None:
    registry.add_space("s", replace(ONE, facets=(Facet("inputs", 32), Facet("answers", 32))), corpus=None)
    for number, name in enumerate(("one", "two", "three")):
        halves = direction(number)[:32], direction(max(number, 1))[32:]  # "one" and "two" answer alike
        vector = np.concatenate([half / np.linalg.norm(half) for half in halves]) / np.sqrt(2)
        put(registry, registry.add_task(name, task(name)).version_id, vector)

    ranking = registry.nearest("one", weights={"answers": 1.0})

    assert (ranking[0].name, ranking[0].similarity) == ("two", pytest.approx(1.0, abs=1e-6))


def test_what_is_set_aside_takes_no_place_of_the_answer(registry: Registry) -> None:
    in_long_space(registry, "one", "two", "three", "four")
    for number in range(40):
        put(registry, registry.add_task(f"copy{number}", task(f"copy{number}")).version_id, direction(0))

    ranking = registry.nearest("one", limit=2)

    assert len(ranking) == 2
    assert [match.rank for match in ranking] == [1, 2]
    assert len(ranking.set_aside) == 40


def test_another_question_to_the_same_texts_is_kept_with_what_it_shares(compass: Registry) -> None:
    story = longer(0, 100)
    rows = tuple(replace(row, label="xy"[i // 2 % 2]) for i, row in enumerate(story.train))
    put(compass, compass.add_task("story", story).version_id, [0.36, 0.48, 0.8])
    put(compass, compass.add_task("other", replace(story, train=rows)).version_id, [0.48, 0.36, 0.8])

    match = next(match for match in compass.nearest("story", kind="task") if match.name == "other")

    assert match.shared == 1.0


def test_an_old_version_is_compared_by_its_own_examples(compass: Registry) -> None:
    put(compass, compass.add_task("story", longer(0, 100)).version_id, [0.36, 0.48, 0.8])
    put(compass, compass.add_task("story", longer(200, 300), replace=True).version_id, [0.48, 0.36, 0.8])
    put(compass, compass.add_task("retold", longer(0, 100)).version_id, [0.0, 0.6, 0.8])

    assert [one.name for one in compass.nearest("story:1", kind="task").set_aside] == ["retold"]
    assert compass.nearest("story:2", kind="task").set_aside == ()


@pytest.mark.file  # by SQLite's own words
@pytest.mark.parametrize("damage", ["x''", "3", "zeroblob(28)", "randomblob(28)"])
def test_damage_to_what_tells_the_error_is_an_integrity_fault(compass: Registry, damage: str) -> None:
    record = compass.catalog.spaces.get("s")
    apart = np.full((4, 3), 0.01, np.float32)
    versions = {name: compass.catalog.entries.get(name).version_id for name in ("north", "east")}
    for name, version in versions.items():
        compass.catalog.embeddings.put(version, record, np.array(COMPASS[name], np.float32), {}, apart)
    with closing(sqlite3.connect(compass.folder / "catalog.db")) as database:
        database.execute(f"UPDATE embeddings SET deviations = {damage} WHERE version_id = {versions['east']}")  # noqa: S608
        database.commit()

    with pytest.raises(IntegrityError, match="vector of 'east' is damaged: run 'fute embed east"):
        compass.nearest("north")


def test_near_duplicates_are_listed_on_demand_with_what_they_share(compass: Registry) -> None:
    put(compass, compass.add_task("story", longer(0, 100)).version_id, [0.36, 0.48, 0.8])
    put(compass, compass.add_task("retold", longer(40, 100)).version_id, [0.48, 0.36, 0.8])

    ranking = compass.nearest("story", kind="task", duplicates=True)

    shares = {match.name: match.shared for match in ranking}
    assert shares["retold"] == 1.0
    assert ranking.set_aside == ()
    assert next(match for match in ranking if match.name == "retold").cells()["shared"] == "100%"


def test_a_model_has_no_near_duplicates(compass: Registry) -> None:
    put_black_box(compass, "twin", MODEL, [0.36, 0.48, 0.8])

    ranking = compass.nearest("m")

    assert ranking[0].name == "twin"
    assert ranking.set_aside == ()


def test_sources_by_size_leave_near_duplicates_out_too(compass: Registry) -> None:
    put(compass, compass.add_task("story", longer(0, 100)).version_id, [0.36, 0.48, 0.8])
    put(compass, compass.add_task("retold", longer(40, 300)).version_id, [0.48, 0.36, 0.8])

    ranking = compass.nearest("story", by="size")

    assert "retold" not in [match.name for match in ranking]
    assert [one.name for one in ranking.set_aside] == ["retold"]


def test_vectors_read_from_halves_have_a_similarity_with_an_error_and_an_interval(compass: Registry) -> None:
    apart = np.array([[0.0, 0.06, 0.0], [0.0, -0.06, 0.0]], np.float32)
    record = compass.catalog.spaces.get("s")
    for name in ("east", "north"):
        version = compass.catalog.entries.get(name).version_id
        compass.catalog.embeddings.put(version, record, np.array(COMPASS[name], np.float32), {}, apart)

    match = compass.nearest("east", kind="task", limit=1)[0]

    # East turns by 0.06 / 0.6 towards north, which has the cosine sin(0.1) then; north itself only grows and shrinks.
    assert match.name == "north"
    assert match.deviation == pytest.approx(0.0995, abs=1e-3)
    assert match.as_json()["interval"] == pytest.approx((-1.86 * 0.0995, 1.86 * 0.0995), abs=2e-3)
    assert match.cells()["±"] == match.deviation


def test_tasks_without_a_vector_are_in_no_answer_and_that_is_told(compass: Registry) -> None:
    assert compass.nearest("east").notes == ()
    compass.add_task("ahead", task("ahead"))
    told = "1 task has no vector in space s and cannot be found: ahead; 'fute embed --all' makes it."

    assert compass.nearest("east").notes == (told,)

    put(compass, compass.catalog.entries.get("ahead").version_id, COMPASS["north"])
    assert compass.nearest("east").notes == ()

    compass.add_task("north", task("another north"), replace=True)
    assert compass.nearest("east").notes == (told.replace("ahead", "north"),)  # the new version has none yet
