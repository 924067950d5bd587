"""Templates of PromptSource as prompts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from registry.errors import DataError, InputError, TemplateError
from registry.prompts.answer_parts import choices_answered, parts_of
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
    choices = template.get("answer_choices")
    if isinstance(choices, str):
        if any(opening in choices for opening in OPENINGS) and not options.answers:
            raise InputError("Its answer choices differ from input to input: name fixed ones with --choices A,B.")
        choices = [] if any(opening in choices for opening in OPENINGS) else choices.split("|||")
    if choices is not None and not are_texts(choices):
        raise InputError("Its answer choices are not texts.")
    if len(template["jinja"]) > LONGEST:
        raise InputError(f"Its template is longer than {LONGEST} characters.")
    question, answer, unless = parts_of(template["jinja"])
    own = tuple(choice.strip() for choice in choices or ())
    notes: list[str] = []
    if answer and (own or not options.answers):
        try:
            found, notes = choices_answered(answer, own)
        except TemplateError:
            if own:
                raise
            found = ()  # it names no choices, and its answer is no fixed list
        own = found if own or len(found) > 1 else ()
    if not own and not options.answers:
        raise InputError("It has no answer choices: name them with --choices A,B.")
    fields, more = told_fields(question, answer or "", options.fields)
    if unless:
        more.append(f"asked of every input: its condition on {', '.join(map(repr, unless))[:80]} is left out")
    return prompt_of_choices(question, own, replace(options, fields=fields)), [*notes, *more]
