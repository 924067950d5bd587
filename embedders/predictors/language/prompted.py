"""A language model under a prompt, which is one black box: MODEL@PROMPT."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedders.errors import BlackBoxError, NotEmbeddableError
from embedders.predictors.contract import Form, is_covered
from embedders.predictors.language.contract import LanguageModel, Question
from embedders.predictors.language.fitting import fitted
from registry.data.inputs import Input
from registry.data.predictions import ANSWERED, Missing, Predictions
from registry.data.probabilities import softmax
from registry.prompts.prompt import Prompt

REASONING_TOKENS = 256  # that a chain of thought may have


class PromptedPredictor:
    """A language model under a prompt: the softmax, over the answers, of each answer's likeliest word.

    A chain of thought takes two turns: the model writes its reasoning, then the words are scored after prompt,
    reasoning and conclusion.
    """

    form: Form = "labels"

    def __init__(
        self, model: LanguageModel, prompt: Prompt, render: Callable[[Sequence[Input]], list[str]], name: str
    ) -> None:
        self._model = model
        self._prompt = prompt
        self._render = render
        self._name = name
        self._how: dict[str, Any] = {}  # the model was asked, once it was
        self._cut = 0  # texts, so far

    def settings(self) -> dict[str, Any]:
        """Return how it was asked, for the provenance of its vectors: the model is no part where nothing was asked."""
        turns = {"reasoning_tokens": REASONING_TOKENS} if self._prompt.style == "chain-of-thought" else {}
        return {"style": self._prompt.style, **turns, **self._how}

    @property
    def not_read(self) -> str | None:
        """That ends of texts were not read, in words."""
        if not self._cut:
            return None
        most = self._how["most_tokens"]
        return f"texts that have more than {most:,} tokens with the prompt, and whose ends are not read: {self._cut}"

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """Return the inputs that the template can hold: where it asks for a second text, the pairs.

        Raises `NotEmbeddableError` where they are too few.
        """
        asked = self._prompt.askable(inputs)
        if not is_covered(len(asked), len(inputs)):
            few = f"{len(asked)} of the corpus's {len(inputs)} texts are pairs"
            raise NotEmbeddableError(
                f"{self._name!r} asks of pairs, and {few}: embed it in a space whose corpus holds more."
            )
        return asked

    def content_free(self, *, pairs: bool) -> Predictions | None:
        """Return the answers to an empty, an n/a and a masked input (Zhao et al. 2021)."""
        return self.predict([Input(text, text if pairs else None) for text in ("", "N/A", "[MASK]")])

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Return the softmax of the answers' best words, and how likely the prompts are to the model.

        An input whose likeliest answers are tied has none.
        """
        prompt = self._prompt
        words = [word for words in prompt.words for word in words]
        questions, cut = fitted(inputs, self._questions, lambda one: self._model.can_read(one, words, room=self._room))
        self._cut += cut
        written: list[str] | None = None
        if prompt.style == "chain-of-thought":
            written = self._model.write(questions, most_tokens=REASONING_TOKENS)
            questions = [
                question._replace(reasoning=own, conclusion=prompt.conclusion)
                for question, own in zip(questions, written, strict=True)
            ]
        scored = self._model.score(questions, words)
        self._how = self._model.settings()
        if np.isnan(scored.log_prob).any():
            raise BlackBoxError(f"{self._name!r} gave scores that are no numbers.")
        ends = np.cumsum([len(words) for words in prompt.words])[:-1]
        best = np.stack([own.max(axis=1) for own in np.split(scored.log_prob, ends, axis=1)], axis=1)
        missing = _missing(best, scored.missing)
        table = np.where(missing[:, None] == ANSWERED, softmax(best), 0.0).astype(np.float32)
        own = scored.prompt_prob
        return Predictions(
            tuple(prompt.answers),
            table,
            None if own is None else own.astype(np.float32),
            missing if missing.any() else None,
            _replies(written, scored.replies),
        )

    @property
    def _room(self) -> int:
        """How many tokens are written before the answer, at most."""
        return REASONING_TOKENS + len(self._prompt.conclusion) if self._prompt.style == "chain-of-thought" else 0

    def _questions(self, inputs: Sequence[Input]) -> list[Question]:
        return [Question(text, self._prompt.system) for text in self._render(inputs)]


def _replies(reasoned: Sequence[str] | None, said: Sequence[str | None] | None) -> tuple[str | None, ...] | None:
    """Return what the model wrote to each input, its reasoning before its answer; None where it wrote nothing."""
    if reasoned is None:
        return None if said is None else tuple(said)
    return tuple("\n".join(filter(None, both)) for both in zip(reasoned, said or [None] * len(reasoned), strict=True))


def _missing(best: NDArray[np.float64], told: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return why each input has no answer, (inputs,): as the model told, or that two answers are equally likely.

    Args:
        best: the answers' scores, (inputs, answers). The first of equals is no answer, but an order of columns.
    """
    missing = np.zeros(len(best), np.uint8) if told is None else told.copy()
    is_tied = (best == best.max(axis=1, keepdims=True)).sum(axis=1) > 1
    missing[is_tied & (missing == ANSWERED)] = Missing.UNDECIDED
    return missing
