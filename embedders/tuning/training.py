"""Training loops: tuning the surrogate, and fine-tuning a classifier to have a model to register."""

import contextlib
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from embedders.foreign.door import opened
from embedders.hardware.batching import BatchSize, by_length, padded, tokenised
from embedders.hardware.devices import attention, autocast, best_device, moved, quiet_transformers
from embedders.hardware.side_by_side import side_by_side
from embedders.tuning.objectives import Objective
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.files.writing import system_errors

BATCH_SIZE = 32
MAX_LENGTH = 128  # tokens of an input that a classifier is trained on
NARROW = 128  # hidden units


def tuning(
    model: nn.Module,
    objective: Objective,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    decay: bool = True,
) -> Iterator[torch.Tensor]:
    """Train the model's trainable parameters towards the objective, step by step; yield the loss of each, (1,).

    The model stays in evaluation mode: dropout would embed the same task differently twice. Who asks for no further
    step stops the training; nothing here waits for the device.

    Args:
        decay: let the rate fall to a tenth; without, the first steps of a long training are those of a short one.
    """
    trainable = [p for p in model.parameters() if p.requires_grad] + list(objective.head.parameters())
    optimizer = torch.optim.Adam(trainable, lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1 if decay else 1.0, max(1, steps))
    for chosen in bucketed_steps(objective.lengths, batch_size, steps, seed=seed):
        loss = _with_gradients(model, objective, chosen, trainable)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        yield loss.detach()


def _with_gradients(
    model: nn.Module, objective: Objective, chosen: NDArray[np.int64], trainable: Sequence[nn.Parameter]
) -> torch.Tensor:
    """Set the gradients of a batch's mean loss, and return that loss, (1,).

    On a CPU by halves of the batch side by side, whatever the number of threads.
    """
    device = trainable[0].device
    halves = [chosen] if device.type != "cpu" or len(chosen) < 2 else np.array_split(chosen, 2)

    def of_part(rows: NDArray[np.int64]) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
        loss = objective.losses(model, rows).sum() / len(chosen)
        return loss.detach(), torch.autograd.grad(loss, trainable, allow_unused=True)

    parts = side_by_side(of_part, halves, device=device)
    for parameter, *gradients in zip(trainable, *(gradients for _, gradients in parts), strict=True):
        known = [gradient for gradient in gradients if gradient is not None]
        parameter.grad = _laid_out_as(parameter, sum(known[1:], known[0])) if known else None
    return sum((loss for loss, _ in parts[1:]), parts[0][0])


def _laid_out_as(parameter: nn.Parameter, gradient: torch.Tensor) -> torch.Tensor:
    """Return a gradient with its parameter's strides, which a fused optimizer takes for granted."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


def tune(
    model: nn.Module, objective: Objective, *, steps: int, batch_size: int, learning_rate: float, seed: int
) -> list[float]:
    """Train for all the steps, and return the loss of each."""
    losses = list(tuning(model, objective, steps=steps, batch_size=batch_size, learning_rate=learning_rate, seed=seed))
    return [float(loss) for loss in torch.stack(losses).cpu()] if losses else []  # read once, at the end


def bucketed_steps(
    lengths: NDArray[np.int64], batch_size: int, steps: int, *, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield `steps` batches of row numbers: shuffled by the seed, sorted by length within runs of eight batches.

    Args:
        lengths: of the rows, (rows,).
    """
    random = np.random.default_rng(seed)
    made = 0
    while made < steps:
        order = random.permutation(len(lengths))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), 8 * batch_size):
            run = order[start : start + 8 * batch_size]
            run = run[np.argsort(lengths[run], kind="stable")]
            batches += [run[i : i + batch_size] for i in range(0, len(run), batch_size)]
        for number in random.permutation(len(batches)):
            yield batches[number]
            made += 1
            if made == steps:
                return


def finetune_classifier(
    base: Path,
    task: TaskData,
    target: Path,
    *,
    epochs: int = 3,
    examples: int = 1000,
    learning_rate: float = 1e-4,
    seed: int = 0,
    device: str | None = None,
) -> float:
    """Fine-tune a sequence classifier on a task, save it in `target`, and return its accuracy on the test split.

    What comes out is an ordinary checkpoint: what a user would register as a model.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    place = best_device(device)
    torch.manual_seed(seed)
    with opened(base) as shown:  # until it is saved: a tokenizer may copy its vocabulary from there
        tokenizer = AutoTokenizer.from_pretrained(shown, trust_remote_code=False)
        with quiet_transformers():
            model = AutoModelForSequenceClassification.from_pretrained(
                shown,
                **named_outputs(task),
                trust_remote_code=False,
                use_safetensors=True,
                attn_implementation=attention(place, learns=True),
                dtype=torch.float32,
            ).to(place)
        rows = sampled(task, examples, seed=seed)
        fit_classifier(model, tokenizer, task, rows, epochs=epochs, learning_rate=learning_rate, seed=seed)
        save_classifier(model, tokenizer, target)
    return accuracy_of(task, probabilities_of(model, tokenizer, inputs_of(task.test))) or 0.0


def fit_classifier(
    model: Any,  # noqa: ANN401 - a sequence classifier
    tokenizer: Any,  # noqa: ANN401 - a tokenizer
    task: TaskData,
    rows: Sequence[Example],
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Train all of a classifier's parameters on examples, the rate falling to zero; leave it ready to be asked."""
    labels = list(task.labels or ())
    encoded = tokenised(tokenizer, inputs_of(rows), max_length=_max_length(model))
    wanted = torch.tensor([labels.index(row.label) for row in rows])
    lengths = np.array([len(row["input_ids"]) for row in encoded])
    steps = max(1, epochs * -(-len(rows) // BATCH_SIZE))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    model.train()
    for chosen in bucketed_steps(lengths, BATCH_SIZE, steps, seed=seed):
        with _precision(model):
            scores = model(**_batch(model, tokenizer, [encoded[i] for i in chosen])).logits
        nn.functional.cross_entropy(scores.float(), moved(wanted[chosen], model.device)).backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    model.eval()


def probabilities_of(model: Any, tokenizer: Any, inputs: Sequence[Input]) -> NDArray[np.float32]:  # noqa: ANN401
    """Return the softmax of a classifier's outputs, (inputs, labels)."""
    rows = tokenised(tokenizer, inputs, max_length=_max_length(model))
    table = np.zeros((len(rows), model.config.num_labels), np.float32)
    numbers = list(by_length(rows, BatchSize(BATCH_SIZE)))
    made = []
    for chosen in numbers:
        with torch.inference_mode(), _precision(model):
            scores = model(**_batch(model, tokenizer, [rows[i] for i in chosen])).logits.float()
        made.append(torch.softmax(scores, dim=-1))
    if made:
        table[np.concatenate(numbers)] = torch.cat(made).cpu().numpy()
    return table


def accuracy_of(task: TaskData, probabilities: NDArray[np.float32]) -> float | None:
    """Return the share of a task's test examples whose likeliest label is right; None where there are none.

    Args:
        probabilities: (test examples, labels).
    """
    labels = list(task.labels or ())
    right = [labels[best] == row.label for best, row in zip(probabilities.argmax(axis=1), task.test, strict=True)]
    return sum(right) / len(right) if right else None


def save_classifier(model: Any, tokenizer: Any, target: Path) -> None:  # noqa: ANN401
    """Write an ordinary checkpoint."""
    with quiet_transformers(), system_errors():
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
    for weights in target.glob("*.safetensors"):  # written for their owner alone
        weights.chmod(stat.S_IMODE((target / "config.json").stat().st_mode))


def named_outputs(task: TaskData) -> dict[str, Any]:
    """Return what a classifier's config says of its outputs: the task's labels."""
    labels = list(task.labels or ())
    return {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}


def sampled(task: TaskData, examples: int, *, seed: int) -> list[Example]:
    """Return a seeded sample of at most so many of a task's training examples."""
    return [task.train[i] for i in np.random.default_rng(seed).permutation(len(task.train))[:examples]]


def inputs_of(rows: Sequence[Example]) -> list[Input]:
    """Return what examples ask."""
    return [Input(row.text, row.text_pair) for row in rows]


def _batch(model: Any, tokenizer: Any, rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:  # noqa: ANN401
    return padded(tokenizer, rows, model.device, most=_max_length(model))


def _precision(model: Any) -> contextlib.AbstractContextManager[Any]:  # noqa: ANN401
    """bfloat16 where it pays: in a narrow model, casting takes longer than it saves."""
    is_narrow = model.config.hidden_size <= NARROW
    return contextlib.nullcontext() if is_narrow else autocast(model.device, model.config.model_type)


def _max_length(model: Any) -> int:  # noqa: ANN401
    return min(MAX_LENGTH, getattr(model.config, "max_position_embeddings", None) or MAX_LENGTH)
