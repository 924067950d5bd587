"""Do models land by the tasks that they were made from? Model embeddings against dataset embeddings (FUTE's claim).

Each model answers unlabelled texts U, none of them its own task's. Its embedding (MTE) is read from (U, M(U)) alone,
and the tasks' embeddings (DTEs) are sorted by their similarity to it, as `Registry.nearest` does. Its own task should
come first: among all tasks, and among those that have the same answers, where the answers' names cannot help.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedders.errors import SettingError
from embedders.evaluation.placing import MethodSpace, check_sees_answers, shown
from embedders.evaluation.unify.proxies import ARCHITECTURES, TrainedModel, trained_model
from embedders.evaluation.unify.ranked import AnswerText, Landing, RetrievalScore, SpaceLike, TaskSearch
from embedders.evaluation.unify.unlabelled import OTHERS, Unlabelled, unlabelled
from embedders.methods import DEFAULT
from embedders.methods.settings import COMMON
from embedders.observed import Observed, from_answers
from embedders.surrogate.kept import user_cache
from embedders.surrogate.recalling import RecallingSurrogate
from embedders.surrogate.weights import MINILM, model_folder, most_tokens
from registry.data.examples import CLASSIFICATION
from registry.data.tasks import TaskData
from registry.errors import DataError, InputError, NotFoundError
from registry.files.lines import read_json
from registry.formats.tasks import read_task
from registry.results import Cell, Table

BASELINE = "answer text"  # the mean text of the answers, and nothing else
ALL = "all"
LEAST_IN_GROUP = 3  # tasks with the same answers
REPLACED = (0.2, 0.5, 1.0)  # shares of a model's answers that are drawn at random


@dataclass(frozen=True)
class UnifySettings:
    """What is evaluated, and how."""

    tasks: tuple[str, ...] = ()  # of the folder; () for all
    methods: tuple[str, ...] = (DEFAULT,)
    architectures: tuple[str, ...] = tuple(ARCHITECTURES)
    corpus: str = OTHERS  # or `everyday`, or a file
    per_task: int = 60
    examples: int = 1000  # that a model is trained on, at most
    models: Path | None = None  # where trained models are kept; None for the user's cache
    seed: int = 0
    device: str | None = None
    surrogate: str = MINILM
    corrupt: bool = False  # also embed models with answers drawn at random


@dataclass(frozen=True)
class Blurred:
    """How near models are to themselves with a share of their answers drawn at random; the mean over the tasks."""

    method: str
    architecture: str
    replaced: float
    similarity: float
    facets: dict[str, float]

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        facets: dict[str, Cell] = dict(self.facets) if len(self.facets) > 1 else {}
        return {
            "method": self.method,
            "architecture": self.architecture,
            "replaced": self.replaced,
            "similarity": self.similarity,
            **facets,
        }


@dataclass
class UnifyReport:
    """What came of an evaluation."""

    models: list[TrainedModel]
    corpus: dict[str, Any]
    skipped: dict[str, str]  # task -> its kind
    scores: list[RetrievalScore] = field(default_factory=list)
    placed: list[Landing] = field(default_factory=list)
    blurred: list[Blurred] = field(default_factory=list)

    def tables(self) -> list[Table[Any]]:
        """Return the scores, and where answers were replaced what that did."""
        title = (
            f"models among {len({model.task for model in self.models})} tasks, asked the corpus {self.corpus['name']}"
        )
        made: list[Table[Any]] = [Table(self.scores, title=title)]
        if self.blurred:
            made.append(
                Table(self.blurred, title="models against themselves with a share of the answers drawn at random")
            )
        return made

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "unify": [vars(score) for score in self.scores],
            "replaced": [vars(row) for row in self.blurred],
            "models": [{"task": m.task, "architecture": m.architecture, "accuracy": m.accuracy} for m in self.models],
            "placed": [vars(placed) for placed in self.placed],
            "corpus": self.corpus,
            "skipped": self.skipped,
        }


def unify(folder: Path, settings: UnifySettings) -> UnifyReport:
    """Train models on a folder's classification tasks, ask them, and say how well their embeddings find the tasks.

    Args:
        folder: holds task folders; tasks of other kinds are skipped.

    Raises:
        InputError: there are fewer than two tasks, or one is named that is not there.
        SettingError: no such method or architecture, or the method sees no answers.
    """
    _check(settings)
    tasks, skipped = read_tasks(folder, settings.tasks)
    corpus = unlabelled(settings.corpus, tasks, per_task=settings.per_task, seed=settings.seed)
    models = _trained(tasks, settings)
    answered = {model: model.ask(corpus.inputs, device=settings.device) for model in shown(models, "ask")}
    base = model_folder(settings.surrogate)
    surrogate = RecallingSurrogate(
        base, device=settings.device, max_length=min(COMMON["max_length"], most_tokens(base))
    )
    report = UnifyReport(models=models, corpus=corpus.described(), skipped=skipped)
    for name in (BASELINE, *settings.methods):
        space: SpaceLike = AnswerText(surrogate)
        if name != BASELINE:
            space = MethodSpace(name, surrogate, settings.surrogate, seed=settings.seed)
        dtes = {task: space.of_task(data) for task, data in shown(tasks.items(), f"{name}, tasks")}
        mtes = {
            model: space.of_model(_observed(model, corpus, table))
            for model, table in shown(answered.items(), f"{name}, models")
        }
        ranked = TaskSearch(name, space.facets, dtes, {(m.task, m.architecture): vector for m, vector in mtes.items()})
        report.scores += ranked.scores(groups_of(tasks))
        report.placed += ranked.placed()
        if settings.corrupt and name != BASELINE:
            report.blurred += _blurred(name, space, ranked, corpus, answered, mtes, settings)
    return report


def read_tasks(folder: Path, names: Sequence[str] = ()) -> tuple[dict[str, TaskData], dict[str, str]]:
    """Return a folder's classification tasks by name, and the kinds of those that are skipped.

    Args:
        names: only these; () for all.
    """
    kinds = {path.parent.name: str(read_json(path).get("kind")) for path in sorted(folder.glob("*/task.json"))}
    if not kinds:
        raise DataError(str(folder), "holds no task folders (folders with a task.json).")
    for name in names:
        if name not in kinds:
            raise NotFoundError("task", name, list(kinds))
    chosen = {name: kind for name, kind in kinds.items() if not names or name in names}
    tasks = {
        name: read_task(str(folder / name), answers_as_they_are=True)
        for name, kind in chosen.items()
        if kind == CLASSIFICATION
    }
    if len(tasks) < 2:
        raise InputError(f"Models are told apart among two or more classification tasks, not {len(tasks)}.")
    return tasks, {name: kind for name, kind in chosen.items() if kind != CLASSIFICATION}


def groups_of(tasks: Mapping[str, TaskData]) -> dict[str, list[str]]:
    """Return the groups within which tasks are found: all, and those of three or more with the same answers.

    A group is named by its answers.
    """
    same: dict[frozenset[str], list[str]] = {}
    for name, task in tasks.items():
        same.setdefault(frozenset(task.answer_texts), []).append(name)
    groups = {"/".join(sorted(answers)): names for answers, names in same.items() if len(names) >= LEAST_IN_GROUP}
    return {ALL: list(tasks), **groups}


def _check(settings: UnifySettings) -> None:
    check_sees_answers(settings.methods)
    for name in settings.architectures:
        if name not in ARCHITECTURES:
            raise SettingError(f"No architecture {name!r}: there are {', '.join(ARCHITECTURES)}.")


def _trained(tasks: Mapping[str, TaskData], settings: UnifySettings) -> list[TrainedModel]:
    folder = settings.models or user_cache("models")
    if folder is None:
        raise InputError("There is no home folder to keep trained models in: name one with --models.")
    base = model_folder(settings.surrogate)
    wanted = [(name, task, kind) for kind in settings.architectures for name, task in tasks.items()]
    return [
        trained_model(
            name,
            task,
            architecture,
            folder,
            base=base,
            examples=settings.examples,
            seed=settings.seed,
            device=settings.device,
        )
        for name, task, architecture in shown(wanted, "train")
    ]


def _observed(model: TrainedModel, corpus: Unlabelled, answered: NDArray[np.float32]) -> Observed:
    """Return what a model likeliest answers to its task's corpus; `answered` is (all inputs, answers)."""
    return from_answers(corpus.for_task(model.task), model.answers, answered[corpus.rows[model.task]], hard=True)


def _blurred(
    name: str,
    space: SpaceLike,
    ranked: TaskSearch,
    corpus: Unlabelled,
    answered: Mapping[TrainedModel, NDArray[np.float32]],
    mtes: Mapping[TrainedModel, NDArray[np.float32]],
    settings: UnifySettings,
) -> list[Blurred]:
    """Embed the models of the first architecture again with some of their answers drawn uniformly from all."""
    architecture = settings.architectures[0]
    made = []
    for share in REPLACED:
        found = []
        for model, table in shown(answered.items(), f"{name}, {share:.0%} replaced"):
            if model.architecture == architecture:
                observed = _observed(model, corpus, replaced(table, share, seed=settings.seed))
                found.append(ranked.compared(mtes[model], space.of_model(observed)))
        facets = {facet: float(np.mean([cosines[facet] for _, cosines in found])) for facet in found[0][1]}
        made.append(Blurred(name, architecture, share, float(np.mean([one for one, _ in found])), facets))
    return made


def replaced(answered: NDArray[np.float32], share: float, *, seed: int) -> NDArray[np.float32]:
    """Return answers of which a seeded share is drawn anew, each answer as likely as another, (inputs, answers)."""
    count, answers = answered.shape
    random = np.random.default_rng((seed, round(1000 * share)))
    table = answered.copy()
    chosen = random.permutation(count)[: round(share * count)]
    table[chosen] = np.eye(answers, dtype=np.float32)[random.integers(0, answers, len(chosen))]
    return table
