"""Recorded outputs: what a model has answered elsewhere, read as data.

Either a file of lines `text`, `answer` (and `text_pair`), or a recorded LLM: a folder with `inputs.jsonl`,
`prompts.jsonl` and `outputs.npz`.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.data.inputs import Input, input_of
from registry.data.predictions import Predictions
from registry.data.probabilities import softmax
from registry.data.recordings import CONTENT_FREE, PromptNote, RecordedLLM, RecordedPrompt, Recording
from registry.data.spelling import as_heard
from registry.errors import DataError
from registry.files.arrays import as_numbers, read_arrays
from registry.files.lines import numbered_lines, parse_lines
from registry.files.whole import read_file
from registry.names import normal
from registry.reading.answer_columns import cell_text, spellings

ROUNDED = 1e-3  # that a log probability of 0 may be above it
Arrays = dict[str, NDArray[np.float64]]

log = logging.getLogger("registry")


def read_answers(path: Path) -> Recording:
    """Read a file of answered inputs: one answer per line becomes a certain one, written as in a table of answers."""
    said: dict[Input, str] = {}
    for number, row in numbered_lines(read_file(path), path):
        place = f"{path} line {number}"
        asked = input_of(row, place)
        if not isinstance(row.get("answer"), str) or not row["answer"]:
            raise DataError(place, "has no text in 'answer'.")
        answer = cell_text(normal(row["answer"]))
        if answer is None:
            raise DataError(place, f"has the answer {row['answer']!r}, which is none: leave the line out.")
        if as_heard(said.setdefault(asked, answer)) != as_heard(answer):
            raise DataError(place, "gives another answer to a text that was answered above.")
    written, told = spellings(said.values())
    if told:
        log.warning("%s: %s.", path, told)
    texts = [written[answer] for answer in said.values()]
    answers = tuple(sorted(set(texts)))
    if len(answers) < 2:
        raise DataError(str(path), "has one and the same answer throughout: nothing to learn from.")
    return Recording(tuple(said), Predictions.from_texts(texts, answers))


def read_llm(folder: Path) -> list[RecordedPrompt]:
    """Read a recorded LLM, one item per prompt; probabilities are normalised over the choices."""
    llm = read_recorded_llm(folder)
    own = [None] * len(llm.prompts) if llm.prompt_prob is None else llm.prompt_prob.astype(np.float32)
    free = None if llm.content_free is None else _probabilities(llm.content_free).swapaxes(0, 1)
    return [
        RecordedPrompt(
            note.name,
            note.template,
            note.choices,
            Recording(
                llm.inputs,
                Predictions(note.choices, _probabilities(llm.log_prob[number]), own[number]),
                None if free is None else Predictions(note.choices, free[number]),  # (3, choices)
            ),
        )
        for number, note in enumerate(llm.prompts)
    ]


def read_recorded_llm(folder: Path) -> RecordedLLM:
    """Read all that was recorded of an LLM; what only some methods need may be missing.

    Raises:
        DataError: a file is faulty, or an array has another shape than `log_prob` calls for.
    """
    rows, inputs, lines, notes, held = _recorded(folder)
    log_prob = held["log_prob"]
    place = folder / "outputs.npz"
    names = [note.name for note in notes]
    for name in names:
        if names.count(name) > 1:
            raise DataError(str(folder / "prompts.jsonl"), f"names two prompts {name!r}.")
    labels = tuple(row["label"] for row in rows if isinstance(row.get("label"), str))
    accuracy = [_accuracy(line, f"{folder / 'prompts.jsonl'} line {n}") for n, line in enumerate(lines, start=1)]
    prompt_prob = _optional(held, "prompt_prob", log_prob.shape[:2], place)
    if prompt_prob is not None and not (prompt_prob > 0).all():
        raise DataError(str(place), "prompt_prob holds values that are not above 0.")
    free = [_optional(held, f"log_prob_{name}", log_prob[:, 0].shape, place) for name in CONTENT_FREE]
    return RecordedLLM(
        inputs,
        labels if len(labels) == len(rows) else None,
        tuple(replace(note, accuracy=fraction) for note, fraction in zip(notes, accuracy, strict=True)),
        log_prob,
        prompt_prob,
        np.stack([scores for scores in free if scores is not None])
        if all(scores is not None for scores in free)
        else None,
    )


def _recorded(
    folder: Path,
) -> tuple[
    list[dict[str, Any]], tuple[Input, ...], list[dict[str, Any]], list[PromptNote], dict[str, NDArray[np.float64]]
]:
    """Return the lines and what they mean, of inputs and of prompts, and the arrays: log_prob is among them."""
    rows = parse_lines(read_file(folder / "inputs.jsonl"), folder / "inputs.jsonl")
    lines = parse_lines(read_file(folder / "prompts.jsonl"), folder / "prompts.jsonl")
    inputs = tuple(input_of(row, f"{folder / 'inputs.jsonl'} input {n}") for n, row in enumerate(rows, start=1))
    held = _arrays(folder / "outputs.npz")
    log_prob = held["log_prob"]  # (prompts, inputs, choices)
    if log_prob.ndim != 3 or log_prob.shape[:2] != (len(lines), len(inputs)):
        shape = f"({len(lines)}, {len(inputs)}, choices)"
        raise DataError(str(folder / "outputs.npz"), f"log_prob has shape {log_prob.shape}, not {shape}.")
    if not np.isfinite(log_prob).all():
        raise DataError(str(folder / "outputs.npz"), "log_prob holds values that are not finite.")
    if log_prob.max(initial=0.0) > ROUNDED:
        mend = "probabilities as their logarithms, which are 0 at most."
        raise DataError(str(folder / "outputs.npz"), f"log_prob holds values above 0: record {mend}")
    place = folder / "prompts.jsonl"
    notes = [_prompt(line, log_prob.shape[2], f"{place} line {n}") for n, line in enumerate(lines, start=1)]
    return rows, inputs, lines, notes, held


def _prompt(row: dict[str, Any], width: int, place: str) -> PromptNote:
    name, template, choices = row.get("name"), row.get("template"), row.get("choices")
    if not isinstance(name, str) or not isinstance(template, str):
        raise DataError(place, "needs a 'name' and a 'template'.")
    if not isinstance(choices, list) or len(choices) != width or not all(isinstance(c, str) for c in choices):
        raise DataError(place, f"needs {width} 'choices', as many as outputs.npz has.")
    if width < 2:
        raise DataError(place, "has fewer than two choices: nothing to learn from.")
    if len(set(map(normal, choices))) < width:
        raise DataError(place, "has a choice twice: which of them was meant cannot be told.")
    return PromptNote(name, template, tuple(choices))


def _accuracy(row: dict[str, Any], place: str) -> float | None:
    accuracy = row.get("accuracy")
    if accuracy is None:
        return None
    if type(accuracy) not in (int, float) or not 0 <= accuracy <= 1:
        raise DataError(place, "'accuracy' is not a fraction.")
    return float(accuracy)


def _arrays(path: Path) -> Arrays:
    """Return the arrays of a recording, of which it must have `log_prob`."""
    wanted = ("log_prob", "prompt_prob", *(f"log_prob_{name}" for name in CONTENT_FREE))
    held = read_arrays(path, wanted, "recorded scores")
    if "log_prob" not in held:
        raise DataError(str(path), "holds no array 'log_prob'.")
    return {name: as_numbers(array, name, path) for name, array in held.items()}


def _optional(held: Arrays, name: str, shape: tuple[int, ...], place: Path) -> NDArray[np.float64] | None:
    array = held.get(name)
    if array is None:
        return None
    if array.shape != shape or not np.isfinite(array).all():
        raise DataError(str(place), f"{name} is not an array of finite numbers of shape {shape}.")
    return array


def _probabilities(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return probabilities over the choices of log probabilities (..., choices)."""
    return softmax(scores).astype(np.float32)
