"""A model asked about a few texts, to see what it answers before all of a corpus is put to it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from embedders.black_boxes.entries import Boxes
from embedders.errors import SettingError
from embedders.predictors.contract import Bounded
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

    def __init__(self, rows: Sequence[AnsweredText], *, title: str, not_read: str | None) -> None:
        super().__init__(rows, title=title)
        self.not_read = not_read  # of the inputs, in words


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
        SettingError: it means several prompts, or it is no model.
        BlackBoxError: it cannot be loaded, or does not answer.
    """
    meant = meant_by(registry.catalog, name)
    if len(meant) != 1 or meant[0].kind not in (EntryKind.MODEL, EntryKind.PROMPTED_MODEL):
        raise SettingError(f"{name!r} is no single model: name a model, or one MODEL@PROMPT.")
    box = Boxes(registry, device=device).for_entry(_record(meant[0]))
    asked = box.answerable(inputs or _of_space(registry))
    asked = asked if inputs else asked[:count]
    rows = rows_of(asked, box.predict(asked))
    not_read = box.not_read if isinstance(box, Bounded) else None
    return Tried(rows, title=f"{name} on {len(asked)} texts", not_read=not_read)


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
