"""`fute evaluate prompts TABLE`: the same questions of recorded answers in a table, with texts or without."""

import numpy as np
from numpy.typing import NDArray

from embedders.evaluation.prompts.closeness import fute_of
from embedders.evaluation.prompts.estimators import Estimators, as_estimates, estimators_among
from embedders.evaluation.prompts.labelled import Labelled, labelled_for
from embedders.evaluation.prompts.reports import PromptEvaluation, PromptEvaluationSettings, PromptScore, figures_of
from embedders.surrogate.classifier import Classified
from registry.choosing.doubts import chosen_by_class
from registry.choosing.scores import PromptScores, score_prompts
from registry.data.answer_tables import NONE, AnswerTable
from registry.data.recordings import PromptNote, RecordedLLM
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError
from registry.results import Table

CERTAIN = 1e-6  # what an answer that was not given has of the probability
ON_ANSWERS = ("mi", "globale", "zps-vote")  # the methods that answers without probabilities are enough for


def evaluate_table(
    table: AnswerTable, place: str, task: tuple[str, TaskData] | None, settings: PromptEvaluationSettings
) -> PromptEvaluation:
    """Score every column of a table by every method, and the methods by the true accuracies.

    A missing answer counts as wrong in an accuracy, and as nothing in a fit.

    Args:
        table: answers with labels.
        place: what to call it in messages.
        task: the name and the labelled dataset that our methods may read; None for answers alone.
        settings: of the evaluation; its calibrations are none, for answers have no probabilities.

    Raises:
        DataError: the table has no labels.
        InputError: the dataset cannot be compared with the answers, or the table has no texts to compare it by.
    """
    true = _true(table, place, settings)
    kept = _labels_among(table)
    complete = np.asarray((table.said != NONE).all(axis=0))
    notes = [*table.notes, *_told(table, are_missing=len(kept) < len(table.answers))]
    labelled: Labelled | None = None
    read: Classified | None = None
    more: dict[str, PromptScores] = {}
    if task is not None:
        labelled, read, more = _by_task(table, task, settings, complete, notes)
    votes, found = estimators_among(table.said, len(table.answers), kept, read)
    by_class = chosen_by_class([table.answers[at] for at in kept], votes, found.ours.opinions, table.right())
    if by_class is not None:
        notes.append(f"{by_class}: a column that says little else is right on them, whatever it says of others")
    if complete.any():
        by_answers = score_prompts(np.eye(len(table.answers))[table.said[:, complete]])
        more |= {name: by_answers[name] for name in ON_ANSWERS}
    rows = [_row(table, name, own, true, found) for name, own in {**found.accuracies, **more}.items()]
    title = f"{len(table.names)} columns on {len(table)} inputs; the best is right in {true.max():.1%}"
    return PromptEvaluation(
        Table(rows, title=title),
        {"none": _by_name(table, true)},
        len(table),
        None if labelled is None else labelled.described,
        notes,
        as_estimates(list(table.names), found.ours),
    )


def _labels_among(table: AnswerTable) -> list[int]:
    """Return the answers that may be right: all, or where all inputs have labels and somebody gives each, these alone.

    An answer among others that is no label would pass for a class of texts (`registry.choosing.vocabulary`).
    """
    labels = {label for label in table.labels or ()}
    every = list(range(len(table.answers)))
    if None in labels or len(labels) < 2 or not labels <= {*table.answers}:
        return every
    return [at for at in every if table.answers[at] in labels]


def _true(table: AnswerTable, place: str, settings: PromptEvaluationSettings) -> PromptScores:
    """Return the true accuracies, (columns,); refuse where there are none."""
    if table.labels is None:
        noted = f" Noted before: {'; '.join(table.notes)}." if table.notes else ""
        told = "has no labels: there is no truth to score against. A column 'label' holds them."
        raise DataError(place, f"{told}{noted}")
    if settings.calibrations and set(settings.calibrations) != {"none"}:
        raise InputError("Answers in a table have no probabilities, so there is nothing to calibrate.")
    known = _known(table)
    right = table.right()[known]
    true = np.asarray(((table.said[:, known] == right) & (right != NONE)).mean(axis=1))
    if true.max() <= 0:
        raise DataError(place, "has no column that is ever right: are the labels written like the answers?")
    return true


def _row(table: AnswerTable, name: str, scores: PromptScores, true: PromptScores, found: Estimators) -> PromptScore:
    quality = found.quality(name, true) if name in found.accuracies else {}
    figures = {**figures_of(scores, true), **quality}
    first = np.flatnonzero(scores == scores.max())
    picked = table.names[first[0]] if len(first) == 1 else None
    return PromptScore(name, "none", figures, figures, picked, _by_name(table, scores))


def _known(table: AnswerTable) -> NDArray[np.bool_]:
    """Return which inputs have a label, (inputs,)."""
    return np.array([label is not None for label in table.labels or ()])


def _by_task(
    table: AnswerTable,
    task: tuple[str, TaskData],
    settings: PromptEvaluationSettings,
    complete: NDArray[np.bool_],
    notes: list[str],
) -> tuple[Labelled, Classified, dict[str, PromptScores]]:
    """Return what a labelled dataset says of the inputs, and the scores of the methods that compare with it.

    These are compared by the inputs that every column answered.
    """
    if table.inputs is None:
        raise InputError("The table has no texts, so no labelled dataset can be compared with it: leave out --task.")
    whole = _as_llm(table)
    labelled = labelled_for(whole, task[1], task[0])
    notes += labelled.notes
    fute = fute_of(whole, labelled, settings)
    if not complete.any():
        return labelled, fute.classified, {}
    if not complete.all():
        notes.append(f"the methods that compare embeddings read the {int(complete.sum())} inputs that all answered")
    certain = np.eye(len(table.answers))[table.said[:, complete]]
    return labelled, fute.classified, fute.among(complete).scores(certain)


def _as_llm(table: AnswerTable) -> RecordedLLM:
    """Return a table as a recording of certain answers; one that is missing is as likely as any."""
    chosen = table.said[:, :, None] == np.arange(len(table.answers))
    certain = np.where(chosen, 1.0, CERTAIN)
    notes = tuple(PromptNote(name, "", table.answers) for name in table.names)
    assert table.inputs is not None, "a table with texts"  # noqa: S101
    return RecordedLLM(table.inputs, None, notes, np.log(certain), None, None)


def _told(table: AnswerTable, *, are_missing: bool) -> list[str]:
    """Return notes of what is missing.

    Args:
        table: the answers.
        are_missing: whether answers that are none of the labels count so in the estimates.
    """
    notes, known = [], _known(table)
    if table.share_missing:
        shares = (table.said == NONE).mean(axis=1)
        most = int(shares.argmax())
        notes.append(
            f"{table.share_missing:.1%} of the answers are missing, and count as wrong; most in {table.names[most]} "
            f"({shares[most]:.1%})"
        )
    labels = {label for label in table.labels or () if label is not None}
    is_none = np.isin(table.said, [at for at, answer in enumerate(table.answers) if answer not in labels])
    if labels and is_none.any():
        shares = is_none.mean(axis=1)
        most = int(shares.argmax())
        such = table.answers[table.said[most][is_none[most]][0]]
        notes.append(
            f"{is_none.mean():.1%} of the answers are none of the labels that are given, such as {such!r}, "
            f"{'and count as missing' if are_missing else 'and are wrong wherever there is one'}; most in "
            f"{table.names[most]} ({shares[most]:.1%})"
        )
    if not known.all():
        notes.append(
            f"{int((~known).sum())} of {len(known)} inputs have no label, and are not scored: mae, coverage "
            "and brier hold estimates for all inputs against what is true of the others"
        )
    return notes


def _by_name(table: AnswerTable, values: PromptScores) -> dict[str, float]:
    return {name: float(value) for name, value in zip(table.names, values, strict=True)}
