"""What an embedding is made from: inputs, the answers they could have, and the answers they got."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData

DISTRACTORS = 7  # answers of other examples beside the right one, where a question has no choices of its own
PASSAGE = 400  # characters of a long context that are kept around the answer in it


@dataclass(frozen=True)
class Observed:
    """Labelled inputs. The labels come from a dataset (DTE) or from a black box (MTE); methods see no difference."""

    inputs: tuple[Input, ...]
    answers: tuple[str, ...]  # the distinct texts of all answers
    options: NDArray[np.int64]  # (inputs, most options): which answers each input could have; -1 pads
    probabilities: NDArray[np.float32]  # (inputs, most options), rows add up to 1
    spans: NDArray[np.int64] | None = None  # (inputs, 2): where in the pair's second text the answer stands
    is_number: bool = False  # two options, the low and the high end of a scale
    among: tuple[Input, ...] | None = None  # what the inputs are the most part of: read as a whole

    @property
    def has_fixed_options(self) -> bool:
        """Whether every input has the same options, as in classification."""
        return bool((self.options == self.options[:1]).all())

    @property
    def distinct(self) -> NDArray[np.int64]:
        """The number of each input among those that differ, in the order of the first of each, (inputs,)."""
        numbers: dict[Input, int] = {}
        return np.array([numbers.setdefault(one, len(numbers)) for one in self.inputs], np.int64)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> "Observed":
        """Return some of the observations, in the order of `rows`."""
        chosen = np.asarray(rows, np.int64)
        return replace(
            self,
            inputs=tuple(self.inputs[i] for i in chosen),
            options=self.options[chosen],
            probabilities=self.probabilities[chosen],
            spans=None if self.spans is None else self.spans[chosen],
        )

    def likeliest(self) -> list[str]:
        """Return the text of each input's likeliest answer, the first of equals."""
        best = self.probabilities.argmax(axis=1)
        return [self.answers[row[column]] for row, column in zip(self.options, best, strict=True)]


def from_task(task: TaskData, *, examples: int, seed: int) -> Observed:
    """Return a seeded sample of a task's training examples, in an order that the seed decides."""
    random = np.random.default_rng(seed)
    rows = [task.train[i] for i in random.permutation(len(task.train))[:examples]]
    if task.labels is not None:
        chosen = np.array([task.labels.index(row.label) for row in rows])
        return from_answers(_inputs(rows), task.answer_texts, np.eye(len(task.labels), dtype=np.float32)[chosen])
    if task.kind == "regression":
        return _from_numbers(task, rows)
    if task.kind == "question-answering":
        passages = [passage(row.text_pair or "", row.answer_start or 0, row.label, random) for row in rows]
        inputs = tuple(Input(row.text, text) for row, (text, _) in zip(rows, passages, strict=True))
        starts = [start for _, start in passages]
        return from_spans(inputs, [row.label for row in rows], starts, seed=seed)
    return _from_choices(_inputs(rows), [row.label for row in rows], [row.choices for row in rows], seed=seed)


def from_answers(
    inputs: tuple[Input, ...],
    answers: tuple[str, ...],
    probabilities: NDArray[np.float32],
    *,
    hard: bool = False,
    is_number: bool = False,
) -> Observed:
    """Return what a black box said of inputs.

    Args:
        answers: the texts of its answers, as many as columns.
        probabilities: (inputs, answers).
        hard: keep only the likeliest answer of each input; the first of equals. A number is kept as it is.
        is_number: the two answers are the ends of a scale.
    """
    if hard and not is_number:
        probabilities = np.eye(len(answers), dtype=np.float32)[probabilities.argmax(axis=1)]
    options = np.tile(np.arange(len(answers), dtype=np.int64), (len(inputs), 1))
    return Observed(inputs, answers, options, probabilities.astype(np.float32), is_number=is_number)


def from_spans(
    inputs: tuple[Input, ...], answers: Sequence[str], starts: Sequence[int] | None = None, *, seed: int
) -> Observed:
    """Return questions with the answers that stand in their passages; one that does not stand there is left out.

    Args:
        inputs: (question, passage) pairs.
        answers: one text for each.
        starts: the character of the passage at which each answer begins; None to look for it.
    """
    if starts is None:
        starts = [
            (pair or "").find(answer) if answer else -1 for (_, pair), answer in zip(inputs, answers, strict=True)
        ]
    kept = [i for i, start in enumerate(starts) if start >= 0]
    texts = [answers[i] for i in kept]
    made = _from_choices(tuple(inputs[i] for i in kept), texts, [None] * len(kept), seed=seed)
    spans = np.array([(starts[i], starts[i] + len(answers[i])) for i in kept], np.int64).reshape(-1, 2)
    return Observed(made.inputs, made.answers, made.options, made.probabilities, spans=spans)


def passage(context: str, start: int, answer: str, random: np.random.Generator) -> tuple[str, int]:
    """Return at most about `PASSAGE` characters of a context with the answer somewhere in them, and where it begins.

    Whole words are kept; how much comes before the answer is drawn, so that its place says nothing.
    """
    spare = PASSAGE - len(answer)
    if len(context) <= PASSAGE or spare <= 0:
        return (context, start) if len(context) <= PASSAGE else (answer, 0)
    first = max(0, min(start - int(random.integers(0, spare + 1)), len(context) - PASSAGE))
    last = max(first + PASSAGE, start + len(answer))
    if first > 0:
        first = context.find(" ", first - 1, start) + 1 or start
    if last < len(context):
        end = context.rfind(" ", start + len(answer), last + 1)
        last = end if end >= 0 else start + len(answer)
    return context[first:last], start - first


def _from_numbers(task: TaskData, rows: Sequence[Example]) -> Observed:
    """A number is the probability of the scale's high end: 3.5 out of 0 to 5 is 0.7."""
    assert task.range is not None, "whoever reads a regression sees to it"  # noqa: S101
    low, high = task.range
    share = np.clip([(float(row.label) - low) / (high - low) for row in rows], 0.0, 1.0)
    probabilities = np.stack([1 - share, share], axis=1).astype(np.float32)
    return from_answers(_inputs(rows), task.answer_texts, probabilities, is_number=True)


def _from_choices(
    inputs: tuple[Input, ...], labels: Sequence[str], choices: Sequence[tuple[str, ...] | None], *, seed: int
) -> Observed:
    """Each input has choices of its own; without them its answer stands among answers of other examples."""
    random = np.random.default_rng((seed, 1))
    said = list(dict.fromkeys(labels))
    offered = [own if own else _distracted(label, said, random) for label, own in zip(labels, choices, strict=True)]
    answers = tuple(dict.fromkeys(choice for own in offered for choice in own))
    number = {text: i for i, text in enumerate(answers)}
    width = max((len(own) for own in offered), default=0)
    options = np.full((len(inputs), width), -1, np.int64)
    right = np.zeros((len(inputs), width), np.float32)
    for i, (own, label) in enumerate(zip(offered, labels, strict=True)):
        options[i, : len(own)] = [number[text] for text in own]
        right[i, own.index(label)] = 1.0
    return Observed(inputs, answers, options, right)


def _distracted(label: str, said: Sequence[str], random: np.random.Generator) -> tuple[str, ...]:
    drawn = dict.fromkeys(said[i] for i in random.integers(0, len(said), DISTRACTORS + 1))
    return (label, *[text for text in drawn if text != label][:DISTRACTORS])


def _inputs(rows: Sequence[Example]) -> tuple[Input, ...]:
    return tuple(Input(row.text, row.text_pair) for row in rows)
