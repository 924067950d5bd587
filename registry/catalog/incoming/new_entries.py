"""What is to be entered, made of what users bring: tasks, models, corpora."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from registry.catalog.records import NewEntry
from registry.data.inputs import Input, dump_corpus, parse_corpus
from registry.data.signatures import ROLE, Signature
from registry.data.tasks import TaskData
from registry.errors import InputError
from registry.kinds import EntryKind

LONGEST_LANGUAGE = 20  # characters: a code such as en or pt-BR


def new_task(name: str, task: TaskData, *, tags: Sequence[str] = ()) -> NewEntry:
    """Return a task with its examples, and the signature by which its doubles are found."""
    if len(task.language or "") > LONGEST_LANGUAGE:
        raise InputError(f"{name}: language is longer than {LONGEST_LANGUAGE} characters: give a code, such as pt-BR.")
    return NewEntry(
        kind=EntryKind.TASK,
        name=name,
        content_hash=task.content_hash(),
        spec=task.spec(),
        contents={**task.contents(), ROLE: Signature.from_examples((*task.train, *task.test)).as_bytes()},
        task_kind=task.kind,
        language=task.language,
        description=task.description,
        tags=tags,
    )


def new_model(
    name: str,
    spec: dict[str, Any],
    *,
    content_hash: str,
    contents: dict[str, bytes] | None = None,
    tags: Sequence[str] = (),
) -> NewEntry:
    """Return a black box by its description."""
    return NewEntry(EntryKind.MODEL, name, content_hash, spec, contents or {}, tags=tags)


def new_corpus(name: str, inputs: Iterable[Input], *, source: str) -> NewEntry:
    """Return unlabelled inputs, pinned by their content; raise `InputError` where there are none."""
    body = dump_corpus(inputs)
    parse_corpus(body, f"corpus {name}")  # what could not be read back is not taken
    spec = {"texts": body.count(b"\n"), "source": source}
    return NewEntry(EntryKind.CORPUS, name, hashlib.sha256(body).hexdigest(), spec, {"texts": body})
