"""Prompts from files: our own prompts.jsonl, PromptSource's templates.yaml, a task of lm-evaluation-harness."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from registry.errors import DataError, InputError, TemplateError
from registry.files.lines import decoded, numbered_lines
from registry.files.whole import read_file
from registry.names import checked_name
from registry.prompts.prompt import CONCLUSION, PAIR, TEXT, USUAL, Prompt

MOST_PROMPTS = 2_000
LONGEST = 65_536  # characters of any of a prompt's texts
NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")
OPENINGS = ("{{", "{%", "{#")
_NAMES_OF_ANSWERS = ("answer", "answerKey", "class", "correct", "gold", "label", "labels", "target")


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
        case "" if path.is_file():  # lm-evaluation-harness calls what others include `_default_yaml`
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
    if not are_texts(choices):
        raise DataError(place, "needs 'choices', a list of texts.")
    if words is not None:
        words = [[own] if isinstance(own, str) else own for own in words] if isinstance(words, list) else [None]
        if not all(map(are_texts, words)):
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


def are_texts(value: object) -> bool:
    """Say whether a value of a file is a list of texts that are not too long."""
    return isinstance(value, list) and all(isinstance(text, str) and len(text) <= LONGEST for text in value)


# -- others' -----------------------------------------------------------------------------------------


def _yaml(path: Path, options: PromptOptions) -> PromptFile:
    from registry.files.yaml_data import read_yaml
    from registry.prompts.harness_tasks import TASK_KEYS, harness_prompt

    document = read_yaml(path)
    if isinstance(document.get("templates"), dict):
        return _promptsource(document["templates"], path, options)
    if any(key in document for key in TASK_KEYS):
        return harness_prompt(document, path, options)
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
    from registry.prompts.answer_parts import choices_answered, parts_of

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


def told_fields(question: str, answer: str, given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return which variable of a file's template is which text, where that is certain, with a note for each.

    The one variable of a template is its text; beside one that is usually the text, another is the second text; and two
    that are called alike but for their last sign (`headline_a` and `headline_b`) are the two texts in this order.
    Others are told by their usual names, or by the user.

    Raises:
        InputError: it asks about its data's field `answers`, or about a field that it answers with.
    """
    from registry.prompts.templates import variables_of

    variables = sorted(variables_of(question))
    if "answers" in variables and "answers" not in given:
        raise InputError("It asks about its data's field 'answers', which differs from input to input.")
    unknown = [name for name in variables if name not in USUAL]
    if any(name in given for name in variables) or not unknown or len(variables) > 2:
        return dict(given), []
    if len(variables) == 1:
        (name,) = unknown
        if name in _NAMES_OF_ANSWERS or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", answer):
            raise InputError(f"It asks about the field {name[:60]!r}, which is its answer.")
        return {**given, name: TEXT}, [f"its one variable {name[:60]!r} stands for the text"]
    known = [name for name in variables if USUAL.get(name) == TEXT]
    if known and unknown[0] not in _NAMES_OF_ANSWERS:
        told = f"{unknown[0][:60]!r} stands for the second text, beside {known[0]!r} for the first"
        return {**given, known[0]: TEXT, unknown[0]: PAIR}, [told]
    one, other = variables
    if one[:-1] == other[:-1] and (one[-1] + other[-1]) in ("12", "ab", "AB", "01"):
        return {**given, one: TEXT, other: PAIR}, [f"{one!r} stands for the text and {other!r} for the second"]
    return dict(given), []


def free_name(prefix: str, title: str, taken: set[str]) -> str:
    """Return a title as a name that is not taken; the same file gives the same names each time."""
    base = NOT_IN_NAMES.sub("-", title.lower()).strip("-._").replace("..", ".") or "prompt"
    base = checked_name((prefix + base)[:120].rstrip("-._/"))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (base, *numbered) if name not in taken)
