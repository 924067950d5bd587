"""Prompts in the registry: registered one by one or by the file, rendered, and held against a task."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.catalog.records import NewEntry
from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError
from registry.kinds import EntryKind
from registry.prompts import Prompt
from registry.results import Cell, Table

if TYPE_CHECKING:
    from registry.formats.prompt_files import PromptFile, PromptOptions
    from registry.registry import Registry

SAMPLE = 100  # examples that a prompt is held against


@dataclass
class PromptReport:
    """What came of an import."""

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # name -> why
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fit:
    """How a prompt gets on with a task: how long, in characters, what it asks is; or why it cannot ask."""

    name: str
    examples: int = 0
    shortest: int = 0
    median: int = 0
    longest: int = 0
    problem: str | None = None

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        lengths = (self.shortest, self.median, self.longest) if self.problem is None else (None, None, None)
        named = dict(zip(("shortest", "median", "longest"), lengths, strict=True))
        return {"name": self.name, "fits": "no" if self.problem else "yes", "examples": self.examples, **named}

    def as_json(self) -> dict[str, Any]:
        """Return all that was found."""
        return {**asdict(self), "fits": self.problem is None}


@dataclass(frozen=True)
class Asked:
    """What an LLM is asked of one input."""

    input: Input
    question: str
    system: str | None
    conclusion: str | None  # what is asked after the reasoning of a chain of thought

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**self.input._asdict(), "question": self.question, "system": self.system, "conclusion": self.conclusion}

    def as_text(self) -> str:
        """Return it for people: the question alone where there is nothing else."""
        parts = {"system": self.system, "question": self.question, "conclusion": self.conclusion}
        said = {name: text for name, text in parts.items() if text is not None}
        return self.question if len(said) == 1 else "\n".join(f"[{name}]\n{text}" for name, text in said.items())


def new_prompt(name: str, prompt: Prompt, *, tags: Sequence[str] = ()) -> NewEntry:
    """Return a prompt as an entry to be registered; raise `TemplateError` where its template is refused."""
    from registry.rendering import checked_prompt

    return _entry(name, checked_prompt(prompt), tags)


def import_prompts(
    registry: "Registry", path: Path, options: "PromptOptions | None" = None, *, tags: Sequence[str] = ()
) -> PromptReport:
    """Register the prompts of a file, all or none; what PromptSource holds that cannot be asked is left out."""
    found = usable_prompts(path, options)
    report = PromptReport(left_out=found.left_out, notes=found.notes)
    known = {row.name: row.record.content_hash for row in registry.entries(EntryKind.PROMPT)}
    with registry.catalog.entries.adding() as add:
        for name, prompt in found.prompts.items():
            record = add(_entry(name, prompt, tags))
            (report.known if known.get(name) == record.content_hash else report.added).append(name)
    return report


def usable_prompts(path: Path, options: "PromptOptions | None" = None) -> "PromptFile":
    """Read the prompts of a file, their templates checked and tried."""
    from registry.formats.prompt_files import read_prompts
    from registry.rendering import checked_prompts

    found = read_prompts(path, options)
    usable: dict[str, Prompt] = {}
    for name, prompt in checked_prompts(found.prompts).items():
        if isinstance(prompt, Prompt):
            usable[name] = prompt
        elif found.whole:
            raise DataError(str(path), f"{name}: {prompt}")
        else:
            found.left_out[name] = str(prompt)
    if not usable:
        why = next(iter(found.left_out.values()))
        raise DataError(str(path), f"has no prompt that can be used: {why}")
    return replace(found, prompts=usable)


def sample_of(task: TaskData, count: int) -> list[Input]:
    """Return so many inputs of a task, the same ones each time, test examples if there are any."""
    rows = task.test or task.train
    drawn = random.Random(0).sample(rows, min(count, len(rows)))  # noqa: S311
    return [Input(example.text, example.text_pair) for example in drawn]


def asked_of(prompt: Prompt, inputs: Sequence[Input]) -> list[Asked]:
    """Return all that an LLM is asked of each input under a prompt."""
    from registry.rendering import rendered

    conclusion = prompt.conclusion if prompt.style == "chain-of-thought" else None
    questions = rendered(prompt, inputs)
    return [Asked(one, question, prompt.system, conclusion) for one, question in zip(inputs, questions, strict=True)]


def fits(prompts: Mapping[str, Prompt], task: TaskData, name: str, *, count: int = SAMPLE) -> Table[Fit]:
    """Hold prompts against a task: their answers against its labels, and what they ask of some of its examples."""
    from registry.rendering import rendered_each

    made = rendered_each(list(prompts.values()), sample_of(task, count))
    found = []
    for (prompt_name, prompt), texts in zip(prompts.items(), made, strict=True):
        problem = answers_problem(prompt, task, name) or (str(texts) if isinstance(texts, InputError) else None)
        lengths = sorted(map(len, texts)) if problem is None and isinstance(texts, list) else []
        ends = (lengths[0], lengths[len(lengths) // 2], lengths[-1]) if lengths else (0, 0, 0)
        found.append(Fit(prompt_name, len(lengths), *ends, problem))
    return Table(found)


def check_fits(found: Sequence[Fit]) -> None:
    """Refuse prompts that do not fit; raise `InputError` with the first one's problem."""
    bad = [fit for fit in found if fit.problem]
    if bad:
        others = f" ({len(bad)} of {len(found)} prompts do not fit)" if len(found) > 1 else ""
        raise InputError(f"{bad[0].name}: {bad[0].problem}{others}")


def answers_problem(prompt: Prompt, task: TaskData, name: str) -> str | None:
    """Say why a prompt's answers are not the texts of a task's labels; None where they are."""
    labels = task.answer_texts
    if not labels:
        return f"{name!r} is a {task.kind} task, whose answers differ from input to input; a prompt's do not."
    missing = [text for text in labels if text not in prompt.answers]
    unknown = [answer for answer in prompt.answers if answer not in labels]
    if not missing and not unknown:
        return None
    odd = f"no answer for {missing[0][:60]!r}" if missing else f"the answer {unknown[0][:60]!r}"
    mend = "give --choice LABEL=WORD for each of them (--choices A,B for a file)."
    return f"The prompt has {odd}; the labels of {name!r} are {', '.join(labels)[:300]}: {mend}"


def _entry(name: str, prompt: Prompt, tags: Sequence[str]) -> NewEntry:
    return NewEntry(EntryKind.PROMPT, name, prompt.content_hash(), prompt.spec(), tags=tuple(tags))
