"""Is an entry what it says? Asked of strangers' entries before they enter, so that no later question stumbles."""

from collections.abc import Callable
from typing import Any

from registry.catalog.whole.fields import Fields
from registry.catalog.whole.pieces import Piece
from registry.data.inputs import parse_corpus
from registry.data.models import ModelSpec
from registry.data.signatures import ROLE, Signature
from registry.data.tasks import SPLITS, task_of
from registry.data.vectors import has_data
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt

Content = Callable[[str], bytes]  # by its hash


def check_entry(piece: Piece, content: Content) -> None:
    """Raise `DataError` where a version of an entry cannot be used as what it is."""
    fields = Fields.of(piece)
    for version in fields.one("versions", list):
        of_version = Fields(version, fields.place)
        held = Fields(of_version.one("contents", dict), fields.place)
        contents = {role: held.sha256(role) for role in held.document}
        try:
            _check(fields.one("kind", str), of_version.one("spec", dict), contents, content, fields.place)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            raise fields.fault("is not what it says it is.") from error
        except InputError as error:
            told = str(error).removeprefix(fields.place).removeprefix(":").strip()
            raise fields.fault(told) from error


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
            _check_prompt(Prompt.from_spec(spec))
        case EntryKind.MODEL | EntryKind.PROMPTED_MODEL:
            ModelSpec.from_document(spec)


def _check_empty(contents: dict[str, str]) -> None:
    if contents:
        raise ValueError("a vector alone has no examples")


def _check_prompt(prompt: Prompt) -> None:
    texts = (prompt.template, prompt.conclusion, *prompt.answers, *prompt.fields, *prompt.fields.values())
    if not all(isinstance(text, str) for text in texts) or not isinstance(prompt.system, str | None):
        raise TypeError("a prompt is made of texts")
