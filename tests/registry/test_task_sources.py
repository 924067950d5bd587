"""Where tasks come from: tables in many forms, folders of datasets, objects of a notebook."""

import datetime
import decimal
import gzip
import io
import json
import struct
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from registry import Registry
from registry.data.examples import Columns, Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError
from registry.files.lines import dump_lines
from registry.formats.answer_tables import answer_table
from registry.formats.arrow_tables import stream_rows
from registry.formats.corpora import read_corpus
from registry.formats.table_files import FileForm
from registry.formats.tasks import read_task

ROWS = [{"text": "fine", "label": "good"}, {"text": "dull, long", "label": "bad"}]
TASK = TaskData("classification", ("bad", "good"), (Example("fine", "good"), Example("dull, long", "bad")))
LINES = dump_lines(ROWS)
TABLE = 'text,label\nfine,good\n"dull, long",bad\n'
SEMICOLONS = "text;label\nfine;good\ndull, long;bad\n"


def file_of(path: Path, body: str | bytes) -> str:
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return str(path)


# -- forms of files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "body", "found"),
    [
        ("t.csv", SEMICOLONS, "with semicolons between its cells"),
        ("t.csv", f"sep=;\r\n{SEMICOLONS}", "with semicolons between its cells"),
        ("t.csv", SEMICOLONS.replace(";", "\t"), "with tabs between its cells"),
        ("t.csv", SEMICOLONS.replace(";", "|"), "with bars between its cells"),
        ("t.tsv", TABLE, "with commas between its cells"),
        ("t.csv", TABLE.encode("utf-16"), "as UTF-16"),
        ("t.csv", SEMICOLONS.encode("utf-16"), "as UTF-16, with semicolons between its cells"),
        ("t.jsonl", LINES.decode().encode("utf-16"), "as UTF-16"),
        ("t.json", json.dumps(ROWS, indent=1), "as a JSON array"),
    ],
)
def test_the_form_of_a_file_is_found_out_and_told(
    tmp_path: Path, name: str, body: str | bytes, found: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = file_of(tmp_path / name, body)

    assert read_task(source) == TASK
    assert caplog.messages == [f"{source}: read {found}."]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("t.tsv", "text\tlabel\nfine\tgood\ndull, long\tbad\n"),
        ("t.csv", TABLE.replace("\n", "\r")),
        ("t.csv", "\ufeff" + TABLE),
        ("t.csv", ' text , label\n"fine", good\n"dull, long", bad\n'),
        ("t.csv", TABLE.replace("text,label", "Text,LABEL")),
        ("t.json", LINES),
        ("t.csv.gz", gzip.compress(TABLE.encode(), mtime=0)),
        ("t.jsonl.gz", gzip.compress(LINES, mtime=0)),
    ],
)
def test_usual_forms_are_read_without_a_word(
    tmp_path: Path, name: str, body: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_task(file_of(tmp_path / name, body)) == TASK
    assert caplog.messages == []


def test_a_separator_and_an_encoding_may_be_named(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.csv", "text#label\ncafé#good\nthé#bad\n".encode("cp1252"))

    assert [e.text for e in read_task(source, form=FileForm("#", "cp1252")).train] == ["café", "thé"]


@pytest.mark.parametrize(
    ("body", "form", "told"),
    [
        (
            b"text,label\ncaf\xe9,good\n",
            FileForm(),
            r"t\.csv: not UTF-8 at byte 14\. Save it as UTF-8, or name its encoding where --encoding is taken: cp1252",
        ),
        (b"text,label\ncaf\xe9,good\n", FileForm(encoding="ascii"), r"t\.csv: not ASCII at byte 14\.$"),
        (b"text,label\n", FileForm(encoding="latin-99"), r"^'latin-99' is not an encoding: name one such as utf-8"),
        (b"text,label\n", FileForm(encoding="hex"), r"^'hex' is not an encoding"),
        (b"text,label\n", FileForm(separator='"'), r"does not separate cells: name one character\.$"),
        (b't,label\n"a\nb,good\n', FileForm(), r"t\.csv line 2: not a readable table"),
        (b"text,text\na,b\n", FileForm(), r"t\.csv: names a column twice: text, text\.$"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, body: bytes, form: FileForm, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_task(file_of(tmp_path / "t.csv", body), form=form)


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("t.jsonl", json.dumps(ROWS), r"line 1: not a JSON object: call a file of one JSON array \.json\.$"),
        ("t.json", '{"text": {"0": "a"},\n "label": {"0": "b"}}', r"neither JSON lines nor a JSON array of objects"),
        ("t.json", "[1, 2]", r"not a JSON array of objects\.$"),
        (
            "t.jsonl",
            '{"text": "a", "label": "b", "label": "c"}',
            r"line 1: not JSON \(it has the key 'label' twice\)\.$",
        ),
        ("t.json", '[{"text": "a", "text": "b"}]', r"not JSON \(it has the key 'text' twice\)\.$"),
        ("t.jsonl", '{"text":"a","label":"x"},\n{"text":"b","label":"y"},\n', r"2 rows have faults: line 1: not JSON"),
        ("t.csv.gz", b"text,label\n", r"not a gzip file"),
        ("t.csv.gz", gzip.compress(TABLE.encode(), mtime=0)[:-9], r"not a gzip file"),
        ("t.xlsx", b"PK", r"not a .* \.parquet file\. Save the sheet as \.csv\.$"),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_mend(
    tmp_path: Path, name: str, body: str | bytes, told: str
) -> None:
    with pytest.raises(DataError, match=rf"{name.replace('.', '[.]')}.*{told}"):
        read_task(file_of(tmp_path / name, body))


def test_a_quote_in_a_table_of_tabs_is_a_character(tmp_path: Path) -> None:
    body = 'text\tlabel\nfirst one\tgood\n"she began\tbad\nthird\tgood\nand stopped"\tbad\n"whole"\tgood\n'

    task = read_task(file_of(tmp_path / "t.tsv", body))

    assert [example.text for example in task.train] == ["first one", '"she began', "third", 'and stopped"', '"whole"']


def test_a_row_that_breaks_off_in_a_quoted_cell_of_a_table_of_tabs_is_refused(tmp_path: Path) -> None:
    body = 'text\tlabel\nfine\tgood\n"one\ntwo"\tbad\n'

    with pytest.raises(DataError, match=r"t\.tsv line 3: begins with a quote a cell that ends in another line"):
        read_task(file_of(tmp_path / "t.tsv", body))


@pytest.mark.parametrize(
    "body", [LINES, TABLE.encode(), SEMICOLONS.encode(), json.dumps(ROWS).encode(), gzip.compress(LINES, mtime=0)]
)
def test_what_is_piped_in_is_known_by_its_first_signs(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))

    assert read_task("-") == TASK


# -- all faults are told -------------------------------------------------------------------------------


def test_faults_are_counted_and_the_first_told_with_their_lines(tmp_path: Path) -> None:
    body = LINES + b'{nope\n\n{"label": "good"}\n{"text": 5, "label": "bad"}\n[]\n' + LINES

    with pytest.raises(DataError) as refused:
        read_task(file_of(tmp_path / "t.jsonl", body))

    message = str(refused.value).partition("t.jsonl: ")[2]
    assert message.startswith("4 rows have faults: line 3: not JSON (")
    assert message.endswith(
        "line 7: not a JSON object. line 5: has no text in 'text'; it has label. ... "
        "Mend them, or leave these rows out with --skip-bad."
    )


def test_rows_with_faults_are_left_out_where_somebody_says_so_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = TABLE + "a,b,c\n,good\n"
    source = file_of(tmp_path / "t.csv", body)

    assert read_task(source, skip_bad=True) == TASK
    assert caplog.messages == [
        f"{source}: 2 rows with faults are left out: line 4: has more cells than the first line: quote the commas in "
        "it. line 5: has no text in 'text'; it has label."
    ]


def test_a_file_of_faults_alone_is_refused_even_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 rows have faults"):
        read_task(
            file_of(tmp_path / "t.jsonl", '{"text": "", "label": "a"}\n{"text": "", "label": "b"}\n'), skip_bad=True
        )


# -- the right choice ----------------------------------------------------------------------------------

COLOURS = ["red", "blue", "green"]


def choices_of(path: Path, labels: list[Any], choices: Any = COLOURS) -> str:  # noqa: ANN401 - whatever a file holds
    rows = [{"text": f"question {i}", "choices": choices, "label": label} for i, label in enumerate(labels)]
    return file_of(path, dump_lines(rows))


@pytest.mark.parametrize(
    ("labels", "right"),
    [
        ([0, 2, 1], ["red", "green", "blue"]),
        (["0", "2", "1"], ["red", "green", "blue"]),
        ([0.0, 2.0, 1.0], ["red", "green", "blue"]),
        (["A", "C", "B"], ["red", "green", "blue"]),
        (["a", "(c)", "B."], ["red", "green", "blue"]),
        (["red", "green", 1], ["red", "green", "blue"]),
        ([1, 3, 2, 3], ["red", "green", "blue", "green"]),
    ],
)
def test_the_right_choice_is_told_by_position_letter_or_text(
    tmp_path: Path, labels: list[Any], right: list[str]
) -> None:
    task = read_task(choices_of(tmp_path / "t.jsonl", labels))

    assert (task.kind, [example.label for example in task.train]) == ("multiple-choice", right)


def test_positions_counted_from_one_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_task(choices_of(tmp_path / "t.jsonl", [1, 3, 2, 3]))

    assert caplog.messages[0].endswith("the right choices' positions are counted from 1.")


@pytest.mark.parametrize("keys", [["A", "B", "C"], ["1", "2", "3"], [0, 1, 2]])
def test_choices_may_have_keys(tmp_path: Path, keys: list[Any]) -> None:
    choices = {"text": COLOURS, "label": keys}

    task = read_task(choices_of(tmp_path / "t.jsonl", [keys[2], keys[0]], choices))

    assert task.train[0] == Example("question 0", "green", choices=("red", "blue", "green"))
    assert task.train[1].label == "red"


def test_choices_may_stand_as_json_in_a_cell(tmp_path: Path) -> None:
    body = 'text,choices,label\nwhy,"[""rain"", ""sun""]",sun\n'

    assert read_task(file_of(tmp_path / "t.csv", body)).train == (Example("why", "sun", choices=("rain", "sun")),)


@pytest.mark.parametrize("label", [1, "1"])
def test_a_number_that_is_a_position_and_another_choice_is_refused(tmp_path: Path, label: object) -> None:
    with pytest.raises(DataError, match=r"t\.jsonl line 1: label '?1'? is one choice's text and another's position"):
        read_task(choices_of(tmp_path / "t.jsonl", [label, label], ["1", "2", "3"]))

    task = read_task(choices_of(tmp_path / "t.jsonl", [label, "3"], ["1", "2", "3"]))
    assert [example.label for example in task.train] == ["1", "3"]  # 3 is no position, so these are the texts


def test_a_row_without_a_right_choice_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = read_task(choices_of(tmp_path / "t.jsonl", [0, -1, None, 1]))

    assert [example.label for example in task.train] == ["red", "blue"]
    assert caplog.messages[0].endswith("2 of 4 rows have no label and are left out.")


@pytest.mark.parametrize("answers", [{"text": [], "answer_start": []}, None])
def test_questions_without_an_answer_are_left_out_and_counted(
    tmp_path: Path, answers: object, caplog: pytest.LogCaptureFixture
) -> None:
    good = {"question": "how?", "context": "so, fine", "answers": {"text": ["fine"], "answer_start": [4]}}

    task = read_task(file_of(tmp_path / "t.jsonl", dump_lines([{**good, "answers": answers}, good])))

    assert task.train == (Example("how?", "fine", "so, fine", answer_start=4),)
    assert caplog.messages[0].endswith("1 of 2 rows have no answer and are left out.")


# -- folders of datasets -------------------------------------------------------------------------------


def arrow_table(labels: list[int], names: list[str] | None) -> Any:  # noqa: ANN401 - a table of an optional library
    arrow = pytest.importorskip("pyarrow")
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": names, "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if names else None
    schema = arrow.schema([("text", arrow.string()), ("label", arrow.int64())], metadata=metadata)
    return arrow.Table.from_pydict({"text": [f"text {i}" for i in range(len(labels))], "label": labels}, schema=schema)


def test_names_of_classes_are_read_from_the_metadata_of_a_parquet_file(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for name, names in (("a", ["bad", "good"]), ("b", ["good", "bad"]), ("none", None)):
        parquet.write_table(arrow_table([0, 1, -1, 1], names), tmp_path / f"{name}.parquet")

    read = {name: [e.label for e in read_task(str(tmp_path / f"{name}.parquet")).train] for name in "ab"}

    assert read == {"a": ["bad", "good", "good"], "b": ["good", "bad", "bad"]}
    with pytest.raises(DataError, match="its labels 0, 1 say nothing"):
        read_task(str(tmp_path / "none.parquet"))


@pytest.mark.parametrize("number", [2, -2])
def test_a_class_without_a_name_in_the_metadata_is_refused(tmp_path: Path, number: int) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow_table([0, 1, number], ["bad", "good"]), tmp_path / "t.parquet")

    told = rf"t\.parquet: has the class {number} in 'label', whose 2 names are bad, good, from 0 on\."
    with pytest.raises(DataError, match=told):
        read_task(str(tmp_path / "t.parquet"))


@pytest.mark.parametrize("metadata", [b"{", b"[]", b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}'])
def test_metadata_of_another_form_are_passed_over(tmp_path: Path, metadata: bytes) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.Table.from_pylist(ROWS).replace_schema_metadata({b"huggingface": metadata})
    parquet.write_table(table, tmp_path / "t.parquet")

    assert read_task(str(tmp_path / "t.parquet")) == TASK


def save_to_disk(folder: Path, labels: list[int]) -> None:
    """Lay a split out as the Hugging Face library does."""
    arrow = pytest.importorskip("pyarrow")
    table = arrow_table(labels, ["bad", "good"])
    folder.mkdir(parents=True)
    with arrow.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (folder / "dataset_info.json").write_text("{}")


@pytest.mark.parametrize("number", [2**31 - 1, -1, 100])
def test_a_stream_of_arrow_whose_lists_end_nowhere_is_refused(tmp_path: Path, number: int) -> None:
    """Arrow itself would read what lies beside, look for room for all of it, or end the process."""
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"text": ["one", "two"], "more": [["a", "b"], ["c"]]})
    with arrow.ipc.new_stream(str(tmp_path / "t.arrow"), table.schema) as stream:
        stream.write_table(table)
    body = (tmp_path / "t.arrow").read_bytes()
    ends = struct.pack("<iii", 0, 2, 3)
    assert body.count(ends) == 1
    (tmp_path / "t.arrow").write_bytes(body.replace(ends, struct.pack("<iii", 0, number, 3)))

    with pytest.raises(DataError, match=r"t\.arrow: not an Arrow stream \(In column 1"):
        stream_rows([tmp_path / "t.arrow"], "t")


def test_a_folder_of_save_to_disk_is_read_with_its_splits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, labels in (("train", [0, 1, 1]), ("test", [-1, 0]), ("validation", [1])):
        save_to_disk(tmp_path / "d" / name, labels)
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test", "validation"]}')

    task, one = read_task(str(tmp_path / "d")), read_task(str(tmp_path / "d" / "train"))

    assert [example.label for example in task.train] == ["bad", "good", "good"]
    assert task.test == (Example("text 1", "bad"),)
    assert (one.train, one.test) == (task.train, ())
    assert caplog.messages[0].endswith("left out, neither training nor test examples: validation.")


def test_a_folder_of_split_files_is_read_in_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "d" / "data").mkdir(parents=True)
    file_of(tmp_path / "d" / "data" / "train-00000-of-00002.jsonl", dump_lines(ROWS[:1]))
    file_of(tmp_path / "d" / "data" / "train-00001-of-00002.jsonl", dump_lines(ROWS[1:]))
    file_of(tmp_path / "d" / "data" / "test.jsonl", dump_lines(ROWS[:1]))
    file_of(tmp_path / "d" / "data" / "dev.jsonl", dump_lines(ROWS[:1]))

    task = read_task(str(tmp_path / "d"))

    assert (task.train, task.test) == (TASK.train, TASK.train[:1])
    assert caplog.messages == [f"{tmp_path / 'd'}: left out, neither training nor test examples: dev.jsonl."]


def test_a_fault_in_a_split_file_is_told_with_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    file_of(tmp_path / "d" / "train-00000-of-00002.csv", TABLE)
    file_of(tmp_path / "d" / "train-00001-of-00002.csv", TABLE + ",good\n")

    with pytest.raises(DataError, match=r"train-00001-of-00002\.csv line 4: has no text in 'text'"):
        read_task(str(tmp_path / "d"))


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00001-0a1b2c.csv"],
        ["train-00000-of-00002-0a1b.csv", "train-00001-of-00002-ffff.csv"],
        ["train-1-of-2.csv", "train-2-of-2.csv"],
        ["data/train_small.csv"],
    ],
)
def test_all_parts_of_a_split_are_one(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "data").mkdir()
    for name in names:
        file_of(tmp_path / name, TABLE)

    assert read_task(str(tmp_path)).train == TASK.train * len(names)


def test_parts_are_read_by_their_numbers(tmp_path: Path) -> None:
    for number in range(11):
        file_of(tmp_path / f"train-{number}-of-11.csv", f"text,label\nrow {number},{'ab'[number % 2]}x\n")

    assert [example.text for example in read_task(str(tmp_path)).train] == [f"row {n}" for n in range(11)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["train-00000-of-00003.csv", "train-00002-of-00003.csv"], "holds 2 of 3 parts of a split, .*: number 1 is"),
        (["train-00001-of-00002.csv"], "holds 1 of 2 parts of a split, .*: number"),
        (["train-00000-of-99999999999.csv"], "holds 1 of 99999999999 parts .*: number 1, 2, 3, 4, 5 is missing"),
        (["train.csv", "test-1-of-3.csv"], "holds 1 of 3 parts of a split, test-1-of-3.csv: number"),
    ],
)
def test_a_split_that_lacks_a_part_is_refused(tmp_path: Path, names: list[str], told: str) -> None:
    for name in names:
        file_of(tmp_path / name, TABLE)

    with pytest.raises(DataError, match=told):
        read_task(str(tmp_path))


@pytest.mark.parametrize(
    "names",
    [
        ["train-predictions.csv", "train.csv"],
        ["train.csv", "data/train.csv"],
        ["train_r1.csv", "train_r2.csv"],
        ["train-0-of-1.csv", "train.csv"],
        ["train-0-of-1-aa.csv", "train-0-of-1-bb.csv"],
        ["train-0-of-2.csv", "data/train-1-of-2.csv"],
        ["train-0-of-2.csv", "train_old-1-of-2.csv"],
        ["train-0-of-2.csv", "train-1-of-3.csv"],
    ],
)
def test_files_of_a_split_that_are_no_parts_of_one_are_refused(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "data").mkdir()
    for name in names:
        file_of(tmp_path / name, TABLE)

    with pytest.raises(
        DataError, match=r"has several files of one split, .*: leave one, or name them as parts"
    ) as told:
        read_task(str(tmp_path))
    assert [name for name in names if name not in str(told.value)] == []


def test_a_folder_without_training_examples_is_refused(tmp_path: Path) -> None:
    file_of(tmp_path / "test.csv", TABLE)

    with pytest.raises(DataError, match=r"holds neither task\.json nor a file of training examples \(train\.csv, "):
        read_task(str(tmp_path))


# -- objects of a notebook -----------------------------------------------------------------------------


def stars() -> list[dict[str, Any]]:
    return [{"review": "fine", "stars": 5}, {"review": "dull, long", "stars": 1}]


def test_a_data_frame_is_registered_by_the_names_of_its_columns(registry: Registry) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([*stars(), {"review": "so", "stars": None}])  # which makes 5.0 of 5

    record = registry.add_task(
        "reviews", frame, text="review", label="stars", answers={1: "very bad", 5: "very good"}, tags=["own"]
    )

    assert record.tags == ("own",)
    assert registry.task_data("reviews") == TaskData(
        "classification",
        ("1", "5"),
        (Example("fine", "5"), Example("dull, long", "1")),
        answers={"1": "very bad", "5": "very good"},
    )


def test_values_of_pandas_and_numpy_are_those_of_python(registry: Registry) -> None:
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    frames = [
        pandas.DataFrame({"text": ["fine", "dull, long"], "label": pandas.Categorical(["good", "bad"])}),
        pandas.DataFrame({"text": ["fine", "dull, long", "x"], "label": pandas.array(["good", "bad", None], "string")}),
        {"text": numpy.array(["fine", "dull, long"]), "label": numpy.array(["good", "bad"])},
    ]

    assert [read_task(frame) for frame in frames] == [TASK] * 3
    rated = pandas.DataFrame({"text": ["a", "b"], "label": numpy.array([0.5, 2], "float32")})
    assert read_task(rated, answers={"low": "bad", "high": "good"}).range == (0.5, 2.0)
    asked = pandas.DataFrame({"text": ["why"], "choices": [numpy.array(["rain", "sun"])], "label": [1]})
    assert read_task(asked).train == (Example("why", "sun", choices=("rain", "sun")),)


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        tuple(ROWS),
        {"text": ["fine", "dull, long"], "label": ["good", "bad"]},
        {"train": ROWS},
        {"train": {"text": ["fine", "dull, long"], "label": ["good", "bad"]}, "validation": []},
        {"data": ["fine", "dull, long"], "target": [1, 0], "target_names": ["bad", "good"], "DESCR": "reviews"},
    ],
)
def test_lists_dicts_splits_and_bunches_are_tasks(data: object) -> None:
    assert read_task(data) == TASK


def test_a_bunch_of_scikit_learn_is_a_task() -> None:
    utils, numpy = pytest.importorskip("sklearn.utils"), pytest.importorskip("numpy")

    bunch = utils.Bunch(data=["fine", "dull, long"], target=numpy.array([1, 0]), target_names=["bad", "good"])

    assert read_task(bunch) == TASK


def test_a_dict_of_splits_has_its_test_split() -> None:
    pandas = pytest.importorskip("pandas")

    task = read_task({"train": pandas.DataFrame(ROWS), "test": pandas.DataFrame(ROWS[:1])})

    assert (task.train, task.test) == (TASK.train, TASK.train[:1])


def test_a_path_is_a_task_too(registry: Registry, tmp_path: Path) -> None:
    path = Path(file_of(tmp_path / "t.csv", TABLE))

    assert registry.add_task("one", path).content_hash == TASK.content_hash()
    assert registry.add_task("two", str(path)).content_hash == TASK.content_hash()
    assert registry.add_task("three", TASK).content_hash == TASK.content_hash()


@pytest.mark.parametrize(
    ("data", "options", "told"),
    [
        (5, {}, r"^A int is no task: give a path, a data frame, a list of dicts"),
        ([["fine", "good"]], {}, r"^A list of list is no table: each row is a dict of columns\.$"),
        ([], {}, r"^data: has no text in 'text'; it has nothing"),
        ({}, {}, r"^A dict of splits needs 'train'; it has nothing\.$"),
        ({"dev": ROWS}, {}, r"^A dict of splits needs 'train'; it has dev\.$"),
        (
            {"text": ["a"], "label": ["x", "y"]},
            {},
            r"^A dict that is one table needs columns of values, all of one length\.$",
        ),
        ({"train": {"text": 1}}, {}, r"^A dict that is one table needs columns of values"),
        ([*ROWS, {"text": "\ud83d", "label": "good"}], {}, r"^data row 3: holds half of a surrogate pair\.$"),
        ({"data": [[1.0]], "target": [0]}, {}, r"^A Bunch needs a text in 'data' for each value of 'target'\.$"),
        ([{"text": "a", "label": 1}, {"text": "b", "label": 2}], {}, r"^data: its labels 1, 2 say nothing of what"),
        (ROWS, {"text": "review"}, r"^data: has no text in 'review'; it has text, label\."),
        ([*ROWS, {"text": 5, "label": "good"}], {}, r"^data row 3: has no text in 'text'"),
        (TASK, {"text": "review"}, r"^A TaskData says all of a task itself: leave text out\.$"),
    ],
)
def test_what_is_no_task_is_refused_and_nothing_is_kept(
    registry: Registry, data: object, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        registry.add_task("new", data, **options)

    assert registry.status().entries["task"] == 0


# -- the program ---------------------------------------------------------------------------------------


def run(registry: Registry, *arguments: str, piped: bytes = b"") -> tuple[int, list[str]]:
    result = CliRunner().invoke(cli.main, ["--registry", str(registry.folder), *arguments], input=piped)
    return result.exit_code, result.output.splitlines()


def test_the_program_says_what_it_has_read(registry: Registry, tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.csv", "body;stars\nfine \x1b[2J film;5,0\ndull;1,0\nso;\nwarm;5,0\n")
    options = ("--text", "body", "--label", "stars", "--answers", "1=very bad,5=very good")

    assert run(registry, "task", "add", "reviews", "--data", source, *options) == (
        0,
        [
            f"fute: {source}: read with semicolons between its cells.",
            f"fute: {source}: 1 of 4 rows have no label and are left out.",
            "reviews version 1: 3 training examples",
            "  classification with 2 labels",
            "    very bad  (1)  1  dull",
            "    very good (5)  2  fine [2J film",
        ],
    )


def test_the_program_takes_what_is_piped_in_a_separator_and_faults(registry: Registry) -> None:
    options = ("--sep", "tab", "--encoding", "cp1252", "--skip-bad", "--answers-as-they-are")

    code, told = run(
        registry, "task", "add", "new", "--data", "-", *options, piped=b"text\tlabel\ncaf\xe9\t0\nb\t1\nc\t1\td\n"
    )

    assert (code, told[-3:]) == (0, ["  classification with 2 labels", "    0  1  café", "    1  1  b"])
    assert told[0] == (
        "fute: -: 1 rows with faults are left out: stdin line 4: has more cells than the first line: quote the tabs "
        "in it."
    )


def test_of_many_labels_the_first_are_told(registry: Registry, tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": f"the intent {i % 30:02}"} for i in range(90)]

    code, told = run(registry, "task", "add", "new", "--data", file_of(tmp_path / "t.jsonl", dump_lines(rows)))

    assert (code, len(told)) == (0, 13)
    assert told[2] == "    the intent 00  3  text 0"
    assert told[-1] == "    ... and 20 more"


@pytest.mark.parametrize("sign", ["", ";;", "tabs"])
def test_the_program_refuses_what_separates_nothing(registry: Registry, sign: str) -> None:
    code, told = run(registry, "task", "add", "new", "--data", "t.csv", "--sep", sign)

    assert (code, "expected one character, or tab" in told[-1]) == (2, True)


def test_columns_are_found_whatever_their_case_unless_two_are_alike(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.csv", 'Review,Stars,Text,TEXT\nfine,good,x,y\n"dull, long",bad,x,y\n')

    assert read_task(source, columns=Columns("review", label="stars")) == TASK
    with pytest.raises(DataError, match=r"has no text in 'text'; it has Review, stars, Text, TEXT\."):
        read_task(source, columns=Columns(label="stars"))


@pytest.mark.parametrize("named", ["1=bad,5=good", '1="bad",5="good"', ' 1 = "bad" , 5 = good '])
def test_answers_may_stand_in_quotes(registry: Registry, tmp_path: Path, named: str) -> None:
    source = file_of(tmp_path / "t.csv", "text,label\na,1\nb,5\n")

    assert run(registry, "task", "add", "new", "--data", source, "--answers", named)[0] == 0
    assert registry.task_data("new").answers == {"1": "bad", "5": "good"}


def test_an_answer_in_quotes_may_have_a_comma(registry: Registry, tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.csv", "text,label\na,1\nb,5\n")

    assert run(registry, "task", "add", "new", "--data", source, "--answers", '1="bad, very bad",5=good')[0] == 0
    assert registry.task_data("new").answers == {"1": "bad, very bad", "5": "good"}


@pytest.mark.parametrize("named", ["", "1", "1=", "=bad", "1=bad,", "1=bad,,5=good", "1=bad,1=good", "1=bad,good"])
def test_answers_of_another_form_are_refused(registry: Registry, named: str) -> None:
    code, told = run(registry, "task", "add", "new", "--data", "t.csv", "--answers", named)

    assert (code, "expected LABEL=TEXT,LABEL=TEXT" in told[-1]) == (2, True)


@pytest.mark.parametrize("option", ["text_pair", "choices", "answer_start"])
def test_a_column_that_is_named_and_not_there_is_refused_and_not_passed_over(tmp_path: Path, option: str) -> None:
    place = tmp_path / "pairs.csv"
    place.write_text("sentence1,sentence2,label\none,two,yes\nthree,four,no\n", encoding="utf-8")
    columns = Columns("sentence1", **{option: "sentense2"})

    with pytest.raises(DataError, match="has no column 'sentense2'; it has sentence1, sentence2, label"):
        read_task(place, columns=columns)


# -- first lines, and objects of a notebook that hold others ---------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        SEMICOLONS.replace("\n", "\r"),
        "sep=;\r" + SEMICOLONS.replace("\n", "\r"),
        "\n\n" + SEMICOLONS,
        '"text";"label";"seen, or not"\nfine;good;1\ndull, long;bad;0\n',
    ],
)
def test_what_separates_cells_is_told_by_the_first_line_however_lines_end(tmp_path: Path, body: str) -> None:
    """Lines of old programs end with a carriage return alone; the commas of later rows, or of a name, say nothing."""
    assert read_task(file_of(tmp_path / "t.csv", body)) == TASK


def test_arrays_within_the_cells_of_a_frame_are_lists() -> None:
    """As pandas reads parquet files of the Hugging Face hub: SQuAD's answers, ARC's choices."""
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    texts = [numpy.array(["sat"], object), numpy.array([], object)]
    answers = [{"text": text, "answer_start": numpy.arange(len(text)) + 8} for text in texts]
    asked = pandas.DataFrame({"question": ["what?", "why?"], "context": "The cat sat.", "answers": answers})
    choices = {"text": numpy.array(["red", "blue"], object), "label": numpy.array(["A", "B"], object)}
    chosen = pandas.DataFrame({"text": ["sky", "fire"], "choices": [choices] * 2, "label": ["B", "A"]})

    assert read_task(asked).train == (Example("what?", "sat", "The cat sat.", answer_start=8),)
    assert [example.label for example in read_task(chosen).train] == ["blue", "red"]


def test_series_in_a_dict_are_one_table_where_their_rows_have_the_same_names() -> None:
    """A data frame would put rows of one name beside each other, a list rows of one place."""
    pandas = pytest.importorskip("pandas")
    texts = pandas.Series(["fine", "dull, long"], index=[7, 3])

    assert read_task({"text": texts, "label": pandas.Series(["good", "bad"], index=[7, 3])}) == TASK
    with pytest.raises(InputError, match="Series whose rows are named otherwise: make one data frame of them"):
        read_task({"text": texts, "label": pandas.Series(["bad", "good"], index=[3, 7])})


def test_answers_of_a_program_are_texts_by_the_labels_as_it_has_them() -> None:
    numpy = pytest.importorskip("numpy")
    rows = [{"text": "fine", "label": True}, {"text": "dull", "label": False}]

    task = read_task(rows, answers={numpy.bool_(True): "good", numpy.bool_(False): "bad"})

    assert task.answers == {"true": "good", "false": "bad"}
    for answers in (["bad", "good"], {True: 1, False: 0}):
        with pytest.raises(InputError, match="Answers are a dict of a text for each label"):
            read_task(rows, answers=answers)  # type: ignore[arg-type]


def test_a_column_that_is_named_twice_is_refused_in_tables_of_arrow_too(tmp_path: Path) -> None:
    """Its rows would hold the last one alone; columns that hold the same are no doubles."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = [["fine", "dull, long"], ["good", "bad"], ["bad", "good"]]
    double = arrow.table(columns, names=["text", "label", "label"])
    parquet.write_table(double, tmp_path / "t.parquet")

    with pytest.raises(DataError, match="names a column twice: text, label, label"):
        read_task(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="names a column twice: text, label, label"):
        read_task(double)
    same = arrow.table([*columns[:2], columns[1]], names=["text", "label", "expert"])
    assert read_task(same) == TASK


def test_dates_and_decimals_of_a_parquet_file_are_the_texts_of_other_tables(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    days = [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)]
    for labels in ([decimal.Decimal("0.50"), decimal.Decimal("1.25")], days):
        table = arrow.table({"text": ["fine", "dull"], "label": labels})
        parquet.write_table(table, tmp_path / "t.parquet")

        read = read_task(tmp_path / "t.parquet", answers_as_they_are=True)

        assert read == read_task(table, answers_as_they_are=True)
        assert len(read.train) == 2


class Column(Sequence[str]):
    """Some of a column of a dataset, as `dataset["text"]` of the Hugging Face library is one."""

    features = "of the dataset that it is a column of"

    def __init__(self, values: list[str]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401
        return self._values[place]


def columns_of(values: list[str]) -> list[object]:
    """Return a column of values in each of the forms that libraries have for one."""
    arrow = pytest.importorskip("pyarrow")
    one = arrow.array(values)
    parts = arrow.chunked_array([one[:1], one[1:]])
    return [values, tuple(values), deque(values), np.array(values), one, parts, one.dictionary_encode(), Column(values)]


@pytest.mark.parametrize("form", range(8))
def test_a_column_of_any_library_is_a_column_of_a_table_and_the_texts_of_a_corpus(form: int) -> None:
    """Those of Arrow and of datasets were taken for tables, and what was told of them was of splits."""
    texts, labels = (columns_of([row[name] for row in ROWS])[form] for name in ("text", "label"))

    assert read_task({"text": texts, "label": labels}) == TASK
    assert read_corpus(texts) == [Input("fine"), Input("dull, long")]
    assert [column.strip() for column in answer_table({"text": texts, "p": labels}, "here").names] == ["p"]


def test_texts_that_are_missing_in_a_list_are_left_out_however_that_is_written() -> None:
    """pandas' own value for it cannot be compared, which was a traceback."""
    pandas = pytest.importorskip("pandas")

    assert read_corpus(["fine", None, pandas.NA, float("nan"), " ", pandas.NaT]) == [Input("fine")]


def test_a_whole_number_that_is_longer_than_a_float_is_no_missing_cell(registry: Registry) -> None:
    """It was a traceback: whether it is a number was asked of a float."""
    rows = [{"text": "a", "label": "x", "id": 10**400}, {"text": "b", "label": "y", "id": float("nan")}]

    registry.add_task("long", rows)

    assert [row.text for row in registry.task_data("long").train] == ["a", "b"]
