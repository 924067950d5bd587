"""Prompted models: an LLM under a prompt is one model, `MODEL@PROMPT`."""

import hashlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from registry.catalog import Catalog, EntryRecord, Filter
from registry.catalog.records import NewEntry
from registry.errors import InputError, NotFoundError
from registry.formats.recorded import RecordedPrompt
from registry.names import Reference, checked_name
from registry.tables import EntryKind

RECORDED = "recorded-llm"  # an LLM of which only the answers under its own prompts are known
LANGUAGE_MODELS = ("causal-lm", "seq2seq-lm", "sentence-encoder")  # heads that answer under a prompt alone
_PATTERN = "*?["


def is_language_model(spec: Mapping[str, Any]) -> bool:
    """Say whether a model answers under a prompt alone, by its description."""
    return spec.get("type") in (RECORDED, "endpoint") or spec.get("head") in LANGUAGE_MODELS


def entries_named(catalog: Catalog, name: str) -> list[EntryRecord]:
    """Return what a name means to someone who embeds.

    `MODEL@PROMPT` is entered where it is new, or its model or its prompt is. `MODEL@*` are all prompts that fit the
    pattern. An LLM alone means the prompts under which it is known already.

    Raises:
        NotFoundError: nothing has this name.
        InputError: the model cannot be asked under a prompt, or an LLM is known under none.
    """
    model, at, prompt = name.partition("@")
    if not at:
        entry = catalog.entries.get(name)
        if entry.kind is not EntryKind.MODEL or not is_language_model(entry.spec):
            return [entry]
        prompts = catalog.entries.prompts_of(entry.name)
        if not prompts:
            mend = f"name one, 'fute embed {name}@PROMPT', or all, 'fute embed \"{name}@*\"'."
            raise InputError(f"{name!r} answers under a prompt: {mend}")
        return [paired(catalog, entry.name, its) for its in prompts]
    if not any(character in prompt for character in _PATTERN):
        return [paired(catalog, model, prompt)]
    owner = catalog.entries.get(model, EntryKind.MODEL)
    if owner.spec.get("type") == RECORDED:
        known = catalog.entries.prompts_of(owner.name)
    else:
        known = [entry.name for entry in catalog.entries.all(Filter(kinds=(EntryKind.PROMPT,)))]
    fitting = [its for its in known if fnmatchcase(its, prompt)]
    if not fitting:
        raise NotFoundError("prompt", prompt, known)
    return [paired(catalog, model, its) for its in fitting]


def paired(catalog: Catalog, model: str, prompt: str) -> EntryRecord:
    """Return `MODEL@PROMPT`; enter it where it is new, or its model or prompt is."""
    owner = catalog.entries.get(model, EntryKind.MODEL)
    name = f"{owner.name}@{prompt}"
    if owner.spec.get("type") == RECORDED:
        return catalog.entries.get(name, EntryKind.PROMPTED_MODEL)
    if Reference.parse(prompt).version is not None:
        return catalog.entries.get(name, EntryKind.PROMPTED_MODEL)  # one that was embedded before
    if not is_language_model(owner.spec) and owner.spec.get("head", "") is not None:
        raise InputError(f"{owner.name!r} takes no prompt: it is embedded as it is, 'fute embed {owner.name}'.")
    asked = catalog.entries.get(prompt, EntryKind.PROMPT)
    spec = {
        "type": "prompted",
        "model": f"{owner.name}:{owner.version}",
        "prompt": f"{asked.name}:{asked.version}",
    }
    new = NewEntry(EntryKind.PROMPTED_MODEL, name, _hash(owner.content_hash, asked.content_hash), spec)
    return catalog.entries.add(new, replace=True)


def recorded_llm(
    catalog: Catalog,
    name: str,
    prompts: Sequence[RecordedPrompt],
    *,
    source: str,
    tags: Sequence[str],
    replace: bool,
) -> list[EntryRecord]:
    """Enter an LLM's recorded outputs, all or none: the model, its prompts, and every `MODEL@PROMPT`."""
    with catalog.entries.adding(replace=replace) as add:
        spec: dict[str, Any] = {"type": RECORDED, "source": source}
        model = add(NewEntry(EntryKind.MODEL, checked_name(name), _hash(name, source), spec, tags=tuple(tags)))
        made = [model]
        for prompt in prompts:
            choices = list(prompt.choices)
            spec = {"template": prompt.template, "choices": choices}
            entry = add(NewEntry(EntryKind.PROMPT, checked_name(prompt.name), _hash(prompt.template, *choices), spec))
            contents = prompt.outputs.contents()
            content_hash = _hash(*(hashlib.sha256(body).hexdigest() for body in contents.values()))
            pair = {"model": f"{model.name}:{model.version}", "prompt": f"{entry.name}:{entry.version}"}
            spec = {"type": "recorded", "answers": choices, **pair}
            name_of_both = f"{model.name}@{entry.name}"
            new = NewEntry(EntryKind.PROMPTED_MODEL, name_of_both, content_hash, spec, contents, tags=tuple(tags))
            made.append(add(new))
        return made


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
