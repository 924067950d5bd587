"""Kinds of tasks: numbers on a scale, questions on a passage, free texts; and how a table's kind is told."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cli
from registry import Registry
from registry.data.examples import Columns, Example
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError
from registry.files.lines import dump_lines
from registry.formats.tasks import read_task, write_task
from registry.importing import import_tasks

TAKEN = {"answers_as_they_are": True}
ENDS = {"low": "bad", "high": "good"}
RATED = [
    {"text": "a fine film", "label": 4},
    {"text": "a dull film", "label": 0.5, "text_pair": "a dull book"},
    {"text": "a film", "label": 2.25},
]
PASSAGE = "The first film was dull. The second film was fine."
ASKED = [
    {"question": "How was the second film?", "context": PASSAGE, "answer": "fine", "answer_start": 45},
    {"question": "Which film was dull?", "context": PASSAGE, "answer": "The first film", "answer_start": 0},
]
FREE = [
    {"text": "the sky is", "label": "as blue as it can be"},
    {"text": "grass is", "label": "green", "choices": ["green", "red"]},
]


def file_of(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_bytes(dump_lines(rows))
    return str(path)


def folder_of(path: Path, spec: dict[str, Any], rows: list[dict[str, Any]], **more: list[dict[str, Any]]) -> str:
    path.mkdir()
    (path / "task.json").write_text(json.dumps(spec), encoding="utf-8")
    for name, split in {"train": rows, **more}.items():
        file_of(path / f"{name}.jsonl", split)
    return str(path)


# -- what was there before -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            TaskData(
                "classification",
                ("negative", "positive"),
                (Example("a fine film", "positive"), Example("a dull film", "negative", "é\n")),
                (Example("great", "positive"),),
                {"positive": "It was great."},
            ),
            "1acaf0cd50c9ac991e0045bbb309d0db9b50e840c020ac415c7ece5dbae9e134",
        ),
        (
            TaskData(
                "multiple-choice",
                None,
                (
                    Example("the sky is", "blue", choices=("blue", "green")),
                    Example("why?", "rain", "tell", ("rain", "sun", "wind")),
                ),
            ),
            "1077f01a215324aa8e9eed0a63983486408c46e5e1e7d3ce0390a930a698dd6e",
        ),
    ],
    ids=["classification", "multiple choice"],
)
def test_tasks_of_the_first_release_keep_their_hash(task: TaskData, expected: str) -> None:
    assert task.content_hash() == expected


# -- regression ----------------------------------------------------------------------------------------


def test_the_labels_of_a_regression_are_numbers_on_a_scale(tmp_path: Path) -> None:
    spec = {"kind": "regression", "range": [0, 5], "answers": {"low": "bad", "high": "good"}}

    task = read_task(folder_of(tmp_path / "t", spec, RATED))

    assert task == TaskData(
        kind="regression",
        labels=None,
        train=(
            Example("a fine film", "4"),
            Example("a dull film", "0.5", "a dull book"),
            Example("a film", "2.25"),
        ),
        answers={"low": "bad", "high": "good"},
        range=(0.0, 5.0),
    )


def test_without_a_range_the_scale_is_that_of_the_training_labels(tmp_path: Path) -> None:
    assert read_task(folder_of(tmp_path / "t", {"kind": "regression", **TAKEN}, RATED)).range == (0.5, 4.0)


def test_numbers_are_written_as_they_were_read(tmp_path: Path) -> None:
    rows = [{"text": "x", "label": label} for label in (0, 5, 0.1, 1e-7, 2.50, 3.0)]

    read = read_task(file_of(tmp_path / "t.jsonl", rows), kind="regression", answers=ENDS)

    assert read.contents()["train"] == dump_lines(rows)


def test_numbers_in_a_table_are_read_as_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na,3\nb,-.5\nc, 2.50\nd,1e1\n")

    task = read_task(str(tmp_path / "t.csv"), kind="regression", answers=ENDS, range=(-1, 10))

    assert [example.label for example in task.train] == ["3", "-0.5", "2.5", "10.0"]
    assert (task.range, task.answers) == ((-1, 10), ENDS)


def test_another_scale_or_another_meaning_of_it_is_another_task(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.jsonl", RATED)
    tasks = [
        read_task(source, kind="regression", answers_as_they_are=True),
        read_task(source, kind="regression", range=(0, 5), answers_as_they_are=True),
        read_task(source, kind="regression", answers=ENDS),
    ]

    assert len({task.content_hash() for task in tasks}) == 3


@pytest.mark.parametrize("label", ["high", True, [1], "inf", float("inf"), "1_000", "9" * 400, 10**400])
def test_what_is_no_number_is_refused_with_its_place(tmp_path: Path, label: object) -> None:
    source = file_of(tmp_path / "t.jsonl", [*RATED, {"text": "x", "label": label}])

    shown = f": it has {label[:40]!r}" if isinstance(label, str) else ""
    with pytest.raises(DataError, match=rf"t\.jsonl line 4: has no finite number in 'label'{re.escape(shown)}\.$"):
        read_task(source, kind="regression")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"range": [0, 3]}, r"train\.jsonl line 1: label 4 is outside the range 0 to 3\.$"),
        ({"range": [1, 5]}, r"train\.jsonl line 2: label 0\.5 is outside the range 1 to 5\.$"),
        ({"range": [5, 0]}, r"range is not a smaller and a larger number\.$"),
        ({"range": [0, 0]}, r"range is not a smaller and a larger number\.$"),
        ({"range": [0]}, r"range is not a smaller and a larger number\.$"),
        ({"range": "0,5"}, r"range is not a smaller and a larger number\.$"),
        ({"range": [False, 5]}, r"range is not a smaller and a larger number\.$"),
        ({"range": [0, float("inf")]}, r"range is not a smaller and a larger number\.$"),
        ({"range": [0, 10**400]}, r"range is not a smaller and a larger number\.$"),
        ({"range": [-1e308, 1e308]}, r"the scale from -1e\+308 to 1e\+308 is too wide: divide its numbers\.$"),
        ({"answers": {"middle": "so-so"}}, "answers names labels that the task does not have"),
    ],
)
def test_a_scale_that_does_not_fit_is_refused(tmp_path: Path, spec: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_task(folder_of(tmp_path / "t", {"kind": "regression", **spec}, RATED))


def test_a_scale_that_nobody_gives_holds_the_numbers_of_all_splits(tmp_path: Path) -> None:
    source = folder_of(
        tmp_path / "t", {"kind": "regression", "answers": ENDS}, RATED, test=[{"text": "x", "label": 4.5}]
    )

    task = read_task(source)

    assert task.range == (0.5, 4.5)
    assert [example.label for example in task.test] == ["4.5"]


def test_a_number_of_the_test_split_outside_the_scale_that_was_given_is_refused(tmp_path: Path) -> None:
    spec = {"kind": "regression", "range": [0.5, 4]}
    source = folder_of(tmp_path / "t", spec, RATED, test=[{"text": "x", "label": 4.5}])

    with pytest.raises(DataError, match=r"test\.jsonl line 1: label 4\.5 is outside the range 0\.5 to 4\.$"):
        read_task(source)


def test_one_number_throughout_has_no_scale(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.jsonl", [{"text": "x", "label": 3}, {"text": "y", "label": 3.0}])

    with pytest.raises(DataError, match=r"has the label 3 throughout: give the range of the scale\.$"):
        read_task(source, kind="regression")

    assert read_task(source, kind="regression", range=(1, 5), answers=ENDS).range == (1, 5)


def test_the_answers_of_a_regression_are_for_its_ends(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^Answers are for the ends low, high\.$"):
        read_task(file_of(tmp_path / "t.jsonl", RATED), kind="regression", answers={"4": "good"})


def test_fractions_as_labels_are_numbers_on_a_scale(tmp_path: Path) -> None:
    task = read_task(file_of(tmp_path / "t.jsonl", RATED), answers=ENDS)

    assert (task.kind, task.range, task.answers) == ("regression", (0.5, 4.0), ENDS)


# -- question answering --------------------------------------------------------------------------------


def test_a_question_is_a_pair_with_its_passage_and_knows_where_the_answer_stands(tmp_path: Path) -> None:
    task = read_task(folder_of(tmp_path / "t", {"kind": "question-answering"}, ASKED))

    assert (task.kind, task.labels) == ("question-answering", None)
    assert task.train == (
        Example("How was the second film?", "fine", PASSAGE, answer_start=45),
        Example("Which film was dull?", "The first film", PASSAGE, answer_start=0),
    )


def test_a_file_of_questions_is_known_by_its_columns_and_written_as_it_was(tmp_path: Path) -> None:
    read = read_task(file_of(tmp_path / "t.jsonl", ASKED))

    assert read.kind == "question-answering"
    assert read.contents()["train"] == dump_lines(ASKED)


def test_a_table_of_questions_may_name_its_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('q,passage,gold,at\nHow?,"so, fine",fine,4\n')
    columns = Columns(text="q", text_pair="passage", label="gold", answer_start="at")

    task = read_task(str(tmp_path / "t.csv"), columns=columns)

    assert task.train == (Example("How?", "fine", "so, fine", answer_start=4),)


def test_squads_lists_of_answers_are_read_in_any_table(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    answers = {"text": ["fine", "was fine"], "answer_start": [45, 41]}
    rows = [{"id": "1", "question": "How was it?", "context": PASSAGE, "answers": answers}]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "t.parquet")

    tasks = [read_task(file_of(tmp_path / "t.jsonl", rows)), read_task(str(tmp_path / "t.parquet"))]

    assert [task.train for task in tasks] == [(Example("How was it?", "fine", PASSAGE, answer_start=45),)] * 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"question": " "}, r"has no text in 'question'"),
        ({"context": None}, r"has no text in 'context'"),
        ({"answer": 7}, r"has no answer in 'answer': leave out questions that have none\.$"),
        ({"answer": {"text": "fine", "answer_start": 45}}, r"does not hold lists of 'text' and 'answer_start'\.$"),
        ({"answer_start": None}, r"does not say in 'answer_start' at which character the answer begins\.$"),
        ({"answer_start": "early"}, r"does not say in 'answer_start' at which character"),
        ({"answer_start": True}, r"does not say in 'answer_start' at which character"),
        ({"answer_start": 44}, r"has ' fin' at character 44, not the answer 'fine'\.$"),
        ({"answer_start": 9999}, r"has '' at character 9999, not the answer 'fine'\.$"),
        ({"answer_start": -5}, r"has '' at character -5, not the answer 'fine'\.$"),
    ],
)
def test_a_fault_in_a_question_is_told_with_its_place(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    source = file_of(tmp_path / "t.jsonl", [ASKED[1], {**ASKED[0], **change}])

    with pytest.raises(DataError, match=rf"t\.jsonl line 2: .*{told}"):
        read_task(source)


def test_where_an_answer_begins_may_be_written_as_programs_write_it(tmp_path: Path) -> None:
    """In a column with a gap 45 is 45.0; in SQuAD's own files each answer is an object with its place."""
    question = {key: ASKED[0][key] for key in ("question", "context")}
    own = {"text": "fine", "answer_start": 45}
    rows = [{**ASKED[0], "answer_start": 45.0}, {**ASKED[0], "answer_start": "45.0"}, {**question, "answers": [own]}]

    for row in rows:
        assert read_task(file_of(tmp_path / "q.jsonl", [row])).train[0].answer_start == 45
    unanswered = [{**question, "answers": [own]}, {**question, "answers": []}]
    assert len(read_task(file_of(tmp_path / "q.jsonl", unanswered)).train) == 1


def test_a_number_that_is_no_key_of_the_choices_is_not_taken_for_a_position(tmp_path: Path) -> None:
    """Of keys 1 and 2 the label 0 is none: the labels may be positions, and 1 then is another choice."""
    keyed = {"text": ["red", "blue"], "label": ["1", "2"]}
    rows = [{"text": f"text {n}", "choices": keyed, "label": n} for n in (1, 2)]

    assert [one.label for one in read_task(file_of(tmp_path / "t.jsonl", rows)).train] == ["red", "blue"]
    by_position = [{**row, "label": row["label"] - 1} for row in rows]  # type: ignore[operator]
    with pytest.raises(DataError, match="line 1: label 0 is none of the choices' keys 1, 2"):
        read_task(file_of(tmp_path / "t.jsonl", by_position))


def test_a_hidden_choice_is_no_label_in_a_column_with_gaps_either(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "choices": ["red", "blue"], "label": float(n)} for n in (0, 1, -1)]

    assert [one.label for one in read_task(file_of(tmp_path / "t.jsonl", rows)).train] == ["red", "blue"]


def test_questions_with_a_label_of_their_own_are_no_extracts(tmp_path: Path) -> None:
    rows = [{"question": "Is it fine?", "context": PASSAGE, "answer": answer} for answer in ("yes", "no")]

    task = read_task(file_of(tmp_path / "t.jsonl", rows), columns=Columns("question", "context", "answer"))

    assert (task.kind, task.labels) == ("classification", ("no", "yes"))


def test_the_published_questions_are_imported_and_exported_as_they_are(
    registry: Registry, data: Path, tmp_path: Path
) -> None:
    names = ["xquad_en", *(f"subjqa_{what}" for what in ("electronics", "grocery", "restaurants", "tripadvisor"))]
    (tmp_path / "tasks").mkdir()
    for name in names:
        (tmp_path / "tasks" / name).symlink_to(data / "tasks" / name)

    report = import_tasks(registry, tmp_path / "tasks")

    assert (sorted(report.added), report.skipped, report.failed) == (sorted(names), {}, {})
    assert {row.record.task_kind for row in registry.tasks()} == {"question-answering"}
    for name in names:
        registry.export_task(name, tmp_path / name)
        for split in ("train.jsonl", "test.jsonl"):
            was, now = (folder / name / split for folder in (tmp_path / "tasks", tmp_path))
            read = [[json.loads(line) for line in path.read_text("utf-8").splitlines()] for path in (was, now)]
            assert read[0] == read[1], f"{name} {split}"


# -- free text -----------------------------------------------------------------------------------------


def test_answers_may_be_any_text_with_or_without_choices(tmp_path: Path) -> None:
    task = read_task(file_of(tmp_path / "t.jsonl", FREE[:1] + FREE), kind="free-text")

    assert (task.kind, task.labels) == ("free-text", None)
    assert task.train[1:] == (
        Example("the sky is", "as blue as it can be"),
        Example("grass is", "green", choices=("green", "red")),
    )


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"text": "x", "label": " "}, r"line 2: has an empty label\.$"),
        ({"text": "x", "label": "blue", "choices": ["green"]}, r"line 2: label 'blue' is not one of green\.$"),
        ({"text": "x"}, r"line 2: has no label"),
    ],
)
def test_a_fault_in_a_free_answer_is_told_with_its_place(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_task(file_of(tmp_path / "t.jsonl", [FREE[0], row]), kind="free-text")


# -- saying the kind -----------------------------------------------------------------------------------


def test_a_kind_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^Kind 'ranking' is not one of classification, multiple-choice, regression"):
        read_task(file_of(tmp_path / "t.jsonl", RATED), kind="ranking")


@pytest.mark.parametrize("options", [{"kind": "regression"}, {"range": (0, 5)}])
def test_a_folder_says_its_kind_itself(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"t says its kind and range in task\.json: leave them out\.$"):
        read_task(folder_of(tmp_path / "t", {"kind": "regression"}, RATED), **options)


def test_a_range_is_for_a_regression_alone(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^A range is for a task of the kind regression, and not for free-text: leave"
    ):
        read_task(file_of(tmp_path / "t.jsonl", FREE), kind="free-text", range=(0, 5))


def test_who_gives_a_range_means_a_regression(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.jsonl", RATED)

    task = read_task(source, range=(0, 5), answers=ENDS)

    assert task.content_hash() == read_task(source, kind="regression", range=(0, 5), answers=ENDS).content_hash()


def run(store: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, ["--registry", str(store), *arguments])
    return result.exit_code, result.output


def test_the_program_takes_kind_range_and_answers(tmp_path: Path) -> None:
    Registry.create(tmp_path / "store").close()
    options = ("--kind", "regression", "--range", "-1,5", "--answers", "low=not alike,high=the same")

    made = run(tmp_path / "store", "task", "add", "sts", "--data", file_of(tmp_path / "t.jsonl", RATED), *options)

    assert made == (
        0,
        "sts version 1: 3 training examples\n"
        "  regression from -1 (not alike) to 5 (the same)\n"
        "    a fine film -> 4\n"
        "    a dull film -> 0.5\n",
    )
    with Registry.open(tmp_path / "store") as registry:
        spec = registry.catalog.entries.get("sts").spec
        assert registry.tasks()[0].cells()["labels"] == "-1 to 5"
    assert (spec["range"], spec["answers"]) == ([-1.0, 5.0], {"low": "not alike", "high": "the same"})


@pytest.mark.parametrize("ends", ["5", "1,2,3", "low,high", ""])
def test_the_program_refuses_what_is_no_range(tmp_path: Path, ends: str) -> None:
    Registry.create(tmp_path / "store").close()
    source = file_of(tmp_path / "t.jsonl", RATED)

    code, text = run(
        tmp_path / "store", "task", "add", "sts", "--data", source, "--kind", "regression", "--range", ends
    )

    assert code == 2
    assert "expected two numbers, LOW,HIGH" in text


def test_what_a_folder_holds_goes_round_unchanged(tmp_path: Path) -> None:
    for name, kind, rows in (("r", "regression", RATED), ("q", "question-answering", ASKED), ("f", "free-text", FREE)):
        task = read_task(folder_of(tmp_path / name, {"kind": kind, **TAKEN}, rows))

        write_task(task, name, tmp_path / f"{name}-again")

        assert (tmp_path / f"{name}-again" / "train.jsonl").read_bytes() == dump_lines(rows)
        assert read_task(str(tmp_path / f"{name}-again")) == task
