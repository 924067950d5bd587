"""Causal language models (GPT-2, Llama, OPT, ...): what is common to prompts is read once, and kept for all words."""

import copy
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from embedders.errors import BlackBoxError, ModelNotUsableError
from embedders.hardware.batching import filled, most_kept
from embedders.hardware.devices import moved, rounding, widest
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.language.chatting import Chat
from embedders.predictors.language.contract import MOST_WRITTEN, Question, WordScores
from embedders.predictors.language.texts import common, joined, plain
from embedders.predictors.language.wide import WideHead

BATCH_SIZE = 32
MOST_LOGITS = 2**27  # numbers that a batch's next-token scores may have: half a gigabyte
LEAST_SHARED = 64  # tokens that must be spared before a common beginning is read by itself
MOST_PROBED = 640  # tokens by which it is found out, once, whether padding changes what is read
FEW = 8  # of them that are read again
_WINDOW = re.compile(r".*(window|window_size|chunk_size)")  # what configs call one, which may be longer than these
_SPARE = 4  # tokens that joining a word to a prompt may add


class _TokenisedQuestion(NamedTuple):
    """A prompt and its words as tokens: what the tokenizer makes of both together, cut where the words differ."""

    prompt: list[int]
    words: list[list[int]]  # each at least one token


class _Encoded(NamedTuple):
    """What is known after reading tokens: what could follow each, which of them count, and how to read on."""

    logits: torch.Tensor  # (rows, tokens, vocabulary)
    last: torch.Tensor  # (rows, 1, vocabulary), what could follow the last, in float32
    mask: torch.Tensor  # (rows, tokens so far)
    cache: Any

    @property
    def size(self) -> int:
        """How many bytes what was kept of a row takes, at least one."""
        kept = sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers if layer.keys is not None)
        return max(1, kept // len(self.mask))

    def select(self, rows: Sequence[int]) -> "_Encoded":
        """Return some of the rows, or one several times, to read on from; what was read stays as it is."""
        chosen = _on_device(rows, self.mask.device)
        cache = copy.copy(self.cache)
        cache.layers = [copy.copy(layer) for layer in self.cache.layers]
        cache.batch_select_indices(chosen)  # makes new tensors
        return _Encoded(self.logits, self.last, self.mask[chosen], cache)


class _Beginning(NamedTuple):
    """What all prompts begin with, as it was read."""

    tokens: list[int]
    encoded: _Encoded  # with the logits after the last token alone
    own: torch.Tensor  # (1,), the summed log-likelihood of the tokens


class CausalLM:
    """A decoder with its language-model head.

    The score of a word is the mean log-likelihood of its tokens after the prompt. The prompt's cache is made once and
    read by all words; what all prompts begin with is read once, where that spares enough, and kept for the next
    prompts that begin so.
    """

    def __init__(self, model: Checkpoint) -> None:
        self._model = model
        self._tokenizer = model.tokenizer
        self._tokenizer.model_max_length = 10**9  # prompts that do not fit are cut here, from the left
        self._chat = Chat(model) if getattr(self._tokenizer, "chat_template", None) else None
        self._head = WideHead(model)
        self._held: _Beginning | None = None
        start = self._tokenizer.bos_token_id
        self._start = self._tokenizer.eos_token_id if start is None else start  # where a prompt has no token
        if self._start is None:
            raise ModelNotUsableError(f"The tokenizer of {model.name!r} neither begins nor ends a text.")

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it."""
        return {
            "kind": "causal-lm",
            "chat_template": self._chat is not None,
            "most_tokens": self._model.max_length,
            "cache": self._keeps_cache,
        }

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return the mean log-likelihood of each word's tokens, and of each prompt's own."""
        tokenised = self._tokenise(questions, words, self._room(words))
        if not tokenised:
            return WordScores(np.zeros((0, len(words))), np.zeros(0))
        self._model.check_known(ids for question in tokenised for ids in (question.prompt, *question.words))
        prompts = [question.prompt for question in tokenised]
        beginning = self._beginning(self._shared(prompts)) if self._keeps_cache else None
        batches = list(self._batches(prompts, beginning))
        made = [self._scored([tokenised[i] for i in chosen], beginning) for chosen in batches]
        tables = self._model.ask(lambda: torch.cat(made).cpu().numpy())  # from the device once, when all is under way
        table = np.zeros((len(questions), len(words) + 1))
        table[np.concatenate(batches)] = tables
        self._model.checked(table)
        return WordScores(table[:, :-1], np.exp(table[:, -1]))

    def can_read(self, question: Question, words: Sequence[str], *, room: int = 0) -> bool:
        """Say whether a prompt is read whole when it is scored."""
        room = self._room(words) + min(room, int(self._model.max_length * MOST_WRITTEN))
        return len(self._tokens([self._text(question)])[0]) <= self._most(room)

    def write(self, questions: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Return the likeliest continuations."""
        from embedders.predictors.language.writing import written_on

        most_tokens = min(most_tokens, self._model.max_length // 2)  # of which prompts must keep something
        prompts = [question.prompt for question in self._tokenise(questions, [], most_tokens)]
        return written_on(self._model, prompts, most_tokens=most_tokens, singly=self._is_another_in_a_batch)

    @cached_property
    def _is_another_in_a_batch(self) -> bool:
        """Say whether a prompt is another to it beside others, as where states are carried on, or nothing is masked."""
        if not _holds_tokens(self._read([[self._start]]).cache):
            return True
        rows = [_row(FEW, self._vocabulary), _row(6 * FEW, self._vocabulary)]
        alone, beside = self._read(rows[:1]).last, self._read(rows).last[:1]
        return not self._are_alike(beside, alone)

    @cached_property
    def _keeps_cache(self) -> bool:
        """Say whether states can be kept and read on from: not of recurrent models, nor past a window of attention."""
        told = self._model.model.config.get_text_config().to_dict().items()
        windows = [size for name, size in told if type(size) is int and _WINDOW.fullmatch(name)]
        if not self._model.takes("position_ids") or any(0 < size < self._model.max_length for size in windows):
            return False
        return _holds_tokens(self._read([[self._start]]).cache) and self._reads_over_gaps()

    def _reads_over_gaps(self) -> bool:
        """Say whether padding between what was kept and what follows changes nothing, as long as `MOST_PROBED` tells.

        Not where attention sees as many columns back as a window has, whatever the config calls it, for it counts the
        padding too; nor where it is not masked. Half of a long row is masked, and its first tokens are read again.
        """
        row = _row(min(MOST_PROBED, self._model.max_length - FEW, MOST_LOGITS // self._vocabulary), self._vocabulary)
        half = len(row) // 2
        try:
            whole = self._read([row])
            whole.mask[:, half:] = 0
            again = self._read([row[half : half + FEW]], whole).logits
        except BlackBoxError:
            return False
        return self._are_alike(again, whole.logits[:, half : half + FEW])

    def _are_alike(self, some: torch.Tensor, others: torch.Tensor) -> bool:
        """Say whether the logits (1, tokens, vocabulary) of most tokens are the same but for rounding.

        Of a single one rounding may choose another expert.
        """
        some, others = some.float(), others.float()
        spread = (others - others.mean(dim=-1, keepdim=True)).norm(dim=-1)
        off = (some - others).norm(dim=-1) - 2 * rounding(self._model.model.dtype, self._model.device) * spread
        return off.median().item() <= 0

    @cached_property
    def _vocabulary(self) -> int:
        return min(self._model.model.config.get_text_config().vocab_size, len(self._tokenizer))

    # -- tokens ------------------------------------------------------------------------------------------

    def _tokenise(self, questions: Sequence[Question], words: Sequence[str], room: int) -> list[_TokenisedQuestion]:
        most = self._most(room)
        texts = [self._text(question) for question in questions]
        prompts = self._tokens(texts)
        wholes = self._tokens([joined(text, word) for text in texts for word in words])
        count = len(words)
        return [
            self._told_apart(prompt, wholes[i * count : (i + 1) * count], words, most)
            for i, prompt in enumerate(prompts)
        ]

    def _told_apart(
        self, prompt: list[int], wholes: list[list[int]], words: Sequence[str], most: int
    ) -> _TokenisedQuestion:
        """Return a prompt and its words, given the tokens of the prompt alone and with each word."""
        for whole, word in zip(wholes, words, strict=True):
            if len(whole) < 1 or whole == prompt:
                raise ModelNotUsableError(f"The tokenizer of {self._model.name!r} has no token for {word[:60]!r}.")
        known = common([prompt, *wholes])
        if known and any(len(whole) == known for whole in wholes):
            known -= 1  # a word that is the beginning of the prompt's last token
        prompt = prompt[:known] if wholes else prompt
        return _TokenisedQuestion(prompt[-most:] or [self._start], [whole[known:] for whole in wholes])

    def _room(self, words: Sequence[str]) -> int:
        """Return how many tokens are kept for the words."""
        return _SPARE + max((len(ids) for ids in self._tokens(list(words), special=False)), default=0)

    def _most(self, room: int) -> int:
        """Return how many tokens of a prompt are read."""
        return max(1, self._model.max_length - room)

    def _text(self, question: Question) -> str:
        return plain(question) if self._chat is None else self._chat.text(question)

    def _tokens(self, texts: list[str], *, special: bool = True) -> list[list[int]]:
        if not texts:
            return []
        if not special or self._chat is not None:
            rows: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
            return rows
        return [ids[: len(ids) - self._ending] for ids in self._tokenizer(texts)["input_ids"]]

    @cached_property
    def _ending(self) -> int:
        """How many tokens the tokenizer puts behind each text, which is written on from: `add_eos_token` is such."""
        framed, bare = (self._tokenizer("a", add_special_tokens=special)["input_ids"] for special in (True, False))
        starts = range(len(framed) - len(bare), -1, -1)  # the last place first: a frame may hold the same token
        start = next((start for start in starts if framed[start : start + len(bare)] == bare), None)
        return 0 if start is None else len(framed) - start - len(bare)

    def _shared(self, prompts: Sequence[list[int]]) -> list[int]:
        """Return what all prompts begin with, less the last token of the shortest, where it spares enough."""
        shared = prompts[0][: min(common(prompts), min(map(len, prompts)) - 1)] if prompts else []
        return shared if len(shared) * (len(prompts) - 1) >= LEAST_SHARED else []

    def _batches(self, prompts: Sequence[list[int]], beginning: _Beginning | None) -> Iterator[NDArray[np.int64]]:
        """Yield the numbers of prompts of like length, as many as have room for their scores and what is kept."""
        shared, kept = (0, 0) if beginning is None else (len(beginning.tokens), beginning.encoded.size)
        most = BATCH_SIZE if not kept else min(BATCH_SIZE, most_kept(self._model.device) // kept)
        lengths = np.array([len(prompt) - shared for prompt in prompts])
        order = np.argsort(-lengths, kind="stable")
        vocabulary = self._model.model.config.get_text_config().vocab_size
        start = 0
        while start < len(order):
            rows = MOST_LOGITS // (int(lengths[order[start]]) * vocabulary)
            size = max(1, min(most, rows)) if self._keeps_cache else 1
            yield order[start : start + size]
            start += size

    # -- the model ---------------------------------------------------------------------------------------

    def _beginning(self, tokens: list[int]) -> _Beginning | None:
        """Return what was read of a common beginning, None of an empty one; the last one is kept."""
        if not tokens:
            return None
        if self._held is None or self._held.tokens != tokens:
            self._held = None  # before another takes its memory
            read = self._read([tokens])
            own = _summed(read.logits[:, :-1], [tokens[1:]], left=True)
            last = read.last.clone()  # else all of the logits are kept with it
            self._held = _Beginning(tokens, read._replace(logits=last, last=last), own)
        return self._held

    def _scored(self, questions: Sequence[_TokenisedQuestion], beginning: _Beginning | None) -> torch.Tensor:
        """Return the words' mean log-likelihoods and the prompts' own, a tensor (questions, words + 1)."""
        if not self._keeps_cache:
            return torch.stack([self._scored_singly(question) for question in questions])
        shared = 0 if beginning is None else len(beginning.tokens)
        rows = [question.prompt[shared:] for question in questions]
        read = self._read(rows, None if beginning is None else beginning.encoded.select([0] * len(rows)))
        table = _token_log_probs(read.last, [[[ids[0] for ids in q.words]] for q in questions])[:, 0]
        longer = [(i, k) for i, q in enumerate(questions) for k, ids in enumerate(q.words) if len(ids) > 1]
        at_once = max(1, min(BATCH_SIZE, most_kept(self._model.device) // read.size))
        for start in range(0, len(longer), at_once):
            pairs = longer[start : start + at_once]
            words = [questions[i].words[k] for i, k in pairs]
            after = self._read([ids[:-1] for ids in words], read.select([i for i, _ in pairs]), left=False, wide=True)
            places = tuple(_on_device(pairs, table.device).T)
            table[places] += _summed(after.logits, [ids[1:] for ids in words], left=False)
        own = _summed(read.logits[:, :-1], [row[1:] for row in rows], left=True)
        if beginning is not None:
            own += beginning.own
            own += _token_log_probs(beginning.encoded.logits, [[[row[0] for row in rows]]])[0, 0]
        counts = [[*map(len, q.words), max(1, len(q.prompt) - 1)] for q in questions]
        return torch.cat([table, own[:, None]], dim=1) / _on_device(counts, table.device)

    def _scored_singly(self, question: _TokenisedQuestion) -> torch.Tensor:
        """Return the same of one question, (words + 1), each word read with the whole prompt before it."""
        prompt, means = question.prompt, []
        for ids in question.words or [[]]:
            logits = self._read([[*prompt, *ids]], wide=True).logits
            log_probs = _token_log_probs(logits[:, :-1], [[[token] for token in [*prompt, *ids][1:]]])[0, :, 0]
            means += [log_probs[len(prompt) - 1 :].mean()] if ids else []
        return torch.stack([*means, log_probs[: len(prompt) - 1].sum() / max(1, len(prompt) - 1)])

    def _read(
        self, rows: Sequence[list[int]], before: _Encoded | None = None, *, left: bool = True, wide: bool = False
    ) -> _Encoded:
        """Read tokens, after what was read before them.

        Args:
            rows: the tokens.
            before: what was read before.
            left: pad on the left, else on the right.
            wide: make all that could follow in float32, not only what follows the last.
        """
        model = self._model
        ids = moved(filled(rows, model.pad, is_left=left), model.device)
        mask = moved(filled([[1] * len(row) for row in rows], 0, is_left=left), model.device)
        if before is not None:
            mask = torch.cat([before.mask, mask], dim=1)
        given: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        given["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        if before is not None:
            given["past_key_values"] = before.cache
        output = model.ask(
            model.model, **{name: tensor for name, tensor in given.items() if model.takes(name)}, use_cache=True
        )
        last = model.ask(self._head.wide, output.logits[:, -1:])
        logits = model.ask(self._head.wide, output.logits) if wide else output.logits
        self._head.forget()
        return _Encoded(logits, last, mask, getattr(output, "past_key_values", None))


def _row(length: int, vocabulary: int) -> list[int]:
    """Return two tokens or more, of which hardly any comes twice: by steps of a prime."""
    return [number * 7919 % vocabulary for number in range(max(2, length))]


def _holds_tokens(cache: Any) -> bool:  # noqa: ANN401 - whatever a model keeps
    """Say whether a cache holds what was made of each token in every layer, of which rows and columns can be chosen."""
    from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

    known = (DynamicLayer, DynamicSlidingWindowLayer)  # others beside or below these hold a recurrent state
    return type(cache) is DynamicCache and all(type(layer) in known for layer in cache.layers)


def _token_log_probs(logits: torch.Tensor, tokens: torch.Tensor | Sequence[Sequence[Sequence[int]]]) -> torch.Tensor:
    """Return the log-probabilities of tokens (rows, places, tokens) by the logits (rows, places, vocabulary)."""
    exact = widest(logits.device)
    if not logits.shape[1]:
        return torch.zeros((len(tokens), 0, 1), dtype=exact, device=logits.device)
    scores = logits.float()
    wanted = _on_device(tokens, logits.device)
    return (scores.gather(-1, wanted) - scores.logsumexp(dim=-1, keepdim=True)).to(exact)


def _summed(logits: torch.Tensor, rows: Sequence[list[int]], *, left: bool) -> torch.Tensor:
    """Return the summed log-probability of each row's tokens, (rows), by the logits (rows, places, vocabulary).

    A row of fewer tokens than places has them at the end (`left`, as it is padded there), or at the beginning.
    """
    places = logits.shape[1]
    tokens = filled(rows, 0, width=places, is_left=left)
    counted = moved(filled([[1] * len(row) for row in rows], 0, width=places, is_left=left), logits.device)
    log_probs = _token_log_probs(logits, tokens[..., None])[..., 0]
    return log_probs.masked_fill(counted == 0, 0.0).sum(dim=1)  # what stands in a gap may be no number


def _on_device(numbers: Any, device: torch.device) -> torch.Tensor:  # noqa: ANN401 - lists, or a tensor
    return moved(torch.as_tensor(numbers, dtype=torch.long), device)
