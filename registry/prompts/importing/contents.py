"""What a file of prompts holds, and what all kinds of such files have in common."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from registry.errors import InputError
from registry.names import checked_name
from registry.prompts.prompt import PAIR, TEXT, USUAL, Prompt

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


def prompt_of_choices(
    template: str, choices: Sequence[str], options: PromptOptions, *, system: str | None = None
) -> Prompt:
    """Return a prompt of a template with its choices; raise `InputError` where the answers differ in number."""
    if options.answers and choices and len(choices) != len(options.answers):
        raise InputError(f"It has {len(choices)} choices, and --choices names {len(options.answers)}.")
    words = tuple((choice,) for choice in choices or options.answers)
    return Prompt(template, tuple(options.answers or choices), words, dict(options.fields), system)


def are_texts(value: object) -> TypeGuard[list[str]]:
    """Say whether a value of a file is a list of texts that are not too long."""
    return isinstance(value, list) and all(isinstance(text, str) and len(text) <= LONGEST for text in value)


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
