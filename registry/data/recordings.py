"""Recorded outputs: what a model, or an LLM under many prompts, has answered elsewhere."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from registry.data.inputs import Input, dump_corpus
from registry.data.predictions import Predictions
from registry.errors import DataError
from registry.files.lines import parse_lines

OUTPUTS = "outputs"  # the role of the answers' probabilities
TABLES = {OUTPUTS, "prompt_prob", "content_free"}  # roles of what the catalog keeps of a recording, as arrays
CONTENT_FREE = ("empty", "na", "mask")  # inputs that say nothing, as Zhao et al. (2021) use them


@dataclass(frozen=True)
class Recording:
    """What one model, or one model under one prompt, answered to each of its inputs."""

    inputs: tuple[Input, ...]
    predictions: Predictions
    content_free: Predictions | None = None  # (3, answers), for inputs that say nothing

    def contents(self) -> dict[str, bytes]:
        """Return what the catalog keeps."""
        tables = {
            OUTPUTS: self.predictions.probabilities,
            "prompt_prob": self.predictions.prompt_prob,
            "content_free": None if self.content_free is None else self.content_free.probabilities,
        }
        held = {role: _dumped(table) for role, table in tables.items() if table is not None}
        if self.predictions.missing is not None:
            held["missing"] = self.predictions.missing.astype(np.uint8).tobytes()
        return {"inputs": dump_corpus(self.inputs), **held}

    @classmethod
    def from_contents(cls, answers: Sequence[str], contents: Mapping[str, bytes]) -> "Recording":
        """Read back what the catalog holds."""
        inputs = _inputs(contents["inputs"])
        tables = {role: _loaded(contents[role]) for role in TABLES & contents.keys()}
        missing = np.frombuffer(contents["missing"], np.uint8).copy() if "missing" in contents else None
        free = tables.get("content_free")
        return cls(
            inputs,
            Predictions(tuple(answers), tables[OUTPUTS], tables.get("prompt_prob"), missing),
            None if free is None else Predictions(tuple(answers), free),
        )


@dataclass(frozen=True)
class RecordedPrompt:
    """A prompt of a recorded LLM, with what the LLM answered under it."""

    name: str
    template: str
    choices: tuple[str, ...]
    recording: Recording


@dataclass(frozen=True)
class PromptNote:
    """What `prompts.jsonl` says of a prompt."""

    name: str
    template: str
    choices: tuple[str, ...]
    accuracy: float | None = None  # as whoever recorded it measured it


@dataclass(frozen=True)
class RecordedLLM:
    """The scores that were recorded of an LLM under many prompts, as a file holds them: not normalised yet."""

    inputs: tuple[Input, ...]
    labels: tuple[str, ...] | None  # the right answers, for scoring only; None where an input has none
    prompts: tuple[PromptNote, ...]
    log_prob: NDArray[np.float64]  # (prompts, inputs, choices), log p(choice | input, prompt), not normalised
    prompt_prob: NDArray[np.float64] | None  # (prompts, inputs), mean probability of the prompt's tokens
    content_free: NDArray[np.float64] | None  # (3, prompts, choices), log_prob of an empty, an n/a and a masked input

    def right(self) -> NDArray[np.int64] | None:
        """Return the column of each input's right answer under each prompt, (prompts, inputs); None without labels.

        A label is looked up among the prompt's own choices, and where it is none of them, among those of the first
        prompt that knows all labels: a column means the same under every prompt. Raises `DataError` if none does.
        """
        if self.labels is None:
            return None
        needed = set(self.labels)
        common = next((note.choices for note in self.prompts if needed <= set(note.choices)), None)
        made = []
        for note in self.prompts:
            choices = note.choices if needed <= set(note.choices) else common
            if choices is None:
                strange = needed.difference(*(other.choices for other in self.prompts)) or needed
                raise DataError("inputs.jsonl", f"has labels that no prompt has as choices: {_few(strange)}.")
            made.append([choices.index(label) for label in self.labels])
        return np.array(made, np.int64)


@lru_cache(maxsize=1)  # the prompts of an LLM have the same
def _inputs(body: bytes) -> tuple[Input, ...]:
    return tuple(Input(row["text"], row.get("text_pair")) for row in parse_lines(body, "recorded inputs"))


def _few(labels: set[str]) -> str:
    return ", ".join(sorted(labels))[:200]


def _dumped(table: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, table.astype("<f4"), allow_pickle=False)
    return buffer.getvalue()


def _loaded(body: bytes) -> NDArray[np.float32]:
    return np.asarray(np.load(io.BytesIO(body), allow_pickle=False), np.float32)
