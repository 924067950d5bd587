"""Self-Select: the language model is asked itself which prompt it would choose (a baseline of the FUTE paper)."""

from collections.abc import Sequence

import numpy as np

from embedders.predictors.language import Asked, LanguageModel
from registry.prompts import Prompt
from registry.selection import Scores

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
