"""The catalog: entries, spaces, vectors, jobs and recorded answers, each change in one transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from behind import count, tamper
from sqlalchemy import delete, exc
from tiny_cli import hand_made_space, shift_of

from registry import Registry
from registry.catalog import EntryRecord, Filter, SpaceRecord
from registry.catalog.predictions import CONTENT_FREE, joined
from registry.catalog.records import NewEntry
from registry.catalog.tables import Entry
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.tasks import TaskData
from registry.data.transfers import TransferRecord
from registry.errors import (
    AlreadyExistsError,
    InputError,
    IntegrityError,
    InUseError,
    NameFormError,
    NotFoundError,
    StorageError,
)
from registry.kinds import EntryKind
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec

VECTOR = np.array([0.6, 0.8, 0.0], np.float32)
SPEC = SpaceSpec("5" * 64, "here", "textemb", {}, (Facet("text", 3),), None)


def task(text: str = "fine", **said: Any) -> TaskData:  # noqa: ANN401 - any field of a task
    return TaskData("classification", ("neg", "pos"), (Example(text, "pos"), Example("dull", "neg")), **said)


def entry(kind: EntryKind, name: str, **given: Any) -> NewEntry:  # noqa: ANN401 - any field of an entry
    return NewEntry(**{"kind": kind, "name": name, "content_hash": name, "spec": {}, **given})


def prompted(registry: Registry) -> None:
    registry.catalog.entries.add(entry(EntryKind.MODEL, "opt"))
    registry.catalog.entries.add(entry(EntryKind.PROMPT, "p1"))
    registry.catalog.entries.add(entry(EntryKind.PROMPTED_MODEL, "opt@p1"))


def names(registry: Registry, where: Filter) -> list[str]:
    return [record.name for record in registry.catalog.entries.all(where)]


@pytest.fixture
def films(registry: Registry) -> EntryRecord:
    return registry.add_task("films", task())


@pytest.fixture
def space(registry: Registry) -> SpaceRecord:
    return registry.add_space("s", SPEC, corpus=None)


# -- entries -----------------------------------------------------------------------------------------


def test_an_entry_is_found_again_with_all_that_was_said_of_it(registry: Registry) -> None:
    registry.add_task("org/films", task(language="en", description="Good?", license="MIT"), tags=["b", "a", "b"])

    record = registry.catalog.entries.get("org/films")

    assert (record.name, record.kind, record.version) == ("org/films", EntryKind.TASK, 1)
    assert (record.task_kind, record.language, record.description) == ("classification", "en", "Good?")
    assert (record.tags, record.aliases) == (("a", "b"), {})
    assert record.spec["license"] == "MIT"
    assert registry.task_data("org/films") == task(language="en", description="Good?", license="MIT")


def test_an_entry_as_it_is_added_is_equal_to_the_entry_as_it_is_found(registry: Registry) -> None:
    added = registry.add_task("films", task())

    assert registry.catalog.entries.get("films") == added


def test_the_same_content_again_changes_nothing(registry: Registry, films: EntryRecord) -> None:
    again = registry.add_task("films", task(), replace=True)

    assert (again.version, again.version_id) == (1, films.version_id)
    assert (count(registry, "versions"), count(registry, "contents")) == (1, 2)  # its examples, and their signature


@pytest.mark.usefixtures("films")
def test_other_content_under_the_same_name_is_refused_unless_it_is_to_replace(registry: Registry) -> None:
    with pytest.raises(AlreadyExistsError, match="'films' is already the name of a task with other content") as error:
        registry.add_task("films", task("great"))

    assert error.value.exit_code == 2
    assert registry.task_data("films") == task()
    assert count(registry, "versions") == 1


@pytest.mark.usefixtures("films")
def test_content_that_replaces_becomes_the_next_version_and_the_old_one_stays(registry: Registry) -> None:
    replaced = registry.add_task("films", task("great", language="en"), replace=True)

    assert replaced.version == 2
    assert registry.catalog.entries.get("films").version == 2
    assert registry.task_data("films").train[0].text == "great"
    assert registry.task_data("films:1").train[0].text == "fine"


@pytest.mark.usefixtures("films")
def test_going_back_to_earlier_content_is_a_version_of_its_own(registry: Registry) -> None:
    registry.add_task("films", task("great"), replace=True)

    assert registry.add_task("films", task(), replace=True).version == 3
    assert registry.task_data("films") == task()


@pytest.mark.usefixtures("films")
def test_a_name_belongs_to_one_entry_of_whatever_kind(registry: Registry) -> None:
    with pytest.raises(AlreadyExistsError, match=r"'films' is already the name of a task .*shared by all kinds"):
        registry.catalog.entries.add(entry(EntryKind.MODEL, "films"), replace=True)


@pytest.mark.parametrize(("name", "tags"), [("the films", []), ("films", ["ok", "not,ok"])])
def test_an_entry_with_a_faulty_name_or_tag_is_not_entered(registry: Registry, name: str, tags: list[str]) -> None:
    with pytest.raises(InputError, match=r"is not a (name|tag)"):
        registry.add_task(name, task(), tags=tags)

    assert count(registry, "entries") == 0


@pytest.mark.usefixtures("films")
def test_an_unknown_name_is_answered_with_the_nearest_one(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match=r"No task named 'filsm' in this registry\. Did you mean 'films'\?"):
        registry.catalog.entries.get("filsm", EntryKind.TASK)


@pytest.mark.usefixtures("films")
def test_an_entry_of_another_kind_is_not_found(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match="No model named 'films' in this registry"):
        registry.catalog.entries.get("films", EntryKind.MODEL)


@pytest.mark.parametrize("reference", ["films:0", "films:3", "films:production", "films:99999999999999999999"])
def test_an_unknown_version_is_not_found(registry: Registry, films: EntryRecord, reference: str) -> None:
    with pytest.raises(NotFoundError, match=f"No version named '{films.name}:.*' in this registry"):
        registry.catalog.entries.get(reference)


@pytest.mark.usefixtures("films")
def test_an_alias_means_one_version_until_it_is_moved(registry: Registry) -> None:
    registry.add_task("films", task("great"), replace=True)

    registry.catalog.entries.set_alias("films:1", "production")
    assert registry.catalog.entries.get("films:production").version == 1

    registry.catalog.entries.set_alias("films", "production")
    assert registry.catalog.entries.get("films:production").version == 2
    assert registry.catalog.entries.get("films").aliases == {"production": 2}


def test_the_same_alias_of_two_entries_means_each_its_own(registry: Registry, films: EntryRecord) -> None:
    news = registry.add_task("news", task("great"))

    registry.catalog.entries.set_alias("films", "best")
    registry.catalog.entries.set_alias("news", "best")

    assert registry.catalog.entries.get("films:best").version_id == films.version_id
    assert registry.catalog.entries.get("news:best").version_id == news.version_id


@pytest.mark.usefixtures("films")
def test_an_alias_cannot_be_a_number_or_ill_formed(registry: Registry) -> None:
    with pytest.raises(InputError, match="'7' cannot be an alias: a number means a version"):
        registry.catalog.entries.set_alias("films", "7")
    with pytest.raises(NameFormError, match="'the best' is not a name"):
        registry.catalog.entries.set_alias("films", "the best")

    assert registry.catalog.entries.get("films").aliases == {}


@pytest.mark.usefixtures("films")
def test_tags_are_added_and_removed(registry: Registry) -> None:
    registry.catalog.entries.tag("films", add=["b", "a"])

    assert registry.catalog.entries.tag("films", add=["c"], remove=["a", "absent"]).tags == ("b", "c")


# -- filters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(), ["a", "b", "c", "m"]),
        (Filter(kinds=(EntryKind.TASK,)), ["a", "b", "c"]),
        (Filter(kinds=(EntryKind.MODEL, EntryKind.PROMPT)), ["m"]),
        (Filter(tags=("x",)), ["a", "b", "m"]),
        (Filter(tags=("x", "y")), ["a"]),
        (Filter(tags=("x", "absent")), []),
        (Filter(task_kind="multiple-choice"), ["c"]),
        (Filter(language="de"), ["b", "c"]),
        (Filter((EntryKind.TASK,), ("x",), "classification", "de"), ["b"]),
    ],
)
def test_a_filter_lets_through_what_meets_all_its_conditions(
    registry: Registry, where: Filter, expected: list[str]
) -> None:
    choice = TaskData("multiple-choice", None, (Example("q", "1", choices=("1", "2")),), language="de")
    registry.add_task("b", task("b", language="de"), tags=["x"])
    registry.add_task("a", task("a", language="en"), tags=["x", "y"])
    registry.add_task("c", choice, tags=["y"])
    registry.add_model("m", {}, content_hash="m", tags=["x"])

    assert names(registry, where) == expected


def test_a_list_shows_each_entry_once_in_its_latest_version(registry: Registry, films: EntryRecord) -> None:
    registry.add_task(films.name, task("great"), replace=True)

    assert [(record.name, record.version) for record in registry.catalog.entries.all()] == [("films", 2)]


# -- removal -----------------------------------------------------------------------------------------


def test_what_is_removed_takes_its_vectors_versions_tags_and_jobs_along(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    shift_of(registry).claim(films.version_id, space.id)
    registry.catalog.embeddings.put(films.version_id, space, VECTOR, {})
    registry.add_task("films", task("great"), tags=["x"], replace=True)
    registry.catalog.entries.set_alias("films:1", "old")

    registry.remove("films", "task")

    left = ["entries", "versions", "tags", "aliases", "version_contents", "contents", "embeddings", "jobs"]
    assert {table: count(registry, table) for table in left} == dict.fromkeys(left, 0)
    assert registry.catalog.spaces.counts()["s"] == 0


def test_a_removal_marks_the_spaces_of_its_vectors_as_changed_and_no_other(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    other = registry.add_space("other", replace(SPEC, seed=1), corpus=None)
    registry.catalog.embeddings.put(films.version_id, space, VECTOR, {})

    registry.remove("films", "task")

    assert registry.catalog.spaces.get("s").generation == registry.catalog.spaces.generation()
    assert registry.catalog.spaces.get("other").generation == other.generation


@pytest.mark.usefixtures("films")
def test_content_that_another_entry_holds_as_well_survives_a_removal(registry: Registry) -> None:
    registry.add_task("twin", task(test=(Example("more", "pos"),)))

    registry.remove("films", "task")

    assert registry.task_data("twin") == task(test=(Example("more", "pos"),))
    assert count(registry, "contents") == 3  # two splits and a signature


def test_the_name_of_a_removed_entry_is_free(registry: Registry, films: EntryRecord) -> None:
    registry.remove(films.name, "task")

    assert registry.add_model("films", {}, content_hash="x").version == 1


def test_a_corpus_that_a_space_is_built_on_is_not_removed(registry: Registry) -> None:
    corpus = registry.add_corpus("u", [Input("a")], source="here")
    registry.add_space("s", replace(SPEC, corpus=corpus.content_hash), corpus=corpus)

    with pytest.raises(InUseError, match="'u' is used by space s: remove those first") as error:
        registry.remove("u", "corpus")

    assert error.value.exit_code == 2
    assert registry.corpus_inputs("u") == [Input("a")]
    registry.catalog.spaces.remove("s")
    registry.remove("u", "corpus")
    assert registry.status().entries["corpus"] == 0


def test_a_prompt_that_a_model_was_asked_with_is_not_removed_before_that_pair(registry: Registry) -> None:
    prompted(registry)

    with pytest.raises(InUseError, match="'p1' is used by opt@p1: remove those first"):
        registry.remove("p1", "prompt")

    assert names(registry, Filter()) == ["opt", "opt@p1", "p1"]
    registry.remove("opt@p1", "prompted-model")
    registry.remove("p1", "prompt")
    assert names(registry, Filter()) == ["opt"]


def test_a_model_is_removed_with_what_it_answered_under_prompts(registry: Registry) -> None:
    prompted(registry)

    registry.remove("opt", "model")

    assert names(registry, Filter()) == ["p1"]


def test_tags_given_with_known_content_are_added(registry: Registry) -> None:
    registry.catalog.entries.add(replace(entry(EntryKind.MODEL, "m"), tags=("old",)))

    again = registry.catalog.entries.add(replace(entry(EntryKind.MODEL, "m"), tags=("new",)))

    assert (again.version, again.tags) == (1, ("new", "old"))


def test_only_a_prompted_model_has_a_name_of_two_parts(registry: Registry) -> None:
    with pytest.raises(NameFormError, match="'a@b' is not a name"):
        registry.catalog.entries.add(entry(EntryKind.MODEL, "a@b"))


def test_a_name_that_only_begins_or_ends_alike_is_not_in_the_way_of_a_removal(registry: Registry) -> None:
    prompted(registry)
    registry.catalog.entries.add(entry(EntryKind.MODEL, "o_t"))
    registry.catalog.entries.add(entry(EntryKind.MODEL, "op"))
    registry.catalog.entries.add(entry(EntryKind.PROMPT, "1"))

    registry.remove("o_t", "model")
    registry.remove("op", "model")
    registry.remove("1", "prompt")

    assert names(registry, Filter()) == ["opt", "opt@p1", "p1"]


@pytest.mark.usefixtures("films")
def test_removing_one_version_does_not_silently_remove_them_all(registry: Registry) -> None:
    registry.add_task("films", task("great"), replace=True)

    with pytest.raises(InputError):
        registry.remove("films:1", "task")

    assert registry.catalog.entries.get("films").version == 2


def test_one_text_is_one_tag_and_not_its_letters(registry: Registry) -> None:
    assert registry.add_task("news", task("great"), tags="abc").tags == ("abc",)


# -- the generation ----------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Registry, EntryRecord, SpaceRecord], object]] = {
    "adding an entry": lambda r, _e, _s: r.add_task("news", task("great")),
    "replacing an entry": lambda r, _e, _s: r.add_task("films", task("great"), replace=True),
    "tagging": lambda r, _e, _s: r.catalog.entries.tag("films", add=["x"]),
    "setting an alias": lambda r, _e, _s: r.catalog.entries.set_alias("films", "best"),
    "removing an entry": lambda r, _e, _s: r.remove("films", "task"),
    "adding a space": lambda r, _e, _s: r.add_space("t", replace(SPEC, seed=1), corpus=None),
    "choosing a space": lambda r, _e, _s: r.catalog.spaces.use("s"),
    "removing a space": lambda r, _e, _s: r.catalog.spaces.remove("s"),
    "a vector": lambda r, e, s: r.catalog.embeddings.put(e.version_id, s, VECTOR, {}),
    "claiming a job": lambda r, e, s: shift_of(r).claim(e.version_id, s.id),
    "failing a job": lambda r, e, s: shift_of(r).fail(e.version_id, s.id, "x"),
    "a measurement": lambda r, _e, _s: r.add_transfers([TransferRecord("m", "f", "a", "b", 0.5)]),
    "one more run": lambda r, _e, _s: r.catalog.transfers.add(TransferRecord("m", "f", "a", "b", 0.5)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_raises_the_generation_by_one(
    registry: Registry, films: EntryRecord, space: SpaceRecord, change: str
) -> None:
    before = registry.catalog.spaces.generation()

    CHANGES[change](registry, films, space)

    assert registry.catalog.spaces.generation() == before + 1


def test_a_change_that_fails_does_not_raise_the_generation(registry: Registry, films: EntryRecord) -> None:
    before = registry.catalog.spaces.generation()

    with pytest.raises(AlreadyExistsError, match="already the name of a task"):
        registry.add_task(films.name, task("great"))

    assert registry.catalog.spaces.generation() == before


def test_a_vector_marks_its_space_as_changed_and_a_mere_entry_does_not(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    registry.add_task("news", task("great"))
    assert registry.catalog.spaces.get("s").generation == space.generation

    registry.catalog.embeddings.put(films.version_id, space, VECTOR, {})

    assert registry.catalog.spaces.get("s").generation == registry.catalog.spaces.generation()


def test_a_change_is_seen_by_whoever_has_the_registry_open_already(registry: Registry) -> None:
    with Registry.open(registry.folder) as other:
        assert other.catalog.entries.all() == []

        registry.add_task("films", task())

        assert names(other, Filter()) == ["films"]


@pytest.mark.usefixtures("films")
def test_a_read_session_cannot_write(registry: Registry) -> None:
    with (
        pytest.raises(StorageError, match=r"attempt to write a readonly database|in a read-only transaction"),
        registry.catalog.database.read() as session,
    ):
        session.execute(delete(Entry))

    assert names(registry, Filter()) == ["films"]


# -- spaces ------------------------------------------------------------------------------------------


def test_the_first_space_becomes_the_current_one_until_another_is_chosen(registry: Registry) -> None:
    registry.add_space("one", SPEC, corpus=None)
    registry.add_space("two", replace(SPEC, seed=1), corpus=None)
    assert registry.catalog.spaces.get().name == "one"

    registry.catalog.spaces.use("two")

    assert [(row.name, row.record.current) for row in registry.spaces()] == [("one", False), ("two", True)]


def test_the_same_space_again_changes_nothing(registry: Registry, space: SpaceRecord) -> None:
    moved = replace(SPEC, surrogate_source="elsewhere")

    assert registry.add_space("s", moved, corpus=None) == space


@pytest.mark.usefixtures("space")
def test_one_space_has_one_name_and_one_name_means_one_space(registry: Registry) -> None:
    with pytest.raises(AlreadyExistsError, match="'s' is already the name of a space"):
        registry.add_space("s", replace(SPEC, seed=1), corpus=None)
    with pytest.raises(InputError, match="This is the space 's'"):
        registry.add_space("t", SPEC, corpus=None)

    assert [row.name for row in registry.spaces()] == ["s"]


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, surrogate="6" * 64),
        replace(SPEC, method="tupate"),
        replace(SPEC, parameters={"steps": 1}),
        replace(SPEC, facets=(Facet("text", 4),)),
        replace(SPEC, facets=(Facet("texts", 3),)),
        replace(SPEC, corpus="7" * 64),
        replace(SPEC, seed=1),
        replace(SPEC, format=2),
    ],
)
def test_every_setting_but_the_place_of_the_surrogate_is_part_of_the_fingerprint(other: SpaceSpec) -> None:
    assert other.fingerprint() != SPEC.fingerprint()
    assert replace(SPEC, surrogate_source="elsewhere").fingerprint() == SPEC.fingerprint()


def test_a_space_goes_with_its_vectors_and_is_no_longer_the_current_one(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    registry.catalog.embeddings.put(films.version_id, space, VECTOR, {})

    registry.catalog.spaces.remove("s")

    assert count(registry, "embeddings") == 0
    assert registry.status().current_space is None
    with pytest.raises(InputError, match="No space yet: 'fute embed' makes the default one"):
        registry.catalog.spaces.get()


@pytest.mark.usefixtures("space")
def test_an_unknown_space_is_answered_with_the_nearest_one(registry: Registry) -> None:
    registry.add_space("default", replace(SPEC, seed=1), corpus=None)

    with pytest.raises(NotFoundError, match=r"No space named 'defualt' in this registry\. Did you mean 'default'\?"):
        registry.catalog.spaces.get("defualt")


# -- vectors and jobs --------------------------------------------------------------------------------


def test_a_vector_is_kept_with_its_provenance_and_closes_its_job(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    shift_of(registry).claim(films.version_id, space.id)

    registry.catalog.embeddings.put(films.version_id, space, VECTOR, {"seconds": 1.5, "device": "cpu"})

    held = registry.catalog.embeddings.get(films.version_id, space.id)
    assert held is not None
    assert (held.name, held.kind, held.provenance) == ("films", EntryKind.TASK, {"seconds": 1.5, "device": "cpu"})
    assert held.vector.tolist() == VECTOR.tolist()
    assert registry.catalog.jobs.counts() == {"done": 1}
    assert registry.catalog.embeddings.known(space.id) == {films.version_id}


def test_a_second_vector_of_a_version_replaces_the_first(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    registry.catalog.embeddings.put(films.version_id, space, VECTOR, {"try": 1})
    registry.catalog.embeddings.put(films.version_id, space, VECTOR[::-1], {"try": 2})

    held = registry.catalog.embeddings.all(space.id)

    assert held.matrix.tolist() == [VECTOR[::-1].tolist()]
    assert registry.catalog.spaces.counts()["s"] == 1


@pytest.mark.file
def test_a_vector_and_the_end_of_its_job_are_one_transaction(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    shift_of(registry).claim(films.version_id, space.id)
    before = registry.catalog.spaces.generation()
    tamper(registry, "CREATE TRIGGER crash BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'crash'); END")

    with pytest.raises(exc.IntegrityError, match="crash"):
        registry.catalog.embeddings.put(films.version_id, space, VECTOR, {})

    assert count(registry, "embeddings") == 0
    assert registry.catalog.jobs.counts() == {"running": 1}
    assert registry.catalog.spaces.generation() == before


def test_a_vector_of_an_entry_that_was_removed_meanwhile_is_an_error_for_people(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    registry.remove("films", "task")

    with pytest.raises(InputError, match="has been removed meanwhile: nothing is kept"):
        registry.catalog.embeddings.put(films.version_id, space, VECTOR, {})

    assert count(registry, "embeddings") == 0


def test_a_failed_job_says_why_and_can_be_claimed_again(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    shift = shift_of(registry)
    shift.claim(films.version_id, space.id)

    shift.fail(films.version_id, space.id, "out of memory")

    assert registry.status().failures == {"films": "out of memory"}
    assert shift.claim(films.version_id, space.id) is None
    assert registry.status().failures == {}


# -- recorded answers --------------------------------------------------------------------------------


def test_answers_are_kept_chunk_by_chunk_and_a_chunk_is_never_overwritten(registry: Registry) -> None:
    model = registry.add_model("m", {}, content_hash="m")
    corpus = registry.add_corpus("u", [Input("a"), Input("b"), Input("c")], source="here")
    first, second = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32), np.array([[1.0, 0.0]], np.float32)
    put = registry.catalog.predictions.put
    own = np.array([0.125, 0.5], np.float32)
    put(model.version_id, corpus.version_id, start=0, predictions=Predictions(("no", "yes"), first, own))
    put(model.version_id, corpus.version_id, start=2, predictions=Predictions(("no", "yes"), second))
    put(model.version_id, corpus.version_id, start=2, predictions=Predictions(("x",), second[:, :1]))

    chunks = registry.catalog.predictions.chunks(model.version_id, corpus.version_id)

    assert {start: (own.answers, own.probabilities.tolist()) for start, own in chunks.items()} == {
        0: (("no", "yes"), first.tolist()),
        2: (("no", "yes"), second.tolist()),
    }
    assert np.array_equal(chunks[0].prompt_prob, own)
    assert chunks[2].prompt_prob is None


def test_chunks_are_joined_by_their_answers_and_inputs_that_say_nothing_stay_apart() -> None:
    one, two = np.array([[1.0, 0.0]], np.float32), np.array([[0.25, 0.75]], np.float32)

    table = joined(
        {CONTENT_FREE: Predictions(("b", "a"), two), 5: Predictions(("c", "b"), two), 0: Predictions(("a", "b"), one)}
    )

    assert table.answers == ("a", "b", "c")
    assert table.probabilities.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.75, 0.25]]
    assert table.prompt_prob is None


# -- damage ------------------------------------------------------------------------------------------


def test_a_damaged_vector_is_an_integrity_fault_that_names_the_mend(
    registry: Registry, films: EntryRecord, space: SpaceRecord
) -> None:
    registry.catalog.embeddings.put(films.version_id, space, VECTOR, {})
    tamper(registry, "UPDATE embeddings SET vector = ?", VECTOR[::-1].tobytes())

    with pytest.raises(IntegrityError, match="The vector of 'films' is damaged: run 'fute embed films") as error:
        registry.vectors(space="s")

    assert error.value.exit_code == 3
    with pytest.raises(IntegrityError, match="'films' is damaged"):
        registry.verify_index()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE contents SET body = x'00'",
        "UPDATE contents SET body = x''",
        "UPDATE contents SET body = substr(body, 1, length(body) - 3)",
        "UPDATE contents SET body = x'789c030000000001'",  # sound, but of nothing
    ],
)
def test_damaged_content_is_an_integrity_fault(registry: Registry, films: EntryRecord, sql: str) -> None:
    tamper(registry, sql)

    with pytest.raises(
        IntegrityError, match=f"Content {films.contents['train']} is damaged: run 'fute repair'"
    ) as error:
        registry.task_data("films")

    assert error.value.exit_code == 3


def test_missing_content_is_an_integrity_fault(registry: Registry, films: EntryRecord) -> None:
    tamper(registry, "DELETE FROM contents")

    with pytest.raises(IntegrityError, match=f"Content {films.contents['train']} is missing") as error:
        registry.task_data("films")

    assert error.value.exit_code == 3


def test_damaged_answers_are_an_integrity_fault(registry: Registry) -> None:
    model = registry.add_model("m", {}, content_hash="m")
    corpus = registry.add_corpus("u", [Input("a")], source="here")
    table = np.array([[0.25, 0.75]], np.float32)
    answered = Predictions(("a", "b"), table)
    registry.catalog.predictions.put(model.version_id, corpus.version_id, start=0, predictions=answered)
    tamper(registry, "UPDATE predictions SET probabilities = ?", table[:, ::-1].tobytes())

    with pytest.raises(IntegrityError, match="Recorded outputs 1 are damaged") as error:
        registry.catalog.predictions.chunks(model.version_id, corpus.version_id)

    assert error.value.exit_code == 3


@pytest.mark.usefixtures("films")
@pytest.mark.file
def test_a_database_file_that_is_damaged_is_an_integrity_fault(registry: Registry) -> None:
    path = registry.folder / "catalog.db"
    body = path.read_bytes()
    path.write_bytes(body[:4096] + b"\xff" * (len(body) - 4096))

    with pytest.raises(IntegrityError, match=r"catalog\.db is damaged .*: run 'fute repair'") as error:
        Registry.open(registry.folder)

    assert error.value.exit_code == 3


# -- ids ---------------------------------------------------------------------------------------------


def test_the_vector_of_what_was_removed_meanwhile_never_becomes_that_of_what_came_since(
    registry: Registry, sentiment: TaskData
) -> None:
    """Whoever embeds holds an id for minutes; SQLite would give the highest one again."""
    space = registry.add_space("s", SPEC, corpus=None)
    old = registry.add_task("old", sentiment)
    registry.remove("old", "task")
    new = registry.add_task("new", replace(sentiment, description="another"))

    with pytest.raises(InputError, match="has been removed meanwhile: nothing is kept"):
        registry.catalog.embeddings.put(old.version_id, space, np.array([1, 0, 0], np.float32), {})

    assert new.version_id != old.version_id
    assert registry.vectors(space="s").names == ()


def test_the_vector_of_a_space_that_was_removed_never_enters_another(registry: Registry, sentiment: TaskData) -> None:
    old = registry.add_space("s", SPEC, corpus=None)
    films = registry.add_task("films", sentiment)
    registry.remove_space("s")
    new = registry.add_space("other", replace(SPEC, seed=1), corpus=None)

    with pytest.raises(InputError, match="has been removed meanwhile: nothing is kept"):
        registry.catalog.embeddings.put(films.version_id, old, np.array([1, 0, 0], np.float32), {})

    assert new.id != old.id


def test_the_id_of_a_vector_does_not_come_again(registry: Registry, sentiment: TaskData) -> None:
    space = registry.add_space("s", SPEC, corpus=None)
    ids = []
    for name in ("one", "two", "three"):
        version = registry.add_task(name, replace(sentiment, description=name)).version_id
        registry.catalog.embeddings.put(version, space, np.array([1, 0, 0], np.float32), {})
        ids += registry.catalog.embeddings.all(space.id).ids.tolist()
        registry.remove(name, "task")

    assert len(set(ids)) == 3


def test_what_was_removed_while_it_is_asked_for_is_one_line(registry: Registry) -> None:
    space = registry.add_space("s", SPEC, corpus=None)
    registry.remove_space("s")

    with pytest.raises(InputError, match="What was asked for has been removed meanwhile"):
        registry.catalog.embeddings.centring(space.id)


# -- names that differ in case alone -------------------------------------------------------------------


@pytest.mark.parametrize(("name", "other"), [("SST-2", "sst-2"), ("отзывы", "Отзывы"), ("Café", "CAFE\u0301")])
def test_a_name_is_found_whatever_its_case_and_no_other_is_like_it(registry: Registry, name: str, other: str) -> None:
    registry.add_task(name, task())

    assert registry.entry(other, "task").name == name
    assert registry.add_task(other, task()).name == name
    assert registry.add_task(other, task("great"), replace=True).version == 2
    with pytest.raises(AlreadyExistsError, match=f"'{name}' is already the name of a task"):
        registry.add_model(other, {"type": "function"}, content_hash="0")
    registry.remove(other, "task")
    assert count(registry, "entries") == 0


def test_an_alias_is_found_whatever_its_case(registry: Registry) -> None:
    registry.add_task("films", task())
    registry.set_alias("films", "Best")
    registry.add_task("films", task("great"), replace=True)

    assert registry.entry("films:best").version == 1
    assert registry.set_alias("films:2", "BEST").aliases == {"Best": 2}


def test_a_space_is_found_whatever_its_case(registry: Registry) -> None:
    hand_made_space(registry, "Everyday")

    assert registry.space("everyday").name == "Everyday"


def test_a_text_that_no_entry_can_hold_is_not_looked_for_in_part(registry: Registry, films: EntryRecord) -> None:
    """SQLite's LIKE ends at a NUL: what stands before it would be found."""
    with pytest.raises(InputError, match="A text that is looked for holds no NUL character"):
        names(registry, Filter(text=f"{films.name}\0x"))
