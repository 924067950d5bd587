"""Is an entry what it says? Asked of strangers' entries before they enter, so that no later question stumbles."""

from collections.abc import Callable
from typing import Any

import numpy as np

from registry.catalog.whole.fields import Fields
from registry.catalog.whole.pieces import Piece
from registry.data.inputs import parse_corpus
from registry.data.models import ModelSpec
from registry.data.predictions import check_answers, check_predictions
from registry.data.recordings import CONTENT_FREE, OUTPUTS, Recording
from registry.data.signatures import ROLE, Signature
from registry.data.tasks import SPLITS, content_hash_of, task_of
from registry.data.vectors import NO_CONTENT, has_data
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt
from registry.prompts.templates import variables_of

Content = Callable[[str], bytes]  # by its hash


def check_entry(piece: Piece, content: Content) -> None:
    """Raise `DataError` where a version of an entry cannot be used as what it is."""
    fields = Fields.of(piece)
    kind, spec = fields.one("kind", str), {}
    for version in fields.one("versions", list):
        of_version = Fields(version, fields.place)
        held = Fields(of_version.one("contents", dict), fields.place)
        contents = {role: held.sha256(role) for role in held.document}
        spec = of_version.one("spec", dict)
        try:
            _check(kind, spec, contents, content, fields.place)
            _check_hash(kind, spec, contents, of_version)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError, EOFError, MemoryError) as error:
            raise fields.fault("is not what it says it is.") from error
        except InputError as error:
            told = str(error).removeprefix(fields.place).removeprefix(":").strip()
            raise fields.fault(told) from error
    if fields.one_or_none("task_kind", str) != (spec.get("kind") if kind == EntryKind.TASK else None):
        raise fields.fault("task_kind is not the kind of its newest version.")


def _check(kind: str, spec: dict[str, Any], contents: dict[str, str], content: Content, place: str) -> None:
    match EntryKind(kind):
        case EntryKind.TASK if not has_data(spec):
            _check_empty(contents)
        case EntryKind.TASK:
            task_of(spec, {split: content(contents[split]) for split in SPLITS & contents.keys()}, place)
            if ROLE in contents:
                Signature.from_bytes(content(contents[ROLE]))
        case EntryKind.CORPUS:
            parse_corpus(content(contents["texts"]), place)
        case EntryKind.PROMPT:
            _check_prompt(Prompt.from_spec(spec), is_asked="words" in spec)  # else answers under it were recorded
        case EntryKind.MODEL | EntryKind.PROMPTED_MODEL:
            answers = ModelSpec.from_document(spec).answers or ()
            check_answers(answers)
            if OUTPUTS in contents:
                _check_recording(Recording.from_contents(answers, {r: content(contents[r]) for r in contents}))


def _check_empty(contents: dict[str, str]) -> None:
    if contents:
        raise ValueError("a vector alone has no examples")


def _check_hash(kind: str, spec: dict[str, Any], contents: dict[str, str], version: Fields) -> None:
    """Hold the hash of a version against what it consists of; a model's files are elsewhere."""
    match EntryKind(kind):
        case EntryKind.TASK:
            made = content_hash_of(spec, contents) if has_data(spec) else NO_CONTENT
        case EntryKind.CORPUS:
            made = contents["texts"]
        case EntryKind.PROMPT:
            made = Prompt.from_spec(spec).content_hash()
        case _:
            return
    if version.sha256("content_hash") != made:
        raise version.fault("content_hash is not of its contents.")


def _check_recording(held: Recording) -> None:
    """Refuse tables that no black box can have said; raise `ValueError` where they do not fit the inputs."""
    for made, count in ((held.predictions, len(held.inputs)), (held.content_free, len(CONTENT_FREE))):
        if made is None:
            continue
        rows = [array for array in (made.prompt_prob, made.missing) if array is not None]
        if made.probabilities.shape != (count, len(made.answers)) or any(array.shape != (count,) for array in rows):
            raise ValueError("a row for each input, and a column for each answer")
        if not all(np.isfinite(array).all() for array in (made.probabilities, *rows)):
            raise ValueError("numbers are finite")
        check_predictions(made)


def _check_prompt(prompt: Prompt, *, is_asked: bool) -> None:
    texts = (prompt.template, prompt.conclusion, *prompt.answers, *prompt.fields, *prompt.fields.values())
    if not all(isinstance(text, str) for text in texts) or not isinstance(prompt.system, str | None):
        raise TypeError("a prompt is made of texts")
    if is_asked:
        variables_of(prompt.template)  # reads all of it, and runs none
