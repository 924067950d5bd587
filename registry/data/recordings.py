"""Recorded outputs: what a model, or an LLM under many prompts, has answered elsewhere."""

import io
import tokenize
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from registry.data.inputs import Input, dump_corpus
from registry.data.predictions import Predictions
from registry.data.spelling import numbered, plain
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

        A label is looked up among the prompt's own choices, and where these are not all labels, among those of the
        first prompt that knows all: a column means the same there. Raises `DataError` where that cannot be told.
        """
        if self.labels is None:
            return None
        return np.array([[columns[label] for label in self.labels] for columns in self._columns(self.labels)], np.int64)

    def aligned(self) -> "RecordedLLM":
        """Return the same with columns that mean the same under every prompt, in the order of the first's labels.

        Without labels nothing tells what they mean. Raises `DataError` as `right` does.
        """
        if self.labels is None:
            return self
        found = self._columns(self.labels)
        order = np.array([_in_order(own, found[0], self.log_prob.shape[2]) for own in found])  # (prompts, choices)
        free = self.content_free
        return replace(
            self,
            prompts=tuple(
                replace(note, choices=tuple(note.choices[at] for at in columns))
                for note, columns in zip(self.prompts, order.tolist(), strict=True)
            ),
            log_prob=np.take_along_axis(self.log_prob, order[:, None], axis=2),
            content_free=None if free is None else np.take_along_axis(free, order[None], axis=2),
        )

    def _columns(self, labels: Sequence[str]) -> list[dict[str, int]]:
        """Return the column of each label under each prompt."""
        needed = dict.fromkeys(labels)
        own = [_known(needed, note.choices) for note in self.prompts]
        common = next((its for its in own if len(its) == len(needed)), None)
        if common is None:
            strange = set(needed).difference(*own) or set(needed)
            raise DataError("inputs.jsonl", f"has labels that no prompt has as choices: {_few(strange)}.")
        for note, its in zip(self.prompts, own, strict=True):
            moved = [label for label, at in its.items() if at != common[label]]
            if moved and len(its) < len(needed):
                told = f"has {moved[0]!r} in another place among the choices of {note.name!r}, which are not all labels"
                raise DataError("prompts.jsonl", f"{told}: what the others mean cannot be told.")
        return [its if len(its) == len(needed) else common for its in own]


def _known(labels: Collection[str], choices: Sequence[str]) -> dict[str, int]:
    """Return the columns of the labels that are choices: in the same letters, or where these are not all, in any."""
    exact = {label: choices.index(label) for label in labels if label in choices}
    if len(exact) == len(labels):
        return exact
    column = numbered(choices)
    return {label: column[plain(label)] for label in labels if plain(label) in column}


def _in_order(own: Mapping[str, int], wanted: Mapping[str, int], width: int) -> list[int]:
    """Return which column of a prompt comes where, (choices,): its labels where they are wanted, the rest as it was."""
    at = {wanted[label]: column for label, column in own.items()}
    rest = iter(column for column in range(width) if column not in own.values())
    return [at[place] if place in at else next(rest) for place in range(width)]


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
    """Return a table; raise `ValueError` where the bytes are none."""
    try:
        return np.asarray(npy.read_array(io.BytesIO(body), allow_pickle=False), np.float32)
    except tokenize.TokenError as error:  # numpy reads a head that is cut as if it were a program
        raise ValueError("not an array") from error
