"""The surrogate T: the one base model in whose space everything is embedded."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn

from embedders.errors import ModelNotUsableError, SettingError
from embedders.foreign.door import opened
from embedders.hardware.ahead import ahead
from embedders.hardware.batching import BatchSize, TokenRows, batch_size, by_length, halved, padded, tokenised
from embedders.hardware.devices import attention, best_device, feature_precision, quiet_transformers
from embedders.hardware.side_by_side import side_by_side
from embedders.surrogate.kept import KeptFeatures
from embedders.surrogate.weights import check_loaded
from registry.data.inputs import Input
from registry.errors import first_line

MOST_ROWS = 4096  # of a batch on a GPU
WINDOW = 2**14  # inputs that are put in order of length together, for a GPU: it need not wait for all to be tokenised
KEPT_TEXTS = 256  # at most, beside corpora
REMEMBERED = 4  # feature tables, and tokenised inputs, kept in memory

Family = Literal["encoder", "seq2seq", "decoder"]
Batch = dict[str, torch.Tensor]
T = TypeVar("T")


class Surrogate:
    """A pretrained model with its tokenizer, on a device. Its pooled state of an input is a unit vector.

    Encoders (BERT, RoBERTa, MiniLM, DeBERTa, ModernBERT), encoder-decoders (T5) and decoders (GPT-2, Llama): the
    states of an encoder-decoder are its encoder's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str | None = None,
        max_length: int = 128,
        kept: KeptFeatures | None = None,
        later: bool = False,
        check: Callable[[], object] | None = None,
    ) -> None:
        """Load a model.

        Args:
            folder: of the model.
            device: `cuda`, `cpu`, ...; None for the best there is.
            max_length: tokens that are read of an input.
            kept: features of corpora, of earlier runs.
            later: load nothing before it is needed; transformers is not imported, either.
            check: raises where the folder is not what it is to be; it is called whenever a model was loaded from it.

        Raises:
            ModelNotUsableError: it cannot be loaded.
            NoDeviceError: the device is not there.
        """
        self.folder = folder
        self.device = best_device(device)
        self.max_length = max_length
        self.kept = kept
        self._check = check
        self._features_of: OrderedDict[tuple[Input, ...], NDArray[np.float32]] = OrderedDict()
        self._rows_of: OrderedDict[tuple[Input, ...], TokenRows] = OrderedDict()
        if not later:
            self._load()

    def _load(self) -> None:
        """Load tokenizer and model, where that is still to be done."""
        self.model  # noqa: B018 - a property that loads

    @cached_property
    def _config(self) -> Any:  # noqa: ANN401 - a model's config
        from transformers import AutoConfig

        with self._reading_tokenizer() as shown:
            return AutoConfig.from_pretrained(shown, trust_remote_code=False)

    @cached_property
    def tokenizer(self) -> Any:  # noqa: ANN401 - a tokenizer
        """The model's tokenizer."""
        from transformers import AutoTokenizer

        with self._reading_tokenizer() as shown:
            tokenizer = AutoTokenizer.from_pretrained(shown, trust_remote_code=False)
        _ready_to_pad(tokenizer, self.folder)
        return tokenizer

    @contextmanager
    def _reading_tokenizer(self) -> Iterator[Path]:
        try:
            with opened(self.folder) as shown:
                yield shown
        except (OSError, ValueError) as error:
            raise ModelNotUsableError(f"{self.folder} has no usable tokenizer.") from error

    @cached_property
    def model(self) -> nn.Module:
        """The pretrained model without a head."""
        self.tokenizer  # noqa: B018 - the first that is missed
        return self._loaded(self._headless(), learns=False)

    @cached_property
    def family(self) -> Family:
        """What kind of model it is."""
        return family_of(self._config)

    @property
    def kind(self) -> str:
        """What transformers calls its architecture."""
        return str(self._config.model_type)

    @property
    def hidden(self) -> int:
        """How many numbers a state has."""
        return int(self._config.hidden_size)

    @property
    def decoder_start(self) -> int:
        """The token that a T5 begins to write from."""
        return getattr(self._config, "decoder_start_token_id", None) or 0

    @cached_property
    def _tells_texts_apart(self) -> bool:
        return self.family == "encoder" and getattr(self._config, "type_vocab_size", 0) > 1

    @cached_property
    def _batch_size(self) -> BatchSize:
        return batch_size(self.device, hidden=self.hidden, most_rows=MOST_ROWS)

    def fresh_model(self) -> nn.Module:
        """Return the pretrained model anew, in evaluation mode, to be tuned without touching `model`."""
        return self._loaded(self._headless(), learns=True)

    def fresh_language_model(self) -> nn.Module:
        """Return the pretrained model anew with its language-model head; raise `SettingError` where it has none."""
        import transformers

        match self.family:
            case "seq2seq":
                return self._loaded(transformers.AutoModelForSeq2SeqLM, learns=True)
            case "decoder":
                return self._loaded(transformers.AutoModelForCausalLM, learns=True)
        raise SettingError("An encoder writes no text: the objective text-to-text needs a T5 or a decoder.")

    def _headless(self) -> Any:  # noqa: ANN401 - one of transformers' Auto classes
        import transformers

        return transformers.AutoModelForTextEncoding if self.family == "seq2seq" else transformers.AutoModel

    def _loaded(self, architecture: Any, *, learns: bool) -> nn.Module:  # noqa: ANN401 - one of transformers' Auto classes
        try:
            with opened(self.folder) as shown, quiet_transformers():
                model, loading_info = architecture.from_pretrained(
                    shown,
                    trust_remote_code=False,
                    use_safetensors=True,
                    attn_implementation=attention(self.device, learns=learns),
                    dtype=torch.float32,
                    output_loading_info=True,
                )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelNotUsableError(f"{self.folder} cannot be loaded: {first_line(error)}") from error
        if self._check is not None:  # behind it: the files may have been others for a while
            self._check()
        check_loaded(self.folder, loading_info, body=str(model.base_model_prefix), unread=("pooler.",))
        model.config.use_cache = False  # one pass over each input: nothing to keep
        loaded: nn.Module = model.to(self.device).eval()
        return loaded

    def rows(self, inputs: Sequence[Input]) -> TokenRows:
        """Return inputs as tokens, unpadded; the last few answers are remembered."""
        return _remembered(self._rows_of, tuple(inputs), self._rows)

    def batch(self, rows: Sequence[dict[str, list[int]]]) -> Batch:
        """Return tokenised inputs as tensors (rows, longest) on the device."""
        return padded(self.tokenizer, rows, self.device, most=self.max_length)

    def features(self, inputs: Sequence[Input], *, among: Sequence[Input] | None = None) -> NDArray[np.float32]:
        """Return phi(x): the mean of the last hidden states over an input's tokens, at unit length.

        The last few answers are remembered: every black box is observed on the same corpus.

        Args:
            inputs: what is asked for.
            among: a corpus that they are part of, which is worked out, remembered and kept, as a whole.

        Returns:
            float32 (inputs, hidden).
        """
        if among is not None:
            row = {text: number for number, text in enumerate(among)}
            return _remembered(self._features_of, tuple(among), self._kept_features)[[row[text] for text in inputs]]
        return _remembered(self._features_of, tuple(inputs), self._features)

    def forget(self) -> None:
        """Let go of the tokens and features that are remembered."""
        self._rows_of.clear()
        self._features_of.clear()

    def text_features(self, texts: Sequence[str], *, keep: bool = False) -> NDArray[np.float32]:
        """Return the features of single texts, (texts, hidden).

        Args:
            texts: what is asked for.
            keep: they are few and come again, as the answers of models do: they are kept, as a corpus is.
        """
        inputs = [Input(text) for text in texts]
        return self.features(inputs, among=inputs if keep and len(inputs) <= KEPT_TEXTS else None)

    def _rows(self, inputs: Sequence[Input]) -> TokenRows:
        if self.family == "decoder":  # its tokenizer would join a pair without a mark between the texts
            inputs = [Input(as_one_text(pair)) for pair in inputs]
        rows = tokenised(self.tokenizer, inputs, max_length=self.max_length)
        if not self._tells_texts_apart:
            rows = [{name: ids for name, ids in row.items() if name != "token_type_ids"} for row in rows]
        return rows

    def _kept_features(self, corpus: Sequence[Input]) -> NDArray[np.float32]:
        return self._features(corpus) if self.kept is None else self.kept.table(corpus, lambda: self._features(corpus))

    def _features(self, inputs: Sequence[Input]) -> NDArray[np.float32]:
        while True:
            try:
                return self._worked_out(inputs)
            except torch.OutOfMemoryError:  # of a GPU
                half = halved(self._batch_size)
                if half is None:
                    raise
                self._batch_size = half

    def _worked_out(self, inputs: Sequence[Input]) -> NDArray[np.float32]:
        self._load()  # before threads come to it
        batches = ahead(self._batches(inputs), device=self.device)
        numbers, made = zip(*side_by_side(self._pooled, batches, device=self.device), strict=True)
        table = torch.cat(made).cpu().numpy()  # one copy from the device, at the end
        return table[np.argsort(np.concatenate(numbers))]

    def _batches(self, inputs: Sequence[Input]) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Yield the numbers of inputs of like length, and their tokens on the device."""
        window = self._window(inputs)
        for start in range(0, len(inputs), window):
            rows = self._rows(inputs[start : start + window])
            for chosen in by_length(rows, self._batch_size):
                yield chosen + start, self.batch([rows[i] for i in chosen])

    def _window(self, inputs: Sequence[Input]) -> int:
        return len(inputs) if self.device.type == "cpu" else WINDOW

    def _pooled(self, part: tuple[NDArray[np.int64], Batch]) -> tuple[NDArray[np.int64], torch.Tensor]:
        numbers, batch = part
        with torch.inference_mode(), feature_precision(self.device, self.kind):
            return numbers, pooled(self.model, batch)


def token_states(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the last hidden states of the tokens of a batch, float32 (batch, tokens, hidden).

    A soft prompt's own states, which come first, are left out.
    """
    states = model(**batch).last_hidden_state.float()
    return states[:, -batch["input_ids"].shape[1] :]


def pooled(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the unit mean of the last hidden states over the tokens, float32 (batch, hidden)."""
    states = token_states(model, batch)
    mask = batch["attention_mask"][..., None].float()
    return nn.functional.normalize((states * mask).sum(dim=1) / mask.sum(dim=1), dim=-1)


def family_of(config: Any) -> Family:  # noqa: ANN401 - a model's config
    """Say what kind of model a config describes."""
    from transformers.models.auto import modeling_auto as auto

    if getattr(config, "is_encoder_decoder", False):
        return "seq2seq"
    is_encoder = config.model_type in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return "decoder" if not is_encoder and config.model_type in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES else "encoder"


def as_one_text(one: Input) -> str:
    """Return an input as one text; a pair has a line break between."""
    return one.text if one.text_pair is None else f"{one.text}\n{one.text_pair}"


def _ready_to_pad(tokenizer: Any, folder: Path) -> None:  # noqa: ANN401 - a tokenizer
    """Decoders come without a token to pad with; what stands there is masked, so any will do."""
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise ModelNotUsableError(f"{folder} has a tokenizer that can neither pad nor end a text.")
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"


def _remembered(
    known: "OrderedDict[tuple[Input, ...], T]", key: tuple[Input, ...], make: Callable[[tuple[Input, ...]], T]
) -> T:
    if key not in known:
        known[key] = make(key)
        while len(known) > REMEMBERED:
            known.popitem(last=False)
    known.move_to_end(key)
    return known[key]
