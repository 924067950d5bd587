"""A Hugging Face checkpoint with its head, loaded and ready to read batches."""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedders.errors import BlackBoxError, ModelNotUsableError, TooLargeError
from embedders.foreign.door import opened
from embedders.predictors.gguf_files import unpacked
from embedders.surrogate.weights import check_loaded
from registry.data.inputs import Input
from registry.data.models import HeadKind
from registry.errors import first_line

MOST_TOKENS = 4096  # of an input, where the model has positions for so many
USUAL_TOKENS = 512  # where it has no positions
MOST_ROWS = 256  # of a batch on a GPU, each of which may have to be scored by many labels
_CLASSES = {
    HeadKind.CLASSIFICATION: "AutoModelForSequenceClassification",
    HeadKind.REGRESSION: "AutoModelForSequenceClassification",
    HeadKind.TEXT_TO_TEXT: "AutoModelForSeq2SeqLM",
    HeadKind.QUESTION_ANSWERING: "AutoModelForQuestionAnswering",
    HeadKind.CAUSAL_LM: "AutoModelForCausalLM",
    HeadKind.SEQ2SEQ_LM: "AutoModelForSeq2SeqLM",
}
_ANSWERING = (HeadKind.CLASSIFICATION, HeadKind.REGRESSION)  # with a few numbers for a text
FEW = 8  # letters of a text that is asked alone, and beside one of more, to see whether padding is read
_PADS_LEFT = ("xlnet",)  # reads its answer off the last position


class Checkpoint:
    """A checkpoint and its tokenizer, on a device. Its weights are safetensors or GGUF; no code of its own is run.

    Raises:
        ModelNotUsableError: it cannot be loaded, lacks weights, or cannot pad.
    """

    def __init__(self, name: str, path: Path, head: HeadKind, *, device: str | None) -> None:
        """Load it from its folder, or its GGUF file."""
        from embedders.hardware.batching import batch_size
        from embedders.hardware.devices import best_device

        self.name = name
        self.device = best_device(device)
        if path.is_file():
            self.tokenizer, model = unpacked(path, self.device)
        else:
            self.tokenizer, model = self._loaded(path, head)
        self.model = _in_fast_precision(model, self.device).to(self.device).eval()
        self._known = _vocabulary(self.model)
        self._head = head
        self._ready_to_pad(path)
        self.max_length = min(MOST_TOKENS, _positions(self.model) or USUAL_TOKENS)
        self.filled = 0  # inputs, so far, that have as many tokens as it reads, or more
        self._accepted = set(inspect.signature(self.model.forward).parameters)
        hidden = getattr(self.model.config.get_text_config(), "hidden_size", 1024)
        self.batch_size = batch_size(self.device, hidden=hidden, most_rows=MOST_ROWS)

    def _loaded(self, folder: Path, head: HeadKind) -> tuple[Any, Any]:
        import transformers

        from embedders.hardware.devices import attention, quiet_transformers

        try:
            with opened(folder) as shown, quiet_transformers():
                tokenizer = transformers.AutoTokenizer.from_pretrained(shown, trust_remote_code=False)
                model, loading_info = getattr(transformers, _CLASSES[head]).from_pretrained(
                    shown,
                    trust_remote_code=False,
                    use_safetensors=True,
                    attn_implementation=attention(self.device),
                    output_loading_info=True,
                )
        except ModelNotUsableError:
            raise
        except Exception as error:  # the libraries raise many kinds, a tokenizer of another release a bare Exception
            why = first_line(error)
            if "ignore_mismatched_sizes" in why:  # the rest of what is told is a report that nobody is shown
                why = "its weights have other sizes than its config.json tells, as of its labels (id2label)"
            raise ModelNotUsableError(f"{folder} cannot be loaded: {why}") from error
        check_loaded(folder, loading_info, body=str(model.base_model_prefix))
        return tokenizer, model

    def _ready_to_pad(self, path: Path) -> None:
        """Choose what stands where a batch has nothing: it is masked, so any token will do, an end of text too.

        But a classifier may read its answer off the last token that is no padding, so its config is followed. Where
        that leaves padding open, the last token is read of a single text, whatever it is.
        """
        tokenizer, config = self.tokenizer, self.model.config
        told = getattr(config.get_text_config(), "pad_token_id", None)
        told = told if isinstance(told, int) and 0 <= told < self._known else None
        named = (tokenizer.pad_token_id, told, tokenizer.eos_token_id)
        known = next((token for token in named if token is not None), None)
        if known is None:
            raise ModelNotUsableError(f"{path} has a tokenizer that can neither pad nor end a text.")
        if tokenizer.pad_token is None and tokenizer.convert_ids_to_tokens(known) is not None:
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(known)  # left out of what is written
        answers = self._head in _ANSWERING
        self._is_pad_open = answers and told is None
        self._pad_with(told if answers and told is not None else known)
        tokenizer.padding_side = "left" if config.model_type in _PADS_LEFT else "right"

    def _pad_with(self, token: int) -> None:
        config = self.model.config
        self.pad = config.pad_token_id = config.get_text_config().pad_token_id = token

    def _keep_last(self, rows: Sequence[dict[str, list[int]]]) -> None:
        """Pad with what none of the rows ends in, where the config leaves that open."""
        lasts = {row["input_ids"][-1] for row in rows}
        if self._is_pad_open and self.pad in lasts:
            self._pad_with(next(token for token in range(len(lasts) + 1) if token not in lasts))

    def outputs(
        self, inputs: Sequence[Input], call: Callable[[dict[str, Any]], Any], *, width: int
    ) -> NDArray[np.float64]:
        """Return what a call makes of each input, (inputs, width); it is copied from the device at the end, once.

        Where the device's memory does not hold a batch, batches are made smaller.

        Args:
            call: a batch, tensors on the device, to a tensor (rows, width) there.
        """
        from embedders.hardware.batching import halved

        before = self.filled
        while True:
            try:
                return self.checked(self._outputs(inputs, call, width))
            except TooLargeError:
                self.filled = before  # all are counted again
                half = halved(self.batch_size)
                if half is None:
                    raise
                self.batch_size = half  # for what comes next, too

    def _outputs(
        self, inputs: Sequence[Input], call: Callable[[dict[str, Any]], Any], width: int
    ) -> NDArray[np.float64]:
        import torch

        parts = [(chosen, self.ask(call, batch)) for chosen, batch in self.batches(inputs)]
        table = np.zeros((len(inputs), width))
        if parts:
            numbers, made = zip(*parts, strict=True)
            outputs = made[0].shape[-1]
            if outputs != width:
                raise BlackBoxError(f"{self.name!r} has {outputs} outputs, not {width}.")
            # A GPU's errors may come as late as here.
            table[np.concatenate(numbers)] = self.ask(lambda: torch.cat(made).float().cpu().numpy())
        return table

    def batches(self, inputs: Sequence[Input]) -> Iterator[tuple[NDArray[np.int64], dict[str, Any]]]:
        """Yield the numbers of inputs, and their tokens as tensors on the device, made ready while it is at work.

        Encoder-decoders want as many ends of text in each row of a batch: pairs share none with single texts, nor does
        a text that holds such ends with others.
        """
        from embedders.hardware.ahead import ahead

        return ahead(self._made_ready(inputs), device=self.device)

    def _made_ready(self, inputs: Sequence[Input]) -> Iterator[tuple[NDArray[np.int64], dict[str, Any]]]:
        from embedders.hardware.batching import tokenised

        rows = tokenised(self.tokenizer, inputs, max_length=self.max_length)
        rows = [self.readable(row) for row in rows]
        self._keep_last(rows)
        self.filled += sum(len(row["input_ids"]) >= self.max_length for row in rows)
        kinds = np.array([(pair is not None, self._ends(row)) for (_, pair), row in zip(inputs, rows, strict=True)])
        for kind in np.unique(kinds, axis=0) if rows else ():
            members = np.flatnonzero((kinds == kind).all(axis=1))
            for chosen, batch in self.in_batches([rows[i] for i in members]):
                yield members[chosen], batch

    def in_batches(self, rows: Sequence[dict[str, list[int]]]) -> Iterator[tuple[NDArray[np.int64], dict[str, Any]]]:
        """Yield the numbers of tokenised inputs of like length, of one where padding is read, and their tensors."""
        from embedders.hardware.batching import by_length

        may_pad = self.device.type != "cpu" or len({len(row["input_ids"]) for row in rows}) > 1
        exact = may_pad and self.reads_padding
        for chosen in by_length(rows, self.batch_size, alike=exact):
            yield chosen, self._batch([rows[i] for i in chosen], exact=exact)

    @cached_property
    def reads_padding(self) -> bool:
        """Say whether a text is another to it beside a longer one: convolutions over tokens, for one, know no mask.

        It is asked in the precision of its weights, for the rounding of a fast one would hide what padding does.
        """
        import torch

        from embedders.hardware.batching import tokenised

        letters = [Input(" ".join(ascii_letters[:count])) for count in (FEW, 6 * FEW)]
        rows = [self.readable(row) for row in tokenised(self.tokenizer, letters, max_length=self.max_length)]
        alone, beside = (self.ask(self._first, self._batch(rows[:count], exact=True)) for count in (1, 2))
        most = torch.finfo(self.model.dtype).eps ** 0.5 * alone.abs().max().clamp(min=1.0)
        return bool(((alone - beside).abs() > most).any().item())

    def _first(self, batch: dict[str, Any]) -> Any:  # noqa: ANN401 - a tensor
        """Return what the model makes of a batch's first input: its outputs, or numbers of each of its tokens."""
        import torch

        with torch.autocast(self.device.type, enabled=False):
            made = self._read_whole(batch)
        own = slice(None) if self._head in _ANSWERING else batch["attention_mask"][0] == 1
        return made[0][own].float()

    def _read_whole(self, batch: dict[str, Any]) -> Any:  # noqa: ANN401 - a tensor
        if self._head in (HeadKind.TEXT_TO_TEXT, HeadKind.SEQ2SEQ_LM):
            read = {name: batch[name] for name in ("input_ids", "attention_mask")}
            return self.model.get_encoder()(**read)[0]
        return self.model(**batch)[0]

    def _ends(self, row: dict[str, list[int]]) -> int:
        """Return how many ends of text a row has, as far as an encoder-decoder counts them."""
        return row["input_ids"].count(self.model.config.eos_token_id) if self.model.config.is_encoder_decoder else 0

    def _batch(self, rows: Sequence[dict[str, list[int]]], *, exact: bool) -> dict[str, Any]:
        """Return tokenised inputs as tensors (rows, longest) on the device; no longer, where it is to be exact."""
        from embedders.hardware.batching import padded

        self.check_known(row["input_ids"] for row in rows)
        return padded(self.tokenizer, rows, self.device, most=0 if exact else self.max_length, pad=self.pad)

    def check_known(self, rows: Iterable[Sequence[int]]) -> None:
        """Raise `BlackBoxError` where a token has no place in the model: on a GPU nothing could be asked any more."""
        if max(chain.from_iterable(rows), default=0) >= self._known:
            raise BlackBoxError(f"{self.name!r} cannot answer: its tokenizer has tokens that it does not know.")

    def takes(self, name: str) -> bool:
        """Say whether the model reads what is called so, such as `position_ids`."""
        return name in self._accepted

    def readable(self, row: dict[str, list[int]]) -> dict[str, list[int]]:
        """Return what the model takes of a tokenised input; one without any token becomes a single pad."""
        if not row["input_ids"]:
            return {"input_ids": [self.pad], "attention_mask": [1]}
        return {name: ids for name, ids in row.items() if name in self._accepted}

    def ask(self, call: Callable[..., Any], *values: Any, **given: Any) -> Any:  # noqa: ANN401 - whatever it takes and returns
        """Return what the model, or a call of it, returns: without gradients, in the device's fast precision."""
        import torch

        from embedders.hardware.devices import model_precision

        try:
            with torch.inference_mode(), model_precision(self.model.dtype, self.device, self.model.config.model_type):
                return call(*values, **given)
        except torch.OutOfMemoryError as error:
            raise TooLargeError(self.name) from error
        except (ValueError, IndexError, RuntimeError) as error:
            raise BlackBoxError(f"{self.name!r} cannot answer: {first_line(error)}") from error
        except Exception as error:  # whatever the code of an architecture raises means: no answer
            told = f"{type(error).__name__}: {first_line(error)}"
            raise BlackBoxError(f"{self.name!r} cannot answer: {told}") from error

    def checked(self, table: NDArray[Any]) -> NDArray[Any]:
        """Return its outputs; raise `BlackBoxError` where one is no number."""
        if not np.isfinite(table).all():
            raise BlackBoxError(f"{self.name!r} gave outputs that are no numbers: its weights are damaged.")
        return table


class OfCheckpoint:
    """A black box that is a checkpoint."""

    def __init__(self, model: Checkpoint) -> None:
        self._model = model

    @property
    def not_read(self) -> str | None:
        """That ends of texts were not read, in words."""
        filled, most = self._model.filled, self._model.max_length
        if not filled:
            return None
        return f"texts that fill the {most:,} tokens that it reads, and of which nothing beyond is read: {filled}"


def _in_fast_precision(model: Any, device: Any) -> Any:  # noqa: ANN401 - a model of transformers, a torch.device
    """Return a model in the type that is fast where its own is slow: a CPU emulates float16, and often bfloat16.

    Half-precision weights become bfloat16 where that pays; where not, a CPU's become float32, a GPU's stay as they are.
    Others stay as they are everywhere.
    """
    import torch

    from embedders.hardware.devices import bf16_pays

    if model.dtype not in (torch.float16, torch.bfloat16):
        return model
    if bf16_pays(device):
        return model.to(torch.bfloat16)
    return model.to(torch.float32) if device.type == "cpu" else model


def _vocabulary(model: Any) -> float:  # noqa: ANN401 - a model of transformers
    """Return how many tokens a model has a place for; infinity where it does not tell."""
    try:
        return int(model.get_input_embeddings().weight.shape[0])
    except (NotImplementedError, AttributeError):
        return math.inf


def _positions(model: Any) -> int:  # noqa: ANN401 - a model of transformers
    """Return how many tokens a model has positions for, 0 where it tells none.

    RoBERTa and its kin count positions from behind that of the padding: 130 rows of a table are 128 tokens.
    """
    tables = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    sizes = [
        table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        for table in tables
        if hasattr(table, "num_embeddings")
    ]
    told = getattr(model.config, "max_position_embeddings", None)
    return min(
        [*(size for size in sizes if size > 0), *([told] if isinstance(told, int) and told > 0 else [])], default=0
    )
