"""The unlabelled texts on which evaluated models are asked: none that their own task knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedders.spaces import EVERYDAY, everyday_inputs
from registry.data.inputs import Input, distinct, sample_inputs
from registry.data.spelling import bare
from registry.data.tasks import TaskData
from registry.errors import InputError
from registry.formats.corpora import read_corpus

OTHERS = "others"


@dataclass(frozen=True)
class Unlabelled:
    """A corpus for each task, out of one list of inputs, so that a model need be asked but once."""

    name: str
    inputs: tuple[Input, ...]
    rows: dict[str, NDArray[np.int64]]  # task -> which of the inputs

    def for_task(self, task: str) -> tuple[Input, ...]:
        """Return the inputs on which the models of a task are observed."""
        return tuple(self.inputs[row] for row in self.rows[task])

    def described(self) -> dict[str, Any]:
        """Return its size as JSON values; `least` and `most` are the sizes of single tasks' corpora."""
        sizes = [len(rows) for rows in self.rows.values()]
        return {"name": self.name, "texts": len(self.inputs), "least": min(sizes), "most": max(sizes)}


def unlabelled(source: str, tasks: Mapping[str, TaskData], *, per_task: int, seed: int) -> Unlabelled:
    """Return the corpora of tasks: no text of a task, as either half of a pair, is in its own.

    Args:
        source: `others`, `per_task` texts of each other task; `everyday`, the texts that come with the program; or a
            file. Of the latter two, what any of the tasks knows is left out for all.
    """
    kept = _of_others(tasks, per_task, seed) if source == OTHERS else _of_nobody(source, tasks)
    for name, inputs in kept.items():
        if not inputs:
            raise InputError(f"No text is left on which to ask the models of {name}: give another --corpus.")
    union = distinct(text for inputs in kept.values() for text in inputs)
    number = {text: row for row, text in enumerate(union)}
    rows = {name: np.array(sorted(number[text] for text in inputs), np.int64) for name, inputs in kept.items()}
    corpora = Unlabelled(source if source in (OTHERS, EVERYDAY) else Path(source).name, tuple(union), rows)
    for name, task in tasks.items():
        assert texts_of(task).isdisjoint(bare(t) for text in corpora.for_task(name) for t in text if t)  # noqa: S101
    return corpora


def _of_others(tasks: Mapping[str, TaskData], per_task: int, seed: int) -> dict[str, list[Input]]:
    """Return some texts of all other tasks for each, less those that it knows."""
    drawn = {name: sample_inputs({name: task.train}, per_task=per_task, seed=seed) for name, task in tasks.items()}
    kept = {}
    for name, task in tasks.items():
        known = texts_of(task)
        offered = dict.fromkeys(text for other, inputs in drawn.items() if other != name for text in inputs)
        kept[name] = [text for text in offered if not _shares(text, known)]
    return kept


def _of_nobody(source: str, tasks: Mapping[str, TaskData]) -> dict[str, list[Input]]:
    """Return the everyday texts, or those of a file, for all tasks alike, less those that any of them knows."""
    everything = everyday_inputs() if source == EVERYDAY else read_corpus(Path(source))
    known = frozenset[str]().union(*(texts_of(task) for task in tasks.values()))
    unknown = [text for text in everything if not _shares(text, known)]
    return {name: unknown for name in tasks}


def texts_of(task: TaskData) -> frozenset[str]:
    """Return every text of a task's examples, bare; pairs as two."""
    return frozenset(
        bare(text) for row in (*task.train, *task.test) for text in (row.text, row.text_pair) if text is not None
    )


def _shares(one: Input, texts: frozenset[str]) -> bool:
    return any(bare(text) in texts for text in one if text is not None)
