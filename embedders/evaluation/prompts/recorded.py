"""Of a recorded LLM, with the probabilities of its choices: the methods, as recorded and calibrated."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from embedders.evaluation.placing import MethodSpace
from embedders.evaluation.prompts.closeness import ByMethod, Fute, fute_of, surrogate_of
from embedders.evaluation.prompts.estimators import as_estimates, estimators_among
from embedders.evaluation.prompts.labelled import Labelled
from embedders.evaluation.prompts.reports import (
    PromptEvaluation,
    PromptEvaluationSettings,
    PromptScore,
    figures_of,
)
from embedders.methods.settings import COMMON
from registry.choosing.scores import CALIBRATIONS, PromptScores, calibrated, probabilities, score_prompts
from registry.data.recordings import RecordedLLM
from registry.errors import InputError
from registry.results import Table

CONTEXTUAL = "contextual"
NOTED = 1e-6  # how far a noted accuracy may be from that of the outputs


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
    ours = [] if labelled is None else _ours(llm, labelled, settings)
    read = next((scorer.classified for scorer in ours if isinstance(scorer, Fute)), None)
    calibrations, missing = _calibrations(llm, settings)
    table = probabilities(llm.log_prob)
    answered = {name: calibrated(table, name, llm.content_free) for name in calibrations}
    accuracy = {name: _accuracy(its, right) for name, its in {**answered, "none": llm.log_prob}.items()}
    of_prompts: dict[str, dict[str, float]] = {}
    rows: list[PromptScore] = []
    for calibration, its in answered.items():
        said = its.argmax(axis=-1)
        _, found = estimators_among(said, its.shape[-1], _may_be_right(said, right, its.shape[-1]), read)
        of_prompts = of_prompts or as_estimates([note.name for note in llm.prompts], found.ours)
        fute = {name: scores for scorer in ours for name, scores in scorer.scores(its).items()}
        scored = {**found.accuracies, **fute, **score_prompts(its, llm.prompt_prob), **(more or {})}
        for name, scores in scored.items():
            quality = found.quality(name, accuracy[calibration]) if name in found.accuracies else {}
            rows.append(_row(llm, name, calibration, scores, accuracy, quality))
    best = max(accuracy["none"])
    title = f"{len(llm.prompts)} prompts on {len(llm.inputs)} inputs; uncalibrated, the best is right in {best:.1%}"
    true = {name: _by_prompt(llm, values) for name, values in accuracy.items()}
    notes = [*_noted(llm, right), *(labelled.notes if labelled else []), *missing]
    notes += [note for scorer in ours for note in scorer.notes]
    described = labelled.described if labelled else None
    return PromptEvaluation(Table(rows, title=title), true, len(llm.inputs), described, notes, of_prompts)


def _may_be_right(said: NDArray[np.int64], right: NDArray[np.int64], choices: int) -> list[int]:
    """Return the choices that are labels, where each is given, else all: others would pass for a class of texts."""
    labels = sorted(set(right.ravel().tolist()))
    return labels if len(labels) > 1 and np.isin(labels, said).all() else list(range(choices))


def _calibrations(llm: RecordedLLM, settings: PromptEvaluationSettings) -> tuple[list[str], list[str]]:
    """Return the calibrations that can be made, and a note of what cannot; raise `InputError` where none can."""
    asked = list(dict.fromkeys(settings.calibrations or CALIBRATIONS))
    if CONTEXTUAL not in asked or llm.content_free is not None:
        return asked, []
    missing = "no contextual calibration: nothing was recorded of content-free inputs (log_prob_empty, ...)"
    if asked == [CONTEXTUAL]:
        raise InputError(f"There is {missing}.")
    return [name for name in asked if name != CONTEXTUAL], [missing]


def _ours(llm: RecordedLLM, labelled: Labelled, settings: PromptEvaluationSettings) -> list[Fute | ByMethod]:
    """Return what scores by closeness to the dataset; all share one surrogate."""
    surrogate = surrogate_of(settings)
    fute = fute_of(llm, labelled, settings, surrogate)
    examples = min(settings.examples, COMMON["examples"])
    spaces = [
        MethodSpace(name, surrogate, settings.surrogate, seed=settings.seed, examples=examples)
        for name in dict.fromkeys(settings.methods)
    ]
    return [fute, *(ByMethod(llm, labelled, space) for space in spaces)]


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
