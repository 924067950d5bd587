"""From an entry of the catalog to a black box that can be asked."""

from functools import partial

from embedders.black_boxes.loading import OnDemand, language_model
from embedders.errors import ModelNotUsableError, NotEmbeddableError, SettingError
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.classifiers import ClassifierPredictor, NumberPredictor
from embedders.predictors.contract import Predictor
from embedders.predictors.functions import FunctionPredictor
from embedders.predictors.heads import head_of, settled_labels
from embedders.predictors.language.prompted import PromptedPredictor
from embedders.predictors.readers import ReaderPredictor
from embedders.predictors.recordings import RecordedPredictor
from embedders.predictors.text_to_text import TextToTextPredictor
from embedders.surrogate.weights import is_model, model_folder
from registry import Registry
from registry.catalog import EntryRecord
from registry.data.models import HeadKind, ModelKind, ModelSpec
from registry.kinds import EntryKind
from registry.prompts.prompt import Prompt
from registry.prompts.render import rendered


class Boxes:
    """The black boxes of one run: a language model is loaded once for all of its prompts."""

    def __init__(self, registry: Registry, *, device: str | None) -> None:
        self._registry = registry
        self._device = device
        self._model: tuple[str, OnDemand] | None = None  # one language model at a time is in memory

    def for_entry(self, entry: EntryRecord) -> Predictor:
        """Return the black box that an entry describes, ready to be asked; see `predictor_for`."""
        spec = ModelSpec.from_document(entry.spec, name=entry.name)
        if spec.kind is not ModelKind.PROMPTED:
            return predictor_for(self._registry, entry, device=self._device)
        catalog = self._registry.catalog
        prompt = Prompt.from_spec(catalog.entries.get(spec.prompt, EntryKind.PROMPT).spec)
        if self._model is None or self._model[0] != spec.model:
            model = catalog.entries.get(spec.model, EntryKind.MODEL)
            llm = ModelSpec.from_document(model.spec, name=model.name)
            load = partial(language_model, llm, device=self._device, name=model.name)
            self._model = (spec.model, OnDemand(load))
        return PromptedPredictor(self._model[1], prompt, partial(rendered, prompt), entry.name)


def predictor_for(registry: Registry, entry: EntryRecord, *, device: str | None) -> Predictor:
    """Return the black box that an entry describes, ready to be asked.

    Raises:
        NotEmbeddableError: it is a language model, to which prompts are put.
        SettingError: it is a recorded LLM, of which only the prompts were recorded.
    """
    spec = ModelSpec.from_document(entry.spec, name=entry.name)
    match spec.kind:
        case ModelKind.PROMPTED:
            return Boxes(registry, device=device).for_entry(entry)
        case ModelKind.HF:
            return _checkpoint(entry, spec, device)
        case ModelKind.FUNCTION:
            return FunctionPredictor(entry)
        case ModelKind.RECORDED:
            return RecordedPredictor(entry, registry.contents(entry))
        case ModelKind.ENDPOINT:
            raise NotEmbeddableError(_by_itself(entry))
        case ModelKind.RECORDED_LLM:
            raise SettingError(_by_itself(entry))
        case ModelKind.IMPORTED:
            raise NotEmbeddableError(f"{entry.name!r} cannot be asked: only its vector was brought in.")


def _by_itself(entry: EntryRecord) -> str:
    return f"{entry.name!r} cannot be asked by itself: embed its prompts, {entry.name}@PROMPT."


def _checkpoint(entry: EntryRecord, spec: ModelSpec, device: str | None) -> Predictor:
    if spec.is_language_model:
        raise NotEmbeddableError(_by_itself(entry))
    folder = model_folder(spec.source, spec.revision)
    if spec.identity is not None and not is_model(folder, spec.identity, source=spec.source):
        raise ModelNotUsableError(f"{folder} has changed since it was registered: add it with --replace.")
    head = spec.head or head_of(folder, spec.labels)
    if head.needs_prompt and not spec.labels:
        raise NotEmbeddableError(_by_itself(entry))
    labels = settled_labels(folder, head, spec.labels or None, spec.range, source=spec.source)
    model = Checkpoint(entry.name, folder, head, device=device)
    if head is HeadKind.QUESTION_ANSWERING:
        return ReaderPredictor(model)
    if head is HeadKind.TEXT_TO_TEXT:
        return TextToTextPredictor(model, labels)
    if head is HeadKind.REGRESSION and spec.range is not None:
        return NumberPredictor(model, labels, spec.range)
    return ClassifierPredictor(model, labels)
