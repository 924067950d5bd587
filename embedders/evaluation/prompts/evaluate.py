"""`fute evaluate prompts`: which prompt of a recorded LLM does each method pick, and how good is it in truth?

The rivals read the LLM's answers alone (`registry.choosing.scores`). FUTE compares two embeddings by MapEmb: that of
another labelled dataset (DTE) and that of the LLM under each prompt (MTE), made of its answers to the recorded inputs.
The labels of the inputs are read for the true accuracies, and for nothing else.
"""

from pathlib import Path

from embedders.evaluation.prompts.labelled import labelled_for
from embedders.evaluation.prompts.recorded import evaluated
from embedders.evaluation.prompts.reports import PromptEvaluation, PromptEvaluationSettings, check
from embedders.evaluation.prompts.tables import evaluate_table
from registry import Registry
from registry.data.tasks import TaskData
from registry.errors import DataError
from registry.formats.answer_tables import read_answer_table
from registry.formats.harness import sample_files
from registry.formats.recorded import read_recorded_llm
from registry.formats.tasks import read_task


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
        named = None if task is None else (task, _task_data(task, registry))
        return evaluate_table(read_answer_table(place), str(place), named, settings)
    llm = read_recorded_llm(place)
    if llm.labels is None:
        raise DataError(
            str(place / "inputs.jsonl"), "has inputs without a label, a text: there is no truth to score against."
        )
    llm = llm.aligned()
    return evaluated(llm, None if task is None else labelled_for(llm, _task_data(task, registry), task), settings)


def _task_data(task: str, registry: str | None) -> TaskData:
    if task.startswith("hf:") or Path(task).exists():
        return read_task(task, answers_as_they_are=True)
    with Registry.open(registry) as opened:
        return opened.task_data(task)
