"""Recorded answers as people have them: a table with a column for each prompt or model, in a file or as rows.

Two forms. Wide: `text` (and `text_pair`) and a column of answers for each prompt or model; long: a line for each
answer, `text` (or the number of the input), `prompt` and / or `model`, `answer`. `label` is for scoring alone. An empty
cell is no answer. Beside these, the samples that lm-evaluation-harness writes with `--log_samples`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from registry.data.answer_tables import NONE, AnswerTable
from registry.data.inputs import PAIR, TEXT, Input, input_of
from registry.data.spelling import as_heard
from registry.errors import DataError
from registry.files.lines import decoded
from registry.files.separated import separated_rows, separator_of
from registry.files.whole import read_file
from registry.formats.harness import (
    are_numbers,
    column_names,
    harness_cells,
    is_harness,
    sample_files,
    tell_apart,
    text_fields,
)
from registry.formats.table_files import file_rows
from registry.names import listed
from registry.reading.answer_columns import (
    ANSWER,
    NUMBERS,
    answer_column,
    called,
    cell_text,
    is_called_like_a_label,
    joined_inputs,
    may_be_the_label,
    name_text,
    named_by_texts,
    number_column,
    spellings,
)
from registry.reading.frames import rows_of_table

LABEL, PROMPT, MODEL = "label", "prompt", "model"
NAME_ANSWERS = "--answer COLUMN for each"
LONGEST = 200  # characters of an answer
MOST_ANSWERS = 1000
LEAST_TO_COMPARE = 3  # columns, of which one may be strange
FEW = 20  # inputs; of fewer, a column of distinct values may still be answers

Row = Mapping[str, Any]


@dataclass(frozen=True)
class TableColumns:
    """Which columns of a table are what; None where the usual names say it."""

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    answers: tuple[str, ...] = ()


def read_answer_table(path: Path, columns: TableColumns | None = None) -> AnswerTable:
    """Read a .csv, .tsv, .parquet or .jsonl file of answers, or a folder of samples of lm-evaluation-harness.

    Raises:
        DataError: it is no such table, or it cannot be told which columns are answers.
    """
    if path.is_dir():
        files = sample_files(path)
        if not files:
            raise DataError(str(path), "holds no samples_*.jsonl of lm-evaluation-harness.")
        return _harness_table({file: file_rows(file) for file in files}, path, columns or TableColumns())
    rows = _rows(path)
    if is_harness(rows[0]):
        return _harness_table({path: rows}, path, columns or TableColumns())
    return answer_table(rows, str(path), columns)


def is_table(path: Path) -> bool:
    """Say whether a file is a table of several columns or models, and not the answers of one in lines."""
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        return path.is_file()
    rows = _rows(path)
    columns = {column for row in rows for column in row}
    return is_harness(rows[0]) or ANSWER not in columns or bool(columns - {TEXT, PAIR, LABEL, ANSWER, *NUMBERS})


def answer_table(data: object, place: str, columns: TableColumns | None = None) -> AnswerTable:
    """Make a table of a data frame, or of rows.

    Args:
        data: a data frame of pandas, polars or pyarrow, a dict of columns, or a list of rows, each a mapping.
        place: what to call it in messages.
        columns: which columns are what.
    """
    are_rows = isinstance(data, list) and all(isinstance(row, Mapping) for row in data)
    rows: Sequence[Row] = cast("list[Row]", data) if are_rows else rows_of_table(data)
    if not rows:
        raise DataError(place, "holds no rows.")
    named = columns or TableColumns()
    rows = named_by_texts(rows, place)
    present = list(dict.fromkeys(key for row in rows for key in row))
    for wanted in (named.text, named.text_pair, named.label, *named.answers):
        if wanted is not None and wanted not in present:
            raise DataError(place, f"has no column {wanted!r}: there are {', '.join(present)[:200]}.")
    given = _Cells(place, named, present)
    return given.long(rows) if given.is_long else given.wide(rows)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return a file's rows; of a separated file with its empty columns."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv"):
        return file_rows(path)
    body = read_file(path)
    between = separator_of(decoded(body, path), "\t" if suffix == ".tsv" else ",")
    _, rows = separated_rows(body, path, delimiter=between)
    if not rows:
        raise DataError(str(path), "holds no rows.")
    return [dict(row) for _, row in rows]


def _harness_table(files: Mapping[Path, list[dict[str, Any]]], path: Path, columns: TableColumns) -> AnswerTable:
    """Return the samples of files as a table: with texts where a field is named, or a single one of them can be it."""
    place, names = str(path), column_names(list(files), path if path.is_dir() else path.parent)
    rows = [row for its in files.values() for row in its]
    fields = text_fields(rows)
    if columns.text is not None and columns.text not in fields:
        raise DataError(
            place, f"has documents without a text {columns.text!r}: there are {', '.join(fields) or 'none'}."
        )
    text = columns.text or (fields[0] if len(fields) == 1 and tell_apart(rows, fields[0]) else None)
    numbered = are_numbers(rows, place)
    cells = [
        cell for file, its in files.items() for cell in harness_cells(its, file, names[file], text, numbered=numbered)
    ]
    _check_one_task(cells, place)
    several = len({cell["id"] for cell in cells if cell.pop("several")})
    table = answer_table(cells, place, replace(columns, text=None))
    notes = [f"{several} documents have several right answers, and are taken as without a label"] if several else []
    if text is None:
        return replace(table, notes=(*table.notes, *notes), fields=tuple(fields))
    return replace(table, notes=(*table.notes, *notes, f"the texts are the documents' {text!r}"))


def _check_one_task(cells: Sequence[Row], place: str) -> None:
    """Refuse samples of several tasks: the same number stands for another document there."""
    documents: dict[object, object] = {}
    for row in cells:
        if documents.setdefault(row["id"], row["document"]) != row["document"]:
            raise DataError(place, f"has samples of several tasks: document {row['id']} differs between the files.")


class _Cells:
    """Reads rows, and keeps what it has to tell."""

    def __init__(self, place: str, named: TableColumns, present: Sequence[str]) -> None:
        self._place = place
        self._named = named
        self._present = present
        self._text = named.text or called(TEXT, present)
        self._pair = named.text_pair or called(PAIR, present)
        self._label = named.label or called(LABEL, present)
        others = [column for column in present if column not in (self._text, self._pair, self._label)]
        self._prompt, self._model = called(PROMPT, others), called(MODEL, others)
        self._answer = None if named.answers else answer_column(others)
        self._notes: list[str] = []

    @property
    def is_long(self) -> bool:
        return self._answer is not None and (self._prompt or self._model) is not None

    def wide(self, rows: Sequence[Row]) -> AnswerTable:
        if not self._named.answers:
            self._refuse_long(rows)
        names = self._named.answers or self._answer_columns(rows)
        cells = {name: [_cell_of(row, name) for row in rows] for name in names}
        keys: list[object] = [self._input(row, number) for number, row in enumerate(rows, start=1)]
        return self._table(keys, cells, [_cell_of(row, self._label) for row in rows])

    def long(self, rows: Sequence[Row]) -> AnswerTable:
        keys = self._keys(rows)
        of_input: dict[object, int] = {}
        owners: dict[str, str | None] = {}
        answers: dict[tuple[str, int], str | None] = {}
        labels: dict[int, str | None] = {}
        several = len({model for model, _ in map(self._owner, rows)}) > 1
        for line, (row, key) in enumerate(zip(rows, keys, strict=True), start=1):
            at = of_input.setdefault(key, len(of_input))
            model, prompt = self._owner(row)
            name = f"{model}@{prompt}" if several and model and prompt else prompt or model
            if name is None:
                raise DataError(f"{self._place} row {line}", "names neither a model nor a prompt.")
            answer, label = _cell_of(row, self._answer), _cell_of(row, self._label)
            if answers.setdefault((name, at), answer) != answer:
                raise DataError(f"{self._place} row {line}", f"gives {name!r} another answer to an input than above.")
            if (labels.setdefault(at, label) or label) != label and label is not None:
                raise DataError(f"{self._place} row {line}", "gives an input another label than above.")
            labels[at] = labels[at] or label
            owners[name] = model
        self._tell_not_read(rows)
        cells = {name: [answers.get((name, at)) for at in range(len(of_input))] for name in owners}
        inputs = list(of_input) if self._text else [None] * len(of_input)
        return self._table(inputs, cells, [labels[at] for at in range(len(of_input))], tuple(owners.values()))

    def _owner(self, row: Row) -> tuple[str | None, str | None]:
        """Return the model and the prompt of a row of a long table."""
        model, prompt = (name_text(row.get(column)) if column else None for column in (self._model, self._prompt))
        return model, prompt

    def _keys(self, rows: Sequence[Row]) -> list[object]:
        """Return what tells the input of each row of a long table: its text, or its number."""
        if self._text is not None:
            inputs = [input_of(row, f"{self._place} row {n}", self._text, self._pair) for n, row in enumerate(rows, 1)]
            joined, told = joined_inputs(inputs, [*map(self._owner, rows)])
            self._notes += [told] if told else []
            return list(joined)
        number = number_column(rows, self._present, [*map(self._owner, rows)], self._place)
        if number is None:
            raise DataError(self._place, f"names no input: it needs a column 'text', or one of {', '.join(NUMBERS)}.")
        keys = [_cell_of(row, number) for row in rows]
        if None in keys:
            raise DataError(f"{self._place} row {keys.index(None) + 1}", f"has no number of the input in {number!r}.")
        return list(keys)

    def _tell_not_read(self, rows: Sequence[Row]) -> None:
        """Tell which columns of a long table may hold answers or labels, and are not read."""
        answers = {as_heard(said) for row in rows if (said := _cell_of(row, self._answer))}
        known = {self._text, self._pair, self._label, self._prompt, self._model, self._answer}
        for column in self._present:
            held = {as_heard(said) for row in rows if (said := _cell_of(row, column))}
            is_like = is_called_like_a_label(column) or (len(held) > 1 and held <= answers)
            if column not in known and column.strip().casefold() not in NUMBERS and is_like:
                told = f"column {column!r} is not read: if it holds what is right, call it 'label'"
                self._notes.append(f"{told}; if it is an answer, name all that are, {NAME_ANSWERS}")

    def _refuse_long(self, rows: Sequence[Row]) -> None:
        """Refuse a table that has a line for each answer, and calls the answers, or who gave them, by no known name."""
        owners = [column for column in (self._prompt, self._model) if column]
        numbers = [column for name in NUMBERS if (column := called(name, self._present))]
        for column in [self._text] if self._text else numbers:
            keys = [(_cell_of(row, column), _cell_of(row, self._pair)) for row in rows]
            if owners and len(set(keys)) < len(rows) and _tells_apart(rows, keys, owners):
                told = f"repeats each {column!r} with another {owners[0]!r}: name the column of answers {ANSWER!r}"
                raise DataError(self._place, f"{told}, or name the columns of answers, {NAME_ANSWERS}.")
            known = {column, self._text, self._pair, self._label, self._answer, *numbers}
            others = [] if owners or self._answer is None else [name for name in self._present if name not in known]
            who = next((name for name in others if _tells_apart(rows, keys, [name])), None)
            if who and 2 * len(set(keys)) <= len(rows):
                told = f"repeats each {column!r} with another {who!r}: call that {PROMPT!r} or {MODEL!r} if it is one"
                raise DataError(self._place, f"{told}, or name the columns of answers, {NAME_ANSWERS}.")

    def _input(self, row: Row, number: int) -> Input | None:
        return input_of(row, f"{self._place} row {number}", self._text, self._pair) if self._text else None

    def _answer_columns(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Return the columns that are answers; refuse where one could be something else."""
        taken = {self._text, self._pair, self._label}
        left = [name for name in self._present if name and name not in taken]
        names = [name for name in left if name.strip().casefold() not in NUMBERS]
        for name in names:
            values = [value for row in rows if (value := _cell_of(row, name)) is not None]
            self._check_name(name, is_alone=len(names) == 1)
            problem = _why_no_answers(values)
            if problem and self._text is None:
                mend = "If it holds the texts, call it 'text', or name it to 'fute model add'"
                told = f"has no column 'text', and column {name!r} {problem}. {mend}: --text {name!r}."
                raise DataError(self._place, f"{told} If it is an answer, name all that are, --answer COLUMN for each.")
            if problem:
                mend = "name the columns that are, --answer COLUMN for each, and call the right answers 'label'"
                raise DataError(self._place, f"column {name!r} {problem}: is it an answer? If not, {mend}.")
        if not names:
            raise DataError(self._place, f"has no column of answers beside {', '.join(self._present)[:200]}.")
        return tuple(names)

    def _check_name(self, name: str, *, is_alone: bool) -> None:
        """Refuse a column that is called like the right answers, and tell of one that may be these."""
        is_doubtful = called(ANSWER, [name]) is not None and not is_alone and not self._label
        if is_doubtful or is_called_like_a_label(name):
            problem = "may hold the right answers" if is_doubtful else "is called like a label"
            mend = "If it holds what is right, call it 'label'. If it is an answer, give it another name"
            raise DataError(self._place, f"column {name!r} {problem}. {mend}, or name all that are, {NAME_ANSWERS}.")
        if may_be_the_label(name) and not is_alone:
            told = f"column {name!r} is taken for answers of a prompt or model"
            self._notes.append(f"{told}: if it holds what is right, call it 'label'")

    def _table(
        self,
        keys: Sequence[object],
        cells: Mapping[str, Sequence[str | None]],
        labels: Sequence[str | None],
        models: tuple[str | None, ...] = (),
    ) -> AnswerTable:
        self._tell_repeated(keys)
        spelling = self._spelling([value for column in (*cells.values(), labels) for value in column if value])
        answers = tuple(sorted({spelling[value] for column in cells.values() for value in column if value}))
        if len(answers) < 2:  # one that says the same throughout can still be wrong: its labels tell what else there is
            answers = tuple(sorted({*answers, *(spelling[label] for label in labels if label)}))
        if len(answers) < 2:
            only = f"the one answer {answers[0]!r}" if answers else "no answer"
            raise DataError(self._place, f"has {only} throughout: nothing can be compared.")
        if len(answers) > MOST_ANSWERS:
            raise DataError(self._place, f"has {len(answers)} distinct answers: they are free text, not choices.")
        number = {answer: at for at, answer in enumerate(answers)}
        said = np.array(
            [[NONE if value is None else number[spelling[value]] for value in column] for column in cells.values()],
            np.int64,
        )
        for name, column in zip(cells, said, strict=True):
            if (column == NONE).all():
                raise DataError(self._place, f"column {name!r} has no answer at all: leave it out.")
        known = tuple(spelling[label] if label else None for label in labels)
        self._tell_strange(tuple(cells), [{answers[at] for at in row if at != NONE} for row in said.tolist()])
        return AnswerTable(
            tuple(cells),
            answers,
            said,
            tuple(key for key in keys if isinstance(key, Input)) if self._text else None,
            known if any(known) else None,
            models or (None,) * len(cells),
            tuple(self._notes),
        )

    def _tell_repeated(self, keys: Sequence[object]) -> None:
        if self._text is not None and len(set(keys)) < len(keys):
            self._notes.append(f"{len(keys) - len(set(keys))} rows repeat a text: in a score each row counts")

    def _tell_strange(self, names: Sequence[str], given: Sequence[set[str]]) -> None:
        """Tell which columns give no answer that another one gives: a split, or how sure a model is."""
        if self._named.answers or len(names) < LEAST_TO_COMPARE:
            return
        count = Counter(answer for own in given for answer in own)
        strange = [name for name, own in zip(names, given, strict=True) if all(count[answer] == 1 for answer in own)]
        if 0 < len(strange) < len(names):
            told = (
                f"column {strange[0]!r} gives" if len(strange) == 1 else f"columns {listed([*map(repr, strange)])} give"
            )
            self._notes.append(
                f"{told} none of the others' answers: if no answers, name those that are, --answer COLUMN for each"
            )

    def _spelling(self, values: Iterable[str]) -> dict[str, str]:
        written, told = spellings(values)
        self._notes += [told] if told else []
        return written


def _cell_of(row: Row, column: str | None) -> str | None:
    return cell_text(row.get(column)) if column else None


def _tells_apart(rows: Sequence[Row], keys: Sequence[object], columns: Sequence[str]) -> bool:
    """Say whether rows with the same key differ in some columns."""
    said = (tuple(name_text(row.get(column)) for column in columns) for row in rows)
    return len(set(zip(keys, said, strict=True))) == len(rows)


def _why_no_answers(values: Sequence[str]) -> str | None:
    """Say why a column does not look like answers; None where it does."""
    distinct = set(values)
    if any(len(value) > LONGEST for value in distinct):
        return f"holds texts of more than {LONGEST} characters"
    if len(values) >= FEW and len(distinct) > max(0.5 * len(values), 2):
        return f"holds {len(distinct)} distinct values in {len(values)} rows"
    if len(values) >= FEW and len(distinct) > FEW and all(_is_fraction(value) for value in distinct):
        return "holds numbers with a point"
    return None


def _is_fraction(value: str) -> bool:
    try:
        return not float(value).is_integer()
    except ValueError:
        return False
