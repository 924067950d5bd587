"""Samples of lm-evaluation-harness (`--log_samples`): lines of a document, what was asked, and what came back.

Written after the files that its versions 0.4.2 to 0.4.9 make: `doc_id`, `target`, `arguments` (a list of [context,
continuation], or an object of `gen_args_N` with `arg_0` and `arg_1`) and `filtered_resps`.
"""

import glob
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registry.errors import DataError

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


def harness_cells(rows: Sequence[ROW], path: Path, name: str, text: str | None = None) -> list[ROW]:
    """Return the samples of a file as rows of the long form: number, model, answer, label, and a text if it is known.

    Args:
        rows: the samples.
        path: of the file.
        name: of the column, see `column_names`.
        text: the field of the documents that holds the texts; None where nobody knows.

    A choice is the continuation of the highest log-likelihood; an answer that was generated is what the filter left of
    it. A label that is the number of a choice becomes that choice. Where several filters read the same replies, each
    makes a column of its own, NAME[FILTER].

    Raises:
        DataError: a line holds neither.
    """
    made = []
    filters = {str(row.get("filter")) for row in rows}
    for number, row in enumerate(rows, start=1):
        place = f"{path} line {number}"
        replies = row.get("filtered_resps") or row.get("resps")
        if not isinstance(replies, list) or not replies:
            raise DataError(place, "has no replies in 'filtered_resps'.")
        choices = _continuations(row.get("arguments"))
        target = row.get("target")
        if _are_likelihoods(replies) and len(choices) == len(replies):
            if len(set(choices)) < len(choices):
                raise DataError(place, "asks for a choice twice, with context and without: that form is not read.")
            scores = [_likelihood(reply) for reply in replies]
            answer: Any = choices[scores.index(max(scores))]
            label = _choice(target, choices)
        else:
            reply = replies[0]
            answer = reply[0] if isinstance(reply, list) and reply else reply
            label = target
        shown = "" if answer is None or str(answer).strip() in ("[invalid]", "") else str(answer).strip()
        truth = None if label is None else str(label).strip()
        document = json.dumps(row.get("doc"), sort_keys=True)
        column = f"{name}[{row.get('filter')}]" if len(filters) > 1 else name
        made.append({"id": row["doc_id"], "model": column, "answer": shown, "label": truth, "document": document})
        if text is not None:
            made[-1]["text"] = row["doc"][text]
    return made


def _choice(target: object, choices: Sequence[str]) -> object:
    """Return the choice that a target numbers, as a number or as a text of digits; else the target itself."""
    text = str(target).strip()
    if text not in choices and text.isdecimal() and int(text) < len(choices):
        return choices[int(text)]
    return target


def _continuations(arguments: object) -> list[str]:
    if isinstance(arguments, dict):
        arguments = [list(value.values()) if isinstance(value, dict) else value for value in arguments.values()]
    if not isinstance(arguments, list):
        return []
    pairs = [pair for pair in arguments if isinstance(pair, list) and len(pair) > 1 and isinstance(pair[1], str)]
    return [pair[1].strip() for pair in pairs] if len(pairs) == len(arguments) else []


def _are_likelihoods(replies: Sequence[object]) -> bool:
    try:
        return len(replies) > 1 and all(_likelihood(reply) <= 0 for reply in replies)
    except (TypeError, ValueError, IndexError):
        return False


def _likelihood(reply: Any) -> float:  # noqa: ANN401 - whatever the file holds
    while isinstance(reply, list):
        reply = reply[0]
    if isinstance(reply, str):
        return float(reply)
    return float(reply)
