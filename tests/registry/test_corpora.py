"""Corpora: read, drawn from tasks, kept."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import Registry
from registry.data.examples import Example
from registry.data.inputs import Input, distinct, dump_corpus, parse_corpus, sample_inputs
from registry.data.tasks import TaskData
from registry.errors import AlreadyExistsError, DataError, InputError
from registry.formats.corpora import read_corpus


def corpus_file(path: Path, body: str | bytes) -> Path:
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def examples_of(name: str, count: int) -> list[Example]:
    return [Example(f"{name} {number}", "x") for number in range(count)]


def test_a_jsonl_corpus_holds_texts_and_pairs_each_once(tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": "b", "text_pair": "c"}, {"text": "a", "text_pair": ""}, {"text": "b"}]
    path = corpus_file(tmp_path / "u.jsonl", "\n".join(map(json.dumps, rows)))

    assert read_corpus(path) == [Input("a"), Input("b", "c"), Input("b")]


def test_a_text_corpus_holds_a_text_per_line(tmp_path: Path) -> None:
    path = corpus_file(tmp_path / "u.TXT", "\ufefffirst, line\r\n\n  \nsecond\nfirst, line\n")

    assert read_corpus(path) == [Input("first, line"), Input("second")]


def test_a_text_corpus_with_the_mark_of_another_encoding_is_read(tmp_path: Path) -> None:
    assert read_corpus(corpus_file(tmp_path / "u.txt", "één\ntwee\n".encode("utf-16"))) == [Input("één"), Input("twee")]


def test_a_line_ends_where_files_end_lines_and_nowhere_else(tmp_path: Path) -> None:
    path = corpus_file(tmp_path / "u.txt", "one\u2028text\x0bof\x85parts\r\nanother\rthird")

    assert read_corpus(path) == [Input("one\u2028text\x0bof\x85parts"), Input("another"), Input("third")]


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("u.jsonl", "", r"u\.jsonl: holds no examples"),
        ("u.jsonl", '{"text":"a"}\n\n{"text":\n', r"u\.jsonl line 3: not JSON"),
        ("u.jsonl", '{"body":"b"}\n', r"u\.jsonl: has no column 'text'; it has body\. Name the texts' with --text"),
        ("u.jsonl", '{"text":"a"}\n{"text":7}\n', r"u\.jsonl line 2: has no text in 'text'"),
        (
            "u.jsonl",
            '{"text":"a","text_pair":["b"]}\n',
            r"u\.jsonl line 1: has no text in 'text_pair': it holds \['b",
        ),
        ("u.jsonl", b'{"text":"\xe9"}\n', r"u\.jsonl: not UTF-8 at byte 9"),
        ("u.txt", b"abc\xe9\n", r"u\.txt: not UTF-8 at byte 3"),
        ("u.txt", "a\0b\n", r"u\.txt: holds a NUL character"),
        ("u.csv", "body\na\n", r"u\.csv: has no column 'text'; it has body\. Name the texts' with --text"),
        ("u.md", "a\n", r"u\.md: not a task folder and not a \.jsonl"),
    ],
)
def test_a_fault_in_a_corpus_is_reported_with_its_place(
    tmp_path: Path, name: str, body: str | bytes, problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        read_corpus(corpus_file(tmp_path / name, body))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("u.csv", "id;review;stars\n1;fine, really;5\n2;;4\n3;dull;1\n"),
        ("u.tsv", 'id\treview\n1\tfine, really\n2\t" "\n3\tdull\n'.replace('" "', " ")),
        ("u.json", '[{"review": "fine, really"}, {"review": null}, {"review": "dull"}]'),
    ],
)
def test_a_table_is_a_corpus_by_the_column_of_its_texts(
    tmp_path: Path, name: str, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = read_corpus(corpus_file(tmp_path / name, body), text="review")

    assert inputs == [Input("fine, really"), Input("dull")]
    assert f"{name}: 1 of 3 rows have no text: left out." in caplog.text


def test_texts_may_come_as_an_array() -> None:
    """What a data frame's column gives by `.values` and `.unique()`, and what numpy makes of a list."""
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    texts = ["fine", "dull"]
    column = pandas.Series(texts, index=[7, 3])

    for array in (numpy.array(texts), numpy.array(texts, object), column, column.values, column.unique()):
        assert read_corpus(array) == [Input("fine"), Input("dull")]


def test_inputs_are_taken_once_each_however_they_are_given() -> None:
    assert read_corpus([Input("a"), Input("b"), Input("a")]) == read_corpus(["a", "b", "a"]) == [Input("a"), Input("b")]


def test_texts_and_frames_of_a_notebook_are_corpora(registry: Registry) -> None:
    frame = pytest.importorskip("pandas").DataFrame({"q": ["a", "b", None], "p": ["x", None, "y"]})

    registry.add_corpus("texts", ["one", "two", "one"], source="here")
    registry.add_corpus("frame", frame, source="here", text="q", text_pair="p")

    registry.add_corpus("gaps", ["one", None, "", float("nan"), "two"], source="here")
    registry.add_corpus("column", frame["q"], source="here")

    assert registry.corpus_inputs("texts") == registry.corpus_inputs("gaps") == [Input("one"), Input("two")]
    assert registry.corpus_inputs("column") == [Input("a"), Input("b")]
    assert registry.corpus_inputs("frame") == [Input("a", "x"), Input("b")]


def test_a_corpus_without_a_single_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no texts: a corpus has one on each line"):
        read_corpus(corpus_file(tmp_path / "u.txt", "\n \n"))


def test_half_of_a_surrogate_pair_in_a_corpus_is_reported_with_its_line(tmp_path: Path) -> None:
    path = corpus_file(tmp_path / "u.jsonl", '{"text":"a"}\n{"text":"\\udc00"}\n')

    with pytest.raises(DataError, match=r"u\.jsonl line 2: "):
        read_corpus(path)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10).filter(lambda text: text.strip())


@given(st.lists(st.builds(Input, TEXTS, st.none() | TEXTS), min_size=1, max_size=8))
def test_a_corpus_is_read_back_as_it_was_written(inputs: list[Input]) -> None:
    assert parse_corpus(dump_corpus(inputs), "place") == inputs


def test_doubles_are_dropped_in_the_order_of_their_first_place() -> None:
    assert distinct([Input("b"), Input("a"), Input("b"), Input("b", "a")]) == [Input("b"), Input("a"), Input("b", "a")]


def test_a_sample_takes_so_many_texts_of_each_task_in_the_order_of_names() -> None:
    drawn = sample_inputs({"b": examples_of("b", 9), "a": examples_of("a", 2)}, per_task=4, seed=0)

    assert [i.text[0] for i in drawn] == ["a", "a", "b", "b", "b", "b"]
    assert {i.text for i in drawn} <= {f"{name} {number}" for name in "ab" for number in range(9)}
    assert len(set(drawn)) == 6


def test_a_tasks_share_of_a_sample_does_not_depend_on_the_other_tasks() -> None:
    alone = sample_inputs({"b": examples_of("b", 50)}, per_task=5, seed=3)
    together = sample_inputs({name: examples_of(name, 50) for name in "abc"}, per_task=5, seed=3)

    assert together[5:10] == alone


def test_another_seed_draws_another_sample() -> None:
    tasks = {"a": examples_of("a", 50)}

    assert sample_inputs(tasks, per_task=5, seed=0) == sample_inputs(tasks, per_task=5, seed=0)
    assert sample_inputs(tasks, per_task=5, seed=0) != sample_inputs(tasks, per_task=5, seed=1)


def test_a_text_that_two_tasks_share_is_drawn_once() -> None:
    shared = [Example("same", "x"), Example("same", "y")]

    assert sample_inputs({"a": shared, "b": shared}, per_task=10, seed=0) == [Input("same")]


def test_a_sampled_corpus_leaves_out_the_excluded_tasks_and_every_label(registry: Registry) -> None:
    registry.add_task("films", TaskData("classification", ("x", "y"), (Example("f1", "x"), Example("f2", "y", "p"))))
    registry.add_task("news", TaskData("classification", ("x", "y"), (Example("n1", "x"), Example("n2", "y"))))

    corpus = registry.sample_corpus("u", per_task=5, exclude=["news"])

    assert sorted(registry.corpus_inputs("u"), key=lambda i: i.text) == [Input("f1"), Input("f2", "p")]
    assert corpus.spec == {"texts": 2, "source": "5 texts of each of 1 tasks, without news"}


def test_a_corpus_is_pinned(registry: Registry) -> None:
    registry.add_corpus("u", [Input("a")], source="here")

    with pytest.raises(AlreadyExistsError, match="'u' is already the name of a corpus with other content"):
        registry.add_corpus("u", [Input("b")], source="here")

    assert registry.corpus_inputs("u") == [Input("a")]


@pytest.mark.parametrize("inputs", [[], [Input(" ")]])
def test_a_corpus_that_could_not_be_read_again_is_not_registered(registry: Registry, inputs: list[Input]) -> None:
    with pytest.raises(InputError):
        registry.add_corpus("u", inputs, source="here")

    assert registry.status().entries["corpus"] == 0
