"""Corpora: the unlabelled inputs on which black boxes are observed."""

import io
from pathlib import Path

from registry.data.inputs import Input, distinct, input_of
from registry.errors import DataError
from registry.files.lines import decoded, parse_lines
from registry.files.whole import read_file


def read_corpus(path: Path) -> list[Input]:
    """Read a corpus from .jsonl (`text`, `text_pair`) or from .txt (a text per line)."""
    body = read_file(path)
    if not body.strip():
        raise DataError(str(path), "holds no texts: a corpus has one on each line.")
    if path.suffix.lower() == ".jsonl":
        rows = parse_lines(body, path)
    elif path.suffix.lower() == ".txt":
        lines = io.StringIO(decoded(body, path), newline=None)  # not at every character that Unicode breaks lines at
        rows = [{"text": line.rstrip("\n")} for line in lines if line.strip()]
    else:
        raise DataError(str(path), "not a .jsonl or .txt file.")
    return distinct(input_of(row, f"{path} text {number}") for number, row in enumerate(rows, start=1))
