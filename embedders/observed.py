"""What an embedding is made from: inputs, the answers they could have, and the answers they got."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.formats.corpora import Input
from registry.formats.tasks import Example, TaskData


@dataclass(frozen=True)
class Observed:
    """Labelled inputs. The labels come from a dataset (DTE) or from a black box (MTE); methods see no difference."""

    inputs: tuple[Input, ...]
    answers: tuple[str, ...]  # the distinct texts of all answers
    options: NDArray[np.int64]  # (inputs, most options): which answers each input could have; -1 pads
    probabilities: NDArray[np.float32]  # (inputs, most options), rows add up to 1

    @property
    def has_fixed_options(self) -> bool:
        """Whether every input has the same options, as in classification."""
        return bool((self.options == self.options[:1]).all())


def from_task(task: TaskData, *, examples: int, seed: int) -> Observed:
    """Return a seeded sample of a task's training examples, in an order that the seed decides."""
    order = np.random.default_rng(seed).permutation(len(task.train))[:examples]
    rows = [task.train[i] for i in order]
    if task.labels is not None:
        texts = tuple(task.answers.get(label, label) for label in task.labels)
        chosen = np.array([task.labels.index(row.label) for row in rows])
        return from_answers(_inputs(rows), texts, np.eye(len(texts), dtype=np.float32)[chosen])
    answers = tuple(dict.fromkeys(choice for row in rows for choice in row.choices or ()))
    number = {text: i for i, text in enumerate(answers)}
    width = max(len(row.choices or ()) for row in rows)
    options = np.full((len(rows), width), -1, np.int64)
    right = np.zeros((len(rows), width), np.float32)
    for i, row in enumerate(rows):
        choices = row.choices or ()
        options[i, : len(choices)] = [number[text] for text in choices]
        right[i, choices.index(row.label)] = 1.0
    return Observed(_inputs(rows), answers, options, right)


def from_answers(
    inputs: tuple[Input, ...],
    answers: tuple[str, ...],
    probabilities: NDArray[np.float32],
    *,
    hard: bool = False,
) -> Observed:
    """Return what a black box said of inputs.

    Args:
        answers: the texts of its answers, as many as columns.
        probabilities: (inputs, answers).
        hard: keep only the likeliest answer of each input; the first of equals.
    """
    if hard:
        probabilities = np.eye(len(answers), dtype=np.float32)[probabilities.argmax(axis=1)]
    options = np.tile(np.arange(len(answers), dtype=np.int64), (len(inputs), 1))
    return Observed(inputs, answers, options, probabilities.astype(np.float32))


def _inputs(rows: list[Example]) -> tuple[Input, ...]:
    return tuple(Input(row.text, row.text_pair) for row in rows)
