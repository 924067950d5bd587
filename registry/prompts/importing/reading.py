"""Prompts from files: our own prompts.jsonl, PromptSource's templates.yaml, a task of lm-evaluation-harness."""

from pathlib import Path
from typing import Any

from registry.errors import DataError, InputError
from registry.files.lines import decoded, numbered_lines
from registry.files.whole import read_file
from registry.names import checked_name
from registry.prompts.importing.contents import (
    MOST_PROMPTS,
    PromptFile,
    PromptOptions,
    are_texts,
    prompt_of_choices,
)
from registry.prompts.prompt import CONCLUSION, Prompt


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


def _yaml(path: Path, options: PromptOptions) -> PromptFile:
    from registry.files.yaml_data import read_yaml
    from registry.prompts.importing.harness_tasks import TASK_KEYS, harness_prompt
    from registry.prompts.importing.promptsource import source_prompts

    document = read_yaml(path)
    if isinstance(document.get("templates"), dict):
        return source_prompts(document["templates"], path, options)
    if any(key in document for key in TASK_KEYS):
        return harness_prompt(document, path, options)
    raise DataError(
        str(path), "neither PromptSource's 'templates' nor a task of lm-evaluation-harness ('doc_to_text')."
    )
