"""Self-Select: the language model is asked itself which prompt it would choose (a baseline of the FUTE paper)."""

from collections.abc import Sequence

import numpy as np

from embedders.predictors.language import Asked, LanguageModel, language_model
from registry import Registry
from registry.best_prompt import outputs_of_prompts
from registry.errors import InputError
from registry.prompted import RECORDED
from registry.prompts import Prompt
from registry.selection import Scores
from registry.tables import EntryKind

QUESTION = (
    "Below are {count} prompts for one task, by number. Which prompt is the best?\n\n{prompts}\n\nThe best is prompt"
)


def self_select(model: LanguageModel, prompts: Sequence[Prompt]) -> Scores:
    """Return how likely the model is to name each prompt by its number, as log-likelihoods, (prompts,)."""
    listed = "\n".join(
        f"{number}. {prompt.template} ({', '.join(own[0] for own in prompt.words)})"
        for number, prompt in enumerate(prompts, start=1)
    )
    question = QUESTION.format(count=len(prompts), prompts=listed)
    scored = model.score([Asked(question)], [str(number) for number in range(1, len(prompts) + 1)])
    return np.asarray(scored.log_prob[0], np.float64)


def self_selected(
    registry: Registry, model: str, *, space: str | None = None, device: str | None = None
) -> dict[str, float]:
    """Ask a registered LLM which of the prompts it would choose that `best_prompt` ranks; return a score for each.

    Raises:
        InputError: only its answers were recorded, so that it cannot be asked.
        NotEmbeddedError: no prompt of the model has a vector in the space.
    """
    entry = registry.catalog.entries.get(model, EntryKind.MODEL)
    names = outputs_of_prompts(registry, model, registry.catalog.spaces.get(space)).prompts
    if entry.spec.get("type") == RECORDED:
        raise InputError(f"Of {entry.name!r} only answers were recorded: it cannot be asked for a choice.")
    asked = language_model(entry.spec, device=device, name=entry.name)
    scores = self_select(asked, [registry.prompt(name) for name in names])
    return dict(zip(names, scores.tolist(), strict=True))
