"""Models that live in a session of Python. They are not kept: their answers on the texts of a space are."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm.auto import tqdm

from embedders.black_boxes.recorded import named_recording
from embedders.errors import SettingError
from embedders.predictors.functions import AskedFunction, as_text
from embedders.spaces import current_space
from registry import Registry
from registry.catalog import EntryRecord
from registry.data.models import ModelSpec
from registry.data.predictions import Predictions
from registry.data.recordings import Recording
from registry.shown import bars_off

AT_ONCE = 256  # texts


def live_model(
    registry: Registry,
    name: str,
    model: Any,  # noqa: ANN401 - a function, or a fitted classifier of any library
    *,
    answers: Mapping[Any, str] | None = None,
    space: str | None = None,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> EntryRecord:
    """Ask a function, a fitted pipeline or classifier for the texts of a space, and register its answers.

    It answers those texts alone: for a space with another corpus it is registered anew, with `replace`.

    Args:
        registry: where.
        name: of the model.
        model: texts in, for each a label or {label: probability} out; or something fitted with `classes_` and
            `predict_proba`, or `predict`, such as a pipeline of scikit-learn. A pair of texts reaches it as one text,
            with a line break between.
        answers: the text of each answer, where it answers with numbers, letters or the like; {} to take them so.
        space: the one whose texts are asked; None for the current one, which is made if there is none.
        tags: of the entry.
        replace: whether it may be a new version of a known model.

    Raises:
        BlackBoxError: it raises, or answers with what is no label and no probabilities.
        DataError: its answers say nothing of what they mean.
        SettingError: it is neither, or the space has no texts.
    """
    record = current_space(registry, space)
    if record.corpus_version_id is None:
        raise SettingError(f"Space {record.name!r} has no corpus to ask a model about: name another.")
    inputs = registry.corpus_inputs(registry.catalog.entries.by_version_id(record.corpus_version_id))
    asked = AskedFunction(model, name, takes_numbers=True)
    parts: list[Predictions] = []
    for start in tqdm(range(0, len(inputs), AT_ONCE), desc=name, unit="batch", disable=bars_off()):
        parts.append(asked.predict(inputs[start : start + AT_ONCE]))
    names = None if answers is None else {str(as_text(key)): text for key, text in answers.items()}
    recording = named_recording(Recording(tuple(inputs), Predictions.joined(parts)), names, name)
    contents = recording.contents()
    parts_hash = hashlib.sha256(b"".join(hashlib.sha256(body).digest() for body in contents.values()))
    spec = ModelSpec.recorded("a session of Python", answers=recording.predictions.answers)
    return registry.add_model(
        name, spec.as_document(), content_hash=parts_hash.hexdigest(), contents=contents, tags=tags, replace=replace
    )
