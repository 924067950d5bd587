"""A prompt: a template with the answers it asks for. `MODEL@PROMPT` is one model."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from registry.data.inputs import Input
from registry.errors import InputError
from registry.names import normal

Style = Literal["vanilla", "chain-of-thought"]
STYLES: tuple[Style, ...] = get_args(Style)
CONCLUSION = "Therefore, the answer is"  # the second turn of a chain of thought, where a prompt has none of its own

ANSWERS = ("answers", "answer_choices")  # a template's names for the list of its answers
TEXT, PAIR = "text", "text_pair"
FIELDS = (TEXT, PAIR)

# What datasets call the two texts of an input. Where a name means this in one dataset and that in another, such as
# `passage`, only the user can say.
USUAL = {
    **dict.fromkeys(("text", "sentence", "sentence1", "review", "premise", "question", "question1", "tweet"), TEXT),
    **dict.fromkeys(("text1", "sentence_1", "comment", "utterance", "headline", "content"), TEXT),
    **dict.fromkeys(("text_pair", "sentence2", "hypothesis", "context", "question2", "text2", "sentence_2"), PAIR),
}


@dataclass(frozen=True)
class Prompt:
    """A template with its answers.

    The answers are the texts by which a task's labels and a prompt's choices meet in one space. What the LLM is asked
    to choose from are the words: one or several for each answer.
    """

    template: str
    answers: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]  # of each answer, at least one
    fields: Mapping[str, str] = field(default_factory=dict)  # the template's variables: which is `text`, `text_pair`
    system: str | None = None
    style: Style = "vanilla"
    conclusion: str = CONCLUSION  # of a chain of thought

    def __post_init__(self) -> None:
        """Refuse a prompt that cannot be asked; raise `InputError`."""
        if len(self.answers) < 2:
            raise InputError("A prompt has two answers or more: --choice LABEL=WORD,WORD for each.")
        if len(self.words) != len(self.answers):
            raise InputError(f"A prompt has words for each of its answers: {len(self.words)} of {len(self.answers)}.")
        for answer, words in zip(self.answers, self.words, strict=True):
            if not answer.strip() or not words or not all(word.strip() for word in words):
                raise InputError(f"The answer {answer[:60]!r} has no word: give --choice LABEL=WORD,WORD.")
        all_words = [word for words in self.words for word in words]
        for texts in (all_words, list(map(normal, self.answers))):
            twice = sorted({word for word in texts if texts.count(word) > 1})
            if twice:
                raise InputError(f"A prompt has {twice[0][:60]!r} twice among its answers.")
        if self.style not in STYLES:
            raise InputError(f"No style {self.style!r}: there are {', '.join(STYLES)}.")

    def askable(self, inputs: Iterable[Input]) -> list[Input]:
        """Return the inputs that the template can hold: where it asks for a second text, the pairs."""
        of_pairs = PAIR in self.fields.values()
        return [one for one in inputs if not of_pairs or one.text_pair is not None]

    def spec(self) -> dict[str, Any]:
        """Return the prompt as JSON values; `choices` are the answers, as recorded LLMs have them."""
        return {
            "template": self.template,
            "choices": list(self.answers),
            "words": [list(words) for words in self.words],
            "fields": dict(self.fields),
            "system": self.system,
            "style": self.style,
            "conclusion": self.conclusion,
        }

    def content_hash(self) -> str:
        """Return the sha256 of what the prompt asks; that of a recorded prompt where it says no more than that."""
        plain = Prompt(self.template, self.answers, tuple((answer,) for answer in self.answers), self.fields)
        if self == plain and all(USUAL.get(name) == field for name, field in self.fields.items()):
            text = "\0".join((self.template, *self.answers))
        else:
            text = json.dumps(self.spec(), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> "Prompt":
        """Read what `spec` wrote; a recorded prompt has only a template and choices, which are its words."""
        answers = tuple(spec["choices"])
        words = spec.get("words") or [[answer] for answer in answers]
        return cls(
            spec["template"],
            answers,
            tuple(tuple(own) for own in words),
            spec.get("fields") or {},
            spec.get("system"),
            spec.get("style", "vanilla"),
            spec.get("conclusion", CONCLUSION),
        )
