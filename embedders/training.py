"""Training loops: tuning the surrogate, and fine-tuning a classifier to have a model to register."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from embedders.batching import padded, tokenised
from embedders.devices import autocast, best_device, quiet_transformers
from embedders.objectives import Objective
from embedders.observed import Observed
from embedders.surrogate import Surrogate, pooled
from registry.formats.corpora import Input
from registry.formats.tasks import TaskData


def tune(
    surrogate: Surrogate,
    model: nn.Module,
    objective: Objective,
    observed: Observed,
    parameters: dict[str, Any],
    *,
    seed: int,
) -> list[float]:
    """Train the model's trainable parameters towards the objective; return the loss of each step.

    The model stays in evaluation mode: dropout would embed the same task differently twice.
    """
    rows = tokenised(surrogate.tokenizer, observed.inputs, max_length=surrogate.max_length)
    trainable = [p for p in model.parameters() if p.requires_grad] + list(objective.head().parameters())
    steps, rate = int(parameters["steps"]), float(parameters["learning_rate"])
    optimizer = torch.optim.Adam(trainable, lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, steps)
    losses: list[torch.Tensor] = []
    for chosen in bucketed_steps(rows, int(parameters["batch_size"]), steps, seed=seed):
        batch = padded(surrogate.tokenizer, [rows[i] for i in chosen], surrogate.device)
        with autocast(surrogate.device):
            states = pooled(model, batch)
        loss = objective.loss(states, torch.from_numpy(chosen).to(surrogate.device))
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
    return [float(loss) for loss in torch.stack(losses).cpu()]  # read once: the device never waits for the host


def bucketed_steps(
    rows: list[dict[str, list[int]]], batch_size: int, steps: int, *, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield `steps` batches of row numbers: shuffled by the seed, sorted by length within runs of eight batches."""
    random = np.random.default_rng(seed)
    lengths = np.array([len(row["input_ids"]) for row in rows])
    made = 0
    while True:
        order = random.permutation(len(rows))
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

    labels = list(task.labels or ())
    place = best_device(device)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(
            base,
            id2label=dict(enumerate(labels)),
            label2id={label: i for i, label in enumerate(labels)},
            trust_remote_code=False,
            use_safetensors=True,
        ).to(place)
    train = [task.train[i] for i in np.random.default_rng(seed).permutation(len(task.train))[:examples]]
    rows = tokenised(tokenizer, [Input(e.text, e.text_pair) for e in train], max_length=128)
    targets = torch.tensor([labels.index(e.label) for e in train])
    steps = max(1, epochs * -(-len(rows) // 32))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    model.train()
    for chosen in bucketed_steps(rows, 32, steps, seed=seed):
        with autocast(place):
            scores = model(**padded(tokenizer, [rows[i] for i in chosen], place)).logits
        nn.functional.cross_entropy(scores.float(), targets[chosen].to(place)).backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    with quiet_transformers():
        model.eval().save_pretrained(target)
        tokenizer.save_pretrained(target)
    return _accuracy(model, tokenizer, task, place)


def _accuracy(model: Any, tokenizer: Any, task: TaskData, device: torch.device) -> float:  # noqa: ANN401
    labels = list(task.labels or ())
    right = 0
    for start in range(0, len(task.test), 64):
        part = task.test[start : start + 64]
        rows = tokenised(tokenizer, [Input(e.text, e.text_pair) for e in part], max_length=128)
        with torch.inference_mode(), autocast(device):
            best = model(**padded(tokenizer, rows, device)).logits.argmax(dim=-1).tolist()
        right += sum(labels[b] == e.label for b, e in zip(best, part, strict=True))
    return right / max(1, len(task.test))
