"""Labels as people bring them: which values are classes, which are none, and which say nothing."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError
from registry.files.lines import dump_lines
from registry.formats.labels import read_labels, write_labels
from registry.formats.tasks import read_task, write_task
from registry.reading.classes import whole_number

MOODS = ("negative", "positive")


def rows_of(path: Path, labels: Sequence[object]) -> str:
    path.write_text("".join(json.dumps({"text": f"text {i}", "label": label}) + "\n" for i, label in enumerate(labels)))
    return str(path)


def table_of(path: Path, labels: Sequence[str]) -> str:
    path.write_text("text,label\n" + "".join(f'text {i},"{label}"\n' for i, label in enumerate(labels)))
    return str(path)


def labels_of(task: TaskData) -> list[str]:
    return [example.label for example in task.train]


def numbers(count: int, step: float) -> list[float]:
    return [round(i * step, 3) for i in range(count)]


# -- values that are no classes ------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, float("nan"), "", " ", "nan", "NaN", "<NA>", "null", -1, "-1", -1.0])
def test_rows_without_a_label_are_left_out_and_counted(
    tmp_path: Path, nothing: object, caplog: pytest.LogCaptureFixture
) -> None:
    source = rows_of(tmp_path / "t.jsonl", [*MOODS, nothing, *MOODS, nothing])

    task = read_task(source)

    assert task.labels == MOODS
    assert [example.text for example in task.train] == ["text 0", "text 1", "text 3", "text 4"]
    assert f"{source}: 2 of 6 rows have no label and are left out." in caplog.messages


def test_an_empty_cell_is_no_label(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = read_task(table_of(tmp_path / "t.csv", ["positive", "", "negative"]))

    assert labels_of(task) == ["positive", "negative"]
    assert caplog.messages == [f"{tmp_path / 't.csv'}: 1 of 3 rows have no label and are left out."]


@pytest.mark.parametrize("nothing", [None, "nan", ""])
def test_a_file_without_any_label_is_refused(tmp_path: Path, nothing: object) -> None:
    with pytest.raises(DataError, match=r"t\.jsonl: has no label in 'label' in any of 3 rows\.$"):
        read_task(rows_of(tmp_path / "t.jsonl", [nothing] * 3))


@pytest.mark.parametrize("kept", [(-1, 1), (-2, -1, 0, 1, 2), (-1.0, -0.5, 0.5)])
def test_minus_one_is_a_number_like_others_where_it_is_one_of_two_signs_or_not_the_only_negative(
    tmp_path: Path, kept: tuple[float, ...]
) -> None:
    task = read_task(rows_of(tmp_path / "t.jsonl", kept * 4), answers_as_they_are=True)

    assert len(task.train) == 4 * len(kept)


def test_minus_one_is_a_class_where_somebody_names_it(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "t.jsonl", [-1, 0, 1] * 3)

    task = read_task(source, answers={"-1": "negative", "0": "neutral", "1": "positive"})

    assert task.labels == ("-1", "0", "1")
    with pytest.raises(DataError, match=r"its labels 0, 1 say nothing .* Noted before: -1 is taken as no label: "):
        read_task(source)


@pytest.mark.parametrize("zero", [".0", "0.0", "0,0", "-.0"])
def test_a_zero_is_written_as_one(zero: str) -> None:
    assert whole_number(zero).lstrip("-") == "0"


def test_a_number_is_one_class_however_it_is_written(tmp_path: Path) -> None:
    answers = {"1": "bad", "2": "good"}

    tasks = [
        read_task(rows_of(tmp_path / "a.jsonl", [1, 1.0, "1", "1.0", 2]), answers=answers),
        read_task(
            table_of(tmp_path / "b.csv", ["1", "1.0", "1.0", " 1", "2.0"]), answers={"1.0": "bad", "2.0": "good"}
        ),
    ]

    assert [labels_of(task) for task in tasks] == [["1", "1", "1", "1", "2"]] * 2
    assert tasks[0].answers == tasks[1].answers == answers


def test_blanks_around_a_label_are_no_part_of_it(tmp_path: Path) -> None:
    task = read_task(rows_of(tmp_path / "t.jsonl", ["positive", "positive ", " negative", "negative\u00a0"]))

    assert (task.labels, labels_of(task)) == (MOODS, ["positive", "positive", "negative", "negative"])


def test_labels_that_differ_in_case_alone_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = read_task(rows_of(tmp_path / "t.jsonl", ["Negative", "negative", "positive"]))

    assert task.labels == ("Negative", "negative", "positive")
    told = "'Negative' and 'negative' are labels that differ in case or blanks alone: write one where they are one."
    assert caplog.messages[0].endswith(told)


@pytest.mark.parametrize("twin", ["good\u200b", "\ufeffgood", "go\u00adod", "good\x01", "\uff47ood", "Good\u200d"])
def test_labels_that_look_alike_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, twin: str) -> None:
    """Signs of no width and controls come with what is copied from pages and sheets."""
    task = read_task(rows_of(tmp_path / "t.jsonl", ["good", twin, "bad"]))

    assert set(task.labels or ()) == {"good", twin, "bad"}
    assert caplog.messages[0].endswith("are labels that look alike: write one where they are one.")
    assert repr(twin) in caplog.messages[0]


@pytest.mark.parametrize("joined", ["anger, joy", "anger;joy", "anger | joy", "anger/joy", "Anger+Joy"])
def test_labels_that_join_others_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, joined: str) -> None:
    rows = ["anger", "joy", joined, joined, "fear", "joy"]

    task = read_task(rows_of(tmp_path / "t.jsonl", rows))

    parts = "'Anger' and 'Joy'" if joined[0] == "A" else "'anger' and 'joy'"
    told = (
        f"2 of 6 rows have labels such as {joined!r}, taken as a class beside {parts}. "
        "Where it stands for several, give each row one or leave it out: multi-label tasks are not supported."
    )
    assert joined in (task.labels or ())
    assert [note for note in caplog.messages if "such as" in note] == [f"{tmp_path / 't.jsonl'}: {told}"]


@pytest.mark.parametrize("label", ["C/C++", "science, fiction", "joy,", "joy+joy", "/"])
def test_a_label_whose_parts_are_no_labels_is_one(tmp_path: Path, caplog: pytest.LogCaptureFixture, label: str) -> None:
    read_task(rows_of(tmp_path / "t.jsonl", ["joy", "science", "C", label]))

    assert [note for note in caplog.messages if "such as" in note] == []


def test_a_label_that_may_be_none_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_task(rows_of(tmp_path / "t.jsonl", ["favor", "none", "against"])).labels == ("against", "favor", "none")
    assert caplog.messages[0].endswith("'none' is taken as a class: leave its rows out if it is none.")


def test_true_and_false_are_labels_of_that_name_which_say_little(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = read_task(rows_of(tmp_path / "t.jsonl", [True, False, True]))

    assert (task.labels, labels_of(task)) == (("false", "true"), ["true", "false", "true"])
    assert "its labels false, true say little of what they mean: name them with --answers" in caplog.messages[0]


@pytest.mark.parametrize("label", [["joy", "love"], "['joy', 'love']", '["joy"]'])
def test_several_labels_for_a_text_are_told_as_such(tmp_path: Path, label: object) -> None:
    with pytest.raises(DataError, match=r"t\.jsonl line 2: has several labels in 'label', a list: multi-label tasks"):
        read_task(rows_of(tmp_path / "t.jsonl", ["joy", label, "anger"]))


def test_a_list_of_one_label_is_that_label(tmp_path: Path) -> None:
    assert labels_of(read_task(rows_of(tmp_path / "t.jsonl", [["joy"], ["anger"]]))) == ["joy", "anger"]


def test_labels_of_words_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(dump_lines([{"tokens": ["a", "b"], "ner_tags": [0, 1]}]))

    with pytest.raises(DataError, match=r"it has tokens, ner_tags\. .* \(token classification\) is not supported"):
        read_task(str(tmp_path / "t.jsonl"))


def test_a_column_for_each_label_is_told_as_several_labels(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "toxic": i % 2, "rude": (i + 1) % 2} for i in range(4)]
    (tmp_path / "t.jsonl").write_bytes(dump_lines(rows))

    with pytest.raises(DataError, match=r"Several labels a text \(toxic, rude\) are not supported\.$"):
        read_task(str(tmp_path / "t.jsonl"))


def test_labels_that_somebody_has_filled_in_are_read_as_those_of_a_task(tmp_path: Path) -> None:
    rows = [("a", True), ("b", None), ("c", " good "), ("d", float("nan")), ("e", "nan")]
    (tmp_path / "few.jsonl").write_bytes(dump_lines([{"text": text, "label": label} for text, label in rows]))
    (tmp_path / "few.csv").write_text("text;label\na;1.0\nb;\nc;2\n")

    assert read_labels(tmp_path / "few.jsonl").labels == {Input("a"): "true", Input("c"): "good"}
    assert read_labels(tmp_path / "few.csv").labels == {Input("a"): "1", Input("c"): "2"}


def test_labels_of_suggested_texts_come_with_their_chances(tmp_path: Path) -> None:
    few, more = tmp_path / "few.csv", tmp_path / "more.csv"
    write_labels(few, [("a", None, 0.25), ("b", "B", 1 / 3), ("c", None, 0.1)])
    assert few.read_text().splitlines()[:2] == ["text,text_pair,label,chance,place", "a,,,0.25,1"]
    lines = few.read_text().replace("a,,,", "a,,good,").replace("b,B,,", "b,B,poor,")
    few.write_text(lines)
    more.write_text("text,label\nd,good\n")

    read = read_labels(few, more)

    assert read.labels == {Input("a"): "good", Input("b", "B"): "poor", Input("d"): "good"}
    assert read.chances == {Input("a"): 0.25, Input("b", "B"): 1 / 3}
    assert read.passed_over == 0  # what comes last may be left out


def test_names_of_columns_may_have_capitals(tmp_path: Path) -> None:
    """A chance that is passed over makes a drawn text count like any other."""
    (tmp_path / "few.csv").write_text("Text,Label, Chance\nit,good,0.25\n")

    read = read_labels(tmp_path / "few.csv")

    assert read.labels == {Input("it"): "good"}
    assert read.chances == {Input("it"): 0.25}


def test_suggested_texts_that_were_passed_over_are_counted(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("text;label;chance\na;;0,1\nb;good;0,1\nc;;0,2\nd;;0,1\ne;poor;0,1\nf;;0,1\n")

    (tmp_path / "more.csv").write_text("text,label,chance\na,good,0.1\n")

    assert read_labels(tmp_path / "few.csv").passed_over == 3
    assert read_labels(tmp_path / "few.csv", tmp_path / "few.csv").passed_over == 3
    assert read_labels(tmp_path / "few.csv", tmp_path / "more.csv").passed_over == 2  # labelled after all


def test_suggested_texts_whose_rows_are_gone_are_counted_however_the_others_are_ordered(tmp_path: Path) -> None:
    few, more = tmp_path / "few.csv", tmp_path / "more.csv"
    few.write_text("text,label,chance,place\nf,good,0.1,6\nb,,0.1,2\na,good,0.1,1\nd,poor,0.1,4\ng,,0.1,7\n")
    more.write_text("text,label,chance,place\nb,good,0.1,2\nh,good,0.1,8\n")

    assert read_labels(few).passed_over == 3  # 2 is empty; 3 and 5 are gone
    assert read_labels(few, more).passed_over == 3  # 3 and 5, and 7, which now stands before 8
    assert read_labels(more).passed_over == 6, "the first list was not given"


def test_the_places_of_the_next_list_go_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    write_labels(tmp_path / "more.csv", [("a", None, 0.25), ("b", None, 0.5)], first=13)

    assert [line.rpartition(",")[2] for line in (tmp_path / "more.csv").read_text().splitlines()[1:]] == ["13", "14"]


def test_a_place_in_a_table_of_ones_own_is_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("text,label,place\na,good,Vienna\nb,poor,Rome\n")

    read = read_labels(tmp_path / "own.csv")

    assert (len(read.labels), read.passed_over) == (2, 0)


@pytest.mark.parametrize("place", ["0", "-1", "1.5", "x", "1e9", "nan"])
def test_a_place_that_is_none_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "few.csv").write_text(f"text,label,chance,place\na,good,0.1,{place}\n")

    with pytest.raises(DataError, match=r"has the place .*: leave the column as 'label suggest' wrote it"):
        read_labels(tmp_path / "few.csv")


def test_a_chance_that_is_no_number_in_a_table_of_columns_is_none(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "good", "chance": 0.1}, {"text": "b", "label": "poor", "chance": float("nan")}]
    (tmp_path / "few.jsonl").write_bytes(dump_lines(rows))

    assert read_labels(tmp_path / "few.jsonl").chances == {Input("a"): 0.1}


@pytest.mark.parametrize("chance", ["often", "0", "-0.1", "1.5", "nan", "inf"])
def test_a_chance_that_is_none_is_refused(tmp_path: Path, chance: str) -> None:
    (tmp_path / "few.csv").write_text(f"text,label,chance\na,good,{chance}\n")

    with pytest.raises(DataError, match=f"row 1: has the chance '{chance}': leave the column as"):
        read_labels(tmp_path / "few.csv")


def test_a_text_with_one_label_in_one_file_and_another_in_the_next_is_refused(tmp_path: Path) -> None:
    for name, label in (("a", "good"), ("b", "poor")):
        (tmp_path / f"{name}.csv").write_text(f"text,label\nit,{label}\n")

    with pytest.raises(DataError, match=r"b\.csv row 1: gives another label to a text that has one"):
        read_labels(tmp_path / "a.csv", tmp_path / "b.csv")


# -- numbers on a scale, and what is no class at all ---------------------------------------------------


@pytest.mark.parametrize("labels", [numbers(24, 0.173), numbers(24, 1.0), [str(n) for n in numbers(24, 0.25)]])
def test_numbers_of_which_nearly_every_row_has_its_own_are_a_scale(
    tmp_path: Path, labels: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    task = read_task(rows_of(tmp_path / "t.jsonl", labels), answers={"low": "unlike", "high": "alike"})

    assert (task.kind, task.range) == ("regression", (0.0, float(labels[-1])))  # type: ignore[arg-type]
    assert caplog.messages[0].endswith(
        "its labels are numbers on a scale: taken as regression (else --kind classification)."
    )


def test_numbers_with_an_exponent_are_numbers(tmp_path: Path) -> None:
    """So are small ones written by Python and pandas."""
    given = [f"{number}e-05" for number in range(1, 13)] + ["0.5"] * 12

    task = read_task(rows_of(tmp_path / "t.jsonl", given), answers={"low": "unlike", "high": "alike"})

    assert (task.kind, task.range) == ("regression", (1e-5, 0.5))


def test_percents_are_no_classes(tmp_path: Path) -> None:
    place = rows_of(tmp_path / "t.jsonl", ["13%", "7.5 %"] * 12)

    with pytest.raises(DataError, match=r"has percents such as '13%': leave the sign out, or say --kind classif"):
        read_task(place)
    assert read_task(place, kind="classification", answers_as_they_are=True).labels == ("13%", "7.5 %")


def test_a_scale_whose_ends_nobody_has_named_is_refused_with_a_text_of_each_end(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_task(rows_of(tmp_path / "t.jsonl", numbers(24, 0.25)))

    assert str(refused.value).partition("t.jsonl: ")[2] == (
        "the ends low (0) and high (5.75) of its scale say nothing of what they mean: name them with --answers "
        "low=\"...\",high=\"...\", or take them with --answers-as-they-are. Such as 0: 'text 0'; 5.75: 'text 23'. "
        "Noted before: its labels are numbers on a scale: taken as regression (else --kind classification)."
    )


def test_decimal_commas_are_read(tmp_path: Path) -> None:
    labels = [f"{i * 0.25:.2f}".replace(".", ",") for i in range(12)]

    task = read_task(table_of(tmp_path / "t.csv", labels), answers={"low": "unlike", "high": "alike"})

    assert (task.kind, task.range, task.train[1].label) == ("regression", (0.0, 2.75), "0.25")


def test_commas_that_may_separate_thousands_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has numbers such as 1,000: write 1000 for thousands, 1\.000 or 1\.0 for"):
        read_task(table_of(tmp_path / "t.csv", [f"{i},000" for i in range(1, 13)]), kind="regression")


def test_a_rating_without_a_number_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = rows_of(tmp_path / "t.jsonl", [0.5, None, 4.5, "nan", -1, 2.5])

    task = read_task(source, kind="regression", answers={"low": "bad", "high": "good"})

    assert labels_of(task) == ["0.5", "4.5", "2.5"]
    assert caplog.messages[-1].endswith("3 of 6 rows have no label and are left out.")
    kept = read_task(source, kind="regression", range=(-1, 5), answers={"low": "bad", "high": "good"})
    assert labels_of(kept) == ["0.5", "4.5", "-1", "2.5"]


def test_numbers_are_classes_where_somebody_says_so(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "t.jsonl", [0.5, 1.5] * 6)

    task = read_task(source, kind="classification", answers={"0.5": "half", "1.5": "more"})

    assert (task.kind, task.labels) == ("classification", ("0.5", "1.5"))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([f"2024-01-{day:02}" for day in range(1, 21)], r"\(20 labels in 20 rows\), dates: name the column of classes"),
        ([f"{day}.3.2024 10:00" for day in range(1, 21)], r"dates: name the column of classes with --label"),
        (
            [f"what I think of it {i}" for i in range(20)],
            r"such as 'what I think of it 0': name the column .*free-text",
        ),
    ],
)
def test_dates_and_free_texts_are_no_classes(tmp_path: Path, labels: list[object], told: str) -> None:
    with pytest.raises(DataError, match=rf"nearly every row has a label of its own .*{told}"):
        read_task(rows_of(tmp_path / "t.jsonl", labels))

    assert read_task(rows_of(tmp_path / "t.jsonl", labels), kind="free-text").kind == "free-text"
    assert len(read_task(rows_of(tmp_path / "t.jsonl", labels), kind="classification").labels or ()) == 20


def test_columns_that_are_exchanged_are_told(tmp_path: Path) -> None:
    rows = [{"text": MOODS[i % 2], "label": f"what I think of it {i}"} for i in range(20)]
    (tmp_path / "t.jsonl").write_bytes(dump_lines(rows))

    with pytest.raises(DataError, match=r"are 'text' and 'label' exchanged\? Say so by --text and --label\.$"):
        read_task(str(tmp_path / "t.jsonl"))


def test_few_rows_may_have_a_label_each(tmp_path: Path) -> None:
    assert read_task(rows_of(tmp_path / "t.jsonl", ["red", "green", "blue"])).labels == ("blue", "green", "red")


def test_many_classes_of_few_rows_are_classes(tmp_path: Path) -> None:
    task = read_task(rows_of(tmp_path / "t.jsonl", [f"intent of kind {i % 500}" for i in range(1000)]))

    assert len(task.labels or ()) == 500


# -- labels that say nothing ---------------------------------------------------------------------------


def test_digits_are_refused_with_a_text_of_each_and_taken_once_they_are_named(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "t.jsonl", [1, 2, 3] * 4)

    with pytest.raises(DataError) as refused:
        read_task(source)

    assert refused.value.exit_code == 2
    assert str(refused.value).partition("t.jsonl: ")[2] == (
        "its labels 1, 2, 3 say nothing of what they mean: name them with --answers "
        '1="...",2="...",3="...", or take them with --answers-as-they-are. '
        "Such as 1: 'text 0'; 2: 'text 1'; 3: 'text 2'."
    )
    assert read_task(source, answers={"1": "bad", "2": "fair", "3": "good"}).answer_texts == ("bad", "fair", "good")
    assert read_task(source, answers_as_they_are=True).answer_texts == ("1", "2", "3")


@pytest.mark.parametrize(
    "labels", [("0", "1"), ("LABEL_0", "LABEL_1"), ("label 1", "Label-2"), ("+", "-"), ("1", "bad")]
)
def test_what_says_nothing_is_refused(tmp_path: Path, labels: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="say nothing of what they mean: name them with --answers"):
        read_task(rows_of(tmp_path / "t.jsonl", labels * 3))


@pytest.mark.parametrize("labels", [("a", "b"), ("class 3", "class 4"), ("c1", "c2"), ("cat-1", "cat_2")])
def test_what_says_little_is_told(tmp_path: Path, labels: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    assert read_task(rows_of(tmp_path / "t.jsonl", labels * 3)).labels == tuple(sorted(labels))
    assert "say little of what they mean: name them with --answers" in caplog.messages[0]
    caplog.clear()
    read_task(rows_of(tmp_path / "t.jsonl", labels * 3), answers_as_they_are=True)
    assert caplog.messages == []


def test_labels_that_say_little_are_refused_where_the_files_form_had_to_be_found_out_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text;label\nx;a\ny;b\n")

    with pytest.raises(
        DataError, match=r"its labels a, b say nothing of what they mean \(read with semicolons between"
    ):
        read_task(str(tmp_path / "t.csv"))


@pytest.mark.parametrize("labels", [("yes", "no"), ("好", "坏"), ("👍", "👎"), ("B2B", "B2C"), ("2 stars", "3 stars")])
def test_what_says_something_is_taken_without_a_word(
    tmp_path: Path, labels: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert read_task(rows_of(tmp_path / "t.jsonl", labels * 3)).labels == tuple(sorted(labels))
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"1": "bad"}, r"the answers leave out the labels 2: name them all\.$"),
        ({"1": "bad", "2": " "}, r"an answer is empty, or two labels have the same one\.$"),
        ({"1": "bad", "2": "bad"}, r"an answer is empty, or two labels have the same one\.$"),
        ({"1": "bad", "3": "good"}, r"^Answers are for the labels 1, 2: no row has 3, leave its answer out\.$"),
    ],
)
def test_answers_name_every_label_each_by_a_text_of_its_own(tmp_path: Path, answers: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_task(rows_of(tmp_path / "t.jsonl", [1, 2] * 3), answers=answers)


def test_a_folder_of_labels_that_say_nothing_is_asked_too_unless_it_was_taken_so_before(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "task.json").write_text('{"kind": "classification", "labels": [0, 1]}')
    rows_of(tmp_path / "t" / "train.jsonl", [0, 1.0, "1"])

    with pytest.raises(DataError, match=r"its labels 0, 1 say .* by 'answers' in task\.json, or with --answers 0="):
        read_task(str(tmp_path / "t"))
    task = read_task(str(tmp_path / "t"), answers_as_they_are=True)
    write_task(task, "again", tmp_path / "again")

    assert labels_of(task) == ["0", "1", "1"]
    assert json.loads((tmp_path / "again" / "task.json").read_text())["answers_as_they_are"] is True
    assert read_task(str(tmp_path / "again")) == task


def test_a_refusal_takes_its_notes_with_it_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DataError, match=r"\. Noted before: 1 of 7 rows have no label and are left out\.$"):
        read_task(rows_of(tmp_path / "t.jsonl", [1, 2, 3, 1, 2, 3, None]))

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# -- texts that are odd --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "labels", "told"),
    [
        ([f"a {i}" for i in range(30)], "xy", []),
        (["same"] * 20 + [f"a {i}" for i in range(10)], "x", ["19 of its 32 examples are copies of others."]),
        (
            ["Fine", *(f"a {i}" for i in range(28)), "fine "],
            "xy",
            ["1 of its 31 texts have several labels, as 'fine' has x and y."],
        ),
        (
            [str(i) for i in range(30)],
            "xy",
            ["30 of its 32 texts hold no letter: is 'text' the right column (--text)?"],
        ),
        (["很好", "\u4e0d\u597d"] * 1 + [f"{i} \u597d" for i in range(28)], "xy", []),
    ],
)
def test_copies_contradictions_and_texts_without_letters_are_told_and_taken(
    tmp_path: Path, texts: list[str], labels: str, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*((text, labels[i % len(labels)]) for i, text in enumerate(texts)), ("one", "x"), ("two", "y")]
    source = tmp_path / "t.jsonl"
    source.write_bytes(dump_lines([{"text": text, "label": f"a {label}"} for text, label in rows]))

    task = read_task(str(source))

    assert len(task.train) == len(rows)
    assert caplog.messages == [f"{source}: {note}".replace(" x and y", " a x and a y") for note in told]
