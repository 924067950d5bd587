"""The surrogate T: the one base model in whose space everything is embedded."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn

from embedders.batching import by_length, padded, tokenised
from embedders.devices import attention, autocast, best_device, quiet_transformers
from embedders.errors import ModelNotUsableError
from registry.formats.corpora import Input

BATCH_SIZE = 32
REMEMBERED = 4  # feature tables kept in memory


class Surrogate:
    """A pretrained encoder with its tokenizer, on a device. Its pooled state of an input is a unit vector."""

    def __init__(self, folder: Path, *, device: str | None = None, max_length: int = 128) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.folder = folder
        self.device = best_device(device)
        self.max_length = max_length
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise ModelNotUsableError(f"{folder} has no usable tokenizer.") from error
        self._architecture = AutoModel
        self._remembered: OrderedDict[tuple[Input, ...], NDArray[np.float32]] = OrderedDict()
        self.model: nn.Module = self.fresh_model()

    def fresh_model(self) -> nn.Module:
        """Return the pretrained model anew, in evaluation mode, to be tuned without touching `model`."""
        try:
            with quiet_transformers():
                model = self._architecture.from_pretrained(
                    self.folder,
                    trust_remote_code=False,
                    use_safetensors=True,
                    attn_implementation=attention(self.device),
                    dtype=torch.float32,
                )
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelNotUsableError(f"{self.folder} cannot be loaded: {str(error).splitlines()[0]}") from error
        return model.to(self.device).eval()

    def features(self, inputs: Sequence[Input]) -> NDArray[np.float32]:
        """Return phi(x): the mean of the last hidden states over an input's tokens, at unit length.

        The last few answers are remembered: every black box is observed on the same corpus.

        Returns:
            float32 (inputs, hidden).
        """
        key = tuple(inputs)
        if key not in self._remembered:
            self._remembered[key] = self._features(key)
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return self._remembered[key]

    def _features(self, inputs: Sequence[Input]) -> NDArray[np.float32]:
        rows = tokenised(self.tokenizer, inputs, max_length=self.max_length)
        made: list[tuple[NDArray[np.int64], torch.Tensor]] = []
        with torch.inference_mode(), autocast(self.device):
            for chosen in by_length(rows, batch_size=BATCH_SIZE):
                batch = padded(self.tokenizer, [rows[i] for i in chosen], self.device)
                made.append((chosen, pooled(self.model, batch)))
        order = np.concatenate([chosen for chosen, _ in made])
        table = torch.cat([states for _, states in made]).cpu().numpy()  # one copy from the device, at the end
        return table[np.argsort(order)]

    def text_features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the features of single texts, (texts, hidden)."""
        return self.features([Input(text) for text in texts])


def pooled(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the unit mean of the last hidden states over the tokens, float32 (batch, hidden)."""
    states = model(**batch).last_hidden_state.float()  # (batch, tokens, hidden)
    mask = batch["attention_mask"][..., None].float()
    return nn.functional.normalize((states * mask).sum(dim=1) / mask.sum(dim=1), dim=-1)
