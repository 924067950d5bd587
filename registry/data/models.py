"""What a model is, as the catalog describes it: a typed view of the document that is stored with an entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from registry.data.vectors import VECTOR_ALONE
from registry.errors import DataError


class ModelKind(StrEnum):
    """Where the answers of a model come from."""

    HF = "hf"  # a Hugging Face checkpoint
    ENDPOINT = "endpoint"  # a language model behind an OpenAI-compatible server
    FUNCTION = "function"  # a Python function
    RECORDED = "recorded"  # a file of answers, or what was recorded of an LLM under one prompt
    RECORDED_LLM = "recorded-llm"  # an LLM of which only the answers under its own prompts are known
    PROMPTED = "prompted"  # a language model under a prompt
    IMPORTED = VECTOR_ALONE["type"]  # nowhere: only its vector was brought in


class HeadKind(StrEnum):
    """What a checkpoint answers with."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    TEXT_TO_TEXT = "text-to-text"
    QUESTION_ANSWERING = "question-answering"
    CAUSAL_LM = "causal-lm"
    SEQ2SEQ_LM = "seq2seq-lm"
    SENTENCE_ENCODER = "sentence-encoder"

    @property
    def needs_prompt(self) -> bool:
        """Whether a checkpoint with this head answers only under a prompt."""
        return self in (HeadKind.CAUSAL_LM, HeadKind.SEQ2SEQ_LM, HeadKind.SENTENCE_ENCODER)


@dataclass(frozen=True)
class ModelSpec:
    """The description of a model. Each kind uses some of the fields; the others keep their defaults.

    Make a new one with the class method for its kind. `keys` and `extra` let a document that was read be written
    again as it was: with the same keys in the same order, those that are not known here among them.
    """

    kind: ModelKind
    head: HeadKind | None = None  # None: a checkpoint of the hub, which is looked into when it is first asked
    source: str = ""
    revision: str | None = None
    labels: tuple[str, ...] | None = None
    identity: str | None = None  # of all of it that is loaded
    range: tuple[float, float] | None = None  # the numbers that a regression's two labels stand for
    gguf: str | None = None  # the one file of the source that is the model
    answers: tuple[str, ...] | None = None
    url: str = ""
    model: str = ""  # what an endpoint calls its model; of a pair, the entry of the model with its version
    prompt: str = ""  # of a pair, the entry of the prompt with its version
    key_env: str | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def checkpoint(
        cls,
        source: str,
        *,
        head: HeadKind | None,
        revision: str | None = None,
        labels: tuple[str, ...] = (),
        identity: str | None = None,
        range: tuple[float, float] | None = None,
        gguf: str | None = None,
    ) -> Self:
        """Describe a Hugging Face checkpoint, or a GGUF file."""
        more = (*(("range",) if range else ()), *(("gguf",) if gguf else ()))
        keys = ("type", "head", "source", "revision", "labels", "identity", *more)
        return cls(ModelKind.HF, head, source, revision, labels, identity, range, gguf, keys=keys)

    @classmethod
    def endpoint(cls, url: str, *, model: str, key_env: str | None, limits: Mapping[str, Any]) -> Self:
        """Describe a language model behind a server."""
        keys = ("type", "url", "model", "key_env", "limits")
        return cls(ModelKind.ENDPOINT, url=url, model=model, key_env=key_env, limits=limits, keys=keys)

    @classmethod
    def function(cls, target: str) -> Self:
        """Describe a Python function, `module:callable`."""
        return cls(ModelKind.FUNCTION, source=target, keys=("type", "source"))

    @classmethod
    def recorded(cls, source: str, *, answers: tuple[str, ...]) -> Self:
        """Describe a file of recorded answers."""
        return cls(ModelKind.RECORDED, source=source, answers=answers, keys=("type", "source", "answers"))

    @classmethod
    def recorded_pair(cls, *, answers: tuple[str, ...], model: str, prompt: str) -> Self:
        """Describe what was recorded of an LLM under one prompt."""
        keys = ("type", "answers", "model", "prompt")
        return cls(ModelKind.RECORDED, answers=answers, model=model, prompt=prompt, keys=keys)

    @classmethod
    def recorded_llm(cls, source: str) -> Self:
        """Describe an LLM of which only the answers under its own prompts are known."""
        return cls(ModelKind.RECORDED_LLM, source=source, keys=("type", "source"))

    @classmethod
    def prompted(cls, *, model: str, prompt: str) -> Self:
        """Describe a language model under a prompt."""
        return cls(ModelKind.PROMPTED, model=model, prompt=prompt, keys=("type", "model", "prompt"))

    @classmethod
    def from_document(cls, document: Mapping[str, Any], *, name: str = "model") -> Self:
        """Read a document of the catalog.

        Args:
            name: the model's name, for messages.

        Raises:
            DataError: its type or its head is unknown, or a value has another form than it should.
        """
        kind = _kind(document.get("type"), name)
        values = _Values({key: value for key, value in document.items() if key in _KEYS[kind]}, name)
        return cls(
            kind=kind,
            head=values.head() if kind is ModelKind.HF else None,
            source=values.text("source"),
            revision=values.text_or_none("revision"),
            labels=values.texts("labels"),
            identity=values.text_or_none("identity"),
            range=values.range(),
            gguf=values.text_or_none("gguf"),
            answers=values.texts("answers"),
            url=values.text("url"),
            model=values.text("model"),
            prompt=values.text("prompt"),
            key_env=values.text_or_none("key_env"),
            limits=values.mapping("limits"),
            keys=tuple(document),
            extra={key: value for key, value in document.items() if key not in _KEYS[kind]},
        )

    def as_document(self) -> dict[str, Any]:
        """Return the document that the catalog stores."""
        return {key: self._value(key) for key in self.keys}

    @property
    def is_language_model(self) -> bool:
        """Whether the model answers only under a prompt."""
        in_prompts_alone = self.kind in (ModelKind.RECORDED_LLM, ModelKind.ENDPOINT)
        return in_prompts_alone or (self.head is not None and self.head.needs_prompt)

    @property
    def may_take_prompts(self) -> bool:
        """Whether prompts can be put to the model, as far as its description says."""
        return self.is_language_model or (self.kind is ModelKind.HF and self.head is None)

    def _value(self, key: str) -> Any:  # noqa: ANN401 - a value of a JSON document
        if key in self.extra:
            return self.extra[key]
        value = self.kind if key == "type" else getattr(self, key)
        if isinstance(value, StrEnum):
            return value.value
        if isinstance(value, Mapping):
            return dict(value)
        return list(value) if isinstance(value, tuple) else value


def is_language_model(document: Mapping[str, Any]) -> bool:
    """Say whether a document describes a model that answers only under a prompt; one that cannot be read does not."""
    try:
        return ModelSpec.from_document(document).is_language_model
    except DataError:
        return False


_KEYS = {  # that the documents of each kind have; the fields are called the same, but for `type`
    ModelKind.HF: ("type", "head", "source", "revision", "labels", "identity", "range", "gguf"),
    ModelKind.ENDPOINT: ("type", "url", "model", "key_env", "limits"),
    ModelKind.FUNCTION: ("type", "source"),
    ModelKind.RECORDED: ("type", "source", "answers", "model", "prompt"),
    ModelKind.RECORDED_LLM: ("type", "source"),
    ModelKind.PROMPTED: ("type", "model", "prompt"),
    ModelKind.IMPORTED: ("type",),
}


def _kind(given: object, name: str) -> ModelKind:
    try:
        return ModelKind(str(given))
    except ValueError as error:
        raise DataError(name, f"{given!r} is not a type of model: there are {', '.join(ModelKind)}.") from error


@dataclass(frozen=True)
class _Values:
    """The values of a document, checked one by one."""

    document: Mapping[str, Any]
    name: str

    def head(self) -> HeadKind | None:
        """Return a checkpoint's head. Documents of the first release have none: they describe classifiers."""
        given = self.document.get("head", HeadKind.CLASSIFICATION)
        try:
            return None if given is None else HeadKind(given)
        except ValueError as error:
            raise DataError(
                self.name, f"{given!r} is not a head of a checkpoint: there are {', '.join(HeadKind)}."
            ) from error

    def text(self, key: str) -> str:
        given = self.document.get(key, "")
        if not isinstance(given, str):
            raise DataError(self.name, f"{key} is not a text.")
        return given

    def text_or_none(self, key: str) -> str | None:
        return None if self.document.get(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...] | None:
        given = self.document.get(key)
        if given is None:
            return None
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise DataError(self.name, f"{key} is not a list of texts.")
        return tuple(given)

    def range(self) -> tuple[float, float] | None:
        given = self.document.get("range")
        if given is None:
            return None
        if not isinstance(given, list) or [type(number) in (int, float) for number in given] != [True, True]:
            raise DataError(self.name, "range is not a list of two numbers.")
        return given[0], given[1]

    def mapping(self, key: str) -> dict[str, Any]:
        given = self.document.get(key, {})
        if not isinstance(given, dict):
            raise DataError(self.name, f"{key} is not an object.")
        return dict(given)
