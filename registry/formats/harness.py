"""Samples of lm-evaluation-harness (`--log_samples`): lines of a document, what was asked, and what came back.

Written after the files that its versions 0.4.2 to 0.4.9 make: `doc_id`, `target`, `arguments` (a list of [context,
continuation], or an object of `gen_args_N` with `arg_0` and `arg_1`) and `filtered_resps`.
"""

import ast
import glob
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registry.errors import DataError
from registry.names import listed

ROW = dict[str, Any]
_WRITTEN = re.compile(r"_?\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d+)?$")  # when, which ends a file's name


def is_harness(row: ROW) -> bool:
    """Say whether a line is a sample."""
    return "doc_id" in row and ("filtered_resps" in row or "resps" in row)


def sample_files(folder: Path) -> list[Path]:
    """Return the samples in a folder and up to two folders below it, as versions lay them out, by name."""
    found = (glob.glob(f"{below}samples_*.jsonl", root_dir=folder) for below in ("", "*/", "*/*/"))
    return sorted(folder / name for names in found for name in names)


def text_fields(rows: Sequence[ROW]) -> list[str]:
    """Return the fields that hold a text in every document."""
    documents = [document for row in rows if isinstance(document := row.get("doc"), dict)]
    if len(documents) < len(rows):
        return []
    return [name for name in documents[0] if all(_is_text(document.get(name)) for document in documents)]


def tell_apart(rows: Sequence[ROW], field: str) -> bool:
    """Say whether different documents have different texts in a field."""
    documents = {json.dumps(row["doc"], sort_keys=True) for row in rows}
    return len({row["doc"][field] for row in rows}) == len(documents)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def column_names(files: Sequence[Path], root: Path) -> dict[Path, str]:
    """Return what the columns of samples are called: after the folder of a model, which holds what it answered.

    Files beside one another are called after themselves, without the time at which they were written where that tells
    nothing apart.
    """
    folders = Counter(file.parent for file in files)
    names = {}
    for file in files:
        own = file.stem.removeprefix("samples_")
        bare = _WRITTEN.sub("", own)
        alike = sum(_WRITTEN.sub("", other.stem.removeprefix("samples_")) == bare for other in files)
        own = bare if bare and alike == 1 else own
        folder = "" if file.parent == root else file.parent.relative_to(root).as_posix()
        names[file] = folder if folder and folders[file.parent] == 1 else "/".join(filter(None, (folder, own)))
    if len(set(names.values())) < len(files):  # a file is called like a folder beside it
        return {file: file.relative_to(root).with_suffix("").as_posix() for file in files}
    return names


def are_numbers(rows: Sequence[ROW], place: str) -> bool:
    """Say whether a target of digits is the number of a choice, and not a choice's text, in samples of one task.

    Where each target may be either, and they say different choices, the samples' own `acc` tells which is meant.

    Raises:
        DataError: nothing tells.
    """
    asked = [(row, _continuations(row.get("arguments"))) for row in rows if str(row.get("target")).strip().isdecimal()]
    asked = [(row, choices) for row, choices in asked if choices and _are_likelihoods(_replies(row))]
    said = [(int(row["target"]), str(row["target"]).strip(), choices) for row, choices in asked]
    may_be_texts = all(text in choices for _, text, choices in said)
    if any(type(row["target"]) is int for row, _ in asked) or not may_be_texts:
        return True
    if any(number >= len(choices) for number, _, choices in said):
        return False
    as_number, as_text = 0, 0
    for (row, choices), (number, text, _) in zip(asked, said, strict=True):
        answer, right = _likeliest(_replies(row), choices), row.get("acc")
        as_number += right == (answer == choices[number])
        as_text += right == (answer == text)
    if as_number == as_text and any(choices[number] != text for number, text, choices in said):
        told = f"has targets that may be texts or numbers of choices, such as {said[0][1]!r} of {listed(said[0][2])}"
        raise DataError(place, f"{told}, and no 'acc' that tells which.")
    return as_number >= as_text


def harness_cells(
    rows: Sequence[ROW], path: Path, name: str, text: str | None = None, *, numbered: bool = True
) -> list[ROW]:
    """Return the samples of a file as rows of the long form: number, model, answer, label, and a text if it is known.

    Args:
        rows: the samples.
        path: of the file.
        name: of the column, see `column_names`.
        text: the field of the documents that holds the texts; None where nobody knows.
        numbered: whether a target of digits is the number of a choice, see `are_numbers`.

    A choice is the continuation of the highest log-likelihood; an answer that was generated is what the filter left of
    it. A label that is the number of a choice becomes that choice; where several are right none is the label, and
    `several` says so. Where several filters read the same replies, each makes a column of its own, NAME[FILTER].

    Raises:
        DataError: a line holds neither.
    """
    made = []
    filters = {str(row.get("filter")) for row in rows}
    for number, row in enumerate(rows, start=1):
        answer, choices = _answer(row, f"{path} line {number}")
        shown = "" if answer is None or str(answer).strip() in ("[invalid]", "") else str(answer).strip()
        right = _right(row.get("target"), of_choices=bool(choices))
        truth = _choice(right[0], choices, numbered=numbered) if len(right) == 1 else None
        document = json.dumps(row.get("doc"), sort_keys=True)
        column = f"{name}[{row.get('filter')}]" if len(filters) > 1 else name
        made.append({"id": row["doc_id"], "model": column, "answer": shown, "label": truth, "document": document})
        made[-1]["several"] = len(right) > 1
        if text is not None:
            made[-1]["text"] = row["doc"][text]
    return made


def _replies(row: ROW) -> Any:  # noqa: ANN401 - whatever the file holds
    return row.get("filtered_resps") or row.get("resps")


def _answer(row: ROW, place: str) -> tuple[Any, list[str]]:
    """Return what a sample answers, and the choices that it had; [] where the answer was generated."""
    replies, arguments = _replies(row), _arguments(row.get("arguments"))
    if not isinstance(replies, list) or not replies:
        raise DataError(place, "has no replies in 'filtered_resps'.")
    choices = _continuations(row.get("arguments"))
    if _are_likelihoods(replies) and len(choices) == len(replies):
        if len(set(choices)) < len(choices):
            how = "after several beginnings" if len(set(choices)) == 1 else "with context and without"
            raise DataError(place, f"asks for a choice twice, {how}: that form is not read.")
        return _likeliest(replies, choices), choices
    if arguments and not any(isinstance(part, dict) for asked in arguments for part in asked) and _is_score(replies[0]):
        raise DataError(place, "has the likelihood of one text, and no answer: that form is not read.")
    reply = replies[0]
    return reply[0] if isinstance(reply, list) and reply else reply, []


def _right(target: object, *, of_choices: bool) -> list[object]:
    """Return the right answers that a target names: several stand in a list, which the samples write as a text."""
    if target is None:
        return []
    text = str(target).strip()
    try:
        several = ast.literal_eval(text) if text.startswith("[") else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        several = None
    kind = (str, int) if of_choices else str  # a list of numbers that was written is one answer
    if isinstance(several, list) and all(isinstance(one, kind) for one in several):
        return several
    return [text]


def _choice(right: object, choices: Sequence[str], *, numbered: bool) -> str:
    """Return the choice that a right answer numbers, as a number or as a text of digits; else the answer itself."""
    text = str(right).strip()
    if text.isdecimal() and int(text) < len(choices) and (numbered or text not in choices):
        return choices[int(text)]
    return text


def _arguments(given: object) -> list[list[Any]]:
    """Return what was asked: a list for each request, of a context, and a continuation or how to generate."""
    if isinstance(given, dict):
        given = [list(value.values()) if isinstance(value, dict) else value for value in given.values()]
    return [asked for asked in given if isinstance(asked, list)] if isinstance(given, list) else []


def _continuations(given: object) -> list[str]:
    arguments = _arguments(given)
    pairs = [asked for asked in arguments if len(asked) > 1 and isinstance(asked[1], str)]
    whole = isinstance(given, list | dict) and len(pairs) == len(given)
    return [pair[1].strip() for pair in pairs] if whole else []


def _likeliest(replies: Sequence[object], choices: Sequence[str]) -> str:
    scores = [_likelihood(reply) for reply in replies]
    return choices[scores.index(max(scores))]


def _are_likelihoods(replies: Sequence[object]) -> bool:
    try:
        return len(replies) > 1 and all(_likelihood(reply) <= 0 for reply in replies)
    except (TypeError, ValueError, IndexError):
        return False


def _is_score(reply: object) -> bool:
    try:
        return _likelihood(reply) <= 0
    except (TypeError, ValueError, IndexError):
        return False


def _likelihood(reply: Any) -> float:  # noqa: ANN401 - whatever the file holds
    while isinstance(reply, list):
        reply = reply[0]
    try:
        return float(reply)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf if reply > 0 else -math.inf
