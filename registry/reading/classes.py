"""A column of labels: which of its values are classes, which are none, and which are numbers on a scale."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.data.examples import CLASSIFICATION, REGRESSION, Names
from registry.data.spelling import plain
from registry.data.tasks import SplitRows
from registry.errors import DataError
from registry.names import normal

Tell = Callable[[str], None]  # takes a sentence for whoever brought the task

MISSING = {"", "nan", "<na>", "nat", "null", "#n/a"}  # how programs write that there is no value
DOUBTFUL = {"none", "n/a", "na", "-", "?", "unlabeled", "unlabelled"}  # a class to some, no value to others
NO_CLASS = "-1"  # how GLUE and others mark the rows of a hidden test set
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_PERCENT = re.compile(rf"(?:{_NUMBER.pattern})\s*%")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}.*")
_LIST = re.compile(r"\[\s*['\"0-9].*\]")  # as programs write a list into a table
FEW = 10  # rows; in fewer, labels that come once say nothing about the kind
OFTEN = 0.8  # the share of labels that come once, from which on they are no classes


@dataclass(frozen=True)
class LabelColumn:
    """The rows of a task's splits with labels that can be taken, and the kind of task that these make."""

    splits: dict[str, SplitRows]
    kind: str


def read_classes(
    splits: Mapping[str, SplitRows], names: Names, place: str, *, named: Collection[str], certain: bool, tell: Tell
) -> LabelColumn:
    """Return rows whose labels are classes, or numbers on a scale.

    Args:
        splits: rows by split.
        names: the names of the columns.
        place: what the task is called in messages.
        named: labels that somebody has named: these are classes whatever they look like.
        certain: whether it is known to be a classification; else numbers may make it a regression.
        tell: is told what was left out or looks odd.

    Raises:
        DataError: no row has a label, a text has several, or the labels are no classes.
    """
    cells = {name: _cells(rows, names.label) for name, rows in splits.items()}
    cells = _with_whole_numbers(cells)
    cells = _without_minus_one(cells, named, tell, f"--answers {NO_CLASS}=...")
    labels = [cell for cell in cells["train"] if isinstance(cell, str)]
    if not labels and not any(isinstance(cell, _Odd) for cell in cells["train"]):
        raise DataError(place, _nothing_said(splits["train"], names.label))
    if not certain and _are_numbers(labels) and _is_scale(labels):
        tell("its labels are numbers on a scale: taken as regression (else --kind classification).")
        return LabelColumn(read_numbers(splits, names, place, ends=None, tell=tell), REGRESSION)
    if not certain and not named and labels and all(_PERCENT.fullmatch(label) for label in labels):
        told = f"has percents such as {labels[0]!r}: leave the sign out, or say --kind classification."
        raise DataError(place, told)
    if not certain and _each_its_own(labels):
        raise DataError(place, _no_classes(labels, splits["train"], names))
    _tell_alike(labels, tell)
    _tell_joined(labels, tell)
    return LabelColumn(_with_labels(splits, cells, names.label, tell), CLASSIFICATION)


def read_numbers(
    splits: Mapping[str, SplitRows], names: Names, place: str, *, ends: Sequence[float] | None, tell: Tell
) -> dict[str, SplitRows]:
    """Return the rows of a regression that have a number, decimal commas read; say how many have none.

    Raises:
        DataError: nothing is labelled, or commas may separate decimals or thousands.
    """
    cells: dict[str, list[Any]] = {
        name: [_without_missing(row.get(names.label)) for row in rows.rows] for name, rows in splits.items()
    }
    texts = [cell for cell in cells["train"] if isinstance(cell, str)]
    with_comma = [text for text in texts if "," in text]
    if with_comma and all(_NUMBER.fullmatch(text) for text in texts):
        if all(_THOUSANDS.fullmatch(text) for text in with_comma):
            problem = f"has numbers such as {with_comma[0]}: write 1000 for thousands, 1.000 or 1.0 for decimals."
            raise DataError(place, problem)
        cells = {name: [_with_point(cell) for cell in column] for name, column in cells.items()}
    if ends is None or ends[0] > -1:
        cells = _without_minus_one(cells, (), tell, "--range")
    if all(cell is None for cell in cells["train"]):
        raise DataError(place, _nothing_said(splits["train"], names.label))
    return _with_labels(splits, cells, names.label, tell)


def with_spellings(rows: SplitRows, column: str, labels: Collection[str]) -> SplitRows:
    """Return rows with labels as a task spells them: 1.0 as 1, without blanks around; others stay as they are."""
    spelled = {whole_number(normal(label.strip())): label for label in labels}

    def label_of(value: object) -> object:
        cell = _cell(value)
        if (isinstance(value, str | int) and str(value) in labels and not isinstance(value, bool)) or not isinstance(
            cell, str
        ):
            return value
        return spelled.get(whole_number(cell), value)

    return rows.kept([{**row, column: label_of(row.get(column))} for row in rows.rows])


def spelled_answers(answers: Mapping[str, str], labels: Collection[str]) -> dict[str, str]:
    """Return answers by the labels as a task spells them."""
    return {label if label in labels else whole_number(label.strip()): text for label, text in answers.items()}


def tell_left_out(before: Mapping[str, SplitRows], after: Mapping[str, SplitRows], tell: Tell, why: str) -> None:
    """Tell how many rows are left out, if any."""
    count, kept = (sum(len(rows.rows) for rows in splits.values()) for splits in (before, after))
    if kept < count:
        tell(f"{count - kept} of {count} rows {why} and are left out.")


def labels_of(values: Sequence[object]) -> list[str | None]:
    """Return labels as a task would spell them; None where a value is none."""
    cells = [_cell(value) for value in values]
    texts = [str(cell.value) if isinstance(cell, _Odd) else cell for cell in cells]
    return _with_whole_numbers({"": texts})[""]


def whole_number(text: str) -> str:
    """Return a number as it is written without a fraction of zeros: 1.0 as 1, .0 as 0. Other texts stay as they are."""
    if not _NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text):
        return text
    whole = re.sub(r"[.,]0+$", "", text)
    return whole if whole.strip("+-") else "0"


@dataclass(frozen=True)
class _Odd:
    """A value that is no label of any kind, for the reader of the row to refuse with its place."""

    value: object


def _cells(rows: SplitRows, column: str) -> list[str | _Odd | None]:
    """Return each row's label as a text; None where it has none."""
    cells: list[str | _Odd | None] = []
    for position, row in enumerate(rows.rows):
        value = row.get(column)
        if isinstance(value, list | tuple | set) and len(value) < 2:
            value = next(iter(value), None)  # a list of one is what it holds
        if isinstance(value, list | tuple | set) or (isinstance(value, str) and _LIST.fullmatch(value.strip())):
            problem = (
                f"has several labels in {column!r}, a list: multi-label tasks are not supported, give each row one"
            )
            raise DataError(rows.where(position), f"{problem}.")
        cells.append(_cell(value))
    return cells


def _cell(value: object) -> str | _Odd | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        text = normal(str(value).strip())
        return None if text.lower() in MISSING else text
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value) if isinstance(value, float) and math.isfinite(value) else _Odd(value)


def _without_missing(value: object) -> object:
    is_missing = value is None or (isinstance(value, float) and math.isnan(value))
    is_missing = is_missing or (isinstance(value, str) and value.strip().lower() in MISSING)
    return None if is_missing else value.strip() if isinstance(value, str) else value


def _with_whole_numbers(cells: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Write 1.0 as 1 where all labels are numbers: programs write whole numbers so in a column with gaps."""
    if not _are_numbers([cell for column in cells.values() for cell in column if isinstance(cell, str)]):
        return cells
    return {
        name: [whole_number(cell) if isinstance(cell, str) else cell for cell in column]
        for name, column in cells.items()
    }


def _are_numbers(labels: Collection[str]) -> bool:
    return bool(labels) and all(_NUMBER.fullmatch(label) for label in labels)


def _without_minus_one(
    cells: dict[str, list[Any]], named: Collection[str], tell: Tell, mend: str
) -> dict[str, list[Any]]:
    """Take away -1 where it is the mark of no label: beside labels that are not below 0, but not alone with 1."""
    others = {str(cell) for column in cells.values() for cell in column if cell is not None} - _MINUS_ONE
    has_negative = any(_NUMBER.fullmatch(other) and other.startswith("-") for other in others)
    count = sum(str(cell) in _MINUS_ONE for column in cells.values() for cell in column)
    if not count or NO_CLASS in named or has_negative or others <= {"1", "1.0"}:
        return cells
    tell(f"-1 is taken as no label: {mend} keeps it.")
    return {name: [None if str(cell) in _MINUS_ONE else cell for cell in column] for name, column in cells.items()}


_MINUS_ONE = {"-1", "-1.0"}


def _is_scale(labels: Sequence[str]) -> bool:
    return any(not re.fullmatch(r"[+-]?[0-9]+", label) for label in labels) or _each_its_own(labels)


def _each_its_own(labels: Sequence[str]) -> bool:
    single = sum(count == 1 for count in Counter(labels).values())
    return len(labels) >= FEW and single >= OFTEN * len(labels)


def _no_classes(labels: Sequence[str], rows: SplitRows, names: Names) -> str:
    told = f"nearly every row has a label of its own ({len(set(labels))} labels in {len(labels)} rows)"
    texts = [row.get(names.text) for row in rows.rows]
    if len(set(map(str, texts))) * 2 < len(texts):
        return f"{told}, and few texts: are {names.text!r} and {names.label!r} exchanged? Say so by --text and --label."
    if sum(bool(_DATE.fullmatch(label)) for label in labels) * 2 > len(labels):
        return f"{told}, dates: name the column of classes with --label."
    return (
        f"{told}, such as {labels[0][:60]!r}: name the column of classes with --label, or say what it is with "
        "--kind free-text, regression or classification."
    )


def _nothing_said(rows: SplitRows, column: str) -> str:
    if column in rows.names:
        return f"has no label in {column!r} in any of {len(rows.rows)} rows."
    held = ", ".join(map(str, rows.names))[:200] or "nothing"
    marks = [name for name in rows.names if {str(row.get(name)) for row in rows.rows} == {"0", "1"}]
    kind = f" Several labels a text ({', '.join(marks)[:100]}) are not supported." if len(marks) > 1 else ""
    return f"has no column {column!r}; it has {held}. Name the labels' with --label.{kind}"


def _tell_alike(labels: Sequence[str], tell: Tell) -> None:
    """Say which labels look like others, or like none."""
    alike: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        alike.setdefault(_seen(label), []).append(label)
    for several in alike.values():
        if len(several) > 1:
            held = " and ".join(map(repr, several))[:200]
            is_plain = len({plain(label) for label in several}) == 1
            how = "differ in case or blanks alone" if is_plain else "look alike"
            tell(f"{held} are labels that {how}: write one where they are one.")
        elif several[0].lower() in DOUBTFUL:
            tell(f"{several[0]!r} is taken as a class: leave its rows out if it is none.")


def _seen(label: str) -> str:
    """Return a label as it is seen: without signs of no width and controls, wide letters as others."""
    signs = unicodedata.normalize("NFKC", label)
    return plain("".join(sign for sign in signs if sign.isspace() or unicodedata.category(sign) not in _UNSEEN))


_UNSEEN = {"Cf", "Cc"}  # Unicode's categories


def _tell_joined(labels: Sequence[str], tell: Tell) -> None:
    """Say how many rows have several labels of others in one cell: each such cell is a class of its own."""
    known = {plain(label) for label in labels}
    joined = {label: parts for label in sorted(set(labels)) if (parts := _parts_of(label, known))}
    if joined:
        count = sum(label in joined for label in labels)
        first, parts = next(iter(joined.items()))
        held = " and ".join(map(repr, parts))[:200]
        tell(
            f"{count} of {len(labels)} rows have labels such as {first[:100]!r}, taken as a class beside {held}. "
            "Where it stands for several, give each row one or leave it out: multi-label tasks are not supported."
        )


def _parts_of(label: str, known: Collection[str]) -> list[str]:
    """Return the labels that a label joins by a sign, where all of them are known and differ; else none."""
    for sign in ",;|/+":
        parts = [part.strip() for part in label.split(sign)]
        if 1 < len({plain(part) for part in parts}) == len(parts) and all(plain(part) in known for part in parts):
            return parts
    return []


def _with_point(cell: object) -> object:
    return cell.replace(",", ".") if isinstance(cell, str) else cell


def _with_labels(
    splits: Mapping[str, SplitRows], cells: Mapping[str, Sequence[Any]], column: str, tell: Tell
) -> dict[str, SplitRows]:
    """Return the rows that have a label, with it; say how many have none."""
    held = {}
    for name, rows in splits.items():
        named = [
            None if cell is None else {**row, column: cell.value if isinstance(cell, _Odd) else cell}
            for row, cell in zip(rows.rows, cells[name], strict=True)
        ]
        held[name] = rows.kept(named)
    tell_left_out(splits, held, tell, "have no label")
    return held
