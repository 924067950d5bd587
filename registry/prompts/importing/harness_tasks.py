"""Tasks of lm-evaluation-harness as prompts: a file over what it includes, as the harness merges them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, nodes

from registry.errors import DataError, InputError
from registry.files.yaml_data import Function, read_yaml
from registry.prompts.answer_parts import is_turned
from registry.prompts.importing.contents import (
    OPENINGS,
    PromptFile,
    PromptOptions,
    are_texts,
    free_name,
    prompt_of_choices,
    told_fields,
)
from registry.prompts.sandbox import Sandbox

TASK_KEYS = ("doc_to_text", "task", "include", "use_prompt", "group", "doc_to_target", "output_type", "dataset_path")
MOST_INCLUDES = 20  # files that a task may include, and those include


def harness_prompt(document: dict[str, Any], path: Path, options: PromptOptions) -> PromptFile:
    """Return the prompt of a task; raise `DataError` with what can be done where it cannot be used."""
    document = _merged(document, path, path.resolve().parent, {path.resolve(): None})
    title = document.get("task")
    name = free_name(options.prefix, title if isinstance(title, str) else path.stem, set())
    try:
        _check_task(document)
        choices = _choices(document, options)
        system = _system(document)
        template, notes = _question(document)
        fields, more = told_fields(template, "", options.fields)
        prompt = prompt_of_choices(template, choices, replace(options, fields=fields), system=system)
    except InputError as error:
        raise DataError(str(path), str(error)) from error
    return PromptFile({name: prompt}, notes=[*_left_out(document), *notes, *(f"{name}: {note}" for note in more)])


def _merged(document: dict[str, Any], path: Path, folder: Path, known: dict[Path, Any]) -> dict[str, Any]:
    """Return a task over what it includes, its own values first; files outside of its folder are not read.

    Args:
        known: the files read so far with what they hold; None while one is being read.
    """
    named = document.get("include")
    includes = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    merged: dict[str, Any] = {}
    for include in includes:
        place, shown = (path.resolve().parent / str(include)).resolve(), str(include)[:100]
        if not place.is_relative_to(folder):
            raise DataError(str(path), f"includes {shown}, which lies outside of its folder: put both into one folder.")
        if not place.is_file():
            raise DataError(str(path), f"includes {shown}, which is not there: put it beside this file.")
        if place not in known:
            if len(known) > MOST_INCLUDES:
                raise DataError(str(path), f"includes more than {MOST_INCLUDES} files.")
            known[place] = None
            known[place] = _merged(read_yaml(place), place, folder, known)
        if known[place] is None:
            raise DataError(str(path), f"includes {shown} in a circle.")
        merged |= known[place]
    return {**merged, **{key: value for key, value in document.items() if key != "include"}}


def _check_task(document: dict[str, Any]) -> None:
    """Refuse a group of tasks, and a task without a question; raise `InputError`."""
    template = document.get("doc_to_text")
    if isinstance(template, Function):
        raise InputError(
            f"doc_to_text is the Python function {template.name[:60]!r}, and no code of a file is run: write what it "
            "asks as a template, 'fute prompt add --template'."
        )
    if isinstance(template, str) and template.strip():
        return
    if isinstance(document.get("task"), list) or "group" in document:
        raise InputError("is a group of tasks, not a task: import the files of its tasks.")
    if "use_prompt" in document:
        raise InputError("names a prompt of PromptSource (use_prompt): import its templates.yaml.")
    raise InputError("has no template: its doc_to_text is missing.")


def _choices(document: dict[str, Any], options: PromptOptions) -> list[str]:
    """Return the choices that a task itself fixes, none where only the options do; raise `InputError`."""
    told = _value(document, "doc_to_choice")
    fixed = _fixed(told)
    if told is not None and fixed is None and not options.answers:
        raise InputError("doc_to_choice is not a fixed list: name fixed choices with --choices A,B.")
    if not are_texts(fixed or []):
        raise InputError("doc_to_choice is not a list of texts.")
    if not fixed and not options.answers:
        raise InputError("has no doc_to_choice: name the choices with --choices A,B.")
    target = document.get("doc_to_target")
    if fixed and isinstance(target, str) and is_turned(target):
        raise InputError(
            "its doc_to_target is another choice than the one that its label numbers, so that each choice means "
            "another: write a prompt with the words exchanged."
        )
    return [choice.strip() for choice in fixed or []]


def _system(document: dict[str, Any]) -> str | None:
    """Return the text that stands before all questions; raise `InputError` where it is no plain one."""
    told = _value(document, "description")
    if not isinstance(told, str):
        return None
    if any(opening in told for opening in OPENINGS):
        raise InputError("its description is a template; a prompt's system text is plain.")
    return told.strip() or None


def _question(document: dict[str, Any]) -> tuple[str, list[str]]:
    """Return a task's template, with what stands between it and the word, and what of that is not as in the harness."""
    template, delimiter = document["doc_to_text"], document.get("target_delimiter")
    if not any(opening in template for opening in OPENINGS):
        template = f"{{{{ {template.strip()} }}}}"  # the name of a field
    if delimiter == "":
        return template, ["target_delimiter is empty, and a word follows after a blank all the same"]
    is_more = isinstance(delimiter, str) and bool(delimiter.strip(" "))
    return template + (delimiter if is_more else ""), []


def _fixed(choices: Any) -> list[Any] | None:  # noqa: ANN401 - a value of a file
    """Return choices that are the same for all inputs: a list, a dict's values, or a list written as an expression."""
    if isinstance(choices, dict):
        return list(choices.values())
    if not isinstance(choices, str):
        return choices if isinstance(choices, list) else None
    try:
        body = Sandbox().parse(choices.strip()).body
    except (TemplateSyntaxError, RecursionError):
        return None
    output = body[0] if len(body) == 1 else None
    listed = output.nodes[0] if isinstance(output, nodes.Output) and len(output.nodes) == 1 else None
    if not isinstance(listed, nodes.List):
        return None
    texts = [one.value for one in listed.items if isinstance(one, nodes.Const) and isinstance(one.value, str)]
    return texts if len(texts) == len(listed.items) else None


def _value(document: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - a text, list, mapping or None
    """Return what a task says under a key; raise `InputError` where that is code."""
    value = document.get(key)
    if isinstance(value, str | list | dict | None):
        return value
    raise InputError(f"{key} is the Python function {value.name[:60]!r}, and no code of a file is run.")


def _left_out(document: dict[str, Any]) -> list[str]:
    """Say what of a task was not taken over, where that could change what is asked."""
    notes: dict[str, Callable[[Any], str]] = {
        "process_docs": lambda _: "process_docs is not run: the fields are used as they are",
        "fewshot_config": lambda _: "fewshot_config is left out: a prompt has no examples",
    }
    return [note(document[key]) for key, note in notes.items() if document.get(key) is not None]
