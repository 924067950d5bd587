"""Recorded outputs as black boxes."""

from collections.abc import Sequence

from embedders.errors import NotCoveredError
from embedders.predictors.contract import LEAST_COVERED, Answers, Form
from registry.catalog import EntryRecord
from registry.data.inputs import Input
from registry.data.models import ModelSpec
from registry.data.recordings import outputs_of


class RecordedPredictor:
    """Answers that were recorded: it can answer what was asked then, and nothing else."""

    form: Form = "labels"

    def __init__(self, entry: EntryRecord, contents: dict[str, bytes]) -> None:
        spec = ModelSpec.from_document(entry.spec, name=entry.name)
        outputs = outputs_of(list(spec.answers or ()), contents)
        self._name = entry.name
        self._answers = list(outputs.answers)
        self._probabilities = outputs.probabilities
        self._prompt_prob = outputs.prompt_prob
        self._content_free = outputs.content_free
        self._row = {text: number for number, text in enumerate(outputs.inputs)}

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """Return the inputs that are among the recorded ones; raise `NotCoveredError` where they are too few."""
        known = [text for text in inputs if text in self._row]
        if len(known) < min(LEAST_COVERED, len(inputs)):
            raise NotCoveredError(self._name, len(known), len(inputs))
        return known

    def predict(self, inputs: Sequence[Input]) -> Answers:
        """Look the answers up."""
        rows = [self._row[text] for text in inputs]
        own = None if self._prompt_prob is None else self._prompt_prob[rows]
        return Answers(self._answers, self._probabilities[rows], own)

    def content_free(self, *, pairs: bool) -> Answers | None:
        """Return what was recorded of inputs that say nothing."""
        return None if self._content_free is None else Answers(self._answers, self._content_free)
