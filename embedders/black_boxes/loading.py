"""From an entry of the catalog to a language model that prompts can be put to."""

from collections.abc import Callable, Sequence
from typing import Any

from embedders.errors import ModelNotUsableError, SettingError
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.endpoint.client import Client, Limits
from embedders.predictors.endpoint.model import EndpointModel
from embedders.predictors.gguf_files import checkpoint_path
from embedders.predictors.heads import head_of
from embedders.predictors.language.contract import LanguageModel, Question, WordScores
from embedders.predictors.language.encoder import SentenceEncoder
from embedders.predictors.language.seq2seq import Seq2SeqLM
from embedders.surrogate.weights import is_model
from registry.data.models import HeadKind, ModelKind, ModelSpec


class OnDemand:
    """A language model that is loaded when it is first asked: what was recorded before needs none."""

    def __init__(self, load: Callable[[], LanguageModel]) -> None:
        self._load = load
        self._model: LanguageModel | None = None

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return how likely each word is as the answer to each prompt."""
        return self._loaded().score(questions, words)

    def write(self, questions: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Return the likeliest continuation of each prompt."""
        return self._loaded().write(questions, most_tokens=most_tokens)

    def can_read(self, question: Question, words: Sequence[str], *, room: int = 0) -> bool:
        """Say whether a prompt is read whole when it is scored."""
        return self._loaded().can_read(question, words, room=room)

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it; nothing where it was not asked."""
        return {} if self._model is None else self._model.settings()

    def _loaded(self) -> LanguageModel:
        if self._model is None:
            self._model = self._load()
        return self._model


def language_model(spec: ModelSpec, *, device: str | None, name: str) -> LanguageModel:
    """Return the language model that a description means, loaded and ready to be asked.

    Raises:
        ModelNotUsableError: it cannot be loaded, or has changed since it was registered.
        SettingError: it takes no prompts, or an endpoint's URL or key is not usable.
    """
    if spec.kind is ModelKind.ENDPOINT:
        client = Client(spec.url, key_env=spec.key_env, limits=Limits(**spec.limits))
        return EndpointModel(client, spec.model)
    if spec.kind is not ModelKind.HF:
        raise SettingError(f"{name!r} takes no prompts: only language models and endpoints do.")
    path = checkpoint_path(spec.source, revision=spec.revision, gguf=spec.gguf)
    if spec.identity is not None and not is_model(path, spec.identity, source=spec.source):
        raise ModelNotUsableError(f"{path} has changed since it was registered: add it with --replace.")
    head = spec.head or head_of(path, spec.labels)
    if not head.needs_prompt:
        raise SettingError(f"{name!r} answers by itself ({head}) and takes no prompts: embed it as it is.")
    if head is HeadKind.SENTENCE_ENCODER:
        return SentenceEncoder(name, path, device=device)
    model = Checkpoint(name, path, head, device=device)
    if head is HeadKind.SEQ2SEQ_LM:
        return Seq2SeqLM(model)
    from embedders.predictors.language.causal import CausalLM  # with torch, which is there by now

    return CausalLM(model)
