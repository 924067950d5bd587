"""Registering what a model has answered: a recorded LLM, a table of answers, or a file of texts and answers."""

import hashlib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np

from embedders.spaces import create_space
from registry import Registry
from registry.catalog import EntryRecord
from registry.catalog.incoming.new_entries import new_corpus
from registry.data.answer_tables import NONE, AnswerTable
from registry.data.inputs import Input
from registry.data.models import ModelSpec
from registry.data.predictions import ANSWERED
from registry.data.recordings import RecordedPrompt, Recording
from registry.errors import InputError
from registry.formats.answer_tables import TableColumns, answer_table, is_table, read_answer_table
from registry.formats.recorded import read_answers, read_llm
from registry.kinds import EntryKind
from registry.names import folded, normal, several
from registry.prompts.pairs import recorded_llms
from registry.reading.meanings import by_text, named_answers
from registry.spaces.spec import SpaceSpec

log = logging.getLogger("registry")


def recorded_model(
    registry: Registry,
    name: str,
    said: object,
    *,
    text: str | None = None,
    answers: Sequence[str] = (),
    names: Mapping[Any, str] | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> list[EntryRecord]:
    """Register recorded outputs: a recorded LLM's folder, a table of answers, or a file of `text` and `answer`.

    Args:
        said: where they lie; or a table of answers, as a data frame or a list of dicts.
        text: of a table, the column of the texts, where it is not called so.
        answers: of a table, the columns of answers; () for all.
        names: the text of each answer that was recorded, where they say nothing, such as 0 and 1; {} to take them so.
    """
    names = None if names is None else by_text(names)
    columns = TableColumns(text=text, answers=several(answers, "answers")) if text or answers else None
    if not isinstance(said, str | os.PathLike):
        table = _named_table(answer_table(said, name, columns), names, name)
        return recorded_table(registry, name, table, source="a session of Python", tags=tags, replace=replace)
    place = Path(said)
    if (place / "prompts.jsonl").exists() or (place / "outputs.npz").exists():
        return registry.add_recorded_llm(name, read_llm(place), source=str(place.resolve()), tags=tags, replace=replace)
    if columns is not None or place.is_dir() or is_table(place):
        table = _named_table(read_answer_table(place, columns), names, str(said))
        return recorded_table(registry, name, table, source=str(place.resolve()), tags=tags, replace=replace)
    recording = named_recording(read_answers(place), names, str(said))
    contents = recording.contents()
    parts = b"".join(hashlib.sha256(body).digest() for body in contents.values())
    spec = ModelSpec.recorded(str(place.resolve()), answers=recording.predictions.answers)
    return [
        registry.add_model(
            name,
            spec.as_document(),
            content_hash=hashlib.sha256(parts).hexdigest(),
            contents=contents,
            tags=tags,
            replace=replace,
        )
    ]


def named_recording(recording: Recording, names: Mapping[str, str] | None, place: str) -> Recording:
    """Return a recording with the names that its answers were given; see `registry.reading.meanings`."""
    said = recording.predictions
    chosen = said.probabilities.argmax(axis=1).tolist()
    texts = {said.answers[at]: one.text for one, at in zip(recording.inputs, chosen, strict=True)}
    answers = named_answers(said.answers, names, place, texts=texts)
    return changed(recording, predictions=changed(said, answers=answers))


def _named_table(table: AnswerTable, names: Mapping[str, str] | None, place: str) -> AnswerTable:
    inputs, flat = table.inputs or (), table.said.ravel()
    given, last = np.unique(flat[::-1], return_index=True)
    rows = (flat.size - 1 - last) % max(len(inputs), 1)
    texts = {table.answers[at]: inputs[row].text for at, row in zip(given, rows, strict=True) if at != NONE and inputs}
    answers = named_answers(table.answers, names, place, texts=texts)
    labels = None if table.labels is None else tuple((names or {}).get(label or "", label) for label in table.labels)
    return changed(table, answers=answers, labels=labels)


def recorded_table(
    registry: Registry,
    name: str,
    table: AnswerTable,
    *,
    source: str,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> list[EntryRecord]:
    """Register a table of answers: `name` with a prompt for each column; a model each where the table names several.

    All of it or none. The prompts have no template, for the table has none: nothing else can be asked under them.

    Raises:
        InputError: the table has no texts, or gives one text two answers in a column.
    """
    if table.inputs is None and table.fields:
        raise InputError(
            f"The documents hold the texts {', '.join(table.fields)}: name the one that was answered, --text "
            f"{table.fields[0]}. Without texts they can be scored by 'fute evaluate prompts', and not registered."
        )
    if table.inputs is None:
        raise InputError(
            "The table has no column 'text': name the column of the texts, --text COLUMN. Without texts a table can be "
            "scored by 'fute evaluate prompts', and not registered."
        )
    for note in (*table.notes, f"answers: {table.told_answers()}; leave a cell empty where there is none"):
        log.warning("%s", note)
    owners = _model_names(name, list(dict.fromkeys(table.models)))
    llms: dict[str, list[RecordedPrompt]] = {}
    rows = _distinct_rows(table)
    inputs = tuple(table.inputs[row] for row in rows)
    for owner, called in owners.items():
        columns = [number for number, of in enumerate(table.models) if of == owner]
        names = _prompt_names(registry, called, table, columns)
        llms[called] = [
            RecordedPrompt(prompt, "", table.answers, Recording(inputs, table.predictions(column).take(rows)))
            for prompt, column in zip(names, columns, strict=True)
        ]
    return recorded_llms(registry.catalog, llms, source=source, tags=tags, replace=replace)


def share_missing(registry: Registry, entries: Sequence[EntryRecord]) -> float:
    """Return the share of recorded answers that are missing."""
    missing = asked = 0
    for entry in entries:
        recorded = registry.contents(entry)
        inputs, reasons = recorded.get("inputs", b"").count(b"\n"), recorded.get("missing", b"")
        asked += inputs
        missing += len(reasons) - reasons.count(bytes([ANSWERED]))
    return missing / asked if asked else 0.0


def space_of_texts(registry: Registry, name: str, made: Sequence[EntryRecord]) -> str:
    """Make the texts that were answered a corpus, and a space with it that is otherwise as the current one.

    It becomes the current space. Returns its name, which is another one's where a space of these texts is there.

    Args:
        made: what `recorded_model` returned.
    """
    recorded = next((entry for entry in made if isinstance(entry, EntryRecord) and entry.contents), None)
    if recorded is None:
        raise InputError("No texts were answered: give what recorded_model returned.")
    inputs = Recording.from_contents(_answers(recorded), registry.contents(recorded)).inputs
    new = new_corpus(f"{name}-texts", inputs, source=f"texts of {recorded.name}")
    current = next((one for one in registry.catalog.spaces.all() if one.current and one.corpus is not None), None)
    if current is None:
        corpus = registry.add_corpus(new.name, inputs, source=f"texts of {recorded.name}")
        create_space(registry, name, corpus=corpus.name)
        return registry.use_space(name).name
    spec = changed(SpaceSpec.from_document(current.spec), corpus=new.content_hash)
    known = next((one for one in registry.catalog.spaces.all() if one.fingerprint == spec.fingerprint()), None)
    if known is not None:  # another name would be another space of the very same vectors
        return registry.use_space(known.name).name
    registry.add_space(name, spec, corpus=new)
    return registry.use_space(name).name


def _answers(entry: EntryRecord) -> tuple[str, ...]:
    return ModelSpec.from_document(entry.spec, name=entry.name).answers or ()


def _distinct_rows(table: AnswerTable) -> list[int]:
    """Return the first row of each text; refuse where a later one of the same text has other answers."""
    first: dict[Input, int] = {}
    for row, text in enumerate(table.inputs or ()):
        before = first.setdefault(text, row)
        if (table.said[:, before] != table.said[:, row]).any():
            raise InputError(f"Rows {before + 1} and {row + 1} have one text and other answers: keep one of them.")
    return list(first.values())


def _model_names(name: str, owners: Sequence[str | None]) -> dict[str | None, str]:
    """Return how the models of a table are called; refuse two of one name: the later one would replace the other."""
    if len(owners) == 1:
        return {owners[0]: name}
    names = {owner: f"{name}/{_as_name(owner or 'unnamed')}" for owner in owners}
    first: dict[str, str | None] = {}
    for owner, called in names.items():
        before = first.setdefault(folded(called), owner)
        if before != owner:
            raise InputError(f"Models {before!r} and {owner!r} would both be called {called!r}: rename one of them.")
    return names


def _prompt_names(registry: Registry, owner: str, table: AnswerTable, columns: Sequence[int]) -> list[str]:
    """Return how the prompts of some columns are called: under names that mean nothing else."""
    titles = [table.names[column].rpartition("@")[2] for column in columns]
    names = [_as_name(title) for title in titles]
    known = registry.catalog.entries.called(names)
    names = [
        f"{owner}/{name}" if _means_another(registry, known.get(folded(name)), name, owner, table) else name
        for name in names
    ]
    first: dict[str, str] = {}
    for name, title in zip(names, titles, strict=True):
        if folded(name) in first:
            before = first[folded(name)]
            raise InputError(f"Columns {before!r} and {title!r} would both be called {name!r}: rename one of them.")
        first[folded(name)] = title
    return names


def _means_another(registry: Registry, entry: EntryRecord | None, name: str, owner: str, table: AnswerTable) -> bool:
    """Say whether an entry of a name, or the model itself, is another thing than a prompt of the table.

    A prompt that was asked by this model alone may change with it.
    """
    if folded(name) == folded(owner):
        return True
    if entry is None:
        return False
    if entry.kind is not EntryKind.PROMPT:
        return True
    is_same = not entry.spec.get("template") and entry.spec.get("choices") == list(table.answers)
    models = registry.catalog.entries.prompted_by(entry.name)
    return not is_same and [folded(model) for model in models] != [folded(owner)]


def _as_name(text: str) -> str:
    """Return a text as a name may be written: letters of any script, digits, and . _ / - between."""
    kept = "".join(
        one if one.isalnum() or one in "._/-" or category(one) in ("Mn", "Mc") else "-" for one in normal(text).strip()
    )
    return re.sub(r"-{2,}|/{2,}|\.{2,}", "-", kept).strip("-./_")[:80].strip("-./_") or "unnamed"
