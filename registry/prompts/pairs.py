"""Prompted models: an LLM under a prompt is one model, `MODEL@PROMPT`."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Required, TypedDict

from registry.catalog import Catalog, EntryRecord, Filter
from registry.catalog.records import NewEntry
from registry.data.models import ModelKind, ModelSpec, is_language_model
from registry.data.recordings import RecordedPrompt
from registry.data.spelling import meanings_of
from registry.errors import InputError, NotFoundError
from registry.kinds import EntryKind
from registry.names import Reference, checked_name, folded

_PATTERN = "*?["


def all_meant(catalog: Catalog, names: Sequence[str]) -> tuple[list[EntryRecord | NewEntry], list[str]]:
    """Return what names mean, see `meant_by`, and notes.

    Beside tasks, `MODEL@*` means the prompts that answer with the labels of one of them, where there are such: what
    answers another question is not asked about these texts.
    """
    meant: list[EntryRecord | NewEntry] = []
    notes: list[str] = []
    known = [(name, meant_by(catalog, name)) for name in names]
    tasks = [one for _, found in known for one in found if one.kind is EntryKind.TASK]
    labels = [meanings_of(task.spec.get("labels") or ()) for task in tasks]
    labels += [meanings_of(answers.values()) for task in tasks if (answers := task.spec.get("answers"))]
    for name, found in known:
        fitting = found
        if "@" in name and any(sign in name for sign in _PATTERN):
            fitting = [one for one in found if meanings_of(_answers(catalog, one)) in labels] or found
        if len(fitting) < len(found):
            prompts = ", ".join(one.name.partition("@")[2] for one in fitting[:5])
            prompts += ", ..." if len(fitting) > 5 else ""
            of = " or ".join(task.name for task in tasks)
            notes.append(
                f"{name!r} means {len(fitting)} of {len(found)} prompts, those that answer as {of} does: {prompts}. "
                "The others are embedded by their names."
            )
        meant += fitting
    return meant, notes


def meant_by(catalog: Catalog, name: str) -> list[EntryRecord | NewEntry]:
    """Return what a name means to someone who embeds; nothing is entered yet.

    `MODEL@PROMPT` is a new entry where it is not known, or its model or its prompt has changed. `MODEL@*` are all
    prompts that fit the pattern. An LLM alone means the prompts under which it is known already.

    Raises:
        NotFoundError: nothing has this name.
        InputError: the model cannot be asked under a prompt, an LLM is known under none, or an older version is named.
    """
    model, at, prompt = name.partition("@")
    if not at:
        entry = catalog.entries.get(name)
        if entry.kind is not EntryKind.MODEL or not is_language_model(entry.spec):
            return [entry]
        _check_newest(catalog, entry)
        prompts = catalog.entries.prompts_of(entry.name)
        if not prompts:
            mend = f"name one, 'fute embed {name}@PROMPT', or all, 'fute embed \"{name}@*\"'."
            raise InputError(f"{name!r} answers under a prompt: {mend}")
        return [_pair(catalog, entry, prompt_name) for prompt_name in prompts]
    owner = catalog.entries.get(model, EntryKind.MODEL)
    _check_newest(catalog, owner)
    if not any(character in prompt for character in _PATTERN):
        return [_pair(catalog, owner, prompt)]
    if _spec(owner).kind is ModelKind.RECORDED_LLM:
        known = catalog.entries.prompts_of(owner.name)
    else:
        all_prompts = catalog.entries.all(Filter(kinds=(EntryKind.PROMPT,)))
        known = [entry.name for entry in all_prompts if entry.spec.get("template")]  # else it was answered elsewhere
        if all_prompts and not known:
            raise InputError("No prompt here has a template: only answers under them were recorded.")
    fitting = [prompt_name for prompt_name in known if fnmatchcase(prompt_name.casefold(), prompt.casefold())]
    if not fitting:
        raise NotFoundError("prompt", prompt, known)
    return [_pair(catalog, owner, prompt_name) for prompt_name in fitting]


def entered(catalog: Catalog, meant: Sequence[EntryRecord | NewEntry]) -> list[EntryRecord]:
    """Enter what is new of what was meant, all or none."""
    if all(isinstance(entry, EntryRecord) for entry in meant):
        return [entry for entry in meant if isinstance(entry, EntryRecord)]
    with catalog.entries.adding(replace=True) as add:
        return [add(entry) if isinstance(entry, NewEntry) else entry for entry in meant]


def _check_newest(catalog: Catalog, owner: EntryRecord) -> None:
    """Raise `InputError` where a model is an older version: its answers would be taken for those of the newest."""
    if owner.version_id != catalog.entries.get(owner.name).version_id:
        raise InputError(f"Prompts are asked of the latest version of {owner.name!r}: name {owner.name!r} alone.")


def _answers(catalog: Catalog, pair: EntryRecord | NewEntry) -> Sequence[str]:
    """Return the answers that a prompted model chooses from."""
    spec = ModelSpec.from_document(pair.spec, name=pair.name)
    if spec.answers:
        return spec.answers
    return [str(choice) for choice in catalog.entries.get(spec.prompt or "", EntryKind.PROMPT).spec["choices"]]


def _pair(catalog: Catalog, owner: EntryRecord, prompt: str) -> EntryRecord | NewEntry:
    """Return `MODEL@PROMPT`, a new one where it is not known, or its model or prompt has changed."""
    name, spec = f"{owner.name}@{prompt}", _spec(owner)
    is_recorded, has_version = spec.kind is ModelKind.RECORDED_LLM, Reference.parse(prompt).version is not None
    if is_recorded or has_version:  # one that was embedded before
        return catalog.entries.get(name, EntryKind.PROMPTED_MODEL)
    if not spec.may_take_prompts:
        raise InputError(f"{owner.name!r} takes no prompt: it is embedded as it is, 'fute embed {owner.name}'.")
    prompt_entry = catalog.entries.get(prompt, EntryKind.PROMPT)
    if not prompt_entry.spec.get("template"):
        raise InputError(f"Prompt {prompt_entry.name!r} has no template: only answers under it were recorded.")
    name = f"{owner.name}@{prompt_entry.name}"
    content_hash = _hash(owner.content_hash, prompt_entry.content_hash)
    if prompt_entry.name in catalog.entries.prompts_of(owner.name):
        known = catalog.entries.get(name, EntryKind.PROMPTED_MODEL)
        if known.content_hash == content_hash:
            return known
    pair = ModelSpec.prompted(
        model=f"{owner.name}:{owner.version}", prompt=f"{prompt_entry.name}:{prompt_entry.version}"
    )
    return NewEntry(EntryKind.PROMPTED_MODEL, name, content_hash, pair.as_document())


class RecordingOptions(TypedDict, total=False):
    """What `recorded_llm` is told."""

    source: Required[str]
    tags: Sequence[str]
    replace: bool


def recorded_llm(
    catalog: Catalog,
    name: str,
    prompts: Sequence[RecordedPrompt],
    *,
    source: str,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> list[EntryRecord]:
    """Enter an LLM's recorded outputs, all or none: the model, its prompts, and every `MODEL@PROMPT`."""
    return recorded_llms(catalog, {name: prompts}, source=source, tags=tags, replace=replace)


def recorded_llms(
    catalog: Catalog,
    llms: Mapping[str, Sequence[RecordedPrompt]],
    *,
    source: str,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> list[EntryRecord]:
    """Enter the recorded outputs of several LLMs, all of them or none."""
    hashes = {name: _hash_of_table(catalog, name, source, prompts, replace=replace) for name, prompts in llms.items()}
    with catalog.entries.adding(replace=replace) as add:
        entries = []
        for name, prompts in llms.items():
            spec = ModelSpec.recorded_llm(source).as_document()
            model = add(NewEntry(EntryKind.MODEL, checked_name(name), hashes[name], spec, tags=tags))
            entries += [model, *(_recorded_pair(add, model, prompt, tags) for prompt in prompts)]
        return entries


def _hash_of_table(
    catalog: Catalog, name: str, source: str, prompts: Sequence[RecordedPrompt], *, replace: bool
) -> str:
    """Return the content hash of a recorded LLM: another one where a table takes the place of one with more prompts."""
    known, usual = catalog.entries.called([name]).get(folded(name)), _hash(name, source)
    if known is None:
        return usual
    given = sorted(folded(prompt.name) for prompt in prompts)
    without = _hash(name, source, *given)
    is_known = known.content_hash == without  # although those that it lacked may be removed by now
    lacks = replace and not {*map(folded, catalog.entries.prompts_of(known.name))} <= {*given}
    return without if lacks or is_known else usual


def _recorded_pair(
    add: Callable[[NewEntry], EntryRecord], model: EntryRecord, recorded: RecordedPrompt, tags: Sequence[str]
) -> EntryRecord:
    """Enter a prompt and what a model answered under it; return the `MODEL@PROMPT`."""
    choices = recorded.choices
    spec = {"template": recorded.template, "choices": list(choices)}
    prompt = add(NewEntry(EntryKind.PROMPT, checked_name(recorded.name), _hash(recorded.template, *choices), spec))
    contents = recorded.recording.contents()
    hashes = [hashlib.sha256(body).hexdigest() for body in contents.values()]
    # Of a table in the place of another each prompt is a new version, so that those that it lacks are told:
    content_hash = _hash(*hashes, *([model.content_hash] if model.version > 1 else []))
    pair = ModelSpec.recorded_pair(
        answers=choices, model=f"{model.name}:{model.version}", prompt=f"{prompt.name}:{prompt.version}"
    )
    name, document = f"{model.name}@{prompt.name}", pair.as_document()
    return add(NewEntry(EntryKind.PROMPTED_MODEL, name, content_hash, document, contents, tags=tags))


def _spec(model: EntryRecord) -> ModelSpec:
    return ModelSpec.from_document(model.spec, name=model.name)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
