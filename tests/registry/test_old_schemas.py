"""Registries that earlier releases left: upgraded, used, and asked again what those releases were asked."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from goals import Goal
from tiny_cli import told

import cli
from registry import Registry
from registry.catalog.database import SCHEMA
from registry.errors import SchemaError

KEPT = Path(__file__).parents[1] / "data" / "schemas"
SCHEMAS = sorted(folder.name for folder in KEPT.iterdir() if folder.is_dir() and folder.name.isdigit())
LATER = (  # notes
    "count for nothing: there are not 20 examples",
    "answer the same throughout and are heard once",
    "answers are taken to be true about equally often",
)
TOLERANCE = 1e-5  # of a figure, as the index's own


@pytest.fixture(scope="module", params=SCHEMAS)
def kept(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((KEPT / request.param / "answers.json").read_text())
    return found


@pytest.fixture(scope="module")
def upgraded(kept: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the registry after `fute db upgrade`."""
    folder = tmp_path_factory.mktemp(kept["schema"])
    shutil.copy(KEPT / kept["schema"] / "catalog.db", folder)
    assert Registry.upgrade(folder) is not None  # the backup
    return folder


def answer(folder: Path, words: str) -> Any:  # noqa: ANN401 - any JSON value
    result = CliRunner().invoke(cli.main, ["--registry", str(folder), *words.split()])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def ranked_by(kept: dict[str, Any]) -> str:
    """Return by what prompts were ranked then, where nothing was said."""
    return "fute" if kept["schema"] < "0005" else "accuracy"


def differences(then: Any, now: Any, place: str = "") -> list[str]:  # noqa: ANN401 - any JSON values
    """Return where today's answer is not the one of then; fields that came later are no difference."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [
            line for key in then for line in differences(then[key], now.get(key, "no such field"), f"{place}.{key}")
        ]
    if place.endswith(".notes") and isinstance(now, list):
        now = [note for note in now if not any(new in note for new in LATER)]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [
            line for i, pair in enumerate(zip(then, now, strict=True)) for line in differences(*pair, f"{place}[{i}]")
        ]
    if isinstance(then, float) and isinstance(now, int | float):
        return [] if abs(then - now) <= TOLERANCE else [f"{place}: {then} then, {now} now"]
    return [] if then == now else [f"{place}: {then!r} then, {now!r} now"]


def test_there_is_a_registry_of_every_schema_before_this_one() -> None:
    assert [f"{number:04}" for number in range(1, int(SCHEMA))] == SCHEMAS


def test_it_is_refused_until_it_is_upgraded(kept: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(KEPT / kept["schema"] / "catalog.db", tmp_path)

    with pytest.raises(SchemaError, match=f"by an older release .schema {kept['schema']}.: run 'fute db upgrade'"):
        Registry.open(tmp_path)


@pytest.mark.goal("R12", "a registry of each earlier schema is upgraded and answers what it answered then")
def test_it_answers_what_it_answered_then(goal: Goal, kept: dict[str, Any], upgraded: Path) -> None:
    assert {"nearest", "nearest-tasks", "nearest-tagged", "compare", "compare-model", "transfers"} <= set(
        kept["answers"]
    )
    assert kept["answers"]["nearest"]["answer"]["matches"]
    assert ("best-prompt" in kept["answers"]) is (kept["schema"] > "0001")

    for name, one in kept["answers"].items():
        asked = one["asked"] + (f" --by {ranked_by(kept)}" if name == "best-prompt" else "")
        if name == "best-prompt" and ranked_by(kept) == "accuracy":
            continue  # its prompts say the same, and were heard as three: see below
        assert differences(one["answer"], answer(upgraded, asked), name) == []
    goal.reached(f"{kept['schema']}: {len(kept['answers'])} answers")


def test_answers_of_its_models_are_kept(kept: dict[str, Any], upgraded: Path) -> None:
    with Registry.open(upgraded) as registry:
        corpus = registry.catalog.entries.get("texts").version_id
        for name, probabilities in kept["predictions"].items():
            (chunk,) = registry.catalog.predictions.chunks(
                registry.catalog.entries.get(name).version_id, corpus
            ).values()
            assert tuple(chunk.answers) == ("negative", "positive")
            np.testing.assert_allclose(chunk.probabilities, probabilities, atol=1e-7)


def test_its_prompts_can_be_ranked(kept: dict[str, Any], upgraded: Path) -> None:
    found = answer(upgraded, f"best-prompt film --model opt --space by-hand --by {ranked_by(kept)} --json")["prompts"]

    assert {row["name"] for row in found} == {"plain", "asked", "blunt"}
    scores = [row["score"] for row in found]
    if ranked_by(kept) == "accuracy":  # estimated of one voter with three names, less surely than of three
        assert scores == pytest.approx([0.638] * 3, abs=1e-3)
    elif kept["schema"] > "0001":
        assert scores == pytest.approx([row["score"] for row in kept["answers"]["best-prompt"]["answer"]["prompts"]])


def test_what_hangs_on_its_entries_is_there(upgraded: Path) -> None:
    with Registry.open(upgraded) as registry:
        film, first = registry.catalog.entries.get("film"), registry.catalog.entries.get("film:first")
        assert (film.version, first.version, film.tags) == (2, 1, ("english",))
        assert len(registry.task_data("film").train) == 11
        assert len(registry.task_data("film:first").train) == 10
        assert list(registry.catalog.jobs.failures().values()) == ["it was too large"]
        assert [record.run for record in registry.transfers()] == [""] * 5


def test_it_is_taken_in_by_another(upgraded: Path, tmp_path: Path) -> None:
    with Registry.open(upgraded) as registry:
        registry.export_bundle(tmp_path / "bundle")

    with Registry.create(tmp_path / "other") as other:
        other.import_bundle(tmp_path / "bundle", trust=True)

    assert told("diff", upgraded, tmp_path / "other") == (0, "No differences\n")


def test_its_index_is_made_anew_and_is_right(upgraded: Path) -> None:
    with Registry.open(upgraded) as registry:
        registry.rebuild_index()
        (verified,) = registry.verify_index()

    assert (verified.vectors, verified.snapshot, verified.faults) == (8, "sound", ())


def test_it_can_be_written_to(upgraded: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(upgraded, copy)
    with Registry.open(copy) as registry:
        space = registry.catalog.spaces.get("by-hand")
        goal = registry.catalog.entries.get("goal")
        film = registry.vectors(entry="film", space="by-hand").matrix[0]
        registry.catalog.embeddings.put(goal.version_id, space, film, {})

        best = registry.nearest("film", kind="task", space="by-hand", limit=1, duplicates=True)[0]
        assert (best.name, best.similarity) == ("goal", pytest.approx(1))
        assert registry.catalog.jobs.failures() == {}
