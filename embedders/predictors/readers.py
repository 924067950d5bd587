"""Question answering checkpoints: which part of a passage answers a question?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedders.errors import ModelNotUsableError, NotCoveredError
from embedders.predictors.checkpoints import Checkpoint, OfCheckpoint
from embedders.predictors.contract import Form, is_covered
from registry.data.inputs import Input, with_passage
from registry.data.predictions import Predictions

MOST_ANSWER_TOKENS = 30  # of a span


class NoQuestionsError(NotCoveredError):
    """A corpus holds too few pairs of a question and a passage for a reader."""

    def __init__(self, name: str, known: int, corpus: int) -> None:
        super(NotCoveredError, self).__init__(
            f"{name!r} answers questions on a passage, and {known} of the corpus's {corpus} texts are pairs: make a "
            "corpus of question-answering tasks ('fute corpus create questions --data FILE' with text and text_pair) "
            f"and a space with it ('fute space create its-space --corpus questions'), and embed {name!r} there."
        )

    def naming(self, spaces: Sequence[str]) -> "NoQuestionsError":
        """Return it as it is: another space is one of many that might do."""
        del spaces
        return self


class ReaderPredictor(OfCheckpoint):
    """A reader: of the pair (question, passage), the span of the passage with the highest start + end score.

    A span has at most `MOST_ANSWER_TOKENS` tokens. Of a pair that is too long the end of the longer text is cut,
    token by token, which is the passage's as a rule. That a reader may find no answer at all is not asked.
    """

    form: Form = "spans"

    def __init__(self, model: Checkpoint) -> None:
        if not model.tokenizer.is_fast:
            raise ModelNotUsableError(f"The tokenizer of {model.name!r} cannot say where a token stands in its text.")
        super().__init__(model)

    def answerable(self, inputs: Sequence[Input]) -> list[Input]:
        """Return the inputs that have a passage; raise `NoQuestionsError` where they are too few."""
        known = with_passage(inputs)
        if not is_covered(len(known), len(inputs)):
            raise NoQuestionsError(self._model.name, len(known), len(inputs))
        return known

    def predict(self, inputs: Sequence[Input]) -> Predictions:
        """Return each question's span as a certain answer, a column for every distinct text."""
        model = self._model
        encoded = [self._encoded(question) for question in inputs]
        rows = [
            model.readable({name: ids for name, ids in tokens.items() if name != "offset_mapping"})
            for tokens in encoded
        ]
        model.filled += sum(len(row["input_ids"]) >= model.max_length for row in rows)
        spans = [""] * len(inputs)
        made = []
        for chosen, batch in model.in_batches(rows):
            output = model.ask(model.model, **batch)
            made.append((chosen, output.start_logits, output.end_logits))
        for chosen, *scores in made:  # copied when all of them are under way: a copy waits for the device
            starts, ends = (model.checked(model.ask(_on_cpu, one)) for one in scores)
            for i, start, end in zip(chosen, starts, ends, strict=True):
                spans[i] = _best_span(encoded[i], inputs[i].text_pair or "", start, end)
        texts = list(dict.fromkeys(spans))
        column = {text: number for number, text in enumerate(texts)}
        return Predictions(tuple(texts), np.eye(len(texts), dtype=np.float32)[[column[text] for text in spans]])

    def _encoded(self, question: Input) -> Any:  # noqa: ANN401 - tokens, offsets and which text each token is of
        tokenizer, length = self._model.tokenizer, self._model.max_length
        return tokenizer(*question, truncation=True, max_length=length, return_offsets_mapping=True)


def _on_cpu(scores: Any) -> NDArray[np.float32]:  # noqa: ANN401 - a tensor
    table: NDArray[np.float32] = scores.float().cpu().numpy()
    return table


def _best_span(encoded: Any, passage: str, starts: NDArray[np.float32], ends: NDArray[np.float32]) -> str:  # noqa: ANN401
    """Return the text between the best pair of start and end within the passage, the first of equals.

    Args:
        starts: (tokens) how likely the answer begins at each; `ends` where it ends.
    """
    offsets = encoded["offset_mapping"]
    inside = [
        position
        for position, text in enumerate(encoded.sequence_ids())
        if text == 1 and passage[slice(*offsets[position])].strip()
    ]
    if not inside:  # no token of the passage is known, or none was left room
        return passage.strip()
    first = np.arange(len(inside))
    length = first[None, :] - first[:, None]  # of the span from row to column, less one
    allowed = (length >= 0) & (length < MOST_ANSWER_TOKENS)
    scores = np.where(allowed, starts[inside][:, None] + ends[inside][None, :], -np.inf)
    begin, end = divmod(int(scores.argmax()), len(inside))
    return passage[offsets[inside[begin]][0] : offsets[inside[end]][1]].strip()
