"""The tables of forms in docs/formats.md: every example in them is run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from registry.data.tasks import TaskData
from registry.errors import DataError
from registry.formats.tasks import read_task

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the table that begins with a heading, code without its signs."""
    table = TEXT.partition(f"\n{heading}\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert len(table) > 4, heading
    return [[cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]


FILES = rows_of("| ending | taken, for example | refused, for example | why |")
COLUMNS = rows_of("| the column of labels | becomes | why |")
MEANINGS = rows_of("| labels | without `--answers` | why |")
CHOICES = rows_of("| choices | labels | right choices |")


def file_of(folder: Path, ending: str, example: str) -> str:
    path = folder / f"t{ending}"
    path.write_text(example.replace("⏎", "\n").replace("⇥", "\t"), encoding="utf-8")
    return str(path)


def read_labels(labels: str, choices: Any = None, **options: Any) -> TaskData:  # noqa: ANN401 - what JSON says
    more = {} if choices is None else {"choices": choices}
    return read_task(
        [{"text": f"text {i}", "label": label, **more} for i, label in enumerate(json.loads(labels))], **options
    )


@pytest.mark.parametrize(("ending", "taken", "refused", "why"), FILES)
def test_a_form_of_a_file_is_taken_and_refused_as_documented(
    tmp_path: Path, ending: str, taken: str, refused: str, why: str
) -> None:
    task = read_task(file_of(tmp_path, ending, taken))

    assert ([e.label for e in task.train], len(task.train)) == (["good", "bad"], 2)
    with pytest.raises(DataError):
        read_task(file_of(tmp_path, ending, refused))
    assert why


@pytest.mark.parametrize(("labels", "become", "why"), COLUMNS)
def test_a_column_of_labels_is_read_as_documented(labels: str, become: str, why: str) -> None:
    if become == "refused":
        with pytest.raises(DataError):
            read_labels(labels, answers_as_they_are=True)
    else:
        task = read_labels(labels, answers_as_they_are=True)
        assert [example.label for example in task.train] == json.loads(become)
        assert (task.kind == "regression") == ("decimal" in why)


@pytest.mark.parametrize(("labels", "outcome", "why"), MEANINGS)
def test_labels_that_say_nothing_are_met_as_documented(
    labels: str, outcome: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    if outcome == "refused":
        with pytest.raises(DataError, match="say nothing of what they mean"):
            read_labels(labels)
    else:
        read_labels(labels)
        assert ("say little of what they mean" in caplog.text) == (outcome == "told"), why


@pytest.mark.parametrize(("choices", "labels", "right"), CHOICES)
def test_the_right_choice_is_found_as_documented(choices: str, labels: str, right: str) -> None:
    if right == "refused":
        with pytest.raises(DataError, match="one choice's text and another's position"):
            read_labels(labels, json.loads(choices))
    else:
        assert [example.label for example in read_labels(labels, json.loads(choices)).train] == json.loads(right)
