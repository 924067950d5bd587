"""FUTE's scores of prompts: how close is the LLM under each prompt to a labelled dataset?"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedders.errors import NotEmbeddableError
from embedders.evaluation.placing import MethodSpace, shown
from embedders.evaluation.prompts.labelled import Labelled
from embedders.evaluation.prompts.reports import PromptEvaluationSettings
from embedders.methods.mapemb import MapEmb, ridge_map
from embedders.methods.settings import COMMON
from embedders.observed import Observed, from_answers, from_task
from embedders.surrogate.classifier import Classified, classified
from embedders.surrogate.weights import model_folder, most_tokens
from registry.choosing.best import likeness
from registry.choosing.scores import PromptScores, combined, expected_agreement, hard
from registry.data.recordings import RecordedLLM
from registry.kinds import EntryKind
from registry.spaces.facets import weights_between

if TYPE_CHECKING:
    from embedders.surrogate.recalling import RecallingSurrogate

WORST = -1.0  # a cosine
UNREAD = 1e-3  # the probability of a choice that the dataset does not know


class Fute:
    """Scores prompts by the closeness of their MTEs to a DTE, and by their agreement with a trained classifier."""

    def __init__(
        self, llm: RecordedLLM, labelled: Labelled, surrogate: "RecallingSurrogate", *, examples: int, seed: int
    ) -> None:
        """Embed the dataset, of which `examples` are drawn by the seed; each text goes through the surrogate once.

        `classified` is what a classifier trained on the dataset makes of the inputs, (inputs, choices).
        """
        self.notes: list[str] = []
        method = MapEmb()
        observed = from_task(labelled.task, examples=examples, seed=seed)
        labelled.described["examples"] = len(observed.inputs)
        reading = method.read(surrogate, observed, method.parameters(), seed=seed)
        self._ridge = float(method.parameters()["ridge"])
        self._map = reading.parts["map"].astype(np.float64).reshape(surrogate.hidden, -1)  # (hidden, hidden)
        self._answers = reading.parts["answers"].astype(np.float64)
        self._weights = weights_between(method.facets(8), EntryKind.MODEL, EntryKind.TASK)
        self._asked = surrogate.features(llm.inputs).astype(np.float64)  # (inputs, hidden)
        self._texts = np.stack([surrogate.text_features(note.choices) for note in llm.prompts]).astype(np.float64)
        width = len(llm.prompts[0].choices)
        self.classified = _read(surrogate, observed, self._asked, labelled.columns, width)
        self._columns = self.classified.probabilities.argmax(axis=1)

    def among(self, rows: NDArray[np.bool_]) -> "Fute":
        """Return the same for some of the inputs."""
        some = copy.copy(self)
        some._asked, some._columns = self._asked[rows], self._columns[rows]
        return some

    def scores(self, answered: NDArray[np.float64]) -> dict[str, PromptScores]:
        """Return the scores of our methods and of the classifier, (prompts,) each.

        Args:
            answered: probabilities of the prompts' answers, calibrated or not, (prompts, inputs, choices).
        """
        certain = hard(answered)
        by_answers, by_probabilities = self._cosines(certain), self._cosines(answered)
        ours = expected_agreement(by_answers["map"], certain)
        soft = expected_agreement(by_probabilities["map"], answered)
        similarity = sum(weight * by_answers[name] for name, weight in self._weights.items() if name in by_answers)
        return {
            "fute": ours,
            "fute-probabilities": soft,
            "fute-both": combined([ours, soft]),
            "fute-similarity": np.asarray(similarity),
            "classifier": np.asarray((answered.argmax(axis=-1) == self._columns).mean(axis=1)),
        }

    def _cosines(self, table: NDArray[np.float64]) -> dict[str, PromptScores]:
        """Return the cosines of the prompts' facets with the dataset's, as MapEmb makes them, without a sketch.

        The ridge map is linear in the answers: the map to a choice's probability, times the choices' features, is the
        map to the expected answer's feature. So one solution serves all prompts.
        """
        prompts, inputs, choices = table.shape
        flat = table.transpose(1, 0, 2).reshape(inputs, prompts * choices)
        weights = ridge_map(self._asked, flat, self._ridge)[0].reshape(-1, prompts, choices)
        maps = np.einsum("hpc,pck->phk", weights, self._texts, optimize=True)
        answers = np.einsum("pc,pck->pk", table.mean(axis=1), self._texts)
        return {
            "map": _cosine(maps.reshape(prompts, -1), self._map.ravel()),
            "answers": _cosine(answers, self._answers),
        }


def fute_of(
    llm: RecordedLLM,
    labelled: Labelled,
    settings: PromptEvaluationSettings,
    surrogate: "RecallingSurrogate | None" = None,
) -> Fute:
    """Return what scores prompts by closeness to a dataset in the space of MapEmb."""
    surrogate = surrogate or surrogate_of(settings)
    return Fute(llm, labelled, surrogate, examples=settings.examples, seed=settings.seed)


def surrogate_of(settings: PromptEvaluationSettings) -> "RecallingSurrogate":
    """Return the surrogate that the settings name."""
    from embedders.surrogate.recalling import RecallingSurrogate

    base = model_folder(settings.surrogate)
    length = min(COMMON["max_length"], most_tokens(base))
    return RecallingSurrogate(base, device=settings.device, max_length=length)


class ByMethod:
    """Scores prompts by the cosine of their MTEs with a DTE in the space of one method, as `best-prompt` does."""

    def __init__(self, llm: RecordedLLM, labelled: Labelled, space: MethodSpace) -> None:
        """Embed the dataset; raise `NotEmbeddableError` where that cannot be."""
        self.notes: list[str] = []
        self._llm = llm
        self._space = space
        self._task = space.of_task(labelled.task)

    def scores(self, answered: NDArray[np.float64]) -> dict[str, PromptScores]:
        """Return the cosines of the prompts' likeliest answers with the dataset, (prompts,): one embedding for each.

        Args:
            answered: probabilities of the prompts' answers, calibrated or not, (prompts, inputs, choices).
        """
        llm, name = self._llm, f"fute-{self._space.method}"
        scores = np.full(len(llm.prompts), WORST)
        for number, note in shown(list(enumerate(llm.prompts)), f"{name}, prompts"):
            observed = from_answers(llm.inputs, note.choices, answered[number].astype(np.float32), hard=True)
            try:
                vector = self._space.of_model(observed)
            except NotEmbeddableError as error:
                self.notes.append(f"{name} cannot embed the answers under {note.name}, which is put last: {error}")
            else:
                scores[number] = likeness(vector[None], self._task, self._space.spec)[0]
        return {name: scores}


def _read(
    surrogate: "RecallingSurrogate",
    observed: Observed,
    asked: NDArray[np.float64],
    columns: Sequence[int],
    width: int,
) -> Classified:
    """Return what a classifier makes of the inputs, (inputs, width).

    Labels that mean one choice give it what they have together. A choice that is no label of the dataset gets what is
    left: as little as a label that nobody would give.
    """
    features = surrogate.features(observed.inputs).astype(np.float64)
    read = classified(features, observed.probabilities.argmax(axis=1), asked, len(columns))
    means = np.eye(width)[list(columns)]  # (labels, width)
    table = read.probabilities @ means + UNREAD * (means.sum(axis=0) == 0)
    return Classified(table / table.sum(axis=1, keepdims=True), read.accuracy)


def _cosine(rows: NDArray[np.float64], vector: NDArray[np.float64]) -> PromptScores:
    """Return the cosine of each row with a vector; 0 where either is zero."""
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(vector)
    return np.asarray(np.where(lengths > 0, rows @ vector / np.maximum(lengths, np.finfo(np.float64).tiny), 0.0))
