"""Which choice is the right one: by its text, a position, a letter, or a key; and questions without an answer."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.data.examples import Names
from registry.data.tasks import SplitRows
from registry.errors import DataError
from registry.reading.classes import Tell, tell_left_out

Row = dict[str, Any]
SEVERAL = 4  # rows, from which on positions are believed to be counted from 1
_LETTER = re.compile(r"\(?([A-Za-z])[.)]?")


def read_choices(splits: Mapping[str, SplitRows], names: Names, place: str, tell: Tell) -> dict[str, SplitRows]:
    """Return rows that have the right choice's text as their label, one way of saying it for the whole task.

    The label may be the choice's text, its position from 0 or from 1, a letter, or a key where the choices are an
    object of lists `text` and `label`. SplitRows without a label are left out and counted.

    Raises:
        DataError: a number is both a position and a choice's text.
    """
    held = {}
    for name, rows in splits.items():
        plain = [_with_list(row, names, rows.where(position)) for position, row in enumerate(rows.rows)]
        labelled = [row if _label(row, names) is not None else None for row in plain]
        held[name] = rows.kept(labelled)
    tell_left_out(splits, held, tell, "have no label")
    if not held["train"].rows:
        raise DataError(place, f"has no label in {names.label!r} in any of {len(splits['train'].rows)} rows.")
    return _with_texts(held, names, tell)


def without_unanswered(splits: Mapping[str, SplitRows], names: Names, place: str, tell: Tell) -> dict[str, SplitRows]:
    """Leave out questions that have no answer, as SQuAD 2 has them, and say how many."""
    held = {
        name: rows.kept([row if _is_answered(row, names) else None for row in rows.rows])
        for name, rows in splits.items()
    }
    tell_left_out(splits, held, tell, "have no answer")
    if not held["train"].rows:
        raise DataError(place, f"has no answer in {names.label!r} in any of {len(splits['train'].rows)} rows.")
    return held


def _is_answered(row: Row, names: Names) -> bool:
    answer = row.get(names.label, row.get("answers"))
    answer = next(iter(answer), None) if isinstance(answer, list) else answer
    if isinstance(answer, dict) and isinstance(answer.get("text"), list):
        answer = next(iter(answer["text"]), None)
    return not (answer is None or (isinstance(answer, str) and not answer.strip()))


def _with_list(row: Row, names: Names, where: str) -> Row:
    """Return a row whose choices are a list: of ARC's object, or of JSON in a cell.

    Raises:
        DataError: the keys are numbers, and the label another: it may be a position.
    """
    choices = row.get(names.choices)
    if isinstance(choices, str) and choices.lstrip().startswith(("[", "{")):
        try:
            choices = json.loads(choices)
        except ValueError:
            return row
    if not isinstance(choices, dict):
        return {**row, names.choices: choices} if names.choices in row else row
    texts, keys, label = choices.get("text"), choices.get("label"), _label(row, names)
    if not isinstance(texts, list) or not isinstance(keys, list) or len(texts) != len(keys):
        return row
    right = [text for text, key in zip(texts, keys, strict=True) if str(key) == str(label).strip()]
    is_other = len(right) != 1 and _position(label) is not None and str(label) not in texts
    if is_other and any(_position(key) is not None for key in keys):
        raise DataError(where, f"label {label!r} is none of the choices' keys {', '.join(map(str, keys))[:200]}.")
    return {**row, names.choices: texts, names.label: right[0] if len(right) == 1 else label}


def _label(row: Row, names: Names) -> object:
    """Return what stands for the right choice; None where nothing does."""
    label = row.get(names.label)
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    is_missing = label is None or (isinstance(label, float) and math.isnan(label)) or str(label).strip() in ("", "-1")
    return None if is_missing else label


Way = Callable[[object], int | None]  # from a label to the position that it stands for


def _position(label: object) -> int | None:
    text = str(label).strip()
    return int(text) if not isinstance(label, bool) and re.fullmatch(r"[0-9]{1,4}", text) else None


def _from_one(label: object) -> int | None:
    at = _position(label)
    return None if at is None else at - 1


def _letter(label: object) -> int | None:
    found = _LETTER.fullmatch(label.strip()) if isinstance(label, str) else None
    return ord(found[1].upper()) - ord("A") if found else None


@dataclass(frozen=True)
class _Said:
    """The label of one row beside its choices, and where it stands."""

    where: str
    label: object
    choices: Sequence[str]

    @property
    def is_text(self) -> bool:
        return self.label in self.choices or str(self.label) in self.choices

    def chosen(self, way: Way) -> str | None:
        """Return the choice at the position that the label stands for; None where there is none."""
        at = way(self.label)
        return self.choices[at] if at is not None and 0 <= at < len(self.choices) else None

    def differs(self, way: Way) -> bool:
        """Say whether the label is one choice by its text, and another by its position."""
        return self.is_text and self.chosen(way) not in (None, str(self.label))

    def refusal(self) -> DataError:
        problem = f"label {self.label!r} is one choice's text and another's position: give the right one's letter."
        return DataError(self.where, problem)


def _with_texts(splits: Mapping[str, SplitRows], names: Names, tell: Tell) -> dict[str, SplitRows]:
    """Return the rows with the right choices' texts; a row whose label fits no way keeps it, to be refused."""
    said = {name: [_said(rows, position, names) for position in range(len(rows.rows))] for name, rows in splits.items()}
    asked = [one for column in said.values() for one in column if one is not None]
    if all(one.is_text for one in asked):
        if all(one.chosen(_position) for one in asked):
            _check_clear(asked, _position)
        return {name: rows.kept([_as_text(row, names) for row in rows.rows]) for name, rows in splits.items()}
    way = _way(asked)
    if way is _from_one:
        tell("the right choices' positions are counted from 1.")
    if not all(one.chosen(way) for one in asked):
        _check_clear(asked, way)
    return {
        name: rows.kept([_right(row, one, way, names) for row, one in zip(rows.rows, said[name], strict=True)])
        for name, rows in splits.items()
    }


def _way(asked: Sequence[_Said]) -> Way:
    """Return the way of saying a position that most labels fit which are no choice's text."""
    ways = (_position, _letter, _from_one) if len(asked) >= SEVERAL else (_position, _letter)
    return max(ways, key=lambda way: sum(one.is_text or one.chosen(way) is not None for one in asked))


def _check_clear(asked: Sequence[_Said], way: Way) -> None:
    """Refuse labels that mean one choice as a text and another as a position; raise `DataError`."""
    for one in asked:
        if one.differs(way):
            raise one.refusal()


def _said(rows: SplitRows, position: int, names: Names) -> _Said | None:
    row = rows.rows[position]
    choices = row.get(names.choices)
    is_list = isinstance(choices, list | tuple) and all(isinstance(choice, str) for choice in choices)
    return _Said(rows.where(position), _label(row, names), choices) if is_list and choices else None


def _right(row: Row, said: _Said | None, way: Way, names: Names) -> Row:
    chosen = None if said is None else said.chosen(way)
    return row if chosen is None else {**row, names.label: chosen}


def _as_text(row: Row, names: Names) -> Row:
    """Return a row whose label is the text of a choice, also where a file has a number for it."""
    label = _label(row, names)
    return {**row, names.label: str(label)} if type(label) is int else row
