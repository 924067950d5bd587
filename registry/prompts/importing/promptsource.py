"""Templates of PromptSource as prompts."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from registry.errors import DataError, InputError, TemplateError
from registry.prompts.answer_parts import BARS, choices_answered, parts_of
from registry.prompts.importing.contents import (
    LONGEST,
    MOST_PROMPTS,
    OPENINGS,
    PromptFile,
    PromptOptions,
    are_texts,
    free_name,
    prompt_of_choices,
    told_fields,
)
from registry.prompts.prompt import Prompt


def source_prompts(templates: dict[str, Any], path: Path, options: PromptOptions) -> PromptFile:
    """Return the prompts of a file's `templates`; those that cannot be used are left out."""
    file = PromptFile(whole=False)
    if len(templates) > MOST_PROMPTS:
        raise DataError(str(path), f"holds more than {MOST_PROMPTS} templates.")
    for key, template in templates.items():
        if not isinstance(template, dict) or not isinstance(template.get("jinja"), str):
            raise DataError(str(path), f"the template {key[:60]!r} has no text in 'jinja'.")
        title = template.get("name")
        taken = {*file.prompts, *file.left_out}
        name = free_name(options.prefix, title if isinstance(title, str) else key, taken)
        try:
            file.prompts[name], notes = _source_prompt(template, options)
        except InputError as error:
            file.left_out[name] = str(error)
        else:
            file.notes += [f"{name}: {note}" for note in notes]
    return file


def _source_prompt(template: dict[str, Any], options: PromptOptions) -> tuple[Prompt, list[str]]:
    """Return a template of PromptSource as a prompt, with what was done that could change what is asked."""
    fixed = _fixed(template.get("answer_choices"), options)
    if len(template["jinja"]) > LONGEST:
        raise InputError(f"Its template is longer than {LONGEST} characters.")
    question, answer, unless = parts_of(template["jinja"])
    choices, notes = _answered(answer, fixed, options) if answer else (fixed, [])
    if not choices and not options.answers:
        raise InputError("It has no answer choices: name them with --choices A,B.")
    fields, more = told_fields(question, answer or "", options.fields)
    if unless:
        more.append(f"asked of every input: its condition on {', '.join(map(repr, unless))[:80]} is left out")
    return prompt_of_choices(question, choices, replace(options, fields=fields)), [*notes, *more]


def _fixed(choices: object, options: PromptOptions) -> tuple[str, ...]:
    """Return the choices that a template names, none where the options take their place; raise `InputError`."""
    if isinstance(choices, str) and any(opening in choices for opening in OPENINGS):
        if not options.answers:
            raise InputError("Its answer choices differ from input to input: name fixed ones with --choices A,B.")
        return ()
    named = choices.split(BARS) if isinstance(choices, str) else [] if choices is None else choices
    if not are_texts(named):
        raise InputError("Its answer choices are not texts.")
    return tuple(choice.strip() for choice in named)


def _answered(answer: str, fixed: tuple[str, ...], options: PromptOptions) -> tuple[tuple[str, ...], list[str]]:
    """Return the choices of a template that has an answer: its own, else the texts of the answer if it has several."""
    if fixed:
        return choices_answered(answer, fixed)
    if not options.answers:
        with suppress(TemplateError):  # its answer is no fixed list
            found, notes = choices_answered(answer, ())
            return (found, notes) if len(found) > 1 else ((), notes)
    return (), []
