"""Which prompt of an LLM is best for a task? Answered from vectors and recorded answers, without any label.

FUTE compares a task's embedding (DTE) with that of the LLM under each prompt (MTE). The other methods read the answers
alone (`registry.prompts.scores`). Needs no torch: everything that an LLM says was recorded when it was embedded.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EmbeddingRecord, SpaceRecord
from registry.catalog.predictions import CONTENT_FREE, joined
from registry.data.predictions import Predictions
from registry.errors import InputError, NotEmbeddedError
from registry.kinds import EntryKind
from registry.metrics import spearman
from registry.prompts.scores import (
    METHODS,
    PERPLEXITY,
    calibrated,
    expected_agreement,
    hard,
    score_prompts,
    spread,
)
from registry.prompts.scores import (
    PromptScores as Scores,
)
from registry.results import Cell, Table
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

FUTE = "fute"
SELF_SELECT = "self-select"  # the LLM's own choice, which needs the LLM: see `embedders.black_boxes.self_select`
BY = (FUTE, *METHODS, PERPLEXITY, SELF_SELECT)

# Below these there is nothing to go by. Prompts that answer 300 to 900 sentences at random have a likeness to a task of
# 0.08 at most in standard deviation, and 0.21 was the most in 320 draws; the other two are plain shares of the texts.
LEAST_LIKENESS = 0.3
LEAST_SPREAD = 0.05
LEAST_DIFFERENT = 0.01


@dataclass(frozen=True)
class PromptAdvice:
    """One prompt, and what every method says of it."""

    rank: int
    name: str  # of the prompt
    score: float  # by the method that was asked for; higher is better
    similarity: float  # of its embedding to the task's, before centring
    spread: float  # of its answers: 0 where all are alike
    ranks: dict[str, int]  # method -> rank among the prompts, 1 is best

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        own: dict[str, Cell] = {"rank": self.rank, "prompt": self.name, "score": self.score}
        return {**own, "similarity": self.similarity, "spread": self.spread, **self.ranks}


class PromptRanking(Table[PromptAdvice]):
    """The prompts of an LLM for a task, best first.

    `agreement` is the mean rank correlation of the method asked for with each of the others. `doubt` says why there is
    not enough evidence, None where there is.
    """

    def __init__(
        self,
        rows: Sequence[PromptAdvice],
        *,
        query: "PromptQuery",
        space: str,
        agreement: float | None,
        doubt: str | None,
        notes: Sequence[str],
    ) -> None:
        whose = "" if query.like is None else f", by the labels of {query.like}"
        super().__init__(
            rows, title=f"prompts of {query.model} for {query.task}, by {query.by}{whose}, in space {space}"
        )
        self.query = query
        self.space = space
        self.agreement = agreement
        self.doubt = doubt
        self.notes = tuple(notes)

    def as_json(self) -> dict[str, Any]:
        """Return the ranking as JSON values."""
        return {
            **vars(self.query),
            "space": self.space,
            "agreement": self.agreement,
            "enough_evidence": self.doubt is None,
            "doubt": self.doubt,
            "notes": list(self.notes),
            "prompts": [vars(row) for row in self],
        }


@dataclass(frozen=True)
class PromptQuery:
    """A question for the best prompt."""

    task: str
    model: str
    by: str = FUTE
    like: str | None = None  # whose DTE is used; None for the task's own
    calibration: str = "none"


@dataclass
class PromptPredictions:
    """What an LLM answered under each of its prompts, on the corpus of one space; all chose from the same answers."""

    prompts: list[str]
    vectors: NDArray[np.float32]  # (prompts, dimension)
    predictions: tuple[Predictions, ...]  # one for each prompt, columns in the same order, a row for each input
    free: tuple[Predictions, ...] | None  # the same of inputs that say nothing, where they are known of all prompts
    notes: list[str] = field(default_factory=list)

    @property
    def answers(self) -> tuple[str, ...]:
        """The texts of the answers, one per column."""
        return self.predictions[0].answers

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


def best_prompt(
    catalog: Catalog,
    query: PromptQuery,
    *,
    limit: int = 5,
    space: str | None = None,
    more: Mapping[str, Mapping[str, float]] | None = None,
) -> PromptRanking:
    """Rank an LLM's prompts for a task.

    Args:
        more: scores of the prompts by further methods, `self-select` among them.

    Raises:
        InputError: there is no such method or calibration, or nothing that it could read.
        NotEmbeddedError: the task, or no prompt of the model, has a vector in the space.
    """
    if query.by not in BY:
        raise InputError(f"No method {query.by!r}: there are {', '.join(BY)}.")
    record = catalog.spaces.get(space)
    target = _target(catalog, query, record)
    outputs = outputs_of_prompts(catalog, query.model, record)
    spec = SpaceSpec.from_document(record.spec)
    similarity = likeness(outputs.vectors, target, spec)
    answered = calibrated(outputs.table, query.calibration, outputs.content_free)
    as_embedded = _as_embedded(outputs.table, str(spec.parameters["answers"]))
    has_map = "map" in spec.facets.names
    ours = expected_agreement(similarity, as_embedded) if has_map else similarity
    others = {name: np.array([its[prompt] for prompt in outputs.prompts]) for name, its in (more or {}).items()}
    scores = {FUTE: ours, **score_prompts(answered, outputs.prompt_prob), **others}
    _check_scored(query.by, scores)
    ranks = {name: _ranks(its) for name, its in scores.items()}
    order = np.lexsort((np.arange(len(outputs.prompts)), -scores[query.by]))
    spreads = spread(as_embedded)
    rows = [
        PromptAdvice(
            place,
            outputs.prompts[i],
            float(scores[query.by][i]),
            float(similarity[i]),
            float(spreads[i]),
            {name: int(its[i]) for name, its in ranks.items()},
        )
        for place, i in enumerate(order[:limit].tolist(), start=1)
    ]
    doubt = why_in_doubt(outputs.table, scores[query.by], similarity if query.by == FUTE and has_map else None)
    agreement = _agreement(scores, query.by)
    return PromptRanking(rows, query=query, space=record.name, agreement=agreement, doubt=doubt, notes=outputs.notes)


def outputs_of_prompts(catalog: Catalog, model: str, space: SpaceRecord) -> PromptPredictions:
    """Return what a space knows of an LLM under its prompts; notes say which prompts are left out, and why.

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
        raise NotEmbeddedError(f"{name}@{prompts[0]}", space.name, ())
    corpus = space.corpus_version_id
    assert corpus is not None, "a space without corpus embeds no models"  # noqa: S101
    chunks = catalog.predictions.chunks_of(held, corpus)
    answers = {version: joined(one) for version, one in chunks.items()}
    kept = _comparable(answers)
    made = _aligned([held[i] for i in kept], [answers[i] for i in kept], [chunks[i].get(CONTENT_FREE) for i in kept])
    if len(held) < len(prompts):
        count = len(prompts) - len(held)
        made.notes.append(
            f"{_prompts(count)} without a vector in space {space.name}: run 'fute embed {name} --space {space.name}'"
        )
    if len(kept) < len(held):
        first = next(record for version, record in held.items() if version not in kept)
        count = len(held) - len(kept)
        made.notes.append(f"{_prompts(count)} left out, which choose from other answers: {_prompt(first)} ...")
    _note_missing(made, name)
    return made


def _note_missing(outputs: PromptPredictions, model: str) -> None:
    """Say how many inputs are left out because some prompt has no answer to them; refuse where none is left."""
    asked = len(outputs.predictions[0])
    if not len(outputs.rows):
        raise InputError(f"None of the {asked} texts has an answer of {model!r} under every prompt.")
    if len(outputs.rows) < asked:
        missing = sum(sum(own.counts().values()) for own in outputs.predictions)
        outputs.notes.append(
            f"{asked - len(outputs.rows)} of {asked} texts are left out: under some prompt they have no answer "
            f"({missing} of {asked * len(outputs.predictions)} answers are missing)"
        )


def _prompts(count: int) -> str:
    return f"{count} prompt is" if count == 1 else f"{count} prompts are"


def likeness(vectors: NDArray[np.float32], target: NDArray[np.float32], spec: SpaceSpec) -> Scores:
    """Return the cosines of MTEs with a DTE, of the map facet where there is one, else of the whole, (prompts,).

    They are taken before centring: what the prompts of one LLM have in common is what is asked about, and a space of
    few tasks has no mean to speak of.
    """
    part = spec.facets.segment("map") or slice(None)
    return np.asarray(unit(vectors[:, part]) @ unit(target[None, part])[0], np.float64)


def why_in_doubt(table: NDArray[np.float64], scores: Scores, similarity: Scores | None) -> str | None:
    """Say why there is not enough evidence to choose by, None where there is.

    Args:
        table: (prompts, inputs, choices).
        scores: of the prompts, by the method that chooses.
        similarity: of the prompts' maps to the task's; None where another method chooses.
    """
    if len(table) < 2:
        return "there is only one prompt"
    said = table.argmax(axis=-1)  # (prompts, inputs)
    widest = float(spread(hard(table)).max())
    if widest < LEAST_SPREAD:
        return f"under every prompt the LLM gives nearly always one answer (spread at most {widest:.2f})"
    different = float((said != said[:1]).any(axis=0).mean())
    if different < LEAST_DIFFERENT:
        return f"the prompts answer alike: they differ on {different:.1%} of the texts"
    first = int((scores == scores.max()).sum())
    if first > 1:
        return f"{first} prompts are equally good"
    if similarity is not None and float(similarity.max()) < LEAST_LIKENESS:
        return f"no prompt answers as the task does: the nearest has {float(similarity.max()):.2f}, chance reaches 0.21"
    return None


def _check_scored(by: str, scores: Mapping[str, Scores]) -> None:
    if by in scores:
        return
    if by == SELF_SELECT:
        raise InputError(
            "Ask the LLM what it would choose, and give its scores: see embedders.black_boxes.self_select."
        )
    raise InputError(f"Nothing was recorded of the prompts' own probabilities, so not by {by}.")


def _target(catalog: Catalog, query: PromptQuery, space: SpaceRecord) -> NDArray[np.float32]:
    name = query.like or query.task
    if query.like is not None:
        catalog.entries.get(query.task)  # what the answer is for should be known too
    entry = catalog.entries.get(name, EntryKind.TASK)
    found = catalog.embeddings.get(entry.version_id, space.id)
    if found is None:
        raise NotEmbeddedError(name, space.name, catalog.embeddings.spaces_of(entry.version_id))
    return found.vector


def _comparable(answers: Mapping[int, Predictions]) -> list[int]:
    """Return the versions that were asked as many texts, and choose from as many answers, as most."""
    shapes = {version: one.probabilities.shape for version, one in answers.items()}
    counted = Counter(shapes.values())
    usual = max(counted, key=lambda shape: counted[shape])
    return [version for version, shape in shapes.items() if shape == usual]


def _aligned(
    held: Sequence[EmbeddingRecord], answers: Sequence[Predictions], free: Sequence[Predictions | None]
) -> PromptPredictions:
    """Bring the answers into the same columns: a column means the same under every prompt."""
    first = answers[0].answers
    content_free = tuple(own.in_columns(first) for own in free if own is not None)
    return PromptPredictions(
        [_prompt(record) for record in held],
        np.stack([record.vector for record in held]),
        tuple(own.in_columns(first) for own in answers),
        content_free if len(content_free) == len(answers) else None,
    )


def _as_embedded(table: NDArray[np.float64], answers: str) -> NDArray[np.float64]:
    """Return the answers of which a space makes its MTEs."""
    if answers == "hard":
        return hard(table)
    return calibrated(table, "batch" if answers == "calibrated" else "none")


def _ranks(scores: Scores) -> NDArray[np.int64]:
    """Return ranks from 1, equals having the same."""
    return np.asarray(1 + (scores[None, :] > scores[:, None]).sum(axis=1), np.int64)


def _agreement(scores: Mapping[str, Scores], by: str) -> float | None:
    """Return the mean rank correlation of one method's scores with those of each other; None where there is none."""
    if len(scores[by]) < 3:
        return None
    found = [spearman(scores[by], its) for name, its in scores.items() if name != by]
    return float(np.mean(found)) if found else None


def _prompt(record: EmbeddingRecord) -> str:
    return record.name.partition("@")[2]
