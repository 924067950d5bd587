"""Tables of answers: which column is what, by its name and by what it holds, and what cannot be told."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.data.answer_tables import AnswerTable
from registry.errors import DataError
from registry.formats.answer_tables import TableColumns, answer_table, is_table, read_answer_table

INPUTS, PROMPTS = 4, ("p", "q")
TRUTH = ("yes", "no", "yes", "no")
SAID = {"p": ("yes", "no", "yes", "no"), "q": ("yes", "yes", "no", "no")}  # right in all, and in half

Rows = list[dict[str, object]]


def long_rows(**columns: object) -> Rows:
    """Return a row for each answer, with columns beside: a list holds one value for each row."""
    rows: Rows = [
        {"prompt": prompt, "answer": SAID[prompt][at], "label": TRUTH[at]} for at in range(INPUTS) for prompt in PROMPTS
    ]
    for name, values in columns.items():
        assert isinstance(values, list)
        rows = [{name: value, **row} for value, row in zip(values, rows, strict=True)]
    return rows


def renamed(rows: Rows, **names: str) -> Rows:
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


def wide_rows(**columns: str) -> Rows:
    """Return a row for each input, with the right answers under further names."""
    return [
        {"text": f"text {at}", **dict.fromkeys(columns.values(), TRUTH[at]), "p": SAID["p"][at], "q": SAID["q"][at]}
        for at in range(INPUTS)
    ]


def shares_right(table: AnswerTable) -> dict[str, float]:
    return dict(zip(table.names, (table.said == table.right()).mean(axis=1).tolist(), strict=True))


RUNNING = list(range(INPUTS * 2))
OF_INPUT = [at for at in range(INPUTS) for _ in PROMPTS]


@pytest.mark.parametrize(
    "columns",
    [
        {"doc_id": OF_INPUT},
        {"index": RUNNING, "doc_id": OF_INPUT},
        {"row": RUNNING, "id": OF_INPUT},
        {"row": OF_INPUT, "id": RUNNING},
        {"row": RUNNING, "Question_ID": OF_INPUT},
        {"row": [at + 1 for at in OF_INPUT], "id": OF_INPUT},
    ],
    ids="-".join,
)
def test_the_number_of_the_input_is_the_column_that_comes_again_with_another_prompt(
    columns: dict[str, list[int]],
) -> None:
    table = answer_table(long_rows(**columns), "rows")

    assert len(table) == INPUTS
    assert shares_right(table) == {"p": 1.0, "q": 0.5}


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"index": RUNNING}, "no input has answers of two prompts or models: is 'index' the number of the input?"),
        ({"index": RUNNING, "id": RUNNING}, "is 'id' or 'index' the number of the input?"),
        ({"row": OF_INPUT, "id": [0, 0, 0, 0, 1, 1, 1, 1]}, "not alike"),
        ({"id": [0, 0, 1, 1, "", "", 2, 2]}, "row 5: has no number of the input in 'id'"),
        ({"id": [0, 0, 1, float("nan"), 2, 2, 3, 3]}, "row 4: has no number of the input in 'id'"),
        ({"id": [0, "", 1, "", 2, "", 3, ""]}, "row 2: has no number of the input in 'id'"),
    ],
)
def test_a_number_that_cannot_be_the_inputs_is_refused(columns: dict[str, list[object]], problem: str) -> None:
    with pytest.raises(DataError) as refused:
        answer_table(long_rows(**columns), "rows")

    assert problem in str(refused.value)


@pytest.mark.parametrize("spelled", [str, float, lambda number: f"{number}.0", lambda number: f"{number} "])
def test_a_number_in_two_spellings_is_one_input(spelled: Callable[[int], object]) -> None:
    numbers = [spelled(at) if turn else at for at in range(INPUTS) for turn in range(2)]

    table = answer_table(long_rows(id=numbers), "rows")

    assert len(table) == INPUTS
    assert shares_right(table) == {"p": 1.0, "q": 0.5}


@pytest.mark.parametrize("answer", ["answer", "Answer", "response", "Response", "output", "prediction", "completion"])
@pytest.mark.parametrize("prompt", ["prompt", "Prompt", " MODEL "])
def test_a_long_table_is_known_by_the_usual_names_of_its_columns(answer: str, prompt: str) -> None:
    for key in ("text", "ID"):
        numbered = long_rows(**{key: [f"number {at}" for at in OF_INPUT]})

        table = answer_table(renamed(numbered, answer=answer, prompt=prompt), "rows")

        assert shares_right(table) == {"p": 1.0, "q": 0.5}


@pytest.mark.parametrize("key", ["text", "id"])
@pytest.mark.parametrize("columns", [("reply",), ("response", "output")])
def test_a_long_table_without_a_known_column_of_answers_is_not_read_as_a_wide_one(
    key: str, columns: tuple[str, ...]
) -> None:
    rows: Rows = [
        {key: f"number {at}", "prompt": prompt, **dict.fromkeys(columns, SAID[prompt][at])}
        for at in range(INPUTS)
        for prompt in PROMPTS
    ]

    with pytest.raises(DataError, match=f"repeats each '{key}' with another 'prompt': name the column of answers"):
        answer_table(rows, "rows")


@pytest.mark.parametrize("other", ["caf\u00e9 {} ", "cafe\u0301 {}", "caf\u00e9\r\n{}"])
def test_a_text_that_another_prompt_has_in_other_blanks_or_letters_is_the_same_input(other: str) -> None:
    texts = [form.format(at) for at in range(INPUTS) for form in ("caf\u00e9 {}", other)]

    table = answer_table(long_rows(text=texts), "rows")

    assert len(table) == INPUTS
    assert shares_right(table) == {"p": 1.0, "q": 0.5}
    assert table.notes == ("4 texts are written in several ways, in blanks or joined letters, and taken as one",)


def test_texts_that_one_prompt_has_answered_in_two_ways_are_two_inputs() -> None:
    rows = [{"text": text, "prompt": "p", "answer": said} for text, said in (("a b", "yes"), ("a  b", "no"))]

    table = answer_table([*rows, {"text": "a b", "prompt": "q", "answer": "yes"}], "rows")

    assert table.said.tolist() == [[1, 0], [1, -1]]
    assert table.notes == ()


@pytest.mark.parametrize("answer", ["answer", "Output"])
@pytest.mark.parametrize("key", ["text", "id"])
def test_a_long_table_that_calls_its_prompts_by_another_name_is_not_read_as_a_wide_one(key: str, answer: str) -> None:
    """Its one column of answers would be a prompt, as accurate as all are on average."""
    rows = renamed(long_rows(**{key: [f"number {at}" for at in OF_INPUT]}), prompt="template", answer=answer)

    with pytest.raises(DataError, match=f"repeats each '{key}' with another 'template': call that 'prompt' or 'model'"):
        answer_table(rows, "rows")

    table = answer_table(rows, "rows", TableColumns(answers=(answer,)))
    assert table.names == (answer,)


@pytest.mark.parametrize("name", ["gold", "other"])
def test_a_column_of_a_long_table_that_may_hold_answers_or_labels_and_is_not_read_is_told(name: str) -> None:
    rows = renamed(long_rows(text=[f"text {at}" for at in OF_INPUT]), label=name)

    table = answer_table(rows, "rows")

    assert table.labels is None
    assert [note[:60] for note in table.notes] == [
        f"column '{name}' is not read: if it holds what is right, call it "[:60]
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("human", "Actual", "GT", "human_label", "target_label", "label_text", "gold_standard", "annotation"),
        *("annotator 2", "ideal", "Expected Output", "reference_output", "labelName", "ground-truth", "y_true", "true"),
    ],
)
def test_a_column_whose_words_all_speak_of_the_right_answers_is_no_prompt(name: str) -> None:
    with pytest.raises(DataError, match=f"column '{name}' is called like a label.* or name all that are, --answer"):
        answer_table(wide_rows(truth=name), "rows")

    kept = answer_table(wide_rows(truth=name), "rows", TableColumns(answers=(name, "p", "q")))
    assert kept.names == (name, "p", "q")


@pytest.mark.parametrize(
    "name", ["sentiment", "majority", "output", "true_or_false_prompt", "label_words_2", "gold-style"]
)
def test_a_column_that_may_be_the_right_answers_by_its_name_is_read_and_told(name: str) -> None:
    table = answer_table(wide_rows(maybe=name), "rows")

    told = f"column '{name}' is taken for answers of a prompt or model: if it holds what is right, call it 'label'"
    assert (table.names, table.notes) == ((name, "p", "q"), (told,))


@pytest.mark.parametrize("name", ["x:y", "key words", "politeness", "right to left", "p"])
def test_other_names_are_not_told(name: str) -> None:
    assert answer_table(wide_rows(maybe=name), "rows").notes == ()


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv"])
def test_answer_beside_other_columns_is_refused_in_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    rows, path = wide_rows(truth="answer"), tmp_path / f"a{ending}"
    lines = [json.dumps(row) for row in rows]
    separated = [",".join(map(str, values)) for values in (rows[0], *(row.values() for row in rows))]
    written = {".jsonl": "\n".join(lines), ".json": f"[{','.join(lines)}]", ".csv": "\n".join(separated)}
    path.write_text(written[ending] + "\n")

    assert is_table(path)
    with pytest.raises(DataError, match="column 'answer' may hold the right answers"):
        read_answer_table(path)


@pytest.mark.parametrize(
    ("later", "told"),
    [({}, False), ({"id": 3}, False), ({"label": "yes"}, False), ({"text_pair": "b"}, False), ({"p": "yes"}, True)],
)
def test_lines_are_the_answers_of_one_where_no_line_has_another_column(
    tmp_path: Path, later: dict[str, object], told: bool
) -> None:
    rows = [{"text": "a", "answer": "yes"}, {"text": "b", "answer": "no", **later}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    assert is_table(path) is told


def test_a_column_may_be_called_by_a_number() -> None:
    rows = [{"text": "a", 1: "yes", 2: "no"}, {"text": "b", 1: "no", 2: "no"}]

    assert answer_table(rows, "frame").names == ("1", "2")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{("text", ""): "a", ("answer", 1): "yes"}], r"frame: has columns with names on several levels, such as"),
        ([{"text": "a", 1: "yes", "1": "no"}], "frame: names a column twice: '1', as a number and as a text"),
    ],
)
def test_columns_that_no_text_can_name_are_refused(rows: Rows, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        answer_table(rows, "frame")


@pytest.mark.parametrize(
    ("filters", "names"),
    [(("none",), ("films",)), (("strict", "flex"), ("films[strict]", "films[flex]"))],
)
def test_each_filter_of_a_file_of_samples_is_a_column(
    tmp_path: Path, filters: tuple[str, ...], names: tuple[str, ...]
) -> None:
    said = {"none": "yes", "flex": "yes", "strict": "[invalid]"}
    rows = [
        {"doc_id": at, "target": TRUTH[at], "filter": one, "filtered_resps": [said[one] if at else TRUTH[1]]}
        for at in range(2)
        for one in filters
    ]
    path = tmp_path / "samples_films.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    table = read_answer_table(path)

    assert table.names == names
    assert table.said.tolist() == [[0, -1], [0, 1]][-len(names) :]
