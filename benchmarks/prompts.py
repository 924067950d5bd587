"""Which prompt does each method pick for a model that really answers? A sentence encoder under sixteen prompts.

MiniLM is prompted as a zero-shot classifier: the answer is the word whose state is nearest to the prompt's. On the test
texts of five real tasks every prompt's true accuracy is measured, and beside it the prompt that each method picks, none
of them reading a label of these texts. FUTE's labelled examples are another task's for the three sentiment tasks, and
the task's own training split for the other two, which have no like task.

    python -m benchmarks.prompts
"""

import argparse
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.data import DATA
from embedders.black_boxes.loading import language_model
from embedders.evaluation.prompts.labelled import labelled_for
from embedders.evaluation.prompts.recorded import evaluated
from embedders.evaluation.prompts.reports import PromptEvaluation, PromptEvaluationSettings
from embedders.hardware.threads import sleep_while_waiting
from embedders.predictors.language.contract import LanguageModel
from embedders.predictors.language.prompted import PromptedPredictor
from embedders.surrogate.weights import MINILM
from registry.data.inputs import Input
from registry.data.models import HeadKind, ModelSpec
from registry.data.recordings import PromptNote, RecordedLLM
from registry.data.tasks import TaskData
from registry.formats.tasks import read_task
from registry.prompts.prompt import Prompt
from registry.prompts.render import rendered
from registry.results import Cell, Table

TEMPLATES = ("{{ text }}", '"{{ text }}" This is', "Text: {{ text }} Label:", "What kind of text is this? {{ text }}")
Words = dict[str, str]  # label -> what stands for it
SENTIMENT: tuple[Words, ...] = (
    {"negative": "negative", "positive": "positive"},
    {"negative": "terrible", "positive": "great"},
    {"negative": "It was bad.", "positive": "It was good."},
    {"negative": "a negative review", "positive": "a positive review"},
)
KINDS: tuple[Words, ...] = (
    {"subjective": "subjective", "objective": "objective"},
    {"subjective": "an opinion", "objective": "a fact"},
    {"subjective": "a critic's opinion of a film", "objective": "what happens in a film"},
    {"subjective": "I liked it", "objective": "the story of"},
)
QUESTIONS: tuple[Words, ...] = (
    {name: name for name in ("description", "entity", "abbreviation", "human", "location", "number")},
    {
        **{"description": "a definition or a reason", "entity": "a thing", "abbreviation": "what letters stand for"},
        **{"human": "a person", "location": "a place", "number": "a number"},
    },
    {
        **{"description": "what is or why", "entity": "which thing", "abbreviation": "what does it stand for"},
        **{"human": "who", "location": "where", "number": "how many"},
    },
    {
        **{"description": "to explain", "entity": "to name an animal, a colour or a product"},
        **{"abbreviation": "to spell out an acronym", "human": "to name somebody"},
        **{"location": "to name a city or country", "number": "to give a count, a date or a size"},
    },
)


@dataclass(frozen=True)
class Case:
    """A task whose texts the model is asked, whose labelled examples FUTE has, and the words to choose from."""

    task: str
    like: str
    words: tuple[Words, ...]


CASES = (
    Case("movie_review", "customer_review", SENTIMENT),
    Case("customer_review", "sst2", SENTIMENT),
    Case("sst2", "customer_review", SENTIMENT),
    Case("subjectivity", "subjectivity", KINDS),
    Case("trec", "trec", QUESTIONS),
)


@dataclass(frozen=True)
class Pick:
    """What one method made of one task's prompts."""

    task: str
    method: str
    calibration: str
    figures: dict[str, float]
    picked: str | None

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        own: dict[str, Cell] = {"task": self.task, "method": self.method, "calibration": self.calibration}
        return {**own, **self.figures, "picked": self.picked}


def main() -> None:
    """Run the benchmark and print its tables."""
    options = _options()
    sleep_while_waiting()
    spec = ModelSpec.checkpoint(MINILM, head=HeadKind.SENTENCE_ENCODER)
    encoder = language_model(spec, device=None, name=MINILM)
    settings = PromptEvaluationSettings(examples=options.examples)
    for case in CASES:
        prompts = prompts_of(case)
        task = read_task(str(options.data / case.task))
        llm = asked(encoder, prompts, task, most=options.texts)
        like = read_task(str(options.data / case.like))
        report = evaluated(llm, labelled_for(llm, like, case.like), settings)
        show(case, prompts, report)


def prompts_of(case: Case) -> dict[str, Prompt]:
    """Return every template with every choice of words, by name."""
    made = {}
    for (number, template), (letter, words) in product(enumerate(TEMPLATES, 1), zip("abcd", case.words, strict=True)):
        made[f"{number}{letter}"] = Prompt(template, tuple(words), tuple((word,) for word in words.values()))
    return made


def asked(encoder: LanguageModel, prompts: dict[str, Prompt], task: TaskData, *, most: int) -> RecordedLLM:
    """Ask the model a task's test texts under each prompt."""
    rows = task.test[:most]
    inputs = tuple(Input(row.text, row.text_pair) for row in rows)
    tables = []
    for name, prompt in prompts.items():
        box = PromptedPredictor(encoder, prompt, partial(rendered, prompt), name)
        tables.append(box.predict(inputs).probabilities)
    notes = tuple(PromptNote(name, prompt.template, prompt.answers) for name, prompt in prompts.items())
    log_prob = np.log(np.maximum(np.stack(tables).astype(np.float64), 1e-12))
    return RecordedLLM(inputs, tuple(row.label for row in rows), notes, log_prob, None, None)


def show(case: Case, prompts: dict[str, Prompt], report: PromptEvaluation) -> None:
    """Print every prompt's accuracy, and every method's pick."""
    accuracy = report.accuracy["none"]
    print(f"\n{case.task}, {report.inputs} test texts, FUTE by the labels of {case.like}: accuracy of the prompts")
    for name, prompt in prompts.items():
        words = " | ".join(own[0] for own in prompt.words)
        print(f"  {accuracy[name]:.3f}  {name}  {prompt.template:<42} {words}")
    rows = [Pick(case.task, row.name, row.calibration, row.figures, row.picked) for row in report.rows]
    print(Table([row for row in rows if row.calibration in ("none", "batch")]), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of task folders")
    parser.add_argument("--texts", type=int, default=500, help="test texts of each task, at most")
    parser.add_argument("--examples", type=int, default=2000, help="labelled examples for FUTE, at most")
    return parser.parse_args()


if __name__ == "__main__":
    main()
