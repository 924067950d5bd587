"""What the surrogate learns when it is tuned: to score the texts of answers, or plain class numbers."""

from typing import Any, Protocol

import torch
from torch import nn

from embedders.errors import SettingError
from embedders.observed import Observed
from embedders.surrogate import Surrogate


class Objective(Protocol):
    """Turns pooled features into a loss."""

    def head(self) -> nn.Module:
        """Return what is trained beside the surrogate and thrown away afterwards."""
        ...

    def loss(self, pooled: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the mean cross entropy of the answers to these rows of the observations.

        Args:
            pooled: unit features (batch, hidden).
            rows: their numbers in the observations, (batch,).
        """
        ...


class Verbaliser:
    """Scores the text of each answer by its cosine with the input, so that labels keep their meaning (a promise of
    the design): a prompt's answers and a dataset's labels meet in one space."""

    TEMPERATURE = 0.05

    def __init__(self, surrogate: Surrogate, observed: Observed, *, seed: int) -> None:
        texts = torch.from_numpy(surrogate.text_features(observed.answers)).to(surrogate.device)
        options = torch.from_numpy(observed.options).to(surrogate.device)
        self._options = texts[options.clamp(min=0)]  # (inputs, options, hidden)
        self._is_padding = options < 0
        self._targets = torch.from_numpy(observed.probabilities).to(surrogate.device)

    def head(self) -> nn.Module:
        """Nothing: the answers' texts are the head."""
        return nn.Identity()

    def loss(self, pooled: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy over the cosines with the answers' texts."""
        scores = torch.einsum("bh,bkh->bk", pooled, self._options[rows]) / self.TEMPERATURE
        scores = scores.masked_fill(self._is_padding[rows], -1e4)
        return nn.functional.cross_entropy(scores, self._targets[rows])


class Head:
    """A plain classification head, as the paper has it: class numbers without meaning."""

    def __init__(self, surrogate: Surrogate, observed: Observed, *, seed: int) -> None:
        if not observed.has_fixed_options:
            raise SettingError("A classification head needs the same classes for every input: use the verbaliser.")
        hidden = int(surrogate.model.config.hidden_size)  # type: ignore[union-attr, arg-type]
        generator = torch.Generator().manual_seed(seed)
        self._head = nn.Linear(hidden, len(observed.answers))
        with torch.no_grad():
            self._head.weight.copy_(torch.randn(self._head.weight.shape, generator=generator) * 0.02)
            self._head.bias.zero_()
        self._head.to(surrogate.device)
        self._targets = torch.from_numpy(observed.probabilities).to(surrogate.device)

    def head(self) -> nn.Module:
        """The linear layer."""
        return self._head

    def loss(self, pooled: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy of the classes."""
        scores = self._head(pooled * pooled.shape[1] ** 0.5)  # unit features are too short to start from
        return nn.functional.cross_entropy(scores, self._targets[rows])


OBJECTIVES: dict[str, Any] = {"verbaliser": Verbaliser, "head": Head}


def objective_named(name: str, surrogate: Surrogate, observed: Observed, *, seed: int) -> Objective:
    """Return an objective over observations; raise `SettingError`."""
    if name not in OBJECTIVES:
        raise SettingError(f"No objective {name!r}: there are {', '.join(OBJECTIVES)}.")
    made: Objective = OBJECTIVES[name](surrogate, observed, seed=seed)
    return made
