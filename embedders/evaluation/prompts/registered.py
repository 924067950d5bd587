"""`fute evaluate prompts --model`: the same question for an LLM of a registry, by what it answered when embedded."""

import numpy as np

from embedders.black_boxes.self_select import self_selected
from embedders.evaluation.prompts.labelled import OtherLabelsError, labelled_for
from embedders.evaluation.prompts.recorded import evaluated
from embedders.evaluation.prompts.reports import PromptEvaluation, PromptEvaluationSettings, check
from registry import Registry
from registry.choosing.best import SELF_SELECT
from registry.choosing.outputs import check_complete, outputs_of_prompts
from registry.choosing.own_labels import labels_in
from registry.data.models import ModelKind, ModelSpec
from registry.data.recordings import PromptNote, RecordedLLM
from registry.data.spelling import plain
from registry.data.tasks import TaskData
from registry.errors import InputError
from registry.kinds import EntryKind

LEAST_LABELLED = 20  # texts, or an accuracy says nothing


def evaluate_registered(
    registry: Registry,
    model: str,
    task: str,
    settings: PromptEvaluationSettings | None = None,
    *,
    space: str | None = None,
) -> PromptEvaluation:
    """Score every prompt of a registered LLM by every method, and the methods by the true accuracies.

    An LLM that can be asked is also asked which of its prompts it would choose.

    Args:
        task: its labels, in whichever split, are the truth about the space's texts; its other training examples are the
            labelled dataset whose DTE is used.
        space: in which the LLM was embedded; None for the current one.

    Raises:
        InputError: the task labels too few of the texts, or the LLM has no prompts.
        NotEmbeddedError: nothing was recorded of the LLM in this space.
    """
    settings = settings or PromptEvaluationSettings()
    check(settings, has_task=True)
    data = registry.task_data(task)
    llm, notes = llm_of(registry, model, data, task, space=space)
    labelled = labelled_for(llm, data, task)
    labelled.notes.extend(notes)
    entry = registry.catalog.entries.get(model, EntryKind.MODEL)
    if ModelSpec.from_document(entry.spec, name=entry.name).kind is ModelKind.RECORDED_LLM:
        return evaluated(llm, labelled, settings)
    try:
        chosen = self_selected(registry, model, task=task, space=space, device=settings.device)
    except InputError as error:
        report = evaluated(llm, labelled, settings)
        report.notes.append(str(error))
        return report
    return evaluated(llm, labelled, settings, more={SELF_SELECT: np.array([chosen[note.name] for note in llm.prompts])})


def llm_of(
    registry: Registry, model: str, task: TaskData, name: str, *, space: str | None = None
) -> tuple[RecordedLLM, list[str]]:
    """Return what a registry knows of an LLM's answers to texts to which a task gives one of its choices, and notes.

    A text to which the task gives several labels has none. Prompts are compared by the texts that all have answered.
    """
    record = registry.catalog.spaces.get(space)
    outputs = outputs_of_prompts(registry.catalog, model, record, registry.catalog.entries.get(name, EntryKind.TASK))
    check_complete(outputs, model)
    assert record.corpus_version_id is not None, "a space without corpus embeds no models"  # noqa: S101
    corpus = registry.corpus_inputs(registry.catalog.entries.by_version_id(record.corpus_version_id))
    inputs = [corpus[outputs.asked[row]] for row in outputs.rows]
    said = labels_in(task, inputs)
    labelled = {number: label for number, text in enumerate(inputs) if len(said[text]) == 1 for label in said[text]}
    if len(labelled) < LEAST_LABELLED:
        raise InputError(
            f"{name} labels {len(labelled)} of the {len(inputs)} texts that {model} was asked: make a corpus of its "
            "test texts ('fute corpus create its-texts --data FILE'), a space with it, and embed them there."
        )
    choices = {plain(choice): choice for choice in outputs.answers}
    texts = {label: plain(task.answers.get(label, label)) for label in {*labelled.values()}}
    rows = [number for number, label in labelled.items() if texts[label] in choices]
    if len(rows) < LEAST_LABELLED:
        raise OtherLabelsError(name, sorted(texts.values()), choices)
    llm = RecordedLLM(
        tuple(inputs[number] for number in rows),
        tuple(choices[texts[labelled[number]]] for number in rows),
        tuple(PromptNote(prompt, "", outputs.answers) for prompt in outputs.prompts),
        np.log(np.maximum(outputs.table[:, rows], 1e-12)),
        None if outputs.prompt_prob is None else outputs.prompt_prob[:, rows],
        outputs.content_free,
    )
    left_out = {
        f"have no label in {name}": sum(not labels for labels in said.values()),
        f"have several labels in {name}": sum(len(labels) > 1 for labels in said.values()),
        f"have a label in {name} that no prompt offers": len(labelled) - len(rows),
    }
    told = [f"{count} of {len(inputs)} texts are left out, which {why}" for why, count in left_out.items() if count]
    return llm, [*outputs.notes, *told]
