"""What is odd about the texts of a task, though each can be read: copies, contradictions, texts that are none."""

from collections.abc import Sequence

from registry.data.examples import CLASSIFICATION, Example
from registry.data.spelling import plain
from registry.data.tasks import TaskData

COPIES, CONTRADICTIONS, WORDLESS = 0.05, 0.01, 0.5  # shares, below which nothing is told
SHOWN = 40  # letters of a text


def odd_texts(task: TaskData) -> list[str]:
    """Return what is to be said of a task's training examples, by which it is registered all the same."""
    rows = task.train
    if not rows:
        return []
    copies = len(rows) - len({(row.text, row.text_pair, row.label, row.choices) for row in rows})
    notes = [f"{copies} of its {len(rows)} examples are copies of others."] if copies >= COPIES * len(rows) else []
    if task.kind == CLASSIFICATION:
        notes += _contradictions(rows)
    wordless = sum(not any(letter.isalpha() for letter in row.text) for row in rows)
    if wordless >= WORDLESS * len(rows):
        notes.append(f"{wordless} of its {len(rows)} texts hold no letter: is 'text' the right column (--text)?")
    return notes


def _contradictions(rows: Sequence[Example]) -> list[str]:
    labels: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        labels.setdefault((plain(row.text), plain(row.text_pair or "")), set()).add(row.label)
    several = {text: its for (text, _), its in labels.items() if len(its) > 1}
    if len(several) < max(CONTRADICTIONS * len(labels), 1):
        return []
    text, its = next(iter(several.items()))
    has = " and ".join(sorted(its)[:3])
    return [f"{len(several)} of its {len(labels)} texts have several labels, as {text[:SHOWN]!r} has {has}."]
