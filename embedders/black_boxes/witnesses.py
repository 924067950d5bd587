"""What the labels of a task say of the texts of a space: read through the surrogate once, and kept."""

import logging

import numpy as np

from embedders.errors import SettingError
from embedders.observed import from_task
from embedders.surrogate.classifier import classified
from embedders.surrogate.loading import surrogate_of
from registry import Registry
from registry.catalog import EntryRecord, SpaceRecord
from registry.choosing.own_labels import can_teach, labelled_task, unseen
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.tasks import TaskData
from registry.errors import StorageError
from registry.kinds import EntryKind
from registry.spaces.spec import SpaceSpec

MOST_EXAMPLES = 2000  # of a task that a classifier learns from

_log = logging.getLogger("registry")  # whose notes the command line shows


def has_witness(registry: Registry, task: str, *, space: str | None = None) -> bool:
    """Say whether what a task's labels say of a space's texts is known, or can never be."""
    record = registry.catalog.spaces.get(space)
    entry = registry.catalog.entries.get(task, EntryKind.TASK)
    if record.corpus_version_id is None:
        return True
    if registry.catalog.predictions.reading(entry.version_id, record) is not None:
        return True
    return _teacher(registry, entry, _texts(registry, record)) is None


def read_texts(
    registry: Registry, task: str, *, space: str | None = None, device: str | None = None
) -> Predictions | None:
    """Train a classifier on a task's examples, read a space's texts by it, and keep what it says.

    Examples whose texts are among those of the space are left out: of them the classifier would only repeat the label.
    Nothing is read where too few are left, see `registry.choosing.own_labels.can_teach`.

    Returns:
        What it says, where it cannot be kept: whoever may not write in a registry is answered all the same.

    Raises:
        SettingError: the space has no texts.
    """
    record = registry.catalog.spaces.get(space)
    entry = registry.catalog.entries.get(task, EntryKind.TASK)
    inputs = _texts(registry, record)
    data = _teacher(registry, entry, inputs)
    if data is None:
        return None
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
    try:
        registry.catalog.predictions.put_reading(entry.version_id, record, predictions)
    except StorageError as error:
        _log.warning("what %s says of the texts is read again next time, for it cannot be kept: %s", entry.name, error)
        return predictions
    return None


def _texts(registry: Registry, space: SpaceRecord) -> list[Input]:
    if space.corpus_version_id is None:
        raise SettingError(f"Space {space.name!r} has no corpus whose texts could be read: name another.")
    return registry.corpus_inputs(registry.catalog.entries.by_version_id(space.corpus_version_id))


def _teacher(registry: Registry, task: EntryRecord, inputs: list[Input]) -> TaskData | None:
    """Return a task without the examples that are among inputs; None where nobody can learn from what is left."""
    data = labelled_task(registry.catalog, task)
    left = None if data is None else unseen(data, inputs)
    return left if left is not None and can_teach(left) else None
