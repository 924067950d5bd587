"""Recorded outputs: what a model has answered elsewhere, read as data.

Either a file of lines `text`, `answer` (and `text_pair`), or a recorded LLM: a folder with `inputs.jsonl`,
`prompts.jsonl` and `outputs.npz`.
"""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.errors import DataError
from registry.formats.corpora import Input, dump_corpus
from registry.formats.lines import numbered_lines, parse_lines, read_file

# What numpy and zipfile raise for files that are damaged, of another kind, or hold pickled objects. A single
# array (.npy) is a TypeError; an unknown compression a NotImplementedError, which is a RuntimeError.
UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    OSError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class RecordedOutputs:
    """What one model, or one model under one prompt, answered to each of its inputs."""

    inputs: tuple[Input, ...]
    answers: tuple[str, ...]  # the texts of the answers, one per column
    probabilities: NDArray[np.float32]  # (inputs, answers)

    def contents(self) -> dict[str, bytes]:
        """Return what the catalog keeps."""
        buffer = io.BytesIO()
        np.save(buffer, self.probabilities.astype("<f4"), allow_pickle=False)
        return {"inputs": dump_corpus(self.inputs), "outputs": buffer.getvalue()}


@dataclass(frozen=True)
class RecordedPrompt:
    """A prompt of a recorded LLM, with what the LLM answered under it."""

    name: str
    template: str
    choices: tuple[str, ...]
    outputs: RecordedOutputs


def read_answers(path: Path) -> RecordedOutputs:
    """Read a file of answered inputs: one answer per line becomes a certain one."""
    said: dict[Input, str] = {}
    for number, row in numbered_lines(read_file(path), path):
        place = f"{path} line {number}"
        if not isinstance(row.get("text"), str) or not isinstance(row.get("answer"), str) or not row["answer"]:
            raise DataError(place, "needs a 'text' and an 'answer', both texts.")
        if said.setdefault(Input(row["text"], _pair(row, place)), row["answer"]) != row["answer"]:
            raise DataError(place, "gives another answer to a text that was answered above.")
    answers = tuple(sorted(set(said.values())))
    if len(answers) < 2:
        raise DataError(str(path), "has one and the same answer throughout: nothing to learn from.")
    chosen = np.array([answers.index(answer) for answer in said.values()])
    return RecordedOutputs(tuple(said), answers, np.eye(len(answers), dtype=np.float32)[chosen])


def read_llm(folder: Path) -> list[RecordedPrompt]:
    """Read a recorded LLM, one item per prompt; probabilities are normalised over the choices."""
    rows = parse_lines(read_file(folder / "inputs.jsonl"), folder / "inputs.jsonl")
    prompts = parse_lines(read_file(folder / "prompts.jsonl"), folder / "prompts.jsonl")
    inputs = tuple(_input(row, f"{folder / 'inputs.jsonl'} input {n}") for n, row in enumerate(rows, start=1))
    log_prob = _array(folder / "outputs.npz", "log_prob")
    if log_prob.ndim != 3 or log_prob.shape[:2] != (len(prompts), len(inputs)):
        shape = f"({len(prompts)}, {len(inputs)}, choices)"
        raise DataError(str(folder / "outputs.npz"), f"log_prob has shape {log_prob.shape}, not {shape}.")
    if not np.isfinite(log_prob).all():
        raise DataError(str(folder / "outputs.npz"), "log_prob holds values that are not finite.")
    made = []
    for number, (row, scores) in enumerate(zip(prompts, log_prob, strict=True), start=1):
        name, template, choices = _prompt(row, scores.shape[1], f"{folder / 'prompts.jsonl'} line {number}")
        made.append(RecordedPrompt(name, template, choices, RecordedOutputs(inputs, choices, _softmax(scores))))
    return made


def outputs_of(answers: list[str], contents: dict[str, bytes]) -> RecordedOutputs:
    """Rebuild recorded outputs from what the catalog holds."""
    rows = parse_lines(contents["inputs"], "recorded inputs")
    table = np.load(io.BytesIO(contents["outputs"]), allow_pickle=False)
    inputs = tuple(Input(row["text"], row.get("text_pair")) for row in rows)
    return RecordedOutputs(inputs, tuple(answers), table.astype(np.float32))


def _input(row: dict[str, Any], place: str) -> Input:
    if not isinstance(row.get("text"), str):
        raise DataError(place, "has no 'text'.")
    return Input(row["text"], _pair(row, place))


def _pair(row: dict[str, Any], place: str) -> str | None:
    pair = row.get("text_pair")
    if pair is not None and not isinstance(pair, str):
        raise DataError(place, "'text_pair' is not a text.")
    return pair or None


def _prompt(row: dict[str, Any], width: int, place: str) -> tuple[str, str, tuple[str, ...]]:
    name, template, choices = row.get("name"), row.get("template"), row.get("choices")
    if not isinstance(name, str) or not isinstance(template, str):
        raise DataError(place, "needs a 'name' and a 'template'.")
    if not isinstance(choices, list) or len(choices) != width or not all(isinstance(c, str) for c in choices):
        raise DataError(place, f"needs {width} 'choices', as many as outputs.npz has.")
    if width < 2:
        raise DataError(place, "has fewer than two choices: nothing to learn from.")
    return name, template, tuple(choices)


def _array(path: Path, name: str) -> NDArray[np.float64]:
    try:
        with np.load(io.BytesIO(read_file(path)), allow_pickle=False) as arrays:
            return np.asarray(arrays[name], np.float64)
    except UNREADABLE as error:
        raise DataError(str(path), f"holds no readable array {name!r} ({error}).") from error


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return probabilities over the choices of log probabilities (inputs, choices)."""
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
