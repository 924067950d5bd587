"""What was read as a task's labels, so that a misreading is seen at once."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.data.examples import Example
    from registry.data.tasks import TaskData

SHOWN, LONGEST = 10, 60  # labels, and characters of a text


def label_lines(task: "TaskData") -> list[str]:
    """Return the kind of a task, and each label with its answer, how many examples have it, and one of these."""
    if task.labels is None:
        low, high = task.range or (None, None)
        scale = "" if low is None else f" from {low:g} ({task.answer_texts[0]}) to {high:g} ({task.answer_texts[1]})"
        return [f"  {task.kind}{scale}", *(f"    {_one(example)}" for example in task.train[:2])]
    counts = Counter(example.label for example in task.train)
    first = {example.label: example for example in reversed(task.train)}
    names = [_short(task.answers.get(label, label), LONGEST // 2) for label in task.labels[:SHOWN]]
    width, digits = max(map(len, names)), len(str(max(counts.values())))
    lines = [f"  {task.kind} with {len(task.labels)} labels"]
    for label, name in zip(task.labels, names, strict=False):
        said = "" if task.answers.get(label, label) == label else f" ({label})"
        example = _short(first[label].text, LONGEST) if label in first else "no example"
        lines.append(f"    {name:{width}}{said}  {counts[label]:{digits}}  {example}")
    more = len(task.labels) - SHOWN
    return [*lines, *([f"    ... and {more} more"] if more > 0 else [])]


def _one(example: "Example") -> str:
    return f"{_short(example.text, LONGEST)} -> {_short(example.label, LONGEST // 2)}"


def _short(text: str, longest: int) -> str:
    """Return a text in one line, cut at its end, without what would steer a terminal."""
    line = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(line.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
