"""What does it help to train on another task first? Fine-tuning on a source, then on a few examples of a target.

The encoder goes from one to the other, the layer over it begins anew: classes and spans have one as in the papers,
multiple choice is answered by the likeness of the choice's text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from embedders.observed import Observed, from_task
from embedders.surrogate.model import Surrogate
from embedders.surrogate.weights import identity, model_folder
from embedders.tuning.objectives import Head, Regression, Span, Verbaliser, objective_for
from embedders.tuning.training import tune
from registry.data.tasks import TaskData
from registry.files.writing import written
from registry.metrics import spearman

Exam = Head | Verbaliser | Regression | Span  # objectives whose outputs can be scored
BATCH_SIZE = 16
ASKED_AT_ONCE = 64


@dataclass(frozen=True)
class Recipe:
    """How sources and targets are trained."""

    model: str = "minilm"  # or a folder, or a hub id
    source_examples: int = 600
    source_steps: int = 76  # two epochs of 600
    target_examples: int = 64
    target_steps: int = 24  # six epochs of 64
    test_examples: int = 300
    learning_rate: float = 1e-4
    max_length: int = 128

    @property
    def adaptation(self) -> str:
        """What the registry calls it."""
        return f"finetune-{self.target_examples}"


class Trainer:
    """Trains the base model on tasks; what a source taught it is kept in a folder."""

    def __init__(self, recipe: Recipe, folder: Path, *, device: str | None = None) -> None:
        self.recipe = recipe
        base = model_folder(recipe.model)
        self.surrogate = Surrogate(base, device=device, max_length=recipe.max_length)
        self._folder = folder / identity(base)[-12:]

    def taught(self, task: TaskData) -> Path:
        """Return the weights of the base model after training on a source, made once."""
        recipe = self.recipe
        said = f"{task.content_hash()[:12]}-{recipe.source_examples}-{recipe.source_steps}-{recipe.learning_rate:g}"
        kept = self._folder / f"{said}.safetensors"
        if not kept.exists():
            observed = from_task(task, examples=recipe.source_examples, seed=0)
            objective = _objective(self.surrogate, observed)
            model = self._tuned(objective, None, recipe.source_steps, seed=0)
            kept.parent.mkdir(parents=True, exist_ok=True)
            parts = {f"model.{name}": part.contiguous() for name, part in model.state_dict().items()}
            parts |= {f"head.{name}": part for name, part in objective.head.state_dict().items()}
            with written(kept) as draft:
                save_file(parts, draft)
        return kept

    def score(self, target: TaskData, source: Path | None, *, seed: int) -> float:
        """Train on a few examples of a target, drawn by the seed, and return the score on its test examples, 0 to 1.

        Accuracy; for spans the F1 of their tokens; for numbers Spearman's correlation, at least 0.

        Args:
            source: what a source taught; None for the base model as it is.
        """
        recipe = self.recipe
        few = _objective(self.surrogate, from_task(target, examples=recipe.target_examples, seed=seed))
        model = self._tuned(few, source, recipe.target_steps, seed=seed)
        asked = from_task(replace(target, train=target.test or target.train), examples=recipe.test_examples, seed=0)
        exam = _objective(self.surrogate, asked)
        exam.head.load_state_dict(few.head.state_dict())
        return _score(model, exam)

    def answers(self, source: TaskData, asked: Observed) -> NDArray[np.float32]:
        """Return what the model of a classification source says of inputs, probabilities (inputs, its answers)."""
        parts = load_file(self.taught(source), device=str(self.surrogate.device))
        model = self.surrogate.fresh_model()
        model.load_state_dict(_under("model.", parts))
        exam = _objective(self.surrogate, asked)
        exam.head.load_state_dict(_under("head.", parts))
        table = np.zeros(asked.options.shape, np.float32)
        for rows, outputs in _asked(model, exam):
            table[rows] = outputs.softmax(dim=-1).cpu().numpy()
        return table

    def _tuned(self, objective: Exam, source: Path | None, steps: int, *, seed: int) -> nn.Module:
        model = self.surrogate.fresh_model()
        if source is not None:
            model.load_state_dict(_under("model.", load_file(source, device=str(self.surrogate.device))))
        rate = self.recipe.learning_rate
        tune(model, objective, steps=steps, batch_size=BATCH_SIZE, learning_rate=rate, seed=seed)
        return model


def _objective(surrogate: Surrogate, observed: Observed) -> Exam:
    name = "head" if observed.spans is not None or observed.has_fixed_options else "verbaliser"
    made = objective_for(name, surrogate, observed, seed=0)
    assert isinstance(made, Exam)
    return made


def _under(prefix: str, parts: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): part for name, part in parts.items() if name.startswith(prefix)}


def _asked(model: nn.Module, exam: Exam) -> Iterator[tuple[NDArray[np.int64], torch.Tensor]]:
    """Yield the outputs of an exam's inputs in batches, with their rows."""
    order = np.argsort(-exam.lengths, kind="stable")
    for start in range(0, len(order), ASKED_AT_ONCE):
        rows = order[start : start + ASKED_AT_ONCE]
        with torch.inference_mode():
            yield rows, exam.outputs(model, rows)


def _score(model: nn.Module, exam: Exam) -> float:
    if isinstance(exam, Regression):
        told = np.zeros(len(exam.lengths))
        for rows, outputs in _asked(model, exam):
            told[rows] = outputs.cpu().numpy()
        return max(0.0, spearman(told, exam.targets.cpu().numpy()))
    points = []
    for rows, outputs in _asked(model, exam):
        wanted = exam.targets[torch.from_numpy(rows).to(exam.targets.device)]
        if isinstance(exam, Span):
            points += [token_f1(scores, span) for scores, span in zip(outputs.cpu(), wanted.tolist(), strict=True)]
        else:
            points += (outputs.argmax(dim=1) == wanted.argmax(dim=1)).float().tolist()
    return float(np.mean(points))


def token_f1(scores: torch.Tensor, wanted: list[int]) -> float:
    """Return the F1 of the tokens between the likeliest first and last; 0 where the answer was cut off."""
    pairs = scores[0][:, None] + scores[1][None, :]
    pairs = pairs.masked_fill(torch.ones_like(pairs).tril(-1).bool(), -torch.inf)  # no span ends before it begins
    first, last = divmod(int(pairs.argmax()), pairs.shape[1])
    common = min(last, wanted[1]) - max(first, wanted[0]) + 1
    return 2 * common / (last - first + 1 + wanted[1] - wanted[0] + 1) if common > 0 and wanted[0] >= 0 else 0.0
