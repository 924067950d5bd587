"""Corpora: the unlabelled inputs on which black boxes are observed."""

import io
import logging
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TypedDict

from registry.data.inputs import PAIR, TEXT, Input, distinct, input_of, is_empty
from registry.data.tasks import SplitRows
from registry.errors import DataError
from registry.files.whole import read_file
from registry.formats.table_files import UNKNOWN, FileForm, read_table, text_of
from registry.reading.frames import rows_of_splits, values_of

log = logging.getLogger("registry")


class CorpusOptions(TypedDict, total=False):
    """What `read_corpus` may be told."""

    text: str | None
    text_pair: str | None
    form: FileForm


def read_corpus(
    source: object, *, text: str | None = None, text_pair: str | None = None, form: FileForm = UNKNOWN
) -> list[Input]:
    """Read a corpus; say in the log what was found out, and how many rows of a table have no text.

    Args:
        source: a .txt file with a text on each line, a table (.jsonl, .json, .csv, .tsv, .parquet, .gz, or `-` for what
            is piped in); or a data frame, a list of dicts, of texts (an array too), or of `Input`, which are taken as
            they are.
        text, text_pair: the columns of a table; None for those of these names.
        form: what separates cells, and the encoding.

    Raises:
        DataError: with the place of the first fault.
    """
    if not isinstance(source, str | PathLike):
        given = values_of(source) or []
        if all(isinstance(one, Input) for one in given) and isinstance(source, list | tuple):
            return distinct(given)
        are_texts = any(isinstance(one, str) for one in given) and all(
            isinstance(one, str) or is_empty(one) for one in given
        )
        rows = [{TEXT: one} for one in given] if are_texts else source
        return distinct(_inputs(rows_of_splits(rows)["train"], text, text_pair))
    path = Path(source)
    if path.suffix.lower() == ".txt":
        return distinct(_lines(path, form))
    table = read_table(path, form)
    for note in table.found:
        log.warning("%s: read %s.", path, note)
    return distinct(_inputs(table.rows, text, text_pair))


def _lines(path: Path, form: FileForm) -> Iterator[Input]:
    body, _ = text_of(read_file(path), str(path), form)
    lines = [line.rstrip("\n") for line in io.StringIO(body, newline=None)]  # as files end lines, not as Unicode does
    if not any(line.strip() for line in lines):
        raise DataError(str(path), "holds no texts: a corpus has one on each line.")
    yield from (Input(line) for line in lines if line.strip())


def _inputs(rows: SplitRows, text: str | None, text_pair: str | None) -> Iterator[Input]:
    """Yield the inputs of a table; a cell that is empty is no text, and is counted."""
    if rows.faults:
        raise rows.faults[0]
    named, paired = text or TEXT, text_pair or PAIR
    for column in (named, text_pair):
        if column is not None and column not in rows.names:
            mend = "" if text else " Name the texts' with --text."
            raise DataError(rows.place, f"has no column {column!r}; it has {', '.join(rows.names)[:200]}.{mend}")
    empty = 0
    for number, row in enumerate(rows.rows):
        if is_empty(row.get(named)):
            empty += 1
        else:
            yield input_of(row, rows.where(number), named, paired)
    if empty:
        log.warning("%s: %d of %d rows have no text: left out.", rows.place, empty, len(rows.rows))
