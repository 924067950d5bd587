"""What of a space is drawn: its entries as points, coloured by what the catalog knows of them."""

from collections.abc import Sequence

import numpy as np

from registry.catalog import Catalog, EntryRecord, SpaceRecord
from registry.data.models import HeadKind, ModelKind, ModelSpec
from registry.kinds import EntryKind
from registry.ranking.compare import similarities
from registry.ranking.levels import alike_of
from registry.views.charts.points import Points, laid_out, nearest_of

DRAWN = 1000  # of more entries a sample is drawn
KIND, FAMILY, MODEL, TAG = "kind", "family", "model", "tag"
GROUPS = (KIND, FAMILY, MODEL, TAG)
HEADS = {
    HeadKind.CLASSIFICATION: "classifier",
    HeadKind.REGRESSION: "regressor",
    HeadKind.TEXT_TO_TEXT: "text-to-text model",
    HeadKind.QUESTION_ANSWERING: "QA reader",
    HeadKind.CAUSAL_LM: "language model",
    HeadKind.SEQ2SEQ_LM: "text-to-text LM",
    HeadKind.SENTENCE_ENCODER: "sentence encoder",
}
FAMILIES = {
    ModelKind.HF: "checkpoint of the hub",
    ModelKind.ENDPOINT: "endpoint",
    ModelKind.FUNCTION: "function",
    ModelKind.RECORDED: "recorded answers",
    ModelKind.RECORDED_LLM: "recorded LLM",
    ModelKind.PROMPTED: "language model",
    ModelKind.IMPORTED: "vector alone",
}


def points_of(catalog: Catalog, space: SpaceRecord, layouts: Sequence[str]) -> Points:
    """Return the entries of a space as points, a sample of `DRAWN` where there are more.

    `kind` is what a task asks or what a model is, `family` what stands behind a model, `model` whose prompt it is,
    `tag` the first tag.

    Raises:
        InputError: there are fewer than three vectors, or there is no such layout.
    """
    with catalog.database.question():
        compared = similarities(catalog, space, most=DRAWN)
        vectors, similarity = compared
        known = {record.name: record for record in catalog.entries.some(vectors.names)}
        records = [known[name] for name in vectors.names]
        prompted = [record for record in records if record.kind is EntryKind.PROMPTED_MODEL]
        behind = catalog.entries.some(set(map(_model_of, prompted)))
        whole = catalog.spaces.counts()[space.name]
        are_alike = alike_of(catalog, space, compared)
    models = {record.name: record for record in behind}
    nearest, likeness = nearest_of(similarity)
    of = f"{len(records):,} entries" if whole == len(records) else f"{len(records):,} of {whole:,} entries"
    title = f"{of} in space {space.name} ({space.spec['method']})"
    note = f"A sample of {len(records):,} of the {whole:,} entries is drawn." if whole > len(records) else None
    return Points(
        title,
        tuple(vectors.names),
        tuple(vectors.kinds),
        {
            KIND: tuple(record.task_kind or record.kind.value for record in records),
            FAMILY: tuple(_family(record, models) for record in records),
            MODEL: tuple(_model_of(record) for record in records),
            TAG: tuple(record.tags[0] if record.tags else "" for record in records),
        },
        laid_out(similarity, layouts),
        nearest,
        likeness,
        np.take_along_axis(are_alike, nearest, axis=1),
        note,
    )


def _model_of(record: EntryRecord) -> str:
    """Return the name of the model that an entry is, or that it prompts; nothing for a task."""
    if record.kind is EntryKind.PROMPTED_MODEL:
        return record.name.partition("@")[0]
    return record.name if record.kind is EntryKind.MODEL else ""


def _family(record: EntryRecord, models: dict[str, EntryRecord]) -> str:
    if record.kind is EntryKind.TASK:
        return ""
    whose = models.get(_model_of(record), record) if record.kind is EntryKind.PROMPTED_MODEL else record
    spec = ModelSpec.from_document(whose.spec, name=whose.name)
    return HEADS[spec.head] if spec.head is not None else FAMILIES[spec.kind]
