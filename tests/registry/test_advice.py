"""Sources for a target by memory, gain and size: from the registry, and as typed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from tiny_history import records_of

import cli
from commands import query
from registry import Registry
from registry.catalog import Filter
from registry.catalog.records import NewEntry
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.data.transfers import TransferRecord
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.sources.answer import SourceRanking
from registry.sources.history import standardised, without
from registry.sources.likeness import Likeness
from registry.sources.memory import Memory, Reason
from registry.sources.orders import ORDERS, because
from registry.spaces.facets import Facet, Facets, weights_between
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

FACET = Facets((Facet("inputs", 3),))
NAMES = ("bank", "film", "game", "meal", "rain", "song", "team")
SPEC = SpaceSpec("5" * 64, "here", "ours", {}, (Facet("inputs", 3), Facet("answers", 3)), None)
RECORDS = records_of(NAMES[:4], NAMES)
SETTING = "large/lora"


def task(name: str, examples: int = 2) -> TaskData:
    rows = tuple(Example(f"{name} {number}", "xy"[number % 2]) for number in range(examples))
    return TaskData("classification", ("x", "y"), rows)


def vector(seed: int) -> NDArray[np.float32]:
    parts = np.random.default_rng(seed).normal(size=(2, 3))
    return unit(np.concatenate([unit(part) for part in parts]).astype(np.float32))


@pytest.fixture
def unmeasured(registry: Registry) -> Registry:
    """Seven tasks and a model in a space, and no transfers."""
    space = registry.add_space("s", SPEC, corpus=None)
    for seed, name in enumerate(NAMES):
        version = registry.add_task(name, task(name, 2 + seed), tags=["odd"] if seed % 2 else []).version_id
        registry.catalog.embeddings.put(version, space, vector(seed), {})
    model = registry.catalog.entries.add(NewEntry(EntryKind.MODEL, "m", "m", {}))
    registry.catalog.embeddings.put(model.version_id, space, vector(99), {})
    registry.refresh_index("s")
    return registry


@pytest.fixture
def measured(unmeasured: Registry) -> Registry:
    unmeasured.add_transfers(RECORDS)
    return unmeasured


def ask(registry: Registry, name: str = "song", **asked: Any) -> SourceRanking:  # noqa: ANN401
    ranking = registry.nearest(name, **{"by": "memory", **asked})
    assert isinstance(ranking, SourceRanking)
    return ranking


# -- memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [None, SETTING])
def test_sources_stand_in_the_order_that_memory_expects(measured: Registry, setting: str | None) -> None:
    ranking = ask(measured, "film", setting=setting)

    sources = [name for name in NAMES if name != "film"]
    memory = Memory(without(standardised(RECORDS), "film"), measured.likeness())
    found = memory.predict("film", sources, setting=setting)
    assert [(match.name, match.score, match.deviation) for match in ranking] == [
        (sources[i], pytest.approx(found.mean[i], abs=1e-6), pytest.approx(found.deviation[i], abs=1e-6))
        for i in np.argsort(-found.mean)
    ]
    similar = {match.name: match.similarity for match in measured.nearest("film", kind="task")}
    assert {match.name: match.similarity for match in ranking} == pytest.approx(similar, abs=1e-6)
    assert ranking.by == "memory"


def reason_for(targets: dict[str, tuple[float, float]], score: float = 1.0) -> str:
    """Return what is told of the source `song`, by the kinship of each target, and what it gained there."""
    reasons = [Reason(target, kin, "song", gain, gain / 100) for target, (kin, gain) in targets.items()]
    return because(reasons, "song", score, Likeness.from_rows(["song"], np.eye(1, 3, dtype=np.float32), FACET))


def test_every_row_says_which_measurements_put_it_there(measured: Registry) -> None:
    history = {(one.target, one.source) for one in standardised(RECORDS)}

    for match in ask(measured, "film"):
        assert {(reason.target, reason.source) for reason in match.reasons} <= history
        agreeing = [reason for reason in match.reasons if reason.contribution * match.score > 0]
        assert match.because.startswith((*"+-", *(reason.target for reason in agreeing)))


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ({"film": (0.9, 4.0)}, "film (kin 0.90): song +4.0 over its mean source"),
        (
            {"film": (0.9, 4.0), "game": (0.2, 2.0), "rain": (0.8, 1.0)},
            "film (kin 0.90): song +4.0 over its mean source; game (kin 0.20): song +2.0 over its mean source",
        ),
        ({"film": (0.1, 4.0), "game": (-0.2, 2.0)}, "+3.0 over the mean source of 2 targets, none of them kin"),
        ({"film": (0.1, 4.0)}, "+4.0 over the mean source of 1 target, no kin"),
        ({"film": (0.1, 1.0), "game": (0.0, -4.0)}, "film (kin 0.10): song +1.0 over its mean source"),
    ],
)
def test_targets_that_are_no_kin_are_no_reason_by_themselves(
    targets: dict[str, tuple[float, float]], told: str
) -> None:
    assert reason_for(targets) == told


def test_the_targets_own_outcomes_count_only_where_asked(measured: Registry) -> None:
    plain = ask(measured, "film")

    measured.add_transfers([replace(r, score_mean=1 - r.score_mean) for r in RECORDS if r.target == "film"])

    assert [(m.name, round(m.score, 9)) for m in ask(measured, "film")] == [(m.name, round(m.score, 9)) for m in plain]
    assert [m.score for m in ask(measured, "film", own=True)] != [m.score for m in plain]


def test_without_transfers_plain_similarity_ranks_and_says_so(unmeasured: Registry) -> None:
    ranking = ask(unmeasured)

    plain = unmeasured.nearest("song", kind="task")
    assert [(m.name, pytest.approx(m.similarity, abs=1e-6)) for m in plain] == [(m.name, m.similarity) for m in ranking]
    assert ranking.by == "similarity"
    assert ranking.notes == (
        "No transfers to other tasks are recorded: ranked by similarity "
        "('fute transfer import' records yours, 'fute pack add' brings those of others).",
    )
    unmeasured.add_transfers([r for r in RECORDS if r.target == "film"])
    assert ask(unmeasured, "film").by == "similarity"


def test_outcomes_on_the_target_itself_are_never_left_out_without_a_word(unmeasured: Registry) -> None:
    one, *others = [record for record in RECORDS if record.target == "film"]
    unmeasured.add_transfers([one])

    (left_out, *_) = ask(unmeasured, "film").notes
    assert (
        left_out
        == "1 recorded outcome on film itself does not count here: --own takes what was measured on it in, too."
    )
    (alone, *_) = ask(unmeasured, "film", own=True).notes
    assert alone == (
        "1 recorded outcome on film itself cannot be told apart yet: two sources with different scores in one setting "
        "are needed."
    )
    unmeasured.add_transfers(others)
    assert (
        ask(unmeasured, "film").notes[0].startswith(f"{len(others) + 1} recorded outcomes on film itself do not count")
    )
    assert not any("itself" in note for note in ask(unmeasured, "film", own=True).notes)
    assert not any("itself" in note for note in ask(unmeasured, "song").notes)


def test_a_source_that_was_measured_is_ranked_without_a_vector_or_an_entry(measured: Registry) -> None:
    measured.add_transfers([TransferRecord("large", "lora", target, "elsewhere", 1.0) for target in NAMES[:4]])

    match = next(match for match in ask(measured) if match.name == "elsewhere")

    assert np.isnan(match.similarity)
    assert match.facets == {}
    assert match.cells()["similarity"] is None
    assert match.as_json()["similarity"] is None
    assert match.score > 0
    assert "over its mean source" in match.because
    assert "elsewhere" not in [m.name for m in ask(measured, where=Filter(tags=("odd",)))]


def started_from(model: str, score: float) -> list[TransferRecord]:
    """Return what came of starting from a model in the setting of `RECORDS`."""
    return [TransferRecord("large", "lora", target, model, score) for target in NAMES[:4]]


def test_a_model_that_was_measured_is_a_source_like_a_task(measured: Registry) -> None:
    assert "m" not in [match.name for match in ask(measured)], "nobody started from it yet"

    measured.add_transfers(started_from("m", 1.0))

    first = ask(measured)[0]
    assert (first.name, first.kind) == ("m", EntryKind.MODEL)
    assert first.similarity == pytest.approx(measured.nearest("song", kind="model")[0].similarity, abs=1e-6)
    assert "over its mean source" in first.because
    assert "m" not in [match.name for match in ask(measured, kind="task")]
    assert [match.name for match in ask(measured, kind="model")] == ["m"]
    assert [match.name for match in ask(measured, kind="model", by="gain")] == ["m"]


def test_a_model_that_was_not_measured_counts_for_what_models_like_it_gained(measured: Registry) -> None:
    space = measured.catalog.spaces.get("s")
    like_m = unit(vector(99) + 0.05 * vector(55))
    for name, its in (("twin", like_m), ("other", vector(11))):
        added = measured.catalog.entries.add(NewEntry(EntryKind.MODEL, name, name, {}))
        measured.catalog.embeddings.put(added.version_id, space, its, {})

    def lead_of_the_twin(score: float) -> float:
        measured.add_transfers([*started_from("m", score), TransferRecord(*SETTING.split("/"), "rain", "m", score)])
        scores = {match.name: match.score for match in ask(measured, "game", kind="model", setting=SETTING)}
        assert set(scores) == {"m", "twin", "other"}
        return scores["twin"] - scores["other"]

    assert lead_of_the_twin(1.0) > lead_of_the_twin(0.0) + 0.01


def test_facets_that_say_nothing_of_a_model_count_for_nothing() -> None:
    facets = Facets((Facet("inputs", 2), Facet("answers", 2), Facet("map", 2)))
    rows = np.array([[1, 0, 1, 0, 1, 0], [1, 0, 0, 1, 1, 0], [1, 0, 1, 0, 0, 1]], np.float32)

    found = Likeness.from_rows(["task", "other", "model"], rows, facets, models={"model"})

    weights = weights_between(facets, EntryKind.MODEL)
    assert found.similarity[0, 2] == pytest.approx(weights["answers"])
    assert found.similarity[0, 1] == pytest.approx(1 - weights_between(facets, EntryKind.TASK)["answers"])
    assert np.isnan(found.facets[0, 2, 0])
    facets_of_task, _ = found.standardised(np.array([0]))
    assert facets_of_task[0, 2].tolist() == [0, 0, 0], "alone of its kind, it is compared with none"


def test_filters_and_limits_hold(measured: Registry) -> None:
    assert {match.name for match in ask(measured)} == set(NAMES) - {"song"}
    assert {match.name for match in ask(measured, "bank", where=Filter(tags=("odd",)))} == {"film", "meal", "song"}
    assert [match.rank for match in ask(measured, limit=2)] == [1, 2]
    assert [m.name for m in ask(measured, limit=2)] == [m.name for m in ask(measured)[:2]]


def test_an_older_version_asks_under_its_own_name_and_the_newest_is_a_source_of_it(measured: Registry) -> None:
    newest = measured.add_task("film", task("another", 5), replace=True)
    measured.catalog.embeddings.put(newest.version_id, measured.catalog.spaces.get("s"), vector(55), {})
    measured.refresh_index("s")

    for by in ("memory", "gain", "size", "similarity"):
        ranking = measured.nearest("film:1", by=by, kind="task")
        assert ranking.query == "film:1"
        assert "film" in [match.name for match in ranking]
        assert measured.nearest("film", by=by, kind="task").query == "film"
        assert measured.nearest("film:2", by=by, kind="task").query == "film"


def test_a_vector_from_a_file_asks_as_its_entry_does(measured: Registry) -> None:
    outside = measured.vectors(entry="film")

    ranking = measured.nearest(outside, by="memory")

    assert [match.name for match in ranking] == [match.name for match in ask(measured, "film")]


def test_a_vector_from_a_file_is_no_entry_that_is_only_much_like_it(measured: Registry) -> None:
    """Before a space is centred, all its tasks may be as alike as that: what they share is most of each."""
    file = measured.vectors(entry="film")
    other = replace(file, matrix=unit(file.matrix + np.float32(0.08) * vector(77)))
    assert 0.995 < float(other.matrix[0] @ file.matrix[0]) < 0.9999

    ranking = measured.nearest(other, by="memory")

    assert ranking.query == "film (file)"
    assert "film" in [match.name for match in ranking]
    assert measured.nearest(file, by="memory").query == "film"


def test_a_vector_from_a_file_that_is_only_called_like_an_entry_hides_none(measured: Registry) -> None:
    outside = replace(measured.vectors(entry="song"), names=("film",))

    ranking = measured.nearest(outside, by="memory")

    assert ranking.query == "film (file)"
    assert {match.name for match in ranking} == set(NAMES)


def test_of_very_many_tasks_those_that_were_measured_and_the_most_alike_are_compared(
    unmeasured: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmeasured.add_transfers(
        TransferRecord("m", "full", "rain", name, score) for name, score in [("bank", 1), ("m", 0)]
    )
    nearest = [m.name for m in unmeasured.nearest("song", kind="task") if m.name not in ("rain", "bank")]
    monkeypatch.setattr("registry.sources.evidence.CANDIDATES", 4)

    ranking = ask(unmeasured, by="gain")

    assert {match.name for match in ranking} == {"rain", "bank", "m", nearest[0]}


def test_who_does_not_pass_the_filter_takes_no_place_among_the_candidates(
    unmeasured: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmeasured.add_transfers(
        TransferRecord("m", "full", "rain", name, score) for name, score in [("bank", 1), ("film", 0)]
    )
    monkeypatch.setattr("registry.sources.evidence.CANDIDATES", 4)  # one beside the three that were measured
    space = unmeasured.space("s").record
    for number in range(3):
        version = unmeasured.add_task(f"near{number}", task(f"near{number}", 2)).version_id
        near = vector(NAMES.index("song")) + 0.05 * vector(100 + number)
        unmeasured.catalog.embeddings.put(version, space, unit(near[None])[0], {})

    for by in ("memory", "gain"):
        ranking = ask(unmeasured, by=by, where=Filter(tags=("odd",)))
        assert {match.name for match in ranking} == {"film", "meal"}


def test_by_size_the_largest_are_candidates_however_unlike_they_are(
    unmeasured: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.sources.evidence.CANDIDATES", 2)

    assert [match.name for match in ask(unmeasured, by="size")] == ["team", "rain"]
    assert [match.name for match in ask(unmeasured, "team", by="size", where=Filter(tags=("odd",)))] == ["song", "meal"]


def test_only_in_a_centred_space_almost_the_same_vector_is_of_a_double(registry: Registry) -> None:
    space = registry.add_space("s", SpaceSpec("5" * 64, "here", "ours", {}, (Facet("inputs", 64),), None), corpus=None)
    common = np.full(64, 3.0)
    for number, name in enumerate(("film", "song")):
        version = registry.add_task(name, task(name)).version_id
        row = common + 0.1 * np.random.default_rng(number).normal(size=64)
        registry.catalog.embeddings.put(version, space, unit(row.astype(np.float32)[None])[0], {})

    likeness = registry.likeness()

    assert likeness.between("film", "song") == pytest.approx(1, abs=0.005)
    assert likeness.doubles_of("film") == {"film"}


# -- gain and size -----------------------------------------------------------------------------------


def test_by_gain_a_source_stands_where_it_stood_on_average(unmeasured: Registry) -> None:
    unmeasured.add_transfers(
        [
            TransferRecord("m", "full", "bank", "film", 0.9),
            TransferRecord("m", "full", "bank", "game", 0.5),
            TransferRecord("m", "full", "meal", "film", 0.6),
            TransferRecord("m", "full", "meal", "rain", 0.8),
            TransferRecord("m", "lora", "meal", "game", 0.8),
            TransferRecord("m", "lora", "meal", "rain", 0.9),
        ]
    )

    ranking = ask(unmeasured, by="gain", setting="m/full")

    scores = {match.name: match.score for match in ranking}
    assert scores == pytest.approx({"rain": 1, "film": 0, "bank": 0, "meal": 0, "team": 0, "game": -1})
    assert {m.name: m.because for m in ranking}["film"] == "+5.0 over the mean source of 2 targets"
    assert {m.name: m.because for m in ranking}["bank"] == "not measured in m/full"
    assert ask(unmeasured, by="gain")[-1].score == pytest.approx(-1)


def test_by_size_the_task_with_most_examples_comes_first(measured: Registry) -> None:
    ranking = ask(measured, by="size", limit=2)

    assert [(match.name, match.score, match.because) for match in ranking] == [
        ("team", 8.0, "8 training examples"),
        ("rain", 6.0, "6 training examples"),
    ]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"by": "magic"}, "No ranking by 'magic': there are similarity, memory, gain, size."),
        ({"by": "size", "setting": SETTING}, "count by memory or gain: add --by memory."),
        ({"by": "similarity", "own": True}, "count by memory or gain: add --by memory."),
        ({"kind": "prompt"}, "By memory tasks and models are ranked, for a task; all else by similarity alone."),
        ({"kind": "model", "by": "size"}, "of a model nobody knows how many examples it has seen."),
        ({"name": "m"}, "By memory tasks and models are ranked, for a task; all else by similarity alone."),
        ({"setting": "large/full"}, "No transfers in 'large/full': there are large/lora, small/full."),
        ({"limit": 0}, "Ask for at least one match, not 0."),
        ({"weights": {"map": 1.0}}, "No facet 'map' in this space: there are inputs, answers."),
    ],
)
def test_what_makes_no_sense_is_refused(measured: Registry, asked: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as error:
        ask(measured, **asked)

    assert str(error.value).endswith(problem)


def test_gain_without_transfers_is_refused_with_the_mend(unmeasured: Registry) -> None:
    with pytest.raises(InputError, match="'fute transfer import' records yours"):
        ask(unmeasured, by="gain")


# -- as typed ----------------------------------------------------------------------------------------


def run(registry: Registry, *arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.main, ["--registry", str(registry.folder), *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_program_offers_what_the_registry_knows() -> None:
    assert tuple(ORDERS) == query.BY


def test_the_table_shows_score_uncertainty_and_reason_and_stderr_how_often_it_was_right(measured: Registry) -> None:
    code, table, told = run(measured, "nearest", "song", "--by", "memory", "--setting", SETTING, "-k", "2")

    assert code == 0
    header, *rows = ([c.strip() for c in line.split("┃" if "┃" in line else "│")[1:-1]] for line in table.splitlines())
    lines = [row for row in [header, *rows] if row]
    assert lines[0] == ["rank", "name", "kind", "score", "±", "similarity", "because"]
    assert lines[1:] == [
        [str(m.rank), m.name, "task", *(f"{x:.3f}" for x in (m.score, m.deviation, m.similarity)), m.because]
        for m in ask(measured, setting=SETTING)[:2]
    ]
    assert "\nAdvice by memory so far, each of 4 targets left out in turn: the first source was among" in told
    assert told.count("\n") == 2


def test_json_says_the_same_with_reasons_and_the_record(measured: Registry) -> None:
    code, text, _ = run(measured, "nearest", "song", "--by", "memory", "--json")

    found, ranking = json.loads(text), ask(measured)
    assert code == 0
    assert found == json.loads(json.dumps(ranking.as_json()))
    assert (found["by"], found["setting"], found["own"]) == ("memory", None, False)
    assert set(found["record"]) == {"targets", "cases", "regret@1", "first_among_best_three"}
    assert found["matches"][0]["because"] == ranking[0].because
    assert found["matches"][0]["deviation"] == pytest.approx(ranking[0].deviation)
    assert set(found["matches"][0]["reasons"][0]) == {"target", "kinship", "source", "gain", "contribution"}


def test_a_dataframe_has_the_same_columns(measured: Registry) -> None:
    pytest.importorskip("pandas")

    frame = ask(measured).to_pandas()

    assert list(frame.columns) == ["rank", "name", "kind", "score", "±", "similarity", "because"]
    assert len(frame) == 6


def test_more_measurements_than_one_memory_holds_may_be_of_tasks_without_vectors(unmeasured: Registry) -> None:
    names = [f"far{number}" for number in range(54)]
    unmeasured.add_transfers(
        TransferRecord("bert", "full", target, source, 0.1 + (7 * i + 3 * k) % 89 / 100)
        for i, target in enumerate(names)
        for k, source in enumerate(names)
    )

    ranking = ask(unmeasured, limit=100)

    assert ranking.by == "memory"
    assert {"far0", "far53"} <= {match.name for match in ranking}


def test_transfers_that_tell_nothing_yet_are_not_said_to_be_none(unmeasured: Registry) -> None:
    unmeasured.add_transfers([replace(RECORDS[0], target="film", source="meal")])

    (note,) = ask(unmeasured).notes

    assert note.startswith(
        "Transfers to other tasks tell nothing yet, for none has two sources with different scores in"
    )


def test_a_registry_without_transfers_answers_by_similarity_and_says_so_on_stderr(unmeasured: Registry) -> None:
    code, text, told = run(unmeasured, "nearest", "song", "--by", "memory", "--json")

    assert code == 0
    assert json.loads(text)["by"] == "similarity"
    assert told == (
        "No transfers to other tasks are recorded: ranked by similarity "
        "('fute transfer import' records yours, 'fute pack add' brings those of others).\n"
    )


def test_an_unknown_setting_is_one_line_with_exit_code_2(measured: Registry) -> None:
    code, text, told = run(measured, "nearest", "song", "--by", "memory", "--setting", "t5")

    assert (code, text) == (2, "")
    assert told == "Error: No transfers in 't5': there are large/lora, small/full.\n"


# -- what would make advice look better than it is ---------------------------------------------------


def test_what_was_measured_on_a_copy_of_the_target_is_measured_on_the_target(registry: Registry) -> None:
    """Two entries of one data, or a pack's task and one's own: else the answer would be known before it is asked."""
    facets = Facets((Facet("inputs", 64),))
    rows = {name: unit(np.random.default_rng(seed).normal(size=64)) for seed, name in enumerate(NAMES)}
    with_copy = {**rows, "song again": rows["song"]}
    on_copy = [replace(record, target="song again") for record in RECORDS if record.target == "film"]

    def expected(vectors: dict[str, NDArray[np.float64]], records: list[TransferRecord]) -> NDArray[np.float64]:
        matrix = np.stack(list(vectors.values())).astype(np.float32)
        likeness = Likeness.from_rows(list(vectors), matrix, facets, tells_doubles=True)
        return Memory(standardised(records), likeness).expected("song", ["bank", "film", "game"])

    assert expected(with_copy, [*RECORDS, *on_copy]) == pytest.approx(expected(with_copy, list(RECORDS)))
    assert expected(rows, [*RECORDS, *on_copy]) != pytest.approx(expected(rows, list(RECORDS)))  # a name alone is none


def test_measurements_of_an_older_version_are_told(measured: Registry) -> None:
    assert not any("older versions" in note for note in ask(measured).notes)

    measured.add_task("film", task("another film"), replace=True)

    told = next(note for note in ask(measured, "bank").notes if "older versions" in note)
    count = sum("film" in (record.target, record.source) for record in RECORDS)
    assert told.startswith(f"{count} measurements are of older versions of film, and count for the newest: ")


def test_that_the_first_is_not_told_from_others_is_said_however_few_are_shown(measured: Registry) -> None:
    def notes(limit: int) -> list[str]:
        return [note for note in ask(measured, "rain", limit=limit).notes if "is not told from" in note]

    assert notes(5)
    assert notes(1) == notes(5)
