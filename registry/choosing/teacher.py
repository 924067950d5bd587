"""What a labelled task says of texts that were answered: right answers to some, and what a classifier makes of all.

The classifier is trained on the task's examples, on the surrogate's features (`embedders.black_boxes.witnesses`), and
what it has read is kept beside the answers of models, for each space by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EntryRecord, SpaceRecord
from registry.choosing.asked import Answered
from registry.choosing.own_labels import LEAST_EXAMPLES, can_teach, labelled_task, own_labels, unseen
from registry.choosing.vocabulary import Vocabulary
from registry.data.answer_tables import NONE
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.spelling import numbered, plain
from registry.data.tasks import TaskData
from registry.estimates.witness import Witness

OTHER_ANSWERS = "the labels of {} are other answers, so they say nothing here"
AT_ODDS = "the labels of {} and the answers are not the same, so the labels say nothing here: {}"
UNREAD = 1e-3  # the probability of an answer that the witness does not know


@dataclass(frozen=True, eq=False)
class Teacher:
    """A task, and what of it counts for texts that were answered."""

    name: str
    words: Vocabulary | None  # None for a task without labels
    read: Predictions | None  # what a classifier that learnt from it makes of the corpus, if one has
    data: TaskData | None  # where it is needed
    named: Mapping[Input, str]  # the right answers that its own examples name, also such as nobody gave

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        space: SpaceRecord,
        task: EntryRecord,
        answered: Answered,
        reading: Predictions | None,
        *,
        own: bool,
    ) -> "Teacher":
        """Look at a task.

        Args:
            reading: what it says of all texts; None for what is kept.
            own: whether the labels of its own examples are right answers.
        """
        read = catalog.predictions.reading(task.version_id, space) if reading is None else reading
        words = Vocabulary.of(task, answered)
        data = labelled_task(catalog, task) if own or read is None else None
        named: dict[Input, str] = {}
        if own and data is not None and words is not None and words.strange is None:
            named = own_labels(data, answered.inputs, words.meant)
        return cls(task.name, words, read, data, named)

    def told(self, answered: Answered, notes: list[str]) -> NDArray[np.int64]:
        """Return the answers that the task's own examples name, (inputs,), else `NONE`; a note says how many."""
        number = numbered(answered.answers)
        inputs = answered.inputs
        said = np.array([number[plain(self.named[text])] if text in self.named else NONE for text in inputs], np.int64)
        if self.named:
            count = int((said != NONE).sum())
            notes.append(f"{count} of the {len(said)} texts are examples of {self.name}: their labels count as known")
        return said

    def witness(self, answered: Answered, notes: list[str]) -> Witness | None:
        """Return what a classifier that learnt from the task has read; None, and a note, where that says nothing."""
        if self.words is not None and self.words.strange is not None:
            told = OTHER_ANSWERS if self.words.are_others else AT_ODDS
            notes.append(told.format(self.name, self.words.strange))
            return None
        if self.read is None:
            notes += [] if self.data is None else self._unread(self.data, answered)
            return None
        number = numbered(answered.answers)
        named = {} if self.words is None else self.words.named
        columns = [number.get(plain(named.get(plain(text), text))) for text in self.read.answers]
        if sum(column is not None for column in columns) < 2:
            notes.append(OTHER_ANSWERS.format(self.name))
            return None
        table = np.full((len(answered.rows), len(answered.answers)), UNREAD)
        for column, own in zip(columns, self.read.probabilities[answered.rows].T, strict=True):
            if column is not None:
                table[:, column] += own
        return Witness.of(table / table.sum(axis=1, keepdims=True))

    def _unread(self, data: TaskData, answered: Answered) -> list[str]:
        """Say why the texts were not read by the labels of the task."""
        what = f"the {'other ' if self.named else ''}labels of {self.name} count for nothing: "
        if can_teach(unseen(data, answered.inputs)):
            how = "which 'fute best-prompt' and 'fute best-model' do, with torch"
            return [f"{what}the texts were not read by them yet, {how}"]
        few = f"there are not {LEAST_EXAMPLES} examples, of two labels, beside these texts"
        return [] if self.named else [what + few]
