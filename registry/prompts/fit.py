"""Does a prompt fit a task? Its answers are compared with the labels, and some examples are rendered."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from registry.data.inputs import Input
from registry.data.spelling import meanings_of, plain
from registry.data.tasks import TaskData
from registry.errors import InputError
from registry.prompts.prompt import Prompt
from registry.results import Cell, Table

SAMPLE = 100  # examples that a prompt is tried on


@dataclass(frozen=True)
class Fit:
    """Whether a prompt fits a task: the lengths of what it asks, in characters, or why it cannot ask."""

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
        """Return the row as JSON values."""
        return {**asdict(self), "fits": self.problem is None}


@dataclass(frozen=True)
class RenderedPrompt:
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
        given = {name: text for name, text in parts.items() if text is not None}
        return self.question if len(given) == 1 else "\n".join(f"[{name}]\n{text}" for name, text in given.items())


def sample_of(task: TaskData, count: int) -> list[Input]:
    """Return a sample of `count` inputs of a task, the same each time, of its test examples if there are any."""
    rows = task.test or task.train
    drawn = random.Random(0).sample(rows, min(count, len(rows)))  # noqa: S311
    return [Input(example.text, example.text_pair) for example in drawn]


def rendered_prompts(prompt: Prompt, inputs: Sequence[Input]) -> list[RenderedPrompt]:
    """Return all that an LLM is asked of each input under a prompt."""
    from registry.prompts.render import rendered

    conclusion = prompt.conclusion if prompt.style == "chain-of-thought" else None
    questions = rendered(prompt, inputs)
    return [
        RenderedPrompt(text, question, prompt.system, conclusion)
        for text, question in zip(inputs, questions, strict=True)
    ]


def fits(prompts: Mapping[str, Prompt], task: TaskData, name: str, *, count: int = SAMPLE) -> Table[Fit]:
    """Try prompts on a task: compare their answers with its labels, and render some of its examples."""
    from registry.prompts.render import rendered_each

    rendered = rendered_each(list(prompts.values()), sample_of(task, count))
    rows = []
    for (prompt_name, prompt), texts in zip(prompts.items(), rendered, strict=True):
        problem = answers_problem(prompt, task, name) or (str(texts) if isinstance(texts, InputError) else None)
        lengths = sorted(map(len, texts)) if problem is None and isinstance(texts, list) else []
        ends = (lengths[0], lengths[len(lengths) // 2], lengths[-1]) if lengths else (0, 0, 0)
        rows.append(Fit(prompt_name, len(lengths), *ends, problem))
    return Table(rows)


def check_fits(rows: Sequence[Fit]) -> None:
    """Refuse prompts that do not fit; raise `InputError` with the first one's problem."""
    bad = [fit for fit in rows if fit.problem]
    if bad:
        others = f" ({len(bad)} of {len(rows)} prompts do not fit)" if len(rows) > 1 else ""
        raise InputError(f"{bad[0].name}: {bad[0].problem}{others}")


def answers_problem(prompt: Prompt, task: TaskData, name: str) -> str | None:
    """Say why a prompt's answers are not the texts of a task's labels; None where they are. Case tells none apart."""
    labels = task.answer_texts
    if not labels:
        return f"{name!r} is a {task.kind} task, whose answers differ from input to input; a prompt's do not."
    answers, wanted = meanings_of(prompt.answers), meanings_of(labels)
    missing = [text for text in labels if plain(text) not in answers]
    unknown = [answer for answer in prompt.answers if plain(answer) not in wanted]
    if not missing and not unknown:
        return None
    odd = f"no answer for {missing[0][:60]!r}" if missing else f"the answer {unknown[0][:60]!r}"
    mend = "give --choice LABEL=WORD for each of them (--choices A,B for a file)."
    return f"The prompt has {odd}; the labels of {name!r} are {', '.join(labels)[:300]}: {mend}"
