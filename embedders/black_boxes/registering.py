"""Registering black boxes. Nothing of them is loaded or run."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from pathlib import Path
from unicodedata import category

from embedders.errors import ModelNotUsableError, SettingError
from embedders.predictors.endpoint.addresses import checked_key_name, checked_url
from embedders.predictors.endpoint.client import Limits
from embedders.predictors.functions import check_named, function_hash
from embedders.predictors.gguf_files import SMOLLM2, check_decoder, checkpoint_path
from embedders.predictors.heads import head_of, settled_labels
from embedders.spaces import create_space
from embedders.surrogate.weights import MINILM, identity
from registry import Registry
from registry.catalog import EntryRecord, Filter
from registry.catalog.incoming.new_entries import new_corpus
from registry.data.answer_tables import NONE, AnswerTable
from registry.data.inputs import Input
from registry.data.models import HeadKind, ModelSpec
from registry.data.predictions import ANSWERED
from registry.data.recordings import RecordedPrompt, Recording
from registry.errors import InputError
from registry.formats.answer_tables import TableColumns, is_table, read_answer_table
from registry.formats.recorded import read_answers, read_llm
from registry.kinds import EntryKind
from registry.names import normal
from registry.prompts.pairs import recorded_llms
from registry.reading.meanings import named_answers
from registry.shown import holds_secret
from registry.spaces.spec import SpaceSpec

log = logging.getLogger("registry")
MOST_MODEL_ID = 300  # characters
_PACKAGED = (MINILM, SMOLLM2)
_HUB_ID = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def hf_model(
    registry: Registry,
    name: str,
    source: str,
    *,
    revision: str | None = None,
    labels: Sequence[str] | None = None,
    range: tuple[float, float] | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> EntryRecord:
    """Register a checkpoint: a folder, `minilm`, `smollm2`, or a hub id pinned to a commit, looked into when asked.

    Its config says what it answers with: sequence classifiers (encoders and decoders) with their labels,
    regressions with a number, text-to-text models with the likeliest of `labels`, readers with spans of a passage.
    Language models, text-to-text models without `labels` and sentence encoders answer under a prompt, MODEL@PROMPT.

    Args:
        labels: the texts of the answers. A classifier may name them itself; a text-to-text model chooses from them;
            of a regression, what a low and a high number mean.
        range: of a regression, the numbers that its two labels stand for.

    Raises:
        ModelNotUsableError: it is not there, has no head that answers, is not pinned, or its labels have no names.
        SettingError: labels or range do not fit it.
    """
    head = None
    if Path(source).exists() or source in _PACKAGED:
        path = checkpoint_path(source)
        head = HeadKind.CAUSAL_LM if path.is_file() else head_of(path, labels)
        labels = settled_labels(path, head, labels, range, source=source)
        content = weights = identity(path)
        source = source if source in _PACKAGED else str(Path(source).resolve())
    else:
        _check_pinned(source, revision)
        content, weights = f"{source}@{revision}", None
    settled = tuple(labels or ())
    spec = ModelSpec.checkpoint(
        source, head=head, revision=revision, labels=settled, identity=weights, range=range or None
    )
    parts = [content, *settled, *map(repr, map(float, range or ()))]
    content_hash = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return registry.add_model(name, spec.as_document(), content_hash=content_hash, tags=tags, replace=replace)


def gguf_model(
    registry: Registry,
    name: str,
    source: str,
    file: str,
    *,
    revision: str | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> EntryRecord:
    """Register a language model in one GGUF file, weights and tokenizer. It answers under a prompt, MODEL@PROMPT.

    Args:
        source: the folder that the file lies in, or a hub id pinned to a commit, looked into when it is asked.
        file: the file's name, without a path. Nothing else of the folder is read.

    Raises:
        ModelNotUsableError: it is not there, is not pinned, is damaged, or is no decoder.
        MissingExtraError: the package gguf, which reads such files, is missing.
    """
    if Path(source).exists() or source in _PACKAGED:
        path = checkpoint_path(source, gguf=file)
        check_decoder(path)
        content = weights = identity(path)
        source = str(Path(source).resolve())
    else:
        _check_pinned(source, revision)
        content, weights = f"{source}@{revision}/{file}", None
    spec = ModelSpec.checkpoint(source, head=HeadKind.CAUSAL_LM, revision=revision, identity=weights, gguf=file)
    content_hash = hashlib.sha256(content.encode()).hexdigest()
    return registry.add_model(name, spec.as_document(), content_hash=content_hash, tags=tags, replace=replace)


def _check_pinned(source: str, revision: str | None) -> None:
    if not _HUB_ID.fullmatch(source):
        raise ModelNotUsableError(f"{source[:200]} is not a folder, nor the id of a model of the hub, org/name.")
    if revision is None or not _COMMIT.fullmatch(revision):
        raise ModelNotUsableError(
            f"{source} is not a folder; a model of the hub needs --revision with its full commit hash."
        )


def endpoint_model(
    registry: Registry,
    name: str,
    url: str,
    *,
    model: str | None,
    key_env: str | None = None,
    limits: Limits | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> EntryRecord:
    """Register a language model behind an OpenAI-compatible endpoint. It is not asked before its prompts are embedded.

    Args:
        url: what `/completions` and `/chat/completions` follow, such as http://localhost:8000/v1; it may end in
            Azure's `?api-version=...`.
        model: what the endpoint calls the model.
        key_env: the name of the environment variable that holds the key. The key itself is never stored.

    Raises:
        SettingError: the URL, the model or the name of the variable is not usable.
    """
    if model is None or not model.strip() or not model.isprintable() or len(model) > MOST_MODEL_ID:
        raise SettingError("An endpoint needs what it calls its model: --model-id ID.")
    if holds_secret(model):
        raise SettingError("--model-id seems to be a key, which would be stored: give what the server calls the model.")
    spec = ModelSpec.endpoint(
        checked_url(url).whole, model=model, key_env=checked_key_name(key_env), limits=(limits or Limits()).spec()
    ).as_document()
    content_hash = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    return registry.add_model(name, spec, content_hash=content_hash, tags=tags, replace=replace)


def function_model(
    registry: Registry, name: str, target: str, *, tags: Sequence[str] = (), replace: bool = False
) -> EntryRecord:
    """Register a Python function, `module:callable`: texts in, for each a label or {label: probability} out.

    A pair of texts reaches the function as one text, with a line break between.
    """
    spec = ModelSpec.function(target).as_document()
    content_hash = function_hash(target)
    check_named(target)
    return registry.add_model(name, spec, content_hash=content_hash, tags=tags, replace=replace)


def recorded_model(
    registry: Registry,
    name: str,
    path: str,
    *,
    text: str | None = None,
    answers: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> list[EntryRecord]:
    """Register recorded outputs: a recorded LLM's folder, a table of answers, or a file of `text` and `answer`.

    Args:
        text: of a table, the column of the texts, where it is not called so.
        answers: of a table, the columns of answers; () for all.
        names: the text of each answer that was recorded, where they say nothing, such as 0 and 1; {} to take them so.
    """
    place = Path(path)
    columns = TableColumns(text=text, answers=tuple(answers)) if text or answers else None
    if (place / "prompts.jsonl").exists() or (place / "outputs.npz").exists():
        return registry.add_recorded_llm(name, read_llm(place), source=str(place.resolve()), tags=tags, replace=replace)
    if columns is not None or place.is_dir() or is_table(place):
        table = _named_table(read_answer_table(place, columns), names, path)
        return recorded_table(registry, name, table, source=str(place.resolve()), tags=tags, replace=replace)
    recording = named_recording(read_answers(place), names, path)
    contents = recording.contents()
    parts = b"".join(hashlib.sha256(body).digest() for body in contents.values())
    spec = ModelSpec.recorded(str(Path(path).resolve()), answers=recording.predictions.answers)
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
    rows = zip(table.inputs or (), table.said[0].tolist(), strict=False)
    texts = {table.answers[at]: one.text for one, at in rows if at != NONE}
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
    """
    recorded = next(entry for entry in made if entry.contents)
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
        before = first.setdefault(called.casefold(), owner)
        if before != owner:
            raise InputError(f"Models {before!r} and {owner!r} would both be called {called!r}: rename one of them.")
    return names


def _prompt_names(registry: Registry, owner: str, table: AnswerTable, columns: Sequence[int]) -> list[str]:
    """Return how the prompts of some columns are called: under names that no other prompt has."""
    entries = {entry.name.casefold(): entry for entry in registry.catalog.entries.all(Filter())}
    known = {name: entry.spec for name, entry in entries.items() if entry.kind is EntryKind.PROMPT}
    pairs = {name for name, entry in entries.items() if entry.kind is EntryKind.PROMPTED_MODEL}
    names: dict[str, str] = {}
    for column in columns:
        title = table.names[column].rpartition("@")[2]
        name = _as_name(title)
        own = f"{owner}@{name}".casefold()
        with_it = {pair for pair in pairs if pair.endswith(f"@{name}".casefold())}
        spec = known.get(name.casefold())
        is_other = spec is not None and (spec.get("template") or spec.get("choices") != list(table.answers))
        is_anothers = name.casefold() in entries and spec is None  # all kinds share their names
        if is_anothers or name.casefold() == owner.casefold() or (is_other and with_it != {own}):
            name = f"{owner}/{name}"
        before = next((titled for other, titled in names.items() if other.casefold() == name.casefold()), None)
        if before is not None:
            raise InputError(f"Columns {before!r} and {title!r} would both be called {name!r}: rename one of them.")
        names[name] = title
    return list(names)


def _as_name(text: str) -> str:
    """Return a text as a name may be written: letters of any script, digits, and . _ / - between."""
    kept = "".join(
        one if one.isalnum() or one in "._/-" or category(one) in ("Mn", "Mc") else "-" for one in normal(text).strip()
    )
    return re.sub(r"-{2,}|/{2,}|\.{2,}", "-", kept).strip("-./_")[:80].strip("-./_") or "unnamed"
