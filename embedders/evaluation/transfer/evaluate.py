"""`fute evaluate transfer`: rankings of sources against measured transfers, with the field's metrics."""

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from embedders.errors import EmbedderError
from embedders.evaluation.transfer.learned import LEARNED, Lessons, SourceScores, learned_scores
from embedders.evaluation.transfer.taskweb import ExampleSet, SourceScoreTable, read_examples, read_scores
from embedders.evaluation.transfer.truth import Truth, in_class, read_truth, sources_of, tasks_of
from embedders.jobs.runs import embed
from embedders.methods import DEFAULT, METHODS, method_named
from embedders.spaces import create_space
from embedders.surrogate.loading import SurrogateCache
from embedders.surrogate.weights import MINILM
from registry import Registry
from registry.data.tasks import TaskData
from registry.errors import DataError
from registry.formats.transfers import read_transfers
from registry.metrics import source_metrics
from registry.results import Cell, Table

ALL = "all"  # the setting of the row that averages over settings
TUNED_ON = 32  # examples of a task: with more, tuning the surrogate on many tasks would take most of an hour
SIZE = "size"  # DataSize of Vu et al. (2020): sources by their number of examples
IN_CLASS = "in-class (sources of the target's class alone)"

Rankings = dict[str, list[tuple[str, float]]]  # target -> (source, score), best first


@dataclass(frozen=True)
class MethodScore:
    """How good a method's rankings are in one setting, `MODEL/ADAPTATION`, or in all: figures averaged over targets."""

    name: str
    setting: str
    figures: dict[str, float]
    targets: int
    over_seeds: dict[int, dict[str, float]] = field(default_factory=dict)  # seed -> figures on half of the examples

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table; `±` is the standard deviation over the seeds."""
        cells: dict[str, Cell] = {"name": self.name, "setting": self.setting}
        for metric, value in self.figures.items():
            cells[metric] = value
            if len(self.over_seeds) > 1:
                cells[f"{metric} ±"] = stdev(figures[metric] for figures in self.over_seeds.values())
        return {**cells, "targets": self.targets}

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values; with seeds also their figures' mean and standard deviation."""
        row: dict[str, Any] = {"name": self.name, "setting": self.setting, **self.figures, "targets": self.targets}
        if self.over_seeds:
            values = {m: [figures[m] for figures in self.over_seeds.values()] for m in self.figures}
            row["over_seeds"] = {
                "seeds": list(self.over_seeds),
                "mean": {m: fmean(them) for m, them in values.items()},
                "std": {m: stdev(them) if len(them) > 1 else None for m, them in values.items()},
            }
        return row


@dataclass(frozen=True)
class TransferEvaluation:
    """What came of an evaluation: a row per method and setting, and the rankings from which anyone can recompute it.

    A method that learns answers for each setting; its ranking without a setting stands beside the others'.
    """

    rows: Table[MethodScore]
    rankings: dict[str, Rankings]  # method -> target -> (source, score), best first
    by_setting: dict[str, dict[str, Rankings]]  # the same of methods that answer for each setting, by setting
    in_class: Table[MethodScore]  # as `rows`, over the sources of each target's own class; empty where none is known
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "methods": [row.as_json() for row in self.rows],
            "in_class": [row.as_json() for row in self.in_class],
            "rankings": self.rankings,
            "rankings_by_setting": self.by_setting,
            "notes": list(self.notes),
        }


def evaluate_transfer(  # noqa: PLR0913 - an argument for each option of the command
    examples: Path,
    truth: Path,
    *,
    history: Path | None = None,
    peers: Path | None = None,
    methods: Sequence[str] = (),
    seeds: Sequence[int] = (),
    surrogate: str = MINILM,
    device: str | None = None,
    keep: Path | None = None,
    tuned_on: int = TUNED_ON,
) -> TransferEvaluation:
    """Embed the tasks of a folder, rank the sources of every target by each method, and score the rankings.

    Args:
        examples: a folder of TASK.jsonl files (input, output, choices) or task folders, which alone tell their kinds.
        truth: a CSV of measured transfers.
        history: a CSV of measured transfers, from which memory and gain learn; None for the truth. What was measured
            on the target itself is always left out. Memory's likeness is the default method's, if that embeds.
        peers: a CSV of others' scores for the same targets, to be scored alongside.
        methods: how to embed; none for all.
        seeds: each draws half of every task's examples, and the figures on the halves are reported with their spread.
        surrogate: `minilm`, a folder, or a hub id.
        device: `cuda`, `cpu`, ...; None for the best there is.
        keep: a folder where the scratch registries stay, so that another run finds the vectors; None to drop them.
        tuned_on: examples of a task, at most, that are given to methods which tune the surrogate: they are slow.

    Raises:
        DataError: a file is faulty, or the truth names a task that has no examples.
    """
    names = list(dict.fromkeys(methods)) or list(METHODS)
    for name in names:
        method_named(name)
    tasks = read_examples(examples)  # which all other files are spelt as
    measured, theirs = read_truth(truth, tasks), read_scores(peers, tasks) if peers is not None else {}
    lessons = Lessons.of(read_transfers(history or truth, names=tasks)).among(tasks)
    named = {name: tasks[name] for name in sorted(tasks_of(measured) & set(tasks))}
    sizes = _sizes(named, measured)
    _check_names({*names, *LEARNED, *sizes} & set(theirs), peers)
    _check_covered(measured, tasks, examples)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = _Scratch(keep or Path(temporary), surrogate, device, lessons, tuned_on)
        whole = scratch.rank({name: examples.task for name, examples in tasks.items()}, names, measured)
        drawn = {seed: {name: examples.half(seed) for name, examples in tasks.items()} for seed in dict.fromkeys(seeds)}
        halves = {seed: scratch.rank(half, names, measured) for seed, half in drawn.items()}
    of_class = in_class(measured, {name: examples.kind for name, examples in named.items()})
    scores = {**whole, **{name: SourceScores(them) for name, them in {**sizes, **theirs}.items()}}
    notes = (*_fewer(names, tasks, tuned_on), *_missing(named), *lessons.notes)
    return _evaluation(scores, halves, measured, of_class, file=truth.name, notes=notes)


def score_rankings(name: str, scores: SourceScoreTable | SourceScores, truth: Truth) -> dict[str, MethodScore]:
    """Return the figures of one method by setting, with the mean over settings as `all`.

    A target counts where the method scores all of its sources; where it scores none such there is no row.
    """
    given = scores if isinstance(scores, SourceScores) else SourceScores(scores)
    rows: dict[str, MethodScore] = {}
    scored = set()
    for setting, targets in truth.items():
        figures = []
        for target, sources in targets.items():
            mine = given.for_setting(setting).get(target, {})
            if all(source in mine for source in sources):
                figures.append(source_metrics([mine[source] for source in sources], list(sources.values())))
                scored.add(target)
        if figures:
            rows[setting] = MethodScore(name, setting, _mean(figures), len(figures))
    if not rows:
        return {}
    return {ALL: MethodScore(name, ALL, _mean([row.figures for row in rows.values()]), len(scored)), **rows}


def _rows(
    name: str, scores: SourceScores, halves: Mapping[int, Mapping[str, SourceScores]], truth: Truth
) -> Iterator[MethodScore]:
    """Yield a method's rows on all examples, each with the figures on the halves."""
    over_seeds = {seed: score_rankings(name, half[name], truth) for seed, half in halves.items() if name in half}
    for setting, row in score_rankings(name, scores, truth).items():
        yield replace(row, over_seeds={seed: rows[setting].figures for seed, rows in over_seeds.items()})


def _evaluation(
    scores: Mapping[str, SourceScores],
    halves: Mapping[int, Mapping[str, SourceScores]],
    truth: Truth,
    of_class: Truth,
    *,
    file: str,
    notes: tuple[str, ...],
) -> TransferEvaluation:
    def table(truth: Truth, what: str = "") -> Table[MethodScore]:
        rows = [row for name in scores for row in _rows(name, scores[name], halves, truth)]
        settings = [*truth, ALL]
        rows.sort(key=lambda row: (settings.index(row.setting), -row.figures["ndcg_rank"]))
        return Table(rows, title=f"{what}{len(sources_of(truth))} targets, truth {file}")

    targets = sources_of(truth)
    by_setting = {
        name: {setting: _in_order(ranked, targets) for setting, ranked in method.by_setting.items()}
        for name, method in scores.items()
        if method.by_setting
    }
    rankings = {name: _in_order(method.without_setting, targets) for name, method in scores.items()}
    return TransferEvaluation(table(truth), rankings, by_setting, table(of_class, f"{IN_CLASS}: "), notes)


class _Scratch:
    """Registries made for an evaluation, one for each sample of the examples: where vectors are found again."""

    def __init__(self, folder: Path, surrogate: str, device: str | None, lessons: Lessons, tuned_on: int) -> None:
        self._folder = folder
        self._tuned_on = tuned_on
        self._lessons = lessons
        self._surrogate = surrogate
        self._surrogates = SurrogateCache(device=device)  # every half and method reads the same texts

    def rank(self, tasks: Mapping[str, TaskData], methods: Sequence[str], truth: Truth) -> dict[str, SourceScores]:
        """Embed the tasks by each method, and return how it and those that learn score each target's sources."""
        identity = [self._surrogate, *(f"{name} {task.content_hash()}" for name, task in sorted(tasks.items()))]
        folder = self._folder / hashlib.sha256("\n".join(identity).encode()).hexdigest()[:16]
        found: dict[str, SourceScores] = {}
        with Registry.create(folder) as registry:
            for name, task in tasks.items():
                registry.add_task(name, task)
            spaces = {method: self._space(registry, method) for method in methods}
            for method, space in spaces.items():
                report = embed(registry, space=space, surrogates=self._surrogates)
                for name, why in {**report.failed, **report.skipped}.items():
                    more = f" Of more than {self._tuned_on} examples (--tuned-on) it may."
                    raise EmbedderError(f"{method} cannot embed {name}: {why}{more if space != method else ''}")
                found[method] = SourceScores(source_similarities(registry, space, truth))
            likeness = registry.likeness(space=spaces.get(DEFAULT, spaces[methods[0]]))
        sources = {target: sorted(names) for target, names in sources_of(truth).items()}
        return {**found, **learned_scores(self._lessons, likeness, sources, truth)}

    def _space(self, registry: Registry, method: str) -> str:
        """Make a method's space, of fewer examples if it tunes the surrogate, and return its name."""
        tunes = method_named(method).tunes
        settings = {"examples": str(self._tuned_on)} if tunes else {}
        name = f"{method}-{self._tuned_on}" if tunes else method
        return create_space(
            registry, name, surrogate=self._surrogate, method=method, corpus=None, settings=settings
        ).name


def source_similarities(
    registry: Registry, space: str, truth: Truth, *, weights: Mapping[str, float] | None = None
) -> SourceScoreTable:
    """Return the similarity of each target to each of its sources in a space.

    Args:
        weights: of the facets; None for those that were measured to be right.
    """
    vectors, similarities = registry.similarities(weights=weights, space=space)
    row = {name: number for number, name in enumerate(vectors.names)}
    return {
        target: {source: float(similarities[row[target], row[source]]) for source in sorted(sources)}
        for target, sources in sources_of(truth).items()
    }


def _sizes(tasks: Mapping[str, ExampleSet], truth: Truth) -> dict[str, SourceScoreTable]:
    """Return the number of each source's examples as `size`; nothing where it is the same of all tasks."""
    if len({examples.count for examples in tasks.values()}) < 2:
        return {}
    counts = {
        target: {source: float(tasks[source].count) for source in sorted(sources & set(tasks))}
        for target, sources in sources_of(truth).items()
    }
    return {SIZE: counts}


def _fewer(methods: Sequence[str], tasks: Mapping[str, ExampleSet], most: int) -> Iterator[str]:
    """Say which methods were given fewer examples than there are."""
    tuned = [name for name in methods if method_named(name).tunes]
    if tuned and max(len(examples.task.train) for examples in tasks.values()) > most:
        yield f"{', '.join(tuned)}: the surrogate was tuned on {most} examples of each task (--tuned-on)."


def _missing(tasks: Mapping[str, ExampleSet]) -> Iterator[str]:
    """Say which of the figures that tasks are known by cannot be had."""
    counts = {examples.count for examples in tasks.values()}
    if len(counts) == 1:
        yield f"size: there are {counts.pop()} examples of every task, so their number ranks nothing."
    unknown = [name for name, examples in tasks.items() if examples.kind is None]
    if 0 < len(unknown) < len(tasks):
        yield f"in-class: no figures, as files do not say the kind of a task: {', '.join(unknown)}."


def _check_names(both: Collection[str], peers: Path | None) -> None:
    for name in sorted(both):
        raise DataError(str(peers), f"has scores of {name!r}, which is evaluated here: give the column another name.")


def _check_covered(truth: Truth, tasks: Mapping[str, ExampleSet], examples: Path) -> None:
    for target, sources in sources_of(truth).items():
        for name in sorted({target, *sources} - set(tasks)):
            raise DataError(str(examples), f"has no examples of {name}, which the truth names.")


def _in_order(scores: SourceScoreTable, targets: Collection[str]) -> Rankings:
    return {
        target: sorted(sources.items(), key=lambda pair: (-pair[1], pair[0]))
        for target, sources in scores.items()
        if target in targets
    }


def _mean(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {metric: fmean(values[metric] for values in figures) for metric in figures[0]}
