"""What was a model asked, what did it answer, and where is there no answer? As far as the catalog keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from registry.catalog import Catalog, EntryRecord
from registry.catalog.predictions import CONTENT_FREE
from registry.choosing.asked import asked_of, prompt_of
from registry.data.inputs import Input, parse_corpus
from registry.data.models import ModelSpec
from registry.data.predictions import ANSWERED, Missing, Predictions
from registry.errors import InputError, IntegrityError, NotFoundError
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt
from registry.results import Cell, Table


@dataclass(frozen=True)
class AnsweredText:
    """One input of a corpus, and what was answered to it."""

    input: Input
    answer: str | None  # None: it has none
    why: str | None  # it has none
    probabilities: dict[str, float]
    asked: str | None = None  # the rendered prompt, where there is a template
    reply: str | None = None  # what was written to it, where the answer was read from that

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        likeliest = self.probabilities.get(self.answer or "")
        pair = {} if self.input.text_pair is None else {"text_pair": _short(self.input.text_pair)}
        return {
            "text": _short(self.input.text),
            **pair,
            "answer": self.answer if self.why is None else f"none: {self.why}",
            "probability": likeliest,
            **({} if self.reply is None else {"reply": _short(self.reply)}),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            **self.input._asdict(),
            "asked": self.asked,
            "answer": self.answer,
            "why": self.why,
            "reply": self.reply,
            "probabilities": {text: round(value, 6) for text, value in self.probabilities.items()},
        }


class GivenAnswers(Table[AnsweredText]):
    """What a model answered on the corpus of a space, with how many texts it holds."""

    def __init__(self, rows: Sequence[AnsweredText], *, name: str, space: str, corpus: str, texts: int) -> None:
        super().__init__(rows)
        self.name, self.space, self.corpus, self.corpus_size = name, space, corpus, texts

    @property
    def counts(self) -> dict[str, int]:
        """How often each answer was given, and how often none for each reason."""
        said = [row.answer if row.why is None else f"none: {row.why}" for row in self]
        return {text: said.count(text) for text in dict.fromkeys(one or "" for one in said)}

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "name": self.name,
            "space": self.space,
            "corpus": self.corpus,
            "texts": self.corpus_size,
            "counts": self.counts,
            "answers": [row.as_json() for row in self],
        }


def given_answers(
    catalog: Catalog,
    name: str,
    *,
    prompt: str | None = None,
    space: str | None = None,
    rendered_for: int | None = None,
) -> GivenAnswers:
    """Return what is recorded of a model, or of MODEL@PROMPT, on the corpus of a space; nothing is asked.

    Args:
        prompt: of a language model; short for the name MODEL@PROMPT.
        space: whose texts were asked; None for the current one.
        rendered_for: of how many texts, from the first, it is told what was asked; None for all.

    Raises:
        InputError: it is no model, a language model without a prompt, or the space has no corpus.
        NotFoundError: nothing has this name.
    """
    entry = _entry(catalog, name, prompt)
    record = catalog.spaces.get(space)
    if record.corpus_version_id is None:
        raise InputError(
            f"Space {record.name!r} has no corpus, so no model was asked in it: name another with --space."
        )
    corpus = catalog.entries.by_version_id(record.corpus_version_id)
    held = parse_corpus(catalog.entries.content(corpus.contents["texts"]), corpus.name)
    spec = ModelSpec.from_document(entry.spec, name=entry.name)
    template = prompt_of(catalog, spec)
    chunks = catalog.predictions.chunks(entry.version_id, record.corpus_version_id)
    inputs = asked_of(catalog, entry, held, chunks)
    answers: list[AnsweredText] = []
    for start, said in chunks.items():
        if start != CONTENT_FREE:
            of = inputs[start : start + len(said)]
            if len(of) < len(said):
                raise IntegrityError(f"Recorded answers of {entry.name!r} have no texts: run 'fute index verify'.")
            answers += rows_of(of, said)
    if template is not None and template.template and answers and rendered_for != 0:
        first = answers if rendered_for is None else answers[:rendered_for]
        answers[: len(first)] = _with_questions(template, first)
    return GivenAnswers(answers, name=entry.name, space=record.name, corpus=corpus.name, texts=len(inputs))


def _entry(catalog: Catalog, name: str, prompt: str | None) -> EntryRecord:
    """Return the entry that a model, with its prompt if it has one, means."""
    whole = name if prompt is None else f"{name}@{prompt}"
    if "@" in whole:
        model, _, asked = whole.partition("@")
        known = catalog.entries.prompts_of(catalog.entries.get(model, EntryKind.MODEL).name)
        if asked.partition(":")[0] not in known:
            raise NotFoundError("answers under a prompt", asked, known)
        return catalog.entries.get(whole, EntryKind.PROMPTED_MODEL)
    entry = catalog.entries.get(whole, EntryKind.MODEL)
    if ModelSpec.from_document(entry.spec, name=entry.name).is_language_model:
        known = catalog.entries.prompts_of(entry.name)
        told = f"name one with --prompt: {', '.join(known)[:300]}." if known else "it was asked under none so far."
        raise InputError(f"{entry.name!r} answers under a prompt: {told}")
    return entry


def rows_of(inputs: Sequence[Input], said: Predictions) -> list[AnsweredText]:
    """Return what was said of inputs, one by one."""
    rows = []
    replies = said.replies or (None,) * len(said)
    columns = zip(inputs, said.probabilities, said.reasons.tolist(), said.is_decided, replies, strict=True)
    for one, table, reason, is_decided, reply in columns:
        probabilities = {} if reason != ANSWERED else dict(zip(said.answers, table.tolist(), strict=True))
        answer, why = said.answers[int(table.argmax())], None
        if reason != ANSWERED:
            why = Missing(reason).told if reason in set(Missing) else "no answer"
        elif not is_decided:
            why = Missing.UNDECIDED.told  # as releases before this one recorded what they could not read
        rows.append(AnsweredText(one, answer if why is None else None, why, probabilities, reply=reply))
    return rows


def _with_questions(prompt: Prompt, rows: Sequence[AnsweredText]) -> list[AnsweredText]:
    from dataclasses import replace

    from registry.prompts.render import rendered

    questions = rendered(prompt, [row.input for row in rows])
    return [replace(row, asked=question) for row, question in zip(rows, questions, strict=True)]


def _short(text: str, most: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 4]} ..."
