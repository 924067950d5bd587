"""How near models land to their tasks: ranks and scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedders.observed import Observed, from_task
from embedders.surrogate.model import Surrogate
from registry.data.tasks import TaskData
from registry.kinds import EntryKind
from registry.metrics import retrieval
from registry.results import Cell
from registry.spaces.centring import Centring, centre_of
from registry.spaces.facets import Facet, Facets, weights_between
from registry.spaces.vectors import unit


@dataclass(frozen=True)
class RetrievalScore:
    """How well a method finds the tasks of one architecture's models, among the tasks of one group."""

    method: str
    architecture: str
    group: str
    tasks: int
    top1: float
    mrr: float

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        return dict(vars(self))


@dataclass(frozen=True)
class Landing:
    """Where one model landed among all tasks."""

    model: str  # the task that it was trained on
    architecture: str
    method: str
    own_rank: int
    nearest: str


class SpaceLike(Protocol):
    """What makes vectors of tasks and of models."""

    @property
    def facets(self) -> tuple[Facet, ...]:
        """How its vectors are divided."""
        ...

    def of_task(self, task: TaskData) -> NDArray[np.float32]:
        """Return a task's embedding, (dimension,)."""
        ...

    def of_model(self, observed: Observed) -> NDArray[np.float32]:
        """Return a model's embedding, (dimension,)."""
        ...


class AnswerText:
    """The baseline: the mean feature of the answers' texts, each as often as it is given."""

    def __init__(self, surrogate: Surrogate) -> None:
        self._surrogate = surrogate
        self.facets = (Facet("answers", surrogate.hidden),)

    def of_task(self, task: TaskData) -> NDArray[np.float32]:
        """Return the mean over the task's training examples."""
        return self.of_model(from_task(task, examples=len(task.train), seed=0))

    def of_model(self, observed: Observed) -> NDArray[np.float32]:
        """Return the mean over the inputs."""
        texts = self._surrogate.text_features(observed.answers)  # (answers, hidden)
        share = np.zeros(len(texts), np.float32)
        np.add.at(share, observed.options, observed.probabilities)  # padding has probability 0
        return unit(share @ texts)


class TaskSearch:
    """The tasks of a space, and where models land among them."""

    def __init__(
        self,
        method: str,
        facets: Sequence[Facet],
        tasks: Mapping[str, NDArray[np.float32]],
        models: Mapping[tuple[str, str], NDArray[np.float32]],
    ) -> None:
        """Sort the tasks by similarity to each model.

        Args:
            facets: how an embedding is divided.
            tasks: the tasks' embeddings.
            models: the models' embeddings, by task and architecture.
        """
        self._method = method
        self._names = list(tasks)
        matrix = np.stack(list(tasks.values()))
        self._centring = Centring(Facets(facets), centre_of(matrix, np.ones(len(tasks), bool)))
        scale = self._centring.facets.scale(weights_between(facets, EntryKind.MODEL, EntryKind.TASK))
        rows = self._centring.centred(matrix).astype(np.float64)
        self.similarities: dict[tuple[str, str], NDArray[np.float64]] = {
            model: rows @ (self._centring.centred(vector[None])[0] * scale) for model, vector in models.items()
        }

    def scores(self, groups: Mapping[str, Sequence[str]]) -> list[RetrievalScore]:
        """Return top-1 and mean reciprocal rank by architecture and group, the candidates being the group's tasks."""
        rows = []
        for architecture in dict.fromkeys(architecture for _, architecture in self.similarities):
            for group, names in groups.items():
                columns = [self._names.index(name) for name in names]
                table = np.stack([self.similarities[name, architecture][columns] for name in names])
                result = retrieval(table, np.arange(len(names)))
                rows.append(RetrievalScore(self._method, architecture, group, len(names), result.top1, result.mrr))
        return rows

    def placed(self) -> list[Landing]:
        """Return each model's rank of its own task among all, and the task that is nearest."""
        landings = []
        for (task, architecture), row in self.similarities.items():
            rank = 1 + int((row > row[self._names.index(task)]).sum())
            landings.append(Landing(task, architecture, self._method, rank, self._names[int(row.argmax())]))
        return landings

    def compared(self, one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, dict[str, float]]:
        """Return the similarity of two models' embeddings, and the facets' cosines, as `Registry.compare` does."""
        facets = self._centring.facets
        rows = self._centring.centred(np.stack([one, other]))
        cosines = facets.cosines(rows[0], rows[1:])[0]
        weights = weights_between(facets, EntryKind.MODEL, EntryKind.MODEL)
        return sum(weights[facet] * cosine for facet, cosine in cosines.items()), cosines
