"""What a language model makes of its last states, in float32 where the model is in less.

Scores of 16 to 32 in bfloat16 are an eighth apart: answers of which one is likelier came out as equal, and others with
probabilities of the steps between.
"""

from typing import Any

import torch

from embedders.predictors.checkpoints import Checkpoint

ROWS = 8192  # of the head's weights that are made wide at once


class WideHead:
    """Watches a language model's head, and does again in float32 what it did in less."""

    def __init__(self, model: Checkpoint) -> None:
        self._head = model.model.get_output_embeddings()
        self._states: torch.Tensor | None = None
        self._made: torch.Tensor | None = None
        self._is_all: bool | None = None  # what is made of the last states, as far as was seen: asked once
        if isinstance(self._head, torch.nn.Linear):
            self._head.register_forward_hook(self._watch)

    def wide(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the last scores of the last pass, (rows, places, vocabulary), in float32.

        They are only changed in their type where the model does more with them than its head tells.

        Args:
            logits: as the model returned them, of all places, or of the last ones.
        """
        states, made = self._states, self._made
        if logits.dtype == torch.float32 or states is None or made is None:
            return logits.float()
        places = logits.shape[1]
        if self._is_all is None:  # a GPU is waited for
            self._is_all = states.shape[1] >= places and torch.equal(made[:, -places:], logits)
        if not self._is_all:
            return logits.float()
        with torch.autocast(logits.device.type, enabled=False):
            own = states[:, -places:].float()
            weights, bias = self._head.weight, self._head.bias
            parts = [own @ weights[row : row + ROWS].float().T for row in range(0, len(weights), ROWS)]
            scores = torch.cat(parts, dim=-1)
            return scores if bias is None else scores + bias.float()

    def forget(self) -> None:
        """Let go of what the last pass made, which takes much memory."""
        self._states = self._made = None

    def _watch(self, _head: torch.nn.Module, given: tuple[Any, ...], made: torch.Tensor) -> None:
        self._states, self._made = given[0], made
