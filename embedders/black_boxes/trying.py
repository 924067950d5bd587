"""A model asked about a few texts, to see what it answers before all of a corpus is put to it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

from embedders.black_boxes.entries import Boxes
from embedders.errors import NotEmbeddableError, SettingError
from embedders.predictors.contract import Bounded, Predictor
from embedders.predictors.recordings import RecordedPredictor
from embedders.spaces import everyday_inputs
from registry import Registry
from registry.catalog import EntryRecord
from registry.catalog.records import NewEntry
from registry.choosing.answers import AnsweredText, rows_of
from registry.data.inputs import Input
from registry.kinds import EntryKind
from registry.prompts.pairs import meant_by
from registry.results import Table


class Tried(Table[AnsweredText]):
    """What a model answered."""

    def __init__(self, rows: Sequence[AnsweredText], *, title: str, not_read: str | None, passed_over: int) -> None:
        super().__init__(rows, title=title)
        self.not_read = not_read  # of the inputs, in words
        self.passed_over = passed_over  # inputs that it cannot answer


def tried(
    registry: Registry, name: str, inputs: Sequence[Input] = (), *, count: int = 3, device: str | None = None
) -> Tried:
    """Ask a model, or MODEL@PROMPT, about a few texts. Nothing of it is kept.

    Args:
        registry: where it is registered.
        name: of the model; a prompt need not have been put to it before.
        inputs: what to ask; none for the first texts of the current space, that the model can be asked.
        count: how many, where none are given.
        device: `cuda`, `cpu`, ...; None for the best there is.

    Raises:
        SettingError: it means several prompts, it is no model, or it can answer none of the inputs.
        NotEmbeddableError: it can answer none of the texts of the space.
        BlackBoxError: it cannot be loaded, or does not answer.
    """
    meant = meant_by(registry.catalog, name)
    if len(meant) != 1 or meant[0].kind not in (EntryKind.MODEL, EntryKind.PROMPTED_MODEL):
        raise SettingError(f"{name!r} is no single model: name a model, or one MODEL@PROMPT.")
    box = Boxes(registry, device=device).for_entry(_record(meant[0]))
    asked = _answerable(box, name, inputs) if inputs else _first(box, _of_space(registry), count)
    rows = rows_of(asked, box.predict(asked))
    not_read = box.not_read if isinstance(box, Bounded) else None
    passed_over = len(inputs) - len(asked) if inputs else 0
    return Tried(rows, title=f"{name} on {len(asked)} texts", not_read=not_read, passed_over=passed_over)


def _answerable(box: Predictor, name: str, inputs: Sequence[Input]) -> list[Input]:
    """Return those of some inputs that a model can answer: here few are enough."""
    asked = [one for one in inputs if _can_answer(box, one)]
    if not asked:
        is_recorded = isinstance(box, RecordedPredictor)
        why = f"it has recorded answers to others ('fute model answers {name}')" if is_recorded else "it reads pairs"
        mend = "" if is_recorded else ": give the second text with --text-pair"
        raise SettingError(f"{name!r} can be asked about none of these texts, for {why}{mend}.")
    return asked


def _first(box: Predictor, inputs: Sequence[Input], count: int) -> list[Input]:
    """Return the first inputs that a model can answer; where there is none, the error is that of embedding it there."""
    return [*islice((one for one in inputs if _can_answer(box, one)), count)] or box.answerable(inputs)


def _can_answer(box: Predictor, one: Input) -> bool:
    try:
        return bool(box.answerable([one]))
    except NotEmbeddableError:
        return False


def _of_space(registry: Registry) -> list[Input]:
    current = next((one for one in registry.catalog.spaces.all() if one.current), None)
    if current is None or current.corpus_version_id is None:
        return everyday_inputs()
    return registry.corpus_inputs(registry.catalog.entries.by_version_id(current.corpus_version_id))


def _record(meant: EntryRecord | NewEntry) -> EntryRecord:
    """Return an entry as if it were entered: a MODEL@PROMPT may be new."""
    if isinstance(meant, EntryRecord):
        return meant
    return EntryRecord(
        name=meant.name,
        kind=meant.kind,
        version=1,
        version_id=0,
        content_hash=meant.content_hash,
        task_kind=None,
        language=None,
        description=None,
        tags=(),
        aliases={},
        contents={},
        spec=meant.spec,
        created_at=datetime.now(UTC),
    )
