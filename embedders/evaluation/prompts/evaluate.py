"""`fute evaluate prompts`: which prompt of a recorded LLM does each method pick, and how good is it in truth?

The rivals read the LLM's answers alone (`registry.choosing.scores`). FUTE compares two embeddings by MapEmb: that of
another labelled dataset (DTE) and that of the LLM under each prompt (MTE), made of its answers to the recorded inputs.
The labels of the inputs are read for the true accuracies, and for nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedders.evaluation.placing import MethodSpace, check_sees_answers
from embedders.evaluation.prompts.closeness import ByMethod, Fute
from embedders.evaluation.prompts.estimators import as_estimates, estimators
from embedders.evaluation.prompts.labelled import Labelled, labelled_for
from embedders.methods.settings import COMMON
from embedders.surrogate.weights import MINILM, model_folder, most_tokens
from registry import Registry
from registry.choosing.scores import (
    CALIBRATIONS,
    PromptScores,
    calibrated,
    check_calibration,
    probabilities,
    score_prompts,
)
from registry.data.recordings import RecordedLLM
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError
from registry.estimates.votes import Votes
from registry.formats.answer_tables import read_answer_table
from registry.formats.harness import sample_files
from registry.formats.recorded import read_recorded_llm
from registry.formats.tasks import read_task
from registry.metrics import prompt_metrics, spearman
from registry.results import Cell, Table

if TYPE_CHECKING:
    from embedders.surrogate.recalling import RecallingSurrogate

MOST_EXAMPLES = 2000  # of the labelled dataset
NOTED = 1e-6  # how far a noted accuracy may be from that of the outputs


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


# -- the evaluation ----------------------------------------------------------------------------------


def evaluate_prompts(
    place: Path,
    task: str | None = None,
    settings: PromptEvaluationSettings | None = None,
    *,
    registry: str | None = None,
) -> PromptEvaluation:
    """Score every prompt of a recorded LLM by every method, and the methods by the true accuracies.

    Args:
        place: a folder with a recorded LLM whose inputs have labels, or a table of answers with labels.
        task: the labelled dataset whose DTE is used, a path, `hf:...`, or a name in the registry; None for the rivals
            alone, which need none.
        registry: where the registry is, if `task` is a name.

    Raises:
        DataError: a file is faulty, or the inputs have no labels.
        InputError: the dataset cannot be compared with the LLM's choices.
    """
    settings = settings or PromptEvaluationSettings()
    check(settings, has_task=task is not None)
    if (place.suffix and not place.is_dir()) or sample_files(place):
        from embedders.evaluation.prompts.tables import evaluate_table

        named = None if task is None else (task, _task_data(task, registry))
        return evaluate_table(read_answer_table(place), str(place), named, settings)
    llm = read_recorded_llm(place)
    if llm.labels is None:
        raise DataError(str(place / "inputs.jsonl"), "has inputs without a label: there is no truth to score against.")
    return evaluated(llm, None if task is None else labelled_for(llm, _task_data(task, registry), task), settings)


def evaluated(
    llm: RecordedLLM,
    labelled: "Labelled | None",
    settings: PromptEvaluationSettings,
    *,
    more: Mapping[str, PromptScores] | None = None,
) -> PromptEvaluation:
    """Score the prompts of an LLM whose inputs have labels.

    Args:
        labelled: the labelled dataset for FUTE; None for the rivals alone.
        more: scores by further methods, which calibrating the answers does not change.
    """
    right = llm.right()
    assert right is not None, "the inputs have labels"  # noqa: S101
    notes = [*_noted(llm, right), *(labelled.notes if labelled else [])]
    ours = [] if labelled is None else _ours(llm, labelled, settings)
    read = next((scorer.classified for scorer in ours if isinstance(scorer, Fute)), None)
    of_prompts: dict[str, dict[str, float]] = {}
    table = probabilities(llm.log_prob)
    accuracy: dict[str, PromptScores] = {"none": _accuracy(llm.log_prob, right)}
    rows: list[PromptScore] = []
    for calibration in dict.fromkeys(settings.calibrations or CALIBRATIONS):
        if calibration == "contextual" and llm.content_free is None:
            missing = "no contextual calibration: nothing was recorded of content-free inputs (log_prob_empty, ...)"
            if set(settings.calibrations) == {calibration}:
                raise InputError(f"There is {missing}.")
            notes.append(missing)
            continue
        answered = calibrated(table, calibration, llm.content_free)
        if calibration != "none":
            accuracy[calibration] = _accuracy(answered, right)
        fute = {name: its for scorer in ours for name, its in scorer.scores(answered).items()}
        found = estimators(Votes(answered.argmax(axis=-1), answered.shape[-1]), read)
        of_prompts = of_prompts or as_estimates([note.name for note in llm.prompts], found.ours)
        scores = {**found.accuracies, **fute, **score_prompts(answered, llm.prompt_prob), **(more or {})}
        for name, its in scores.items():
            quality = found.quality(name, accuracy[calibration]) if name in found.accuracies else {}
            rows.append(_row(llm, name, calibration, its, accuracy, quality))
    notes += [note for scorer in ours for note in scorer.notes]
    best = max(accuracy["none"])
    title = f"{len(llm.prompts)} prompts on {len(llm.inputs)} inputs; uncalibrated, the best is right in {best:.1%}"
    true = {name: _by_prompt(llm, values) for name, values in accuracy.items()}
    described = labelled.described if labelled else None
    return PromptEvaluation(Table(rows, title=title), true, len(llm.inputs), described, notes, of_prompts)


def check(settings: PromptEvaluationSettings, *, has_task: bool) -> None:
    """Raise `InputError` if the settings do not go together."""
    check_sees_answers(settings.methods)
    for name in settings.calibrations:
        check_calibration(name)
    if settings.methods and not has_task:
        raise InputError(f"{settings.methods[0]} compares prompts with a labelled dataset: name one with --task.")


# -- parts -------------------------------------------------------------------------------------------


def fute_of(
    llm: RecordedLLM,
    labelled: Labelled,
    settings: PromptEvaluationSettings,
    surrogate: "RecallingSurrogate | None" = None,
) -> Fute:
    """Return what scores prompts by closeness to a dataset in the space of MapEmb."""
    surrogate = surrogate or _surrogate(settings)
    return Fute(llm, labelled, surrogate, examples=settings.examples, seed=settings.seed)


def _surrogate(settings: PromptEvaluationSettings) -> "RecallingSurrogate":
    from embedders.surrogate.recalling import RecallingSurrogate

    base = model_folder(settings.surrogate)
    length = min(COMMON["max_length"], most_tokens(base))
    return RecallingSurrogate(base, device=settings.device, max_length=length)


def _ours(llm: RecordedLLM, labelled: Labelled, settings: PromptEvaluationSettings) -> list[Fute | ByMethod]:
    """Return what scores by closeness to the dataset; all share one surrogate."""
    surrogate = _surrogate(settings)
    fute = fute_of(llm, labelled, settings, surrogate)
    examples = min(settings.examples, COMMON["examples"])
    spaces = [
        MethodSpace(name, surrogate, settings.surrogate, seed=settings.seed, examples=examples)
        for name in dict.fromkeys(settings.methods)
    ]
    return [fute, *(ByMethod(llm, labelled, space) for space in spaces)]


def _task_data(task: str, registry: str | None) -> TaskData:
    if task.startswith("hf:") or Path(task).exists():
        return read_task(task, answers_as_they_are=True)
    with Registry.open(registry) as opened:
        return opened.task_data(task)


def _row(
    llm: RecordedLLM,
    name: str,
    calibration: str,
    scores: PromptScores,
    accuracy: Mapping[str, PromptScores],
    quality: Mapping[str, float],
) -> PromptScore:
    first = np.flatnonzero(scores == scores.max())
    return PromptScore(
        name,
        calibration,
        {**figures_of(scores, accuracy[calibration]), **quality},
        figures_of(scores, accuracy["none"]),
        llm.prompts[first[0]].name if len(first) == 1 else None,
        _by_prompt(llm, scores),
    )


def figures_of(scores: PromptScores, accuracy: PromptScores) -> dict[str, float]:
    """Return how good a ranking is by true accuracies, (prompts,): in percent, and the rank correlation."""
    return {**prompt_metrics(scores, accuracy), "spearman": spearman(scores, accuracy)}


def _accuracy(answered: NDArray[np.float64], right: NDArray[np.int64]) -> PromptScores:
    return np.asarray((answered.argmax(axis=-1) == right).mean(axis=1))


def _noted(llm: RecordedLLM, right: NDArray[np.int64]) -> list[str]:
    """Return a note where prompts.jsonl gives other accuracies than the outputs do."""
    true = _accuracy(llm.log_prob, right)
    given = [(note.name, note.accuracy, accuracy) for note, accuracy in zip(llm.prompts, true, strict=True)]
    wrong = [row for row in given if row[1] is not None and abs(row[1] - row[2]) > NOTED]
    if not wrong:
        return []
    name, noted, accuracy = wrong[0]
    return [
        f"prompts.jsonl has other accuracies for {len(wrong)} prompts: {name} {noted:.6f}, its outputs {accuracy:.6f}"
    ]


def _by_prompt(llm: RecordedLLM, values: PromptScores) -> dict[str, float]:
    return {note.name: float(value) for note, value in zip(llm.prompts, values, strict=True)}
