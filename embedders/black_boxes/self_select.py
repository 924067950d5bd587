"""Self-Select: the language model is asked itself which prompt it would choose (a baseline of the FUTE paper)."""

from collections.abc import Sequence
from string import ascii_uppercase

import numpy as np

from embedders.black_boxes.loading import language_model
from embedders.predictors.language.contract import LanguageModel, Question
from registry import Registry
from registry.choosing.outputs import outputs_of_prompts
from registry.choosing.scores import PromptScores
from registry.data.models import ModelKind, ModelSpec
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt

QUESTION = "Here are prompts for one task, each with its {by}.\n\n{prompts}\n\nThe best is prompt"


def self_select(model: LanguageModel, prompts: Sequence[Prompt]) -> PromptScores:
    """Return how likely the model is to name each prompt by its letter, as log-likelihoods, (prompts,).

    More prompts than there are letters are numbered.

    Raises:
        InputError: the list of the prompts is longer than what the model can read.
    """
    few = len(prompts) <= len(ascii_uppercase)
    names = list(ascii_uppercase[: len(prompts)]) if few else [str(i) for i in range(1, len(prompts) + 1)]
    listed = "\n".join(
        f"{name}. {prompt.template} ({', '.join(own[0] for own in prompt.words)})"
        for name, prompt in zip(names, prompts, strict=True)
    )
    question = Question(QUESTION.format(by="letter" if few else "number", prompts=listed))
    if not model.can_read(question, names):
        raise InputError(f"No self-select: a list of {len(prompts)} prompts is longer than what the model can read.")
    scored = model.score([question], names)
    if scored.missing is not None and scored.missing.any():
        raise InputError("No self-select: the model's reply names none of the prompts for certain.")
    return np.asarray(scored.log_prob[0], np.float64)


def self_selected(
    registry: Registry, model: str, *, task: str | None = None, space: str | None = None, device: str | None = None
) -> dict[str, float]:
    """Ask a registered LLM which of the prompts it would choose that `best_prompt` ranks for a task, and return scores.

    Raises:
        InputError: only its answers were recorded, so that it cannot be asked.
        NotEmbeddedError: no prompt of the model has a vector in the space.
    """
    entry = registry.catalog.entries.get(model, EntryKind.MODEL)
    about = None if task is None else registry.catalog.entries.get(task, EntryKind.TASK)
    names = outputs_of_prompts(registry.catalog, model, registry.catalog.spaces.get(space), about).prompts
    spec = ModelSpec.from_document(entry.spec, name=entry.name)
    if spec.kind is ModelKind.RECORDED_LLM:
        raise InputError(f"Of {entry.name!r} only answers were recorded: it cannot be asked for a choice.")
    llm = language_model(spec, device=device, name=entry.name)
    pairs = [registry.catalog.entries.get(f"{entry.name}@{name}") for name in names]  # of the versions asked
    scores = self_select(
        llm, [registry.prompt(ModelSpec.from_document(pair.spec, name=pair.name).prompt) for pair in pairs]
    )
    return dict(zip(names, scores.tolist(), strict=True))
