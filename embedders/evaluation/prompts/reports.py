"""What is evaluated, and what came of it."""

from dataclasses import dataclass, field
from typing import Any

from embedders.evaluation.placing import check_sees_answers
from embedders.surrogate.weights import MINILM
from registry.choosing.scores import PromptScores, check_calibration
from registry.errors import InputError
from registry.metrics import prompt_metrics, spearman
from registry.results import Cell, Table

MOST_EXAMPLES = 2000  # of the labelled dataset


@dataclass(frozen=True)
class PromptEvaluationSettings:
    """What is evaluated, and how."""

    examples: int = MOST_EXAMPLES  # of the labelled dataset, at most
    seed: int = 0  # draws them
    surrogate: str = MINILM
    device: str | None = None
    methods: tuple[str, ...] = ()  # that FUTE embeds by beside MapEmb: an embedding for each prompt and calibration
    calibrations: tuple[str, ...] = ()  # of the answers; () for all


@dataclass(frozen=True)
class PromptScore:
    """How good a method's ranking of the prompts is, the answers being calibrated in one way."""

    name: str
    calibration: str
    figures: dict[str, float]  # performance, rate and ndcg in percent, spearman; by accuracy under the calibration
    uncalibrated: dict[str, float]  # the same by the accuracy of the answers as they were recorded
    picked: str | None  # None where several prompts are first; performance is then their mean
    scores: dict[str, float]

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        return {"name": self.name, "calibration": self.calibration, **self.figures, "picked": self.picked}

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            "name": self.name,
            "calibration": self.calibration,
            **self.figures,
            "picked": self.picked,
            "scores": self.scores,
            "uncalibrated_answers": self.uncalibrated,
        }


@dataclass
class PromptEvaluation:
    """What came of an evaluation: a row per method and calibration, and the accuracies to recompute them from."""

    rows: Table[PromptScore]
    accuracy: dict[str, dict[str, float]]  # calibration -> prompt -> true accuracy
    inputs: int
    task: dict[str, Any] | None = None  # the labelled dataset, and what of it was used
    notes: list[str] = field(default_factory=list)
    estimated: dict[str, dict[str, float]] = field(default_factory=dict)  # prompt -> accuracy, low, high, best

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "methods": [row.as_json() for row in self.rows],
            "accuracy": self.accuracy,
            "estimated": self.estimated,
            "inputs": self.inputs,
            "task": self.task,
            "notes": self.notes,
        }


def check(settings: PromptEvaluationSettings, *, has_task: bool) -> None:
    """Raise `InputError` if the settings do not go together."""
    check_sees_answers(settings.methods)
    for name in settings.calibrations:
        check_calibration(name)
    if settings.methods and not has_task:
        raise InputError(f"{settings.methods[0]} compares prompts with a labelled dataset: name one with --task.")


def figures_of(scores: PromptScores, accuracy: PromptScores) -> dict[str, float]:
    """Return how good a ranking is by true accuracies, (prompts,): in percent, and the rank correlation."""
    return {**prompt_metrics(scores, accuracy), "spearman": spearman(scores, accuracy)}
