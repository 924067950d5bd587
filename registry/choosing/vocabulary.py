"""Do the labels of a task and the answers of models mean the same?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from registry.catalog import EntryRecord
from registry.data.examples import CLASSIFICATION
from registry.data.inputs import Input, plain


@dataclass(frozen=True)
class Vocabulary:
    """What the labels of a task mean among the answers that were given.

    Where a label means none of the answers, nobody ever gave it, and on its texts all are wrong: unless there are
    answers that no label means, for then it may be one of these in other words, and nothing can be said. To leave its
    texts out would be worse: who always gives the other answers would be right on all that are left.
    """

    meant: Mapping[str, str]  # the answer that each label means; its own text where that is none of them
    unanswered: tuple[str, ...]  # texts of labels that are none of the answers
    unlabelled: tuple[str, ...]  # answers that no label means

    @classmethod
    def of(cls, task: EntryRecord, answers: Sequence[str]) -> Self | None:
        """Compare the labels of a task with answers, by their names and their texts; None for a task without labels."""
        labels, texts = task.spec.get("labels"), task.spec.get("answers") or {}
        if task.spec.get("kind") != CLASSIFICATION or not labels:
            return None
        known = {plain(answer): answer for answer in answers}
        spelt = {label: (label, texts.get(label, label)) for label in map(str, labels)}
        found = {label: [known[plain(t)] for t in its if plain(t) in known] for label, its in spelt.items()}
        meant = {label: (found[label] or [spelt[label][1]])[0] for label in spelt}
        unanswered = tuple(meant[label] for label in spelt if not found[label])
        return cls(meant, unanswered, tuple(answer for answer in answers if answer not in meant.values()))

    def translated(self, labels: Mapping[Input, str], answers: Sequence[str]) -> dict[Input, str]:
        """Return labels as answers, where they are names or texts of the task's labels and no answers themselves."""
        known = set(map(plain, answers))
        named = {plain(word): meant for label, meant in self.meant.items() for word in (label, meant)}
        return {
            text: label if plain(label) in known else named.get(plain(label), label) for text, label in labels.items()
        }

    @property
    def is_at_odds(self) -> bool:
        """Whether a label without an answer may mean an answer without a label."""
        return bool(self.unanswered and self.unlabelled)

    def __str__(self) -> str:
        """What does not go together, for a note."""
        return f"{self.unanswered[0]!r} is none of the answers, and {self.unlabelled[0]!r} none of the labels"
