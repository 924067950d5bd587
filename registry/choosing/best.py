"""Which prompt of an LLM is best for a task? Answered from recorded answers and vectors, without any label.

Prompts are ranked by the accuracy that `registry.estimates` makes of their answers. FUTE compares a task's embedding
(DTE) with that of the LLM under each prompt (MTE). The other methods read the answers alone (see
`registry.choosing.scores`). Needs no torch: everything that an LLM says was recorded when it was embedded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EntryRecord, SpaceRecord
from registry.choosing.asked import in_one_table
from registry.choosing.given import Hints, Known, check_limit
from registry.choosing.judged import Judged, how_to_settle, judge
from registry.choosing.outputs import PromptPredictions, check_complete, outputs_of_prompts
from registry.choosing.scores import (
    METHODS,
    PERPLEXITY,
    calibrated,
    expected_agreement,
    hard,
    score_prompts,
    spread,
)
from registry.choosing.scores import (
    PromptScores as Scores,
)
from registry.errors import InputError, NotEmbeddedError
from registry.estimates.estimate import Estimate
from registry.kinds import EntryKind
from registry.metrics import spearman
from registry.prompts.prompt import Prompt
from registry.results import Cell, Table
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit
from registry.views.charts.picture import Picture

ACCURACY = "accuracy"  # as it is estimated
FUTE = "fute"
SELF_SELECT = "self-select"  # the LLM's own choice, which needs the LLM: see `embedders.black_boxes.self_select`
BY = (ACCURACY, FUTE, *METHODS, PERPLEXITY, SELF_SELECT)

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
    accuracy: float  # as it is estimated, on the texts of the space
    low: float  # of its 95 % interval
    high: float
    best: float  # the probability of being the best; prompts that answer the same share it, so they add up to 1
    similarity: float | None  # of its embedding to the task's, before centring; None where the task has none
    spread: float | None  # of its answers: 0 where all are alike; None where no text has one under every prompt
    ranks: dict[str, int]  # method -> rank among the prompts, 1 is best

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        interval = f"{self.low:.2f} to {self.high:.2f}"
        return {"rank": self.rank, "prompt": self.name, "accuracy": self.accuracy, "95 %": interval, "best": self.best}

    def exact(self) -> dict[str, Cell]:
        """Return the row with the ends of the interval as numbers."""
        ends: dict[str, Cell] = {"low": self.low, "high": self.high}
        return {"rank": self.rank, "prompt": self.name, "accuracy": self.accuracy, **ends, "best": self.best}

    def detailed(self) -> dict[str, Cell]:
        """Return the row with what every method says."""
        more: dict[str, Cell] = {"score": self.score, "similarity": self.similarity, "spread": self.spread}
        ranks: dict[str, Cell] = {f"by {name}" if name == ACCURACY else name: rank for name, rank in self.ranks.items()}
        return {**self.cells(), **more, **ranks}


class PromptRanking(Table[PromptAdvice]):
    """The prompts of an LLM for a task, best first: by accuracy, who is expected to lose least against the best.

    `agreement` is the mean rank correlation of the method asked for with each of the others. `verdict` says what to do
    by the estimated accuracies; `doubt` why there is not enough evidence for the method that was asked for, None where
    there is.
    """

    bars: tuple[str, ...] = ("accuracy", "best")

    def __init__(
        self,
        rows: Sequence[PromptAdvice],
        *,
        query: "PromptQuery",
        space: str,
        agreement: float | None,
        doubt: str | None,
        judged: Judged,
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
        self.judged = judged
        self.verdict = judged.verdict
        self.notes = tuple(notes)

    @property
    def told(self) -> str:
        """The verdict, which is by estimated accuracy whatever ranks."""
        return self.verdict.sentence if self.query.by == ACCURACY else f"By {ACCURACY}: {self.verdict.sentence}"

    def comes_to(self) -> tuple[object | None, Sequence[object]]:
        """Return the verdict and the notes."""
        return self.told, self.notes

    def plot(self) -> Picture:
        """Draw the estimated accuracies with their intervals, and the ranks that the other methods give."""
        methods = [name for name in (self[0].ranks if self else ()) if name != ACCURACY]
        return self.judged.plotted(str(self.title), self, {name: [row.ranks[name] for row in self] for name in methods})

    def detailed(self) -> Table["_Detailed"]:
        """Return the same rows with what every method says."""
        return Table([_Detailed(row) for row in self], title=self.title)

    def by_method(self) -> Table["_OfMethod"]:
        """Return how each method ranks the prompts: a row for each method."""
        names = self[0].ranks if self else {}
        rows = [_OfMethod(name, {row.name: row.ranks[name] for row in self}) for name in names]
        return Table(rows, title="the rank of each prompt, by every method")

    def as_json(self) -> dict[str, Any]:
        """Return the ranking as JSON values."""
        return {
            **vars(self.query),
            "space": self.space,
            "agreement": self.agreement,
            "enough_evidence": self.doubt is None,
            "doubt": self.doubt,
            "verdict": self.verdict.as_json(),
            "labelled": self.judged.labelled,
            "notes": list(self.notes),
            "prompts": [vars(row) for row in self],
        }


@dataclass(frozen=True)
class _Detailed:
    """A prompt with what every method says."""

    advice: PromptAdvice

    def cells(self) -> dict[str, Cell]:
        return self.advice.detailed()


@dataclass(frozen=True)
class _OfMethod:
    """A method, and the ranks that it gives."""

    name: str
    ranks: dict[str, int]  # of each prompt

    def cells(self) -> dict[str, Cell]:
        return {"method": self.name, **self.ranks}


@dataclass(frozen=True)
class PromptQuery:
    """A question for the best prompt."""

    task: str
    model: str
    by: str = ACCURACY
    like: str | None = None  # whose DTE is used; None for the task's own
    calibration: str = "none"


def best_prompt(
    catalog: Catalog,
    query: PromptQuery,
    *,
    limit: int = 5,
    space: str | None = None,
    more: Mapping[str, Mapping[str, float]] | None = None,
    **hints: Unpack[Hints],
) -> PromptRanking:
    """Rank an LLM's prompts for a task.

    Args:
        limit: how many are returned, the best by `query.by`; on the texts of `space`, else the current one.
        hints: labels of some of the texts, and what else is known; see `registry.choosing.given.Hints`.
        more: scores of the prompts by further methods, `self-select` among them.

    Raises:
        InputError: there is no such method or calibration, or nothing that it could read.
        NotEmbeddedError: no prompt of the model has a vector in the space; by `fute`, the task has none.
    """
    _check(query, limit)
    record = catalog.spaces.get(space)
    task = catalog.entries.get(query.task, EntryKind.TASK)
    whose = catalog.entries.get(query.like or query.task, EntryKind.TASK)
    target = _target(catalog, whose, record, needed=query.by == FUTE)
    outputs = outputs_of_prompts(catalog, query.model, record, task)
    query = replace(query, model=catalog.entries.get(query.model, EntryKind.MODEL).name)  # `NAME:1` is its newest
    if query.by != ACCURACY:
        check_complete(outputs, query.model)
    known = Known.of(task, None if whose.name == task.name else whose, **hints)
    judged = _judged(catalog, record, outputs, known, query)
    spec = SpaceSpec.from_document(record.spec)
    similarity = None if target is None else likeness(outputs.vectors, target, spec)
    scores, spreads = {ACCURACY: judged.estimate.accuracy}, None
    if len(outputs.rows):  # the other methods compare prompts by the same texts
        as_embedded = _as_embedded(outputs.table, str(spec.parameters["answers"]))
        scores |= _by_likeness(similarity, as_embedded, spec) | _other_scores(outputs, query.calibration, more or {})
        spreads = spread(as_embedded)
    _check_scored(query.by, scores)
    read = similarity if query.by == FUTE and "map" in spec.facets.names else None
    doubt = judged.verdict.doubt if query.by == ACCURACY else why_in_doubt(outputs.table, scores[query.by], read)
    return PromptRanking(
        _rows(outputs, judged.estimate, scores, query.by, limit, (similarity, spreads)),
        query=query,
        space=record.name,
        agreement=_agreement(scores, query.by),
        doubt=doubt,
        judged=judged,
        notes=[*(outputs.notes_on_prompts if query.by == ACCURACY else outputs.notes), *judged.notes],
    )


def _check(query: PromptQuery, limit: int) -> None:
    if not isinstance(query, PromptQuery):
        raise InputError(f"query: a PromptQuery(TASK, MODEL) is needed, and no {type(query).__name__}.")
    if query.by not in BY:
        raise InputError(f"No method {query.by!r}: there are {', '.join(BY)}.")
    check_limit(limit)


def winner(catalog: Catalog, ranking: PromptRanking) -> dict[str, Any]:
    """Return what the first prompt of a ranking asks, in the version that was asked, and the answers it offers."""
    name = ranking[0].name
    asked = str(catalog.entries.get(f"{ranking.query.model}@{name}").spec["prompt"])
    spec = Prompt.from_spec(catalog.entries.get(asked, EntryKind.PROMPT).spec)
    return {"prompt": name, "template": spec.template, "answers": list(spec.answers)}


def _by_likeness(similarity: Scores | None, as_embedded: NDArray[np.float64], spec: SpaceSpec) -> dict[str, Scores]:
    """Return the scores by FUTE, where the task has a vector."""
    if similarity is None:
        return {}
    return {FUTE: expected_agreement(similarity, as_embedded) if "map" in spec.facets.names else similarity}


def _other_scores(
    outputs: PromptPredictions, calibration: str, more: Mapping[str, Mapping[str, float]]
) -> dict[str, Scores]:
    """Return the scores by the methods that read answers alone, and those that were given."""
    answered = calibrated(outputs.table, calibration, outputs.content_free)
    try:
        given = {name: np.array([float(its[prompt]) for prompt in outputs.prompts]) for name, its in more.items()}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        told = "more: a number for each of the prompts is needed, {method: {prompt: number}}"
        raise InputError(f"{told}; there are {', '.join(outputs.prompts)[:200]}.") from error
    if not all(np.isfinite(scores).all() for scores in given.values()):
        raise InputError("more: a number for each of the prompts is needed, and none that is not finite.")
    return {**score_prompts(answered, outputs.prompt_prob), **given}


def _judged(
    catalog: Catalog, space: SpaceRecord, outputs: PromptPredictions, known: Known, query: PromptQuery
) -> Judged:
    """Return the estimated accuracies of prompts."""
    answered = in_one_table(catalog, space, outputs.said, outputs.asked)
    return judge(catalog, space, answered, known, mend=how_to_settle(space, query.task, query.model))


def _rows(
    outputs: PromptPredictions,
    estimate: Estimate,
    scores: Mapping[str, Scores],
    by: str,
    limit: int,
    shapes: tuple[Scores | None, Scores | None],
) -> list[PromptAdvice]:
    """Return the first prompts by a method; `shapes` are their similarities, and the spreads of their answers."""
    similarity, spreads = shapes
    prized = {**scores, ACCURACY: -estimate.loss}  # the most accurate may be far from it: the verdict picks by this
    ranks = {name: _ranks(its) for name, its in prized.items()}
    equals = (np.arange(len(outputs.prompts)), -np.round(scores[by], 9))  # the last bit is no difference
    order = np.lexsort((*equals, -np.round(prized[by], 9)))
    return [
        PromptAdvice(
            place,
            outputs.prompts[i],
            float(scores[by][i]),
            float(estimate.accuracy[i]),
            float(estimate.low[i]),
            float(estimate.high[i]),
            float(estimate.best[i]),
            None if similarity is None else float(similarity[i]),
            None if spreads is None else float(spreads[i]),
            {name: int(its[i]) for name, its in ranks.items()},
        )
        for place, i in enumerate(order[:limit].tolist(), start=1)
    ]


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


def _target(catalog: Catalog, task: EntryRecord, space: SpaceRecord, *, needed: bool) -> NDArray[np.float32] | None:
    """Return the DTE of a task; None where it has none here and none is needed."""
    found = catalog.embeddings.get(task.version_id, space.id)
    if found is None and needed:
        raise NotEmbeddedError(task.name, space.name, catalog.embeddings.spaces_of(task.version_id))
    return None if found is None else found.vector


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
    found = [spearman(scores[by], its) for name, its in scores.items() if name not in (by, ACCURACY)]
    return float(np.mean(found)) if found else None
