"""Prompts in the registry: registered one by one or by the file, rendered, and held against a task."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from registry.catalog import Catalog
from registry.catalog.records import NewEntry
from registry.errors import DataError, InputError
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt

if TYPE_CHECKING:
    from registry.prompts.importing.contents import PromptFile, PromptOptions


@dataclass
class PromptImportReport:
    """What came of an import."""

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # name -> why
    notes: list[str] = field(default_factory=list)


def new_prompt(name: str, prompt: Prompt, *, tags: Sequence[str] = ()) -> NewEntry:
    """Return a prompt as an entry to be registered; raise `TemplateError` where its template is refused."""
    from registry.prompts.render import checked_prompt

    if not isinstance(prompt, Prompt):
        raise InputError(f"A registry.prompts.prompt.Prompt is needed, and no {type(prompt).__name__}.")
    return _entry(name, checked_prompt(prompt), tags)


def import_prompts(
    catalog: Catalog, path: Path, options: "PromptOptions | None" = None, *, tags: Sequence[str] = ()
) -> PromptImportReport:
    """Register the prompts of a file, all or none; what PromptSource holds that cannot be asked is left out."""
    file = usable_prompts(path, options)
    report = PromptImportReport(left_out=file.left_out, notes=file.notes)
    known = catalog.entries.hashes(EntryKind.PROMPT)
    with catalog.entries.adding() as add:
        for name, prompt in file.prompts.items():
            record = add(_entry(name, prompt, tags))
            (report.known if known.get(name) == record.content_hash else report.added).append(name)
    return report


def usable_prompts(path: Path, options: "PromptOptions | None" = None) -> "PromptFile":
    """Read the prompts of a file, their templates checked and tried."""
    from registry.prompts.importing.reading import read_prompts
    from registry.prompts.render import checked_prompts

    file = read_prompts(path, options)
    usable: dict[str, Prompt] = {}
    for name, prompt in checked_prompts(file.prompts).items():
        if isinstance(prompt, Prompt):
            usable[name] = prompt
        elif file.whole:
            raise DataError(str(path), f"{name}: {prompt}")
        else:
            file.left_out[name] = str(prompt)
    if not usable:
        why = next(iter(file.left_out.values()))
        raise DataError(str(path), f"has no prompt that can be used: {why}")
    return replace(file, prompts=usable)


def _entry(name: str, prompt: Prompt, tags: Sequence[str]) -> NewEntry:
    return NewEntry(EntryKind.PROMPT, name, prompt.content_hash(), prompt.spec(), tags=tags)
