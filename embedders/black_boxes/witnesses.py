"""What the labels of a task say of the texts of a space: read through the surrogate once, and kept."""

from dataclasses import replace

import numpy as np

from embedders.observed import from_task
from embedders.surrogate.classifier import classified
from embedders.surrogate.loading import surrogate_of
from registry import Registry
from registry.data.inputs import bare
from registry.data.predictions import Predictions
from registry.data.tasks import TaskData
from registry.kinds import EntryKind
from registry.spaces.spec import SpaceSpec

MOST_EXAMPLES = 2000  # of a task that a classifier learns from
LEAST_EXAMPLES = 20


def has_witness(registry: Registry, task: str, *, space: str | None = None) -> bool:
    """Say whether what a task's labels say of a space's texts is known, or can never be."""
    record = registry.catalog.spaces.get(space)
    entry = registry.catalog.entries.get(task, EntryKind.TASK)
    if record.corpus_version_id is None:
        return True
    known = bool(registry.catalog.predictions.chunks(entry.version_id, record.corpus_version_id))
    return known or not registry.task_data(entry).labels


def read_texts(registry: Registry, task: str, *, space: str | None = None, device: str | None = None) -> None:
    """Train a classifier on a task's examples, read a space's texts by it, and keep what it says.

    Examples whose texts are among those of the space are left out: of them the classifier would only repeat the label.
    Nothing is kept where fewer than `LEAST_EXAMPLES` are left, or fewer than two labels.
    """
    record = registry.catalog.spaces.get(space)
    entry = registry.catalog.entries.get(task, EntryKind.TASK)
    assert record.corpus_version_id is not None, "there are texts to read"  # noqa: S101
    inputs = registry.corpus_inputs(registry.catalog.entries.by_version_id(record.corpus_version_id))
    data = _unseen(registry.task_data(entry), {bare(text) for text, _ in inputs})
    if len(data.train) < LEAST_EXAMPLES or len({row.label for row in data.train}) < 2:
        return
    spec = SpaceSpec.from_document(record.spec)
    surrogate = surrogate_of(spec, device=device)
    observed = from_task(data, examples=MOST_EXAMPLES, seed=spec.seed)
    said = classified(
        surrogate.features(observed.inputs).astype(np.float64),
        observed.probabilities.argmax(axis=1),
        surrogate.features(inputs).astype(np.float64),
        len(observed.answers),
    )
    predictions = Predictions(observed.answers, said.probabilities.astype(np.float32))
    registry.catalog.predictions.put(entry.version_id, record.corpus_version_id, start=0, predictions=predictions)


def _unseen(task: TaskData, known: set[str]) -> TaskData:
    """Return a task without the training examples whose texts are known."""
    return replace(task, train=tuple(row for row in task.train if bare(row.text) not in known))
