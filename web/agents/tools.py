"""The questions that an agent may ask, each with its fields and what answers it; none of it knows the protocol."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from registry.catalog import Filter
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.views.rows import EntryRow
from web.questions import (
    LISTED,
    LONGEST_TEXT,
    AddressFields,
    BestModelQuestion,
    BestPromptQuestion,
    CompareQuestion,
    Desk,
    ListQuestion,
    NearestQuestion,
    problems_of,
)

Kind = Literal["task", "model", "prompt", "corpus", "prompted-model"]
PLURALS = {"corpus": "corpora", "prompted-model": "prompted_models"}


class KindQuestion(ListQuestion):
    """Which entries of a kind are there, or hold a text?"""

    kind: Kind = Field(description="The kind of entry.")
    text: str | None = Field(
        default=None, max_length=LONGEST_TEXT, description="Only entries whose name or description holds this text."
    )
    limit: int = Field(default=LISTED, ge=1, le=1000, description="How many; `next` is the name to go on after.")


class ShowQuestion(AddressFields):
    """What is known of an entry?"""

    name: str = Field(min_length=1, max_length=LONGEST_TEXT, description="The entry; NAME:VERSION too.")
    kind: Kind | None = Field(default=None, description="Only if it is of this kind.")


class StatusQuestion(AddressFields):
    """What does the registry hold?"""


def _nearest(desk: Desk, question: NearestQuestion) -> dict[str, Any]:
    return desk.nearest(question.name, question).as_json()


def _compare(desk: Desk, question: CompareQuestion) -> dict[str, Any]:
    return desk.compare(question.a, question.b, question.space).as_json()


def _listed(desk: Desk, question: KindQuestion) -> dict[str, Any]:
    """Return entries as `fute KIND list --json` prints them, and after which name the next ones come."""
    where = Filter((EntryKind(question.kind),), tuple(question.tag), text=question.text)
    records = desk.registry.catalog.entries.all(where, after=question.after, limit=question.limit + 1)
    listed = records[: question.limit]
    plural = PLURALS.get(question.kind, f"{question.kind}s")
    said: dict[str, Any] = {plural: [EntryRow(record).as_json() for record in listed]}
    return {**said, "next": listed[-1].name} if len(records) > len(listed) else said


def _shown(desk: Desk, question: ShowQuestion) -> dict[str, Any]:
    record = desk.registry.entry(question.name, question.kind)
    return desk.registry.show(question.name, record.kind)


def _status(desk: Desk, _question: StatusQuestion) -> dict[str, Any]:
    return asdict(desk.registry.status())


@dataclass(frozen=True)
class AgentTool:
    """A question by its name, what it is for, its fields and what answers it."""

    name: str
    title: str
    about: str
    fields: type[AddressFields]
    answer: Callable[[Desk, Any], dict[str, Any]]

    def schema(self) -> dict[str, Any]:
        """Return its fields as a JSON Schema."""
        return self.fields.model_json_schema()

    def asked(self, desk: Desk, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the answer as JSON values that can be sent, with a mark for half a sign of something damaged.

        Raises:
            InputError: a field is missing, unknown or out of range.
            RegistryError: the registry cannot answer; see the methods of `Registry`.
        """
        try:
            question = self.fields.model_validate(dict(arguments or {}))
        except ValidationError as error:
            raise InputError(problems_of(error.errors())) from error
        text = json.dumps(self.answer(desk, question), ensure_ascii=False)
        answer: dict[str, Any] = json.loads(text.encode(errors="replace"))
        return answer


TOOLS = (
    AgentTool(
        "nearest",
        "Which source?",
        "Which tasks and models are nearest to an entry, so that one can start from them? Answers with a verdict, "
        "similarities with their standard errors, and by facet why. With `by: memory` measured transfers rank the "
        "sources. As `fute nearest --json`.",
        NearestQuestion,
        _nearest,
    ),
    AgentTool(
        "best-prompt",
        "Which prompt?",
        "Which prompt of an LLM is best for a task, without labels? Answers with a verdict, and an estimated accuracy "
        "with its 95 % interval for each prompt, by answers that were recorded. As `fute best-prompt --json`.",
        BestPromptQuestion,
        lambda desk, question: desk.best_prompt_told(question),
    ),
    AgentTool(
        "best-model",
        "Which model?",
        "Which model is best for a task, without labels? Ranks models and prompted models that answered the texts of a "
        "space, by answers that were recorded. As `fute best-model --json`.",
        BestModelQuestion,
        lambda desk, question: desk.best_model_told(question),
    ),
    AgentTool(
        "compare",
        "How near?",
        "How near are two entries, facet by facet? As `fute compare --json`.",
        CompareQuestion,
        _compare,
    ),
    AgentTool(
        "list-entries",
        "Which entries are there?",
        "Lists entries of a kind by name, with what is known of each; by tag and by a text in the name or the "
        "description. As `fute task list --json`.",
        KindQuestion,
        _listed,
    ),
    AgentTool(
        "show-entry",
        "What is this entry?",
        "Shows what is known of an entry, and in which spaces it has a vector. As `fute task show --json`.",
        ShowQuestion,
        _shown,
    ),
    AgentTool(
        "status",
        "What is in the registry?",
        "Counts entries, names the spaces and the current one, jobs, failures and packs. As `fute status --json`.",
        StatusQuestion,
        _status,
    ),
)
