"""Recorded outputs as black boxes."""

from collections.abc import Sequence

from embedders.errors import NotCoveredError
from embedders.predictors.contract import Form, is_covered
from registry.catalog import EntryRecord
from registry.data.inputs import Input
from registry.data.models import ModelSpec
from registry.data.predictions import Predictions
from registry.data.recordings import Recording


class RecordedPredictor:
    """Answers that were recorded: it can answer what was asked then, and nothing else."""

    form: Form = "labels"

    def __init__(self, entry: EntryRecord, contents: dict[str, bytes]) -> None:
        spec = ModelSpec.from_document(entry.spec, name=entry.name)
        self._name = entry.name
        self._recording = Recording.from_contents(spec.answers or (), contents)
        self._row = {text: number for number, text in enumerate(self._recording.inputs)}

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """Return the inputs that are among the recorded ones; raise `NotCoveredError` where they are too few."""
        known = [text for text in inputs if text in self._row]
        if not is_covered(len(known), len(inputs)):
            raise NotCoveredError(self._name, len(known), len(inputs))
        return known

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Look the answers up."""
        return self._recording.predictions.take([self._row[text] for text in inputs])

    def content_free(self, *, pairs: bool) -> Predictions | None:
        """Return what was recorded of inputs that say nothing."""
        return self._recording.content_free
