"""Tasks in and out: folders, tables, and what is said of a faulty one."""

import json
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import Registry
from registry.data.examples import Columns, Example
from registry.data.tasks import MOST_EXAMPLES, TaskData, task_of
from registry.errors import DataError, InputError
from registry.files.lines import dump_lines
from registry.formats.tasks import read_task, write_task

GOOD = {"text": "fine", "label": "pos"}
BAD = {"text": "dull", "label": "neg"}


def folder_of(path: Path, spec: object, **splits: str) -> str:
    path.mkdir()
    (path / "task.json").write_text(json.dumps(spec), encoding="utf-8")
    written = {name: (path / f"{name}.jsonl").write_text(body, encoding="utf-8") for name, body in splits.items()}
    assert set(written) <= {"train", "test"}
    return str(path)


def file_of(path: Path, body: str | bytes) -> str:
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return str(path)


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# -- well-formed tasks -------------------------------------------------------------------------------


def test_a_folder_is_read_with_all_that_task_json_says(tmp_path: Path) -> None:
    spec = {
        "name": "films",
        "kind": "classification",
        "labels": ["neg", "pos"],
        "answers": {"pos": "great", "neg": "terrible"},
        "language": "en",
        "description": "Is it good?",
        "source": "somewhere",
        "license": "MIT",
    }
    source = folder_of(tmp_path / "t", spec, train=lines(GOOD, BAD), test=lines({**GOOD, "text_pair": "really"}))

    assert read_task(source) == TaskData(
        kind="classification",
        labels=("neg", "pos"),
        train=(Example("fine", "pos"), Example("dull", "neg")),
        test=(Example("fine", "pos", "really"),),
        answers={"pos": "great", "neg": "terrible"},
        language="en",
        description="Is it good?",
        source="somewhere",
        license="MIT",
    )


def test_a_multiple_choice_task_may_give_the_position_of_the_right_choice(tmp_path: Path) -> None:
    rows = lines(
        {"text": "why?", "choices": ["rain", "sun"], "label": 1},
        {"text": "how?", "choices": ["so", "thus"], "label": "so"},
    )

    task = read_task(folder_of(tmp_path / "t", {"kind": "multiple-choice"}, train=rows))

    assert task.labels is None
    assert task.train == (
        Example("why?", "sun", choices=("rain", "sun")),
        Example("how?", "so", choices=("so", "thus")),
    )


def test_a_jsonl_file_with_choices_is_a_multiple_choice_task(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.jsonl", lines({"text": "why?", "choices": ["rain", "sun"], "label": 0}))

    assert read_task(source) == TaskData("multiple-choice", None, (Example("why?", "rain", choices=("rain", "sun")),))


def test_the_labels_of_a_jsonl_file_are_the_ones_that_occur(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.jsonl", "\ufeff" + lines(GOOD, BAD, GOOD) + "\n\r\n")

    task = read_task(source)

    assert task.labels == ("neg", "pos")
    assert [example.label for example in task.train] == ["pos", "neg", "pos"]


def test_whole_numbers_as_labels_become_their_names(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.jsonl", lines({"text": "a", "label": 0}, {"text": "b", "label": 1}))

    task = read_task(source, answers={"0": "negative", "1": "positive"})

    assert task.labels == ("0", "1")
    assert task.answers == {"0": "negative", "1": "positive"}


def test_a_csv_file_may_quote_commas_and_line_breaks_and_name_its_columns(tmp_path: Path) -> None:
    body = '\ufeffpremise,hypothesis,gold\r\n"a man, a plan",he plans,yes\r\n"two\nlines",,no\r\n'

    task = read_task(file_of(tmp_path / "t.csv", body), columns=Columns("premise", "hypothesis", "gold"))

    assert task.train == (Example("a man, a plan", "yes", "he plans"), Example("two\nlines", "no"))


def test_a_tsv_file_is_a_table_too(tmp_path: Path) -> None:
    task = read_task(file_of(tmp_path / "t.tsv", "text\tlabel\na, b\tpos\nc\tneg\n"))

    assert task.train == (Example("a, b", "pos"), Example("c", "neg"))


def test_a_parquet_file_is_read_with_its_lists_and_numbers(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {"text": "why?", "choices": ["rain", "sun"], "label": 1},
        {"text": "how?", "choices": ["so", "thus"], "label": 0},
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "t.parquet")

    assert read_task(str(tmp_path / "t.parquet")).train == (
        Example("why?", "sun", choices=("rain", "sun")),
        Example("how?", "so", choices=("so", "thus")),
    )


def test_the_same_examples_have_the_same_hash_from_any_format(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist([GOOD, BAD]), tmp_path / "t.parquet")
    folder = folder_of(tmp_path / "t", {"kind": "classification"}, train=lines(GOOD, BAD))
    jsonl = file_of(tmp_path / "t.jsonl", lines(GOOD, BAD))
    table = file_of(tmp_path / "t.csv", "text,label\nfine,pos\ndull,neg\n")

    hashes = {read_task(source).content_hash() for source in (folder, jsonl, table, str(tmp_path / "t.parquet"))}

    assert hashes == {read_task(folder).content_hash()}


def test_the_hash_changes_with_every_part_that_an_embedding_depends_on(sentiment: TaskData) -> None:
    others = [
        TaskData("classification", ("positive", "negative"), sentiment.train, sentiment.test),
        TaskData("classification", sentiment.labels, sentiment.train[::-1], sentiment.test),
        TaskData("classification", sentiment.labels, sentiment.train[:1], sentiment.test),
        TaskData("classification", sentiment.labels, sentiment.train, sentiment.test, {"positive": "good"}),
    ]

    assert len({task.content_hash() for task in (sentiment, *others)}) == 5


def test_the_hash_does_not_change_with_what_is_only_said_about_a_task(sentiment: TaskData) -> None:
    described = TaskData(
        sentiment.kind, sentiment.labels, sentiment.train, sentiment.test, language="en", description="x", source="y"
    )

    assert described.content_hash() == sentiment.content_hash()


def test_of_a_large_file_the_same_sample_is_kept_each_time(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": i % 2} for i in range(MOST_EXAMPLES + 500)]
    source = file_of(tmp_path / "t.jsonl", dump_lines(rows))

    one, two = (read_task(source, answers_as_they_are=True) for _ in range(2))

    assert len({example.text for example in one.train}) == MOST_EXAMPLES
    assert one == two


def test_a_class_that_the_sample_of_a_large_file_misses_is_a_label_all_the_same(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": "ab"[i % 2]} for i in range(3 * MOST_EXAMPLES)]
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "task.json").write_text('{"kind": "classification"}', encoding="utf-8")
    (folder / "train.jsonl").write_bytes(dump_lines([*rows, {"text": "odd", "label": "rare"}]))
    (folder / "test.jsonl").write_bytes(dump_lines([{"text": "odd, too", "label": "rare"}]))

    task = read_task(folder)

    assert task.labels == ("a", "b", "rare")
    assert len(task.train) == MOST_EXAMPLES
    assert "rare" not in {example.label for example in task.train}
    assert [example.label for example in task.test] == ["rare"]


def test_the_scale_of_a_large_file_has_the_ends_of_all_its_numbers(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": i / 10} for i in range(3 * MOST_EXAMPLES)]

    task = read_task(file_of(tmp_path / "t.jsonl", dump_lines(rows)), kind="regression", answers_as_they_are=True)

    assert task.range == (0, 5999.9)


# -- faults, with their place ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", r"t\.jsonl: holds no examples"),
        ("\n \n", r"t\.jsonl: holds no examples"),
        (lines(GOOD) + "{nope\n", r"t\.jsonl line 2: not JSON"),
        (lines(GOOD) + "\n\n[1]\n", r"t\.jsonl line 4: not a JSON object"),
        (lines(GOOD) + "[" * 100_000, r"t\.jsonl line 2: not JSON"),
        (lines(GOOD, {"label": "pos"}), r"t\.jsonl line 2: has no text in 'text'"),
        (lines(GOOD, {"text": " ", "label": "pos"}), r"t\.jsonl line 2: has no text in 'text'"),
        (lines(GOOD, {"text": 5, "label": "pos"}), r"t\.jsonl line 2: has no text in 'text'"),
        (lines(GOOD, {"text": "x", "label": {"a": 1}}), r"t\.jsonl line 2: has no label .* in 'label'"),
        (lines(GOOD, {"text": "x", "label": float("inf")}), r"t\.jsonl line 2: has no label"),
        (lines(GOOD, {**BAD, "text_pair": 5}), r"t\.jsonl line 2: 'text_pair' is not a text"),
        (
            lines({**GOOD, "choices": ["pos", "neg"]}, {**BAD, "choices": "a,b"}),
            r"t\.jsonl line 2: 'choices' is not a list of texts",
        ),
        (
            lines({**GOOD, "choices": ["pos", "neg"]}, {**BAD, "choices": ["a", " "]}),
            r"t\.jsonl line 2: 'choices' is not a list of texts",
        ),
        (lines(GOOD, GOOD), r"t\.jsonl: a classification task needs at least two different, non-empty labels"),
        (lines({**GOOD, "choices": ["pos"]}), r"t\.jsonl line 1: has fewer than two different choices"),
        (lines({**GOOD, "choices": ["a", "b"]}), r"t\.jsonl line 1: label 'pos' is not one of a, b"),
        (lines({"text": "x", "choices": ["a", "b"], "label": 2}), r"line 1: label '2' is not one of a, b"),
        (lines(GOOD) + '{"text":"\0"}', r"t\.jsonl: holds a NUL character"),
    ],
)
def test_a_fault_in_a_jsonl_file_is_reported_with_its_place(tmp_path: Path, body: str, problem: str) -> None:
    source = file_of(tmp_path / "t.jsonl", body)

    with pytest.raises(DataError, match=problem) as error:
        read_task(source)

    assert error.value.exit_code == 2


def test_bytes_that_are_not_utf8_are_reported_with_their_position(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.jsonl", lines(GOOD).encode() + "é".encode("latin-1"))

    with pytest.raises(DataError, match=rf"t\.jsonl: not UTF-8 at byte {len(lines(GOOD))}\."):
        read_task(source)


def test_half_of_a_surrogate_pair_is_reported_with_its_line(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.jsonl", lines(GOOD, BAD) + '{"text":"\\ud83d","label":"pos"}\n')

    with pytest.raises(DataError, match=r"t\.jsonl line 3: "):
        read_task(source)


def test_a_fault_in_a_large_file_is_reported_with_its_own_number(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": f"text {i}", "label": i % 2} for i in range(MOST_EXAMPLES + 1)]
    rows[6] = {"label": 1}

    with pytest.raises(DataError, match=r"t\.jsonl line 7: has no text in 'text'"):
        read_task(file_of(tmp_path / "t.jsonl", dump_lines(rows)))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", r"t\.csv: holds no examples"),
        ("text,label\n", r"t\.csv: holds no examples"),
        ("a,b\n1,2\n", r"t\.csv: has no text in 'text'; it has a, b\. Name the column with --text\."),
        ("text,label\nfine,pos\n,neg\n", r"t\.csv line 3: has no text in 'text'"),
        ('text,label\nfine,pos\n"dull,neg\n', r"t\.csv line 3: not a readable table \(unexpected end of data\)"),
    ],
)
def test_a_fault_in_a_csv_file_is_reported_with_its_place(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_task(file_of(tmp_path / "t.csv", body))


def test_a_csv_row_with_more_cells_than_the_header_is_refused_rather_than_cut(tmp_path: Path) -> None:
    source = file_of(tmp_path / "t.csv", "text,label\ndull,neg\na fine, warm film,pos\n")

    with pytest.raises(DataError, match=r"t\.csv line 3: has more cells than the first line: quote the commas in it\."):
        read_task(source)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ([], r"task\.json: not a JSON object"),
        ({}, r"task\.json: kind None is not one of classification, multiple-choice"),
        ({"kind": "ranking"}, r"task\.json: kind 'ranking' is not one of classification, multiple-choice"),
        ({"kind": ["x"]}, r"task\.json: kind \['x'\] is not one of"),
        ({"kind": "classification", "labels": "pos"}, "labels is not a list of names"),
        ({"kind": "classification", "labels": ["pos", None]}, "labels is not a list of names"),
        ({"kind": "classification", "labels": ["pos", "pos"]}, "at least two different, non-empty labels"),
        ({"kind": "classification", "labels": ["pos", " "]}, "at least two different, non-empty labels"),
        ({"kind": "classification", "labels": ["pos", "x"]}, r"train\.jsonl line 2: label 'neg' is not one of pos, x"),
        ({"kind": "classification", "answers": ["good"]}, "answers is not an object of label: text"),
        ({"kind": "classification", "answers": {"pos": " "}}, "answers is not an object of label: text"),
        ({"kind": "classification", "answers": {"other": "x"}}, "answers names labels that the task does not have"),
        ({"kind": "classification", "language": 5}, "language is not a text"),
        ({"kind": "classification", "description": []}, "description is not a text"),
        ({"kind": "classification", "license": {}}, "license is not a text"),
    ],
)
def test_a_fault_in_task_json_is_reported(tmp_path: Path, spec: object, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_task(folder_of(tmp_path / "t", spec, train=lines(GOOD, BAD)))


def test_a_language_that_no_server_would_keep_is_refused(registry: Registry, tmp_path: Path) -> None:
    spec = {"kind": "classification", "language": "English of the north "}
    long = read_task(folder_of(tmp_path / "t", spec, train=lines(GOOD, BAD)))

    with pytest.raises(InputError, match="t: language is longer than 20 characters: give a code, such as pt-BR"):
        registry.add_task("t", long)


def test_a_fault_in_the_test_split_is_reported_as_of_that_split(tmp_path: Path) -> None:
    source = folder_of(
        tmp_path / "t", {"kind": "classification"}, train=lines(GOOD, BAD), test=lines(GOOD, {**GOOD, "label": "odd"})
    )

    with pytest.raises(DataError, match=r"test\.jsonl line 2: label 'odd' is not one of neg, pos"):
        read_task(source)


def test_a_folder_without_training_examples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.jsonl: no such file"):
        read_task(folder_of(tmp_path / "t", {"kind": "classification"}, test=lines(GOOD, BAD)))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("absent.jsonl", r"absent\.jsonl: no such file"),
        ("absent", "absent: no such file"),
        (
            "t.xlsx",
            r"t\.xlsx: not a task folder and not a \.jsonl, \.json, \.csv, \.tsv or \.parquet file\. Save the sheet",
        ),
        (".", r"holds neither task\.json nor a file of training examples"),
        ("a" * 300, "aaa"),
    ],
)
def test_what_is_no_task_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    file_of(tmp_path / "t.xlsx", "x")

    with pytest.raises(DataError, match=problem):
        read_task(str(tmp_path / name))


@pytest.mark.parametrize("damage", [slice(0, 0), slice(0, 40), slice(0, -1), slice(4, None)])
def test_a_parquet_file_that_is_cut_is_refused(tmp_path: Path, damage: slice) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist([GOOD, BAD]), tmp_path / "t.parquet")
    body = (tmp_path / "t.parquet").read_bytes()

    with pytest.raises(DataError, match=r"t\.parquet: not a parquet file"):
        read_task(file_of(tmp_path / "t.parquet", body[damage]))


def test_a_parquet_file_whose_footer_is_damaged_is_refused(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist([GOOD, BAD]), tmp_path / "t.parquet")
    body = (tmp_path / "t.parquet").read_bytes()
    size = int.from_bytes(body[-8:-4], "little")
    damaged = body[: -8 - size] + b"\xff" * size + body[-8:]

    with pytest.raises(DataError, match=r"t\.parquet: not a parquet file"):
        read_task(file_of(tmp_path / "t.parquet", damaged))


@pytest.mark.parametrize("answers", [{"other": "x"}, {"pos": "good", "x": "y"}])
def test_answers_for_labels_that_do_not_exist_are_refused(tmp_path: Path, answers: dict[str, str]) -> None:
    source = file_of(tmp_path / "t.jsonl", lines(GOOD, BAD))

    with pytest.raises(InputError, match="Answers are for the labels neg, pos"):
        read_task(source, answers=answers)


# -- round trips -------------------------------------------------------------------------------------

# Cs: half of a surrogate pair is no text, and no file can hold one.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda text: text.strip())
WORD = string.ascii_letters + ' \t\n\r\0"\\,:{}\u2028\x85é\U0001f600'
WORDS = st.text(WORD, min_size=1, max_size=5).filter(lambda text: text.strip())
OPTIONAL = st.none() | TEXTS
ABOUT = OPTIONAL.filter(lambda text: "\0" not in (text or ""))  # what stands beside the examples


@st.composite
def classifications(draw: st.DrawFn) -> TaskData:
    labels = draw(st.lists(WORDS, min_size=2, max_size=4, unique=True))
    examples = st.builds(Example, TEXTS, st.sampled_from(labels), OPTIONAL)
    return TaskData(
        kind="classification",
        labels=tuple(labels),
        train=tuple(draw(st.lists(examples, min_size=1, max_size=6))),
        test=tuple(draw(st.lists(examples, max_size=3))),
        answers=draw(st.dictionaries(st.sampled_from(labels), TEXTS, max_size=4)),
        language=draw(ABOUT),
        description=draw(ABOUT),
        source=draw(ABOUT),
        license=draw(ABOUT),
    )


@st.composite
def questions(draw: st.DrawFn) -> Example:
    choices = draw(st.lists(TEXTS, min_size=2, max_size=4).filter(lambda texts: len(set(texts)) > 1))
    return Example(draw(TEXTS), draw(st.sampled_from(choices)), draw(OPTIONAL), tuple(choices))


@st.composite
def ratings(draw: st.DrawFn) -> TaskData:
    low, high = sorted(draw(st.lists(st.integers(-100, 100), min_size=2, max_size=2, unique=True)))
    number = (st.integers(low, high) | st.floats(low, high)).map(str)
    examples = st.builds(Example, TEXTS, number, OPTIONAL)
    return TaskData(
        kind="regression",
        labels=None,
        train=tuple(draw(st.lists(examples, min_size=1, max_size=6))),
        test=tuple(draw(st.lists(examples, max_size=3))),
        answers=draw(st.dictionaries(st.sampled_from(["low", "high"]), TEXTS)),
        range=(float(low), float(high)),
    )


@st.composite
def readings(draw: st.DrawFn) -> Example:
    before, answer, after = draw(st.text(WORD, max_size=5)), draw(WORDS), draw(st.text(WORD, max_size=5))
    return Example(draw(TEXTS), answer, before + answer + after, answer_start=len(before))


@st.composite
def free_answers(draw: st.DrawFn) -> Example:
    choices = draw(st.none() | st.lists(TEXTS, min_size=1, max_size=3).map(tuple))
    label = draw(TEXTS if choices is None else st.sampled_from(choices))
    return Example(draw(TEXTS), label, draw(OPTIONAL), choices)


def of_kind(kind: str, examples: st.SearchStrategy[Example]) -> st.SearchStrategy[TaskData]:
    rows = st.lists(examples, min_size=1, max_size=4).map(tuple)
    return st.builds(TaskData, kind=st.just(kind), labels=st.none(), train=rows, test=st.just(()) | rows)


TASKS = st.one_of(
    classifications(),
    of_kind("multiple-choice", questions()),
    ratings(),
    of_kind("question-answering", readings()),
    of_kind("free-text", free_answers()),
)


@settings(max_examples=150, deadline=None)
@given(TASKS)
def test_a_task_that_is_written_is_read_back_as_it_was(task: TaskData) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_task(task, "name", Path(folder, "task"))
        back = read_task(str(Path(folder, "task")))

    assert back == task
    assert back.content_hash() == task.content_hash()


@settings(max_examples=150, deadline=None)
@given(TASKS)
def test_a_task_is_rebuilt_from_what_the_catalog_keeps_of_it(task: TaskData) -> None:
    kept = json.loads(json.dumps(task.spec()))

    assert task_of(kept, task.contents(), "place") == task


FILM, RATED = Example("fine film", "pos"), Example("fine film", "7")


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (
            TaskData("classification", ("neg", "pos"), (FILM, Example("poor", "bad"))),
            "example 2: label 'bad' is not one",
        ),
        (TaskData("classification", ("neg", "pos"), ()), "holds no examples"),
        (TaskData("clasification", ("neg", "pos"), (FILM,)), "'clasification' is not one of"),
        (TaskData("classification", ("pos", "pos"), (FILM,)), "at least two different"),
        (TaskData("classification", ("neg", "pos"), (FILM,), license="MIT\0"), "license holds a NUL"),
        (TaskData("classification", ("neg", "pos"), (FILM,), answers={"other": "x"}), "labels that the task does not"),
        (TaskData("classification", ("neg", "pos"), (Example("\ud800", "pos"),)), "cannot be kept: .*surrogates"),
        (TaskData("regression", None, (RATED,), range=(0.0, 5.0)), "outside the range 0 to 5"),
        (TaskData("regression", None, (RATED,)), "give the range"),
        (TaskData("multiple-choice", None, (FILM,)), "fewer than two different choices"),
    ],
)
def test_a_task_that_a_program_made_is_held_to_what_a_file_is_held_to(
    registry: Registry, task: TaskData, told: str
) -> None:
    with pytest.raises(DataError, match=told):
        registry.add_task("films", task)

    assert not registry.tasks()


def test_numbers_as_labels_of_a_task_that_a_program_made_are_the_labels_of_a_file(registry: Registry) -> None:
    made = TaskData("classification", (0, 1), (Example("poor", 0), Example("fine", 1)))  # type: ignore[arg-type]
    read = TaskData("classification", ("0", "1"), (Example("poor", "0"), Example("fine", "1")))

    assert registry.add_task("made", made).content_hash == registry.add_task("read", read).content_hash


def test_an_exported_task_is_the_same_task_to_another_registry(
    registry: Registry, tmp_path: Path, sentiment: TaskData
) -> None:
    added = registry.add_task("films", sentiment)
    registry.export_task("films", tmp_path / "out")

    with Registry.create(tmp_path / "other") as other:
        copied = other.add_task("films", read_task(str(tmp_path / "out")))

    assert copied.content_hash == added.content_hash
    assert copied.contents == added.contents


def test_an_export_does_not_write_into_what_is_there(registry: Registry, tmp_path: Path, sentiment: TaskData) -> None:
    registry.add_task("films", sentiment)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")

    with pytest.raises(InputError, match="out is there already: name a new folder"):
        registry.export_task("films", tmp_path / "out")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
