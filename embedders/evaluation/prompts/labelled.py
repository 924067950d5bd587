"""What of a labelled dataset can be compared with a recorded LLM: its labels that are choices, and unseen texts."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from registry.data.examples import CLASSIFICATION, Example
from registry.data.recordings import RecordedLLM
from registry.data.spelling import bare, plain
from registry.data.tasks import TaskData
from registry.errors import InputError


class Labelled(NamedTuple):
    """A labelled dataset as far as it can be compared with a recorded LLM."""

    task: TaskData  # the labels that are choices, without the texts that are among the recorded inputs
    columns: tuple[int, ...]  # of the recorded choices, one for each label
    described: dict[str, Any]
    notes: list[str]


class OtherLabelsError(InputError):
    """The labels of a dataset are not what the prompts have as choices."""

    def __init__(self, name: str, texts: Iterable[str], choices: Iterable[str]) -> None:
        super().__init__(
            f"The labels of {name} ({_few(texts)}) are not the choices of the prompts ({_few(choices)}): name "
            "their texts under 'answers' in its task.json."
        )


def labelled_for(llm: RecordedLLM, task: TaskData, name: str) -> Labelled:
    """Return what of a labelled dataset can be compared with a recorded LLM, and notes of what cannot.

    Labels meet choices by their text, in small letters. A column means the same under every prompt, so one prompt that
    has the labels' texts as choices is enough.

    Raises:
        InputError: it is no classification, fewer than two labels are choices, or no example is left.
    """
    if task.kind != CLASSIFICATION or task.labels is None:
        raise InputError(f"{name} is of kind {task.kind}: prompts are compared with a classification task.")
    texts = {label: plain(task.answers.get(label, label)) for label in task.labels}
    offered = [[plain(choice) for choice in note.choices] for note in llm.prompts]
    choices = max(offered, key=lambda names: sum(text in names for text in texts.values()))
    kept = {label: choices.index(text) for label, text in texts.items() if text in choices}
    if len(set(kept.values())) < 2:
        raise OtherLabelsError(name, texts.values(), choices)
    known = {bare(text) for recorded in llm.inputs for text in recorded if text is not None}
    of_labels = [row for row in task.train if row.label in kept]
    left = [row for row in of_labels if not _shares(row, known)]
    if not left:
        raise InputError(f"No example of {name} is left that has a label among the choices and is no recorded input.")
    shared, dropped = len(of_labels) - len(left), [label for label in texts if label not in kept]
    notes = []
    if dropped:
        count = len(task.train) - len(of_labels)
        notes.append(f"{name}: dropped {count} examples whose labels are no choices: {_few(dropped)}")
    if shared:
        notes.append(f"{name}: dropped {shared} examples whose texts are among the recorded inputs")
    described = {"name": name, "left": len(left), "shared_texts_dropped": shared, "labels_dropped": dropped}
    answers = {label: text for label, text in task.answers.items() if label in kept}
    comparable = replace(task, labels=tuple(kept), answers=answers, train=tuple(left), test=())
    return Labelled(comparable, tuple(kept.values()), described, notes)


def _shares(row: Example, known: set[str]) -> bool:
    return any(bare(text) in known for text in (row.text, row.text_pair) if text is not None)


def _few(texts: Iterable[str]) -> str:
    return ", ".join(texts)[:200]
