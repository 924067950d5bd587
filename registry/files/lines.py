"""JSON lines, read with the place of every fault and written the same way each time."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from registry.errors import DataError, InputError
from registry.files import limits
from registry.files.whole import read_file


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file."""
    return _object(decoded(read_file(path, most=limits.DESCRIPTION), path), str(path))


def parse_lines(body: bytes, place: str | Path) -> list[dict[str, Any]]:
    """Return one object per non-empty line; raise `DataError` with the line's number."""
    return [row for _, row in numbered_lines(body, place)]


def numbered_lines(body: bytes, place: str | Path) -> list[tuple[int, dict[str, Any]]]:
    """Like `parse_lines`, each object with the number of its line."""
    rows, faults = lines_and_faults(decoded(body, place), place)
    if faults:
        raise faults[0]
    if not rows:
        raise DataError(str(place), "holds no examples.")
    return rows


def lines_and_faults(text: str, place: str | Path) -> tuple[list[tuple[int, dict[str, Any]]], list[DataError]]:
    """Return the objects of JSON lines, each with the number of its line, and what is wrong with the other lines."""
    rows, faults = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{place} line {number}"
            try:
                limits.check_line(line, where)
                rows.append((number, _object(line, where)))
            except DataError as error:
                faults.append(error)
            limits.check_rows(len(rows) + len(faults), place)
    return rows, faults


def dump_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return rows as JSON lines: the same rows give the same bytes."""
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def decoded(body: bytes, place: str | Path, encoding: str = "utf-8", *, mend: str = " Save it as UTF-8.") -> str:
    """Return a file's text without its byte-order mark; raise `DataError`, with the mend, where it is none."""
    try:
        text = body.decode(encoding).removeprefix("\ufeff")
    except LookupError as error:
        raise InputError(f"{encoding[:60]!r} is not an encoding: name one such as utf-8, utf-16 or cp1252.") from error
    except UnicodeError as error:
        at = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(str(place), f"not {encoding.upper()}{at}.{mend}") from error
    if "\0" in text:
        raise DataError(str(place), "holds a NUL character: is it a text file?")
    return text


def json_value(text: str, place: str) -> Any:  # noqa: ANN401 - whatever the text says
    """Return what a JSON text says; raise `DataError` where it is none, or an object names a key twice."""
    try:
        value = json.loads(text, object_pairs_hook=_without_doubles)
        if "\\u" in text:  # an escape can spell half of a surrogate pair, which no file can hold
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DataError(place, f"not JSON ({error}).") from error
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # all but the last would be lost without a word
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"it has the key {double[:60]!r} twice")
    return found


def _object(text: str, place: str) -> dict[str, Any]:
    value = json_value(text, place)
    if not isinstance(value, dict):
        raise DataError(place, "not a JSON object.")
    return value
