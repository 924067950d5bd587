"""The matrix of transfers: cells are measured once, and a source teaches what goes with its weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import choices, opinions, tiny_encoder

from benchmarks.fewshot import Recipe, Trainer, token_f1
from benchmarks.paper_tables import Grid, measure
from embedders.observed import from_answers, from_task
from registry.data.tasks import TaskData
from registry.formats.transfers import read_transfers, write_transfers


def with_test(task: TaskData) -> TaskData:
    return replace(task, test=task.train[:12])


TASKS = {
    "films": with_test(opinions(48)),
    "meals": with_test(opinions(24, ("bad", "good"))),
    "words": with_test(choices(16)),
}


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    folder = tmp_path_factory.mktemp("fewshot")
    recipe = Recipe(
        model=str(tiny_encoder(folder / "encoder")),
        source_examples=48,
        source_steps=60,
        target_examples=16,
        target_steps=4,
        test_examples=12,
        learning_rate=1e-2,
    )
    return Trainer(recipe, folder / "taught", device="cpu")


def test_every_cell_is_measured_once(trainer: Trainer, tmp_path: Path) -> None:
    out = tmp_path / "measured" / "cells.csv"

    measure(TASKS, trainer, out, seeds=range(1))
    first = out.read_bytes()
    records = read_transfers(out)
    measure(TASKS, trainer, out, seeds=range(1))

    assert out.read_bytes() == first
    assert {(r.source, r.target) for r in records} == {(s, t) for s in TASKS for t in TASKS}
    assert all(0 <= r.score_mean <= 1 for r in records)
    assert "runs of a cell: [1]" in str(Grid(out))


def test_a_cell_that_is_missing_is_measured_and_the_others_are_kept(trainer: Trainer, tmp_path: Path) -> None:
    out = tmp_path / "cells.csv"
    films = {"films": TASKS["films"]}
    measure(films, trainer, out, seeds=range(1))
    write_transfers(out, [replace(record, score_mean=0.123) for record in read_transfers(out)])

    measure({**films, "meals": TASKS["meals"]}, trainer, out, seeds=range(1))

    scores = {(r.source, r.target): r.score_mean for r in read_transfers(out)}
    assert len(scores) == 4
    assert scores["films", "films"] == 0.123


def test_the_same_cell_gives_the_same_score(trainer: Trainer) -> None:
    taught = trainer.taught(TASKS["films"])

    assert trainer.score(TASKS["meals"], taught, seed=0) == trainer.score(TASKS["meals"], taught, seed=0)


def test_a_source_that_is_alike_helps(trainer: Trainer) -> None:
    alone = trainer.score(TASKS["meals"], None, seed=0)

    assert trainer.score(TASKS["meals"], trainer.taught(TASKS["films"]), seed=0) > alone


def test_a_taught_source_answers_its_own_task(trainer: Trainer) -> None:
    task = TASKS["films"]
    asked = from_task(task, examples=24, seed=3)
    right = asked.probabilities.argmax(axis=1)
    blank = from_answers(asked.inputs, asked.answers, np.full((24, 2), 0.5, np.float32))

    assert (trainer.answers(task, blank).argmax(axis=1) == right).mean() > 0.9


@pytest.mark.parametrize(
    ("first", "last", "wanted", "f1"),
    [(2, 4, [2, 4], 1.0), (2, 4, [3, 6], 4 / 7), (1, 1, [3, 4], 0.0), (2, 2, [-1, -1], 0.0)],
)
def test_spans_are_scored_by_the_tokens_in_common(first: int, last: int, wanted: list[int], f1: float) -> None:
    scores = torch.zeros(2, 8)
    scores[0, first] = scores[1, last] = 5.0

    assert token_f1(scores, wanted) == pytest.approx(f1)


def test_no_span_ends_before_it_begins() -> None:
    scores = torch.zeros(2, 8)
    scores[0, 5], scores[1, 1] = 5.0, 4.0  # the best pair of the two would run backwards

    assert token_f1(scores, [5, 5]) > 0
