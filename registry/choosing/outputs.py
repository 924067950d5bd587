"""What an LLM answered under each of its prompts to the texts of a space."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EmbeddingRecord, EntryRecord, SpaceRecord
from registry.catalog.predictions import CONTENT_FREE, joined
from registry.choosing.asked import Comparable, columns_of, comparable, corpus_of
from registry.choosing.vocabulary import words_of_labels
from registry.data.models import ModelKind, ModelSpec
from registry.data.predictions import Predictions
from registry.errors import InputError, NotEmbeddedError
from registry.kinds import EntryKind
from registry.names import folded, listed

SHOWN = 5  # prompts that a note says how to remove


@dataclass(frozen=True, eq=False)
class PromptPredictions:
    """What an LLM answered under each of its prompts, on the corpus of one space; all chose from the same answers."""

    prompts: list[str]
    vectors: NDArray[np.float32]  # (prompts, dimension)
    versions: list[int]  # of the entries MODEL@PROMPT
    asked: NDArray[np.int64]  # the rows of the corpus that are the inputs, (inputs,)
    predictions: tuple[Predictions, ...]  # one for each prompt, columns in the same order, a row for each input
    free: tuple[Predictions, ...] | None  # the same of inputs that say nothing, where they are known of all prompts
    notes_on_prompts: tuple[str, ...] = ()  # for whoever compares them

    @property
    def notes(self) -> tuple[str, ...]:
        """All that is to be told to who compares them by `rows`, not by all inputs."""
        asked, whole, voters = len(self.predictions[0]), len(self.rows), len(self.predictions)
        if whole == asked:
            return self.notes_on_prompts
        missing = sum(sum(own.counts().values()) for own in self.predictions)
        left_out = (
            f"{asked - whole} of {asked} texts are left out: under some prompt they have no answer "
            f"({missing} of {asked * voters} answers are missing)"
        )
        return (*self.notes_on_prompts, *([left_out] if whole else []))

    @property
    def answers(self) -> tuple[str, ...]:
        """The texts of the answers, one per column."""
        return self.predictions[0].answers

    @property
    def said(self) -> dict[str, Predictions]:
        """What was answered under each prompt."""
        return dict(zip(self.prompts, self.predictions, strict=True))

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Which of the inputs have an answer under every prompt: those that prompts are compared by, (inputs,)."""
        return np.flatnonzero(np.all([own.is_answered for own in self.predictions], axis=0))

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """The probabilities of the answers to these inputs, (prompts, inputs, choices), rows add up to 1."""
        return np.stack([own.probabilities[self.rows] for own in self.predictions]).astype(np.float64)

    @cached_property
    def prompt_prob(self) -> NDArray[np.float64] | None:
        """How likely the filled-in prompts are to the LLM, (prompts, inputs); None where that is not known of all."""
        known = [own.prompt_prob[self.rows] for own in self.predictions if own.prompt_prob is not None]
        return np.stack(known).astype(np.float64) if len(known) == len(self.predictions) else None

    @cached_property
    def content_free(self) -> NDArray[np.float64] | None:
        """The log probabilities for inputs that say nothing, (3, prompts, choices)."""
        if self.free is None:
            return None
        table = np.stack([own.probabilities for own in self.free], axis=1)
        return np.log(np.maximum(table, 1e-12)).astype(np.float64)


def outputs_of_prompts(
    catalog: Catalog, model: str, space: SpaceRecord, task: EntryRecord | None = None
) -> PromptPredictions:
    """Return what a space knows of an LLM under its prompts; notes say which prompts are left out, and why.

    Args:
        catalog: where it is kept.
        model: the LLM.
        space: whose texts it was asked.
        task: prompts that choose from some of its labels are taken; None, or where none does, those that choose from
            the same answers as most.

    Raises:
        NotEmbeddedError: no prompt of the model has a vector in the space.
        InputError: the model has no prompts.
    """
    entry = catalog.entries.get(model, EntryKind.MODEL)
    name = entry.name
    if entry.version_id != catalog.entries.get(name).version_id:
        raise InputError(f"Prompts are compared of the latest version of {name!r}: ask for {name!r} alone.")
    prompts = catalog.entries.prompts_of(name)
    if not prompts:
        raise InputError(f"{name!r} has no prompts here: embed it under some, 'fute embed {name}@PROMPT'.")
    held = catalog.embeddings.prompted(space.id, name)
    if not held:
        raise _unheard(catalog, name, prompts, space)
    chunks = catalog.predictions.chunks_of(held, corpus_of(space))
    answers = {version: said for version, one in chunks.items() if len(said := joined(one))}
    notes = [
        *_not_embedded(len(prompts) - len(held), name, space),
        *_without_answers(held.keys() - answers.keys(), held, name, space),
    ]
    words = frozenset() if task is None else words_of_labels(task)
    found = comparable(catalog, space, {version: version for version in answers}, answers, words)
    for those, why in found.left_out:
        names = listed([_prompt(held[version]) for version in those])
        notes.append(f"{_prompts(len(those))} left out, which {why}: {names}")
    free = [chunks[version].get(CONTENT_FREE) for version in found.kept]
    made = _aligned([held[version] for version in found.kept], found, [answers[one] for one in found.kept], free)
    notes += [*_outdated(catalog, made, entry), *_without_rows(made, name)]
    return replace(made, notes_on_prompts=tuple(notes))


def check_complete(outputs: PromptPredictions, model: str) -> None:
    """Raise `InputError` where no input has an answer under every prompt."""
    if not len(outputs.rows):
        asked = len(outputs.predictions[0])
        raise InputError(f"None of the {asked} texts has an answer of {model!r} under every prompt.")


def _not_embedded(count: int, model: str, space: SpaceRecord) -> list[str]:
    """Say how many prompts have no vector yet."""
    mend = f"run 'fute embed {model} --space {space.name}'"
    return [f"{_prompts(count)} without a vector in space {space.name}: {mend}"] if count else []


def _outdated(catalog: Catalog, outputs: PromptPredictions, model: EntryRecord) -> list[str]:
    """Say which answers are those of an older version of the model, or to an older version of the prompt."""
    specs, prompts = catalog.entries.specs(outputs.versions), catalog.entries.called(outputs.prompts)
    old, gone = [], []
    for prompt, version in zip(outputs.prompts, outputs.versions, strict=True):
        spec, newest = ModelSpec.from_document(specs[version]), prompts.get(folded(prompt))
        is_of_newest = spec.model == f"{model.name}:{model.version}"
        if spec.kind is ModelKind.RECORDED and not is_of_newest:
            gone.append(f"{model.name}@{prompt}")
        elif not is_of_newest or newest is None or spec.prompt != f"{newest.name}:{newest.version}":
            old.append(f"{spec.model}@{spec.prompt}")
    notes = []
    if old:
        more = " ..." if len(old) > 1 else ""
        notes.append(
            f"{_prompts(len(old))} judged by answers of older versions, {old[0]}{more}: run 'fute embed {model.name}'"
        )
    if gone:
        notes.append(
            f"{_prompts(len(gone))} judged by answers that are not in the newest table of {model.name}: "
            f"'fute model remove {' '.join(gone[:SHOWN])}{' ...' if gone[SHOWN:] else ''}' leaves them out"
        )
    return notes


def _without_rows(outputs: PromptPredictions, model: str) -> list[str]:
    """Say that no input has an answer under every prompt."""
    if len(outputs.rows):
        return []
    none = f"none of the {len(outputs.predictions[0])} texts has an answer of {model} under every prompt"
    return [f"{none}: methods but accuracy say nothing"]


def _prompts(count: int) -> str:
    return f"{count} prompt is" if count == 1 else f"{count} prompts are"


def _unheard(catalog: Catalog, model: str, prompts: Sequence[str], space: SpaceRecord) -> InputError:
    """Return the error that a model has answered none of a space's texts, with the spaces where it has."""
    pairs = [catalog.entries.get(f"{model}@{prompt}") for prompt in prompts]
    there = sorted({name for pair in pairs for name in catalog.embeddings.spaces_of(pair.version_id)})
    if not there:
        return NotEmbeddedError(model, space.name, ())  # by its name all its prompts are embedded
    return InputError(
        f"{model!r} has answered no texts of space {space.name!r}, but those of {', '.join(there)}: "
        f"take '--space {there[0]}'."
    )


def _without_answers(
    versions: Set[int], held: Mapping[int, EmbeddingRecord], model: str, space: SpaceRecord
) -> list[str]:
    """Say whose answers are not recorded, though they have vectors; raise `InputError` where that are all."""
    again = f"'fute embed {model} --space {space.name} --again' asks again"
    if len(versions) == len(held):
        raise InputError(f"No answers of {model!r} to the texts of space {space.name!r} are recorded: {again}.")
    names = [_prompt(record) for version, record in held.items() if version in versions]
    return [f"{_prompts(len(names))} left out, of which no answers are recorded ({again}): {listed(names)}"] * (
        len(names) > 0
    )


def _aligned(
    held: Sequence[EmbeddingRecord],
    found: Comparable[int],
    answers: Sequence[Predictions],
    free: Sequence[Predictions | None],
) -> PromptPredictions:
    """Bring the answers into the same columns: a column means the same under every prompt."""
    columns = columns_of(own.answers for own in answers)
    content_free = tuple(own.in_columns(columns) for own in free if own is not None)
    return PromptPredictions(
        [_prompt(record) for record in held],
        np.stack([record.vector for record in held]),
        found.kept,
        found.asked,
        tuple(own.in_columns(columns) for own in answers),
        content_free if len(content_free) == len(answers) else None,
    )


def _prompt(record: EmbeddingRecord) -> str:
    return record.name.partition("@")[2]
