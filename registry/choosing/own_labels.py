"""What a task knows of the texts of a space: the labels of its own examples, and what is left to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from registry.catalog import Catalog, EntryRecord
from registry.data.examples import CLASSIFICATION
from registry.data.inputs import Input
from registry.data.spelling import bare, spelling_key
from registry.data.tasks import SPLITS, TaskData, task_of

LEAST_EXAMPLES = 20  # of a task that a classifier learns from


def labelled_task(catalog: Catalog, task: EntryRecord) -> TaskData | None:
    """Return a classification task with its examples; None where it is none, so that it has no labels to speak of."""
    if task.spec.get("kind") != CLASSIFICATION or "train" not in task.contents:
        return None
    bodies = {role: catalog.entries.content(sha256) for role, sha256 in task.contents.items() if role in SPLITS}
    return task_of(task.spec, bodies, task.name)


def own_labels(task: TaskData, inputs: Sequence[Input], meant: Mapping[str, str]) -> dict[Input, str]:
    """Return the answers that a task's own examples name for inputs.

    A text is known again in another spelling. One that has two labels in the task has none here.
    """
    said = labels_in(task, inputs)
    return {text: meant[label] for text, own in said.items() if len(own) == 1 for label in own}


def labels_in(task: TaskData, inputs: Sequence[Input]) -> dict[Input, set[str]]:
    """Return all labels that a task's examples give each of some inputs, in whichever spelling."""
    labels: dict[tuple[str, str], set[str]] = {}
    for row in (*task.train, *task.test):
        labels.setdefault(spelling_key(row.text, row.text_pair), set()).add(row.label)
    return {text: labels.get(spelling_key(*text), set()) for text in inputs}


def unseen(task: TaskData, inputs: Sequence[Input]) -> TaskData:
    """Return a task without the training examples whose texts are among inputs."""
    known = {bare(text) for text, _ in inputs}
    return replace(task, train=tuple(row for row in task.train if bare(row.text) not in known))


def can_teach(task: TaskData) -> bool:
    """Say whether a classifier can learn from a task's training examples."""
    return len(task.train) >= LEAST_EXAMPLES and len({row.label for row in task.train}) > 1
