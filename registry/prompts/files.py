"""Prompts from files: our own prompts.jsonl, PromptSource's templates.yaml, a task of lm-evaluation-harness."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry.errors import DataError, InputError
from registry.files.lines import decoded, numbered_lines, read_file
from registry.names import checked_name
from registry.prompts.prompt import CONCLUSION, Prompt

MOST_PROMPTS = 2_000
LONGEST = 65_536  # characters of any of a prompt's texts
NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")
OPENINGS = ("{{", "{%", "{#")
TASK_KEYS = ("doc_to_text", "task", "include", "use_prompt")


@dataclass(frozen=True)
class PromptOptions:
    """What the user says of a file's prompts."""

    fields: Mapping[str, str] = field(default_factory=dict)  # variable -> text or text_pair
    answers: tuple[str, ...] = ()  # in the order of the file's choices; of a template without choices its words too
    prefix: str = ""  # of each name


@dataclass
class PromptFile:
    """The prompts of a file."""

    prompts: dict[str, Prompt] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # name -> why
    notes: list[str] = field(default_factory=list)
    whole: bool = True  # a prompt that cannot be used is an error of the file, not left out


def read_prompts(path: Path, options: PromptOptions | None = None) -> PromptFile:
    """Read prompts from .jsonl or .yaml; their templates are not looked at yet. Raises `DataError`."""
    options = options or PromptOptions()
    match path.suffix.lower():
        case ".jsonl":
            found = _lines(path, options)
        case ".yaml" | ".yml":
            found = _yaml(path, options)
        case _:
            raise DataError(str(path), "not a .jsonl or .yaml file.")
    if not found.prompts:
        why = next(iter(found.left_out.values()), "it holds none.")
        raise DataError(str(path), f"has no prompt that can be used: {why}")
    return found


def read_template(path: Path) -> str:
    """Return the template in a file; the newline that ends its last line is no part of it."""
    return decoded(read_file(path), path).removesuffix("\n").removesuffix("\r")


def prompt_of_choices(
    template: str, choices: Sequence[str], options: PromptOptions, *, system: str | None = None
) -> Prompt:
    """Return a prompt of a template with its choices; raise `InputError` where the answers differ in number."""
    if options.answers and choices and len(choices) != len(options.answers):
        raise InputError(f"It has {len(choices)} choices, and --choices names {len(options.answers)}.")
    words = tuple((choice,) for choice in choices or options.answers)
    return Prompt(template, tuple(options.answers or choices), words, dict(options.fields), system)


# -- our own -----------------------------------------------------------------------------------------


def _lines(path: Path, options: PromptOptions) -> PromptFile:
    file = PromptFile()
    rows = numbered_lines(read_file(path), path)
    if len(rows) > MOST_PROMPTS:
        raise DataError(str(path), f"holds more than {MOST_PROMPTS} prompts.")
    for number, row in rows:
        place = f"{path} line {number}"
        name = row.get("name")
        if not isinstance(name, str) or not isinstance(row.get("template"), str):
            raise DataError(place, "needs a 'name' and a 'template'.")
        try:
            name, prompt = checked_name(options.prefix + name), _own(row, options, place)
        except DataError:
            raise
        except InputError as error:
            raise DataError(place, str(error)) from error
        if name in file.prompts:
            raise DataError(place, f"names a second prompt {name!r}.")
        file.prompts[name] = prompt
    return file


def _own(row: dict[str, Any], options: PromptOptions, place: str) -> Prompt:
    choices, words = row.get("choices", list(options.answers)), row.get("words")
    if not _are_texts(choices):
        raise DataError(place, "needs 'choices', a list of texts.")
    if words is not None:
        words = [[own] if isinstance(own, str) else own for own in words] if isinstance(words, list) else [None]
        if not all(map(_are_texts, words)):
            raise DataError(place, "'words' is not a list of words for each choice.")
    fields = row.get("fields") or {}
    if not isinstance(fields, dict) or not all(isinstance(field, str) for field in fields.values()):
        raise DataError(place, "'fields' is not an object of variable: text or text_pair.")
    for key in ("system", "style", "conclusion"):
        if row.get(key) is not None and not isinstance(row[key], str):
            raise DataError(place, f"{key!r} is not a text.")
    plain = prompt_of_choices(row["template"], choices, options)
    return Prompt(
        plain.template,
        plain.answers,
        plain.words if words is None else tuple(map(tuple, words)),
        {**fields, **options.fields},
        row.get("system") or None,
        row.get("style") or "vanilla",
        row.get("conclusion") or CONCLUSION,
    )


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and len(text) <= LONGEST for text in value)


# -- others' -----------------------------------------------------------------------------------------


def _yaml(path: Path, options: PromptOptions) -> PromptFile:
    from registry.files.yaml_data import read_yaml

    document = read_yaml(path)
    if isinstance(document.get("templates"), dict):
        return _promptsource(document["templates"], path, options)
    if any(key in document for key in TASK_KEYS):
        return _harness(document, path, options)
    raise DataError(
        str(path), "neither PromptSource's 'templates' nor a task of lm-evaluation-harness ('doc_to_text')."
    )


def _promptsource(templates: dict[str, Any], path: Path, options: PromptOptions) -> PromptFile:
    file = PromptFile(whole=False)
    if len(templates) > MOST_PROMPTS:
        raise DataError(str(path), f"holds more than {MOST_PROMPTS} templates.")
    for key, template in templates.items():
        if not isinstance(template, dict) or not isinstance(template.get("jinja"), str):
            raise DataError(str(path), f"the template {key[:60]!r} has no text in 'jinja'.")
        title = template.get("name")
        taken = {*file.prompts, *file.left_out}
        name = _free_name(options.prefix, title if isinstance(title, str) else key, taken)
        try:
            file.prompts[name] = _source_prompt(template, options)
        except InputError as error:
            file.left_out[name] = str(error)
    return file


def _source_prompt(template: dict[str, Any], options: PromptOptions) -> Prompt:
    choices = template.get("answer_choices")
    if isinstance(choices, str):
        if any(opening in choices for opening in OPENINGS) and not options.answers:
            raise InputError("Its answer choices differ from input to input: name fixed ones with --choices A,B.")
        choices = [] if any(opening in choices for opening in OPENINGS) else choices.split("|||")
    if not choices and not options.answers:
        raise InputError("It has no answer choices: name them with --choices A,B.")
    if choices is not None and not _are_texts(choices):
        raise InputError("Its answer choices are not texts.")
    from registry.prompts.templates import asked

    return prompt_of_choices(asked(template["jinja"]), [choice.strip() for choice in choices or ()], options)


def _harness(document: dict[str, Any], path: Path, options: PromptOptions) -> PromptFile:
    template, choices, system = (
        _text_of(document, key, path) for key in ("doc_to_text", "doc_to_choice", "description")
    )
    if isinstance(choices, dict):
        choices = list(choices.values())
    if isinstance(choices, str) and not options.answers:
        raise DataError(str(path), "doc_to_choice is not a fixed list: name fixed choices with --choices A,B.")
    if not isinstance(template, str):
        what = next((key for key in ("include", "use_prompt") if key in document), None)
        named = f"it says {what}, whose file has to be imported itself" if what else "its doc_to_text is missing"
        raise DataError(str(path), f"has no template: {named}.")
    if isinstance(system, str) and any(opening in system for opening in OPENINGS):
        raise DataError(str(path), "its description is a template; a prompt's system text is plain.")
    if not any(opening in template for opening in OPENINGS):
        template = f"{{{{ {template.strip()} }}}}"  # the name of a field
    fixed = choices if isinstance(choices, list) else []
    if not _are_texts(fixed):
        raise DataError(str(path), "doc_to_choice is not a list of texts.")
    if not fixed and not options.answers:
        raise DataError(str(path), "has no doc_to_choice: name the choices with --choices A,B.")
    title = document.get("task")
    name = _free_name(options.prefix, title if isinstance(title, str) else path.stem, set())
    try:
        plain_system = system.strip() or None if isinstance(system, str) else None
        prompt = prompt_of_choices(template, [choice.strip() for choice in fixed], options, system=plain_system)
    except InputError as error:
        raise DataError(str(path), str(error)) from error
    return PromptFile({name: prompt}, notes=_notes(document))


def _text_of(document: dict[str, Any], key: str, path: Path) -> Any:  # noqa: ANN401 - a text, list, mapping or None
    value = document.get(key)
    if isinstance(value, str | list | dict | None):
        return value
    raise DataError(str(path), f"{key} is the Python function {value.name[:60]!r}, and no code of a file is run.")


def _notes(document: dict[str, Any]) -> list[str]:
    """Say what of a task was not taken over, where that could change what is asked."""
    notes: dict[str, Callable[[Any], str]] = {
        "include": lambda value: f"include {value!s:.60} is not followed",
        "process_docs": lambda _: "process_docs is not run: the fields are used as they are",
        "fewshot_config": lambda _: "fewshot_config is left out: a prompt has no examples",
    }
    return [note(document[key]) for key, note in notes.items() if document.get(key) is not None]


def _free_name(prefix: str, title: str, taken: set[str]) -> str:
    """Return a title as a name that is not taken; the same file gives the same names each time."""
    base = NOT_IN_NAMES.sub("-", title.lower()).strip("-._").replace("..", ".") or "prompt"
    base = checked_name((prefix + base)[:120].rstrip("-._/"))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (base, *numbered) if name not in taken)
