"""Recorded answers as people have them: wide and long tables, and samples of lm-evaluation-harness."""

import json
from pathlib import Path

import pytest

from registry.data.inputs import Input
from registry.errors import DataError, InputError
from registry.formats.answer_tables import TableColumns, answer_table, read_answer_table
from registry.formats.corpora import read_corpus
from registry.formats.harness import harness_cells, sample_files
from registry.formats.labels import FilledIn, read_labels, write_labels
from registry.formats.recorded import read_answers
from registry.formats.tasks import read_task

WIDE = "text,label,short,long\ngood film,yes,yes,no\nbad film,no,no,\nso so,no,yes,yes\n"


def written(place: Path, text: str) -> Path:
    place.write_bytes(text.encode())
    return place


def test_a_wide_table_has_a_column_for_each_prompt_and_an_empty_cell_is_no_answer(tmp_path: Path) -> None:
    table = read_answer_table(written(tmp_path / "a.csv", WIDE))

    assert table.names == ("short", "long")
    assert table.answers == ("no", "yes")
    assert table.said.tolist() == [[1, 0, 1], [0, -1, 1]]
    assert table.inputs == (Input("good film"), Input("bad film"), Input("so so"))
    assert table.labels == ("yes", "no", "no")
    assert table.right().tolist() == [1, 0, 0]
    assert table.share_missing == pytest.approx(1 / 6)


def test_a_whole_number_is_one_answer_however_a_program_writes_it(tmp_path: Path) -> None:
    """In a column with a gap pandas writes 1 as 1.0."""
    text = "text,label,whole,gaps\na film,1,1,1.0\nb film,0.0,0,\nc film,1,0,0.0\n"

    table = read_answer_table(written(tmp_path / "a.csv", text))

    assert table.answers == ("0", "1")
    assert table.said.tolist() == [[1, 0, 0], [1, -1, 0]]
    assert table.labels == ("1", "0", "1")


def test_a_models_name_is_no_number(tmp_path: Path) -> None:
    text = "text,model,answer\na film,1.0,yes\na film,1,no\nb film,1.0,no\nb film,1,no\n"

    assert read_answer_table(written(tmp_path / "a.csv", text)).names == ("1.0", "1")


def test_answers_of_signs_alone_stay_apart(tmp_path: Path) -> None:
    text = "text,one,two\na film,:-),:-(\nb film,:-(,:-(\nc film,+,-\n"

    assert read_answer_table(written(tmp_path / "a.csv", text)).answers == ("+", "-", ":-(", ":-)")


def test_a_column_that_gives_none_of_the_others_answers_is_told(tmp_path: Path) -> None:
    text = "text,label,one,two,split\na film,good,good,bad,a\nb film,bad,bad,bad,b\nc film,good,good,good,a\n"

    table = read_answer_table(written(tmp_path / "a.csv", text))
    named = read_answer_table(tmp_path / "a.csv", TableColumns(answers=("one", "two", "split")))

    told = "column 'split' gives none of the others' answers: if no answers, name those that are, --answer COLUMN"
    assert table.notes == (f"{told} for each",)
    assert named.notes == ()


def test_an_answer_with_signs_around_it_is_the_same_and_that_is_told(tmp_path: Path) -> None:
    text = "text,label,plain,marked\na film,good,good,**Good.**\nb film,bad,bad,**Bad.**\nc film,good,good,`good`\n"

    table = read_answer_table(written(tmp_path / "a.csv", text))

    assert table.answers == ("bad", "good")
    assert table.said.tolist() == [[1, 0, 1], [1, 0, 1]]
    assert table.notes == (
        "2 answers are written in several ways and taken as one, such as '**Good.**' and '`good`' and 'good'",
    )


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("between", [",", ";"])
def test_a_file_of_a_spreadsheet_is_read_too(tmp_path: Path, ending: str, between: str) -> None:
    text = "\ufeff" + WIDE.replace("\n", ending).replace(",", between)

    assert read_answer_table(written(tmp_path / "a.csv", text)).said.tolist() == [[1, 0, 1], [0, -1, 1]]


def test_tabs_and_json_lines_say_the_same(tmp_path: Path) -> None:
    rows = [
        {"text": "good film", "label": "yes", "short": "yes", "long": "no"},
        {"text": "bad film", "label": "no", "short": "no", "long": None},
        {"text": "so so", "label": "no", "short": "yes", "long": "yes"},
    ]
    lines = written(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    tabs = written(tmp_path / "a.tsv", WIDE.replace(",", "\t"))
    wide = read_answer_table(written(tmp_path / "a.csv", WIDE))

    for table in (read_answer_table(lines), read_answer_table(tabs), answer_table(rows, "rows")):
        assert (table.names, table.inputs, table.labels) == (wide.names, wide.inputs, wide.labels)
        assert table.said.tolist() == wide.said.tolist()


def test_a_data_frame_and_a_parquet_file_are_tables_and_nan_is_no_answer(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra analysis")
    frame = pandas.DataFrame({"text": ["a", "b", "c"], "p": ["yes", None, "no"], "q": ["no", "no", "yes"]})
    frame.to_parquet(tmp_path / "a.parquet")
    rows, file = frame.to_dict("records"), tmp_path / "a.parquet"

    for table in (answer_table(frame, "frame"), answer_table(rows, "rows"), read_answer_table(file)):
        assert table.said.tolist() == [[1, -1, 0], [0, 0, 1]]
        assert table.labels is None


def test_a_second_text_that_is_a_number_is_not_left_out(tmp_path: Path) -> None:
    """Without it different inputs would be one."""
    rows = [{"text": "born in", "text_pair": year, "a": "yes", "b": "no", "label": "no"} for year in (1999, 2000)]
    path = written(tmp_path / "few.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    with pytest.raises(DataError, match="row 1: has no text in 'text_pair'"):
        answer_table(rows, "rows")
    with pytest.raises(DataError, match="row 1: has no text in 'text_pair': it holds 1999"):
        read_labels(path)
    without = [{**row, "text_pair": float("nan")} for row in rows]
    assert answer_table(without, "rows").inputs == (Input("born in"), Input("born in"))


def test_a_second_text_of_blanks_is_none_wherever_texts_are_read(tmp_path: Path) -> None:
    """A text would else be one input in a task, and another in the table of its answers."""
    row = {"text": "born in", "text_pair": "  ", "a": "yes", "b": "no", "label": "no", "answer": "yes"}
    other = {**row, "text": "died in", "label": "yes", "answer": "no"}
    path = written(tmp_path / "few.jsonl", f"{json.dumps(row)}\n{json.dumps(other)}\n")
    wanted = [Input("born in"), Input("died in")]

    assert list(answer_table([row, other], "rows").inputs or ()) == wanted
    assert list(read_labels(path).labels) == list(read_answers(path).inputs) == read_corpus(path) == wanted
    assert [(one.text, one.text_pair) for one in read_task(str(path)).train] == wanted


def test_what_is_no_table_is_refused_and_so_are_columns_of_one_name() -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra analysis")
    twice = pandas.DataFrame([["a", "yes", "no"], ["b", "no", "no"]], columns=["text", "p", "p"])
    levels = pandas.DataFrame([["a", "yes"]], columns=pandas.MultiIndex.from_tuples([("text", ""), ("p", "raw")]))

    with pytest.raises(InputError, match="A int is no table: give a path, a data frame, a list of dicts"):
        answer_table(5, "frame")
    with pytest.raises(InputError, match="names a column twice: text, p, p"):
        answer_table(twice, "frame")
    with pytest.raises(InputError, match=r"on several levels, such as \('text', ''\): give each one name"):
        answer_table(levels, "frame")


def test_a_prompt_that_never_answered_is_told_and_not_dropped() -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra analysis")
    frame = pandas.DataFrame({"text": ["a", "b", "c"], "p": ["yes", "no", "no"], "q": [None, None, None]})

    with pytest.raises(DataError, match="frame: column 'q' has no answer at all: leave it out"):
        answer_table(frame, "frame")


def test_a_table_needs_no_texts(tmp_path: Path) -> None:
    table = read_answer_table(written(tmp_path / "a.csv", "row,label,m,n\n1,A,A,B\n2,B,B,B\n2,B,A,B\n"))

    assert table.inputs is None
    assert table.names == ("m", "n")
    assert len(table) == 3


def test_a_long_table_has_a_line_for_each_answer(tmp_path: Path) -> None:
    lines = (
        "text,model,prompt,answer,label\na,m,p,yes,yes\nb,m,p,no,yes\na,n,p,no,yes\nb,n,p,,yes\na,n,q,no,\nb,n,q,yes,\n"
    )

    table = read_answer_table(written(tmp_path / "a.csv", lines))

    assert table.names == ("m@p", "n@p", "n@q")
    assert table.models == ("m", "n", "n")
    assert table.said.tolist() == [[1, 0], [0, -1], [0, 1]]
    assert table.labels == ("yes", "yes")


def test_answers_that_differ_in_case_or_blanks_are_one_and_that_is_told(tmp_path: Path) -> None:
    table = read_answer_table(written(tmp_path / "a.csv", "text,p,q\na,Yes,yes\nb,yes, yes\nc,no,NO\nd,no,no\n"))

    assert table.answers == ("no", "yes")
    assert table.said.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0]]
    assert table.notes == ("2 answers are written in several ways and taken as one, such as 'Yes' and 'yes'",)


def test_a_text_that_comes_twice_counts_twice_and_that_is_told(tmp_path: Path) -> None:
    table = read_answer_table(written(tmp_path / "a.csv", "text,p,q\na,yes,no\na,no,no\nb,no,yes\n"))

    assert len(table) == 3
    assert table.notes == ("1 rows repeat a text: in a score each row counts",)


def test_which_columns_are_answers_may_be_said(tmp_path: Path) -> None:
    lines = "sentence,seconds,p,q\n" + "".join(
        f"text {n},{n / 7:.4f},{'yes' if n % 2 else 'no'},no\n" for n in range(40)
    )
    place = written(tmp_path / "a.csv", lines)

    told = r"column 'sentence' holds 40 distinct values in 40 rows\. If it holds the texts, call it 'text', or name it"
    with pytest.raises(DataError, match=f"has no column 'text', and {told}"):
        read_answer_table(place)
    table = read_answer_table(place, TableColumns(text="sentence", answers=("p", "q")))
    assert table.names == ("p", "q")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("text,p\na,yes\nb,yes\n", "has the one answer 'yes' throughout"),
        ("text,p,q\na,yes,\nb,no,\n", "column 'q' has no answer at all"),
        ("text,label\na,yes\nb,no\n", "has no column of answers beside text, label"),
        ("text,p\n,yes\nb,no\n", "row 1: has no text in 'text'"),
        ("model,answer\nm,yes\nn,no\n", "names no input"),
        ("text,model,answer\na,m,yes\na,m,no\n", "row 2: gives 'm' another answer to an input than above"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_answer_table(written(tmp_path / "a.csv", text))


def test_samples_of_lm_evaluation_harness_are_columns(tmp_path: Path) -> None:
    """Two files in the two forms that it writes: likelihoods of continuations, and texts that a filter left."""
    choices = [["Is it good? ", " no"], ["Is it good? ", " yes"]]
    scored = [
        {"doc_id": 0, "target": 1, "arguments": choices, "filtered_resps": [[-3.0, False], [-1.0, True]]},
        {"doc_id": 1, "target": 0, "arguments": choices, "filtered_resps": [["-0.5", "True"], ["-2.0", "False"]]},
    ]
    wrote = [
        {"doc_id": 0, "target": "yes", "arguments": [["Is it good?", {"until": ["."]}]], "filtered_resps": ["yes"]},
        {"doc_id": 1, "target": "no", "arguments": [["Is it good?", {}]], "filtered_resps": ["[invalid]"]},
    ]
    for name, rows in (("samples_films_a.jsonl", scored), ("samples_films_b.jsonl", wrote)):
        written(tmp_path / name, "".join(json.dumps(row) + "\n" for row in rows))

    table = read_answer_table(tmp_path)

    assert table.names == ("films_a", "films_b")
    assert table.said.tolist() == [[1, 0], [1, -1]]
    assert table.labels == ("yes", "no")


def test_a_likelihood_beyond_all_numbers_is_the_least(tmp_path: Path) -> None:
    choices = [["Is it good? ", " no"], ["Is it good? ", " yes"]]
    replies = [[-(10**400), False], [-1.0, True]]
    rows = [{"doc_id": n, "target": n, "arguments": choices, "filtered_resps": replies} for n in (0, 1)]

    table = read_answer_table(
        written(tmp_path / "samples_films.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    )

    assert (table.labels, table.said.tolist()) == (("no", "yes"), [[1, 1]])


def sampled(place: Path, *documents: dict[str, object]) -> Path:
    """Write a sample of each document, which is answered with yes and no in turn."""
    rows = [
        {"doc_id": number, "doc": document, "target": "yes", "filtered_resps": [("yes", "no")[number % 2]]}
        for number, document in enumerate(documents)
    ]
    return written(place, "".join(json.dumps(row) + "\n" for row in rows))


def test_the_one_text_of_a_sampled_document_is_its_text_and_of_several_one_is_named(tmp_path: Path) -> None:
    one = sampled(tmp_path / "samples_a.jsonl", {"sentence": "good", "idx": 0}, {"sentence": "bad", "idx": 1})
    two = sampled(tmp_path / "b.jsonl", {"question": "who?", "topic": "men"}, {"question": "what?", "topic": "things"})

    table = read_answer_table(one)
    assert table.inputs == (Input("good"), Input("bad"))
    assert table.said.tolist() == [[1, 0]]
    assert table.notes == ("the texts are the documents' 'sentence'",)
    assert read_answer_table(tmp_path).inputs == table.inputs
    assert (read_answer_table(two).inputs, read_answer_table(two).fields) == (None, ("question", "topic"))
    assert read_answer_table(two, TableColumns(text="question")).inputs == (Input("who?"), Input("what?"))
    with pytest.raises(DataError, match="without a text 'idx': there are sentence"):
        read_answer_table(one, TableColumns(text="idx"))


def test_samples_are_called_after_the_folder_of_their_model_and_not_after_the_time(tmp_path: Path) -> None:
    documents = ({"sentence": "good", "idx": 0}, {"sentence": "bad", "idx": 1})
    for place in (
        "org__one/samples_sst2_2026-01-02T03-04-05.678.jsonl",
        "two/samples_sst2_2026-01-02T03-04-05.678.jsonl",
    ):
        (tmp_path / "models" / place).parent.mkdir(parents=True)
        sampled(tmp_path / "models" / place, *documents)
    (tmp_path / "one").mkdir()
    for hour in ("03", "04"):
        sampled(tmp_path / "one" / f"samples_sst2_2026-01-02T{hour}-00-00.jsonl", *documents)
    sampled(tmp_path / "samples_sst2_2026-01-02T03-04-05.678.jsonl", *documents)

    assert read_answer_table(tmp_path / "models").names == ("org__one", "two")
    assert read_answer_table(tmp_path / "models").models == ("org__one", "two")
    assert read_answer_table(tmp_path / "one").names == ("sst2_2026-01-02T03-00-00", "sst2_2026-01-02T04-00-00")
    assert read_answer_table(tmp_path / "samples_sst2_2026-01-02T03-04-05.678.jsonl").names == ("sst2",)


def test_a_text_that_different_documents_share_is_not_taken_for_the_input(tmp_path: Path) -> None:
    path = sampled(tmp_path / "samples_a.jsonl", {"topic": "men", "idx": 0}, {"topic": "men", "idx": 1})

    table = read_answer_table(path)

    assert (table.inputs, len(table)) == (None, 2)


def test_a_right_choice_may_be_numbered_by_a_text(tmp_path: Path) -> None:
    asked = [["Is it good? ", " no"], ["Is it good? ", " yes"]]
    rows = [
        {"doc_id": n, "target": str(n), "arguments": asked, "filtered_resps": [[-3.0 * n, False], [-1.0, True]]}
        for n in range(2)
    ]
    for name in ("samples_films_a.jsonl", "samples_films_b.jsonl"):
        written(tmp_path / name, "".join(json.dumps(row) + "\n" for row in rows))

    assert read_answer_table(tmp_path).labels == ("no", "yes")


def scored(place: Path, *targets: object, choices: str = "1 2 3", **more: object) -> Path:
    """Write a sample for each target, of which the first choice is the likeliest."""
    asked = [["How many stars? ", f" {choice}"] for choice in choices.split()]
    scores = [[-float(number), False] for number in range(1, len(asked) + 1)]
    rows = [
        {"doc_id": n, "doc": {"text": f"film {n}"}, "target": target, "arguments": asked, "filtered_resps": scores}
        for n, target in enumerate(targets)
    ]
    values = [{name: its[n] for name, its in more.items()} for n in range(len(rows))]  # type: ignore[index]
    return written(place, "".join(json.dumps(row | own) + "\n" for row, own in zip(rows, values, strict=True)))


def test_whether_a_digit_is_a_choice_or_its_number_is_told_by_what_the_samples_count_as_right(tmp_path: Path) -> None:
    """Of five stars the target `1` is the second choice, `2`, where `acc` does not call the answer `1` right."""
    numbers = scored(tmp_path / "samples_a.jsonl", "1", "1", "2", acc=[0.0, 0.0, 0.0])
    texts = scored(tmp_path / "samples_b.jsonl", "1", "1", "2", acc=[1.0, 1.0, 0.0])
    of_zero = scored(tmp_path / "samples_c.jsonl", "1", "0", "2")  # no choice is called 0
    to_three = scored(tmp_path / "samples_d.jsonl", "1", "1", "3")  # there is no fourth choice
    plain = scored(tmp_path / "samples_e.jsonl", 1, 1, 2)

    assert read_answer_table(numbers).labels == ("2", "2", "3")
    assert read_answer_table(texts).labels == ("1", "1", "2")
    assert read_answer_table(of_zero).labels == ("2", "1", "3")
    assert read_answer_table(to_three).labels == ("1", "1", "3")
    assert read_answer_table(plain).labels == ("2", "2", "3")
    with pytest.raises(DataError, match="targets that may be texts or numbers of choices, such as '1' of 1, 2, 3"):
        read_answer_table(scored(tmp_path / "samples_f.jsonl", "1", "1", "2"))


def test_a_document_with_several_right_answers_has_no_label_and_that_is_told(tmp_path: Path) -> None:
    table = read_answer_table(scored(tmp_path / "samples_a.jsonl", "[0, 2]", "[1]", "0", choices="red green blue"))

    assert table.labels == (None, "green", "red")
    assert "1 documents have several right answers, and are taken as without a label" in table.notes
    written_out = [
        {"doc_id": n, "target": target, "arguments": [["q", {"until": []}]], "filtered_resps": [("yes", "no")[n % 2]]}
        for n, target in enumerate(["['yes', 'sure']", "['no']", "[1, 2]"])
    ]
    path = written(tmp_path / "samples_b.jsonl", "".join(json.dumps(row) + "\n" for row in written_out))
    assert read_answer_table(path).labels == (None, "no", "[1, 2]")


@pytest.mark.parametrize(
    ("asked", "reply", "problem"),
    [
        ([["the cat sat on the", " mat"]], [[-0.5, True]], "the likelihood of one text, and no answer"),
        ({"gen_args_0": {"arg_0": "a whole page"}}, ["-512.5"], "the likelihood of one text, and no answer"),
        ([["the man", " is tall"], ["the boy", " is tall"]], [[-1.0, True], [-2.0, False]], "after several beginnings"),
    ],
)
def test_a_likelihood_is_never_taken_for_an_answer(tmp_path: Path, asked: object, reply: object, problem: str) -> None:
    rows = [{"doc_id": n, "target": "mat", "arguments": asked, "filtered_resps": reply} for n in range(2)]
    path = written(tmp_path / "samples_a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    with pytest.raises(DataError, match=problem):
        read_answer_table(path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"doc": {"text": "another"}}, "has samples of several tasks: document 0 differs"),
        (
            {"arguments": [["q", " no"], ["", " no"]], "filtered_resps": [[-1.0, True], [-2.0, False]]},
            "asks for a choice twice",
        ),
    ],
)
def test_samples_that_would_be_misread_are_refused(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    row = {"doc_id": 0, "doc": {"text": "one"}, "target": "yes", "arguments": [], "filtered_resps": ["yes"]}
    written(tmp_path / "samples_a.jsonl", json.dumps(row) + "\n")
    written(tmp_path / "samples_b.jsonl", json.dumps({**row, **change}) + "\n")

    with pytest.raises(DataError, match=problem):
        read_answer_table(tmp_path)


@pytest.mark.parametrize("name", ["Label", "LABEL", " label "])
def test_a_columns_name_may_be_written_otherwise(tmp_path: Path, name: str) -> None:
    plain = read_answer_table(written(tmp_path / "a.csv", WIDE))

    found = read_answer_table(written(tmp_path / "b.csv", WIDE.replace("label", name).replace("text", "Text")))

    assert found.labels == plain.labels
    assert found.inputs == plain.inputs
    assert found.names == plain.names


@pytest.mark.parametrize("name", ["Labels", "gold", "target", "correct answer", "Gold-Label", "expected", "category"])
def test_a_column_that_is_called_like_a_label_is_never_taken_for_answers(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"column '{name}' is called like a label"):
        read_answer_table(written(tmp_path / "a.csv", WIDE.replace("label", name)))


def test_a_sign_that_is_called_a_digit_and_numbers_nothing_is_a_label_as_it_stands(tmp_path: Path) -> None:
    asked = [["2 and 2?", "two"], ["2 and 2?", "four"]]
    row = {"doc_id": 0, "doc": {"q": "2 and 2?"}, "target": "\u00b2", "arguments": asked}
    rows = [{**row, "filtered_resps": [[-1.0, False], [-0.1, True]]}]

    assert [cell["label"] for cell in harness_cells(rows, tmp_path / "samples_m.jsonl", "m")] == ["\u00b2"]


@pytest.mark.parametrize("sign", ["\t", ";", "|"])
@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_what_separates_cells_is_found_out_as_in_all_other_tables(tmp_path: Path, ending: str, sign: str) -> None:
    plain = read_answer_table(written(tmp_path / "plain.csv", WIDE))

    found = read_answer_table(written(tmp_path / f"a{ending}", WIDE.replace(",", sign)))

    assert (found.inputs, found.labels, found.names) == (plain.inputs, plain.labels, plain.names)
    assert found.said.tolist() == plain.said.tolist()


def test_samples_are_found_two_folders_deep_and_no_deeper(tmp_path: Path) -> None:
    for place in (".", "org", "org/model", "org/model/deep"):
        (tmp_path / place).mkdir(exist_ok=True)
        name = f"samples_{place.replace('/', '_').replace('.', 'here')}.jsonl"
        written(tmp_path / place / name, "{}")

    assert [file.name for file in sample_files(tmp_path)] == [
        "samples_org_model.jsonl",
        "samples_org.jsonl",
        "samples_here.jsonl",
    ]


def test_a_folder_without_samples_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no samples_"):
        read_answer_table(tmp_path)


def test_labels_are_written_to_fill_in_and_read_back(tmp_path: Path) -> None:
    place = tmp_path / "labels.csv"
    write_labels(place, [("good, very good", None, 0.1), ("a", "b", 1e-5)])
    assert place.read_text() == 'text,text_pair,label,chance,place\n"good, very good",,,0.1,1\na,b,,1e-05,2\n'

    with pytest.raises(DataError, match="holds no labels: fill in"):
        read_labels(place)
    place.write_text('text,text_pair,label,chance,place\n"good, very good",,yes,0.1,1\na,b,,1e-05,2\n')
    assert read_labels(place) == FilledIn({Input("good, very good"): "yes"}, {Input("good, very good"): 0.1})
