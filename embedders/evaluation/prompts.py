"""`fute evaluate prompts`: which prompt of a recorded LLM does each method pick, and how good is it in truth?

The rivals read the LLM's answers alone (`registry.selection`). FUTE compares two embeddings by MapEmb: that of another
labelled dataset (DTE) and that of the LLM under each prompt (MTE), made of its answers to the recorded inputs. The
labels of the inputs are read for the true accuracies, and for nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedders.methods.mapemb import MapEmb, ridge_map
from embedders.observed import Observed, from_task
from embedders.spaces import COMMON
from embedders.weights import MINILM, model_folder, most_tokens
from registry import Registry
from registry.errors import DataError, InputError
from registry.formats.corpora import bare
from registry.formats.recorded import RecordedLLM, read_recorded_llm
from registry.formats.tasks import CLASSIFICATION, Example, TaskData, read_task
from registry.metrics import prompt_metrics, spearman
from registry.ranking import weights_between
from registry.selection import (
    CALIBRATIONS,
    Scores,
    calibrated,
    combined,
    expected_agreement,
    hard,
    probabilities,
    score_prompts,
)
from registry.table import Cell, Table
from registry.tables import EntryKind

if TYPE_CHECKING:
    from embedders.recalling import RecallingSurrogate

MOST_EXAMPLES = 2000  # of the labelled dataset
NOTED = 1e-6  # how far a noted accuracy may be from that of the outputs


@dataclass(frozen=True)
class Settings:
    """What is evaluated, and how."""

    examples: int = MOST_EXAMPLES  # of the labelled dataset, at most
    seed: int = 0  # draws them
    surrogate: str = MINILM
    device: str | None = None


@dataclass(frozen=True)
class PromptScore:
    """How good a method's ranking of the prompts is, the answers being calibrated in one way."""

    name: str
    calibration: str
    figures: dict[str, float]  # performance, rate and ndcg in percent, spearman; by accuracy under the calibration
    uncalibrated: dict[str, float]  # the same by the accuracy of the answers as they were recorded
    picked: str | None  # None where several prompts are first; performance is then their mean
    scores: dict[str, float]

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        return {"name": self.name, "calibration": self.calibration, **self.figures, "picked": self.picked}

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            "name": self.name,
            "calibration": self.calibration,
            **self.figures,
            "picked": self.picked,
            "scores": self.scores,
            "uncalibrated_answers": self.uncalibrated,
        }


@dataclass
class PromptReport:
    """What came of an evaluation: a row per method and calibration, and the accuracies to recompute them from."""

    rows: Table[PromptScore]
    accuracy: dict[str, dict[str, float]]  # calibration -> prompt -> true accuracy
    inputs: int
    task: dict[str, Any] | None = None  # the labelled dataset, and what of it was used
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "methods": [row.as_json() for row in self.rows],
            "accuracy": self.accuracy,
            "inputs": self.inputs,
            "task": self.task,
            "notes": self.notes,
        }


class Labelled(NamedTuple):
    """A labelled dataset as far as it can be compared with a recorded LLM."""

    task: TaskData  # the labels that are choices, without the texts that are among the recorded inputs
    columns: tuple[int, ...]  # of the recorded choices, one for each label
    described: dict[str, Any]
    notes: list[str]


class OtherLabelsError(InputError):
    """The labels of a dataset are not what the prompts have as choices."""

    def __init__(self, name: str, texts: Iterable[str], choices: Iterable[str]) -> None:
        super().__init__(
            f"The labels of {name} ({_few(texts)}) are not the choices of the prompts ({_few(choices)}): name "
            "their texts under 'answers' in its task.json."
        )


# -- the evaluation ----------------------------------------------------------------------------------


def evaluate_prompts(
    folder: Path, task: str | None = None, settings: Settings | None = None, *, registry: str | None = None
) -> PromptReport:
    """Score every prompt of a recorded LLM by every method, and the methods by the true accuracies.

    Args:
        folder: a recorded LLM whose inputs have labels.
        task: the labelled dataset whose DTE is used, a path, `hf:...`, or a name in the registry; None for the rivals
            alone, which need none.
        registry: where the registry is, if `task` is a name.

    Raises:
        DataError: a file is faulty, or the inputs have no labels.
        InputError: the dataset cannot be compared with the LLM's choices.
    """
    settings = settings or Settings()
    llm = read_recorded_llm(folder)
    if llm.labels is None:
        raise DataError(str(folder / "inputs.jsonl"), "has inputs without a label: there is no truth to score against.")
    return evaluated(llm, None if task is None else labelled_for(llm, _task_data(task, registry), task), settings)


def evaluated(
    llm: RecordedLLM, labelled: "Labelled | None", settings: Settings, *, more: Mapping[str, Scores] | None = None
) -> PromptReport:
    """Score the prompts of an LLM whose inputs have labels.

    Args:
        labelled: the labelled dataset for FUTE; None for the rivals alone.
        more: scores by further methods, which calibrating the answers does not change.
    """
    right = llm.right()
    assert right is not None, "the inputs have labels"  # noqa: S101
    notes = [*_noted(llm, right), *(labelled.notes if labelled else [])]
    fute = None if labelled is None else Fute(llm, labelled, settings)
    table = probabilities(llm.log_prob)
    accuracy: dict[str, Scores] = {}
    rows: list[PromptScore] = []
    for calibration in CALIBRATIONS:
        if calibration == "contextual" and llm.content_free is None:
            notes.append("no contextual calibration: outputs.npz has no log_prob_empty, log_prob_na and log_prob_mask")
            continue
        answered = calibrated(table, calibration, llm.content_free)
        accuracy[calibration] = _accuracy(answered if calibration != "none" else llm.log_prob, right)
        scores = {**(fute.scores(answered) if fute else {}), **score_prompts(answered, llm.prompt_prob), **(more or {})}
        rows += [_row(llm, name, calibration, its, accuracy) for name, its in scores.items()]
    best = max(accuracy["none"])
    title = f"{len(llm.prompts)} prompts on {len(llm.inputs)} inputs; uncalibrated, the best is right in {best:.1%}"
    of_prompts = {name: _by_prompt(llm, values) for name, values in accuracy.items()}
    return PromptReport(
        Table(rows, title=title), of_prompts, len(llm.inputs), labelled.described if labelled else None, notes
    )


def labelled_for(llm: RecordedLLM, task: TaskData, name: str) -> Labelled:
    """Return what of a labelled dataset can be compared with a recorded LLM, and notes of what cannot.

    Labels meet choices by their text, in small letters. A column means the same under every prompt, so one prompt that
    has the labels' texts as choices is enough.

    Raises:
        InputError: it is no classification, fewer than two labels are choices, or no example is left.
    """
    if task.kind != CLASSIFICATION or task.labels is None:
        raise InputError(f"{name} is of kind {task.kind}: prompts are compared with a classification task.")
    texts = {label: plain(task.answers.get(label, label)) for label in task.labels}
    offered = [[plain(choice) for choice in note.choices] for note in llm.prompts]
    choices = max(offered, key=lambda one: sum(text in one for text in texts.values()))
    kept = {label: choices.index(text) for label, text in texts.items() if text in choices}
    if len(set(kept.values())) < 2:
        raise OtherLabelsError(name, texts.values(), choices)
    known = {bare(text) for one in llm.inputs for text in one if text is not None}
    of_labels = [row for row in task.train if row.label in kept]
    left = [row for row in of_labels if not _shares(row, known)]
    if not left:
        raise InputError(f"No example of {name} is left that has a label among the choices and is no recorded input.")
    shared, dropped = len(of_labels) - len(left), [label for label in texts if label not in kept]
    notes = []
    if dropped:
        count = len(task.train) - len(of_labels)
        notes.append(f"{name}: dropped {count} examples whose labels are no choices: {_few(dropped)}")
    if shared:
        notes.append(f"{name}: dropped {shared} examples whose texts are among the recorded inputs")
    described = {"name": name, "left": len(left), "shared_texts_dropped": shared, "labels_dropped": dropped}
    answers = {label: text for label, text in task.answers.items() if label in kept}
    comparable = replace(task, labels=tuple(kept), answers=answers, train=tuple(left), test=())
    return Labelled(comparable, tuple(kept.values()), described, notes)


class Fute:
    """Scores prompts by the closeness of their MTEs to a DTE, and by their agreement with a trained classifier."""

    def __init__(self, llm: RecordedLLM, labelled: Labelled, settings: Settings) -> None:
        """Embed the dataset; every text is put through the surrogate once."""
        from embedders.recalling import RecallingSurrogate

        method = MapEmb()
        base = model_folder(settings.surrogate)
        length = min(COMMON["max_length"], most_tokens(base))
        surrogate = RecallingSurrogate(base, device=settings.device, max_length=length)
        observed = from_task(labelled.task, examples=settings.examples, seed=settings.seed)
        labelled.described["examples"] = len(observed.inputs)
        reading = method.read(surrogate, observed, method.parameters(), seed=settings.seed)
        self._ridge = float(method.parameters()["ridge"])
        self._map = reading.parts["map"].astype(np.float64).reshape(surrogate.hidden, -1)  # (hidden, hidden)
        self._answers = reading.parts["answers"].astype(np.float64)
        self._weights = weights_between(method.facets(8), EntryKind.MODEL, EntryKind.TASK)
        self._asked = surrogate.features(llm.inputs).astype(np.float64)  # (inputs, hidden)
        self._texts = np.stack([surrogate.text_features(note.choices) for note in llm.prompts]).astype(np.float64)
        self._classified = _classified(surrogate, observed, self._asked, labelled.columns)

    def scores(self, answered: NDArray[np.float64]) -> dict[str, Scores]:
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
            "classifier": np.asarray((answered.argmax(axis=-1) == self._classified).mean(axis=1)),
        }

    def _cosines(self, table: NDArray[np.float64]) -> dict[str, Scores]:
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


# -- parts -------------------------------------------------------------------------------------------


def _task_data(task: str, registry: str | None) -> TaskData:
    if task.startswith("hf:") or Path(task).exists():
        return read_task(task)
    with Registry.open(registry) as opened:
        return opened.task_data(task)


def _classified(
    surrogate: "RecallingSurrogate", observed: Observed, asked: NDArray[np.float64], columns: Sequence[int]
) -> NDArray[np.int64]:
    """Return the column that logistic regression on the surrogate's features chooses for each input, (inputs,).

    The squared length of the weights counts half against the summed cross entropy, as is usual.
    """
    import torch

    features = torch.from_numpy(surrogate.features(observed.inputs)).double()
    wanted = torch.from_numpy(observed.probabilities.argmax(axis=1))
    weights = torch.zeros(features.shape[1], len(columns), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(columns), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        wrong = torch.nn.functional.cross_entropy(features @ weights + bias, wanted, reduction="sum")
        total = (wrong + (weights**2).sum() / 2) / len(features)
        total.backward()
        return total

    optimizer.step(loss)
    said = asked @ weights.detach().numpy() + bias.detach().numpy()
    return np.asarray(columns, np.int64)[said.argmax(axis=1)]


def _row(llm: RecordedLLM, name: str, calibration: str, scores: Scores, accuracy: Mapping[str, Scores]) -> PromptScore:
    first = np.flatnonzero(scores == scores.max())
    return PromptScore(
        name,
        calibration,
        _figures(scores, accuracy[calibration]),
        _figures(scores, accuracy["none"]),
        llm.prompts[first[0]].name if len(first) == 1 else None,
        _by_prompt(llm, scores),
    )


def _figures(scores: Scores, accuracy: Scores) -> dict[str, float]:
    return {**prompt_metrics(scores, accuracy), "spearman": spearman(scores, accuracy)}


def _accuracy(answered: NDArray[np.float64], right: NDArray[np.int64]) -> Scores:
    return np.asarray((answered.argmax(axis=-1) == right).mean(axis=1))


def _noted(llm: RecordedLLM, right: NDArray[np.int64]) -> list[str]:
    """Return a note where prompts.jsonl gives other accuracies than the outputs do."""
    true = _accuracy(llm.log_prob, right)
    given = [(note.name, note.accuracy, its) for note, its in zip(llm.prompts, true, strict=True)]
    wrong = [(name, noted, its) for name, noted, its in given if noted is not None and abs(noted - its) > NOTED]
    if not wrong:
        return []
    name, noted, its = wrong[0]
    return [f"prompts.jsonl has other accuracies for {len(wrong)} prompts: {name} {noted:.6f}, its outputs {its:.6f}"]


def _by_prompt(llm: RecordedLLM, values: Scores) -> dict[str, float]:
    return {note.name: float(value) for note, value in zip(llm.prompts, values, strict=True)}


def _cosine(rows: NDArray[np.float64], one: NDArray[np.float64]) -> Scores:
    """Return the cosine of each row with a vector; 0 where either is zero."""
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(one)
    return np.asarray(np.where(lengths > 0, rows @ one / np.maximum(lengths, np.finfo(np.float64).tiny), 0.0))


def _shares(row: Example, known: set[str]) -> bool:
    return any(bare(text) in known for text in (row.text, row.text_pair) if text is not None)


def plain(text: str) -> str:
    """Return small letters with single blanks: so labels meet choices."""
    return " ".join(text.lower().split())


def _few(texts: Iterable[str]) -> str:
    return ", ".join(texts)[:200]
