"""What the surrogate learns when it is tuned, as minus log p(y|x) of each example.

A space chooses one of three: `verbaliser` scores the texts of the answers, so that labels keep their meaning; `head`
is a plain layer, as the paper has it; `text-to-text` is the likelihood of the answer's text under a language model.
What the task asks decides the rest: answers that stand in a passage are found as a span by either of the first two.
"""

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from embedders.errors import NotEmbeddableError, SettingError
from embedders.hardware.batching import filled
from embedders.hardware.devices import autocast, moved
from embedders.observed import Observed
from embedders.surrogate.model import Surrogate, as_one_text, pooled, token_states

NAMES = ("verbaliser", "head", "text-to-text")
LONGEST_ANSWER = 32  # tokens of an answer that a language model is asked to write


class Objective(Protocol):
    """Minus the log likelihood of observed answers, example by example."""

    @property
    def head(self) -> nn.Module:
        """What is trained beside the surrogate and thrown away afterwards."""
        ...

    @property
    def peft_type(self) -> str:
        """What peft calls a model that is tuned for this."""
        ...

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each input, (inputs,)."""
        ...

    def fresh_model(self) -> nn.Module:
        """Return the pretrained surrogate with the outputs that are needed, to be tuned."""
        ...

    def losses(
        self, model: nn.Module, rows: NDArray[np.int64], *, sample: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return -log p(y_i|x_i) in float32 for these rows of the observations, (rows,).

        Args:
            sample: draw the answers from the model itself, instead of the observed ones.
        """
        ...


class _Pooled:
    """Objectives that look at an input's pooled state."""

    peft_type = "FEATURE_EXTRACTION"

    def __init__(self, surrogate: Surrogate, observed: Observed) -> None:
        self._surrogate = surrogate
        self._rows = surrogate.rows(observed.inputs)
        self.lengths = np.array([len(row["input_ids"]) for row in self._rows])
        self.head: nn.Module = nn.Identity()
        self.targets = torch.from_numpy(observed.probabilities).to(surrogate.device)  # (inputs, options)

    def fresh_model(self) -> nn.Module:
        """The surrogate as it is."""
        return self._surrogate.fresh_model()

    def _states(self, model: nn.Module, rows: NDArray[np.int64]) -> torch.Tensor:
        batch = self._surrogate.batch([self._rows[i] for i in rows])
        with autocast(self._surrogate.device, self._surrogate.kind):
            return pooled(model, batch)


class _OptionScores(_Pooled, ABC):
    """Objectives that score the options by the pooled state."""

    def losses(
        self, model: nn.Module, rows: NDArray[np.int64], *, sample: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return the cross entropy of the answers."""
        scores = self.outputs(model, rows)
        chosen = moved(torch.from_numpy(rows), self._surrogate.device)
        targets = self.targets[chosen] if sample is None else _drawn(scores, sample)
        return F.cross_entropy(scores, targets, reduction="none")

    def outputs(self, model: nn.Module, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return the logits of each input's options in float32, (rows, options)."""
        chosen = moved(torch.from_numpy(rows), self._surrogate.device)
        return self.scores(self._states(model, rows), chosen).float()

    @abstractmethod
    def scores(self, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the logits of the options, (batch, options)."""


class Verbaliser(_OptionScores):
    """Scores the text of each answer by its cosine with the input, so that labels keep their meaning: a prompt's
    answers and a dataset's labels meet in one space. A number is scored by the texts of its scale's two ends."""

    TEMPERATURE = 0.05

    def __init__(self, surrogate: Surrogate, observed: Observed, *, seed: int) -> None:
        super().__init__(surrogate, observed)
        self._texts = torch.from_numpy(surrogate.text_features(observed.answers)).to(surrogate.device)
        self._options = torch.from_numpy(observed.options).to(surrogate.device)

    def scores(self, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the cosines with the answers' texts, sharpened."""
        options = self._options[rows]  # (batch, options)
        scores = torch.einsum("bh,bkh->bk", states, self._texts[options.clamp(min=0)]) / self.TEMPERATURE
        return scores.masked_fill(options < 0, -1e4)


class Head(_OptionScores):
    """A plain classification head: class numbers without meaning."""

    def __init__(self, surrogate: Surrogate, observed: Observed, *, seed: int) -> None:
        super().__init__(surrogate, observed)
        if not observed.has_fixed_options:
            raise NotEmbeddableError("a classification head needs the same classes for each input: use the verbaliser.")
        self.head = _layer(surrogate, len(observed.answers), seed)

    def scores(self, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the classes' logits; unit states are too short to start from."""
        scores: torch.Tensor = self.head(states * states.shape[1] ** 0.5)
        return scores


class Regression(_Pooled):
    """A plain linear layer whose output is a number, from 0 to 1, seen with Gaussian noise of variance 1."""

    def __init__(self, surrogate: Surrogate, observed: Observed, *, seed: int) -> None:
        super().__init__(surrogate, observed)
        self.targets = self.targets[:, 1]
        self.head = _layer(surrogate, 1, seed)

    def losses(
        self, model: nn.Module, rows: NDArray[np.int64], *, sample: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return half the squared error."""
        outputs = self.outputs(model, rows)
        if sample is None:
            wanted = self.targets[moved(torch.from_numpy(rows), outputs.device)]
        else:
            wanted = outputs.detach() + torch.randn(outputs.shape, generator=sample, device=outputs.device)
        return (outputs - wanted) ** 2 / 2

    def outputs(self, model: nn.Module, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return the number predicted for each input in float32, (rows,)."""
        states = self._states(model, rows)
        numbers: torch.Tensor = self.head(states * states.shape[1] ** 0.5)[:, 0].float()
        return numbers


class Span:
    """Finds where in the passage the answer begins and ends, as a QA reader does: one layer over each token."""

    peft_type = "FEATURE_EXTRACTION"

    def __init__(self, surrogate: Surrogate, observed: Observed, *, seed: int) -> None:
        self._surrogate = surrogate
        self._rows = surrogate.rows(observed.inputs)
        self.lengths = np.array([len(row["input_ids"]) for row in self._rows])
        self.head = _layer(surrogate, 2, seed)
        self.targets = torch.tensor(_token_spans(surrogate, observed), device=surrogate.device)  # (inputs, 2)
        if bool((self.targets < 0).any(dim=1).all()):
            raise NotEmbeddableError("no answer stands within the first tokens: raise max_length.")

    def fresh_model(self) -> nn.Module:
        """The surrogate as it is."""
        return self._surrogate.fresh_model()

    def losses(
        self, model: nn.Module, rows: NDArray[np.int64], *, sample: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return the cross entropy of the first and the last token; 0 where the answer was cut off."""
        scores = self.outputs(model, rows)
        targets = self.targets[moved(torch.from_numpy(rows), scores.device)]
        if sample is not None:
            flat = torch.multinomial(scores.detach().softmax(-1).flatten(0, 1), 1, generator=sample)
            targets = torch.where(targets < 0, targets, flat.view(-1, 2))
        losses = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none", ignore_index=-1)
        return losses.view(-1, 2).sum(dim=1)

    def outputs(self, model: nn.Module, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return the logits of each token as the answer's first and last in float32, (rows, 2, tokens)."""
        batch = self._surrogate.batch([self._rows[i] for i in rows])
        with autocast(self._surrogate.device, self._surrogate.kind):
            states = token_states(model, batch)
        scores: torch.Tensor = self.head(states).float().masked_fill(batch["attention_mask"][..., None] == 0, -1e4)
        return scores.transpose(1, 2)


class TextToText:
    """The likelihood of the answer's text after the input's: what T5 and decoders were made for."""

    def __init__(self, surrogate: Surrogate, observed: Observed, *, seed: int) -> None:
        if surrogate.family == "encoder":
            raise SettingError("An encoder writes no text: the objective text-to-text needs a T5 or a decoder.")
        self._surrogate = surrogate
        self._rows = surrogate.rows(observed.inputs)
        self._answers = [self._as_tokens(text) for text in _texts(observed)]
        self.lengths = np.array([len(r["input_ids"]) + len(a) for r, a in zip(self._rows, self._answers, strict=True)])
        self.head: nn.Module = nn.Identity()

    @property
    def peft_type(self) -> str:
        """A model that writes."""
        return "SEQ_2_SEQ_LM" if self._surrogate.family == "seq2seq" else "CAUSAL_LM"

    def fresh_model(self) -> nn.Module:
        """The surrogate with its language-model head."""
        return self._surrogate.fresh_language_model()

    def losses(
        self, model: nn.Module, rows: NDArray[np.int64], *, sample: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return minus the sum of the log probabilities of the answer's tokens."""
        seq2seq = self._surrogate.family == "seq2seq"
        batch, labels = self._seq2seq_batch(rows) if seq2seq else self._decoder_batch(rows)
        with autocast(self._surrogate.device, self._surrogate.kind):
            scores = model(**batch).logits.float()  # (batch, tokens, vocabulary)
        if not seq2seq:
            scores, labels = scores[:, :-1], labels[:, 1:]
        scores = scores[:, -labels.shape[1] :]  # less a soft prompt's own
        if sample is not None:
            flat = torch.multinomial(scores.detach().softmax(-1).flatten(0, 1), 1, generator=sample)
            labels = torch.where(labels < 0, labels, flat.view(labels.shape))
        losses = F.cross_entropy(scores.flatten(0, 1), labels.flatten(), reduction="none", ignore_index=-100)
        return losses.view(labels.shape).sum(dim=1)

    def _as_tokens(self, text: str) -> list[int]:
        most = LONGEST_ANSWER
        if (
            self._surrogate.family != "seq2seq"
        ):  # a decoder reads it after the input, of which it leaves a token or more
            text, most = f"\n{text}", min(most, self._surrogate.max_length - 2)
        made: list[int] = self._surrogate.tokenizer(text, add_special_tokens=False)["input_ids"][:most]
        end = self._surrogate.tokenizer.eos_token_id
        return made if end is None else [*made, end]

    def _seq2seq_batch(self, rows: NDArray[np.int64]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        batch = self._surrogate.batch([self._rows[i] for i in rows])
        labels = moved(filled([self._answers[i] for i in rows], -100), self._surrogate.device)
        start = torch.full_like(labels[:, :1], self._surrogate.decoder_start)
        shifted = torch.cat([start, labels[:, :-1]], dim=1)
        return {**batch, "decoder_input_ids": shifted.masked_fill(shifted < 0, self._surrogate.decoder_start)}, labels

    def _decoder_batch(self, rows: NDArray[np.int64]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        room = self._surrogate.max_length
        asked = [self._rows[i]["input_ids"][: room - len(self._answers[i])] for i in rows]
        whole = [ids + self._answers[i] for ids, i in zip(asked, rows, strict=True)]
        labels = [[-100] * len(ids) + self._answers[i] for ids, i in zip(asked, rows, strict=True)]
        ids = filled(whole, self._surrogate.tokenizer.pad_token_id)
        mask = filled([[1] * len(row) for row in whole], 0)
        ids, mask, wanted = (moved(part, self._surrogate.device) for part in (ids, mask, filled(labels, -100)))
        return {"input_ids": ids, "attention_mask": mask}, wanted


def objective_for(name: str, surrogate: Surrogate, observed: Observed, *, seed: int) -> Objective:
    """Return a space's objective over observations.

    Raises:
        SettingError: there is none of this name, or the surrogate cannot learn it.
    """
    if name not in NAMES:
        raise SettingError(f"No objective {name!r}: there are {', '.join(NAMES)}.")
    if not observed.inputs:
        raise NotEmbeddableError("nothing was observed.")
    if name == "text-to-text":
        return TextToText(surrogate, observed, seed=seed)
    if observed.spans is not None:
        return Span(surrogate, observed, seed=seed)
    if name == "verbaliser":
        return Verbaliser(surrogate, observed, seed=seed)
    return Regression(surrogate, observed, seed=seed) if observed.is_number else Head(surrogate, observed, seed=seed)


def _layer(surrogate: Surrogate, outputs: int, seed: int) -> nn.Linear:
    """Return a linear layer over states whose start depends on the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(surrogate.hidden, outputs)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * 0.02)
        layer.bias.zero_()
    return layer.to(surrogate.device)


def _drawn(scores: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return one answer for each input, drawn from the model's own distribution, as targets (batch, options)."""
    drawn = torch.multinomial(scores.detach().softmax(dim=-1), 1, generator=generator)
    return torch.zeros_like(scores).scatter_(1, drawn, 1.0)


def _token_spans(surrogate: Surrogate, observed: Observed) -> list[tuple[int, int]]:
    """Return the first and last token of each answer, -1 where it was cut off."""
    assert observed.spans is not None  # noqa: S101
    spans = []
    for pair, (start, stop) in zip(observed.inputs, observed.spans.tolist(), strict=True):
        if surrogate.family == "decoder":
            before = len(pair.text) + 1
            tokens = surrogate.tokenizer(as_one_text(pair), truncation=True, max_length=surrogate.max_length)
            ends = [tokens.char_to_token(before + at) for at in (start, stop - 1)]
        else:
            tokens = surrogate.tokenizer(*pair, truncation=True, max_length=surrogate.max_length)
            ends = [tokens.char_to_token(at, sequence_index=1) for at in (start, stop - 1)]
        spans.append((-1, -1) if None in ends else (ends[0], ends[1]))
    return spans


def _texts(observed: Observed) -> list[str]:
    """Return the answers to be written; a number of a scale whose ends are numbers is written out."""
    if observed.is_number:
        try:
            low, high = (float(text) for text in observed.answers)
        except ValueError:
            return observed.likeliest()
        return [f"{low + share * (high - low):.1f}" for share in observed.probabilities[:, 1].tolist()]
    return observed.likeliest()
